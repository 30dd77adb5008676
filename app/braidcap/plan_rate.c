/* SPDX-License-Identifier: BSD-3-Clause */
#include "plan_rate.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bc_number.h"
#include "bc_option.h"
#include "bc_sizing.h"

#define EXIT_USAGE 2
#define PACKET 800
#define HOLD_S 1

const char plan_rate_help[] =
	"usage: braidcap plan --rate RATE [--packet BYTES] [-Z lz4|none] [--hold SECONDS] [--figures FILE]\n"
	"\n"
	"Compute how many cores, GiB and disks a full link needs, from what scripts/bench, of the source tree, has\n"
	"measured on this machine. 'braidcap doctor --rate RATE' tries instead whether it can be kept here.\n"
	"  --rate RATE      bits per second, such as 100G\n"
	"  --packet BYTES   of a packet, on average (default: 800)\n"
	"  -Z, --compress   lz4 or none (default: lz4)\n"
	"  --hold SECONDS   for so long disks may stall without a loss (default: 1)\n"
	"  --figures FILE   what was measured (default: where 'scripts/bench written model' has put it)\n";

bool plan_rate_asked(int argc, char **argv)
{
	for (int i = 0; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "--rate") || !strncmp(argv[i], "--rate=", 7))
			return true;
	return false;
}

static int parse_codec(const char *text, bool *ret_lz4, struct bc_err *err)
{
	*ret_lz4 = !strcmp(text, "lz4");
	if (*ret_lz4 || !strcmp(text, "none"))
		return 0;
	return bc_err_set(err, -EINVAL, "-Z %.40s: only lz4 and none were measured", text);
}

static int parse(int argc, char **argv, struct bc_sizing_request *req, const char **ret_figures, struct bc_err *err)
{
	enum { RATE = 256, PACKET_BYTES, HOLD, FIGURES };
	static const struct option options[] = {
		{ "rate", required_argument, NULL, RATE },	{ "packet", required_argument, NULL, PACKET_BYTES },
		{ "hold", required_argument, NULL, HOLD },	{ "figures", required_argument, NULL, FIGURES },
		{ "compress", required_argument, NULL, 'Z' },	{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	uint64_t n;
	int o, r = 0;

	optind = 1;
	while (!r && (o = bc_option_next(argc, argv, ":Z:h", options, "braidcap plan --rate", err)) != -1)
		switch (o) {
		case RATE:
			r = bc_parse_rate("--rate", optarg, &req->bits_per_s, err);
			break;
		case PACKET_BYTES:
			r = bc_parse_u64("--packet", optarg, 40, 65535, &n, err);
			req->packet = r ? 0 : (uint32_t)n;
			break;
		case HOLD:
			r = bc_parse_u64("--hold", optarg, 0, 3600, &n, err);
			req->hold_s = r ? 0 : (double)n;
			break;
		case FIGURES:
			*ret_figures = optarg;
			break;
		case 'Z':
			r = parse_codec(optarg, &req->lz4, err);
			break;
		case 'h':
			return 1;
		default:
			return bc_err_prefix(err, -EINVAL, "with --rate");
		}
	if (!r && optind < argc)
		return bc_err_set(err, -EINVAL, "%.40s: not with --rate; see 'braidcap plan --help'", argv[optind]);
	return r;
}

static int size_up(const struct bc_sizing_request *req, const char *path, struct bc_err *err)
{
	struct bc_figures f;
	struct bc_sizing s;
	char own[4096];
	int r = path ? 0 : bc_figures_path(own, sizeof(own), err);

	if (!r)
		r = bc_figures_read(path ? path : own, &f, err);
	if (r)
		return r;
	bc_sizing_compute(&f, req, &s);
	bc_sizing_print(stdout, &f, req, &s);
	return fflush(stdout) || ferror(stdout) ? bc_err_set(err, -EIO, "cannot write the sizes") : 0;
}

int plan_rate(int argc, char **argv)
{
	struct bc_sizing_request req = { .packet = PACKET, .lz4 = true, .hold_s = HOLD_S };
	const char *figures = NULL;
	struct bc_err err;
	int r = parse(argc, argv, &req, &figures, &err);

	if (r == 1) {
		fputs(plan_rate_help, stdout);
		return EXIT_SUCCESS;
	}
	if (!r)
		r = size_up(&req, figures, &err);
	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	return !r ? EXIT_SUCCESS : r == -EINVAL ? EXIT_USAGE : EXIT_FAILURE;
}
