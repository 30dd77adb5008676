/* SPDX-License-Identifier: BSD-3-Clause */
/* zstd frames, compressed by libzstd's own worker threads. */
#include "bc_codec_ops.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct zstd_stream {
	ZSTD_CCtx *ctx;
	struct bc_stream_out out;
	size_t buf_size;
	uint8_t buf[];
};

static void close_zstd(void *state)
{
	struct zstd_stream *z = state;

	ZSTD_freeCCtx(z->ctx);
	free(z);
}

static int set_up(struct zstd_stream *z, int level, unsigned workers, struct bc_err *err)
{
	z->ctx = ZSTD_createCCtx();
	if (!z->ctx)
		return bc_err_set(err, -ENOMEM, "zstd: no memory");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_nbWorkers, (int)workers)))
		return bc_err_set(err, -ENOTSUP, "zstd: this libzstd was built without threads");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_checksumFlag, 1)))
		return bc_err_set(err, -EINVAL, "zstd: libzstd refuses level %d", level);
	return 0;
}

static int open_zstd(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err)
{
	size_t buf_size = ZSTD_CStreamOutSize();
	struct zstd_stream *z = calloc(1, sizeof(*z) + buf_size);
	int r;

	if (!z)
		return bc_err_set(err, -ENOMEM, "zstd: no memory");
	z->out = *out;
	z->buf_size = buf_size;
	r = set_up(z, level, workers, err);
	if (r < 0) {
		close_zstd(z);
		return r;
	}
	*ret = z;
	return 0;
}

static void unchecked(void *state)
{
	struct zstd_stream *z = state;

	ZSTD_CCtx_setParameter(z->ctx, ZSTD_c_checksumFlag, 0);
}

static int begin(void *state)
{
	struct zstd_stream *z = state;

	return ZSTD_isError(ZSTD_CCtx_reset(z->ctx, ZSTD_reset_session_only)) ? -EIO : 0;
}

static int error_of(size_t r)
{
	return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
}

/* One round through the library. 0: done, 1: more to do. */
static int step(struct zstd_stream *z, ZSTD_inBuffer *in, ZSTD_EndDirective what)
{
	ZSTD_outBuffer out = { z->buf, z->buf_size, 0 };
	size_t left = ZSTD_compressStream2(z->ctx, &out, in, what);
	int r;

	if (ZSTD_isError(left))
		return error_of(left);
	r = out.pos ? z->out.sink(z->out.ctx, z->buf, out.pos) : 0;
	if (r < 0)
		return r;
	return what == ZSTD_e_continue ? in->pos < in->size : left > 0;
}

static int push(void *state, const uint8_t *data, size_t len, enum bc_stream_push what)
{
	static const ZSTD_EndDirective directive[] = {
		[BC_STREAM_FEED] = ZSTD_e_continue, [BC_STREAM_FLUSH] = ZSTD_e_flush, [BC_STREAM_END] = ZSTD_e_end,
	};
	ZSTD_inBuffer in = { data, len, 0 };
	int r;

	do {
		r = step(state, &in, directive[what]);
	} while (r > 0);
	return r;
}

const struct bc_stream_ops bc_stream_zstd = {
	.open = open_zstd,
	.unchecked = unchecked,
	.begin = begin,
	.push = push,
	.close = close_zstd,
};
