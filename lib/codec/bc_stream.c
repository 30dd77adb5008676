/* SPDX-License-Identifier: BSD-3-Clause */
/* What all stream codecs have in common; their inside is bc_codec_ops.h. */
#include <errno.h>
#include <stdlib.h>

#include "bc_codec_ops.h"

struct bc_stream {
	const struct bc_stream_ops *ops;
	void *state;
	int failed;	/* a negative errno: the frame misses bytes, and takes no more */
};

int bc_stream_new(enum bc_codec c, int level, unsigned workers, bc_stream_sink sink, void *ctx,
		  struct bc_stream **ret, struct bc_err *err)
{
	const struct bc_stream_out out = { .sink = sink, .ctx = ctx };
	struct bc_stream *s;
	int min, max, def, r;

	if (!bc_codec_is_stream(c))
		return bc_err_set(err, -EINVAL, "%s is not a stream codec", bc_codec_name(c));
	if (!bc_codec_is_built(c))
		return bc_err_set(err, -ENOTSUP, "%s: this program was built without it", bc_codec_name(c));
	bc_codec_levels(c, &min, &max, &def);
	if (level < min || level > max)
		return bc_err_set(err, -EINVAL, "%s level %d: give %d to %d", bc_codec_name(c), level, min, max);
	if (workers < 1 || workers > BC_STREAM_WORKERS_MAX)
		return bc_err_set(err, -EINVAL, "%s with %u threads: give 1 to %u", bc_codec_name(c), workers,
				  BC_STREAM_WORKERS_MAX);
	s = calloc(1, sizeof(*s));
	if (!s)
		return bc_err_set(err, -ENOMEM, "%s: no memory", bc_codec_name(c));
	s->ops = bc_codec_row(c)->stream;
	r = s->ops->open(level, workers, &out, &s->state, err);
	if (r < 0) {
		free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void bc_stream_unchecked(struct bc_stream *s)
{
	if (s->ops->unchecked)
		s->ops->unchecked(s->state);
}

int bc_stream_begin(struct bc_stream *s)
{
	s->failed = s->ops->begin(s->state);
	return s->failed;
}

static int push(struct bc_stream *s, const uint8_t *data, size_t len, enum bc_stream_push what)
{
	if (s->failed == 0)
		s->failed = s->ops->push(s->state, data, len, what);
	return s->failed;
}

int bc_stream_feed(struct bc_stream *s, const uint8_t *data, size_t len)
{
	return push(s, data, len, BC_STREAM_FEED);
}

int bc_stream_flush(struct bc_stream *s)
{
	return push(s, NULL, 0, BC_STREAM_FLUSH);
}

int bc_stream_end(struct bc_stream *s)
{
	return push(s, NULL, 0, BC_STREAM_END);
}

void bc_stream_free(struct bc_stream *s)
{
	if (!s)
		return;
	s->ops->close(s->state);
	free(s);
}
