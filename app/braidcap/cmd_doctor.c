/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_doctor.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "bc_doctor.h"
#include "bc_number.h"
#include "bc_option.h"

enum { EXIT_WELL, EXIT_PROBLEM, EXIT_USAGE };

#define SECONDS 10
#define PACKET 800
#define MAX_SOURCES 64

static const char help[] =
	"usage: braidcap doctor [options]\n"
	"\n"
	"Check whether this machine is fit for capturing: hugepages, IOMMU, CPUs, NUMA, NICs, clock; measure what its\n"
	"CPUs and a folder take, and say which rate is safe. Nothing is changed.\n"
	"  -w FOLDER            check it and measure its disk, too: short files in it, which are removed again\n"
	"  -i SOURCE            only this interface or port, as for capture; may be repeated\n"
	"      --rate RATE      what the link brings, such as 10G bits per second: can it be kept, and how long does it last?\n"
	"      --packet BYTES   of a packet, on average, 64 to 2048 (default 800)\n"
	"      --measure S      for so many seconds, 0.1 to 600 (default 10)\n"
	"      --no-measure     do not measure\n"
	"      --json           as JSON\n"
	"  -h, --help           this text\n"
	"\n"
	"Exit status: 0 no problem, 1 a problem, 2 bad usage.\n";

struct doctor {
	struct bc_doctor_request req;
	const char *source[MAX_SOURCES];
	bool json, help;
	/* What came out. */
	struct bc_findings findings;
	struct bc_doctor_measured measured;
	double free_bytes;
};

enum { OPT_RATE = 256, OPT_PACKET, OPT_MEASURE, OPT_NO_MEASURE, OPT_JSON };

static int take(struct doctor *d, int o, const char *text, struct bc_err *err)
{
	uint64_t n;
	int r = 0;

	switch (o) {
	case 'w':
		d->req.folder = text;
		return 0;
	case 'i':
		if (d->req.n_sources == MAX_SOURCES)
			return bc_err_set(err, -EINVAL, "-i: more than %d sources", MAX_SOURCES);
		d->source[d->req.n_sources++] = text;
		return 0;
	case OPT_RATE:
		return bc_parse_rate("--rate", text, &d->req.bits_per_s, err);
	case OPT_PACKET:
		r = bc_parse_u64("--packet", text, 64, 2048, &n, err);
		d->req.packet = r ? 0 : (uint32_t)n;
		return r;
	case OPT_MEASURE:
		return bc_parse_double("--measure", text, 0.1, 600, &d->req.seconds, err);
	case OPT_NO_MEASURE:
		d->req.seconds = 0;
		return 0;
	case 'h':
		d->help = true;
		return 0;
	default:
		d->json = true;
		return 0;
	}
}

static int parse(struct doctor *d, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "rate", required_argument, NULL, OPT_RATE }, { "packet", required_argument, NULL, OPT_PACKET },
		{ "measure", required_argument, NULL, OPT_MEASURE }, { "no-measure", no_argument, NULL, OPT_NO_MEASURE },
		{ "json", no_argument, NULL, OPT_JSON }, { "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int o, r = 0;

	optind = 0;
	while (!r && !d->help && (o = bc_option_next(argc, argv, ":w:i:h", options, "braidcap doctor", err)) != -1)
		r = o == '?' ? -EINVAL : take(d, o, optarg, err);
	if (!r && !d->help && optind < argc)
		r = bc_err_set(err, -EINVAL, "unexpected argument '%.80s'; see 'braidcap doctor --help'", argv[optind]);
	if (!r && !d->help && d->req.bits_per_s > 0 && d->req.seconds <= 0)
		r = bc_err_set(err, -EINVAL, "--rate: needs a measurement to be judged by: leave out --no-measure");
	return r;
}

static json_t *rate_json(const struct doctor *d, bool lz4)
{
	struct bc_doctor_rate r = bc_doctor_rate(&d->measured, &d->req, lz4, d->free_bytes);
	const struct bc_figure *at = &d->measured.figures.at[0];

	return json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:s, s:o}", "packets_per_s", lz4 ? at->lz4_pps : at->none_pps,
			 "least_packets_per_s", d->measured.least_pps[lz4], "most_packets_per_s", d->measured.most_pps[lz4], "ratio",
			 lz4 ? at->lz4_ratio : 1.0, "limit_bits_per_s", r.limit, "safe_bits_per_s", r.safe, "limited_by",
			 r.by_disk ? "disk" : "cpu", "days", r.days > 0 ? json_real(r.days) : json_null());
}

static json_t *measured_json(const struct doctor *d)
{
	const struct bc_figures *f = &d->measured.figures;

	if (!f->n)
		return json_null();
	return json_pack("{s:i, s:o, s:f, s:f, s:o, s:o}", "packet_bytes", (int)d->req.packet, "disk_bytes_per_s",
			 f->disk_bytes_per_s > 0 ? json_real(f->disk_bytes_per_s) : json_null(), "others_share", d->measured.others,
			 "steal_share", d->measured.stolen, "lz4",
			 rate_json(d, true), "none", rate_json(d, false));
}

static bool show(const struct doctor *d)
{
	json_t *o;
	bool good;

	if (!d->json) {
		bc_findings_print(stdout, &d->findings);
		return fflush(stdout) == 0 && !ferror(stdout);
	}
	o = json_pack("{s:i, s:o, s:o}", "problems", (int)d->findings.problems, "findings", bc_findings_json(&d->findings), "measured",
		      measured_json(d));
	good = o && json_dumpf(o, stdout, JSON_INDENT(1)) == 0 && putchar('\n') != EOF && fflush(stdout) == 0;
	json_decref(o);
	return good;
}

static int run(struct doctor *d)
{
	bc_doctor_run(&d->req, &d->findings, &d->measured, &d->free_bytes);
	if (show(d))
		return d->findings.problems ? EXIT_PROBLEM : EXIT_WELL;
	fputs("braidcap doctor: cannot write what was found\n", stderr);
	return EXIT_PROBLEM;
}

int cmd_doctor(int argc, char **argv)
{
	struct doctor *d = calloc(1, sizeof(*d));
	struct bc_err err = { "no memory" };
	int r = -ENOMEM, status = EXIT_WELL;

	if (d) {
		d->req = (struct bc_doctor_request){ .sources = d->source, .seconds = SECONDS, .packet = PACKET };
		r = parse(d, argc, argv, &err);
	}
	if (r) {
		fprintf(stderr, "braidcap doctor: %s\n", err.msg);
		status = r == -EINVAL ? EXIT_USAGE : EXIT_PROBLEM;
	} else if (d->help) {
		fputs(help, stdout);
	} else {
		status = run(d);
	}
	free(d);
	return status;
}
