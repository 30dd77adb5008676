/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_retention_parse.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bc_codec_text.h"
#include "bc_lz4hc.h"
#include "bc_number.h"
#include "bc_time.h"

#define TEXT_MAX 64
#define CENTURY_S 3.2e9

/* A number followed by a one-letter unit, multiplied by the unit; at most max. False: it is not one. */
static bool with_unit(const char *text, const char *units, const double *worth, double max, double *ret)
{
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	char number[TEXT_MAX];
	double v;

	if (!strcmp(text, "0")) {
		*ret = 0;
		return true;
	}
	if (!unit || len >= sizeof(number) || strspn(text, "0123456789.") != len - 1)
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)(len - 1), text);
	if (bc_parse_double("", number, 0, max / worth[unit - units], &v, NULL))
		return false;
	*ret = v * worth[unit - units];
	return true;
}

int bc_parse_age(const char *what, const char *text, uint64_t *ret_ns, struct bc_err *err)
{
	static const double seconds[] = { 1, 60, 3600, 86400, 7 * 86400 };
	double v;

	if (!with_unit(text, "smhdw", seconds, CENTURY_S, &v))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not an age such as 90s, 15m, 12h, 7d, 4w; 0 is no limit",
				  what, text);
	*ret_ns = (uint64_t)llround(v * (double)BC_NS_PER_S);
	return 0;
}

int bc_parse_size(const char *what, const char *text, uint64_t *ret_bytes, struct bc_err *err)
{
	static const double bytes[] = { 1e3, 1e6, 1e9, 1e12, 1e15 };
	double v;

	if (!with_unit(text, "KMGTP", bytes, 9e18, &v))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a size such as 500M, 20G, 1.5T (powers of 1000); 0 "
				  "is no limit", what, text);
	*ret_bytes = (uint64_t)llround(v);
	return 0;
}

/* One that old segments can be recompressed with, and its levels. */
static bool codec_of(const char *name, enum bc_codec *ret, int *min, int *max, int *def)
{
	if (!strcmp(name, BC_RECOMPRESS_LZ4HC)) {
		*ret = BC_CODEC_LZ4;
		*min = BC_LZ4HC_LEVEL_MIN;
		*max = BC_LZ4HC_LEVEL_MAX;
		*def = BC_LZ4HC_LEVEL_DEFAULT;
		return true;
	}
	if (bc_codec_from_name(name, ret) || !bc_codec_is_stream(*ret))
		return false;
	bc_codec_levels(*ret, min, max, def);
	return true;
}

static int parse_codec(const char *what, const char *text, struct bc_retention_rules *ret, struct bc_err *err)
{
	char name[TEXT_MAX], names[BC_CODEC_TEXT_MAX];
	const char *level = strchr(text, ':');
	int min, max;
	uint64_t v;

	snprintf(name, sizeof(name), "%.*s", (int)(level ? level - text : (ptrdiff_t)strlen(text)), text);
	if (!codec_of(name, &ret->codec, &min, &max, &ret->level))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a codec for recompression: %s, %s", what, name, BC_RECOMPRESS_LZ4HC,
				  bc_codec_archive_names(" or ", names));
	if (!level)
		return 0;
	if (bc_parse_u64("", level + 1, (uint64_t)min, (uint64_t)max, &v, NULL))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a level of %s, %d to %d", what, level + 1, name, min, max);
	ret->level = (int)v;
	return 0;
}

int bc_parse_recompress(const char *what, const char *text, struct bc_retention_rules *ret, struct bc_err *err)
{
	const char *after = strstr(text, ",after=");
	struct bc_retention_rules k = *ret;
	char codec[TEXT_MAX];
	int r;

	if (!strcmp(text, "never")) {
		ret->recompress = false;
		return 0;
	}
	k.recompress = true;
	k.recompress_after_ns = 0;
	snprintf(codec, sizeof(codec), "%.*s", (int)(after ? after - text : (ptrdiff_t)strlen(text)), text);
	r = parse_codec(what, codec, &k, err);
	if (!r && after)
		r = bc_parse_age(what, after + strlen(",after="), &k.recompress_after_ns, err);
	if (!r)
		*ret = k;
	return r;
}
