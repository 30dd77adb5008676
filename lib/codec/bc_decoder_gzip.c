/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_ops.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

#define GZIP_ONLY (15 + 16)	/* windowBits: 32 KiB, a gzip header and no other */

static void *open_gzip(void)
{
	z_stream *z = calloc(1, sizeof(*z));

	if (z && inflateInit2(z, GZIP_ONLY) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static void begin(void *state)
{
	inflateReset(state);
}

static uInt at_most(size_t n)
{
	return n < UINT_MAX ? (uInt)n : UINT_MAX;
}

static int step(void *state, struct bc_flow *flow, const char **why)
{
	z_stream *z = state;
	int r;

	z->next_in = (z_const Bytef *)flow->src;
	z->avail_in = at_most(flow->src_len);
	z->next_out = flow->dst;
	z->avail_out = at_most(flow->dst_len);
	r = inflate(z, Z_NO_FLUSH);
	flow->src_len -= (size_t)(z->next_in - flow->src);
	flow->src = z->next_in;
	flow->dst_len -= (size_t)(z->next_out - flow->dst);
	flow->dst = z->next_out;
	if (r == Z_STREAM_END)
		return 0;
	if (r == Z_OK || r == Z_BUF_ERROR)
		return 1;
	*why = z->msg ? z->msg : zError(r);
	return r == Z_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void close_gzip(void *state)
{
	inflateEnd(state);
	free(state);
}

const struct bc_decoder_ops bc_decoder_gzip = {
	.magic = { 0x1f, 0x8b, 0x08 },
	.magic_len = 3,
	.open = open_gzip,
	.begin = begin,
	.step = step,
	.close = close_gzip,
};
