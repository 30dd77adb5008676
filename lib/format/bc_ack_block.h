/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pcapng block of braidcap's own, which other programs skip: which numbers the packets of remote nodes have that
 * follow in the segment. docs/formats.md has it byte by byte. The same bytes are the file that remembers, beside the
 * segments, how far nodes were acknowledged.
 */
#ifndef BC_ACK_BLOCK_H
#define BC_ACK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_ack.h"

#define BC_ACK_BLOCK_TYPE 0x8BCA0001U	/* the highest bit: for local use */
#define BC_ACK_CLIENT_MAX 64U		/* with its NUL */

/*
 * The next packet of this client, whose interfaces are called CLIENT or CLIENT:..., has the number mark.next, and those
 * behind it the numbers that follow. A node of zeros: its packets have no numbers.
 */
struct bc_ack_entry {
	struct bc_ack_mark mark;
	uint64_t stored;		/* all packets with smaller numbers were on disk when this was written */
	char client[BC_ACK_CLIENT_MAX];
};

#define BC_ACK_BLOCK_FIXED 40U
#define BC_ACK_ENTRY_SIZE 104U
/* The most entries that are written or read. */
#define BC_ACK_ENTRIES_MAX 65535U

/* Bytes of a block with n entries. */
static inline size_t bc_ack_block_size(uint32_t n)
{
	return BC_ACK_BLOCK_FIXED + (size_t)n * BC_ACK_ENTRY_SIZE;
}

/*
 * A block says what follows in a segment, or what there is: then the numbers from stored up to mark.next, and if these
 * two are the same, all below.
 */
enum bc_ack_version {
	BC_ACK_FOLLOWS = 1,
	BC_ACK_RANGES = 2,
};

/* Writes the block at dst, which has room for it, and returns its size. put_ranges: of the second kind. */
size_t bc_ack_block_put(uint8_t *dst, const uint8_t collector[BC_ACK_ID], const struct bc_ack_entry *e, uint32_t n);
size_t bc_ack_block_put_ranges(uint8_t *dst, const uint8_t collector[BC_ACK_ID], const struct bc_ack_entry *e, uint32_t n);

/*
 * Is this whole pcapng block, little-endian and of len bytes, such a block? *ret_n entries. Every field is hostile.
 * Its version; 0: it is none, or one of a version that is not known.
 */
uint32_t bc_ack_block_version(const uint8_t *block, size_t len, uint32_t *ret_n);

/* Is it one that stands in a segment? */
static inline bool bc_ack_block_is(const uint8_t *block, size_t len, uint32_t *ret_n)
{
	return bc_ack_block_version(block, len, ret_n) == BC_ACK_FOLLOWS;
}

/* Of a block: whose it is, and entry number i. */
const uint8_t *bc_ack_block_collector(const uint8_t *block);
void bc_ack_block_entry(const uint8_t *block, uint32_t i, struct bc_ack_entry *ret);

#endif
