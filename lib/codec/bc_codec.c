/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec.h"

#include <errno.h>
#include <string.h>

static const struct {
	const char *name;
	const char *ext;
	bool stream;
	int min, max, def;
} codecs[] = {
	[BC_CODEC_NONE] = { "none", "", false, 0, 0, 0 },
	[BC_CODEC_LZ4] = { "lz4", ".lz4", false, 1, 12, 1 },
	[BC_CODEC_ZSTD] = { "zstd", ".zst", true, 1, 19, 3 },
};

int bc_codec_from_name(const char *name, enum bc_codec *ret)
{
	if (strcmp(name, "no") == 0)
		name = "none";
	for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++)
		if (strcmp(name, codecs[i].name) == 0) {
			*ret = (enum bc_codec)i;
			return 0;
		}
	return -EINVAL;
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
