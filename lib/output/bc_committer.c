/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_committer.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bc_acks.h"
#include "bc_delivery.h"
#include "bc_indexer.h"
#include "bc_mirror_feed.h"
#include "bc_note.h"
#include "bc_open_segment.h"
#include "bc_patience.h"
#include "bc_time.h"

#define WAIT_NS (50 * BC_NS_PER_MS)		/* for a chunk, before looking at the timers */
#define WAIT_IDLE_NS (10 * BC_NS_PER_S)		/* and when there is nothing to look for */
#define CHUNKS_AT_A_TIME 64			/* before it is another's turn */
#define SETTLE_NS (200 * BC_NS_PER_MS)		/* of a direct store: until then nothing counts as written */

struct bc_committer {
	struct bc_committer_config cfg;
	const char *name;		/* the output's, for the log */
	struct bc_crew *own_crew;	/* NULL: it is the configuration's */

	bool holding;			/* the codec, or encryption, holds bytes back */

	uint64_t seq;			/* the chunk that comes next */
	struct bc_open_segment *segment;
	struct bc_patience patience;
	struct bc_delivery *delivery;
	struct bc_acks *acks;		/* NULL: no source has numbers */
	struct bc_mirror_feed mirror[BC_MIRRORS];

	uint64_t synced_mono_ns;
	uint64_t chunk_mono_ns;		/* when the last chunk was written */
	bool last;			/* the last chunk is through */

	_Atomic bool stopping, draining, aborted, done, reader_gone;
};

static void sleep_ns(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

static struct bc_pressure pressure(const struct bc_committer *c)
{
	return (struct bc_pressure){
		.now_ns = bc_mono_ns(),
		.aborted = atomic_load(&c->aborted),
		.draining = atomic_load(&c->draining),
		.keepers = c->acks && !atomic_load(&c->stopping) && bc_acks_numbered(c->acks),
		.buffers_free = bc_bufpool_available(c->cfg.pool),
		.buffers = bc_bufpool_total(c->cfg.pool),
	};
}

/* A call of the store returned r. If repeating it makes sense, wait a little and return true. */
static bool again(void *ctx, int r)
{
	struct bc_committer *c = ctx;
	struct bc_pressure at;

	if (!r)
		return false;
	if (r == -EPIPE)
		atomic_store(&c->reader_gone, true);
	at = pressure(c);
	if (!bc_patience_again(&c->patience, r, &at))
		return false;
	sleep_ns(BC_PATIENCE_RETRY_NS);
	return true;
}

/* An index is worth waiting for while half of the buffers are free, or if nothing is lost by it. */
static bool patient(void *ctx)
{
	const struct bc_committer *c = ctx;
	const struct bc_pressure at = pressure(c);

	return !at.aborted && (bc_indexer_waits(c->cfg.indexer) || at.buffers_free >= at.buffers / 2);
}

/* What a chunk carries, not counting packets that the format refused. */
static void chunk_tally(const struct bc_chunk *k, uint32_t n_sources, struct bc_tally *ret)
{
	ret->packets = k->packets - k->refused;
	ret->bytes = k->dense;
	ret->file_bytes = 0;
	for (uint32_t s = 0; s < n_sources; s++)
		ret->from[s] = k->from[s] - (k->refused ? k->refused_from[s] : 0);
}

/*
 * Waits without a limit: what the buffers hold is kept, and what they have no room for is lost at the sources, whose
 * drivers count it. 0, or -ECANCELED after an abort.
 */
static int await_watchfile(struct bc_committer *c)
{
	bool said = false;

	while (c->cfg.watchfile && access(c->cfg.watchfile, F_OK) < 0 && !atomic_load(&c->stopping)) {
		if (atomic_load(&c->aborted))
			return -ECANCELED;
		if (!said)
			bc_log(c->cfg.log, BC_NOTICE, "%s: the next segment waits for %s: buffering", c->name, c->cfg.watchfile);
		said = true;
		sleep_ns(BC_PATIENCE_RETRY_NS);
	}
	if (said)
		bc_log(c->cfg.log, BC_NOTICE, "%s: the next segment starts", c->name);
	return 0;
}

/* 0: there is a segment, or one may be begun. -ECOMM: the buffers cannot wait until then. */
static int await_restart(struct bc_committer *c)
{
	while (bc_mono_ns() < bc_delivery_begin_ns(c->delivery)) {
		struct bc_pressure at = pressure(c);

		if (bc_patience_is_out(&c->patience, &at))
			return -ECOMM;
		sleep_ns(BC_PATIENCE_RETRY_NS);
		bc_delivery_reap(c->delivery);
	}
	return await_watchfile(c);
}

static int commit_chunk(struct bc_committer *c, struct bc_chunk *k, const struct bc_tally *t)
{
	int r;

	while ((r = bc_open_segment_begun(c->segment) ? 0 : await_restart(c)) == 0) {
		r = bc_open_segment_write(c->segment, k, t);
		if (r != -ECOMM && r != -ESTALE)
			break;
	}
	if (!r && !bc_open_segment_holds(c->segment))
		bc_patience_succeeded(&c->patience);
	return r;
}

/* A chunk that was not written. The first of a run of losses is told; the ledger has them all. */
static void lose_chunk(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *t, int r)
{
	enum bc_loss loss = bc_patience_loss(r), last;
	uint64_t lost = bc_delivery_lost(c->delivery, &last);

	if (loss == BC_LOSS_DISK_ERROR && lost == bc_open_segment_lost_told(c->segment))
		bc_log(c->cfg.log, BC_ERROR, "%s: writing failed (%s): packets are lost as disk_error", c->name, strerror(-r));
	bc_delivery_lose(c->delivery, t, loss);
	if (c->acks)
		bc_acks_lose_next(c->acks, k->from);
	bc_open_segment_settle_store(c->segment, r);
}

static void handle(struct bc_committer *c, struct bc_chunk *k)
{
	struct bc_tally t;
	int r;

	chunk_tally(k, c->cfg.ledger->n_sources, &t);
	if (k->refused)
		bc_delivery_refuse(c->delivery, k->refused_from);
	/*
	 * Chunks go to the mirrors here because they are in order, and still whole records or blocks that can be read
	 * alone.
	 */
	for (int i = 0; i < BC_MIRRORS; i++)
		bc_mirror_feed_chunk(&c->mirror[i], k, t.packets);
	r = atomic_load(&c->reader_gone) ? -EPIPE : bc_open_segment_retry(c->segment);
	if (!r && !k->no_segment)
		r = commit_chunk(c, k, &t);
	if (r)
		lose_chunk(c, k, &t, r);
	if (c->acks)
		bc_acks_handled(c->acks, k->from);
	/* A file that has reached its size limit (-EFBIG) ends here, too. */
	if ((k->segment_end || r == -EFBIG) && bc_open_segment_described(c->segment))
		bc_open_segment_end(c->segment, false);
}

/* About every flush_ns, bring to disk what was written. When no more chunks come, bring it at least into the file. */
static void sync_when_due(struct bc_committer *c)
{
	uint64_t now = bc_mono_ns();
	bool due = now - c->synced_mono_ns >= c->cfg.flush_ns || (c->acks && bc_acks_hurried(c->acks));
	/* Not with a stream codec, which would compress worse, nor encrypted, where padding would be needed. */
	bool soon = !c->holding && (now - c->chunk_mono_ns >= WAIT_NS ||
				   now - bc_open_segment_settled_ns(c->segment) >= SETTLE_NS);

	if ((due || soon) && bc_open_segment_described(c->segment) && !bc_open_segment_end_pending(c->segment) &&
	    bc_open_segment_unsettled(c->segment))
		bc_open_segment_settle(c->segment);
	if (!due)
		return;
	c->synced_mono_ns = now;
	bc_open_segment_sync(c->segment);
}

/* Is there nothing to do but wait for the next chunk? */
static bool idle(const struct bc_committer *c)
{
	return !bc_open_segment_restless(c->segment) && !bc_delivery_waits(c->delivery) &&
	       !(c->acks && bc_acks_wait(c->acks));
}

/* The next chunk in sequence; NULL when it has not come yet. */
static struct bc_chunk *next_chunk(struct bc_committer *c)
{
	struct bc_link *lane = c->cfg.lane[c->seq % c->cfg.n_lanes];
	const struct bc_desc *d;
	struct bc_chunk *k;

	if (!bc_link_peek(lane, &d))
		return NULL;
	k = bc_desc_obj(d);
	bc_link_pop(lane, 1);
	atomic_store_explicit(c->cfg.awaited, ++c->seq, memory_order_relaxed);
	return k;
}

static void recycle(struct bc_committer *c, struct bc_chunk *k)
{
	if (k->buf)
		bc_bufpool_put(k->small ? c->cfg.small : c->cfg.pool, k->buf);
	bc_notes_free(k->notes, c->cfg.notes);
	k->buf = NULL;
	k->notes = NULL;
	bc_link_put(c->cfg.free_chunks, 0, bc_desc_word(k, 0, 0));
}

/* The last chunk is done. Give up what a full disk still does not take. */
static void give_up_rest(struct bc_committer *c)
{
	int r = bc_open_segment_end_pending(c->segment) ? bc_open_segment_end(c->segment, true) : 0;

	if (!r)
		return;
	bc_log(c->cfg.log, BC_ERROR, "%s: no space to finish the last segment: it keeps its temporary name; free some "
	       "space, then 'braidcap recover' completes it", c->name);
	if (c->acks)
		bc_acks_lose(c->acks);
	bc_delivery_lose_pending(c->delivery, bc_patience_loss(r));
}

/* The chunk that has come, if one has, and what time has made due. */
static bool commit_next(struct bc_committer *c)
{
	struct bc_chunk *k = next_chunk(c);

	if (k) {
		handle(c, k);
		c->last = k->last;
		recycle(c, k);
		c->chunk_mono_ns = bc_mono_ns();
	}
	sync_when_due(c);
	bc_open_segment_check(c->segment);
	bc_open_segment_index(c->segment);
	bc_delivery_reap(c->delivery);
	if (!bc_delivery_waits(c->delivery))
		bc_patience_caught_up(&c->patience);
	return k != NULL;
}

static void end(struct bc_committer *c)
{
	if (c->last)
		give_up_rest(c);
	else if (!c->holding)
		bc_open_segment_settle_store(c->segment, 0);
	bc_delivery_drain(c->delivery);
	bc_open_segment_sync(c->segment);
	bc_open_segment_check(c->segment);
	atomic_store(&c->done, true);
	if (c->cfg.over)
		c->cfg.over(c->cfg.over_ctx);
}

/* The task. */
static uint64_t commit_some(void *arg)
{
	struct bc_committer *c = arg;

	for (int i = 0; i < CHUNKS_AT_A_TIME; i++) {
		bool came = !c->last && !atomic_load(&c->aborted) && commit_next(c);

		if (c->last || atomic_load(&c->aborted)) {
			end(c);
			return BC_TASK_OVER;
		}
		if (!came)
			return !idle(c) ? WAIT_NS : bc_open_segment_begun(c->segment) ? WAIT_IDLE_NS : BC_TASK_WOKEN;
	}
	return 0;
}

static int new_delivery(struct bc_committer *c, struct bc_err *err)
{
	const struct bc_delivery_config dc = {
		.store = c->cfg.store,
		.ledger = c->cfg.ledger,
		.output = c->cfg.section.output,
		.stream = c->holding,
		.piped = c->cfg.piped,
		.aborted = &c->aborted,
		.log = c->cfg.log,
	};

	return bc_delivery_new(&dc, &c->delivery, err);
}

static int new_acks(struct bc_committer *c, struct bc_err *err)
{
	bool any = false;

	for (uint32_t s = 0; c->cfg.ack && s < c->cfg.ledger->n_sources; s++)
		any |= c->cfg.ack[s] != NULL;
	if (any)
		c->acks = bc_acks_new(c->cfg.ack, c->cfg.ledger);
	return any && !c->acks ? bc_err_set(err, -ENOMEM, "no memory for acknowledgements") : 0;
}

static int new_segment(struct bc_committer *c, struct bc_err *err)
{
	const struct bc_committer_config *cfg = &c->cfg;
	const struct bc_open_segment_config sc = {
		.section = cfg->section,
		.codec = cfg->codec,
		.level = cfg->level,
		.stream_workers = cfg->stream_workers,
		.block_max = cfg->block_max,
		.encrypt = cfg->encrypt,
		.padding = cfg->padding,
		.store = cfg->store,
		.delivery = c->delivery,
		.acks = c->acks,
		.name = c->name,
		.log = cfg->log,
		.again = again,
		.again_ctx = c,
		.ended = cfg->ended,
		.ended_ctx = cfg->ended_ctx,
		.filter = cfg->filter,
		.filter_ctx = cfg->filter_ctx,
		.indexer = cfg->indexer,
		.patient = patient,
		.patient_ctx = c,
	};

	return bc_open_segment_new(&sc, &c->segment, err);
}

int bc_committer_new(const struct bc_committer_config *cfg, struct bc_committer **ret, struct bc_err *err)
{
	struct bc_committer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for the committer");
	c->cfg = *cfg;
	c->name = cfg->ledger->output[cfg->section.output].name;
	c->patience = (struct bc_patience){ .output = c->name, .log = cfg->log };
	for (int i = 0; i < BC_MIRRORS; i++)
		bc_mirror_feed_init(&c->mirror[i], cfg->mirror[i], &cfg->section, cfg->codec);
	c->holding = cfg->encrypt || bc_codec_is_stream(cfg->codec);
	r = new_delivery(c, err);
	if (!r)
		r = new_acks(c, err);
	if (!r)
		r = new_segment(c, err);
	if (r) {
		bc_committer_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int bc_committer_start(struct bc_committer *c)
{
	int r = c->cfg.crew ? 0 : bc_crew_new("bc-commit", 1, &c->own_crew);

	if (!r && c->cfg.indexer)
		r = bc_indexer_start(c->cfg.indexer);
	for (int i = 0; !r && i < BC_MIRRORS; i++)
		r = bc_mirror_feed_begin(&c->mirror[i]);
	c->synced_mono_ns = bc_mono_ns();
	c->cfg.task->run = commit_some;
	c->cfg.task->ctx = c;
	return r ? r : bc_task_start(c->cfg.task, c->cfg.crew ? c->cfg.crew : c->own_crew);
}

void bc_committer_stopping(struct bc_committer *c)
{
	if (c)
		atomic_store(&c->stopping, true);
}

void bc_committer_draining(struct bc_committer *c)
{
	atomic_store(&c->draining, true);
	if (c->cfg.indexer)
		bc_indexer_hurry(c->cfg.indexer);
}

void bc_committer_result(struct bc_committer *c, uint64_t file_bytes, int err)
{
	bc_delivery_result(c->delivery, file_bytes, err);
	if (c->acks)
		bc_acks_result(c->acks, err && err != -ENODATA);
}

uint8_t *bc_committer_publishing(struct bc_committer *c, uint32_t n, const bool *on_disk, size_t *ret_len)
{
	return c->acks ? bc_acks_publishing(c->acks, n, on_disk, ret_len) : NULL;
}

void bc_committer_abort(struct bc_committer *c)
{
	atomic_store(&c->aborted, true);
	bc_store_cancel(c->cfg.store);
	bc_task_wake(c->cfg.task);
}

void bc_committer_join(struct bc_committer *c)
{
	bc_task_join(c->cfg.task);
	bc_crew_free(c->own_crew);
	c->own_crew = NULL;
}

bool bc_committer_done(const struct bc_committer *c)
{
	return atomic_load(&c->done);
}

const char *bc_committer_trouble(const struct bc_committer *c)
{
	return c ? bc_patience_trouble(&c->patience) : NULL;
}

bool bc_committer_reader_gone(const struct bc_committer *c)
{
	return atomic_load(&c->reader_gone);
}

void bc_committer_free(struct bc_committer *c)
{
	if (!c)
		return;
	bc_open_segment_free(c->segment);
	bc_delivery_free(c->delivery);
	bc_acks_free(c->acks);
	for (int i = 0; i < BC_MIRRORS; i++)
		bc_mirror_feed_fini(&c->mirror[i]);
	free(c);
}
