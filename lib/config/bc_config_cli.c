/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line into a draft. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_habit.h"
#include "bc_number.h"
#include "bc_option.h"

/* What getopt_long returns for a long option: its place in the tables. Letters are below. */
#define LONG_CAPTURE 256
#define LONG_OUTPUT 512
#define LONG_COLLECT 768
#define LONG_ALLOW 1024
#define LONG_CHECK 1025

#define FILTER_MAX 65535

#define N_LONG (BC_CAP_N + BC_OUT_N + BC_COL_N + 16)
#define SHORT_MAX (24 + 2 * (N_LONG + 3) + 1)

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

/* What only `capture` takes, some of it as tcpdump and dumpcap call it. */
static const struct option capture_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "read", required_argument, NULL, 'r' },
	{ "filter-file", required_argument, NULL, 'F' },
	{ "autostop", required_argument, NULL, 'a' },
	{ "ring-buffer", required_argument, NULL, 'b' },
	{ "list-interfaces", no_argument, NULL, 'D' },
	{ "list-data-link-types", no_argument, NULL, 'L' },
	{ "snapshot-length", required_argument, NULL, LONG_OUTPUT + BC_OUT_SNAPLEN },
	{ "no-promiscuous-mode", optional_argument, NULL, LONG_CAPTURE + BC_CAP_NO_PROMISC },
	{ "capture-comment", required_argument, NULL, LONG_OUTPUT + BC_OUT_COMMENT },
};
#define N_CAPTURE_OPTIONS (sizeof(capture_options) / sizeof(capture_options[0]))

/* ':': tell a missing argument from an unknown option. Words behind the options of collect are refused; '+' finds the first. */
static void make_options(enum bc_command what, struct option longs[N_LONG], char shorts[SHORT_MAX])
{
	char *letters = stpcpy(shorts, what == BC_COMMAND_CAPTURE ? ":hDi:w:C:r:F:a:b:LnP" : "+:hl:w:C:");
	struct option *l = longs;

	*l++ = (struct option){ .name = "help", .val = 'h' };
	*l++ = (struct option){ .name = "config", .val = 'C', .has_arg = required_argument };
	*l++ = (struct option){ .name = "check", .val = LONG_CHECK };
	for (size_t i = 0; what == BC_COMMAND_CAPTURE && i < N_CAPTURE_OPTIONS; i++)
		*l++ = capture_options[i];
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
	if (code == LONG_OUTPUT + BC_OUT_ENCRYPT)
		return bc_draft_append(at, text, err);
	if (*at && !bc_setting_is_flag(s))
		return bc_err_set(err, -EINVAL, "--%s is given twice, but applies to every -w: different outputs need "
				  "a file (-C)",
				  s->option);
	return bc_draft_replace(at, text, err);
}

static int add_file(struct bc_draft *d, const char *path, struct bc_err *err)
{
	char *spec;
	int rc;

	if (asprintf(&spec, "file:%s", path) < 0)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	rc = bc_draft_add_source(d, spec, err);
	free(spec);
	return rc;
}

/* A '#' begins a comment, as in tcpdump. */
static int take_filter_file(struct bc_draft *d, const char *path, struct bc_err *err)
{
	char *text = NULL;
	size_t len = 0;
	int rc = bc_draft_read_file(path, -1, FILTER_MAX, &text, &len, err);

	if (!rc && strlen(text) != len)
		rc = bc_err_set(err, -EINVAL, "-F %.200s: is not text", path);
	for (char *p = text; !rc && (p = strpbrk(p, "#\n"));)
		memset(p, ' ', *p == '#' ? strcspn(p, "\n") : 1);
	if (!rc)
		rc = take_setting(d, LONG_OUTPUT + BC_OUT_FILTER, text, err);
	free(text);
	return rc;
}

/* dumpcap's kB, as MB. What is no number stays, and is refused where it is used. */
static const char *megabytes(const char *kb, char text[32])
{
	double v;

	if (bc_parse_double("", kb, 0, 1e12, &v, NULL))
		return kb;
	snprintf(text, 32, "%.6f", v / 1000);
	return text;
}

/* Each N seconds of the clock, as the calendar says it. */
static const char *interval(const char *seconds, char text[32])
{
	static const struct { uint64_t s; const char *unit; } units[] = { { 86400, "day" }, { 3600, "hour" }, { 60, "minute" }, { 1, "second" } };
	uint64_t v;

	if (bc_parse_u64("", seconds, 1, 86400 * 28, &v, NULL))
		return seconds;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (v % units[i].s == 0) {
			snprintf(text, 32, "%s/%u", units[i].unit, (unsigned)(v / units[i].s));
			break;
		}
	return text;
}

/* "duration:60" of dumpcap's -a or -b. */
static int take_condition(struct bc_draft *d, int c, const char *text, struct bc_err *err)
{
	const bool stop = c == 'a';
	const char *colon = strchr(text, ':'), *value = colon ? colon + 1 : "";
	char word[16], number[32];

	snprintf(word, sizeof(word), "%.*s", colon ? (int)(colon - text) : 0, text);
	if (!strcmp(word, "duration"))
		return take_setting(d, stop ? LONG_CAPTURE + BC_CAP_DURATION : LONG_OUTPUT + BC_OUT_ROTATE_SECONDS, value, err);
	if (!strcmp(word, "filesize"))
		return take_setting(d, LONG_OUTPUT + (stop ? BC_OUT_STOP_SIZE : BC_OUT_ROTATE_SIZE), megabytes(value, number), err);
	if (!strcmp(word, "packets"))
		return take_setting(d, stop ? LONG_CAPTURE + BC_CAP_COUNT : LONG_OUTPUT + BC_OUT_ROTATE_PACKETS, value, err);
	if (!strcmp(word, "files"))
		return take_setting(d, LONG_OUTPUT + (stop ? BC_OUT_STOP_FILES : BC_OUT_KEEP_NUMBER), value, err);
	if (!stop && !strcmp(word, "interval"))
		return take_setting(d, LONG_OUTPUT + BC_OUT_ROTATE_CLOCK, interval(value, number), err);
	if (!stop && !strcmp(word, "printname"))
		return bc_err_set(err, -EINVAL, "-b printname: use --on-segment, whose command gets the name: --on-segment 'echo \"$1\"'");
	return bc_err_set(err, -EINVAL, "-%c '%.80s': use duration:SECONDS, packets:N, filesize:kB%s or files:N", c, text,
			  stop ? "" : ", interval:SECONDS");
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
	case 'r':
		return add_file(d, text, err);
	case 'F':
		return take_filter_file(d, text, err);
	case 'a':
	case 'b':
		return take_condition(d, c, text, err);
	case 'P':
		return take_setting(d, LONG_OUTPUT + BC_OUT_FORMAT, "pcap", err);
	case 'n':
		return 0;
	case 'L':
		d->list_linktypes = true;
		return 0;
	case LONG_CHECK:
		d->check_only = true;
		return 0;
	case 'C':
		if (d->file)
			return bc_err_set(err, -EINVAL, "-C: '%s' and '%s': only one file can be read", d->file, text);
		return bc_draft_replace(&d->file, text, err);
	default:
		return take_setting(d, c < LONG_CAPTURE ? code_of(c) : c, text ? text : "yes", err);
	}
}

/* Would the other program's option of that letter stand so, and ours not? */
static bool is_alien(int c, const char *text)
{
	if (text[0] == '-' && (isalpha((unsigned char)text[1]) || text[1] == '-'))
		return true;
	switch (c) {
	case 'd':
	case 'S':
	case 'z':
		return !isdigit((unsigned char)text[0]) && text[0] != '.' && text[0] != '-' && text[0];
	case 'N':
	case 'W':
		return text[0] && strspn(text, "0123456789") == strlen(text);
	case 'C':
		return text[0] && strspn(text, "0123456789") == strlen(text) && access(text, F_OK) != 0;
	default:
		return false;
	}
}

/* A value that is meant for the other program's option. */
static int check_habit(int c, const char *text, struct bc_err *err)
{
	char answer[BC_HABIT_MAX];

	if (c >= LONG_CAPTURE || !text || !is_alien(c, text) || !bc_habit_answer(c, NULL, answer)[0])
		return 0;
	return bc_err_set(err, -EINVAL, "-%c '%.80s': %s", c, text, answer);
}

/* An option was refused with a line in err: say instead, or too, what it is here. */
static int refuse(int argc, char **argv, const struct option *longs, const char *shorts, struct bc_err *err)
{
	const char *arg = optind > 0 && optind <= argc ? argv[optind - 1] : "";
	int letter = bc_option_refused_letter(argc, argv, longs);
	char answer[BC_HABIT_MAX], said[BC_ERR_MSG_MAX], name[64] = "";
	bool ours = letter && strchr(shorts, letter);

	if (!letter && !strncmp(arg, "--", 2))
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(arg + 2, "="), arg + 2);
	for (const struct option *o = longs; o->name; o++)
		ours |= !strcmp(o->name, name);
	bc_habit_answer(letter, name[0] ? name : NULL, answer);
	if (!answer[0])
		return -EINVAL;
	if (!ours)
		return bc_err_set(err, -EINVAL, "%s", answer);
	snprintf(said, sizeof(said), "%s", err->msg);
	return bc_err_set(err, -EINVAL, "%.400s; %s", said, answer);
}

/* What is left over is a filter, as in tcpdump. */
static int take_words(struct bc_draft *d, int n, char **word, struct bc_err *err)
{
	char **filter = &d->all.v[BC_OUT_FILTER];
	int rc = 0;

	for (int i = 0; i < n; i++)
		if (strpbrk(word[i], "./") && access(word[i], F_OK) == 0)
			return bc_err_set(err, -EINVAL, "unexpected argument '%.200s': each source needs its own -i, an output -w", word[i]);
	if (n && *filter)
		return bc_err_set(err, -EINVAL, "unexpected argument '%.200s': there is a filter already, which may need quotes", word[0]);
	for (int i = 0; !rc && i < n; i++) {
		char *longer;

		if (asprintf(&longer, "%s%s%s", *filter ? *filter : "", *filter ? " " : "", word[i]) < 0)
			return bc_err_set(err, -ENOMEM, "no memory for the options");
		free(*filter);
		*filter = longer;
	}
	return rc;
}

int bc_config_cli(int argc, char **argv, enum bc_command what, struct bc_draft *d, struct bc_err *err)
{
	const bool capture = what == BC_COMMAND_CAPTURE;
	const char *command = capture ? "braidcap capture" : "braidcap collect";
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
		if (c == '?')
			rc = capture ? refuse(argc, argv, longs, shorts, err) : -EINVAL;
		else if (capture)
			rc = check_habit(c, optarg, err);
		if (!rc)
			rc = take(d, c, optarg, err);
	}
	if (!rc && capture)
		rc = take_words(d, argc - optind, argv + optind, err);
	else if (!rc && optind < argc)
		rc = bc_err_set(err, -EINVAL, "unexpected argument '%s'; see '%s --help'", argv[optind], command);
	return rc;
}
