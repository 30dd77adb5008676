/* SPDX-License-Identifier: BSD-3-Clause */
/* The decoded bytes of some blocks of a segment, one behind the other. Neighbours are read together. One thread. */
#ifndef BC_FIND_BLOCKS_H
#define BC_FIND_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_err.h"
#include "bc_find_plan.h"

struct bc_find_blocks;

/* plan and blob outlive it. NULL without memory; free takes NULL. */
struct bc_find_blocks *bc_find_blocks_new(struct bc_blob *blob, const struct bc_find_plan *plan);
void bc_find_blocks_free(struct bc_find_blocks *b);

/*
 * Up to cap bytes into buf: their number, 0 behind the last block, or a negative errno with a line in err: -EBADMSG: a
 * block is not what the plan says, or its checksum is wrong.
 */
ptrdiff_t bc_find_blocks_read(struct bc_find_blocks *b, uint8_t *buf, size_t cap, struct bc_err *err);

/* Was there anything before what was given last that is not given? */
bool bc_find_blocks_skipped(const struct bc_find_blocks *b);

/* Bytes read from the file so far. */
uint64_t bc_find_blocks_taken(const struct bc_find_blocks *b);

#endif
