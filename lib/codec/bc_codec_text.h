/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of codecs in words, for help and messages. */
#ifndef BC_CODEC_TEXT_H
#define BC_CODEC_TEXT_H

#define BC_CODEC_TEXT_MAX 256

enum bc_codec_text {
	BC_CODEC_TEXT_NAMES,		/* lz4 (default), zstd, ... none */
	BC_CODEC_TEXT_TYPES,		/* mtracecap's: gzip (gz, zlib), ... none (no; default) */
	BC_CODEC_TEXT_EXTENSIONS,	/* .lz4, .zst, ... */
	BC_CODEC_TEXT_LEVELS,		/* lz4: 1 (default) to 12; zstd: 1 to 19, default 3; ... */
	BC_CODEC_TEXT_COUNT,
};

/* Into buf, which it returns. '~' stands for a space at which no line should end. */
const char *bc_codec_text(enum bc_codec_text what, char buf[BC_CODEC_TEXT_MAX]);

/* All codecs, as in "lz4, zstd, ... or none"; those for old segments, the best first. last: what is before the last. As above, without '~'. */
const char *bc_codec_names(const char *last, char buf[BC_CODEC_TEXT_MAX]);
const char *bc_codec_archive_names(const char *last, char buf[BC_CODEC_TEXT_MAX]);

#endif
