/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a codec is: one row of constants, an encoder and a decoder. A new one is a constant in bc_codec.h, a row in bc_codec.c,
 * and its two sets of functions, declared at the end of this file.
 */
#ifndef BC_CODEC_OPS_H
#define BC_CODEC_OPS_H

#include <stddef.h>
#include <stdint.h>

#include "bc_codec.h"

struct bc_stream_out {
	bc_stream_sink sink;
	void *ctx;
};

enum bc_stream_push { BC_STREAM_FEED, BC_STREAM_FLUSH, BC_STREAM_END };

/* What bc_stream.c asks of each stream codec. All NULL: the build is without it. */
struct bc_stream_ops {
	/* level and workers are within their limits; *out is copied. As bc_stream_new(). */
	int (*open)(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err);
	/* As bc_stream_unchecked(); NULL: there is no choice. */
	void (*unchecked)(void *state);
	/* Before each frame; whatever was left of the last one is forgotten. */
	int (*begin)(void *state);
	/* After a failure the next call is begin or close. data is NULL but for BC_STREAM_FEED. */
	int (*push)(void *state, const uint8_t *data, size_t len, enum bc_stream_push what);
	void (*close)(void *state);
};

/* What a step may take and where it puts; it moves both on. */
struct bc_flow {
	const uint8_t *src;
	size_t src_len;
	uint8_t *dst;
	size_t dst_len;
};

/* What bc_decoder.c asks of each codec: one frame (gzip: member, xz, bzip2: stream, lzo: file) at a time. */
struct bc_decoder_ops {
	uint8_t magic[4];
	size_t magic_len;
	/* Working memory for any number of frames; NULL without memory. */
	void *(*open)(void);
	/* Before each frame, whose magic is still ahead. */
	void (*begin)(void *state);
	/*
	 * Some bytes on. 1: inside the frame, 0: it is over, or a negative errno with the library's words in
	 * *why. flow counts all that came out, before an error too. With src_len 0 it only hands out what the
	 * library holds.
	 */
	int (*step)(void *state, struct bc_flow *flow, const char **why);
	void (*close)(void *state);
};

#define BC_CODEC_ALIASES 2

struct bc_codec_row {
	const char *name;
	const char *alias[BC_CODEC_ALIASES];
	const char *ext;
	int level_min, level_max, level_default;
	/* Its place among libtrace's types, which mtracecap knows by their beginnings; 0: libtrace does not have it. */
	unsigned libtrace_place;
	/* Its place among the codecs that are offered for old segments; 0: a block codec, which is not. */
	unsigned archive_place;
	bool optional;			/* may be left out of a build */
	const char *licence;		/* what --version says of a build with it, or NULL */
	const struct bc_stream_ops *stream;	/* NULL: none, or LZ4, whose blocks are in bc_lz4.c */
	const struct bc_decoder_ops *decoder;	/* NULL: none */
};

const struct bc_codec_row *bc_codec_row(enum bc_codec c);

extern const struct bc_stream_ops bc_stream_zstd, bc_stream_gzip, bc_stream_xz, bc_stream_bzip2, bc_stream_lzo;
extern const struct bc_decoder_ops bc_decoder_lz4, bc_decoder_zstd, bc_decoder_gzip, bc_decoder_xz, bc_decoder_bzip2,
				   bc_decoder_lzo;

#endif
