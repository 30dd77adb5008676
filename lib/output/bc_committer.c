/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_committer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bc_delivery.h"
#include "bc_log_limit.h"
#include "bc_mirror_feed.h"
#include "bc_patience.h"
#include "bc_segment_writer.h"
#include "bc_thread.h"
#include "bc_time.h"

#define WAIT_NS (50 * BC_NS_PER_MS)		/* for a chunk, before looking at the timers */
#define WAIT_IDLE_NS (10 * BC_NS_PER_S)		/* and when there is nothing to look for */
#define SETTLE_NS (200 * BC_NS_PER_MS)		/* of a direct store: until then nothing counts as written */

struct bc_committer {
	struct bc_committer_config cfg;
	const char *name;		/* the output's, for the log */
	pthread_t thread;
	bool started;

	uint64_t seq;			/* the chunk that comes next */
	bool begun;			/* the store has a segment */
	bool end_pending;		/* its last chunk has come, its end is not written yet */

	struct bc_segment_writer *writer;
	struct bc_patience patience;
	struct bc_delivery *delivery;
	struct bc_mirror_feed mirror;

	struct bc_log_limit lost_limit;	/* of lines on packets that a segment lost */

	bool dirty;			/* something was written since the last sync */
	uint64_t synced_mono_ns, settled_mono_ns;
	uint64_t chunk_mono_ns;		/* when the last chunk was written */

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
		.buffers_free = bc_bufpool_available(c->cfg.pool),
		.buffers = bc_bufpool_total(c->cfg.pool),
	};
}

/* A call of the store returned r: wait, if it is worth repeating. */
static bool again(struct bc_committer *c, int r)
{
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

static int write_bytes(void *ctx, const uint8_t *data, size_t len, bool end)
{
	struct bc_committer *c = ctx;
	int r;

	do
		r = end ? bc_store_write_tail(c->cfg.store, data, len) : bc_store_write(c->cfg.store, data, len);
	while (again(c, r));
	if (r)
		return r;
	if (!end)
		c->dirty = true;
	bc_delivery_take_bytes(c->delivery, len);
	return 0;
}

static void finish_segment(struct bc_committer *c)
{
	if (c->cfg.ended)
		c->cfg.ended(c->cfg.ended_ctx, bc_delivery_segment(c->delivery)->from);
	bc_delivery_finish(c->delivery);
	bc_store_finish(c->cfg.store, bc_segment_writer_info(c->writer));
	bc_segment_writer_over(c->writer);
	c->begun = c->end_pending = c->dirty = false;
}

/* The store has all that was written for good. */
static void confirm(struct bc_committer *c)
{
	bc_delivery_confirm(c->delivery);
	bc_segment_writer_mark(c->writer);
}

/* The store has cut the segment back to what was confirmed last. */
static void roll_back(struct bc_committer *c, int r)
{
	uint64_t packets = bc_delivery_pending(c->delivery)->packets;

	if (packets)
		bc_log_limited(c->cfg.log, &c->lost_limit, BC_ERROR, c->name,
			       "pending writes did not reach the disk (%s): %" PRIu64 " packets lost as %s",
			       strerror(-r), packets, bc_loss_name(bc_patience_loss(r)));
	bc_delivery_lose_pending(c->delivery, bc_patience_loss(r));
	bc_segment_writer_cut(c->writer);
	if (!bc_segment_writer_is_stream(c->writer))
		return;
	/* Its frame cannot go on. The segment keeps its temporary name, and the next packets begin another. */
	finish_segment(c);
}

/* r: why a stream codec's bytes did not all reach the store, or 0. */
static int settle_store(struct bc_committer *c, int r)
{
	int lost = bc_store_settle(c->cfg.store);

	if (lost) {
		roll_back(c, lost);
		return lost;
	}
	if (!r || !bc_segment_writer_is_stream(c->writer))
		confirm(c);
	return r;
}

/* What a chunk carries, without those packets that the format refused. */
static void chunk_tally(const struct bc_chunk *k, uint32_t n_sources, struct bc_tally *ret)
{
	ret->packets = k->packets - k->refused;
	ret->bytes = k->dense;
	ret->file_bytes = 0;
	for (uint32_t s = 0; s < n_sources; s++)
		ret->from[s] = k->from[s] - (k->refused ? k->refused_from[s] : 0);
}

/*
 * Without a limit: what the buffers do not hold is lost at the sources, whose drivers count it, and none of what they
 * hold. 0, or -ECANCELED after an abort.
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

static int begin_store(struct bc_committer *c)
{
	int r = await_watchfile(c);

	if (r)
		return r;
	do
		r = bc_store_begin(c->cfg.store);
	while (again(c, r));
	return r;
}

static int begin_segment(struct bc_committer *c, const struct bc_chunk *k)
{
	if (!c->begun) {
		int r = begin_store(c);

		if (r)
			return r;
		c->begun = true;
	}
	return bc_segment_writer_begin(c->writer, k->segment_begin_ns, k->linktype);
}

/* Its file cannot go on: what it had not brought to the disk is lost, and what comes goes into another one. */
static void fail_segment(struct bc_committer *c, int r)
{
	bc_log_limited(c->cfg.log, &c->lost_limit, BC_ERROR, c->name,
		       "a segment cannot go on (%s): it is not published, what comes goes into the next one", strerror(-r));
	bc_delivery_lose_pending(c->delivery, bc_patience_loss(r));
	bc_store_spoil(c->cfg.store, r);
	finish_segment(c);
}

/* What cannot be written waits for the next try. But a store that settles may have lost what it took before. */
static void push_stream(struct bc_committer *c)
{
	int r = bc_segment_writer_push(c->writer);

	if (r == -ESTALE)
		fail_segment(c, r);
	else if (r)
		settle_store(c, r);
}

static int write_chunk(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *t)
{
	enum bc_loss loss;
	uint64_t lost = bc_delivery_lost(c->delivery, &loss);
	int r = 0;

	if (!bc_segment_writer_begun(c->writer))
		r = begin_segment(c, k);
	if (!r)
		r = bc_segment_writer_describe(c->writer, k->ifaces);
	if (!r && k->stepped_ns && k->len)
		r = bc_segment_writer_tell_step(c->writer, k->stepped_ns, k->first_ns);
	if (!r && k->len)
		r = bc_segment_writer_tell_loss(c->writer, lost, loss, k->first_ns);
	if (!r)
		r = bc_segment_writer_chunk(c->writer, k, t->packets);
	if (r)
		return r;
	bc_delivery_take(c->delivery, t);
	if (bc_segment_writer_is_stream(c->writer))
		push_stream(c);
	else
		bc_delivery_wrote(c->delivery);
	if (!bc_segment_writer_holds(c->writer))
		bc_patience_succeeded(&c->patience);
	return 0;
}

/* All that was taken so far goes to the store, and from there into the file; only then is it written. */
static int settle(struct bc_committer *c)
{
	bool pending = bc_delivery_pending(c->delivery)->packets;

	c->settled_mono_ns = bc_mono_ns();
	return settle_store(c, pending ? bc_segment_writer_flush(c->writer) : bc_segment_writer_push(c->writer));
}

/* Something was taken that is not confirmed. */
static bool unsettled(const struct bc_committer *c)
{
	return bc_delivery_pending(c->delivery)->packets || !bc_store_settled(c->cfg.store);
}

/* The segment's end is there (r == 0), or cannot be written. */
static void close_segment(struct bc_committer *c, int r)
{
	if (!r) {
		confirm(c);
	} else {
		bc_store_spoil(c->cfg.store, r);
		if (bc_patience_loss(r) == BC_LOSS_DISK_ERROR)
			bc_log(c->cfg.log, BC_ERROR, "%s: cannot write the end of a segment (%s): it keeps its "
			       "temporary name; 'braidcap recover' completes it", c->name, strerror(-r));
		bc_delivery_lose_pending(c->delivery, bc_patience_loss(r));
	}
	finish_segment(c);
}

/*
 * Packets wait for space like any block, unless there will be none: then they may have what is reserved for the end.
 * 0, or why the end is still pending.
 */
static int end_segment(struct bc_committer *c, bool last_try)
{
	int r = 0;

	c->end_pending = true;
	/* First, so that the statistics know what was written. */
	if (!bc_segment_writer_closed(c->writer) && unsettled(c))
		r = settle(c);
	if (!bc_segment_writer_begun(c->writer)) {
		c->end_pending = false;
		return 0;
	}
	if (r && bc_delivery_pending(c->delivery)->packets && bc_patience_passes(r) && !last_try)
		return r;
	r = bc_segment_writer_end(c->writer);
	if (r && bc_patience_passes(r))
		return r;
	if (!r)
		r = bc_store_settle(c->cfg.store);
	close_segment(c, r);
	return 0;
}

/* The command reads no more: what it was given is lost with it, and what comes goes to another one. */
static void abandon_segment(struct bc_committer *c)
{
	bc_delivery_abandon(c->delivery);
	bc_store_spoil(c->cfg.store, -ECOMM);
	finish_segment(c);
}

/* Is this the end of the segment, but not of the output? Then it has ended. */
static bool segment_failed(struct bc_committer *c, int r)
{
	if (r == -ECOMM)
		abandon_segment(c);
	else if (r == -ESTALE)
		fail_segment(c, r);
	return r == -ECOMM || r == -ESTALE;
}

/* 0: there is a segment, or one may be begun. -ECOMM: the buffers cannot wait until then. */
static int await_restart(struct bc_committer *c)
{
	while (!c->begun && bc_mono_ns() < bc_delivery_begin_ns(c->delivery)) {
		struct bc_pressure at = pressure(c);

		if (bc_patience_is_out(&c->patience, &at))
			return -ECOMM;
		sleep_ns(BC_PATIENCE_RETRY_NS);
		bc_delivery_reap(c->delivery);
	}
	return 0;
}

static int commit_chunk(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *t)
{
	int r;

	while (!(r = await_restart(c))) {
		r = write_chunk(c, k, t);
		if (!segment_failed(c, r))
			break;
	}
	return r;
}

/* Bytes or an end that the disk did not take must go first. */
static int retry_pending(struct bc_committer *c)
{
	int r;

	if (atomic_load(&c->reader_gone))
		return -EPIPE;
	if (c->end_pending)
		return end_segment(c, false);
	if (!bc_segment_writer_holds(c->writer))
		return 0;
	r = bc_segment_writer_push(c->writer);
	return segment_failed(c, r) ? 0 : r;
}

/* A chunk that was not written. The first of a run of losses is told; the ledger has them all. */
static void lose_chunk(struct bc_committer *c, const struct bc_tally *t, int r)
{
	enum bc_loss loss = bc_patience_loss(r), last;

	if (loss == BC_LOSS_DISK_ERROR && bc_delivery_lost(c->delivery, &last) == bc_segment_writer_lost_told(c->writer))
		bc_log(c->cfg.log, BC_ERROR, "%s: writing failed (%s): packets are lost as disk_error", c->name, strerror(-r));
	bc_delivery_lose(c->delivery, t, loss);
	settle_store(c, r);
}

static void handle(struct bc_committer *c, const struct bc_chunk *k)
{
	struct bc_tally t;
	int r;

	chunk_tally(k, c->cfg.ledger->n_sources, &t);
	if (k->refused)
		bc_delivery_refuse(c->delivery, k->refused_from);
	/* Here, because here chunks are in order, and still whole records or blocks that can be read alone. */
	bc_mirror_feed_chunk(&c->mirror, k, t.packets);
	r = retry_pending(c);
	if (!r && !k->no_segment)
		r = commit_chunk(c, k, &t);
	if (r)
		lose_chunk(c, &t, r);
	/* A file that may not grow is over, too. */
	if ((k->segment_end || r == -EFBIG) && bc_segment_writer_begun(c->writer))
		end_segment(c, false);
}

/* Bring to disk, about every flush_ns, what was written; into the file, when nothing more comes. */
static void sync_when_due(struct bc_committer *c)
{
	uint64_t now = bc_mono_ns();
	bool due = now - c->synced_mono_ns >= c->cfg.flush_ns;
	/* A stream codec would compress worse for it. */
	bool soon = !bc_segment_writer_is_stream(c->writer) &&
		    (now - c->chunk_mono_ns >= WAIT_NS || now - c->settled_mono_ns >= SETTLE_NS);

	if ((due || soon) && bc_segment_writer_begun(c->writer) && !c->end_pending && unsettled(c))
		settle(c);
	if (!due)
		return;
	c->synced_mono_ns = now;
	if (c->dirty)
		bc_store_sync(c->cfg.store);
	c->dirty = false;
}

/* What the system had taken may not have reached the disk. */
static void look_at_disk(struct bc_committer *c)
{
	uint64_t bytes;
	int r = c->begun ? bc_store_synced(c->cfg.store, &bytes) : 0;

	if (r)
		fail_segment(c, r);
}

/* Is nothing to be done but to wait for the next chunk? */
static bool idle(const struct bc_committer *c)
{
	return !c->dirty && !c->end_pending && !unsettled(c) && !bc_segment_writer_holds(c->writer) &&
	       !bc_delivery_waits(c->delivery);
}

/* The next chunk in sequence; NULL when it has not come yet. */
static struct bc_chunk *next_chunk(struct bc_committer *c)
{
	struct bc_link *lane = c->cfg.lane[c->seq % c->cfg.n_lanes];
	const struct bc_desc *d;
	struct bc_chunk *k;
	struct timespec until;
	uint64_t ns;

	if (bc_link_peek(lane, &d)) {
		k = bc_desc_obj(d);
		bc_link_pop(lane, 1);
		atomic_store_explicit(c->cfg.awaited, ++c->seq, memory_order_relaxed);
		return k;
	}
	ns = bc_mono_ns() + (idle(c) ? WAIT_IDLE_NS : WAIT_NS);
	until = (struct timespec){ .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };
	sem_clockwait(c->cfg.ready, CLOCK_MONOTONIC, &until);
	return NULL;
}

static void recycle(struct bc_committer *c, struct bc_chunk *k)
{
	if (k->buf)
		bc_bufpool_put(c->cfg.pool, k->buf);
	k->buf = NULL;
	bc_link_put(c->cfg.free_chunks, 0, bc_desc_word(k, 0, 0));
}

/* The last chunk is through; what a full disk still keeps back is given up. */
static void give_up_rest(struct bc_committer *c)
{
	int r = c->end_pending ? end_segment(c, true) : 0;

	if (!r)
		return;
	bc_log(c->cfg.log, BC_ERROR, "%s: no space to finish the last segment: it keeps its temporary name; free some "
	       "space, then 'braidcap recover' completes it", c->name);
	bc_delivery_lose_pending(c->delivery, bc_patience_loss(r));
}

static void *run(void *arg)
{
	struct bc_committer *c = arg;
	bool last = false;

	c->synced_mono_ns = c->settled_mono_ns = bc_mono_ns();
	while (!last && !atomic_load(&c->aborted)) {
		struct bc_chunk *k = next_chunk(c);

		if (k) {
			handle(c, k);
			last = k->last;
			recycle(c, k);
			c->chunk_mono_ns = bc_mono_ns();
		}
		sync_when_due(c);
		look_at_disk(c);
		bc_delivery_reap(c->delivery);
		if (!bc_delivery_waits(c->delivery))
			bc_patience_caught_up(&c->patience);
	}
	if (last)
		give_up_rest(c);
	else if (!bc_segment_writer_is_stream(c->writer))
		settle_store(c, 0);
	bc_delivery_drain(c->delivery);
	atomic_store(&c->done, true);
	if (c->cfg.over)
		c->cfg.over(c->cfg.over_ctx);
	return NULL;
}

static int new_writer(struct bc_committer *c, struct bc_err *err)
{
	const struct bc_committer_config *cfg = &c->cfg;
	const struct bc_segment_writer_config wc = {
		.section = cfg->section,
		.codec = cfg->codec,
		.level = cfg->level,
		.stream_workers = cfg->stream_workers,
		.block_max = cfg->block_max,
		.write = write_bytes,
		.write_ctx = c,
		.filter = cfg->filter,
		.filter_ctx = cfg->filter_ctx,
	};

	return bc_segment_writer_new(&wc, &c->writer, err);
}

static int new_delivery(struct bc_committer *c, struct bc_err *err)
{
	const struct bc_delivery_config dc = {
		.store = c->cfg.store,
		.ledger = c->cfg.ledger,
		.output = c->cfg.section.output,
		.stream = bc_segment_writer_is_stream(c->writer),
		.piped = c->cfg.piped,
		.aborted = &c->aborted,
		.log = c->cfg.log,
	};

	return bc_delivery_new(&dc, &c->delivery, err);
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
	bc_mirror_feed_init(&c->mirror, cfg->mirror, &cfg->section, cfg->codec);
	r = new_writer(c, err);
	if (!r)
		r = new_delivery(c, err);
	if (r) {
		bc_committer_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int bc_committer_start(struct bc_committer *c)
{
	int r = bc_thread_start(&c->thread, "bc-commit", run, c);

	c->started = r == 0;
	return r;
}

void bc_committer_stopping(struct bc_committer *c)
{
	if (c)
		atomic_store(&c->stopping, true);
}

void bc_committer_draining(struct bc_committer *c)
{
	atomic_store(&c->draining, true);
}

void bc_committer_result(struct bc_committer *c, uint64_t file_bytes, int err)
{
	bc_delivery_result(c->delivery, file_bytes, err);
}

void bc_committer_abort(struct bc_committer *c)
{
	atomic_store(&c->aborted, true);
	bc_store_cancel(c->cfg.store);
	sem_post(c->cfg.ready);
}

void bc_committer_join(struct bc_committer *c)
{
	if (c->started)
		pthread_join(c->thread, NULL);
	c->started = false;
}

bool bc_committer_done(const struct bc_committer *c)
{
	return atomic_load(&c->done);
}

bool bc_committer_reader_gone(const struct bc_committer *c)
{
	return atomic_load(&c->reader_gone);
}

void bc_committer_free(struct bc_committer *c)
{
	if (!c)
		return;
	bc_segment_writer_free(c->writer);
	bc_delivery_free(c->delivery);
	bc_mirror_feed_fini(&c->mirror);
	free(c);
}
