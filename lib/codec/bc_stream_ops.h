/* SPDX-License-Identifier: BSD-3-Clause */
/* What bc_stream.c asks of each stream codec. */
#ifndef BC_STREAM_OPS_H
#define BC_STREAM_OPS_H

#include "bc_codec.h"

struct bc_stream_out {
	bc_stream_sink sink;
	void *ctx;
};

enum bc_stream_push { BC_STREAM_FEED, BC_STREAM_FLUSH, BC_STREAM_END };

/* All NULL: the build is without it. */
struct bc_stream_ops {
	/* level and workers are within their limits; *out is copied. As bc_stream_new(). */
	int (*open)(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err);
	/* Before each frame; whatever was left of the last one is forgotten. */
	int (*begin)(void *state);
	/* After a failure the next call is begin or close. data is NULL but for BC_STREAM_FEED. */
	int (*push)(void *state, const uint8_t *data, size_t len, enum bc_stream_push what);
	void (*close)(void *state);
};

extern const struct bc_stream_ops bc_stream_zstd, bc_stream_gzip, bc_stream_xz, bc_stream_bzip2,
				  bc_stream_lzo;

#endif
