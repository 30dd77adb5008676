/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notes for the index: when packets of a flow were seen, and as much of their first bytes as tells the flow. A lane takes them while
 * a chunk's bytes are in its cache, one for each flow and direction in some slices of a chunk: whoever reads them has less to do.
 */
#ifndef BC_NOTE_H
#define BC_NOTE_H

#include "bc_bufpool.h"
#include "bc_chunk.h"
#include "bc_flow_table.h"
#include "bc_iface.h"

#define BC_NOTES_BYTES 16384U	/* a buffer of notes */

/* Some of a chunk's notes, at the beginning of a buffer. */
struct bc_notes {
	struct bc_notes *next;
	uint32_t len;		/* bytes of notes, which follow */
	uint32_t pad;
};

/* A flow's packets in one direction; followed by len bytes of the first of them, in as many times 16 as hold them. */
struct bc_note {
	uint64_t first_ns, last_ns;
	uint64_t bytes;		/* on the wire */
	uint32_t packets;
	uint16_t slices;	/* bit i: in slice 16 * group + i */
	uint16_t linktype;
	uint8_t group;
	uint8_t shape;		/* enum bc_tuple_shape */
	uint8_t len;
	uint8_t cut;		/* the packets have more bytes */
	uint8_t flags_or, flags_and;
	uint8_t pad[6];
};

#define BC_NOTE_SLOTS 512U

/* A lane's memory of the notes that it made last. All 0 at first. */
struct bc_noter {
	struct bc_note none;	/* of no shape: no packet is like it */
	struct bc_note *slot[BC_NOTE_SLOTS];
};

/* The bytes of notes that a chunk of this many bytes may need: more than its own only if its packets are tiny and of as many flows. */
#define BC_NOTES_MOST(dense) ((dense) + (dense) / 4 + BC_NOTES_BYTES)

/*
 * Of each slice of a chunk of pcapng, which begin in k->buf and are not compressed yet: packets and times; and from pool, if it is not
 * NULL, k->notes of all its packets, or NULL where there are too few buffers. Reads up to 15 bytes behind the slices.
 */
void bc_note_chunk(struct bc_noter *n, struct bc_chunk *k, const struct bc_iface_table *ifaces, struct bc_bufpool *pool);

/* Into the table, whose last blocks are the chunk's: its slices, or one block for all of them. */
void bc_notes_feed(const struct bc_notes *notes, struct bc_flow_table *table, uint32_t blocks);

/* Takes NULL. */
void bc_notes_free(struct bc_notes *notes, struct bc_bufpool *pool);

#endif
