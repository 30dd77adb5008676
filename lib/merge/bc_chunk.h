/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chunk: an ordered run of packets of one output, the unit that is packed, compressed and committed. The merge opens and ends it,
 * one lane fills its bytes, the committer writes them and gives the object back to the merge. Its owner is the only one
 * who touches it.
 */
#ifndef BC_CHUNK_H
#define BC_CHUNK_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_counter.h"
#include "bc_ledger.h"

/* A part of a chunk's bytes that begins at a record and is compressed as one block. */
struct bc_slice {
	uint32_t begin;
	uint32_t len;
};

/* What the index is to know of a slice. */
struct bc_slice_seen {
	uint32_t packets;
	uint64_t min_ns, max_ns;	/* of its packets */
};

/* 4 MiB chunks in slices of 64 KiB, and one more for each neighbour that a large record splits off. */
#define BC_MAX_SLICES 130

struct bc_chunk {
	/* The merge. */
	uint64_t seq;			/* counts through an output's chunks; chunk n belongs to lane n mod lanes */
	uint64_t segment;		/* number of the segment it belongs to */
	uint64_t segment_begin_ns;	/* UTC, as the next two when the chunk has ended */
	uint64_t first_ns;		/* of its packets, if any */
	uint64_t last_ns;
	int64_t stepped_ns;		/* before it the system clock was stepped by so much; 0: it was not */
	uint32_t packets;
	uint32_t ifaces;		/* interfaces known when it ended: all that its packets name */
	bool segment_end;		/* the segment is complete with it */
	bool last;			/* nothing follows in this output */
	bool no_segment;		/* it ends the output without beginning a segment */
	uint32_t *from;			/* packets by source; its memory is the chunk's owner's from the start, as that of refused_from is */

	/* The lane. */
	uint8_t *buf;			/* of the pool, or of that of small ones; NULL when there are no bytes */
	bool small;
	uint8_t *data;			/* finished bytes, within buf */
	uint32_t len;
	uint32_t dense;			/* bytes before compression */
	int32_t linktype;		/* classic pcap: that of its packets; -1: not known */
	uint32_t refused;		/* packets of a link type that the format cannot hold beside the first */
	uint32_t *refused_from;		/* by source; of use if there are any */
	struct bc_notes *notes;		/* of its packets, for the index, in buffers of their own; NULL: there are none */
	struct bc_slice_seen *seen;	/* of each slice; where there is an index */
	uint32_t n_slices;
	struct bc_slice slice[BC_MAX_SLICES];
} BC_CACHE_ALIGNED;

#endif
