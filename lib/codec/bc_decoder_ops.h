/* SPDX-License-Identifier: BSD-3-Clause */
/* What bc_decoder.c asks of each format: one frame (gzip: member, xz, bzip2: stream, lzo: file) at a time. */
#ifndef BC_DECODER_OPS_H
#define BC_DECODER_OPS_H

#include <stddef.h>
#include <stdint.h>

/* What a step may take and where it puts; it moves both on. */
struct bc_flow {
	const uint8_t *src;
	size_t src_len;
	uint8_t *dst;
	size_t dst_len;
};

struct bc_decoder_ops {
	const char *name;
	uint8_t magic[4];
	size_t magic_len;
	/* Working memory for any number of frames; NULL without memory. */
	void *(*open)(void);
	/* Before each frame, whose magic is still ahead. */
	void (*begin)(void *state);
	/*
	 * Some bytes on. 1: inside the frame, 0: it is over, or a negative errno with the library's words in
	 * *why. flow counts all that came out, before an error too. With src_len 0 it only hands out what the
	 * library holds.
	 */
	int (*step)(void *state, struct bc_flow *flow, const char **why);
	void (*close)(void *state);
};

extern const struct bc_decoder_ops bc_decoder_lz4, bc_decoder_zstd, bc_decoder_gzip, bc_decoder_xz, bc_decoder_bzip2,
				   bc_decoder_lzo;

#endif
