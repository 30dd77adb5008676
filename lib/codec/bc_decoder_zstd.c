/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

/* 128 MiB, which is as much as any plain level of zstd uses; only --long=28 and more asks for more. */
#define WINDOW_LOG_MAX 27
#define ZSTD_BLOCK_HEADER 3
#define ZSTD_FIRST 5	/* magic and frame header descriptor */

struct zstd_decoder {
	ZSTD_DCtx *ctx;
	size_t want;	/* as much as the next step may take */
};

static void *open_zstd(void)
{
	struct zstd_decoder *z = calloc(1, sizeof(*z));

	if (!z)
		return NULL;
	z->ctx = ZSTD_createDCtx();
	if (!z->ctx || ZSTD_isError(ZSTD_DCtx_setParameter(z->ctx, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		ZSTD_freeDCtx(z->ctx);
		free(z);
		return NULL;
	}
	return z;
}

static void begin(void *state)
{
	struct zstd_decoder *z = state;

	ZSTD_DCtx_reset(z->ctx, ZSTD_reset_session_only);
	z->want = ZSTD_FIRST;
}

/*
 * A call that fails does not report what it had decoded before. So a call gets at most one block: the
 * library's hint, but for the next block's header that it includes.
 */
static int step(void *state, struct bc_flow *flow, const char **why)
{
	struct zstd_decoder *z = state;
	ZSTD_inBuffer in = { flow->src, flow->src_len < z->want ? flow->src_len : z->want, 0 };
	ZSTD_outBuffer out = { flow->dst, flow->dst_len, 0 };
	size_t hint = ZSTD_decompressStream(z->ctx, &out, &in);

	if (ZSTD_isError(hint)) {
		*why = ZSTD_getErrorName(hint);
		return ZSTD_getErrorCode(hint) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
	}
	flow->src += in.pos;
	flow->src_len -= in.pos;
	flow->dst += out.pos;
	flow->dst_len -= out.pos;
	z->want = hint > ZSTD_BLOCK_HEADER ? hint - ZSTD_BLOCK_HEADER : hint;
	return hint > 0;
}

static void close_zstd(void *state)
{
	struct zstd_decoder *z = state;

	ZSTD_freeDCtx(z->ctx);
	free(z);
}

const struct bc_decoder_ops bc_decoder_zstd = {
	.magic = { 0x28, 0xb5, 0x2f, 0xfd },
	.magic_len = 4,
	.open = open_zstd,
	.begin = begin,
	.step = step,
	.close = close_zstd,
};
