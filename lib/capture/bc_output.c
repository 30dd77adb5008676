/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_folder.h"
#include "bc_indexer.h"
#include "bc_note.h"
#include "bc_packet.h"
#include "bc_pcapng.h"
#include "bc_publish_mirror.h"
#include "bc_tap.h"
#include "bc_time.h"
#include "bc_wire.h"

/* A compressed block: large enough for the ratio, small enough not to keep the other stages of a shared lcore waiting. */
#define SLICE_BYTES (64U * 1024)

/* Buffers for chunks of few bytes: their share of the memory, and how many at most. */
#define SMALL_BYTES 8192U
#define SMALL_SHARE 16
#define SMALL_MAX 512U

/* Of the memory for buffers, and beside it: what flows and notes of packets may take, at most. */
#define INDEX_SHARE 4
#define INDEX_MEMORY_MAX (64U << 20)
#define INDEX_MEMORY_MIN (4U << 20)
/* Chunks whose notes may wait for the indexer while their buffers are used again. */
#define NOTES_AT_INDEXER 64U

/*
 * What closes a segment of which bytes are held back, beside a chunk. Encrypted these are sealed blocks: one that fills, one of padding, the
 * index's footer and statistics.
 */
#define HOLDING_RESERVE (4 * BC_STORE_RESERVE)

/* A segment has its final name, or could not be published. */
static void settled(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	struct bc_output *o = ctx;

	bc_seglog_add(o->segments, path, file_bytes, info, err);
	if (!err)
		bc_counter_add(&o->account->segments, 1);
	if (!err && o->upload)
		bc_uploader_published(o->upload, path);
	if (!err && o->custody)
		bc_signer_published(o->custody, path);
	if (o->retention)
		bc_retention_published(o->retention);
	for (int i = 0; !err && i < BC_TENDERS; i++)
		if (o->tended[i])
			bc_tender_published(o->tended[i], path);
}

static void published(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	struct bc_output *o = ctx;

	if (o->statistics)
		bc_segstat_published(o->statistics, path, err);
	/* Packets on disk under a temporary name count as written, unless a command should have received them. */
	bc_committer_result(o->committer, file_bytes, o->cfg.pipeout || !info->on_disk ? err : 0);
	if (o->after)
		bc_post_publish_segment(o->after, path, file_bytes, info, err);
	else
		settled(o, path, file_bytes, info, err);
}

/* Before segments have their names the file beside them knows of the numbered packets in them. */
static void publishing(void *ctx, const struct bc_folder *folder, uint32_t n, const bool *on_disk)
{
	struct bc_output *o = ctx;
	size_t len;
	uint8_t *block = bc_committer_publishing(o->committer, n, on_disk, &len);
	int r = block ? bc_folder_acknowledge(folder, block, len) : 0;

	free(block);
	if (r)
		bc_log(o->log, BC_ERROR, "%s: cannot write down what is acknowledged (%s): after a crash packets may come twice",
		       o->account->name, strerror(-r));
}

static int new_upload(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	const struct bc_upload_dest d = {
		.folder = o->cfg.completed ? o->cfg.completed : o->cfg.dest, .url = o->cfg.upload, .node = env->node, .utc = o->cfg.utc,
	};

	o->uploader = env->uploader;
	return o->cfg.upload && env->uploader ? bc_uploader_add(env->uploader, &d, &o->upload, err) : 0;
}

static int new_custody(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	if (!env->signer || o->cfg.kind != BC_DEST_FOLDER)
		return 0;
	return bc_signer_add(env->signer, o->cfg.completed ? o->cfg.completed : o->cfg.dest, &o->custody, err);
}

static int new_mirrors(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	const bool publish = env->publisher && env->client && env->mirror;

	if (publish)
		o->mirror[0] = bc_publish_mirror_new(env->publisher, env->client, o->cfg.format, env->mirror_ns);
	if (env->tap)
		o->mirror[1] = bc_tap_mirror_new(env->tap, o->cfg.format);
	if ((publish && !o->mirror[0]) || (env->tap && !o->mirror[1]))
		return bc_err_set(err, -ENOMEM, "%s: no memory", o->cfg.dest);
	return 0;
}

static int new_tended(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	const bool limits = bc_retention_wanted(&o->cfg.keep);
	int r = 0;

	if (o->cfg.kind != BC_DEST_FOLDER && o->cfg.kind != BC_DEST_FILE)
		return 0;
	for (int i = 0; !r && i < BC_TENDERS; i++)
		if (env->tender[i])
			r = bc_tender_add(env->tender[i], env->node, limits, &o->tended[i], err);
	return r;
}

static int new_retention(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	if (o->tended[BC_TENDER_DISK] || !bc_retention_wanted(&o->cfg.keep))
		return 0;
	return bc_retention_new(o->cfg.completed ? o->cfg.completed : o->cfg.dest, &o->cfg.keep, env->log, &o->retention, err);
}

static int new_post_publish(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	struct bc_post_publish_config ac = {
		.completed = o->cfg.completed,
		.move = o->tended[BC_TENDER_DISK] ? bc_tender_move : NULL,
		.move_ctx = o->tended[BC_TENDER_DISK],
		.command = o->cfg.on_segment,
		.command_seconds = o->cfg.on_segment_seconds,
		.spawner = env->spawner,
		.publisher = env->publisher,
		/* Only an output that leaves files here has any to report. */
		.client = o->cfg.kind == BC_DEST_NULL || o->cfg.kind == BC_DEST_PEER ? NULL : env->client,
		.log = env->log,
		.settled = settled,
		.ctx = o,
	};
	int r = 0;

	if (ac.completed || ac.command || (ac.publisher && ac.client))
		r = bc_post_publish_new(&ac, &o->after, err);
	if (!r)
		r = new_upload(o, env, err);
	if (!r)
		r = new_custody(o, env, err);
	return r ? r : new_retention(o, env, err);
}

const char *bc_output_ext(const struct bc_output_config *cfg, char buf[BC_OUTPUT_EXT_MAX])
{
	if (cfg->file_ext)
		return cfg->file_ext;
	snprintf(buf, BC_OUTPUT_EXT_MAX, "%s%s%s", bc_format_ext(cfg->format), bc_codec_ext(cfg->codec), cfg->encrypt ? BC_AGE_EXT : "");
	return buf;
}

/* The largest block that a lane makes. */
static uint32_t block_max(const struct bc_output_env *env)
{
	return env->chunk_bytes > BC_LANE_RECORD_MAX ? env->chunk_bytes : BC_LANE_RECORD_MAX;
}

/* What was encrypted, or is in a stream, and found no room comes before the end: a chunk, too, has to fit into what is kept for that. */
static uint32_t reserve(const struct bc_output *o, const struct bc_output_env *env)
{
	return o->cfg.encrypt || bc_codec_is_stream(o->cfg.codec) ? HOLDING_RESERVE + block_max(env) : 0;
}

static int open_store(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	char ext[BC_OUTPUT_EXT_MAX];
	struct bc_store_config sc = {
		.dest = o->cfg.dest,
		.ext = bc_output_ext(&o->cfg, ext),
		.series = o->cfg.series,
		.mode = o->cfg.mode,
		.step = env->disk_step,
		.crew = env->crews ? env->crews->close : NULL,
		.none_ahead = env->crews != NULL,
		.pipe = o->cfg.pipeout,
		.spawner = env->spawner,
		.keeper = env->keeper,
		.place = env->place,
		.seqfile = o->cfg.seqfile,
		.utc = o->cfg.utc,
		.name_first = o->cfg.name_first,
		.io = o->cfg.encrypt ? BC_IO_BUFFERED : o->cfg.io,
		.reserve = reserve(o, env),
		.keep_empty = o->cfg.format == BC_FORMAT_ERF,
		.pid = (uint32_t)getpid(),
		.log = env->log,
		.published = published,
		.publishing = publishing,
		.ctx = o,
	};

	switch (o->cfg.kind) {
	case BC_DEST_FOLDER:
		sc.kind = BC_STORE_DIR;
		break;
	case BC_DEST_FILE:
		sc.kind = BC_STORE_FILE;
		break;
	case BC_DEST_STREAM:
		sc.kind = BC_STORE_FD;
		sc.fd = STDOUT_FILENO;
		if (!strcmp(o->cfg.dest, "-"))
			sc.dest = NULL;
		break;
	case BC_DEST_PEER:
		sc.kind = BC_STORE_PEER;
		sc.peer = env->peer;
		sc.drain_ns = env->drain_ns;
		sc.patience_ns = env->patience_ns;
		break;
	case BC_DEST_NULL:
		sc.kind = BC_STORE_NULL;
		break;
	}
	return bc_store_open(&sc, &o->store, err);
}

/* There are more chunks than buffers, so that buffers run out first. */
static uint32_t chunks_of(const struct bc_output *o)
{
	return bc_bufpool_total(o->pool) + (o->small ? bc_bufpool_total(o->small) : 0) + 2 * o->n_lanes + 8;
}

/*
 * How many of its memory are small. With a thousand segments a second a slow disk soon has more of them behind it than
 * there are buffers. Many outputs that share threads are clients of collect, each of which has few.
 */
static uint32_t n_small(const struct bc_output_env *env)
{
	uint64_t n = env->memory_bytes / SMALL_SHARE / SMALL_BYTES;

	return env->crews ? 0 : n < SMALL_MAX ? (uint32_t)n : SMALL_MAX;
}

static int new_buffers(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	uint32_t size = BC_LANE_BUFFER(env->chunk_bytes), small = n_small(env), chunks;
	uint64_t n = (env->memory_bytes - (uint64_t)small * SMALL_BYTES) / size;

	if (n < (uint64_t)BC_LANE_BUFFERS_MIN * o->n_lanes) {
		small = 0;
		n = env->memory_bytes / size;
	}
	if (n < (uint64_t)BC_LANE_BUFFERS_MIN * o->n_lanes)
		return bc_err_set(err, -EINVAL, "%s: --memory gives this output %llu MiB, its %u writers need %llu MiB", o->cfg.dest,
				  (unsigned long long)(env->memory_bytes >> 20), o->n_lanes,
				  (unsigned long long)(((uint64_t)BC_LANE_BUFFERS_MIN * o->n_lanes * size >> 20) + 1));
	o->pool = bc_bufpool_new((uint32_t)n, size, env->huge, err);
	if (o->pool && small)
		o->small = bc_bufpool_new(small, SMALL_BYTES, false, err);
	if (!o->pool || (small && !o->small))
		return -ENOMEM;
	chunks = chunks_of(o);
	o->chunks = aligned_alloc(BC_CACHE_LINE, chunks * sizeof(*o->chunks));
	o->free_chunks = bc_link_new(chunks);
	if (!o->chunks || !o->free_chunks)
		return bc_err_set(err, -ENOMEM, "%s: no memory", o->cfg.dest);
	memset(o->chunks, 0, chunks * sizeof(*o->chunks));
	o->counts = bc_chunk_new_counts(o->chunks, chunks, env->ledger->n_sources);
	if (!o->counts)
		return bc_err_set(err, -ENOMEM, "%s: no memory", o->cfg.dest);
	for (uint32_t i = 0; i < chunks; i++)
		bc_link_put(o->free_chunks, 0, bc_desc_word(&o->chunks[i], 0, 0));
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		o->to_lane[i] = bc_link_new(env->lane_ring);
		o->from_lane[i] = bc_link_new(chunks);
		if (!o->to_lane[i] || !o->from_lane[i])
			return bc_err_set(err, -ENOMEM, "%s: no memory", o->cfg.dest);
	}
	return 0;
}

static size_t index_memory(const struct bc_output_env *env)
{
	uint64_t bytes = env->memory_bytes / INDEX_SHARE;

	return bytes < INDEX_MEMORY_MIN ? INDEX_MEMORY_MIN : bytes > INDEX_MEMORY_MAX ? INDEX_MEMORY_MAX : (size_t)bytes;
}

static int new_notes(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	uint64_t most = BC_NOTES_MOST((uint64_t)BC_LANE_BUFFER(env->chunk_bytes)) / BC_NOTES_BYTES, n = index_memory(env) / BC_NOTES_BYTES;
	/* What is on its way; where the sources wait, none goes without: as many as there can be chunks with bytes. */
	uint64_t least = most * (env->lane_mode.patience_ns ? bc_bufpool_total(o->pool) + NOTES_AT_INDEXER : o->n_lanes * 4);

	o->notes = bc_bufpool_new((uint32_t)(n < least ? least : n), BC_NOTES_BYTES, false, err);
	return o->notes ? 0 : -ENOMEM;
}

static int new_seen(struct bc_output *o, struct bc_err *err)
{
	uint32_t chunks = chunks_of(o);

	o->seen = calloc(chunks, BC_MAX_SLICES * sizeof(*o->seen));
	for (uint32_t i = 0; o->seen && i < chunks; i++)
		o->chunks[i].seen = o->seen + i * (size_t)BC_MAX_SLICES;
	return o->seen ? 0 : bc_err_set(err, -ENOMEM, "%s: no memory", o->cfg.dest);
}

static int new_index(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	bool flows = o->cfg.index == BC_INDEX_FLOWS;
	struct bc_indexer_config ic = { .flows = flows, .waits = env->lane_mode.patience_ns > 0, .memory = index_memory(env) };
	int r = new_seen(o, err);

	if (!r && flows)
		r = new_notes(o, env, err);
	ic.notes = o->notes;
	return r ? r : bc_indexer_new(&ic, &o->indexer, err);
}

static int new_lanes(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		struct bc_lane_config lc = {
			.in = o->to_lane[i],
			.out = o->from_lane[i],
			.committer = &o->commit,
			.pool = o->pool,
			.small = o->small,
			.index = i,
			.n_lanes = o->n_lanes,
			.n_sources = env->ledger->n_sources,
			.awaited = &o->awaited,
			.format = o->cfg.format,
			.framing = o->cfg.framing,
			.snaplen = o->cfg.snaplen,
			.codec = o->cfg.codec,
			.level = o->cfg.level,
			.mode = env->lane_mode,
			.slice_bytes = SLICE_BYTES,
			.ifaces = env->ifaces,
			.steps = env->steps,
			.queue_option = o->cfg.queue_option,
			.linktype_by_segment = env->sparse && o->n_lanes == 1,
			.anonymise = o->cfg.anonymise,
			.indexed = o->indexer,
			.notes = o->notes,
		};

		for (uint32_t s = 0; s < env->ledger->n_sources; s++)
			lc.queue[s] = env->ledger->source[s].queue;
		o->lane[i] = bc_lane_new(&lc);
		if (!o->lane[i])
			return bc_err_set(err, -ENOMEM, "%s: no memory for a writer", o->cfg.dest);
	}
	return 0;
}

static void new_chunker(struct bc_output *o, const struct bc_output_env *env)
{
	struct bc_chunker_config cc = {
		.n_sources = env->ledger->n_sources,
		.n_lanes = o->n_lanes,
		.free_chunks = o->free_chunks,
		.ifaces = env->ifaces,
		.chunk_bytes = env->chunk_bytes,
		.overhead = bc_format_overhead(o->cfg.format) + (o->cfg.framing == BC_FRAMING_FILE ? 0 : BC_WIRE_HEADER) +
			    (o->cfg.queue_option ? BC_EPB_OPT_QUEUE + BC_EPB_OPT_END : 0),
		.snaplen = o->cfg.snaplen,
		.record_bytes = o->cfg.format == BC_FORMAT_PCAPNG ? bc_packet_record_bytes : bc_packet_data_bytes,
		.rotate_ns = (uint64_t)(o->cfg.rotate_seconds * (double)BC_NS_PER_S),
		.rotate_clock = o->cfg.rotate_clock,
		.rotate_bytes = o->cfg.rotate_bytes,
		.rotate_packets = o->cfg.rotate_packets,
		.stop_segments = o->cfg.stop_segments,
		.skip_empty = o->cfg.skip_empty,
		.flush_ns = env->flush_ns,
		.sparse = env->sparse,
		.begin_ns = env->live ? env->start_ns : 0,
		.files = !env->live && !env->sparse,
		.steps = env->live || env->sparse ? env->steps : NULL,
		.cut_at_step = o->cfg.kind == BC_DEST_FOLDER || o->cfg.kind == BC_DEST_NULL,
	};

	memcpy(cc.lane, o->to_lane, sizeof(cc.lane));
	bc_chunker_init(&o->chunker, &cc);
}

static const char *filter_text(void *ctx)
{
	const struct bc_output *o = ctx;

	return bc_filters_text(o->filters, o->index);
}

static void segment_ended(void *ctx, const uint64_t *from)
{
	bc_segstat_ended(ctx, from);
}

static int new_committer(struct bc_output *o, const struct bc_output_env *env, struct bc_err *err)
{
	struct bc_committer_config cc = {
		.section = {
			.format = o->cfg.format,
			.framing = o->cfg.framing,
			.snaplen = o->cfg.snaplen,
			.output = env->index,
			.start_ns = env->start_ns,
			.anonymised = o->cfg.anonymise != NULL,
			.comment = o->cfg.comment,
			.ifaces = env->ifaces,
			.ledger = env->ledger,
			.carry = o->cfg.format == BC_FORMAT_PCAPNG && o->cfg.framing == BC_FRAMING_FILE && !o->cfg.anonymise ? env->carry : NULL,
		},
		.n_lanes = o->n_lanes,
		.task = &o->commit,
		.crew = env->crews ? env->crews->commit : NULL,
		.awaited = &o->awaited,
		.free_chunks = o->free_chunks,
		.pool = o->pool,
		.small = o->small,
		.store = o->store,
		.mirror = { o->mirror[0], o->mirror[1] },
		.indexer = o->indexer,
		.notes = o->notes,
		.ledger = env->ledger,
		.ack = env->ack,
		.codec = o->cfg.codec,
		.level = o->cfg.level,
		.stream_workers = o->n_lanes,
		.block_max = block_max(env),
		.flush_ns = o->cfg.encrypt ? env->encrypted_flush_ns : env->flush_ns,
		.encrypt = o->cfg.encrypt,
		.padding = &o->padding,
		.watchfile = o->cfg.watchfile,
		.piped = o->cfg.pipeout != NULL,
		.ended = o->statistics ? segment_ended : NULL,
		.ended_ctx = o->statistics,
		.over = env->over,
		.over_ctx = env->over_ctx,
		.log = env->log,
		.filter = filter_text,
		.filter_ctx = o,
	};

	memcpy(cc.lane, o->from_lane, sizeof(cc.lane));
	return bc_committer_new(&cc, &o->committer, err);
}

int bc_output_new(const struct bc_output_config *cfg, const struct bc_output_env *env, struct bc_output **ret,
		  struct bc_err *err)
{
	struct bc_output *o = aligned_alloc(BC_CACHE_LINE, (sizeof(*o) + 63) / 64 * 64);
	int r;

	if (!o)
		return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->dest);
	memset(o, 0, sizeof(*o));
	pthread_mutex_init(&o->closing, NULL);
	o->cfg = *cfg;
	o->n_lanes = env->writers;
	o->filters = env->filters;
	o->index = env->index;
	o->account = &env->ledger->output[env->index];
	o->log = env->log;
	snprintf(o->account->name, sizeof(o->account->name), "%s", cfg->dest);
	o->segments = bc_seglog_new();
	if (env->statistics)
		o->statistics = bc_segstat_new(env->ledger, env->index, env->statistics, env->log);
	r = o->segments && (o->statistics || !env->statistics) ? new_buffers(o, env, err)
							      : bc_err_set(err, -ENOMEM, "%s: no memory", cfg->dest);
	if (!r && o->cfg.index > BC_INDEX_NONE)
		r = new_index(o, env, err);
	if (!r)
		r = new_lanes(o, env, err);
	if (!r)
		r = new_mirrors(o, env, err);
	if (!r)
		r = new_tended(o, env, err);
	if (!r)
		r = new_post_publish(o, env, err);
	if (!r)
		r = open_store(o, env, err);
	if (!r)
		r = new_committer(o, env, err);
	if (r) {
		bc_output_free(o);
		return r;
	}
	new_chunker(o, env);
	*ret = o;
	return 0;
}

void bc_output_store_stats(struct bc_output *o, struct bc_store_stats *ret)
{
	*ret = (struct bc_store_stats){ .io = "" };
	pthread_mutex_lock(&o->closing);
	if (o->store)
		bc_store_stats(o->store, ret);
	pthread_mutex_unlock(&o->closing);
}

void bc_output_close(struct bc_output *o, bool abort)
{
	struct bc_store *s;

	pthread_mutex_lock(&o->closing);
	s = o->store;
	o->store = NULL;
	pthread_mutex_unlock(&o->closing);
	if (abort)
		bc_store_abort(s);
	else if (s)
		bc_store_close(s);
	if (s && o->statistics)
		bc_segstat_total(o->statistics);
}

bool bc_output_idle(struct bc_output *o)
{
	return !o->after || bc_post_publish_idle(o->after);
}

void bc_output_end_post_publish(struct bc_output *o, bool now)
{
	if (o->after)
		bc_post_publish_close(o->after, now);
	if (o->retention)
		bc_retention_close(o->retention, now);
	for (int i = 0; i < BC_TENDERS; i++)
		if (o->tended[i])
			bc_tender_close(o->tended[i], now);
}

/* By a process apart. */
static bool tended(const struct bc_output *o, enum bc_tending what, struct bc_tender_stats *ret)
{
	for (int i = 0; i < BC_TENDERS; i++)
		if (o->tended[i] && bc_tender_does(o->tended[i], what)) {
			bc_tender_stats(o->tended[i], ret);
			return true;
		}
	return false;
}

bool bc_output_expired(const struct bc_output *o, struct bc_expired *ret)
{
	struct bc_tender_stats st;
	const bool apart = tended(o, BC_TEND_LIMITS, &st);

	if (apart)
		*ret = st.expired;
	else if (o->retention)
		bc_retention_stats(o->retention, ret);
	return apart || o->retention;
}

bool bc_output_custody(const struct bc_output *o, struct bc_signer_stats *ret)
{
	struct bc_tender_stats st;
	const bool apart = tended(o, BC_TEND_CUSTODY, &st);

	if (apart)
		*ret = st.custody;
	else if (o->custody)
		bc_signer_stats(o->custody, ret);
	return apart || o->custody;
}

bool bc_output_uploads(const struct bc_output *o, struct bc_upload_stats *ret)
{
	struct bc_tender_stats st;
	const bool apart = tended(o, BC_TEND_UPLOAD, &st);

	if (apart)
		*ret = st.upload;
	else if (o->upload)
		bc_uploader_stats(o->upload, ret);
	return apart || o->upload;
}

void bc_output_free(struct bc_output *o)
{
	if (!o)
		return;
	/* After a failed start there is nothing to sum up. */
	bc_segstat_free(o->statistics);
	o->statistics = NULL;
	bc_output_close(o, false);
	bc_output_end_post_publish(o, true);
	bc_post_publish_free(o->after);
	bc_committer_free(o->committer);
	bc_indexer_free(o->indexer);
	bc_retention_free(o->retention);
	for (int i = 0; i < BC_TENDERS; i++)
		bc_tender_folder_free(o->tended[i]);
	bc_uploader_remove(o->uploader, o->upload);
	for (int i = 0; i < BC_MIRRORS; i++)
		bc_mirror_free(o->mirror[i]);
	for (uint32_t i = 0; i < o->n_lanes; i++) {
		bc_lane_free(o->lane[i]);
		bc_link_free(o->to_lane[i]);
		bc_link_free(o->from_lane[i]);
	}
	bc_link_free(o->free_chunks);
	free(o->chunks);
	free(o->counts);
	bc_bufpool_free(o->notes);
	bc_bufpool_free(o->small);
	free(o->seen);
	bc_bufpool_free(o->pool);
	bc_seglog_free(o->segments);
	pthread_mutex_destroy(&o->closing);
	free(o);
}
