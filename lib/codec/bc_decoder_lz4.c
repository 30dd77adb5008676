/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_ops.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#define LZ4_BLOCK_HEADER 4

struct lz4_decoder {
	LZ4F_dctx *ctx;
	size_t want;	/* as much as the next step may take */
};

static void *open_lz4(void)
{
	struct lz4_decoder *z = calloc(1, sizeof(*z));

	if (z && LZ4F_isError(LZ4F_createDecompressionContext(&z->ctx, LZ4F_VERSION))) {
		free(z);
		return NULL;
	}
	return z;
}

static void begin(void *state)
{
	struct lz4_decoder *z = state;

	LZ4F_resetDecompressionContext(z->ctx);
	z->want = LZ4F_HEADER_SIZE_MIN;
}

/*
 * A call that fails does not report what it had decoded before. So a call gets at most one block: the
 * library's hint, but for the next block's header that it includes.
 */
static int step(void *state, struct bc_flow *flow, const char **why)
{
	struct lz4_decoder *z = state;
	size_t took = flow->src_len < z->want ? flow->src_len : z->want;
	size_t made = flow->dst_len;
	size_t hint = LZ4F_decompress(z->ctx, flow->dst, &made, flow->src, &took, NULL);

	if (LZ4F_isError(hint)) {
		*why = LZ4F_getErrorName(hint);
		return strcmp(*why, "ERROR_allocation_failed") == 0 ? -ENOMEM : -EBADMSG;
	}
	flow->src += took;
	flow->src_len -= took;
	flow->dst += made;
	flow->dst_len -= made;
	z->want = hint > LZ4_BLOCK_HEADER ? hint - LZ4_BLOCK_HEADER : hint;
	return hint > 0;
}

static void close_lz4(void *state)
{
	struct lz4_decoder *z = state;

	LZ4F_freeDecompressionContext(z->ctx);
	free(z);
}

const struct bc_decoder_ops bc_decoder_lz4 = {
	.magic = { 0x04, 0x22, 0x4d, 0x18 },
	.magic_len = 4,
	.open = open_lz4,
	.begin = begin,
	.step = step,
	.close = close_lz4,
};
