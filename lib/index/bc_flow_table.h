/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocks and flows of a part of a segment, while it is written, in memory that never grows. What finds no room makes its block
 * UNINDEXED, and is right all the same. One thread.
 */
#ifndef BC_FLOW_TABLE_H
#define BC_FLOW_TABLE_H

#include "bc_index.h"

struct bc_flow_table;

/* memory in bytes, taken as it is touched. flows: also rows, not only blocks. NULL without memory; free takes NULL. */
struct bc_flow_table *bc_flow_table_new(size_t memory, bool flows);
void bc_flow_table_free(struct bc_flow_table *t);

/* From now on pause is called several times in a millisecond of encoding, so that its thread can leave the CPU to others. */
void bc_flow_table_pauses(struct bc_flow_table *t, void (*pause)(void *ctx), void *ctx);

/* Another part begins at these places of the file, which file_at and plain_at of blocks count from; nothing is in it. */
void bc_flow_table_begin(struct bc_flow_table *t, uint64_t file_at, uint64_t plain_at);

/* The next block, whose file_at and plain_at are made here. Not after BC_INDEX_BLOCKS_MAX. */
void bc_flow_table_block(struct bc_flow_table *t, const struct bc_index_block *b);

/*
 * Packets that have the same tuple, of which the first len bytes of one are at hand, in memory that can be read up to a multiple of
 * 16; cut: they have more.
 */
struct bc_flow_packets {
	const uint8_t *data;
	uint64_t first_ns, last_ns;
	uint64_t bytes;		/* of all, on the wire */
	uint32_t packets;
	uint32_t first_block;	/* bit i of blocks: there are some in the block with this number and i more */
	uint16_t blocks;
	uint16_t linktype;
	uint8_t shape;		/* enum bc_tuple_shape: that of the whole packet */
	uint8_t len;		/* at most BC_TUPLE_MAX */
	bool cut;
	uint8_t flags_or, flags_and;	/* TCP's flags of all; not looked at in other packets, or of one */
};

/*
 * n of them, at most BC_FLOW_BATCH: together they wait for the memory once. Blocks do not go back: what is added later has none
 * that are more than 15 before the last one.
 */
#define BC_FLOW_BATCH 128U
void bc_flow_table_packets(struct bc_flow_table *t, const struct bc_flow_packets *p, uint32_t n);
/* Some of the last block's packets will not come. */
void bc_flow_table_unindexed(struct bc_flow_table *t);

uint32_t bc_flow_table_blocks(const struct bc_flow_table *t);
uint64_t bc_flow_table_plain_bytes(const struct bc_flow_table *t);
/* There is little room left: rows are made without ports, and soon none. */
bool bc_flow_table_tight(const struct bc_flow_table *t);
/* Packets that are in no row, since the table was made. */
uint64_t bc_flow_table_skipped(const struct bc_flow_table *t);

/* Bytes that grow; all 0 at first. */
struct bc_index_bytes {
	uint8_t *p;
	size_t len, cap;
};

/* Room for len more bytes. 0 or -ENOMEM. */
int bc_index_reserve(struct bc_index_bytes *b, size_t len);

/*
 * The part as pieces, appended to bytes, and the piece with its filter to filter. ret: all but the places of the pieces in the file
 * (at, filter_at). 0 or -ENOMEM.
 */
int bc_flow_table_encode(struct bc_flow_table *t, struct bc_index_bytes *bytes, struct bc_index_bytes *filter,
			 struct bc_index_part *ret);

/* The other pieces: the directory of n parts, and the footer with its own place (BC_INDEX_FOOTER_SIZE bytes). */
int bc_index_put_directory(struct bc_index_bytes *bytes, const struct bc_index_part *parts, uint32_t n);
void bc_index_put_footer(uint8_t dst[BC_INDEX_FOOTER_SIZE], const struct bc_index_footer *f);

#endif
