/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks for bc_stream_gzip.c by ISA-L, which is many times as fast as zlib at its lowest levels. */
#ifndef BC_GZIP_ISAL_H
#define BC_GZIP_ISAL_H

#include <stdbool.h>

#include "bc_blocks.h"

/* Is it for this level of gzip's? Never in a build without ISA-L. */
bool bc_gzip_isal_takes(int level);

/* As in struct bc_block_codec, for the levels that it takes. */
void *bc_gzip_isal_open(int level);
void bc_gzip_isal_close(void *worker);
int bc_gzip_isal_compress(void *worker, struct bc_block *b);

/* Bytes of room for a block of len. */
static inline size_t bc_gzip_out_max(size_t len)
{
	/* More than what does not compress can grow to, with the block's end. */
	return len + len / 8 + 1024;
}

#endif
