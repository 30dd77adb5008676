/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes the index of a complete file, block by block as they lie in it, and writes it behind them. One thread. */
#ifndef BC_INDEX_MAKER_H
#define BC_INDEX_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_flow_table.h"

struct bc_index_maker;

/* memory is for the flows of a part; flows: not only times; codec as in bc_index_footer. NULL without memory; free takes NULL. */
struct bc_index_maker *bc_index_maker_new(size_t memory, bool flows, uint32_t codec);
void bc_index_maker_free(struct bc_index_maker *m);

/* The first block is at this place of the file. */
void bc_index_maker_begin(struct bc_index_maker *m, uint64_t file_at);

/*
 * The next block: its lengths and flags are set, the rest is made from its n packets, whose blocks are 1. 0, or a negative errno:
 * -E2BIG: the file is too long for an index; -ENOMEM.
 */
int bc_index_maker_block(struct bc_index_maker *m, struct bc_index_block *b, struct bc_flow_packets *packet, uint32_t n);

/* So many bytes that are no blocks follow the last one. */
void bc_index_maker_skip(struct bc_index_maker *m, uint64_t bytes);

/* Writes all of the index. 0, -ENOMEM, or what write returned. */
typedef int (*bc_index_write)(void *ctx, const uint8_t *data, size_t len);
int bc_index_maker_end(struct bc_index_maker *m, bc_index_write write, void *ctx);

struct bc_index_made {
	uint64_t packets;	/* of the file */
	uint64_t skipped;	/* of these, that are in no row */
	uint64_t plain_bytes;	/* of all before compression, index and all */
	uint64_t index_bytes;	/* in the file */
};

/* After bc_index_maker_end(). */
struct bc_index_made bc_index_maker_made(const struct bc_index_maker *m);

#endif
