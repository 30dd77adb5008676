/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_config_find.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_config_s3.h"
#include "bc_depot.h"
#include "bc_find_order.h"
#include "bc_number.h"
#include "bc_option.h"
#include "bc_retention_parse.h"
#include "bc_time.h"
#include "bc_when.h"

#define DEFAULT_THREADS 4
/* They wait for a store more than they work. */
#define STORE_THREADS 16

enum { OPT_FROM = 256, OPT_TO, OPT_LAST, OPT_PACKETS, OPT_BYTES, OPT_THREADS, OPT_PRIORITY, OPT_JSON, OPT_QUIET, OPT_EXPLAIN, OPT_NO_SANDBOX, OPT_NO_INDEX, OPT_CACHE, OPT_IDENTITY };

/* What getopt_long returns for a setting of an output: its place in the table. */
#define OPT_OUTPUT 512

static const enum bc_output_setting outputs[] = {
	BC_OUT_FORMAT, BC_OUT_COMPRESS, BC_OUT_LEVEL, BC_OUT_ROTATE_SECONDS, BC_OUT_ROTATE_CLOCK, BC_OUT_ROTATE_SIZE, BC_OUT_UTC, BC_OUT_MODE,
	BC_OUT_FILE_EXT, BC_OUT_IO, BC_OUT_ANONYMISE,
};
#define N_OUTPUTS (sizeof(outputs) / sizeof(outputs[0]))

static const struct option own[] = {
	{ "help", no_argument, NULL, 'h' },
	{ "from", required_argument, NULL, OPT_FROM },
	{ "to", required_argument, NULL, OPT_TO },
	{ "last", required_argument, NULL, OPT_LAST },
	{ "limit-packets", required_argument, NULL, OPT_PACKETS },
	{ "limit-bytes", required_argument, NULL, OPT_BYTES },
	{ "threads", required_argument, NULL, OPT_THREADS },
	{ "priority", required_argument, NULL, OPT_PRIORITY },
	{ "explain", no_argument, NULL, OPT_EXPLAIN },
	{ "no-sandbox", no_argument, NULL, OPT_NO_SANDBOX },
	{ "no-index", no_argument, NULL, OPT_NO_INDEX },
	{ "cache", required_argument, NULL, OPT_CACHE },
	{ "identity", required_argument, NULL, OPT_IDENTITY },
	{ "json", no_argument, NULL, OPT_JSON },
	BC_S3_OPTIONS,
	{ "verbose", no_argument, NULL, 'v' },
	{ "quiet", no_argument, NULL, OPT_QUIET },
};
#define N_OWN (sizeof(own) / sizeof(own[0]))

/* Times wait until it is known whether they are UTC. */
struct parse {
	struct bc_config_find *c;
	struct bc_draft draft;
	const char *from, *to, *last;
	bool threads_given;
	struct bc_err *err;
};

static void make_options(struct option longs[N_OWN + N_OUTPUTS + 1], char letters[64])
{
	char *at = stpcpy(letters, ":hvw:");

	memcpy(longs, own, sizeof(own));
	for (size_t i = 0; i < N_OUTPUTS; i++) {
		const struct bc_setting *s = &bc_output_settings[outputs[i]];
		bool flag = bc_setting_is_flag(s);

		longs[N_OWN + i] = (struct option){ .name = s->option, .val = OPT_OUTPUT + (int)outputs[i],
						    .has_arg = flag ? no_argument : required_argument };
		if (s->letter)
			*at++ = s->letter;
		if (s->letter && !flag)
			*at++ = ':';
	}
	*at = '\0';
	longs[N_OWN + N_OUTPUTS] = (struct option){ .name = NULL };
}

static int take_output(struct parse *p, int o, const char *text)
{
	for (size_t i = 0; o < OPT_OUTPUT && i < N_OUTPUTS; i++)
		if (bc_output_settings[outputs[i]].letter == o)
			o = OPT_OUTPUT + (int)outputs[i];
	return bc_draft_replace(&p->draft.all.v[o - OPT_OUTPUT], text ? text : "yes", p->err);
}

static int take_priority(struct parse *p, const char *text)
{
	p->c->normal_priority = !strcmp(text, "normal");
	if (p->c->normal_priority || !strcmp(text, "idle"))
		return 0;
	return bc_err_set(p->err, -EINVAL, "--priority: '%s' is neither idle nor normal", text);
}

static int take_threads(struct parse *p, const char *text)
{
	uint64_t n;
	int r = bc_parse_u64("--threads", text, 0, BC_FIND_THREADS_MAX, &n, p->err);

	if (!r)
		p->c->find.threads = (unsigned)n;
	p->threads_given = true;
	return r;
}

static int take(struct parse *p, int o, const char *text)
{
	struct bc_config_find *c = p->c;

	switch (o) {
	case OPT_FROM:
		p->from = text;
		return 0;
	case OPT_TO:
		p->to = text;
		return 0;
	case OPT_LAST:
		p->last = text;
		return 0;
	case OPT_PACKETS:
		return bc_parse_u64("--limit-packets", text, 0, UINT64_MAX, &c->find.limit_packets, p->err);
	case OPT_BYTES:
		return bc_parse_size("--limit-bytes", text, &c->find.limit_bytes, p->err);
	case OPT_THREADS:
		return take_threads(p, text);
	case OPT_PRIORITY:
		return take_priority(p, text);
	case OPT_EXPLAIN:
		c->explain = true;
		return 0;
	case OPT_NO_SANDBOX:
		c->no_sandbox = true;
		return 0;
	case OPT_NO_INDEX:
		c->find.no_index = true;
		return 0;
	case OPT_IDENTITY:
		return bc_age_files_add(&c->identity, text, p->err);
	case OPT_CACHE:
		c->no_cache = !strcmp(text, "none");
		c->cache = c->no_cache ? NULL : text;
		return 0;
	case OPT_JSON:
		c->json = true;
		return 0;
	case OPT_QUIET:
		c->quiet = true;
		return 0;
	case 'v':
		c->verbose = true;
		return 0;
	case 'w':
		if (p->draft.n_outputs)
			return bc_err_set(p->err, -EINVAL, "-w: only one destination can be given");
		return bc_draft_add_output(&p->draft, text, p->err);
	default:
		return bc_config_s3_take(&c->store, o, text) ? 0 : take_output(p, o, text);
	}
}

static int set_times(struct parse *p)
{
	struct bc_find_config *f = &p->c->find;

	return bc_when_parse_range(p->from, p->to, p->last, p->c->out.utc, bc_utc_ns(), &f->from_ns, &f->to_ns, p->err);
}

static int set_dest(struct parse *p, bool stdout_is_terminal)
{
	static const enum bc_store_kind kinds[] = {
		[BC_DEST_FOLDER] = BC_STORE_DIR, [BC_DEST_FILE] = BC_STORE_FILE, [BC_DEST_STREAM] = BC_STORE_FD, [BC_DEST_NULL] = BC_STORE_NULL,
	};
	struct bc_output_config *o = &p->c->out;
	int r = 0;

	if (!p->draft.n_outputs && p->c->explain)
		r = bc_draft_add_output(&p->draft, "null:", p->err);
	else if (!p->draft.n_outputs && stdout_is_terminal)
		return bc_err_set(p->err, -EINVAL, "no destination: give -w FILE, or pipe it into another program, as in "
				  "'... | tcpdump -nr -'");
	else if (!p->draft.n_outputs)
		r = bc_draft_add_output(&p->draft, "-", p->err);
	if (!r)
		r = bc_output_build(&p->draft, &p->draft, 0, o, p->err);
	if (r)
		return r;
	if (o->kind == BC_DEST_PEER || o->format == BC_FORMAT_ERF)
		return bc_err_set(p->err, -EINVAL, "-w: '%s': packets can be written as pcapng or pcap, to a file, a folder or stdout", o->dest);
	p->c->find.dest = (struct bc_find_dest){
		.kind = kinds[o->kind], .path = strcmp(o->dest, "-") ? o->dest : NULL, .format = o->format, .codec = o->codec,
		.level = o->level, .ext = o->file_ext, .mode = o->mode, .io = o->io, .utc = o->utc,
		.rotate_ns = (uint64_t)llround(o->rotate_seconds * (double)BC_NS_PER_S), .rotate_clock = o->rotate_clock,
		.rotate_bytes = o->rotate_bytes, .anonymise = o->anonymise,
	};
	return 0;
}

static int set_what(struct parse *p, int argc, char **argv)
{
	struct bc_find_config *f = &p->c->find;

	if (argc < 1)
		return bc_err_set(p->err, -EINVAL, "no expression; see 'braidcap find --help'");
	if (argc < 2)
		return bc_err_set(p->err, -EINVAL, "no path behind the expression '%s': name folders or files to search", argv[0]);
	f->expression = argv[0];
	f->paths = argv + 1;
	f->n_paths = (uint32_t)argc - 1;
	for (uint32_t i = 0; i < f->n_paths; i++)
		if (!p->threads_given && bc_depot_is_name(f->paths[i]))
			f->threads = STORE_THREADS;
	return 0;
}

static int parse_options(struct parse *p, int argc, char **argv)
{
	struct option longs[N_OWN + N_OUTPUTS + 1];
	char letters[64];
	int o, r = 0;

	make_options(longs, letters);
	optind = 0;
	while (!r && (o = bc_option_next(argc, argv, letters, longs, "braidcap find", p->err)) != -1) {
		if (o == 'h')
			return 1;
		r = o == '?' ? -EINVAL : take(p, o, optarg);
	}
	return r;
}

int bc_config_find_parse(int argc, char **argv, bool stdout_is_terminal, struct bc_config_find *ret, struct bc_err *err)
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	struct parse p = { .c = ret, .err = err };
	int r;

	*ret = (struct bc_config_find){ .find = { .threads = cpus < 1 ? 1 : cpus < DEFAULT_THREADS ? (unsigned)cpus : DEFAULT_THREADS } };
	r = parse_options(&p, argc, argv);
	if (!r)
		r = set_what(&p, argc - optind, argv + optind);
	if (!r)
		r = set_dest(&p, stdout_is_terminal);
	if (!r)
		r = set_times(&p);
	bc_draft_free(&p.draft);
	return r;
}

void bc_config_find_free(struct bc_config_find *c)
{
	bc_output_config_free(&c->out);
}
