/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_find.h"

#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <jansson.h>

#include "bc_config_find.h"
#include "bc_depot.h"
#include "bc_help.h"
#include "bc_plural.h"
#include "bc_signals.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "confine.h"
#include "identity.h"
#include "progress.h"

#define TICK_NS (500 * BC_NS_PER_MS)

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

struct run {
	struct bc_config_find cfg;
	struct bc_find *find;
	struct bc_depot *depot;
	struct bc_age_identities *ids;	/* NULL: what is encrypted is not read */
	struct bc_signals signals;
	struct progress progress;
	uint64_t began_mono_ns;
	pthread_mutex_t lock;
	json_t *files;			/* under the lock, as are published and bad */
	uint64_t published;		/* packets in files that have their names */
	bool bad;			/* a file was not published */
	_Atomic bool over;		/* set by the search's thread */
	int result;
	struct bc_err err;
};

/* Any thread. Over the progress line, if there is one. */
static void emit(void *ctx, enum bc_level level, const char *line)
{
	const struct run *r = ctx;

	if (level <= BC_WARN || (level <= BC_DEBUG && r->cfg.verbose))
		fprintf(stderr, "%sbraidcap: %s\n", r->progress.terminal ? "\r\033[K" : "", line);
}

static void written(void *ctx, const char *path, const struct bc_segment_info *info, int err)
{
	struct run *r = ctx;

	pthread_mutex_lock(&r->lock);
	r->bad |= err != 0;
	r->published += err ? 0 : info->packets;
	json_array_append_new(r->files, json_pack("{s:s, s:I, s:I, s:I, s:b}", "path", path, "packets", (json_int_t)info->packets, "first_ns",
						  (json_int_t)info->first_ns, "last_ns", (json_int_t)info->last_ns, "published", !err));
	pthread_mutex_unlock(&r->lock);
	/* The store has told of what else can be wrong. */
	if (err == -ENODATA || err == -ECANCELED)
		fprintf(stderr, "%sbraidcap: %s: not published: %s\n", r->progress.terminal ? "\r\033[K" : "", path,
			err == -ENODATA ? "nothing of it could be written" : strerror(-err));
}

static void *search(void *arg)
{
	struct run *r = arg;

	r->result = bc_find_run(r->find, &r->err);
	atomic_store_explicit(&r->over, true, memory_order_release);
	bc_signals_wake(&r->signals);
	return NULL;
}

/* "1.2 GB" */
static const char *size_text(uint64_t bytes, char buf[32])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double v = (double)bytes;
	size_t i = 0;

	for (; v >= 1000 && i + 1 < sizeof(units) / sizeof(units[0]); i++)
		v /= 1000;
	snprintf(buf, 32, i ? "%.1f %s" : "%.0f %s", v, units[i]);
	return buf;
}

static void show_progress(struct run *r)
{
	struct bc_find_progress p;
	char read[32], all[32], what[160];

	if (!r->progress.terminal)
		return;
	bc_find_get_progress(r->find, &p);
	if (p.bytes)
		snprintf(what, sizeof(what), "%s of %s read, %" PRIu64 " packet%s found", size_text(p.read_bytes, read), size_text(p.bytes, all),
			 p.packets, bc_plural(p.packets, "", "s"));
	else
		snprintf(what, sizeof(what), "looking at %" PRIu32 " of %" PRIu32 " file%s", p.looked, p.listed, bc_plural(p.listed, "", "s"));
	progress_show(&r->progress, p.done_bytes, p.bytes, what);
}

/* Until the search is over. */
static void attend(struct run *r)
{
	while (!atomic_load_explicit(&r->over, memory_order_acquire)) {
		int sig = bc_signals_wait(&r->signals, TICK_NS);
		enum bc_signals_end end;

		show_progress(r);
		if (sig != SIGINT && sig != SIGTERM && !(sig == SIGHUP && r->signals.hup_ends))
			continue;
		end = bc_signals_end(&r->signals);
		if (end == BC_SIGNALS_STOP)
			bc_find_stop(r->find);
		else if (end == BC_SIGNALS_NOW)
			bc_find_cancel(r->find);
	}
	progress_erase(&r->progress);
}

static const char *ended(const struct bc_find_progress *p)
{
	return p->stopped ? "stopped" : p->limited ? "limit" : "end";
}

/* Takes o over. */
static void print_json(const struct run *r, json_t *o)
{
	FILE *f = r->cfg.find.dest.kind == BC_STORE_FD ? stderr : stdout;

	if (o)
		json_dumpf(o, f, JSON_COMPACT);
	fputc('\n', f);
	json_decref(o);
}

static void set(json_t *o, const char *key, uint64_t v)
{
	json_object_set_new(o, key, json_integer((json_int_t)v));
}

/* What was asked of object stores, if they were. */
static void set_store(const struct run *r, json_t *o)
{
	uint64_t requests, bytes;

	bc_depot_count(r->depot, &requests, &bytes);
	if (!requests)
		return;
	set(o, "store_requests", requests);
	set(o, "store_bytes", bytes);
}

static json_t *outcome_json(const struct run *r, const struct bc_find_progress *p)
{
	json_t *o = json_pack("{s:i, s:s, s:s, s:O}", "version", 1, "expression", r->cfg.find.expression, "ended", ended(p), "files", r->files);

	set(o, "segments", p->segments);
	set(o, "bytes", p->bytes);
	set(o, "read_bytes", p->read_bytes);
	set(o, "read_packets", p->read_packets);
	set(o, "read_whole", p->way[BC_FIND_WHOLE]);
	set(o, "read_blocks", p->way[BC_FIND_BLOCKS]);
	set(o, "not_the_time", p->way[BC_FIND_NOT_THE_TIME]);
	set(o, "not_the_flows", p->way[BC_FIND_NOT_THE_FLOWS]);
	set(o, "flows", p->rows);
	set(o, "flows_wanted", p->rows_wanted);
	set(o, "packets", p->packets);
	set(o, "packet_bytes", p->packet_bytes);
	set(o, "first_ns", p->first_ns);
	set(o, "last_ns", p->last_ns);
	if (r->cfg.out.anonymise)
		set(o, "unparsed", p->unparsed);
	set(o, "damaged", p->damaged);
	set(o, "damaged_indexes", p->bad_index);
	set(o, "left_out", p->left_out);
	set_store(r, o);
	return o;
}

static json_t *plan_json(const struct run *r, const struct bc_find_sums *s)
{
	json_t *o = json_pack("{s:i, s:s}", "version", 1, "expression", r->cfg.find.expression);

	set(o, "read_whole", s->segments[BC_FIND_WHOLE]);
	set(o, "read_blocks", s->segments[BC_FIND_BLOCKS]);
	set(o, "not_the_time", s->segments[BC_FIND_NOT_THE_TIME]);
	set(o, "not_the_flows", s->segments[BC_FIND_NOT_THE_FLOWS]);
	set(o, "bytes", s->bytes[BC_FIND_WHOLE] + s->bytes[BC_FIND_BLOCKS] + s->bytes[BC_FIND_NOT_THE_TIME] + s->bytes[BC_FIND_NOT_THE_FLOWS]);
	set(o, "to_read", s->to_read);
	set(o, "index_bytes", s->index_bytes);
	set(o, "flows", s->rows);
	set(o, "flows_wanted", s->rows_wanted);
	set(o, "blocks", s->blocks);
	set(o, "blocks_wanted", s->blocks_wanted);
	set(o, "damaged_indexes", s->damaged);
	set_store(r, o);
	return o;
}

static const char *const ways[] = {
	[BC_FIND_WHOLE] = "read whole: no index", [BC_FIND_BLOCKS] = "some blocks are read", [BC_FIND_NOT_THE_TIME] = "not the time",
	[BC_FIND_NOT_THE_FLOWS] = "no such flow",
};

static void print_plan(const struct bc_find_sums *s)
{
	char a[32], b[32];
	uint64_t all = 0;

	for (int i = 0; i < BC_FIND_WAYS; i++) {
		all += s->bytes[i];
		printf("%6" PRIu32 " %-9s %9s  %s\n", s->segments[i], bc_plural(s->segments[i], "segment,", "segments,"), size_text(s->bytes[i], a), ways[i]);
	}
	printf("flows: %" PRIu64 " of %" PRIu64 " may match; blocks: %" PRIu64 " of %" PRIu64 "\n", s->rows_wanted, s->rows, s->blocks_wanted,
	       s->blocks);
	printf("to be read: %s of %s", size_text(s->to_read, a), size_text(all, b));
	printf("; %s of indexes were read for this\n", size_text(s->index_bytes, a));
}

static void print_segment(void *ctx, const struct bc_find_segment *segment, const struct bc_find_plan *p)
{
	char a[32];

	printf("%s: %s, %s", segment->path, size_text(segment->bytes, a), ways[p->way]);
	if (p->rows)
		printf(", %" PRIu64 " of %" PRIu64 " flows, %" PRIu64 " of %" PRIu64 " blocks", p->rows_wanted, p->rows, p->blocks_wanted, p->blocks);
	putchar('\n');
}

/* In place of the search. */
static int explain(struct run *r)
{
	struct bc_find_sums sums;
	int e = bc_find_explain(r->find, r->cfg.verbose && !r->cfg.json ? print_segment : NULL, NULL, &sums, &r->err);

	if (e) {
		fprintf(stderr, "braidcap: %s\n", r->err.msg);
		return e == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
	}
	if (r->cfg.json)
		print_json(r, plan_json(r, &sums));
	else
		print_plan(&sums);
	return EXIT_DONE;
}

static void print_summary(const struct run *r, const struct bc_find_progress *p)
{
	double s = (double)(bc_mono_ns() - r->began_mono_ns) / (double)BC_NS_PER_S;
	char found[32], read[32], all[32];
	uint64_t requests, bytes;

	fprintf(stderr, "%" PRIu64 " packet%s (%s) found in %" PRIu32 " segment%s; %s of %s read in %.1f s%s%s\n", p->packets,
		bc_plural(p->packets, "", "s"), size_text(p->packet_bytes, found), p->segments, bc_plural(p->segments, "", "s"), size_text(p->read_bytes, read), size_text(p->bytes, all), s,
		p->limited ? "; the limit was reached" : "", p->stopped ? "; stopped before the end" : "");
	if (r->cfg.find.dest.kind != BC_STORE_FD && p->packets > r->published)
		fprintf(stderr, "%" PRIu64 " of these packets %s in no published file\n", p->packets - r->published,
			bc_plural(p->packets - r->published, "is", "are"));
	if (p->unparsed)
		fprintf(stderr, "unparsed %" PRIu64 ": of these packets some bytes were overwritten with zeros, as there might be addresses in "
			"them\n", p->unparsed);
	bc_depot_count(r->depot, &requests, &bytes);
	if (requests)
		fprintf(stderr, "%s fetched from the store in %" PRIu64 " request%s\n", size_text(bytes, read), requests, bc_plural(requests, "", "s"));
}

static int conclude(struct run *r)
{
	struct bc_find_progress p;

	bc_find_get_progress(r->find, &p);
	if (r->result)
		fprintf(stderr, "braidcap: %s\n", r->err.msg);
	if (r->result == -EINVAL)
		return EXIT_USAGE;
	if (r->cfg.json)
		print_json(r, outcome_json(r, &p));
	if (!r->cfg.quiet && !r->cfg.json && !(r->result && !p.segments))
		print_summary(r, &p);
	return r->result || r->bad || p.damaged ? EXIT_FAILED : EXIT_DONE;
}

/* Each overlapping segment that is open takes a descriptor. */
static void allow_many_files(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static void prepare(struct run *r)
{
	r->cfg.find.written = written;
	r->cfg.find.ctx = r;
	progress_begin(&r->progress, r->cfg.quiet);
	r->began_mono_ns = bc_mono_ns();
	r->files = json_array();
	pthread_mutex_init(&r->lock, NULL);
	if (!r->cfg.explain)
		bc_signals_block(&r->signals, BC_HUP_CLOSES);
	allow_many_files();
	if (!r->cfg.normal_priority)
		bc_thread_give_way();
}

static int search_and_wait(struct run *r)
{
	pthread_t thread;
	int e = bc_thread_start(&thread, "bc-find", search, r);

	if (e) {
		fprintf(stderr, "braidcap: cannot start: %s\n", strerror(-e));
		return EXIT_FAILED;
	}
	attend(r);
	pthread_join(thread, NULL);
	return conclude(r);
}

static int prepare_find(struct run *r)
{
	r->cfg.find.depot = r->depot;
	return bc_find_new(&r->cfg.find, &r->find, &r->err);
}

/* What is not read or written from here on cannot be. */
static void restrict_to_search(const struct run *r)
{
	const struct bc_find_dest *dest = &r->cfg.find.dest;
	char folder[4096] = "";

	if (dest->path && snprintf(folder, sizeof(folder), "%s", dest->path) >= (int)sizeof(folder))
		return;
	/* A pipe or a device that somebody named, wherever it is. */
	if (dest->kind == BC_STORE_FD && dest->path)
		confine_calls();
	else
		confine(r->cfg.find.paths, r->cfg.find.n_paths, dest->kind == BC_STORE_DIR ? folder : dest->kind == BC_STORE_FILE ? dirname(folder) : NULL);
}

static int run(struct run *r)
{
	const struct bc_log log = { .emit = emit, .ctx = r };
	const struct bc_depot_config depot = { .store = &r->cfg.store, .cache = r->cfg.cache, .no_cache = r->cfg.no_cache, .hours = true,
					       .identities = r->ids, .log = &log };
	int e;

	r->cfg.find.log = &log;
	prepare(r);
	if (!r->cfg.no_sandbox)
		restrict_to_search(r);
	if (bc_depot_new(&depot, &r->depot, &r->err) || prepare_find(r)) {
		fprintf(stderr, "braidcap: %s\n", r->err.msg);
		e = EXIT_FAILED;
	} else {
		e = r->cfg.explain ? explain(r) : search_and_wait(r);
	}
	bc_find_free(r->find);
	bc_depot_free(r->depot);
	json_decref(r->files);
	pthread_mutex_destroy(&r->lock);
	return e;
}

int cmd_find(int argc, char **argv)
{
	struct run r = { .result = 0 };
	int e = bc_config_find_parse(argc, argv, isatty(STDOUT_FILENO), &r.cfg, &r.err), status = EXIT_DONE;

	if (!e)
		e = identity_read(&r.cfg.identity, &r.ids, &r.err);
	if (e > 0) {
		bc_help_print(bc_config_find_help, stdout);
	} else if (e < 0) {
		fprintf(stderr, "braidcap: %s\n", r.err.msg);
		status = EXIT_USAGE;
	} else {
		status = run(&r);
	}
	identity_forget(r.ids);
	bc_config_find_free(&r.cfg);
	return status;
}
