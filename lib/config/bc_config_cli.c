/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line into a draft. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_option.h"

/* What getopt_long returns for a long option: its place in the tables. Letters are below. */
#define LONG_CAPTURE 256
#define LONG_OUTPUT 512
#define LONG_COLLECT 768
#define LONG_ALLOW 1024

#define N_LONG (BC_CAP_N + BC_OUT_N + BC_COL_N + 5)
#define SHORT_MAX (5 + 2 * (N_LONG + 3) + 1)

static void add_options(const struct bc_setting *s, unsigned n, int value, enum bc_command what, struct option **l,
			char **letters)
{
	for (unsigned i = 0; i < n; i++) {
		bool flag = bc_setting_is_flag(&s[i]);
		bool verbose = s == bc_capture_settings && i == BC_CAP_VERBOSE;

		if (s[i].capture_only && what != BC_COMMAND_CAPTURE)
			continue;
		if (s[i].option)
			*(*l)++ = (struct option){ .name = s[i].option, .val = value + (int)i,
				.has_arg = verbose ? no_argument : flag ? optional_argument : required_argument };
		if (s[i].letter)
			*(*letters)++ = s[i].letter;
		if (s[i].letter && !flag && !verbose)
			*(*letters)++ = ':';
	}
}

/* '+': stop at what is no option; ':': tell a missing argument from an unknown option. */
static void make_options(enum bc_command what, struct option longs[N_LONG], char shorts[SHORT_MAX])
{
	char *letters = stpcpy(shorts, what == BC_COMMAND_CAPTURE ? "+:hDi:w:C:" : "+:hl:w:C:");
	struct option *l = longs;

	*l++ = (struct option){ .name = "help", .val = 'h' };
	*l++ = (struct option){ .name = "config", .val = 'C', .has_arg = required_argument };
	add_options(bc_capture_settings, BC_CAP_N, LONG_CAPTURE, what, &l, &letters);
	add_options(bc_output_settings, BC_OUT_N, LONG_OUTPUT, what, &l, &letters);
	if (what == BC_COMMAND_COLLECT) {
		add_options(bc_collect_settings, BC_COL_N, LONG_COLLECT, what, &l, &letters);
		*l++ = (struct option){ .name = "listen", .val = 'l', .has_arg = required_argument };
		*l++ = (struct option){ .name = "allow", .val = LONG_ALLOW, .has_arg = required_argument };
	}
	*l = (struct option){ .name = NULL };
	*letters = '\0';
}

/* The code of a letter's long option. */
static int code_of(int letter)
{
	for (int i = 0; i < BC_CAP_N; i++)
		if (bc_capture_settings[i].letter == letter)
			return LONG_CAPTURE + i;
	for (int i = 0; i < BC_OUT_N; i++)
		if (bc_output_settings[i].letter == letter)
			return LONG_OUTPUT + i;
	return -1;
}

static int add_text(char ***list, uint32_t *n, uint32_t max, const char *option, const char *what, const char *text,
		    struct bc_err *err)
{
	if (*n == max)
		return bc_err_set(err, -EINVAL, "%s: more than %u %s", option, max, what);
	if (!*list)
		*list = calloc(max, sizeof(**list));
	if (!*list)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	return bc_draft_replace(&(*list)[(*n)++], text, err);
}

/*
 * Of a capture's settings the last one counts. One of an output's, given twice, may be meant for one -w each: say that
 * it is not.
 */
static int take_setting(struct bc_draft *d, int code, const char *text, struct bc_err *err)
{
	const struct bc_setting *s;
	char **at;

	if (code == LONG_CAPTURE + BC_CAP_VERBOSE)
		return bc_draft_add_verbose(d, err);
	if (code < LONG_OUTPUT)
		return bc_draft_replace(&d->v[code - LONG_CAPTURE], text, err);
	if (code >= LONG_COLLECT)
		return bc_draft_replace(&d->collect[code - LONG_COLLECT], text, err);
	s = &bc_output_settings[code - LONG_OUTPUT];
	at = &d->all.v[code - LONG_OUTPUT];
	if (*at && !bc_setting_is_flag(s))
		return bc_err_set(err, -EINVAL, "--%s is given twice, but applies to every -w: different outputs need "
				  "a file (-C)",
				  s->option);
	return bc_draft_replace(at, text, err);
}

static int take(struct bc_draft *d, int c, const char *text, struct bc_err *err)
{
	switch (c) {
	case 'i':
		return bc_draft_add_source(d, text, err);
	case 'l':
		return add_text(&d->listen, &d->n_listen, BC_MAX_LISTEN, "-l", "addresses", text, err);
	case LONG_ALLOW:
		return add_text(&d->allow, &d->n_allow, BC_MAX_ALLOW, "--allow", "entries", text, err);
	case 'w':
		return bc_draft_add_output(d, text, err);
	case 'C':
		if (d->file)
			return bc_err_set(err, -EINVAL, "-C: '%s' and '%s': only one file can be read", d->file, text);
		return bc_draft_replace(&d->file, text, err);
	default:
		return take_setting(d, c < LONG_CAPTURE ? code_of(c) : c, text ? text : "yes", err);
	}
}

int bc_config_cli(int argc, char **argv, enum bc_command what, struct bc_draft *d, struct bc_err *err)
{
	const char *command = what == BC_COMMAND_CAPTURE ? "braidcap capture" : "braidcap collect";
	struct option longs[N_LONG];
	char shorts[SHORT_MAX];
	int c, rc = 0;

	make_options(what, longs, shorts);
	optind = 0;
	while (!rc && (c = bc_option_next(argc, argv, shorts, longs, command, err)) != -1) {
		if (c == 'h')
			return BC_CONFIG_HELP;
		if (c == 'D')
			return BC_CONFIG_DEVICES;
		rc = c == '?' ? -EINVAL : take(d, c, optarg, err);
	}
	if (!rc && optind < argc)
		rc = bc_err_set(err, -EINVAL, "unexpected argument '%s'; %s'%s --help'", argv[optind], what == BC_COMMAND_CAPTURE ?
				"a source needs -i, an output -w, a filter -f; see " : "see ", command);
	return rc;
}
