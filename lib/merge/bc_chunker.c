/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_chunker.h"

#include <stdlib.h>
#include <string.h>

#include "bc_time.h"

/* Room that stays in the open chunk's lane for the word that ends the chunk. */
#define END_ROOM 1
/* So many packets in a row, each more than a period before the segment's begin: the segment was begun by a time that was wrong. */
#define BACK_RUN 16

static uint64_t later(uint64_t ns, uint64_t by)
{
	return ns > UINT64_MAX - by ? UINT64_MAX : ns + by;
}

static void begin_segment(struct bc_chunker *c, uint64_t ns)
{
	c->segment_begun = true;
	c->segment_begin_ns = ns - c->ahead_ns;
	c->period_ns = 0;
}

/* Its segment begins at once or, if it is to have a packet, with the first. */
static void begin_period(struct bc_chunker *c, uint64_t ns)
{
	if (bc_chunker_over(c))
		return;
	if (c->cfg.skip_empty)
		c->period_ns = ns;
	else
		begin_segment(c, ns);
}

/* The first boundary behind ns: by the wall clock, or a period later. */
static uint64_t due_after(const struct bc_chunker *c, uint64_t ns)
{
	if (!c->cfg.rotate_ns && !c->cfg.rotate_clock.unit)
		return UINT64_MAX;
	if (!c->cfg.rotate_clock.unit)
		return later(ns, c->cfg.rotate_ns);
	return bc_calendar_next(&c->cfg.rotate_clock, ns - c->ahead_ns) + c->ahead_ns;
}

static void set_due(struct bc_chunker *c, uint64_t ns)
{
	c->rotate_due_ns = ns;
	c->segment_due_ns = ns < c->step_ns ? ns : c->step_ns;
}

uint32_t *bc_chunk_new_counts(struct bc_chunk *chunks, uint32_t n, uint32_t n_sources)
{
	uint32_t *counts = calloc(2 * (size_t)n * n_sources, sizeof(*counts));

	for (uint32_t i = 0; counts && i < n; i++) {
		chunks[i].from = counts + 2 * (size_t)i * n_sources;
		chunks[i].refused_from = chunks[i].from + n_sources;
	}
	return counts;
}

void bc_chunker_init(struct bc_chunker *c, const struct bc_chunker_config *cfg)
{
	memset(c, 0, sizeof(*c));
	c->cfg = *cfg;
	c->record_max = ((cfg->snaplen + 3) & ~3U) + 24;
	c->told_max = c->record_max < 4 * BC_DESC_LEN_MAX ? c->record_max : 4 * BC_DESC_LEN_MAX;
	c->step_ns = UINT64_MAX;
	if (cfg->begin_ns || (!cfg->rotate_ns && !cfg->rotate_clock.unit))
		set_due(c, due_after(c, cfg->begin_ns));
	if (cfg->begin_ns)
		begin_period(c, cfg->begin_ns);
}

static bool fetch_next(struct bc_chunker *c)
{
	const struct bc_desc *d;

	if (c->next)
		return true;
	if (!bc_link_peek(c->cfg.free_chunks, &d))
		return false;
	c->next = bc_desc_obj(d);
	bc_link_pop(c->cfg.free_chunks, 1);
	return true;
}

static bool open_chunk(struct bc_chunker *c)
{
	uint32_t lane = (uint32_t)(c->seq % c->cfg.n_lanes);
	struct bc_chunk *k;

	if (c->open)
		return true;
	if (bc_link_room(c->cfg.lane[lane], 1 + END_ROOM) < 1 + END_ROOM || !fetch_next(c))
		return false;
	k = c->next;
	c->next = NULL;
	k->seq = c->seq;
	k->segment = c->segment;
	k->first_ns = k->last_ns = 0;
	k->packets = 0;
	k->stepped_ns = c->stepped_ns;
	c->stepped_ns = 0;
	k->segment_end = k->last = k->no_segment = false;
	memset(k->from, 0, c->cfg.n_sources * sizeof(k->from[0]));
	c->open = k;
	c->open_mono_ns = 0;
	c->bytes = 0;
	c->cur = lane;
	return true;
}

static void end_chunk(struct bc_chunker *c)
{
	struct bc_chunk *k = c->open;

	k->segment_begin_ns = c->segment_begin_ns;
	if (k->packets) {
		k->first_ns -= c->ahead_ns;
		k->last_ns -= c->ahead_ns;
	} else {
		/* The mark stands before packets. */
		c->stepped_ns += k->stepped_ns;
		k->stepped_ns = 0;
	}
	k->ifaces = bc_iface_count(c->cfg.ifaces);
	c->open = NULL;
	c->seq++;
	bc_link_put(c->cfg.lane[c->cur], k->last_ns, bc_desc_word(k, 0, 0));
}

/* If one has begun; the next begins when it is told to, or with the next packet. False: there is no room, nothing was done. */
static bool end_segment(struct bc_chunker *c)
{
	if (!c->segment_begun)
		return true;
	if (!open_chunk(c))
		return false;
	c->open->segment_end = true;
	end_chunk(c);
	c->segment++;
	c->segment_begun = false;
	c->segment_bytes = 0;
	c->segment_packets = 0;
	return true;
}

/* A step of the system clock that is new is a boundary too. */
static inline void look_for_step(struct bc_chunker *c)
{
	const struct bc_steps *s = c->cfg.steps;

	if (__builtin_expect(!s || bc_steps_count(s) == c->steps_seen, 1))
		return;
	c->steps_seen = bc_steps_count(s);
	c->step_ns = bc_steps_from(s, bc_steps_epoch(c->steps_seen));
	set_due(c, c->rotate_due_ns);
}

/* Time has come to the step: what follows is of another epoch, in another chunk, and in another segment where there are many. */
static bool cross_step(struct bc_chunker *c)
{
	const uint64_t from_ns = c->step_ns, ahead_ns = bc_steps_ahead(c->cfg.steps, bc_steps_epoch(c->steps_seen));
	const bool begun = c->segment_begun || c->period_ns;

	if (c->cfg.cut_at_step && !end_segment(c))
		return false;
	if (c->open)
		end_chunk(c);
	c->stepped_ns += (int64_t)(c->ahead_ns - ahead_ns);
	c->ahead_ns = ahead_ns;
	c->step_ns = UINT64_MAX;
	if (c->cfg.cut_at_step && begun && c->cfg.begin_ns)
		begin_period(c, from_ns);
	set_due(c, c->rotate_due_ns ? due_after(c, from_ns) : 0);
	return true;
}

/* Time has come to ts_ns, past the boundary: the period that holds it begins. */
static bool cross_boundary(struct bc_chunker *c, uint64_t ts_ns)
{
	uint64_t due = c->rotate_due_ns;

	if (ts_ns >= c->step_ns)
		return cross_step(c);
	if (due) {
		if (!end_segment(c))
			return false;
		if (c->cfg.rotate_clock.unit)
			due = bc_calendar_begin(&c->cfg.rotate_clock, ts_ns - c->ahead_ns) + c->ahead_ns;
		else
			due += (ts_ns - due) / c->cfg.rotate_ns * c->cfg.rotate_ns;
		begin_period(c, due);
	} else {
		due = ts_ns;
	}
	set_due(c, due_after(c, due));
	if (c->cfg.files && 2 * due > c->rotate_due_ns)
		c->back_ns = 2 * due - c->rotate_due_ns;
	return true;
}

/*
 * A packet lies before back_ns. One alone is out of order; many in a row tell that time is what they say, and they begin a segment of
 * their own. False: there is no room.
 */
static bool look_back(struct bc_chunker *c)
{
	/* Else it is asked again for want of room. */
	if (!c->back_run || c->segment_packets != c->back_at) {
		c->back_run = c->segment_packets == c->back_at + 1 ? c->back_run + 1 : 1;
		c->back_at = c->segment_packets;
	}
	if (c->back_run < BACK_RUN)
		return true;
	if (!end_segment(c))
		return false;
	c->back_run = 0;
	c->back_ns = 0;
	set_due(c, 0);
	return true;
}

enum stop { STOP_ROOM, STOP_WRAP, STOP_DUE, STOP_SEGMENT_FULL, STOP_CHUNK_FULL };

/* Is the segment or the chunk, of which k packets of bytes are new, too full for len more? */
static enum stop full(const struct bc_chunker *c, uint32_t k, uint32_t bytes, uint32_t len)
{
	uint64_t limit = c->cfg.rotate_bytes ? c->cfg.rotate_bytes : UINT64_MAX;

	if (c->segment_bytes - c->bytes + bytes + len > limit && c->segment_packets + k)
		return STOP_SEGMENT_FULL;
	return bytes + len > c->cfg.chunk_bytes && bytes ? STOP_CHUNK_FULL : STOP_ROOM;
}

/* Bytes up to which the open chunk surely can grow. */
static uint32_t surely(const struct bc_chunker *c)
{
	uint64_t before = c->segment_bytes - c->bytes;

	if (!c->cfg.rotate_bytes || c->cfg.rotate_bytes > before + c->cfg.chunk_bytes)
		return c->cfg.chunk_bytes;
	return c->cfg.rotate_bytes > before ? (uint32_t)(c->cfg.rotate_bytes - before) : 0;
}

struct bc_chunker_room bc_chunker_room(struct bc_chunker *c, uint32_t n)
{
	struct bc_chunker_room r = {
		.due_ns = c->segment_due_ns, .back_ns = c->back_ns, .bytes = c->bytes, .sure = surely(c), .told_max = c->told_max,
		.record_max = c->record_max, .overhead = c->cfg.overhead, .snaplen = c->cfg.snaplen, .record_bytes = c->cfg.record_bytes,
	};
	struct bc_link *lane = c->cfg.lane[c->cur];
	uint32_t room;

	if (!c->open)
		return r;
	room = bc_link_room(lane, n + END_ROOM) - END_ROOM;
	r.slot = bc_link_slot(lane, 0);
	r.n = (uint32_t)(lane->ring + lane->size - r.slot);
	r.n = r.n < room ? r.n : room;
	r.n = r.n < n ? r.n : n;
	if (c->cfg.rotate_packets && r.n > c->cfg.rotate_packets - c->segment_packets)
		r.n = (uint32_t)(c->cfg.rotate_packets - c->segment_packets);
	r.from = c->open->from;
	return r;
}

void bc_chunker_wrote(struct bc_chunker *c, uint32_t n, uint32_t bytes)
{
	struct bc_link *lane = c->cfg.lane[c->cur];
	uint64_t first_ns = bc_link_slot(lane, 0)->ts_ns;
	struct bc_chunk *chunk = c->open;

	if (!n)
		return;
	if (!c->segment_begun)
		begin_segment(c, c->period_ns ? c->period_ns : first_ns);
	if (!chunk->packets)
		chunk->first_ns = first_ns;
	chunk->last_ns = bc_link_slot(lane, n - 1)->ts_ns;
	chunk->packets += n;
	c->segment_packets += n;
	c->segment_bytes += bytes - c->bytes;
	c->bytes = bytes;
	bc_link_push(lane, n);
	if (c->cfg.rotate_packets && c->segment_packets == c->cfg.rotate_packets)
		end_segment(c);
}

/* Move packets of one source into the open chunk until something stops it; adds their number to *done. */
static enum stop fill(struct bc_chunker *c, const struct bc_desc *d, uint32_t n, uint32_t source, uint32_t *done)
{
	const struct bc_chunker_room r = bc_chunker_room(c, n);
	uint32_t k, bytes = r.bytes;
	enum stop stop = STOP_ROOM;

	for (k = 0; k < r.n; k++) {
		uint32_t len = bc_chunker_bytes(&r, &d[k]);

		if (__builtin_expect(d[k].ts_ns >= r.due_ns || (d[k].ts_ns < r.back_ns && k), 0)) {
			stop = STOP_DUE;
			break;
		}
		if (__builtin_expect(bytes + len > r.sure, 0) && (stop = full(c, k, bytes, len)) != STOP_ROOM)
			break;
		r.slot[k] = d[k];
		bytes += len;
	}
	if (k)
		r.from[source] += k;
	bc_chunker_wrote(c, k, bytes);
	*done += k;
	/* The lane's ring may go on at its beginning. */
	return stop == STOP_ROOM && k && k < n ? STOP_WRAP : stop;
}

uint32_t bc_chunker_put(struct bc_chunker *c, const struct bc_desc *d, uint32_t n, uint32_t source)
{
	uint32_t done = 0;

	look_for_step(c);
	while (done < n && !bc_chunker_over(c)) {
		if (__builtin_expect(d[done].ts_ns < c->back_ns, 0) && !look_back(c))
			break;
		if (d[done].ts_ns >= c->segment_due_ns) {
			if (!cross_boundary(c, d[done].ts_ns))
				break;
			continue;
		}
		if (!open_chunk(c))
			break;
		switch (fill(c, d + done, n - done, source, &done)) {
		case STOP_ROOM:
			return done;
		case STOP_WRAP:
		case STOP_DUE:
			break;
		case STOP_SEGMENT_FULL:
			end_segment(c);
			break;
		case STOP_CHUNK_FULL:
			end_chunk(c);
			break;
		}
	}
	return done;
}

bool bc_chunker_ready(struct bc_chunker *c)
{
	uint32_t following = (uint32_t)((c->seq + 1) % c->cfg.n_lanes);

	/* A packet can end the open chunk, and so need the next chunk and its lane. */
	return open_chunk(c) && fetch_next(c) &&
	       bc_link_room(c->cfg.lane[c->cur], 2 + 2 * END_ROOM) >= 2 + 2 * END_ROOM &&
	       bc_link_room(c->cfg.lane[following], 2 + 2 * END_ROOM) >= 2 + 2 * END_ROOM;
}

bool bc_chunker_tick(struct bc_chunker *c, uint64_t mono_ns, uint64_t stream_ns)
{
	bool asked = atomic_load_explicit(&c->rotate_asked, memory_order_relaxed);

	if (bc_chunker_over(c))
		return false;
	look_for_step(c);
	/* Files are cut by their packets alone, so that they come out the same every time. */
	if ((c->cfg.begin_ns || stream_ns >= c->step_ns) && stream_ns >= c->segment_due_ns)
		return cross_boundary(c, stream_ns);
	if (asked) {
		if (!end_segment(c))
			return false;
		if (c->cfg.begin_ns && stream_ns)
			begin_period(c, stream_ns);
		atomic_store_explicit(&c->rotate_asked, false, memory_order_relaxed);
		return true;
	}
	if (!c->open || !c->open->packets)
		return false;
	if (!c->open_mono_ns)
		c->open_mono_ns = mono_ns;
	if (mono_ns - c->open_mono_ns < c->cfg.flush_ns)
		return false;
	end_chunk(c);
	return true;
}

bool bc_chunker_cut(struct bc_chunker *c)
{
	return end_segment(c);
}

void bc_chunker_rotate(struct bc_chunker *c)
{
	/* What comes next begins a segment anyway, which is not to be ended behind its first packets. */
	if (c->cfg.begin_ns || atomic_load_explicit(&c->segment_begun, memory_order_relaxed))
		atomic_store_explicit(&c->rotate_asked, true, memory_order_relaxed);
}

bool bc_chunker_finish(struct bc_chunker *c)
{
	if (!c->last_sent) {
		if (!open_chunk(c))
			return false;
		if (!c->segment_begun && !c->segment && !c->cfg.sparse && !c->cfg.skip_empty)
			begin_segment(c, bc_utc_ns() + c->ahead_ns);
		c->open->last = true;
		c->open->segment_end = c->segment_begun;
		c->open->no_segment = !c->open->segment_end;
		end_chunk(c);
		c->last_sent = true;
	}
	for (; c->ends_sent < c->cfg.n_lanes; c->ends_sent++) {
		struct bc_link *lane = c->cfg.lane[c->ends_sent];

		if (!bc_link_room(lane, 1))
			return false;
		bc_link_put(lane, 0, bc_desc_word(NULL, 0, 0));
	}
	return true;
}
