/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_key.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bc_index_subject.h"

bool bc_upload_node_ok(const char *node)
{
	for (const unsigned char *p = (const unsigned char *)node; *p; p++)
		if (*p <= 0x20 || *p == 0x7f || *p == '/')
			return false;
	return node[0] && strlen(node) < 256 && strcmp(node, ".") && strcmp(node, "..");
}

/* YYYYMMDD, any one, HHMMSS */
static bool read_stamp(const char *s, bool utc, struct tm *ret)
{
	struct tm tm = { .tm_isdst = -1 };
	time_t t;

	if (sscanf(s, "%4d%2d%2d%*c%2d%2d%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	t = utc ? timegm(&tm) : mktime(&tm);
	return gmtime_r(&t, ret) != NULL;
}

bool bc_upload_segment_of(const char *file, char ret[BC_SERIES_MAX])
{
	const size_t len = strlen(file) - (bc_index_beside_is_name(file) ? strlen(BC_INDEX_BESIDE_EXT) : 0);

	return snprintf(ret, BC_SERIES_MAX, "%.*s", (int)len, file) < BC_SERIES_MAX;
}

int bc_upload_key(const char *prefix, const char *node, const char *file, bool utc, char ret[BC_KEY_MAX])
{
	size_t n = strlen(prefix);
	char segment[BC_SERIES_MAX];
	struct bc_series s;
	const char *stamp;
	bool encrypted;
	struct tm tm;
	int r;

	if (!bc_upload_segment_of(file, segment) || !bc_series_parse_any(segment, &s, &encrypted))
		return -EINVAL;
	stamp = s.name[0] ? file + strlen("trace-") + strlen(s.name) + 1 : file;
	if (!read_stamp(stamp, utc, &tm))
		return -EINVAL;
	r = snprintf(ret, BC_KEY_MAX, "%s%s%s/%04d/%02d/%02d/%02d/%s", prefix, n && prefix[n - 1] != '/' ? "/" : "", s.name[0] ? s.name : node,
		     tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, file);
	return r < BC_KEY_MAX ? 0 : -ENAMETOOLONG;
}
