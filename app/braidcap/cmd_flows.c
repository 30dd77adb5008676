/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_flows.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bc_find_flows.h"
#include "bc_flows_print.h"
#include "bc_number.h"
#include "bc_time.h"
#include "bc_when.h"

static const char help[] =
	"usage: braidcap flows [options] EXPRESSION PATH...\n"
	"       braidcap flows --extent PATH...\n"
	"\n"
	"List the flows that may match EXPRESSION ('' for all), as the indexes of the segments under the paths have them;\n"
	"no packet is read. Or say how far these segments go back.\n"
	"\n"
	"      --by flow|host|port|network\n"
	"                          what is added up (default flow); a port is the smaller one of a flow's two, a network has\n"
	"                          24 bits, or 64 of IPv6\n"
	"      --sort bytes|packets|duration\n"
	"                          the largest first (default bytes)\n"
	"      --top N             so many; 0 for all (default 20)\n"
	"      --from TIME, --to TIME, --last SPAN\n"
	"                          flows with packets in that time, as in find; they count as a whole\n"
	"      --format table|json|csv\n"
	"      --extent            the oldest packet, and how many days all is at the rate of the last 24 hours\n"
	"  -U, --utc               times are UTC, otherwise local time\n"
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 done, 1 something could not be read, 2 bad usage.\n";

enum option_code { OPT_BY = 256, OPT_SORT, OPT_TOP, OPT_FROM, OPT_TO, OPT_LAST, OPT_FORMAT, OPT_EXTENT };

/* Times wait until it is known whether they are UTC. */
struct flows {
	struct bc_find_flows_config cfg;
	enum bc_flows_by by;
	enum bc_flows_order order;
	enum bc_flows_form form;
	uint64_t top;
	bool extent, utc;
	const char *from, *to, *last;
};

static int word(const char *what, const char *text, const char *const *words, int n, struct bc_err *err)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(text, words[i]))
			return i;
	return bc_err_set(err, -EINVAL, "%s: '%s' is unknown; see 'braidcap flows --help'", what, text);
}

static int take(struct flows *f, int o, const char *text, struct bc_err *err)
{
	static const char *const by[] = { "flow", "host", "port", "network" };
	static const char *const order[] = { "bytes", "packets", "duration" };
	static const char *const form[] = { "table", "json", "csv" };
	int i = 0;

	switch (o) {
	case OPT_BY:
		i = word("--by", text, by, BC_FLOWS_BYS, err);
		f->by = i < 0 ? f->by : (enum bc_flows_by)i;
		break;
	case OPT_SORT:
		i = word("--sort", text, order, BC_FLOWS_ORDERS, err);
		f->order = i < 0 ? f->order : (enum bc_flows_order)i;
		break;
	case OPT_FORMAT:
		i = word("--format", text, form, BC_FLOWS_FORMS, err);
		f->form = i < 0 ? f->form : (enum bc_flows_form)i;
		break;
	case OPT_TOP:
		return bc_parse_u64("--top", text, 0, UINT32_MAX, &f->top, err);
	case OPT_FROM:
		f->from = text;
		break;
	case OPT_TO:
		f->to = text;
		break;
	case OPT_LAST:
		f->last = text;
		break;
	case OPT_EXTENT:
		f->extent = true;
		break;
	default:
		f->utc = true;
	}
	return i < 0 ? i : 0;
}

static int set_times(struct flows *f, struct bc_err *err)
{
	return bc_when_parse_range(f->from, f->to, f->last, f->utc, bc_utc_ns(), &f->cfg.from_ns, &f->cfg.to_ns, err);
}

static int fail(int r, const struct bc_err *err)
{
	fprintf(stderr, "braidcap flows: %s\n", err->msg);
	return r == -EINVAL ? 2 : 1;
}

static void emit(void *ctx, enum bc_level level, const char *line)
{
	if (level <= BC_WARN)
		fprintf(stderr, "braidcap: %s\n", line);
}

static int run(struct flows *f)
{
	const struct bc_log log = { .emit = emit };
	struct bc_flows *flows = bc_flows_new(f->by);
	struct bc_find_extent extent;
	const struct bc_flow *sorted;
	struct bc_err err;
	uint32_t n = 0;
	int r;

	f->cfg.log = &log;
	r = flows ? bc_find_flows(&f->cfg, f->extent ? NULL : flows, &extent, &err) : bc_err_set(&err, -ENOMEM, "no memory");
	if (r) {
		r = fail(r, &err);
	} else if (f->extent) {
		bc_flows_print_extent(stdout, &extent, bc_utc_ns(), f->form, f->utc);
		r = extent.bad != 0;
	} else {
		sorted = bc_flows_sorted(flows, f->order, &n);
		bc_flows_print(stdout, sorted, f->top && f->top < n ? (uint32_t)f->top : n, f->by, f->form, f->utc);
		if (extent.without)
			fprintf(stderr, "braidcap: %" PRIu32 " of %" PRIu32 " segments have packets in no index of flows: "
				"these are left out; 'braidcap index --anew' makes one\n",
				extent.without, extent.segments);
		r = extent.bad != 0;
	}
	bc_flows_free(flows);
	return r;
}

int cmd_flows(int argc, char **argv)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, OPT_BY },
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "top", required_argument, NULL, OPT_TOP },
		{ "from", required_argument, NULL, OPT_FROM },
		{ "to", required_argument, NULL, OPT_TO },
		{ "last", required_argument, NULL, OPT_LAST },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "extent", no_argument, NULL, OPT_EXTENT },
		{ "utc", no_argument, NULL, 'U' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	struct flows f = { .top = 20, .cfg = { .expression = "" } };
	struct bc_err err;
	int o, r = 0;

	while (!r && (o = getopt_long(argc, argv, "Uh", options, NULL)) != -1) {
		if (o == 'h') {
			fputs(help, stdout);
			return 0;
		}
		if (o == '?')
			return 2;
		r = take(&f, o, optarg, &err);
	}
	if (!r)
		r = set_times(&f, &err);
	if (!r && optind + !f.extent >= argc)
		r = bc_err_set(&err, -EINVAL, "%s; see 'braidcap flows --help'", optind < argc ? "no path behind the expression" : "nothing to look into");
	if (r)
		return fail(-EINVAL, &err);
	if (!f.extent)
		f.cfg.expression = argv[optind++];
	f.cfg.paths = argv + optind;
	f.cfg.n_paths = (uint32_t)(argc - optind);
	return run(&f);
}
