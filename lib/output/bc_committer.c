/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_committer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bc_time.h"

#define WAIT_NS (50 * BC_NS_PER_MS)		/* for a chunk, before looking at the timers */
#define WAIT_IDLE_NS (10 * BC_NS_PER_S)		/* and when there is nothing to look for */
#define RETRY_NS (20 * BC_NS_PER_MS)		/* between attempts on a full disk, and looks at a watchfile */
#define SETTLE_NS (200 * BC_NS_PER_MS)		/* of a direct store: until then nothing counts as written */
#define TEXT_MIN 4096
#define DRAIN_PATIENCE_NS (1 * BC_NS_PER_S)	/* for a full disk, once the sources have stopped */
#define RESTART_MIN_NS (1 * BC_NS_PER_S)	/* between starts of a command that fails; doubled each time */
#define RESTART_MAX_NS (64 * BC_NS_PER_S)
#define FATES (2 * BC_STORE_QUEUE_MAX)		/* more than segments can wait for theirs */

/* The segment as it was when the store had settled last: what remains of it if the next settling fails. */
struct mark {
	bool headed;
	uint32_t ifaces;
	uint64_t noted;
	struct bc_segment_info info;
};

/* What became of a segment behind a command. */
struct fate {
	uint64_t file_bytes;
	int err;
};

struct bc_committer {
	struct bc_committer_config cfg;
	struct bc_output_account *account;
	pthread_t thread;
	bool started;

	uint64_t seq;			/* the chunk that comes next */
	bool begun;			/* the store has a segment */
	bool headed;			/* and its beginning was written */
	bool end_pending;		/* its last chunk has come, its end is not written yet */
	bool frame_ended;		/* of a stream codec: the end is in out */
	uint32_t ifaces;		/* described in it */
	struct bc_segment_info info;
	uint64_t lost;			/* packets */
	uint64_t noted;			/* of these, how many a segment tells of */
	enum bc_loss lost_as;

	struct bc_lz4 *lz4;		/* for the segments' own bytes */
	struct bc_stream *stream;
	struct bc_tally pending;	/* known only when a stream codec's bytes were written, or the store has settled */
	struct bc_backlog *backlog;	/* of a store that lags, behind pending; else NULL */
	struct mark mark;
	struct bc_tally handed;		/* what the store has of the current segment, for good */

	/* Behind a command. */
	struct bc_tally *waiting;	/* a ring of FATES: what was given to those whose fate is unknown */
	uint32_t finished, judged;	/* segments; those between wait */
	struct fate fate[FATES];	/* the publishing thread writes, before it counts fated up */
	uint64_t restart_ns;		/* not to be begun anew before this, after a failure */
	uint64_t restart_wait_ns;

	uint8_t *out;			/* bytes of the stream codec that the store has not taken yet */
	size_t out_len, out_cap;
	uint8_t *text;			/* the segments' own bytes, plain; text_cap of them */
	size_t text_cap;
	uint8_t *coded;			/* and as blocks */
	uint32_t mirrored_ifaces;		/* described to the mirror */
	bool mirrored;			/* the mirror knows how the file begins */
	int32_t mirrored_linktype;	/* classic pcap: and this is its link type */

	bool dirty;			/* something was written since the last sync */
	uint64_t synced_mono_ns, settled_mono_ns;
	uint64_t chunk_mono_ns;		/* when the last chunk was written */
	uint64_t drain_since_ns;
	bool full_said, slow_said;

	_Atomic uint32_t fated;
	_Atomic bool stopping, draining, aborted, done, reader_gone;
};

static int to_out(void *ctx, const uint8_t *data, size_t len)
{
	struct bc_committer *c = ctx;

	if (c->out_cap - c->out_len < len) {
		size_t cap = (c->out_len + len) * 2;
		uint8_t *p = realloc(c->out, cap);

		if (!p)
			return -ENOMEM;
		c->out = p;
		c->out_cap = cap;
	}
	memcpy(c->out + c->out_len, data, len);
	c->out_len += len;
	return 0;
}

/* Packets may be given up: the buffers are nearly full, or the capture ends and the disk stayed full. */
static bool out_of_patience(struct bc_committer *c)
{
	if (atomic_load(&c->aborted))
		return true;
	if (atomic_load(&c->draining)) {
		if (!c->drain_since_ns)
			c->drain_since_ns = bc_mono_ns();
		if (bc_mono_ns() - c->drain_since_ns > DRAIN_PATIENCE_NS)
			return true;
		return false;
	}
	/* One is always left, see bc_lane. */
	return bc_bufpool_available(c->cfg.pool) <= bc_bufpool_total(c->cfg.pool) / 8 + 1;
}

static void say_full(struct bc_committer *c, bool full)
{
	if (full && !c->full_said)
		bc_log(c->cfg.log, BC_ERROR, "%s: no space left: buffering, then losing packets as disk_full, until there is room",
		       c->account->name);
	else if (!full && c->full_said)
		bc_log(c->cfg.log, BC_NOTICE, "%s: there is space again: the capture goes on", c->account->name);
	c->full_said = full;
}

static void say_slow(struct bc_committer *c, bool slow)
{
	if (slow && !c->slow_said)
		bc_log(c->cfg.log, BC_ERROR, "%s: the peer's queue is full: losing packets as peer_slow, until it has caught up",
		       c->account->name);
	else if (!slow && c->slow_said)
		bc_log(c->cfg.log, BC_NOTICE, "%s: the peer has caught up", c->account->name);
	c->slow_said = slow;
}

static void nap(uint64_t ns)
{
	nanosleep(&(struct timespec){ .tv_nsec = (long)ns }, NULL);
}

/* Repeat a call of the store while the disk is full and the buffers can wait. */
#define PATIENTLY(c, call) \
	({ \
		int r_; \
		while ((r_ = (call)) == -ENOSPC || r_ == -EDQUOT || r_ == -EAGAIN) { \
			if (r_ != -EAGAIN) \
				say_full(c, true); \
			if (out_of_patience(c)) \
				break; \
			nap(RETRY_NS); \
		} \
		if (!r_) \
			say_full(c, false); \
		else if (r_ == -EPIPE) \
			atomic_store(&(c)->reader_gone, true); \
		r_; \
	})

static int write_block(struct bc_committer *c, const uint8_t *data, size_t len)
{
	int r = len ? PATIENTLY(c, bc_store_write(c->cfg.store, data, len)) : 0;

	if (!r && len) {
		c->dirty = !c->cfg.piped;
		c->pending.file_bytes += len;
	}
	return r;
}

static int write_end(struct bc_committer *c, const uint8_t *data, size_t len)
{
	int r = PATIENTLY(c, bc_store_write_tail(c->cfg.store, data, len));

	if (!r)
		c->pending.file_bytes += len;
	return r;
}

/* Hand to the store what the stream codec has put out. */
static int write_out(struct bc_committer *c, bool end)
{
	int r = end ? write_end(c, c->out, c->out_len) : write_block(c, c->out, c->out_len);

	if (!r)
		c->out_len = 0;
	return r;
}

static enum bc_loss loss_of(int r)
{
	switch (r) {
	case -ENOSPC:
	case -EDQUOT:
	case -EAGAIN:
		return BC_LOSS_DISK_FULL;
	case -EPIPE:
		return BC_LOSS_READER_GONE;
	case -ECOMM:
		return BC_LOSS_PIPE_ERROR;
	case -ENOBUFS:
		return BC_LOSS_PEER_SLOW;
	case -ECANCELED:
		return BC_LOSS_ABORTED;
	default:
		return BC_LOSS_DISK_ERROR;
	}
}

static void enter_lost(struct bc_committer *c, const struct bc_tally *p, enum bc_loss loss)
{
	for (uint32_t s = 0; s < c->cfg.ledger->n_sources; s++)
		if (p->from[s])
			bc_counter_add(&c->account->source[s].dropped[loss], p->from[s]);
}

/* Lost here: its place will be marked. */
static void count_lost(struct bc_committer *c, const struct bc_tally *p, enum bc_loss loss)
{
	enter_lost(c, p, loss);
	c->lost += p->packets;
	c->lost_as = loss;
}

static void enter_written(struct bc_committer *c, const struct bc_tally *p)
{
	for (uint32_t s = 0; s < c->cfg.ledger->n_sources; s++)
		if (p->from[s])
			bc_counter_add(&c->account->source[s].written, p->from[s]);
	bc_counter_add(&c->account->written, p->packets);
	bc_counter_add(&c->account->written_bytes, p->bytes);
	bc_counter_add(&c->account->file_bytes, p->file_bytes);
}

/* The store has what is pending for good; what is behind it, a command or a peer, may still lose it. */
static void keep(struct bc_committer *c)
{
	bc_tally_add(&c->handed, &c->pending);
	if (c->backlog && (c->pending.packets || c->pending.file_bytes))
		bc_backlog_push(c->backlog, bc_store_size(c->cfg.store), &c->pending);
	else if (!c->backlog && !c->cfg.piped)
		enter_written(c, &c->pending);
	memset(&c->pending, 0, sizeof(c->pending));
	c->mark = (struct mark){ .headed = c->headed, .ifaces = c->ifaces, .noted = c->noted, .info = c->info };
}

/* What a store that lags has passed on by now. */
static void count_passed(struct bc_committer *c)
{
	struct bc_tally t;

	while (c->backlog && bc_backlog_pop(c->backlog, bc_store_passed(c->cfg.store), &t))
		enter_written(c, &t);
	if (c->slow_said && c->begun && bc_store_passed(c->cfg.store) == bc_store_size(c->cfg.store))
		say_slow(c, false);
}

/* The last chunk is through: what a store that lags passes on in the time it has, and what it does not. */
static void drain(struct bc_committer *c)
{
	struct bc_tally t, lost = { .packets = 0 };

	if (!c->backlog)
		return;
	bc_store_drain(c->cfg.store);
	count_passed(c);
	if (atomic_load(&c->aborted))
		return;
	while (bc_backlog_pop(c->backlog, UINT64_MAX, &t))
		bc_tally_add(&lost, &t);
	if (lost.packets)
		bc_log(c->cfg.log, BC_ERROR, "%s: the peer did not take all in time: %" PRIu64 " packets lost as %s", c->account->name,
		       lost.packets, bc_loss_name(BC_LOSS_PEER_SLOW));
	count_lost(c, &lost, BC_LOSS_PEER_SLOW);
}

static void segment_over(struct bc_committer *c)
{
	c->begun = c->headed = c->end_pending = c->frame_ended = c->dirty = false;
	c->out_len = 0;
	memset(&c->pending, 0, sizeof(c->pending));
	c->mark = (struct mark){ .noted = c->noted };
}

static void finish_segment(struct bc_committer *c)
{
	if (c->cfg.ended)
		c->cfg.ended(c->cfg.ended_ctx, c->handed.from);
	if (c->cfg.piped)
		c->waiting[c->finished++ % FATES] = c->handed;
	memset(&c->handed, 0, sizeof(c->handed));
	bc_store_finish(c->cfg.store, &c->info);
	segment_over(c);
}

/* The store has cut the segment back to the mark. */
static void roll_back(struct bc_committer *c, int r)
{
	if (c->pending.packets)
		bc_log(c->cfg.log, BC_ERROR, "%s: what was being written did not reach the disk (%s): %" PRIu64 " packets lost as %s",
		       c->account->name, strerror(-r), c->pending.packets, bc_loss_name(loss_of(r)));
	count_lost(c, &c->pending, loss_of(r));
	memset(&c->pending, 0, sizeof(c->pending));
	c->headed = c->mark.headed;
	c->ifaces = c->mark.ifaces;
	c->noted = c->mark.noted;
	c->info = c->mark.info;
	if (!c->stream)
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
	if (!r || !c->stream)
		keep(c);
	return r;
}

/* What a chunk carries, without those that the format refused, which are entered at once. */
static struct bc_tally cargo(struct bc_committer *c, const struct bc_chunk *k)
{
	struct bc_tally p = { .packets = k->packets - k->refused, .bytes = k->dense };

	for (uint32_t s = 0; s < c->cfg.ledger->n_sources; s++) {
		p.from[s] = k->from[s] - (k->refused ? k->refused_from[s] : 0);
		if (k->refused && k->refused_from[s])
			bc_counter_add(&c->account->source[s].dropped[BC_LOSS_LINK_TYPE], k->refused_from[s]);
	}
	return p;
}

static const char *filter_of(struct bc_committer *c)
{
	return c->cfg.filter ? c->cfg.filter(c->cfg.filter_ctx) : NULL;
}

/* Make room for plain bytes of the segment's own, and for the blocks they become. */
static int reserve_text(struct bc_committer *c, size_t len)
{
	uint8_t *text, *coded;

	if (len <= c->text_cap)
		return 0;
	text = realloc(c->text, len);
	if (text)
		c->text = text;
	coded = realloc(c->coded, len + (len / 4096 + 2) * (BC_LZ4_BLOCK_OVERHEAD + BC_LZ4_HEADER_MAX));
	if (coded)
		c->coded = coded;
	if (!text || !coded)
		return -ENOMEM;
	c->text_cap = len;
	return 0;
}

/* len bytes of text into coded, behind the at bytes that are there; returns the new end. */
static size_t encode_text(struct bc_committer *c, size_t len, size_t at)
{
	bool stored;

	if (c->cfg.codec == BC_CODEC_NONE) {
		memcpy(c->coded + at, c->text, len);
		return at + len;
	}
	for (size_t done = 0; done < len;) {
		size_t n = len - done < c->cfg.block_max ? len - done : c->cfg.block_max;

		at += bc_lz4_block(c->lz4, c->text + done, n, c->coded + at, 1, &stored);
		done += n;
	}
	return at;
}

static int begin_bytes(struct bc_committer *c, size_t len)
{
	size_t at = 0;
	int r;

	if (c->stream) {
		c->out_len = 0;
		r = bc_stream_begin(c->stream);
		return r ? r : bc_stream_feed(c->stream, c->text, len);
	}
	if (c->cfg.codec == BC_CODEC_LZ4)
		at = bc_lz4_header(c->coded, c->cfg.block_max);
	return write_block(c, c->coded, encode_text(c, len, at));
}

/*
 * Without a limit: what the buffers do not hold is lost at the sources, whose drivers count it, and none of what they hold. 0, or
 * -ECANCELED after an abort.
 */
static int await_watchfile(struct bc_committer *c)
{
	bool said = false;

	while (c->cfg.watchfile && access(c->cfg.watchfile, F_OK) < 0 && !atomic_load(&c->stopping)) {
		if (atomic_load(&c->aborted))
			return -ECANCELED;
		if (!said)
			bc_log(c->cfg.log, BC_NOTICE, "%s: the next segment waits for %s: buffering", c->account->name, c->cfg.watchfile);
		said = true;
		nap(RETRY_NS);
	}
	if (said)
		bc_log(c->cfg.log, BC_NOTICE, "%s: the next segment begins", c->account->name);
	return 0;
}

static int begin_store(struct bc_committer *c)
{
	int r = await_watchfile(c);

	return r ? r : PATIENTLY(c, bc_store_begin(c->cfg.store));
}

static int begin_segment(struct bc_committer *c, const struct bc_chunk *k)
{
	const char *filter = filter_of(c);
	uint32_t ifaces = bc_iface_count(c->cfg.section.ifaces);
	size_t len = bc_section_begin(&c->cfg.section, ifaces, filter, NULL, 0);
	int r;

	if (!c->begun) {
		r = begin_store(c);
		if (r)
			return r;
		c->begun = true;
	}
	r = reserve_text(c, len);
	if (r)
		return r;
	len = bc_section_begin(&c->cfg.section, ifaces, filter, c->text, len);
	r = begin_bytes(c, len);
	if (r)
		return r;
	c->headed = true;
	c->ifaces = ifaces;
	c->info = (struct bc_segment_info){ .begin_ns = k->segment_begin_ns, .bytes = len };
	return 0;
}

/* Text within a segment: interfaces that appeared, and the place of a loss. */
static int insert_text(struct bc_committer *c, size_t len)
{
	if (c->stream)
		return bc_stream_feed(c->stream, c->text, len);
	return write_block(c, c->coded, encode_text(c, len, 0));
}

static int describe_ifaces(struct bc_committer *c, uint32_t to)
{
	const char *filter = filter_of(c);
	size_t len = bc_section_more(&c->cfg.section, c->ifaces, to, filter, NULL, 0);
	int r = reserve_text(c, len);

	if (r || !len)
		return r;
	r = insert_text(c, bc_section_more(&c->cfg.section, c->ifaces, to, filter, c->text, len));
	if (!r)
		c->ifaces = to;
	return r;
}

static int mark_loss(struct bc_committer *c, uint64_t ts_ns)
{
	size_t len = bc_section_stats(&c->cfg.section, c->ifaces, ts_ns, NULL, NULL, 0);
	char note[128];
	int r = reserve_text(c, len);

	if (!len)
		c->noted = c->lost;
	if (r || !len)
		return r;
	snprintf(note, sizeof(note), "%" PRIu64 " packets were lost here: %s", c->lost - c->noted, bc_loss_name(c->lost_as));
	r = insert_text(c, bc_section_stats(&c->cfg.section, c->ifaces, ts_ns, note, c->text, len));
	if (!r)
		c->noted = c->lost;
	return r;
}

static void taken(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *p)
{
	c->pending.packets += p->packets;
	c->pending.bytes += p->bytes;
	for (uint32_t s = 0; s < c->cfg.ledger->n_sources; s++)
		c->pending.from[s] += p->from[s];
	if (p->packets && !c->info.packets)
		c->info.first_ns = k->first_ns;
	if (p->packets)
		c->info.last_ns = k->last_ns;
	c->info.packets += p->packets;
	c->info.bytes += k->dense;
}

static int write_chunk(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *p)
{
	int r = 0;

	if (!c->headed)
		r = begin_segment(c, k);
	if (!r && k->ifaces > c->ifaces)
		r = describe_ifaces(c, k->ifaces);
	if (!r && c->lost != c->noted && k->len)
		r = mark_loss(c, k->first_ns);
	if (r)
		return r;
	if (!c->stream)
		r = write_block(c, k->data, k->len);
	else
		r = k->len ? bc_stream_feed(c->stream, k->data, k->len) : 0;
	if (r)
		return r;
	taken(c, k, p);
	if (c->stream)
		write_out(c, false);
	else if (bc_store_settled(c->cfg.store))
		keep(c);
	return 0;
}

/* All that was taken so far goes to the store, and from there into the file; only then is it written. */
static int settle(struct bc_committer *c)
{
	c->settled_mono_ns = bc_mono_ns();
	int r = c->stream && c->pending.packets ? bc_stream_flush(c->stream) : 0;

	if (!r && c->stream)
		r = write_out(c, false);
	return settle_store(c, r);
}

/* The end of the segment's frame, behind its statistics. */
static int end_bytes(struct bc_committer *c, size_t stats)
{
	size_t at;
	int r;

	if (c->stream) {
		r = !c->frame_ended && stats ? bc_stream_feed(c->stream, c->text, stats) : 0;
		if (!r && !c->frame_ended)
			r = bc_stream_end(c->stream);
		c->frame_ended = !r;
		return r ? r : write_out(c, true);
	}
	at = encode_text(c, stats, 0);
	if (c->cfg.codec == BC_CODEC_LZ4) {
		bc_lz4_end(c->coded + at);
		at += BC_LZ4_END_SIZE;
	}
	return write_end(c, c->coded, at);
}

static size_t stats_text(struct bc_committer *c)
{
	size_t len = bc_section_stats(&c->cfg.section, c->ifaces, bc_utc_ns(), NULL, NULL, 0);

	if (!len || reserve_text(c, len))
		return 0;
	return bc_section_stats(&c->cfg.section, c->ifaces, bc_utc_ns(), NULL, c->text, len);
}

/* Packets wait for space like any block, unless there will be none: then they may have what is reserved for the end. */
static void end_segment(struct bc_committer *c, bool last_try)
{
	int r = 0;

	/* First, so that the statistics know what was written. */
	if (!c->frame_ended && (c->pending.packets || !bc_store_settled(c->cfg.store)))
		r = settle(c);
	if (!c->headed) {
		c->end_pending = false;
		return;
	}
	if (r && c->pending.packets && loss_of(r) == BC_LOSS_DISK_FULL && !last_try)
		return;
	r = end_bytes(c, stats_text(c));
	if (r && loss_of(r) == BC_LOSS_DISK_FULL)
		return;
	if (!r)
		r = bc_store_settle(c->cfg.store);
	if (r) {
		bc_store_spoil(c->cfg.store, r);
		if (loss_of(r) == BC_LOSS_DISK_ERROR)
			bc_log(c->cfg.log, BC_ERROR, "%s: the end of a segment could not be written (%s): it keeps its temporary "
			       "name; 'braidcap recover' makes it whole", c->account->name, strerror(-r));
		count_lost(c, &c->pending, loss_of(r));
	} else {
		keep(c);
	}
	finish_segment(c);
}

/* Enter in the ledger what has become of segments behind a command. */
static void judge_segments(struct bc_committer *c)
{
	uint32_t fated = atomic_load_explicit(&c->fated, memory_order_acquire);

	for (; c->judged != fated; c->judged++) {
		const struct fate *f = &c->fate[c->judged % FATES];
		struct bc_tally *p = &c->waiting[c->judged % FATES];

		if (f->err) {
			enter_lost(c, p, loss_of(f->err));
			continue;
		}
		p->file_bytes = f->file_bytes;
		enter_written(c, p);
		c->restart_wait_ns = 0;
	}
}

/*
 * The command reads no more: what it was given is lost with it, and what comes goes to another one. That is started at once, and
 * if it fails too, the next ones later and later.
 */
static void abandon_segment(struct bc_committer *c)
{
	count_lost(c, &c->pending, BC_LOSS_PIPE_ERROR);
	bc_store_spoil(c->cfg.store, -ECOMM);
	finish_segment(c);
	c->restart_ns = bc_mono_ns() + c->restart_wait_ns;
	c->restart_wait_ns = c->restart_wait_ns ? 2 * c->restart_wait_ns : RESTART_MIN_NS;
	if (c->restart_wait_ns > RESTART_MAX_NS)
		c->restart_wait_ns = RESTART_MAX_NS;
}

/* 0: there is a command, or one may be started. -ECOMM: the buffers cannot wait until then. */
static int await_restart(struct bc_committer *c)
{
	while (!c->begun && bc_mono_ns() < c->restart_ns) {
		if (out_of_patience(c))
			return -ECOMM;
		nap(RETRY_NS);
		judge_segments(c);
	}
	return 0;
}

static int write_piped(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *p)
{
	int r;

	while (!(r = await_restart(c))) {
		r = write_chunk(c, k, p);
		if (r != -ECOMM)
			break;
		abandon_segment(c);
	}
	return r;
}

/* Bytes or an end that the disk did not take must go first. */
static int unclog(struct bc_committer *c)
{
	int r;

	if (atomic_load(&c->reader_gone))
		return -EPIPE;
	if (c->end_pending) {
		end_segment(c, false);
		return c->end_pending ? -ENOSPC : 0;
	}
	if (!c->headed || !c->out_len)
		return 0;
	r = write_out(c, false);
	if (r != -ECOMM)
		return r;
	abandon_segment(c);
	return 0;
}

/* What the mirror needs to know before it can read a chunk with these interfaces. */
static bool tell_mirror(struct bc_committer *c, uint32_t ifaces)
{
	const struct bc_section *s = &c->cfg.section;
	size_t len;

	if (s->linktype != c->mirrored_linktype)
		c->mirrored = false;
	if (c->mirrored && ifaces <= c->mirrored_ifaces)
		return true;
	len = c->mirrored ? bc_section_more(s, c->mirrored_ifaces, ifaces, NULL, NULL, 0) : bc_section_begin(s, ifaces, NULL, NULL, 0);
	if (reserve_text(c, len))
		return false;
	len = c->mirrored ? bc_section_more(s, c->mirrored_ifaces, ifaces, NULL, c->text, len)
			: bc_section_begin(s, ifaces, NULL, c->text, len);
	bc_mirror_text(c->cfg.mirror, c->text, len);
	c->mirrored = true;
	c->mirrored_linktype = s->linktype;
	c->mirrored_ifaces = ifaces;
	return true;
}

/* Here, because here chunks are in order, and still whole records or blocks that can be read alone. */
static void mirror(struct bc_committer *c, const struct bc_chunk *k, const struct bc_tally *p)
{
	if (k->len && bc_mirror_wanted(c->cfg.mirror) && tell_mirror(c, k->ifaces))
		bc_mirror_chunk(c->cfg.mirror, c->cfg.codec == BC_CODEC_LZ4, k->data, k->len, k->dense, (uint32_t)p->packets);
}

static void handle(struct bc_committer *c, const struct bc_chunk *k)
{
	struct bc_tally p = cargo(c, k);
	int r;

	c->cfg.section.linktype = k->linktype;
	if (c->cfg.mirror)
		mirror(c, k, &p);
	r = unclog(c);

	if (!r && !k->no_segment)
		r = c->cfg.piped ? write_piped(c, k, &p) : write_chunk(c, k, &p);
	/* The first of a run of losses is told; the ledger has them all. */
	if (r && loss_of(r) == BC_LOSS_DISK_ERROR && c->lost == c->noted)
		bc_log(c->cfg.log, BC_ERROR, "%s: writing failed (%s): packets are lost as disk_error", c->account->name,
		       strerror(-r));
	if (r == -ENOBUFS)
		say_slow(c, true);
	if (r)
		count_lost(c, &p, loss_of(r));
	if (r)
		settle_store(c, r);
	if (k->segment_end && c->headed) {
		c->end_pending = true;
		end_segment(c, false);
	}
}

/* Bring to disk, about every flush_ns, what was written; into the file, when nothing more comes. */
static void sync_when_due(struct bc_committer *c)
{
	uint64_t now = bc_mono_ns();
	bool due = now - c->synced_mono_ns >= c->cfg.flush_ns;
	/* A stream codec would compress worse for it. */
	bool soon = !c->stream && (now - c->chunk_mono_ns >= WAIT_NS || now - c->settled_mono_ns >= SETTLE_NS);

	if ((due || soon) && c->headed && !c->end_pending && (c->pending.packets || !bc_store_settled(c->cfg.store)))
		settle(c);
	if (!due)
		return;
	c->synced_mono_ns = now;
	if (c->dirty)
		bc_store_sync(c->cfg.store);
	c->dirty = false;
}

/* Is nothing to be done but to wait for the next chunk? */
static bool idle(const struct bc_committer *c)
{
	return !c->dirty && !c->end_pending && !c->pending.packets && !c->out_len && !c->backlog && c->judged == c->finished &&
	       bc_store_settled(c->cfg.store);
}

/* The chunk whose turn it is; NULL when there is none yet. */
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
	if (c->end_pending)
		end_segment(c, true);
	if (!c->end_pending)
		return;
	bc_log(c->cfg.log, BC_ERROR, "%s: no space to end the last segment: it keeps its temporary name; free some space, "
	       "then 'braidcap recover' makes it whole", c->account->name);
	count_lost(c, &c->pending, BC_LOSS_DISK_FULL);
}

static void *run(void *arg)
{
	struct bc_committer *c = arg;
	bool last = false;

	pthread_setname_np(pthread_self(), "bc-commit");
	c->synced_mono_ns = c->settled_mono_ns = bc_mono_ns();
	while (!last && !atomic_load(&c->aborted)) {
		struct bc_chunk *k = next_chunk(c);

		if (k) {
			handle(c, k);
			last = k->last;
			recycle(c, k);
			c->chunk_mono_ns = bc_mono_ns();
		}
		judge_segments(c);
		sync_when_due(c);
		count_passed(c);
	}
	if (last)
		give_up_rest(c);
	else if (!c->stream)
		settle_store(c, 0);
	while (c->judged != c->finished && !atomic_load(&c->aborted)) {
		nap(RETRY_NS / 4);
		judge_segments(c);
	}
	drain(c);
	atomic_store(&c->done, true);
	if (c->cfg.over)
		c->cfg.over(c->cfg.over_ctx);
	return NULL;
}

int bc_committer_new(const struct bc_committer_config *cfg, struct bc_committer **ret, struct bc_err *err)
{
	struct bc_committer *c = calloc(1, sizeof(*c));
	int r = -ENOMEM;

	if (!c)
		return bc_err_set(err, r, "no memory for the committer");
	c->cfg = *cfg;
	c->account = &cfg->ledger->output[cfg->section.output];
	/* A format without a header still has a frame's beginning and end. */
	if (reserve_text(c, TEXT_MIN) || (cfg->piped && !(c->waiting = calloc(FATES, sizeof(*c->waiting))))) {
		bc_err_set(err, r, "no memory for the committer");
		goto fail;
	}
	if (bc_codec_is_stream(cfg->codec)) {
		r = bc_stream_new(cfg->codec, cfg->level, cfg->stream_workers, to_out, c, &c->stream, err);
		if (r)
			goto fail;
	} else {
		c->lz4 = bc_lz4_new();
		if (!c->lz4) {
			bc_err_set(err, r, "no memory for the committer");
			goto fail;
		}
	}
	if (cfg->store && bc_store_lags(cfg->store)) {
		c->backlog = bc_backlog_new();
		if (!c->backlog) {
			r = bc_err_set(err, -ENOMEM, "no memory for the committer");
			goto fail;
		}
	}
	*ret = c;
	return 0;
fail:
	bc_committer_free(c);
	return r;
}

int bc_committer_start(struct bc_committer *c)
{
	int r = pthread_create(&c->thread, NULL, run, c);

	c->started = r == 0;
	return -r;
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

void bc_committer_fate(struct bc_committer *c, uint64_t file_bytes, int err)
{
	uint32_t n = atomic_load_explicit(&c->fated, memory_order_relaxed);

	c->fate[n % FATES] = (struct fate){ .file_bytes = file_bytes, .err = err };
	atomic_store_explicit(&c->fated, n + 1, memory_order_release);
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
	bc_stream_free(c->stream);
	bc_lz4_free(c->lz4);
	bc_backlog_free(c->backlog);
	free(c->out);
	free(c->text);
	free(c->coded);
	free(c->waiting);
	free(c);
}
