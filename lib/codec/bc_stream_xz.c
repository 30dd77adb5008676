/* SPDX-License-Identifier: BSD-3-Clause */
/* xz streams, compressed by liblzma's own threads, a block each. */
#include "bc_codec_ops.h"

#include <errno.h>
#include <lzma.h>
#include <stdlib.h>

/* Far below xz(1)'s, so that the threads have work between two flushes, and neither they nor a reader need much memory. */
#define BLOCK (4U << 20)
#define BUF (64U * 1024)

struct xz_stream {
	lzma_stream lzma;
	lzma_options_lzma options;
	unsigned workers;
	struct bc_stream_out out;
	uint8_t buf[BUF];
};

static int error_of(lzma_ret r)
{
	return r == LZMA_MEM_ERROR ? -ENOMEM : -EIO;
}

/* Always a new encoder: liblzma 5.4.1 hangs in one that is begun again before its end. */
static int begin(void *state)
{
	struct xz_stream *z = state;
	const lzma_filter filters[] = {
		{ .id = LZMA_FILTER_LZMA2, .options = &z->options }, { .id = LZMA_VLI_UNKNOWN },
	};
	const lzma_mt mt = {
		.threads = z->workers, .block_size = BLOCK, .filters = filters, .check = LZMA_CHECK_CRC64,
	};
	lzma_ret r;

	lzma_end(&z->lzma);
	z->lzma = (lzma_stream)LZMA_STREAM_INIT;
	r = lzma_stream_encoder_mt(&z->lzma, &mt);
	return r == LZMA_OK ? 0 : error_of(r);
}

static void close_xz(void *state)
{
	struct xz_stream *z = state;

	lzma_end(&z->lzma);
	free(z);
}

static int open_xz(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err)
{
	struct xz_stream *z = calloc(1, sizeof(*z));
	int r;

	if (!z)
		return bc_err_set(err, -ENOMEM, "xz: no memory");
	z->workers = workers;
	z->out = *out;
	if (lzma_lzma_preset(&z->options, (uint32_t)level)) {
		close_xz(z);
		return bc_err_set(err, -EINVAL, "xz: liblzma refuses level %d", level);
	}
	if (z->options.dict_size > BLOCK)
		z->options.dict_size = BLOCK;
	r = begin(z);
	if (r < 0) {
		close_xz(z);
		return bc_err_set(err, r, "xz: liblzma cannot start %u threads", workers);
	}
	*ret = z;
	return 0;
}

/* One round through the library. 0: done, 1: more to do. */
static int step(struct xz_stream *z, lzma_action what)
{
	lzma_ret done;
	int r = 0;

	z->lzma.next_out = z->buf;
	z->lzma.avail_out = BUF;
	done = lzma_code(&z->lzma, what);
	if (done != LZMA_OK && done != LZMA_STREAM_END)
		return error_of(done);
	if (z->lzma.avail_out < BUF)
		r = z->out.sink(z->out.ctx, z->buf, BUF - z->lzma.avail_out);
	if (r < 0)
		return r;
	return what == LZMA_RUN ? z->lzma.avail_in > 0 : done != LZMA_STREAM_END;
}

static int push(void *state, const uint8_t *data, size_t len, enum bc_stream_push what)
{
	static const lzma_action action[] = {
		[BC_STREAM_FEED] = LZMA_RUN, [BC_STREAM_FLUSH] = LZMA_FULL_FLUSH, [BC_STREAM_END] = LZMA_FINISH,
	};
	struct xz_stream *z = state;
	int r = what != BC_STREAM_FEED || len > 0;

	z->lzma.next_in = data;
	z->lzma.avail_in = len;
	while (r > 0)
		r = step(z, action[what]);
	return r;
}

const struct bc_stream_ops bc_stream_xz = {
	.open = open_xz,
	.begin = begin,
	.push = push,
	.close = close_xz,
};
