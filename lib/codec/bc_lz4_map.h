/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the blocks of an LZ4 frame are, of any writer, and each of them decompressed alone. One thread. */
#ifndef BC_LZ4_MAP_H
#define BC_LZ4_MAP_H

#include <stddef.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_codec.h"

struct bc_lz4_map_block {
	uint32_t file_len;	/* its length field and checksum included */
	uint32_t plain_len;
};

/* The blocks follow the header without a gap. Plain data; all 0 at first. */
struct bc_lz4_map {
	uint8_t header[BC_LZ4_HEADER_MAX];
	uint32_t header_len;
	uint32_t n, cap;
	struct bc_lz4_map_block *block;
};

#define BC_LZ4_MAP_MOST (4U << 20)	/* blocks */
#define BC_LZ4_MAP_BLOCK (4U << 20)	/* bytes of one, packed or plain, without what is around it */

/*
 * Read all of the file, and check its checksums. 0; or a negative errno, and ret is empty: -ENOTSUP: it is not one frame of
 * independent blocks from begin to end, or has too many; -EBADMSG: it is damaged; -ENOMEM; else what reading met.
 */
int bc_lz4_map_make(struct bc_blob *file, struct bc_lz4_map *ret, struct bc_err *err);
int bc_lz4_map_add(struct bc_lz4_map *m, const struct bc_lz4_map_block *b);
void bc_lz4_map_free(struct bc_lz4_map *m);

/* Decompresses blocks of a frame with that header. NULL without memory, or if there is no such header; free takes NULL. */
struct bc_lz4_block_decoder;
struct bc_lz4_block_decoder *bc_lz4_block_decoder_new(const uint8_t *header, uint32_t header_len);
void bc_lz4_block_decoder_free(struct bc_lz4_block_decoder *d);

/* len bytes at src, which are a block, into dst of cap bytes: its plain length, or -EBADMSG. */
ptrdiff_t bc_lz4_block_decode(struct bc_lz4_block_decoder *d, const uint8_t *src, size_t len, uint8_t *dst, size_t cap);

#endif
