/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_mempool.h>

#include "bc_time.h"

#define REPORT_VERSION 1

json_t *bc_view_u64(uint64_t v)
{
	return json_integer(v > INT64_MAX ? INT64_MAX : (json_int_t)v);
}

void bc_view_escape(char *dst, size_t size, const char *src)
{
	size_t n = 0;

	for (; *src; src++) {
		unsigned char c = (unsigned char)*src;
		size_t len = c >= 0x20 && c < 0x7f ? 1 : 4;

		if (n + len >= size)
			break;
		if (len == 1)
			dst[n] = (char)c;
		else
			snprintf(dst + n, size - n, "\\x%02x", c);
		n += len;
	}
	dst[n] = '\0';
}

json_t *bc_view_string(const char *s)
{
	json_t *j = json_string(s);
	size_t size = strlen(s) * 4 + 1;
	char *escaped;

	if (j)
		return j;
	escaped = malloc(size);
	if (!escaped)
		return NULL;
	bc_view_escape(escaped, size, s);
	j = json_string(escaped);
	free(escaped);
	return j;
}

const char *bc_view_state(const struct bc_pipeline *p)
{
	if (p->joined)
		return "ended";
	if (p->ended)
		return "draining";
	if (p->stopping)
		return "stopping";
	return p->paused ? "paused" : "running";
}

/* The losses that there were. */
static json_t *losses(const uint64_t *dropped)
{
	json_t *o = json_object();

	for (int i = 0; i < BC_LOSS_COUNT; i++)
		if (dropped[i])
			json_object_set_new(o, bc_loss_name(i), bc_view_u64(dropped[i]));
	return o;
}

/* While the capture runs the difference is under way; at the end nothing can be, and it is an error of the program's. */
json_t *bc_view_balance(const struct bc_balance *b, bool final)
{
	int64_t in_flight = !final && b->unaccounted > 0 ? b->unaccounted : 0;

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}",
			 "received", bc_view_u64(b->received),
			 "written", bc_view_u64(b->written),
			 "filtered", bc_view_u64(b->filtered),
			 "dropped", bc_view_u64(b->dropped_total),
			 "in_flight", (json_int_t)in_flight,
			 "unaccounted", (json_int_t)(final ? b->unaccounted : 0));
}

static json_t *total_balance(const struct bc_pipeline *p)
{
	bool final = p->joined;
	struct bc_balance b;

	bc_ledger_total(p->ledger, &b);
	return bc_view_balance(&b, final);
}

static json_t *source(const struct bc_pipeline *p, uint32_t i)
{
	const struct bc_source_account *a = &p->ledger->source[i];
	uint64_t dropped[BC_LOSS_COUNT], filtered = 0;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, 0, i, &b);
	bc_ledger_ingress_losses(p->ledger, i, dropped);
	for (uint32_t o = 0; o < p->ledger->n_outputs; o++)
		filtered += bc_counter_get(&a->ingress.filtered[o]);
	return json_pack("{s:o, s:o, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "name", bc_view_string(a->name),
			 "interface", bc_view_string(a->interface),
			 "queue", (int)a->queue,
			 "stamp", bc_stamp_name(a->stamp),
			 "received", bc_view_u64(b.received),
			 "received_bytes", bc_view_u64(b.received_bytes),
			 "filtered", bc_view_u64(filtered),
			 "late", bc_view_u64(b.late),
			 "forced", bc_view_u64(b.forced),
			 "dropped", losses(dropped));
}

/* How the source's stamps come about, as the files say it. */
static json_t *source_clock(const struct bc_pipeline *p, uint32_t i)
{
	uint32_t iface = p->ledger->source[i].iface;

	return bc_view_string(iface == BC_IFACE_NONE ? "" : p->ifaces->entry[iface].clock);
}

/* What was done with published segments; NULL: nothing is asked for. */
static json_t *hooks(const struct bc_output *o)
{
	struct bc_post_publish_stats st;

	if (!o->after)
		return NULL;
	bc_post_publish_stats(o->after, &st);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:i}",
			 "moved", bc_view_u64(st.moved),
			 "move_failed", bc_view_u64(st.move_failed),
			 "commands", bc_view_u64(st.commands),
			 "commands_failed", bc_view_u64(st.commands_failed),
			 "commands_skipped", bc_view_u64(st.commands_skipped),
			 "commands_waiting", (int)st.commands_waiting);
}

/* What retention removed and recompressed; NULL: none is asked for. */
static json_t *retention(const struct bc_output *o)
{
	struct bc_expired x;

	if (!o->retention)
		return NULL;
	bc_retention_stats(o->retention, &x);
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "removed", bc_view_u64(x.removed),
			 "removed_bytes", bc_view_u64(x.removed_bytes),
			 "recompressed", bc_view_u64(x.recompressed),
			 "saved_bytes", bc_view_u64(x.saved_bytes),
			 "failed", bc_view_u64(x.failed),
			 "left_alone", bc_view_u64(x.left),
			 "kept", bc_view_u64(x.kept),
			 "kept_bytes", bc_view_u64(x.kept_bytes));
}

static json_t *publisher(const struct bc_pipeline *p)
{
	struct bc_publisher_stats st;

	if (!p->cfg.publisher)
		return NULL;
	bc_publisher_stats(p->cfg.publisher, &st);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}",
			 "events", bc_view_u64(st.events),
			 "packets", bc_view_u64(st.packets),
			 "overflowed", bc_view_u64(st.overflowed),
			 "stalls", bc_view_u64(st.stalls),
			 "subscriptions", bc_view_u64(st.subscriptions));
}

static json_t *output(const struct bc_pipeline *p, uint32_t i)
{
	const struct bc_output_account *a = &p->ledger->output[i];
	const struct bc_output *out = p->output[i];
	uint64_t dropped[BC_LOSS_COUNT];
	bool final = p->joined;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, i, BC_ALL_SOURCES, &b);
	bc_ledger_output_losses(p->ledger, i, dropped);
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o*, s:o*}",
			 "name", bc_view_string(a->name),
			 "format", bc_format_name(out->cfg.format),
			 "compress", bc_codec_name(out->cfg.codec),
			 "written", bc_view_u64(b.written),
			 "written_bytes", bc_view_u64(bc_counter_get(&a->written_bytes)),
			 "file_bytes", bc_view_u64(bc_counter_get(&a->file_bytes)),
			 "published", bc_view_u64(bc_counter_get(&a->segments)),
			 "dropped", losses(dropped),
			 "balance", bc_view_balance(&b, final),
			 "hooks", hooks(out),
			 "retention", retention(out));
}

static void add_segment(void *ctx, const struct bc_seglog_entry *e)
{
	json_t *s = json_pack("{s:o, s:o, s:o, s:o, s:o}",
			      "path", bc_view_string(e->path ? e->path : ""),
			      "packets", bc_view_u64(e->info.packets),
			      "first_ns", bc_view_u64(e->info.first_ns),
			      "last_ns", bc_view_u64(e->info.last_ns),
			      "bytes", bc_view_u64(e->file_bytes));

	if (e->err)
		json_object_set_new(s, "error", bc_view_string(strerror(-e->err)));
	json_array_append_new(ctx, s);
}

static json_t *segments(const struct bc_output *o, uint32_t max)
{
	json_t *list = json_array();

	bc_seglog_visit(o->segments, max, add_segment, list);
	return list;
}

/* How long packets waited from their stamps until a writer had them. */
static json_t *merge_delay(const struct bc_pipeline *p)
{
	const struct bc_histogram *h = &p->ledger->merge_delay;

	return json_pack("{s:o, s:o, s:o, s:o}",
			 "samples", bc_view_u64(bc_histogram_count(h)),
			 "p50", bc_view_u64(bc_histogram_quantile(h, 500)),
			 "p99", bc_view_u64(bc_histogram_quantile(h, 990)),
			 "p999", bc_view_u64(bc_histogram_quantile(h, 999)));
}

static json_t *form(const struct bc_pipeline *p, bool whole)
{
	json_t *sources = json_array(), *outputs = json_array();

	/* The outputs first, so that a source's packets are not yet received when they are already written. */
	for (uint32_t i = 0; i < p->ledger->n_outputs; i++) {
		json_t *o = output(p, i);
		uint64_t forgotten;

		if (whole) {
			json_t *list = segments(p->output[i], BC_SEGLOG_MAX);

			forgotten = bc_seglog_count(p->output[i]->segments) - json_array_size(list);
			json_object_set_new(o, "segments", list);
			if (forgotten)
				json_object_set_new(o, "segments_forgotten", bc_view_u64(forgotten));
		}
		json_array_append_new(outputs, o);
	}
	for (uint32_t i = 0; i < p->ledger->n_sources; i++) {
		json_t *s = source(p, i);

		if (whole)
			json_object_set_new(s, "clock", source_clock(p, i));
		json_array_append_new(sources, s);
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o*}",
			 "version", REPORT_VERSION,
			 "started_ns", bc_view_u64(p->start_ns),
			 "stopped_ns", bc_view_u64(p->stop_ns),
			 "merge_delay_ns", merge_delay(p),
			 "sources", sources,
			 "outputs", outputs,
			 "balance", total_balance(p),
			 "publisher", publisher(p));
}

json_t *bc_view_report(const struct bc_pipeline *p)
{
	return form(p, true);
}

json_t *bc_view_ledger(const struct bc_pipeline *p)
{
	return form(p, false);
}

json_t *bc_view_info(const struct bc_pipeline *p)
{
	uint32_t total = p->pool ? p->pool->size : 0;
	uint32_t available = p->pool ? rte_mempool_avail_count(p->pool) : 0;

	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:{s:o, s:o}}",
			 "version", BC_VERSION,
			 "pid", (int)getpid(),
			 "state", bc_view_state(p),
			 "started_ns", bc_view_u64(p->start_ns),
			 "stopped_ns", bc_view_u64(p->stop_ns),
			 "now_ns", bc_view_u64(bc_utc_ns()),
			 "sources", (int)p->ledger->n_sources,
			 "outputs", (int)p->ledger->n_outputs,
			 "lcores", (int)p->cfg.n_lcores,
			 "balance", total_balance(p),
			 "merge_delay_ns", merge_delay(p),
			 "packet_buffers",
			 "total", bc_view_u64(total),
			 "free", bc_view_u64(available));
}

static const char *source_state(const struct bc_source *s)
{
	switch (bc_source_state(s)) {
	case BC_SOURCE_RUNNING:
		return "running";
	case BC_SOURCE_QUIET:
		return "quiet";
	case BC_SOURCE_ENDED:
		break;
	}
	return atomic_load(&s->failed) ? "failed" : "ended";
}

json_t *bc_view_sources(const struct bc_pipeline *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->ledger->n_sources; i++) {
		json_t *s = source(p, i);

		json_object_set_new(s, "clock", source_clock(p, i));
		json_object_set_new(s, "state", json_string(source_state(p->source[i])));
		json_object_set_new(s, "link_used", bc_view_u64(bc_link_fill(p->link[i])));
		json_object_set_new(s, "link_size", bc_view_u64(p->link[i]->size));
		json_array_append_new(list, s);
	}
	return list;
}

/* All writers of an output in one sum. */
static json_t *writers(const struct bc_output *o)
{
	uint64_t blocks = 0, faster = 0, stored = 0, incompressible = 0, backlog = 0, starved = 0;

	for (uint32_t i = 0; i < o->n_lanes; i++) {
		const struct bc_lane_stats *s = bc_lane_stats(o->lane[i]);

		blocks += bc_counter_get(&s->blocks);
		faster += bc_counter_get(&s->blocks_faster);
		stored += bc_counter_get(&s->blocks_stored);
		incompressible += bc_counter_get(&s->blocks_incompressible);
		backlog += bc_counter_get(&s->backlog);
		starved += bc_counter_get(&s->starved);
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "count", (int)o->n_lanes,
			 "blocks", bc_view_u64(blocks),
			 "blocks_faster", bc_view_u64(faster),
			 "blocks_stored", bc_view_u64(stored),
			 "blocks_incompressible", bc_view_u64(incompressible),
			 "backlog", bc_view_u64(backlog),
			 "starved", bc_view_u64(starved));
}

static json_t *storage(struct bc_output *o)
{
	struct bc_store_stats st;

	bc_output_store_stats(o, &st);
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:i}",
			 "io", st.io,
			 "slowest_write_ns", bc_view_u64(st.slowest_write_ns),
			 "syncs", bc_view_u64(st.syncs),
			 "slowest_sync_ns", bc_view_u64(st.slowest_sync_ns),
			 "slowest_publish_ns", bc_view_u64(st.slowest_publish_ns),
			 "publishing", (int)st.queue);
}

static json_t *peer(const struct bc_peer *p)
{
	struct bc_peer_stats st;

	bc_peer_stats(p, &st);
	return json_pack("{s:b, s:o, s:o, s:o, s:o}",
			 "up", st.up,
			 "connects", bc_view_u64(st.connects),
			 "queued_bytes", bc_view_u64(st.queued_bytes),
			 "queue_bytes", bc_view_u64(st.queue_bytes),
			 "unacked_bytes", bc_view_u64(st.unacked_bytes));
}

json_t *bc_view_outputs(const struct bc_pipeline *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->ledger->n_outputs; i++) {
		struct bc_output *out = p->output[i];
		const char *filter = bc_pipeline_filter(p, i);
		json_t *o = output(p, i);

		json_object_set_new(o, "filter", bc_view_string(filter ? filter : ""));
		json_object_set_new(o, "exclude", bc_view_string(out->cfg.exclude ? out->cfg.exclude : ""));
		json_object_set_new(o, "unpublished", bc_view_u64(bc_seglog_failed(out->segments)));
		json_object_set_new(o, "buffers", json_pack("{s:o, s:o, s:o}",
							    "total", bc_view_u64(bc_bufpool_total(out->pool)),
							    "free", bc_view_u64(bc_bufpool_available(out->pool)),
							    "bytes", bc_view_u64(bc_bufpool_size(out->pool))));
		json_object_set_new(o, "writers", writers(out));
		json_object_set_new(o, "storage", storage(out));
		if (p->peer[i])
			json_object_set_new(o, "peer", peer(p->peer[i]));
		json_array_append_new(list, o);
	}
	return list;
}

json_t *bc_view_filters(const struct bc_pipeline *p)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->ledger->n_outputs; i++) {
		const char *filter = bc_pipeline_filter(p, i);

		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "output", (int)i,
						      "name", bc_view_string(p->ledger->output[i].name),
						      "filter", bc_view_string(filter ? filter : "")));
	}
	return list;
}

json_t *bc_view_segments(const struct bc_pipeline *p, uint32_t which, uint32_t max)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < p->ledger->n_outputs; i++) {
		struct bc_output *o = p->output[i];

		if (which != BC_ALL_OUTPUTS && which != i)
			continue;
		json_array_append_new(list, json_pack("{s:i, s:o, s:o, s:o, s:o}", "output", (int)i,
						      "name", bc_view_string(p->ledger->output[i].name),
						      "published", bc_view_u64(bc_counter_get(&p->ledger->output[i].segments)),
						      "unpublished", bc_view_u64(bc_seglog_failed(o->segments)),
						      "segments", segments(o, max)));
	}
	return list;
}

json_t *bc_view_clock(const struct bc_pipeline *p)
{
	static const char *const counters[] = { "TSC", "CNTVCT", "CLOCK_MONOTONIC" };
	json_t *sources = json_array();
	struct bc_clock_status st;
	char description[512];

	bc_clock_status(p->cfg.clock, &st);
	bc_clock_describe(p->cfg.clock, description, sizeof(description));
	for (uint32_t i = 0; i < p->ledger->n_sources; i++) {
		const struct bc_source_account *a = &p->ledger->source[i];

		json_array_append_new(sources, json_pack("{s:o, s:i, s:s, s:o}", "name", bc_view_string(a->name),
							 "queue", (int)a->queue, "stamp", bc_stamp_name(a->stamp),
							 "clock", source_clock(p, i)));
	}
	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:o}",
			 "counter", counters[st.ticks],
			 "why", st.why,
			 "description", bc_view_string(description),
			 "frequency_hz", (json_int_t)llround(st.track.freq_hz),
			 "offset_ns", (json_int_t)st.track.offset_ns,
			 "rate_ppb", (json_int_t)llround(st.track.ppm * 1000),
			 "rms_ns", bc_view_u64((uint64_t)llround(st.track.rms_ns)),
			 "updates", bc_view_u64(st.track.updates),
			 "steps", bc_view_u64(st.track.steps),
			 "sources", sources);
}

static json_t *stage(const struct bc_stage *s, uint64_t tsc_hz, uint64_t elapsed_ns)
{
	double busy_ns = tsc_hz ? (double)bc_counter_get(&s->busy_tsc) * BC_NS_PER_S / (double)tsc_hz : 0;

	return json_pack("{s:o, s:o, s:o, s:o}",
			 "name", bc_view_string(s->name),
			 "units", bc_view_u64(bc_counter_get(&s->units)),
			 "busy_ns", bc_view_u64((uint64_t)busy_ns),
			 "busy_permille", bc_view_u64(elapsed_ns ? (uint64_t)(busy_ns * 1000 / (double)elapsed_ns) : 0));
}

json_t *bc_view_lcores(const struct bc_lcore *lcore, uint32_t n, uint64_t tsc_hz, uint64_t elapsed_ns)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < n; i++) {
		const struct bc_lcore *l = &lcore[i];
		json_t *stages = json_array();

		for (uint32_t s = 0; s < l->n_stages; s++)
			json_array_append_new(stages, stage(l->stage[s], tsc_hz, elapsed_ns));
		json_array_append_new(list, json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}", "cpu", (int)l->cpu,
						      "state", atomic_load(&l->running) ? "running" : "ended",
						      "rounds", bc_view_u64(bc_counter_get(&l->rounds)),
						      "idle_rounds", bc_view_u64(bc_counter_get(&l->idle_rounds)),
						      "sleeps", bc_view_u64(bc_counter_get(&l->sleeps)),
						      "stages", stages));
	}
	return list;
}
