/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_ops.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

/* What xz -9 needs is 65 MiB. */
#define MEMORY_MAX (128U << 20)

struct xz_decoder {
	lzma_stream lzma;
	lzma_ret begun;
};

static void begin(void *state)
{
	struct xz_decoder *z = state;

	z->begun = lzma_stream_decoder(&z->lzma, MEMORY_MAX, 0);
}

static void *open_xz(void)
{
	struct xz_decoder *z = calloc(1, sizeof(*z));

	if (z)
		z->lzma = (lzma_stream)LZMA_STREAM_INIT;
	return z;
}

static const char *words(lzma_ret r)
{
	switch (r) {
	case LZMA_MEM_ERROR:
		return "no memory";
	case LZMA_MEMLIMIT_ERROR:
		return "it needs more memory than 128 MiB to be decoded";
	case LZMA_FORMAT_ERROR:
		return "this is not the header of an xz stream";
	case LZMA_OPTIONS_ERROR:
		return "it was made in a way that liblzma does not know";
	default:
		return "liblzma finds it damaged";
	}
}

static int step(void *state, struct bc_flow *flow, const char **why)
{
	struct xz_decoder *z = state;
	lzma_ret r = z->begun;

	if (r == LZMA_OK) {
		z->lzma.next_in = flow->src;
		z->lzma.avail_in = flow->src_len;
		z->lzma.next_out = flow->dst;
		z->lzma.avail_out = flow->dst_len;
		r = lzma_code(&z->lzma, LZMA_RUN);
		flow->src = z->lzma.next_in;
		flow->src_len = z->lzma.avail_in;
		flow->dst = z->lzma.next_out;
		flow->dst_len = z->lzma.avail_out;
	}
	if (r == LZMA_STREAM_END)
		return 0;
	if (r == LZMA_OK || r == LZMA_BUF_ERROR)
		return 1;
	*why = words(r);
	return r == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
}

static void close_xz(void *state)
{
	struct xz_decoder *z = state;

	lzma_end(&z->lzma);
	free(z);
}

const struct bc_decoder_ops bc_decoder_xz = {
	.magic = { 0xfd, '7', 'z', 'X' },
	.magic_len = 4,
	.open = open_xz,
	.begin = begin,
	.step = step,
	.close = close_xz,
};
