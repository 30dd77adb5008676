/* SPDX-License-Identifier: BSD-3-Clause */
/* What encoding and decoding of the index share; nobody else includes this. docs/formats.md has the layouts. */
#ifndef BC_INDEX_PRIV_H
#define BC_INDEX_PRIV_H

#include "bc_index.h"

#define BC_PIECE_HASHED 24U	/* bytes of a piece's header that the checksum is seeded with; it follows them */
#define BC_PIECE_HEAD 40U	/* of the pcapng block, up to lead and body */
#define BC_PACKING_STORED 0
#define BC_PACKING_ZSTD 1

#define BC_DIRECTORY_ENTRY 88U
#define BC_FOOTER_MAGIC "braidcap index\r\n"
#define BC_FOOTER_MAGIC_LEN 16U

#define BC_BLOCKS_PAGE 2048U
#define BC_TEMPLATE_FIXED 9U	/* bytes of a template before value and mask */

/* Columns of a page of blocks, and of rows, in their order. */
enum { BLOCK_FILE_LEN, BLOCK_PLAIN_LEN, BLOCK_PACKETS, BLOCK_FLAGS, BLOCK_MIN, BLOCK_SPAN, BLOCK_COLUMNS };
enum {
	ROW_FROM_LOW, ROW_FROM_HIGH, ROW_LOW_SAME, ROW_LOW_REST, ROW_HIGH_SAME, ROW_HIGH_REST, ROW_LOW_PORT, ROW_HIGH_PORT,
	ROW_FIRST, ROW_LAST, ROW_PACKETS, ROW_BYTES, ROW_FLAGS_OR, ROW_FLAGS_AND, ROW_RUNS, ROW_RUN_BYTES, ROW_COLUMNS,
};

#define BC_VARINT_MAX 10

static inline uint8_t *bc_put_varint(uint8_t *p, uint64_t v)
{
	for (; v >= 0x80; v >>= 7)
		*p++ = (uint8_t)(v | 0x80);
	*p++ = (uint8_t)v;
	return p;
}

/* False: the bytes end, or it has more than 64 bits. */
static inline bool bc_take_varint(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
		uint8_t b = *(*p)++;

		v |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80)) {
			*ret = v;
			return shift < 63 || b < 2;
		}
	}
	return false;
}

static inline uint64_t bc_zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

static inline int64_t bc_unzigzag(uint64_t v)
{
	return (int64_t)(v >> 1 ^ -(v & 1));
}

#endif
