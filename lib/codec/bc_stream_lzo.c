/* SPDX-License-Identifier: BSD-3-Clause */
/* One file of lzop's format, whose blocks know nothing of each other. */
#include "bc_blocks.h"

#include <errno.h>
#include <lzo/lzo1x.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bc_bytes.h"
#include "bc_lzop.h"

#define BLOCK (256U * 1024)
#define BLOCK_HEADER 12U	/* length, length as compressed, checksum */
#define MODE 0100640U

static size_t block_max(int level)
{
	return BLOCK;
}

/* What does not compress grows to this, before it is found out. */
static size_t out_max(size_t len)
{
	return BLOCK_HEADER + len + len / 16 + 64 + 3;
}

struct lzo_worker {
	int level;
	uint8_t memory[];
};

static size_t memory_of(int level)
{
	return level >= 7 ? LZO1X_999_MEM_COMPRESS : level == 1 ? LZO1X_1_15_MEM_COMPRESS : LZO1X_1_MEM_COMPRESS;
}

static void *open_worker(int level)
{
	struct lzo_worker *w = calloc(1, sizeof(*w) + memory_of(level));

	if (w)
		w->level = level;
	return w;
}

static lzo_uint compress_data(struct lzo_worker *w, const struct bc_block *b, uint8_t *dst)
{
	lzo_uint n = 0;

	if (w->level >= 7)
		lzo1x_999_compress_level(b->in, b->len, dst, &n, w->memory, NULL, 0, NULL, w->level);
	else if (w->level == 1)
		lzo1x_1_15_compress(b->in, b->len, dst, &n, w->memory);
	else
		lzo1x_1_compress(b->in, b->len, dst, &n, w->memory);
	return n;
}

static int compress_block(void *worker, struct bc_block *b)
{
	lzo_uint n = compress_data(worker, b, b->out + BLOCK_HEADER);

	if (n >= b->len) {
		n = b->len;
		memcpy(b->out + BLOCK_HEADER, b->in, n);
	}
	bc_put_be32(b->out, (uint32_t)b->len);
	bc_put_be32(b->out + 4, (uint32_t)n);
	bc_put_be32(b->out + 8, (uint32_t)adler32(1, b->in, (uInt)b->len));
	b->out_len = BLOCK_HEADER + n;
	return 0;
}

static uint32_t join(uint32_t sum, const struct bc_block *b)
{
	return 0;
}

/* The levels of lzop: each program that reads the format knows these three methods as one. */
static size_t header(int level, uint8_t *dst)
{
	memset(dst, 0, BC_LZOP_AT_NAME);
	memcpy(dst, BC_LZOP_MAGIC, BC_LZOP_MAGIC_LEN);
	bc_put_be16(dst + BC_LZOP_AT_VERSION, BC_LZOP_VERSION);
	bc_put_be16(dst + BC_LZOP_AT_LIBRARY, (uint16_t)lzo_version());
	bc_put_be16(dst + BC_LZOP_AT_NEEDED, BC_LZOP_VERSION_MIN);
	dst[BC_LZOP_AT_METHOD] = level >= 7 ? BC_LZOP_1X_999 : level == 1 ? BC_LZOP_1X_1_15 : BC_LZOP_1X_1;
	dst[BC_LZOP_AT_LEVEL] = (uint8_t)(level >= 7 || level == 1 ? level : 5);
	bc_put_be32(dst + BC_LZOP_AT_FLAGS, BC_LZOP_UNIX | BC_LZOP_ADLER32_D);
	bc_put_be32(dst + BC_LZOP_AT_MODE, MODE);
	bc_put_be32(dst + BC_LZOP_AT_NAME, (uint32_t)adler32(1, dst + BC_LZOP_MAGIC_LEN, BC_LZOP_AT_NAME - BC_LZOP_MAGIC_LEN));
	return BC_LZOP_AT_NAME + 4;
}

static size_t trailer(uint32_t sum, uint64_t len, uint8_t *dst)
{
	bc_put_be32(dst, 0);
	return 4;
}

static const struct bc_block_codec codec = {
	.name = "lzo",
	.block_max = block_max,
	.out_max = out_max,
	.open = open_worker,
	.close = free,
	.compress = compress_block,
	.join = join,
	.header = header,
	.trailer = trailer,
};

static int open_lzo(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err)
{
	if (lzo_init() != LZO_E_OK)
		return bc_err_set(err, -ENOTSUP, "lzo: this liblzo2 does not match the machine");
	return bc_blocks_open(&codec, level, workers, out, ret, err);
}

const struct bc_stream_ops bc_stream_lzo = {
	.open = open_lzo,
	.begin = bc_blocks_begin,
	.push = bc_blocks_push,
	.close = bc_blocks_close,
};
