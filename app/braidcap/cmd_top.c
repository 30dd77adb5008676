/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_top.h"

#include <errno.h>
#include <stdio.h>

#include "bc_ctl_client.h"
#include "bc_number.h"
#include "bc_option.h"
#include "bc_time.h"
#include "bc_top.h"

#define PREFIXES_MAX 64
#define DELAY_MAX_S 3600

static const char help[] =
	"usage: braidcap top [-d SECONDS] [--prefix NAME]...\n"
	"\n"
	"Show this user's running captures on a terminal: rates, losses as they happen, buffers, CPUs, outputs, clients,\n"
	"the largest flows. q quits, ? explains the keys.\n"
	"\n"
	"  -d, --delay SECONDS     look so often (default and least 1)\n"
	"      --prefix NAME       only the capture with this --prefix, also while it does not answer; repeatable\n"
	"  -h, --help              this text\n"
	"\n"
	"Without colour where the terminal has none, or NO_COLOR is set.\n"
	"\n"
	"Exit status: 0 the user quit, 1 it cannot run, 2 bad usage, or no terminal.\n";

enum option_code { OPT_PREFIX = 256 };

struct top {
	struct bc_top_config cfg;
	const char *prefix[PREFIXES_MAX];
};

static int take(struct top *t, int o, const char *text, struct bc_err *err)
{
	double seconds;

	if (o == 'd') {
		if (bc_parse_double("--delay", text, 1, DELAY_MAX_S, &seconds, err))
			return -EINVAL;
		t->cfg.delay_ns = (uint64_t)(seconds * (double)BC_NS_PER_S);
		return 0;
	}
	if (t->cfg.n_prefixes == PREFIXES_MAX)
		return bc_err_set(err, -EINVAL, "--prefix: at most %d times", PREFIXES_MAX);
	t->prefix[t->cfg.n_prefixes++] = text;
	return bc_ctl_check_prefix(text, err);
}

/* 0; 1: --help; or a negative errno. */
static int parse(int argc, char **argv, struct top *t, struct bc_err *err)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "prefix", required_argument, NULL, OPT_PREFIX },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":d:h", options, "braidcap top", err)) != -1) {
		if (o == 'h')
			return 1;
		if (o == '?')
			return -EINVAL;
		r = take(t, o, optarg, err);
	}
	if (!r && optind < argc)
		r = bc_err_set(err, -EINVAL, "unexpected argument '%.80s'; see 'braidcap top --help'", argv[optind]);
	t->cfg.prefix = t->prefix;
	return r;
}

int cmd_top(int argc, char **argv)
{
	struct top t = { .cfg = { .delay_ns = BC_NS_PER_S } };
	struct bc_err err;
	int r = parse(argc, argv, &t, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	if (!r)
		r = bc_top_run(&t.cfg, &err);
	if (r)
		fprintf(stderr, "braidcap top: %s\n", err.msg);
	return !r ? 0 : r == -EINVAL || r == -ENOTTY ? 2 : 1;
}
