/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the index of an output's segments, in a thread of the lowest priority. The committer tells it of each block that it has
 * written; nothing is waited for unless the caller asks for it. If the thread is behind, packets are missing in the index,
 * which says so, or there is none for the segment.
 */
#ifndef BC_INDEXER_H
#define BC_INDEXER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_bufpool.h"
#include "bc_chunk.h"
#include "bc_counter.h"
#include "bc_err.h"
#include "bc_flow_table.h"

#define BC_INDEX_PART_BYTES (1ULL << 30)	/* of a segment before compression, in a part of its index */

struct bc_indexer_config {
	bool flows;		/* not only blocks and their times */
	bool waits;		/* no source loses packets by waiting: so does the committer, when the thread is behind */
	size_t memory;		/* for the flows of a part */
	uint64_t part_bytes;	/* 0: BC_INDEX_PART_BYTES */
	struct bc_bufpool *notes;	/* where chunks' notes go back to; not owned; NULL: there are none */
};

struct bc_indexer_stats {
	bc_counter_t unknown;	/* packets that are in no row, for want of room; the thread writes */
	bc_counter_t unnoted;	/* packets without a note; the committer writes these */
	bc_counter_t dropped;	/* packets in segments whose index was dropped */
	bc_counter_t bytes;	/* of index written */
	bc_counter_t segments;	/* that have one */
};

struct bc_indexer;

/* 0 and *ret, or a negative errno with a line in err. free takes NULL, and ends the thread. */
int bc_indexer_new(const struct bc_indexer_config *cfg, struct bc_indexer **ret, struct bc_err *err);
void bc_indexer_free(struct bc_indexer *x);
/* 0 or a negative errno. */
int bc_indexer_start(struct bc_indexer *x);
struct bc_indexer_stats *bc_indexer_stats(struct bc_indexer *x);
bool bc_indexer_waits(const struct bc_indexer *x);
/* Any thread, between start and free: the sources have stopped, so that the thread takes the CPU time of others from now on. */
void bc_indexer_hurry(struct bc_indexer *x);

/* The rest: the committer's thread. */

/*
 * A segment begins, with bytes before its first block; what was there before is forgotten. False, here and below: there was no room,
 * and the segment can have no index.
 */
bool bc_indexer_begin(struct bc_indexer *x, uint64_t file_at);
/* Bytes that are no packets. */
bool bc_indexer_block(struct bc_indexer *x, const struct bc_index_block *b);
/* The slices first to last of a chunk, as one block: one for each, or one for all. With the last its notes are taken over. */
bool bc_indexer_packets(struct bc_indexer *x, struct bc_chunk *k, uint32_t first, uint32_t last, const struct bc_index_block *b);
/* The segment ends: what was told of it becomes a part. */
bool bc_indexer_end(struct bc_indexer *x);

/* A part that is made. */
struct bc_indexer_part {
	struct bc_index_part part;
	struct bc_index_bytes bytes, filter;	/* to be freed by whoever took them */
	bool last;		/* nothing follows in the segment; of an empty rest all is 0 but this */
	int err;		/* it could not be made: there is no index */
};

/* False: none is ready. */
bool bc_indexer_take(struct bc_indexer *x, struct bc_indexer_part *ret);
/* Give back the notes that were read; done by the calls above, too. */
void bc_indexer_reclaim(struct bc_indexer *x);
/* Some were not. */
bool bc_indexer_busy(const struct bc_indexer *x);
/* Wait until a part may be ready, but no longer than ns. */
void bc_indexer_await(struct bc_indexer *x, uint64_t ns);

#endif
