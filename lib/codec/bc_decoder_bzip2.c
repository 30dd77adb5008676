/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_ops.h"

#include <bzlib.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct bzip2_decoder {
	bz_stream bz;
	int begun;
};

static void begin(void *state)
{
	struct bzip2_decoder *z = state;

	BZ2_bzDecompressEnd(&z->bz);
	z->begun = BZ2_bzDecompressInit(&z->bz, 0, 0);
}

static void *open_bzip2(void)
{
	return calloc(1, sizeof(struct bzip2_decoder));
}

static unsigned at_most(size_t n)
{
	return n < UINT_MAX ? (unsigned)n : UINT_MAX;
}

static int step(void *state, struct bc_flow *flow, const char **why)
{
	struct bzip2_decoder *z = state;
	int r = z->begun;

	if (r == BZ_OK) {
		z->bz.next_in = (char *)flow->src;
		z->bz.avail_in = at_most(flow->src_len);
		z->bz.next_out = (char *)flow->dst;
		z->bz.avail_out = at_most(flow->dst_len);
		r = BZ2_bzDecompress(&z->bz);
		flow->src_len -= (size_t)((const uint8_t *)z->bz.next_in - flow->src);
		flow->src = (const uint8_t *)z->bz.next_in;
		flow->dst_len -= (size_t)((uint8_t *)z->bz.next_out - flow->dst);
		flow->dst = (uint8_t *)z->bz.next_out;
	}
	if (r == BZ_STREAM_END)
		return 0;
	if (r == BZ_OK)
		return 1;
	*why = r == BZ_MEM_ERROR ? "no memory" : r == BZ_DATA_ERROR_MAGIC ? "this is not the header of a bzip2 stream" :
	       "libbz2 finds it damaged";
	return r == BZ_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void close_bzip2(void *state)
{
	struct bzip2_decoder *z = state;

	BZ2_bzDecompressEnd(&z->bz);
	free(z);
}

const struct bc_decoder_ops bc_decoder_bzip2 = {
	.magic = { 'B', 'Z', 'h' },
	.magic_len = 3,
	.open = open_bzip2,
	.begin = begin,
	.step = step,
	.close = close_bzip2,
};
