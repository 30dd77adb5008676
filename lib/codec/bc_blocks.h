/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of blocks that are compressed one by one in threads of their own, and put out in their order. For libraries
 * that have no threads, and formats whose blocks can be joined into one frame.
 */
#ifndef BC_BLOCKS_H
#define BC_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "bc_codec_ops.h"

#define BC_BLOCKS_EDGE 64	/* bytes that suffice for each header and trailer */

struct bc_block {
	const uint8_t *in;	/* len bytes, at least 1; before them the window bytes that precede them in the frame */
	size_t window;
	size_t len;
	uint8_t *out;
	size_t out_len;
	uint32_t sum;
};

struct bc_block_codec {
	const char *name;
	size_t window_max;
	size_t (*block_max)(int level);
	size_t (*out_max)(size_t len);
	/* One worker's memory, used by one thread at a time; NULL without memory. */
	void *(*open)(int level);
	void (*close)(void *worker);
	/* Sets out_len and sum. 0 or a negative errno. Any thread. */
	int (*compress)(void *worker, struct bc_block *b);
	/* The sum of a frame, 0 at its begin, to which b is appended. */
	uint32_t (*join)(uint32_t sum, const struct bc_block *b);
	/* Each writes up to BC_BLOCKS_EDGE bytes and returns their number. */
	size_t (*header)(int level, uint8_t *dst);
	size_t (*trailer)(uint32_t sum, uint64_t len, uint8_t *dst);
};

/* As in struct bc_stream_ops; codec outlives the stream. */
int bc_blocks_open(const struct bc_block_codec *codec, int level, unsigned workers, const struct bc_stream_out *out,
		   void **ret, struct bc_err *err);
int bc_blocks_begin(void *state);
int bc_blocks_push(void *state, const uint8_t *data, size_t len, enum bc_stream_push what);
void bc_blocks_close(void *state);

#endif
