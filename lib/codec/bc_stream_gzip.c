/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One gzip member (RFC 1952) of blocks that were deflated apart. Each ends at a byte's edge, with an empty stored block,
 * and refers to the bytes before it as if it had been deflated with them.
 */
#include "bc_blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bc_bytes.h"
#include "bc_gzip_isal.h"

#define BLOCK (128U * 1024)
#define WINDOW 32768U
#define RAW (-15)	/* windowBits: 32 KiB, neither header nor trailer */
#define MEM_LEVEL 8
#define OS_UNIX 3

static size_t block_max(int level)
{
	return BLOCK;
}

static void *open_worker(int level)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && deflateInit2(z, level, Z_DEFLATED, RAW, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static void close_worker(void *worker)
{
	deflateEnd(worker);
	free(worker);
}

static int compress_block(void *worker, struct bc_block *b)
{
	z_stream *z = worker;
	const uInt room = (uInt)bc_gzip_out_max(b->len);

	deflateReset(z);
	if (b->window)
		deflateSetDictionary(z, b->in - b->window, (uInt)b->window);
	z->next_in = (z_const Bytef *)b->in;
	z->avail_in = (uInt)b->len;
	z->next_out = b->out;
	z->avail_out = room;
	/* Without room left the flush is not known to be whole. */
	if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in || !z->avail_out)
		return -EIO;
	b->out_len = room - z->avail_out;
	b->sum = (uint32_t)crc32(0, b->in, (uInt)b->len);
	return 0;
}

static uint32_t join(uint32_t sum, const struct bc_block *b)
{
	return (uint32_t)crc32_combine(sum, b->sum, (z_off_t)b->len);
}

/* Without a name and a time, so that the same packets give the same bytes. */
static size_t header(int level, uint8_t *dst)
{
	const uint8_t h[] = { 0x1f, 0x8b, Z_DEFLATED, 0, 0, 0, 0, 0, level == 9 ? 2 : level == 1 ? 4 : 0, OS_UNIX };

	memcpy(dst, h, sizeof(h));
	return sizeof(h);
}

/* An empty block, which is the last; the data's checksum and length. */
static size_t trailer(uint32_t sum, uint64_t len, uint8_t *dst)
{
	dst[0] = 0x03;
	dst[1] = 0x00;
	return (size_t)(bc_put_le32(bc_put_le32(dst + 2, sum), (uint32_t)len) - dst);
}

#define CODEC(open_function, close_function, compress_function) {	\
		.name = "gzip",						\
		.window_max = WINDOW,					\
		.block_max = block_max,					\
		.out_max = bc_gzip_out_max,				\
		.open = open_function,					\
		.close = close_function,				\
		.compress = compress_function,				\
		.join = join,						\
		.header = header,					\
		.trailer = trailer,					\
	}

static const struct bc_block_codec by_zlib = CODEC(open_worker, close_worker, compress_block);
static const struct bc_block_codec by_isal = CODEC(bc_gzip_isal_open, bc_gzip_isal_close, bc_gzip_isal_compress);

static int open_gzip(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err)
{
	return bc_blocks_open(bc_gzip_isal_takes(level) ? &by_isal : &by_zlib, level, workers, out, ret, err);
}

const struct bc_stream_ops bc_stream_gzip = {
	.open = open_gzip,
	.begin = bc_blocks_begin,
	.push = bc_blocks_push,
	.close = bc_blocks_close,
};
