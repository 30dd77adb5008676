/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_ctl.h"

#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_ctl_client.h"
#include "bc_ctl_print.h"
#include "bc_field.h"
#include "bc_ledger.h"
#include "bc_number.h"
#include "bc_summary.h"
#include "bc_table.h"
#include "bc_time.h"

#define EXIT_USAGE 2
#define STATS_SECONDS 1

static const char ctl_help[] =
	"usage: braidcap ctl [--prefix NAME] [--json] COMMAND\n"
	"\n"
	"Ask a running capture, or have it do something.\n"
	"  stats              totals, shares of loss, rates over one second\n"
	"  ledger             what became of every packet, and what to do about losses\n"
	"  info               version, state, totals\n"
	"  sources, outputs   each one's counters and buffers\n"
	"  clients            of a centre: who is connected, from where\n"
	"  lcores             the CPUs of the data path and what they do\n"
	"  clock              how the time is kept\n"
	"  segments [N]       the last N segments of each output (default 32)\n"
	"  rotate             begin new segments\n"
	"  pause, resume      count packets as paused instead of writing them; go on\n"
	"  filter             show the filters in force\n"
	"  filter EXPRESSION  replace one; '' takes all packets\n"
	"  stop               end the capture in good order\n"
	"  list               the captures that answer\n"
	"\n"
	"  --prefix NAME      the capture, by its --prefix; default: braidcap, or the only\n"
	"                     one whose name begins so\n"
	"  --output N         filter, segments: which output, from 0\n"
	"  --json             the answer as JSON\n"
	"\n"
	"Exit status: 0 done; 1 the capture refused or is not there; 2 bad usage.\n";

struct ctl {
	int fd;
	const char *prefix;
	const char *output;	/* of --output, or NULL */
	bool json;
	int argc;		/* behind the command */
	char **argv;
};

struct command {
	const char *name;
	int (*run)(struct ctl *c, const struct command *cmd, struct bc_err *err);
	const char *path;
	void (*print)(FILE *f, const json_t *answer);
	bool takes_words;
	bool takes_output;
};

/* Show the answer, whose reference is taken. */
static int show(const struct ctl *c, json_t *answer, void (*print)(FILE *f, const json_t *answer))
{
	if (!c->json) {
		print(stdout, answer);
	} else {
		json_dumpf(answer, stdout, JSON_INDENT(1) | JSON_ENSURE_ASCII);
		putchar('\n');
	}
	json_decref(answer);
	return 0;
}

static int run_simple(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	json_t *answer;
	int r = bc_ctl_ask(c->fd, cmd->path, NULL, &answer, err);

	return r ? r : show(c, answer, cmd->print);
}

/* sources, outputs, clients, lcores: however many there are. */
static int run_list(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	json_t *info, *answer;
	uint64_t n = BC_MAX_SOURCES;
	int r = bc_ctl_ask(c->fd, "/braidcap/info", NULL, &info, err);

	if (r)
		return r;
	n = json_object_get(info, cmd->name) ? bc_field_u64(info, cmd->name) : n;
	json_decref(info);
	r = bc_ctl_ask_list(c->fd, cmd->path, n, &answer, err);
	return r ? r : show(c, answer, cmd->print);
}

/* The ledger, put together where it does not fit one reply. */
static int ask_ledger(struct ctl *c, json_t **ret, struct bc_err *err)
{
	json_t *info = NULL, *sources = NULL, *outputs = NULL;
	int r = bc_ctl_ask(c->fd, "/braidcap/ledger", NULL, ret, err);

	if (r != -EREMOTEIO)
		return r;
	r = bc_ctl_ask(c->fd, "/braidcap/info", NULL, &info, err);
	if (!r)
		r = bc_ctl_ask_list(c->fd, "/braidcap/sources", bc_field_u64(info, "sources"), &sources, err);
	if (!r)
		r = bc_ctl_ask_list(c->fd, "/braidcap/outputs", bc_field_u64(info, "outputs"), &outputs, err);
	if (!r) {
		*ret = json_pack("{s:i, s:O*, s:O*, s:O, s:O, s:O*}", "version", 1,
				 "started_ns", json_object_get(info, "started_ns"),
				 "stopped_ns", json_object_get(info, "stopped_ns"),
				 "sources", sources, "outputs", outputs,
				 "balance", json_object_get(info, "balance"));
		r = *ret ? 0 : bc_err_set(err, -ENOMEM, "no memory");
	}
	json_decref(info);
	json_decref(sources);
	json_decref(outputs);
	return r;
}

static int run_ledger(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	json_t *answer;
	int r = ask_ledger(c, &answer, err);

	return r ? r : show(c, answer, bc_summary_print);
}

static int run_stats(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	json_t *before, *now;
	uint64_t begin_ns;
	int r = ask_ledger(c, &before, err);

	if (r)
		return r;
	begin_ns = bc_mono_ns();
	sleep(STATS_SECONDS);
	r = ask_ledger(c, &now, err);
	if (!r && c->json)
		r = show(c, json_pack("{s:I, s:O, s:o}", "nanoseconds", (json_int_t)(bc_mono_ns() - begin_ns), "before", before,
				      "now", now), NULL);
	else if (!r) {
		bc_ctl_print_stats(stdout, before, now, (double)(bc_mono_ns() - begin_ns) / (double)BC_NS_PER_S);
		json_decref(now);
	}
	json_decref(before);
	return r;
}

static int run_segments(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	char param[64];
	json_t *answer;
	int r;

	if (c->argc || c->output)
		snprintf(param, sizeof(param), "%.24s%s%.24s", c->argc ? c->argv[0] : "32", c->output ? "," : "",
			 c->output ? c->output : "");
	r = bc_ctl_ask(c->fd, cmd->path, c->argc || c->output ? param : NULL, &answer, err);
	return r ? r : show(c, answer, cmd->print);
}

/* The words of an expression need not be one argument, as with tcpdump. */
static int run_filter(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	char param[BC_CTL_REQUEST_MAX + 1];
	size_t n;
	json_t *answer;
	int r;

	if (!c->argc)
		return run_simple(c, cmd, err);
	n = (size_t)snprintf(param, sizeof(param), "%.24s,", c->output ? c->output : "");
	for (int i = 0; i < c->argc; i++) {
		size_t len = strlen(c->argv[i]);

		if (n + len + 2 > sizeof(param))
			return bc_err_set(err, -E2BIG, "too long: a filter has at most %d bytes", BC_CTL_REQUEST_MAX - 50);
		n += (size_t)snprintf(param + n, sizeof(param) - n, "%s%s", i ? " " : "", c->argv[i]);
	}
	r = bc_ctl_ask(c->fd, cmd->path, param, &answer, err);
	return r ? r : show(c, answer, bc_ctl_print_filter);
}

static void print_captures(const struct bc_ctl_capture *captures, uint32_t n)
{
	struct bc_table *t = bc_table_new("lllr");

	bc_table_cell(t, "PREFIX");
	bc_table_cell(t, "PROCESS");
	bc_table_cell(t, "STATE");
	bc_table_cell(t, "RECEIVED");
	for (uint32_t i = 0; i < n; i++) {
		bc_table_cell(t, "%s", captures[i].prefix);
		bc_table_cell(t, "%llu", (unsigned long long)bc_field_u64(captures[i].info, "pid"));
		bc_table_cell(t, "%s", bc_field_text(captures[i].info, "state"));
		bc_table_cell(t, "%llu",
			      (unsigned long long)bc_field_u64(json_object_get(captures[i].info, "balance"), "received"));
	}
	bc_table_print(t, stdout);
	bc_table_free(t);
}

static void print_nothing(FILE *f, const json_t *answer)
{
}

static int run_list_captures(struct ctl *c, const struct command *cmd, struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("", captures);
	json_t *all = json_object();

	if (!c->json)
		print_captures(captures, n);
	for (uint32_t i = 0; i < n; i++)
		json_object_set_new(all, captures[i].prefix, captures[i].info);
	return show(c, all, print_nothing);
}

static const struct command commands[] = {
	{ .name = "stats", .run = run_stats },
	{ .name = "ledger", .run = run_ledger },
	{ .name = "info", .run = run_simple, .path = "/braidcap/info", .print = bc_ctl_print_info },
	{ .name = "sources", .run = run_list, .path = "/braidcap/sources", .print = bc_summary_sources },
	{ .name = "clients", .run = run_list, .path = "/braidcap/clients", .print = bc_ctl_print_clients },
	{ .name = "outputs", .run = run_list, .path = "/braidcap/outputs", .print = bc_ctl_print_outputs },
	{ .name = "lcores", .run = run_list, .path = "/braidcap/lcores", .print = bc_ctl_print_lcores },
	{ .name = "clock", .run = run_simple, .path = "/braidcap/clock", .print = bc_ctl_print_clock },
	{ .name = "segments", .run = run_segments, .path = "/braidcap/segments", .print = bc_ctl_print_segments,
	  .takes_words = true, .takes_output = true },
	{ .name = "rotate", .run = run_simple, .path = "/braidcap/rotate", .print = bc_ctl_print_rotated },
	{ .name = "pause", .run = run_simple, .path = "/braidcap/pause", .print = bc_ctl_print_state },
	{ .name = "resume", .run = run_simple, .path = "/braidcap/resume", .print = bc_ctl_print_state },
	{ .name = "filter", .run = run_filter, .path = "/braidcap/filter", .print = bc_ctl_print_filters, .takes_words = true,
	  .takes_output = true },
	{ .name = "stop", .run = run_simple, .path = "/braidcap/stop", .print = bc_ctl_print_state },
	{ .name = "list", .run = run_list_captures },
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
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

/* The only capture whose name begins with braidcap. Its name into prefix. */
static int the_only_one(char prefix[BC_CTL_PREFIX_MAX], struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("braidcap", captures);
	char *all = names(captures, n);
	int r = 0;

	if (n == 0)
		r = bc_err_set(err, -ENOENT, "no capture answers: if it has a --prefix, say the same here; if it is "
			       "another user's, become that user");
	else if (n > 1)
		r = bc_err_set(err, -ENOTUNIQ, "there are several captures, choose one by --prefix: %s", all ? all : "");
	else
		snprintf(prefix, BC_CTL_PREFIX_MAX, "%s", captures[0].prefix);
	for (uint32_t i = 0; i < n; i++)
		json_decref(captures[i].info);
	free(all);
	return r;
}

/* A descriptor, or a negative errno. */
static int connect_to_capture(const char *prefix, struct bc_err *err)
{
	char found[BC_CTL_PREFIX_MAX];
	int r;

	if (prefix)
		return bc_ctl_connect(prefix, err);
	r = bc_ctl_connect("braidcap", err);
	if (r >= 0)
		return r;
	r = the_only_one(found, err);
	return r ? r : bc_ctl_connect(found, err);
}

/* 0; 1: --help; or a negative errno. */
static int parse(int argc, char **argv, struct ctl *ret, const struct command **ret_command, struct bc_err *err)
{
	static const struct option options[] = {
		{ "prefix", required_argument, NULL, 'p' }, { "output", required_argument, NULL, 'o' },
		{ "json", no_argument, NULL, 'j' }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	uint64_t n;
	int o;

	optind = 0;
	opterr = 0;
	while ((o = getopt_long(argc, argv, "h", options, NULL)) != -1)
		switch (o) {
		case 'p':
			ret->prefix = optarg;
			break;
		case 'o':
			if (bc_parse_u64("--output", optarg, 0, BC_MAX_OUTPUTS - 1, &n, err))
				return -EINVAL;
			ret->output = optarg;
			break;
		case 'j':
			ret->json = true;
			break;
		case 'h':
			return 1;
		default:
			return bc_err_set(err, -EINVAL, "%.80s: no such option, or it lacks its value; see braidcap ctl --help",
					  argv[optind - 1]);
		}
	if (optind == argc)
		return bc_err_set(err, -EINVAL, "what? see braidcap ctl --help");
	*ret_command = find(argv[optind]);
	if (!*ret_command)
		return bc_err_set(err, -EINVAL, "%.80s: no such command; see braidcap ctl --help", argv[optind]);
	ret->argc = argc - optind - 1;
	ret->argv = argv + optind + 1;
	if (ret->argc && !(*ret_command)->takes_words)
		return bc_err_set(err, -EINVAL, "%.80s: %s takes no more words", ret->argv[0], (*ret_command)->name);
	if (ret->output && !(*ret_command)->takes_output)
		return bc_err_set(err, -EINVAL, "--output: %s is of all outputs", (*ret_command)->name);
	if ((*ret_command)->run == run_segments && ret->argc &&
	    (ret->argc > 1 || bc_parse_u64("segments", ret->argv[0], 1, UINT16_MAX, &n, err)))
		return ret->argc > 1 ? bc_err_set(err, -EINVAL, "segments: only one number") : -EINVAL;
	return 0;
}

int cmd_ctl(int argc, char **argv)
{
	const struct command *command = NULL;
	struct ctl c = { .fd = -1 };
	struct bc_err err;
	int r = parse(argc, argv, &c, &command, &err);

	if (r == 1) {
		fputs(ctl_help, stdout);
		return EXIT_SUCCESS;
	}
	if (r) {
		fprintf(stderr, "braidcap ctl: %s\n", err.msg);
		return EXIT_USAGE;
	}
	if (command->run != run_list_captures)
		r = c.fd = connect_to_capture(c.prefix, &err);
	if (r >= 0)
		r = command->run(&c, command, &err);
	if (c.fd >= 0)
		close(c.fd);
	if (r >= 0 && fflush(stdout))
		r = bc_err_set(&err, -errno, "the answer cannot be written (%s)", strerror(errno));
	if (r < 0)
		fprintf(stderr, "braidcap ctl: %s\n", err.msg);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
