/* SPDX-License-Identifier: BSD-3-Clause */
/* zstd frames, compressed by libzstd's own worker threads. */
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "bc_codec.h"

struct bc_stream {
	ZSTD_CCtx *zstd;
	bc_stream_sink sink;
	void *ctx;
	int failed;	/* a negative errno: the frame misses bytes, and takes no more */
	size_t out_size;
	uint8_t out[];
};

static int set_up(struct bc_stream *s, int level, unsigned workers, struct bc_err *err)
{
	s->zstd = ZSTD_createCCtx();
	if (!s->zstd)
		return bc_err_set(err, -ENOMEM, "zstd: no memory");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_nbWorkers, (int)workers)))
		return bc_err_set(err, -ENOTSUP, "zstd: this libzstd was built without threads");
	if (ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_compressionLevel, level)) ||
	    ZSTD_isError(ZSTD_CCtx_setParameter(s->zstd, ZSTD_c_checksumFlag, 1)))
		return bc_err_set(err, -EINVAL, "zstd: libzstd refuses level %d", level);
	return 0;
}

int bc_stream_new(enum bc_codec c, int level, unsigned workers, bc_stream_sink sink, void *ctx,
		  struct bc_stream **ret, struct bc_err *err)
{
	size_t out_size = ZSTD_CStreamOutSize();
	unsigned workers_max = (unsigned)ZSTD_cParam_getBounds(ZSTD_c_nbWorkers).upperBound;
	struct bc_stream *s;
	int min, max, def, r;

	if (!bc_codec_is_stream(c))
		return bc_err_set(err, -EINVAL, "%s is no stream codec", bc_codec_name(c));
	bc_codec_levels(c, &min, &max, &def);
	if (level < min || level > max)
		return bc_err_set(err, -EINVAL, "%s level %d: give %d to %d", bc_codec_name(c), level, min, max);
	if (workers < 1 || (workers > workers_max && workers_max > 0))
		return bc_err_set(err, -EINVAL, "%s with %u threads: give 1 to %u", bc_codec_name(c), workers,
				  workers_max);
	s = calloc(1, sizeof(*s) + out_size);
	if (!s)
		return bc_err_set(err, -ENOMEM, "%s: no memory", bc_codec_name(c));
	s->sink = sink;
	s->ctx = ctx;
	s->out_size = out_size;
	r = set_up(s, level, workers, err);
	if (r < 0) {
		bc_stream_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

int bc_stream_begin(struct bc_stream *s)
{
	s->failed = 0;
	return ZSTD_isError(ZSTD_CCtx_reset(s->zstd, ZSTD_reset_session_only)) ? -EIO : 0;
}

static int error_of(size_t r)
{
	return ZSTD_getErrorCode(r) == ZSTD_error_memory_allocation ? -ENOMEM : -EIO;
}

/* One round through the library. 0: done, 1: more to do. */
static int step(struct bc_stream *s, ZSTD_inBuffer *in, ZSTD_EndDirective what)
{
	ZSTD_outBuffer out = { s->out, s->out_size, 0 };
	size_t left = ZSTD_compressStream2(s->zstd, &out, in, what);
	int r;

	if (ZSTD_isError(left))
		return error_of(left);
	r = out.pos ? s->sink(s->ctx, s->out, out.pos) : 0;
	if (r < 0)
		return r;
	return what == ZSTD_e_continue ? in->pos < in->size : left > 0;
}

static int push(struct bc_stream *s, const uint8_t *data, size_t len, ZSTD_EndDirective what)
{
	ZSTD_inBuffer in = { data, len, 0 };
	int r = s->failed;

	if (r == 0)
		do {
			r = step(s, &in, what);
		} while (r > 0);
	s->failed = r;
	return r;
}

int bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len)
{
	return push(s, data, len, ZSTD_e_continue);
}

int bc_stream_flush(struct bc_stream *s)
{
	return push(s, NULL, 0, ZSTD_e_flush);
}

int bc_stream_end(struct bc_stream *s)
{
	return push(s, NULL, 0, ZSTD_e_end);
}

void bc_stream_free(struct bc_stream *s)
{
	if (!s)
		return;
	ZSTD_freeCCtx(s->zstd);
	free(s);
}
