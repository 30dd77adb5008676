/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_flows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bc_clickhouse.h"
#include "bc_config_s3.h"
#include "bc_depot.h"
#include "bc_find_flows.h"
#include "bc_flows_print.h"
#include "bc_number.h"
#include "bc_option.h"
#include "bc_plural.h"
#include "bc_time.h"
#include "bc_when.h"
#include "confine.h"
#include "identity.h"

static const char help[] =
	"usage: braidcap flows [options] EXPRESSION PATH...\n"
	"       braidcap flows --extent PATH...\n"
	"\n"
	"List the flows that may match EXPRESSION ('' for all), as the indexes of the segments under the paths have them;\n"
	"no packet is read. Or say how far these segments go back. PATH is a file, a folder, s3://BUCKET/KEY or\n"
	"s3://BUCKET/PREFIX/.\n"
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
	"      --per-segment       not added up over all segments: each one's flows, with its path in \"segment\"; --top is\n"
	"                          for each, and all by default. For databases; not as a table\n"
	"      --clickhouse URL    insert these rows of each segment into a table there, over HTTP (docs/analytics.md), with\n"
	"                          CLICKHOUSE_USER and CLICKHOUSE_PASSWORD\n"
	"      --clickhouse-table [DATABASE.]TABLE\n"
	"                          (default flows)\n"
	"      --clickhouse-create make the table, unless it is there\n"
	"      --clickhouse-ca FILE\n"
	"                          who signs the server's certificate (default: the system's CAs)\n"
	"      --clickhouse-plain  allow http:// to another machine\n"
	"      --cache DIR|none    keep the ends of objects there (default: ~/.cache/braidcap)\n"
	"      --extent            the oldest packet, and how many days all is at the rate of the last 24 hours\n"
	"  -U, --utc               times are UTC, otherwise local time\n"
	BC_S3_HELP
	IDENTITY_HELP
	CONFINE_HELP
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 done, 1 something could not be read, 2 bad usage.\n";

#define ROWS 4096U	/* printed between two looks at how many bytes they are */
#define TOP 20	/* as the help says */

enum option_code { OPT_BY = 256, OPT_SORT, OPT_TOP, OPT_FROM, OPT_TO, OPT_LAST, OPT_FORMAT, OPT_PER_SEGMENT, OPT_NO_SANDBOX, OPT_EXTENT, OPT_CACHE, OPT_IDENTITY, OPT_CLICKHOUSE,
	OPT_CLICKHOUSE_TABLE, OPT_CLICKHOUSE_CREATE, OPT_CLICKHOUSE_CA, OPT_CLICKHOUSE_PLAIN };

/* Times wait until it is known whether they are UTC. */
struct flows {
	struct bc_find_flows_config cfg;
	struct bc_flows_look look;
	enum bc_flows_order order;
	uint64_t top;		/* UINT64_MAX: not given */
	bool extent, per_segment, headed, no_sandbox;
	const char *from, *to, *last, *cache;
	struct bc_age_files identity;
	struct bc_age_identities *ids;	/* NULL: what is encrypted is not read */
	struct bc_object_settings store;
	struct bc_clickhouse_config into;	/* url NULL: to stdout */
	bool create;
	struct bc_clickhouse *database;
	uint64_t rows, segments;	/* for the database */
};

static int word(const char *what, const char *text, const char *const *words, int n, struct bc_err *err)
{
	char all[64] = "";

	for (int i = 0; i < n; i++) {
		if (!strcmp(text, words[i]))
			return i;
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", words[i]);
	}
	return bc_err_set(err, -EINVAL, "%s: '%s' is none of %s", what, text, all);
}

/* False: it is another option. */
static bool take_database(struct flows *f, int o, const char *text)
{
	switch (o) {
	case OPT_CLICKHOUSE:
		f->into.url = text;
		return true;
	case OPT_CLICKHOUSE_TABLE:
		f->into.table = text;
		return true;
	case OPT_CLICKHOUSE_CREATE:
		f->create = true;
		return true;
	case OPT_CLICKHOUSE_CA:
		f->into.ca = text;
		return true;
	case OPT_CLICKHOUSE_PLAIN:
		f->into.plain = true;
		return true;
	default:
		return false;
	}
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
		f->look.by = i < 0 ? f->look.by : (enum bc_flows_by)i;
		break;
	case OPT_SORT:
		i = word("--sort", text, order, BC_FLOWS_ORDERS, err);
		f->order = i < 0 ? f->order : (enum bc_flows_order)i;
		break;
	case OPT_FORMAT:
		i = word("--format", text, form, BC_FLOWS_FORMS, err);
		f->look.form = i < 0 ? f->look.form : (enum bc_flows_form)i;
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
	case OPT_PER_SEGMENT:
		f->per_segment = true;
		break;
	case OPT_CACHE:
		f->cache = text;
		break;
	case OPT_IDENTITY:
		return bc_age_files_add(&f->identity, text, err);
	case OPT_NO_SANDBOX:
		f->no_sandbox = true;
		break;
	case OPT_EXTENT:
		f->extent = true;
		break;
	case 'U':
		f->look.utc = true;
		break;
	default:
		if (!take_database(f, o, text))
			bc_config_s3_take(&f->store, o, text);
	}
	return i < 0 ? i : 0;
}

static int set_times(struct flows *f, struct bc_err *err)
{
	return bc_when_parse_range(f->from, f->to, f->last, f->look.utc, bc_utc_ns(), &f->cfg.from_ns, &f->cfg.to_ns, err);
}

static int fail(int r, const struct bc_err *err)
{
	fprintf(stderr, "braidcap: %s\n", err->msg);
	return r == -EINVAL ? 2 : 1;
}

static void emit(void *ctx, enum bc_level level, const char *line)
{
	if (level <= BC_WARN)
		fprintf(stderr, "braidcap: %s\n", line);
}

static void print_head(struct flows *f)
{
	if (!f->headed)
		bc_flows_print_head(stdout, &f->look);
	f->headed = true;
}

static void print(struct flows *f, struct bc_flows *flows, const char *segment)
{
	uint32_t n;
	const struct bc_flow *sorted = bc_flows_sorted(flows, f->order, &n);

	print_head(f);
	bc_flows_print(stdout, sorted, f->top && f->top < n ? (uint32_t)f->top : n, &f->look, segment);
}

static int print_segment(void *ctx, const struct bc_find_segment *segment, struct bc_flows *flows, struct bc_err *err)
{
	print(ctx, flows, segment->path);
	return 0;
}

static int insert_segment(void *ctx, const struct bc_find_segment *segment, struct bc_flows *flows, struct bc_err *err)
{
	struct flows *f = ctx;
	uint32_t n, most;
	const struct bc_flow *sorted = bc_flows_sorted(flows, f->order, &n);
	int r = 0;

	n = f->top && f->top < n ? (uint32_t)f->top : n;
	for (uint32_t at = 0; !r && at < n; at += most) {
		most = n - at < ROWS ? n - at : ROWS;
		bc_flows_print(bc_clickhouse_rows(f->database), sorted + at, most, &f->look, segment->path);
		r = bc_clickhouse_send(f->database, false, err);
	}
	f->rows += n;
	f->segments++;
	return r;
}

static int open_database(struct flows *f, struct bc_err *err)
{
	int r = bc_clickhouse_new(&f->into, &f->database, err);

	return r || !f->create ? r : bc_clickhouse_create(f->database, err);
}

static int close_database(struct flows *f, struct bc_err *err)
{
	int r = bc_clickhouse_send(f->database, true, err);

	if (!r)
		printf("%" PRIu64 " flow%s of %" PRIu64 " segment%s %s in %s\n", f->rows, bc_plural(f->rows, "", "s"), f->segments,
		       bc_plural(f->segments, "", "s"), bc_plural(f->rows, "is", "are"), f->into.table);
	return r;
}

/* What was found, if it has not been told of each segment; the exit status. */
static int tell(struct flows *f, struct bc_flows *flows, const struct bc_find_extent *extent)
{
	if (f->extent) {
		bc_flows_print_extent(stdout, extent, bc_utc_ns(), f->look.form, f->look.utc);
		return extent->bad != 0;
	}
	if (!f->per_segment)
		print(f, flows, NULL);
	if (!f->database)
		print_head(f);
	if (extent->without)
		fprintf(stderr, "braidcap: %" PRIu32 " of %" PRIu32 " segment%s %s packets in no index of flows: "
			"these are left out; 'braidcap index --anew' makes one\n", extent->without, extent->segments,
			bc_plural(extent->segments, "", "s"), bc_plural(extent->without, "has", "have"));
	return extent->bad != 0;
}

static int run(struct flows *f)
{
	const struct bc_log log = { .emit = emit };
	const bool no_cache = f->cache && !strcmp(f->cache, "none");
	const struct bc_depot_config depot = { .store = &f->store, .cache = no_cache ? NULL : f->cache, .no_cache = no_cache, .hours = true,
					       .identities = f->ids, .log = &log };
	struct bc_flows *flows = bc_flows_new(f->look.by);
	struct bc_find_extent extent;
	struct bc_err err;
	int r;

	f->cfg.log = &log;
	if (f->per_segment) {
		f->cfg.each = f->into.url ? insert_segment : print_segment;
		f->cfg.ctx = f;
	}
	if (!f->no_sandbox && f->into.url)
		confine_calls();
	else if (!f->no_sandbox)
		confine(f->cfg.paths, f->cfg.n_paths, NULL);
	r = f->into.url ? open_database(f, &err) : 0;
	r = r ? r : bc_depot_new(&depot, &f->cfg.depot, &err);
	if (!r)
		r = flows ? bc_find_flows(&f->cfg, f->extent ? NULL : flows, &extent, &err) : bc_err_set(&err, -ENOMEM, "no memory");
	if (!r && f->database)
		r = close_database(f, &err);
	r = r ? fail(r, &err) : tell(f, flows, &extent);
	bc_clickhouse_free(f->database);
	bc_flows_free(flows);
	bc_depot_free(f->cfg.depot);
	if (fflush(stdout)) {
		fprintf(stderr, "braidcap: cannot write: %s\n", strerror(errno));
		r = 1;
	}
	return r;
}

/* Its rows are those of each segment, as JSON. */
static int check_database(struct flows *f, struct bc_err *err)
{
	if (!f->into.url)
		return f->create || f->into.ca || f->into.plain || strcmp(f->into.table, "flows") ?
		       bc_err_set(err, -EINVAL, "--clickhouse-...: nothing goes there: add --clickhouse URL") : 0;
	if (f->extent || f->look.form == BC_FLOWS_CSV || f->look.by != BC_FLOWS_BY_FLOW)
		return bc_err_set(err, -EINVAL, "--clickhouse: it takes flows of each segment, and no --extent, --by or --format csv");
	f->per_segment = true;
	f->look.form = BC_FLOWS_JSON;
	return 0;
}

/* What options ask for together, and what stands behind them: n words. */
static int check(struct flows *f, char **word, int n, struct bc_err *err)
{
	int r = set_times(f, err);

	if (!r && n < 1 + !f->extent)
		r = n ? bc_err_set(err, -EINVAL, "no path behind the expression '%s': name folders or files to look into", word[0]) :
			bc_err_set(err, -EINVAL, "nothing to look into; see 'braidcap flows --help'");
	if (!r && f->extent && !*word[0])
		r = bc_err_set(err, -EINVAL, "--extent: it takes no expression: name folders or files only");
	if (!r && f->per_segment && (f->extent || f->look.form == BC_FLOWS_TABLE))
		r = bc_err_set(err, -EINVAL, "--per-segment: it needs --format json or csv%s", f->extent ? ", and no --extent" : "");
	if (!r)
		r = check_database(f, err);
	if (r)
		return r;
	if (f->top == UINT64_MAX)
		f->top = f->per_segment ? 0 : TOP;
	if (!f->extent)
		f->cfg.expression = word[0];
	f->cfg.paths = word + !f->extent;
	f->cfg.n_paths = (uint32_t)(n - !f->extent);
	return 0;
}

/* 0; 1: --help; -EINVAL. */
static int parse(struct flows *f, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "by", required_argument, NULL, OPT_BY },
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "top", required_argument, NULL, OPT_TOP },
		{ "from", required_argument, NULL, OPT_FROM },
		{ "to", required_argument, NULL, OPT_TO },
		{ "last", required_argument, NULL, OPT_LAST },
		{ "format", required_argument, NULL, OPT_FORMAT },
		{ "per-segment", no_argument, NULL, OPT_PER_SEGMENT },
		BC_S3_OPTIONS,
		{ "cache", required_argument, NULL, OPT_CACHE },
		{ "identity", required_argument, NULL, OPT_IDENTITY },
		{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
		{ "extent", no_argument, NULL, OPT_EXTENT },
		{ "clickhouse", required_argument, NULL, OPT_CLICKHOUSE },
		{ "clickhouse-table", required_argument, NULL, OPT_CLICKHOUSE_TABLE },
		{ "clickhouse-create", no_argument, NULL, OPT_CLICKHOUSE_CREATE },
		{ "clickhouse-ca", required_argument, NULL, OPT_CLICKHOUSE_CA },
		{ "clickhouse-plain", no_argument, NULL, OPT_CLICKHOUSE_PLAIN },
		{ "utc", no_argument, NULL, 'U' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":Uh", options, "braidcap flows", err)) != -1) {
		if (o == 'h')
			return 1;
		r = o == '?' ? -EINVAL : take(f, o, optarg, err);
	}
	return r ? r : check(f, argv + optind, argc - optind, err);
}

int cmd_flows(int argc, char **argv)
{
	struct flows f = { .top = UINT64_MAX, .cfg = { .expression = "" }, .into = { .table = "flows" } };
	struct bc_err err;
	int r = parse(&f, argc, argv, &err);

	if (r > 0) {
		fputs(help, stdout);
		return 0;
	}
	if (r || identity_read(&f.identity, &f.ids, &err))
		return fail(-EINVAL, &err);
	r = run(&f);
	identity_forget(f.ids);
	return r;
}
