/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_ctl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_ctl_ask.h"
#include "bc_ledger.h"
#include "bc_number.h"
#include "bc_option.h"
#include "bc_similar.h"
#include "bc_tel_command.h"

#define EXIT_USAGE 2

static const char help_head[] =
	"usage: braidcap ctl [--prefix NAME] [--output N] [--json] COMMAND\n"
	"\n"
	"Query or control a running capture.\n";
static const char help_tail[] =
	"\n"
	"  --prefix NAME      the capture with this --prefix; default: braidcap, or the\n"
	"                     only one whose name begins with that\n"
	"  --output N         filter, segments: which output, from 0\n"
	"  --json             print the answer as JSON\n"
	"\n"
	"Exit status: 0 done; 1 the capture refused or is not running; 2 bad usage.\n";

struct ctl {
	const struct bc_tel_command *command;
	struct bc_ctl_request request;
	const char *prefix;
	bool json;
};

static void print_help(void)
{
	const struct bc_tel_command *c;

	fputs(help_head, stdout);
	for (size_t i = 0; (c = bc_tel_command_at(i)); i++)
		for (size_t k = 0; k < sizeof(c->ctl) / sizeof(c->ctl[0]); k++)
			if (c->ctl[k].usage)
				printf("  %-18s %s\n", c->ctl[k].usage, c->ctl[k].what);
	fputs(help_tail, stdout);
}

/* Show the answer, whose reference is taken. */
static void show(const struct ctl *c, json_t *answer)
{
	if (c->command->print && !c->json) {
		c->command->print(stdout, answer);
	} else {
		json_dumpf(answer, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	json_decref(answer);
}

static void free_captures(struct bc_ctl_capture *captures, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		json_decref(captures[i].info);
}

/* The captures' names in one line; the caller frees it. */
static char *names(const struct bc_ctl_capture *captures, uint32_t n)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (!f)
		return NULL;
	for (uint32_t i = 0; i < n; i++)
		fprintf(f, "%s%s", i ? ", " : "", captures[i].prefix);
	fclose(f);
	return text;
}

/* None has a name that begins with braidcap: are there others? */
static int no_default(struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("", captures);
	char *all = names(captures, n);
	int r;

	if (n && all)
		r = bc_err_set(err, -ENOENT, "no capture braidcap answers: choose another with --prefix: %s", all);
	else
		r = bc_err_set(err, -ENOENT, "no capture answers: if it has a --prefix, give it here too; if it belongs to another user, run this "
			       "as that user");
	free_captures(captures, n);
	free(all);
	return r;
}

/* The only capture whose name begins with braidcap. Its name into prefix. */
static int find_only_capture(char prefix[BC_CTL_PREFIX_MAX], struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("braidcap", captures);
	char *all = names(captures, n);
	int r = 0;

	if (n == 0)
		r = no_default(err);
	else if (n > 1)
		r = bc_err_set(err, -ENOTUNIQ, "several captures are running, choose one with --prefix: %s", all ? all :
			       "");
	else
		snprintf(prefix, BC_CTL_PREFIX_MAX, "%s", captures[0].prefix);
	free_captures(captures, n);
	free(all);
	return r;
}

/* The user's, or a line that names those that answer. Of one that was killed that is the news. */
static int connect_to_named(const char *prefix, struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	int r = bc_ctl_connect(prefix, err);
	uint32_t n;
	char *all;

	if (r >= 0 || r == -EINVAL || r == -ECONNREFUSED)
		return r;
	n = bc_ctl_find("", captures);
	all = names(captures, n);
	if (n && all)
		bc_err_set(err, r, "no capture %s answers; those that do: %s", prefix, all);
	free_captures(captures, n);
	free(all);
	return r;
}

/* A descriptor, or a negative errno. */
static int connect_to_capture(const char *prefix, struct bc_err *err)
{
	char found[BC_CTL_PREFIX_MAX];
	struct bc_err why;
	int r, other;

	if (prefix)
		return connect_to_named(prefix, err);
	r = bc_ctl_connect("braidcap", err);
	if (r >= 0)
		return r;
	other = find_only_capture(found, &why);
	if (!other)
		return bc_ctl_connect(found, err);
	if (r == -ECONNREFUSED && other == -ENOENT)
		return r;
	*err = why;
	return other;
}

/* Of the command, what stands behind it, and --output. */
static int check(const struct ctl *c, struct bc_err *err)
{
	const struct bc_ctl_request *q = &c->request;

	if (c->command->check)
		return c->command->check(q, err);
	if (q->argc)
		return bc_err_set(err, -EINVAL, "unexpected argument '%.80s': %s takes none", q->argv[0],
				  c->command->name);
	if (q->output)
		return bc_err_set(err, -EINVAL, "--output: %s applies to all outputs", c->command->name);
	return 0;
}

static int refuse_command(const char *typed, struct bc_err *err)
{
	const struct bc_tel_command *c;
	char similar[BC_SIMILAR_MAX];
	struct bc_similar s;

	bc_similar_begin(&s, typed);
	for (size_t i = 0; (c = bc_tel_command_at(i)); i++)
		bc_similar_offer(&s, c->name);
	return bc_err_set(err, -EINVAL, "unknown command '%.80s'%s", typed, s.best ? bc_similar_text(&s, "", similar) :
			  "; see 'braidcap ctl --help'");
}

/* 0; 1: --help; or a negative errno. */
static int parse(int argc, char **argv, struct ctl *ret, struct bc_err *err)
{
	static const struct option options[] = {
		{ "prefix", required_argument, NULL, 'p' }, { "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	uint64_t n;
	int o;

	optind = 0;
	while ((o = bc_option_next(argc, argv, ":h", options, "braidcap ctl", err)) != -1)
		switch (o) {
		case 'p':
			ret->prefix = optarg;
			break;
		case 'o':
			if (bc_parse_u64("--output", optarg, 0, BC_MAX_OUTPUTS - 1, &n, err))
				return -EINVAL;
			ret->request.output = optarg;
			break;
		case 'j':
			ret->json = true;
			break;
		case 'h':
			return 1;
		default:
			return -EINVAL;
		}
	if (optind == argc)
		return bc_err_set(err, -EINVAL, "no command; see 'braidcap ctl --help'");
	ret->command = bc_tel_command_find(argv[optind]);
	if (!ret->command)
		return refuse_command(argv[optind], err);
	ret->request.argc = argc - optind - 1;
	ret->request.argv = argv + optind + 1;
	return check(ret, err);
}

/* Ask, and show the answer. A negative errno with a line in err. */
static int run(struct ctl *c, struct bc_err *err)
{
	json_t *answer;
	int r;

	if (!c->command->of_all) {
		c->request.fd = connect_to_capture(c->prefix, err);
		if (c->request.fd < 0)
			return c->request.fd;
	}
	r = bc_ctl_run(c->command, &c->request, &answer, err);
	if (c->request.fd >= 0)
		close(c->request.fd);
	if (r)
		return r;
	show(c, answer);
	return fflush(stdout) ? bc_err_set(err, -errno, "cannot write the answer (%s)", strerror(errno)) : 0;
}

int cmd_ctl(int argc, char **argv)
{
	struct ctl c = { .request.fd = -1 };
	struct bc_err err;
	int r = parse(argc, argv, &c, &err);

	if (r == 1) {
		print_help();
		return EXIT_SUCCESS;
	}
	if (r) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		return EXIT_USAGE;
	}
	r = run(&c, &err);
	if (r < 0)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
