/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_segname.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bc_time.h"

static int fits(int n)
{
	return n < BC_SEGNAME_MAX ? 0 : -ENAMETOOLONG;
}

static const char *again_text(char buf[16], unsigned again)
{
	buf[0] = '\0';
	if (again)
		snprintf(buf, 16, "-%u", again);
	return buf;
}

static int put_stamp(char stamp[32], uint64_t begin_ns, bool utc, const char *form)
{
	time_t t = (time_t)(begin_ns / BC_NS_PER_S);
	struct tm tm;

	/* 64 bits of nanoseconds end in 2554. */
	if (!(utc ? gmtime_r(&t, &tm) : localtime_r(&t, &tm)) || tm.tm_year < 70)
		return -ERANGE;
	strftime(stamp, 32, form, &tm);
	return 0;
}

int bc_segname_series(char dst[BC_SEGNAME_MAX], const char *series, uint64_t begin_ns, bool utc, unsigned again,
		      const char *ext)
{
	char stamp[32], n[16] = "";
	int r = put_stamp(stamp, begin_ns, utc, "%Y%m%d_%H%M%S");

	if (again)
		snprintf(n, sizeof(n), "_%u", again);
	return r ? r : fits(snprintf(dst, BC_SEGNAME_MAX, "trace-%s-%s%s%s", series, stamp, n, ext));
}

int bc_segname_final(char dst[BC_SEGNAME_MAX], uint64_t begin_ns, bool utc, uint64_t seq, unsigned again,
		     const char *ext)
{
	char stamp[32];
	int r = put_stamp(stamp, begin_ns, utc, "%Y%m%d-%H%M%S");

	if (r)
		return r;
	return fits(snprintf(dst, BC_SEGNAME_MAX, "%s-%08" PRIu64 "%s", stamp, (seq + again) % BC_SEQ_END, ext));
}

int bc_segname_again(char dst[BC_SEGNAME_MAX], const char *name, unsigned again, const char *ext)
{
	size_t len = strlen(name), tail = strlen(ext);
	char n[16];

	if (len <= tail || strcmp(name + len - tail, ext))
		tail = 0;
	if (len >= BC_SEGNAME_MAX)
		return -ENAMETOOLONG;
	return fits(snprintf(dst, BC_SEGNAME_MAX, "%.*s%s%s", (int)(len - tail), name, again_text(n, again),
			     name + len - tail));
}

int bc_segname_tmp(char dst[BC_SEGNAME_MAX], uint32_t pid, uint64_t seq, unsigned again, const char *series, const char *ext)
{
	char n[16];

	return fits(snprintf(dst, BC_SEGNAME_MAX, BC_SEGNAME_TMP "%" PRIu32 "-%08" PRIu64 "%s%s%s%s", pid, seq % BC_SEQ_END,
			     again_text(n, again), series ? "~" : "", series ? series : "", ext));
}

int bc_segname_tmp_series(char dst[BC_SEGNAME_MAX], const char *name, const char *ext)
{
	const char *series = strchr(name, '~');
	size_t len = series ? strlen(++series) : 0, tail = strlen(ext);

	dst[0] = '\0';
	if (len <= tail)
		return 0;
	return fits(snprintf(dst, BC_SEGNAME_MAX, "%.*s", (int)(len - tail < BC_SEGNAME_MAX ? len - tail : BC_SEGNAME_MAX), series));
}

int bc_segname_tmp_file(char dst[BC_SEGNAME_MAX], uint32_t pid, const char *name, unsigned again, const char *ext)
{
	char numbered[BC_SEGNAME_MAX];
	int r = bc_segname_again(numbered, name, again, ext);

	if (r < 0)
		return r;
	return fits(snprintf(dst, BC_SEGNAME_MAX, BC_SEGNAME_TMP "%" PRIu32 "-%s", pid, numbered));
}

static size_t digits(const char *s)
{
	size_t n = 0;

	while (isdigit((unsigned char)s[n]))
		n++;
	return n;
}

bool bc_segname_is_tmp(const char *name, uint64_t *ret_seq)
{
	size_t prefix = strlen(BC_SEGNAME_TMP), n;
	uint64_t seq = 0;

	if (strncmp(name, BC_SEGNAME_TMP, prefix))
		return false;
	name += prefix;
	n = digits(name);
	if (n == 0 || n > 10 || name[n] != '-' || !name[n + 1])
		return false;
	name += n + 1;
	n = digits(name);
	if (n >= BC_SEQ_DIGITS && n < 20 && (!name[n] || name[n] == '.' || name[n] == '-' || name[n] == '~'))
		for (size_t i = 0; i < n; i++)
			seq = seq * 10 + (uint64_t)(name[i] - '0');
	*ret_seq = seq;
	return true;
}

const char *bc_segname_tmp_ext(const char *name)
{
	const char *rest = name + strlen(BC_SEGNAME_TMP), *dot;
	size_t n;

	rest += digits(rest) + 1;
	n = digits(rest);
	if (n >= BC_SEQ_DIGITS && (!rest[n] || rest[n] == '.' || rest[n] == '-')) {
		rest += n;
		return rest[0] == '-' && digits(rest + 1) ? rest + 1 + digits(rest + 1) : rest;
	}
	dot = strrchr(rest, '.');
	return dot ? dot : "";
}

int bc_segname_hold(char dst[BC_SEGNAME_MAX], const char *name)
{
	return fits(snprintf(dst, BC_SEGNAME_MAX, ".hold-%s", name));
}
