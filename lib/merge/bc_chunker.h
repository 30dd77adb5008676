/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Cuts one output's ordered stream into chunks, for its lanes in turn, and into segments, because only here the order is known. Used
 * by the merge's thread alone, except bc_chunker_rotate().
 */
#ifndef BC_CHUNKER_H
#define BC_CHUNKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_calendar.h"
#include "bc_chunk.h"
#include "bc_iface.h"
#include "bc_link.h"
#include "bc_steps.h"

#define BC_MAX_LANES 64

/* Give n new chunks of a capture with so many sources what they count in. Its memory, for the caller to free() after them; NULL: none. */
uint32_t *bc_chunk_new_counts(struct bc_chunk *chunks, uint32_t n, uint32_t n_sources);

struct bc_chunker_config {
	uint32_t n_sources;
	uint32_t n_lanes;
	struct bc_link *lane[BC_MAX_LANES];	/* to the lanes; not owned */
	struct bc_link *free_chunks;		/* from the committer; words name struct bc_chunk; not owned */
	const struct bc_iface_table *ifaces;
	uint32_t chunk_bytes;			/* a chunk ends before it would exceed this */
	uint32_t overhead;			/* bytes of a record beside those that the descriptor tells */
	uint32_t snaplen;			/* of this output */
	/* What a descriptor stands for that does not tell it, without overhead; NULL: the most that is possible. */
	uint32_t (*record_bytes)(const struct bc_desc *d, uint32_t snaplen);
	uint64_t rotate_ns;			/* 0: never */
	struct bc_calendar rotate_clock;	/* instead of rotate_ns */
	uint64_t rotate_bytes;			/* 0: never */
	uint64_t rotate_packets;		/* 0: never */
	uint64_t stop_segments;			/* nothing is taken behind so many; 0: there is no limit */
	uint64_t flush_ns;			/* a chunk ends when it has been open for so long */
	bool sparse;				/* an output without a packet has no segment, not an empty one */
	bool skip_empty;			/* nor has a period without a packet; implies sparse */
	uint64_t begin_ns;			/* a live capture's begin, and its first segment's; 0: by the packets alone */
	const struct bc_steps *steps;		/* of the system clock; NULL: the packets' times have nothing to do with it */
	bool cut_at_step;			/* a step of the system clock ends the segment */
	bool files;				/* all packets are of files, whose times are believed in both directions */
};

struct bc_chunker {
	struct bc_chunker_config cfg;
	struct bc_chunk *open;		/* NULL until a packet or a boundary needs one */
	struct bc_chunk *next;		/* taken from the free ones ahead of need */
	uint64_t open_mono_ns;		/* when bc_chunker_tick first saw it */
	uint32_t record_max;		/* bytes that a descriptor can stand for under this snaplen */
	uint32_t told_max;		/* from here on a descriptor may stand for all of them */
	uint32_t bytes;			/* in the open chunk */
	uint32_t cur;			/* lane of the open chunk */
	uint64_t seq;
	uint64_t segment;
	_Atomic bool segment_begun;	/* false: the segment begins with the next packet. merge sets, any thread reads */
	uint64_t segment_begin_ns;	/* UTC */
	uint64_t period_ns;		/* of a period that has no segment yet: its begin; 0: the segment begins with its packet */
	uint64_t segment_due_ns;	/* UINT64_MAX: never; 0: by the first packet. Or a step, where a chunk ends */
	uint64_t segment_bytes;
	uint64_t segment_packets;
	uint32_t steps_seen;
	uint64_t step_ns;		/* when the last of them came, if it has not been crossed; else UINT64_MAX */
	uint64_t ahead_ns;		/* steady time less UTC, as it is now */
	int64_t stepped_ns;		/* that no chunk has told yet */
	uint64_t rotate_due_ns;		/* without a step */
	uint64_t back_ns;		/* a packet before this may be one of time gone back; 0: none is */
	uint32_t back_run;		/* such packets in a row, */
	uint64_t back_at;		/* the last of which was the segment's packet of this number */
	uint32_t ends_sent;		/* lanes that were told of the end */
	bool last_sent;
	_Atomic bool rotate_asked;	/* control sets, merge clears */
};

void bc_chunker_init(struct bc_chunker *c, const struct bc_chunker_config *cfg);

/*
 * Take descriptors of one source in order, as many as there is room for; returns their number. They then belong to a lane. At most n.
 * No time is beyond BC_TS_MAX.
 */
uint32_t bc_chunker_put(struct bc_chunker *c, const struct bc_desc *d, uint32_t n, uint32_t source);

/*
 * The same for whom a call for each run of a source is too much: room for packets of the open chunk, to be written from slot on, counted
 * in from by their sources, and then handed over with bc_chunker_wrote(); no other call comes between.
 */
struct bc_chunker_room {
	struct bc_desc *slot;
	uint32_t n;			/* slots; 0: what bc_chunker_put() says */
	uint32_t *from;
	uint64_t due_ns;		/* a packet of this time or later is for bc_chunker_put(), */
	uint64_t back_ns;		/* and so is one before this */
	uint32_t bytes, sure;		/* so is one with which bytes would exceed sure */
	uint32_t told_max, record_max, overhead, snaplen;
	uint32_t (*record_bytes)(const struct bc_desc *d, uint32_t snaplen);
};

struct bc_chunker_room bc_chunker_room(struct bc_chunker *c, uint32_t n);

/* n packets were written; bytes is what the room's has grown to, by bc_chunker_bytes() of each. */
void bc_chunker_wrote(struct bc_chunker *c, uint32_t n, uint32_t bytes);

/* Bytes that the packet stands for in the chunk. */
static inline uint32_t bc_chunker_bytes(const struct bc_chunker_room *r, const struct bc_desc *d)
{
	uint32_t len = bc_desc_bytes(d);

	if (__builtin_expect(len >= r->told_max, 0))
		len = len == 4 * BC_DESC_LEN_MAX && r->record_bytes ? r->record_bytes(d, r->snaplen) : r->record_max;
	return len + r->overhead;
}

/* Is there room for at least one packet? For several outputs, where a packet goes to all that want it or to none. */
bool bc_chunker_ready(struct bc_chunker *c);

/*
 * About every millisecond: end what has been open for flush_ns; in a live capture, end a segment that is due at stream_ns, before
 * which nothing more will come (0: unknown). Returns whether it did something.
 */
bool bc_chunker_tick(struct bc_chunker *c, uint64_t mono_ns, uint64_t stream_ns);

/* Has it ended as many segments as it may? What it does not take then belongs to none. */
static inline bool bc_chunker_over(const struct bc_chunker *c)
{
	return c->cfg.stop_segments && c->segment >= c->cfg.stop_segments;
}

/* End the segment now, if one has begun. False when there was no room: call again. */
bool bc_chunker_cut(struct bc_chunker *c);

/* Any thread: end the segment soon. Where one begins with its first packet only, and none has begun, nothing is done. */
void bc_chunker_rotate(struct bc_chunker *c);

/*
 * The stream is over: end the last segment and send every lane its end (a NULL object). False when there was no room: call again.
 */
bool bc_chunker_finish(struct bc_chunker *c);

#endif
