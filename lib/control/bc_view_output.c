/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_age_key.h"
#include "bc_committer.h"
#include "bc_ctl_print.h"
#include "bc_indexer.h"
#include "bc_signer.h"
#include "bc_tel_command.h"
#include "bc_time.h"
#include "bc_view.h"
#include "bc_view_part.h"

/* What was done with published segments. NULL if nothing is configured. */
static json_t *post_publish(const struct bc_output *o)
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

/* What retention removed and recompressed. NULL if none is configured. */
static json_t *retention(const struct bc_output *o)
{
	uint64_t now_ns = bc_utc_ns();
	struct bc_expired x;

	if (!bc_output_expired(o, &x))
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o*, s:o*}",
			 "removed", bc_view_u64(x.removed),
			 "removed_bytes", bc_view_u64(x.removed_bytes),
			 "recompressed", bc_view_u64(x.recompressed),
			 "saved_bytes", bc_view_u64(x.saved_bytes),
			 "failed", bc_view_u64(x.failed),
			 "not_uploaded", bc_view_u64(x.not_uploaded),
			 "left_alone", bc_view_u64(x.left),
			 "kept", bc_view_u64(x.kept),
			 "kept_bytes", bc_view_u64(x.kept_bytes),
			 "oldest_ns", x.oldest_ns ? bc_view_u64(x.oldest_ns) : NULL,
			 "kept_ns", x.oldest_ns ? bc_view_u64(now_ns > x.oldest_ns ? now_ns - x.oldest_ns : 0) : NULL);
}

/* What is on object storage, and what waits. NULL: nothing is uploaded. */
static json_t *upload(const struct bc_output *o)
{
	struct bc_upload_stats st;

	if (!bc_output_uploads(o, &st))
		return NULL;
	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b}",
			 "waiting", bc_view_u64(st.waiting),
			 "waiting_bytes", bc_view_u64(st.waiting_bytes),
			 "oldest_waiting_ns", bc_view_u64(st.oldest_ns),
			 "uploaded", bc_view_u64(st.uploaded),
			 "uploaded_bytes", bc_view_u64(st.uploaded_bytes),
			 "indexes", bc_view_u64(st.indexes),
			 "index_bytes", bc_view_u64(st.index_bytes),
			 "resumed_bytes", bc_view_u64(st.resumed_bytes),
			 "failed", bc_view_u64(st.failed),
			 "missed", bc_view_u64(st.missed),
			 "down", st.down);
}

/* What must be kept elsewhere to see later that nothing was cut off. NULL: there is no chain of custody. */
static json_t *custody(const struct bc_output *o)
{
	char head[2 * BC_CHAIN_HASH + 1];
	struct bc_signer_stats st;

	if (!bc_output_custody(o, &st))
		return NULL;
	bc_chain_hex(st.head, BC_CHAIN_HASH, head);
	return json_pack("{s:o, s:o, s:o, s:s, s:o*, s:o*, s:o*}",
			 "records", bc_view_u64(st.records),
			 "waiting", bc_view_u64(st.waiting),
			 "missed", bc_view_u64(st.missed),
			 "head", head,
			 "stamped", st.stamping ? bc_view_u64(st.stamps.stamped) : NULL,
			 "unstamped", st.stamping ? bc_view_u64(st.stamps.waiting) : NULL,
			 "stamps_failed", st.stamping ? bc_view_u64(st.stamps.failed) : NULL);
}

/* The index of segments, and the packets that none tells of; NULL: there is none. */
static json_t *segment_index(const struct bc_output *o)
{
	const struct bc_indexer_stats *s = o->indexer ? bc_indexer_stats(o->indexer) : NULL;

	if (!s)
		return NULL;
	return json_pack("{s:s, s:o, s:o, s:o}",
			 "kind", o->cfg.index == BC_INDEX_FLOWS ? "flows" : "time",
			 "segments", bc_view_u64(bc_counter_get(&s->segments)),
			 "bytes", bc_view_u64(bc_counter_get(&s->bytes)),
			 "index_skipped", bc_view_u64(bc_counter_get(&s->unknown) + bc_counter_get(&s->unnoted) +
						      bc_counter_get(&s->dropped)));
}

/* What anonymisation did not know, and overwrote. NULL: the output is not anonymised. */
static json_t *anonymised(const struct bc_output *o)
{
	uint64_t unparsed = 0;

	for (uint32_t i = 0; o->cfg.anonymise && i < o->n_lanes; i++)
		unparsed += bc_counter_get(&bc_lane_stats(o->lane[i])->unparsed);
	return o->cfg.anonymise ? json_pack("{s:o}", "unparsed", bc_view_u64(unparsed)) : NULL;
}

/* NULL: the output is not encrypted. */
static json_t *encrypted(const struct bc_output *o)
{
	return o->cfg.encrypt ? json_pack("{s:o, s:o}", "recipients", bc_view_u64(o->cfg.encrypt->n), "padding",
					  bc_view_u64(bc_counter_get(&o->padding))) : NULL;
}

json_t *bc_view_output(const struct bc_pipeline *p, uint32_t i)
{
	const struct bc_output_account *a = &p->ledger->output[i];
	const struct bc_output *out = p->output[i];
	uint64_t dropped[BC_LOSS_COUNT];
	bool final = p->joined;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, i, BC_ALL_SOURCES, &b);
	bc_ledger_output_losses(p->ledger, i, dropped);
	return json_pack("{s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}",
			 "name", bc_view_string(a->name),
			 "format", bc_format_name(out->cfg.format),
			 "compress", bc_codec_name(out->cfg.codec),
			 "written", bc_view_u64(b.written),
			 "written_bytes", bc_view_u64(bc_counter_get(&a->written_bytes)),
			 "file_bytes", bc_view_u64(bc_counter_get(&a->file_bytes)),
			 "published", bc_view_u64(bc_counter_get(&a->segments)),
			 "dropped", bc_view_losses(dropped),
			 "balance", bc_view_balance(&b, final),
			 "trouble", final ? NULL : bc_committer_trouble(out->committer),
			 "hooks", post_publish(out),
			 "retention", retention(out),
			 "upload", upload(out),
			 "custody", custody(out),
			 "index", segment_index(out),
			 "anonymised", anonymised(out),
			 "encrypted", encrypted(out));
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
	return json_pack("{s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "up", st.up,
			 "acknowledges", st.acknowledges,
			 "acknowledged", bc_view_u64(st.acked),
			 "connects", bc_view_u64(st.connects),
			 "queued_bytes", bc_view_u64(st.queued_bytes),
			 "held_bytes", bc_view_u64(st.held_bytes),
			 "memory_bytes", bc_view_u64(st.memory_bytes),
			 "spool_bytes", bc_view_u64(st.spool_bytes),
			 "held_since_ns", bc_view_u64(st.since_ns),
			 "queue_bytes", bc_view_u64(st.queue_bytes),
			 "unacked_bytes", bc_view_u64(st.unacked_bytes));
}

static json_t *live(struct bc_pipeline *p, uint32_t i)
{
	struct bc_output *out = p->output[i];
	const char *filter = bc_pipeline_filter(p, i);
	json_t *o = bc_view_output(p, i);

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
	return o;
}

json_t *bc_view_outputs(const struct bc_group *g)
{
	json_t *list = json_array();

	for (uint32_t n = 0; n < bc_group_n_outputs(g); n++) {
		uint32_t i;
		struct bc_pipeline *p = bc_group_output(g, n, &i);

		json_array_append_new(list, live(p, i));
	}
	return list;
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	return bc_view_outputs(s->group);
}

static uint32_t count(const struct bc_subject *s)
{
	return bc_group_n_outputs(s->group);
}

static json_t *one(const struct bc_subject *s, uint32_t n)
{
	uint32_t i;
	struct bc_pipeline *p = bc_group_output(s->group, n, &i);

	return live(p, i);
}

const struct bc_tel_command bc_tel_command_outputs = {
	.name = "outputs",
	.help = "Outputs. Parameter: N, only that one",
	.view = view,
	.element = "the number of an output",
	.count = count,
	.one = one,
	.print = bc_ctl_print_outputs,
};
