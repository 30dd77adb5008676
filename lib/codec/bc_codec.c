/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of codecs. Its order is that of help and messages, where none is the last. */
#include "bc_codec_ops.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

static const struct bc_codec_row rows[] = {
	[BC_CODEC_NONE] = { .name = "none", .alias = { "no" }, .ext = "", .libtrace_place = 5 },
	[BC_CODEC_LZ4] = {
		.name = "lz4", .ext = ".lz4", .level_min = 1, .level_max = 12, .level_default = 1,
		.decoder = &bc_decoder_lz4,
	},
	[BC_CODEC_ZSTD] = {
		.name = "zstd", .ext = ".zst", .level_min = 1, .level_max = 19, .level_default = 3,
		.archive_place = 1, .stream = &bc_stream_zstd, .decoder = &bc_decoder_zstd,
	},
	[BC_CODEC_GZIP] = {
		.name = "gzip", .alias = { "gz", "zlib" }, .ext = ".gz", .level_min = 0, .level_max = 9, .level_default = 6,
		.libtrace_place = 1, .archive_place = 3, .stream = &bc_stream_gzip, .decoder = &bc_decoder_gzip,
	},
	[BC_CODEC_XZ] = {
		.name = "xz", .alias = { "lzma" }, .ext = ".xz", .level_min = 0, .level_max = 9, .level_default = 6,
		.libtrace_place = 4, .archive_place = 2, .stream = &bc_stream_xz, .decoder = &bc_decoder_xz,
	},
	[BC_CODEC_BZIP2] = {
		.name = "bzip2", .alias = { "bz", "bz2" }, .ext = ".bz2", .level_min = 1, .level_max = 9, .level_default = 9,
		.libtrace_place = 2, .archive_place = 4, .stream = &bc_stream_bzip2, .decoder = &bc_decoder_bzip2,
	},
	[BC_CODEC_LZO] = {
		.name = "lzo", .ext = ".lzo", .level_min = 1, .level_max = 9, .level_default = 3,
		.libtrace_place = 3, .archive_place = 5, .optional = true,
		.licence = "linked with liblzo2: the GPL, version 2 or later, holds for this binary",
		.stream = &bc_stream_lzo, .decoder = &bc_decoder_lzo,
	},
};

_Static_assert(sizeof(rows) / sizeof(rows[0]) == BC_CODEC_COUNT, "every codec");

const struct bc_codec_row *bc_codec_row(enum bc_codec c)
{
	return &rows[c];
}

static bool is_called(const struct bc_codec_row *row, const char *name)
{
	bool is = strcmp(name, row->name) == 0;

	for (size_t i = 0; !is && i < BC_CODEC_ALIASES && row->alias[i]; i++)
		is = strcmp(name, row->alias[i]) == 0;
	return is;
}

int bc_codec_from_name(const char *name, enum bc_codec *ret)
{
	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++)
		if (is_called(&rows[c], name)) {
			*ret = c;
			return 0;
		}
	return -EINVAL;
}

static bool begins_with(const char *s, const char *begin)
{
	return strncmp(s, begin, strlen(begin)) == 0;
}

static bool begins_as(const struct bc_codec_row *row, const char *type)
{
	bool is = begins_with(type, row->name);

	for (size_t i = 0; !is && i < BC_CODEC_ALIASES && row->alias[i]; i++)
		is = begins_with(type, row->alias[i]);
	return is;
}

int bc_codec_from_type(const char *type, enum bc_codec *ret)
{
	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++)
		if (rows[c].libtrace_place && begins_as(&rows[c], type)) {
			*ret = c;
			return 0;
		}
	return bc_codec_from_name(type, ret);
}

enum bc_codec bc_codec_of_path(const char *path)
{
	size_t len = strlen(path);

	for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++) {
		size_t n = strlen(rows[c].ext);

		if (len > n && strcasecmp(path + len - n, rows[c].ext) == 0)
			return c;
	}
	return BC_CODEC_NONE;
}

const char *bc_codec_name(enum bc_codec c)
{
	return rows[c].name;
}

const char *bc_codec_ext(enum bc_codec c)
{
	return rows[c].ext;
}

bool bc_codec_is_stream(enum bc_codec c)
{
	return rows[c].stream != NULL;
}

bool bc_codec_is_block(enum bc_codec c)
{
	return c != BC_CODEC_NONE && !rows[c].stream;
}

bool bc_codec_is_built(enum bc_codec c)
{
	return !rows[c].stream || rows[c].stream->open;
}

const char *bc_codec_licence(enum bc_codec c)
{
	return bc_codec_is_built(c) ? rows[c].licence : NULL;
}

void bc_codec_levels(enum bc_codec c, int *min, int *max, int *def)
{
	*min = rows[c].level_min;
	*max = rows[c].level_max;
	*def = rows[c].level_default;
}
