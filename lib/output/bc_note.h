/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Notes of packets for the index: when a packet was seen, and as much of its first bytes as tell its flow. A lane takes them
 * while a chunk's bytes are in its cache.
 */
#ifndef BC_NOTE_H
#define BC_NOTE_H

#include "bc_chunk.h"
#include "bc_flow_table.h"
#include "bc_iface.h"

/* Followed by len bytes of the packet, in as many times 16 as hold them. */
struct bc_note {
	uint64_t ts_ns;
	uint32_t wire_len;
	uint16_t linktype;
	uint8_t len;
	uint8_t cut;		/* the packet has more bytes */
};

/* The bytes of notes that a chunk of this many bytes can need. */
#define BC_NOTES_SIZE(dense) ((dense) + 256U)

/*
 * Of each slice of a chunk of pcapng, which begin in k->buf and are not compressed yet: packets and times; and if k->notes is not
 * NULL, the notes into it, cap bytes at the most: what does not fit is missing, and notes_end tells. Reads up to 15 bytes behind the
 * slices.
 */
void bc_note_chunk(struct bc_chunk *k, const struct bc_iface_table *ifaces, uint32_t cap);

/* Some of the notes from at to end, in their order, into the table. Returns the place behind them. */
uint32_t bc_notes_feed(struct bc_flow_table *table, const uint8_t *notes, uint32_t at, uint32_t end);

/* Bytes of a note with its packet's. */
static inline uint32_t bc_note_size(uint32_t len)
{
	return (uint32_t)sizeof(struct bc_note) + (len + 15) / 16 * 16;
}

#endif
