/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#define ALIASES 2

static const struct {
	const char *name;
	const char *alias[ALIASES];
	const char *ext;
	bool stream;
	int min, max, def;
} codecs[] = {
	[BC_CODEC_NONE] = { "none", { "no" }, "", false, 0, 0, 0 },
	[BC_CODEC_LZ4] = { "lz4", { NULL }, ".lz4", false, 1, 12, 1 },
	[BC_CODEC_ZSTD] = { "zstd", { NULL }, ".zst", true, 1, 19, 3 },
	[BC_CODEC_GZIP] = { "gzip", { "gz", "zlib" }, ".gz", true, 0, 9, 6 },
	[BC_CODEC_XZ] = { "xz", { "lzma" }, ".xz", true, 0, 9, 6 },
	[BC_CODEC_BZIP2] = { "bzip2", { "bz2", "bz" }, ".bz2", true, 1, 9, 9 },
	[BC_CODEC_LZO] = { "lzo", { NULL }, ".lzo", true, 1, 9, 3 },
};

_Static_assert(sizeof(codecs) / sizeof(codecs[0]) == BC_CODEC_COUNT, "every codec");

static bool is_called(enum bc_codec c, const char *name)
{
	bool is = strcmp(name, codecs[c].name) == 0;

	for (size_t i = 0; !is && i < ALIASES && codecs[c].alias[i]; i++)
		is = strcmp(name, codecs[c].alias[i]) == 0;
	return is;
}

int bc_codec_from_name(const char *name, enum bc_codec *ret)
{
	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++)
		if (is_called(c, name)) {
			*ret = c;
			return 0;
		}
	return -EINVAL;
}

enum bc_codec bc_codec_of_path(const char *path)
{
	size_t len = strlen(path);

	for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++) {
		size_t n = strlen(codecs[c].ext);

		if (len > n && strcasecmp(path + len - n, codecs[c].ext) == 0)
			return c;
	}
	return BC_CODEC_NONE;
}

const char *bc_codec_name(enum bc_codec c)
{
	return codecs[c].name;
}

const char *bc_codec_ext(enum bc_codec c)
{
	return codecs[c].ext;
}

bool bc_codec_is_stream(enum bc_codec c)
{
	return codecs[c].stream;
}

void bc_codec_levels(enum bc_codec c, int *min, int *max, int *def)
{
	*min = codecs[c].min;
	*max = codecs[c].max;
	*def = codecs[c].def;
}
