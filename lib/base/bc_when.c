/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_when.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "bc_number.h"
#include "bc_time.h"

#define TEXT_MAX 64
/* The end of times in nanoseconds is in 2554. */
#define SECONDS_MAX 18446744073.0

static bool is_span(const char *text, uint64_t *ret_ns)
{
	static const char units[] = "smhdw";
	static const double seconds[] = { 1, 60, 3600, 86400, 7 * 86400 };
	size_t len = strlen(text);
	const char *unit = len ? strchr(units, text[len - 1]) : NULL;
	char number[TEXT_MAX];
	double v;

	if (!unit || len >= sizeof(number) || strspn(text, "0123456789.") != len - 1)
		return false;
	snprintf(number, sizeof(number), "%.*s", (int)(len - 1), text);
	if (bc_parse_double("", number, 0, SECONDS_MAX / seconds[unit - units], &v, NULL))
		return false;
	*ret_ns = (uint64_t)(v * seconds[unit - units] * (double)BC_NS_PER_S);
	return true;
}

int bc_when_parse_span(const char *what, const char *text, uint64_t *ret_ns, struct bc_err *err)
{
	if (!is_span(text, ret_ns))
		return bc_err_set(err, -EINVAL, "%s: '%s' is not a time such as 90s, 5m, 1.5h, 7d, 4w", what, text);
	return 0;
}

/* ".123456789" at *p, over which it moves; digits beyond nanoseconds are ignored. */
static uint64_t fraction(const char **p)
{
	uint64_t ns = 0, unit = BC_NS_PER_S;

	if (**p != '.' || !isdigit((unsigned char)(*p)[1]))
		return 0;
	for (++*p; isdigit((unsigned char)**p); ++*p) {
		unit /= 10;
		ns += (uint64_t)(**p - '0') * unit;
	}
	return ns;
}

/* So many digits at *p, over which it moves; -1 if there are others. */
static int digits(const char **p, int n)
{
	int v = 0;

	for (int i = 0; i < n; i++, ++*p) {
		if (!isdigit((unsigned char)**p))
			return -1;
		v = v * 10 + (**p - '0');
	}
	return v;
}

/* The character c at *p, over which it moves. */
static bool is_next(const char **p, char c)
{
	if (**p != c)
		return false;
	++*p;
	return true;
}

static bool is_epoch(const char *text, uint64_t *ret_ns)
{
	const char *p = text[0] == '@' ? text + 1 : text;
	size_t len = strspn(p, "0123456789");
	uint64_t s = 0, ns;

	/* Few digits alone might be meant for anything. */
	if (!len || len > 11 || (p == text && len < 9))
		return false;
	for (size_t i = 0; i < len; i++)
		s = s * 10 + (uint64_t)(*p++ - '0');
	ns = fraction(&p);
	if (*p || (double)s >= SECONDS_MAX)
		return false;
	*ret_ns = s * BC_NS_PER_S + ns;
	return true;
}

static bool take_date(const char **p, struct tm *tm)
{
	tm->tm_year = digits(p, 4) - 1900;
	if (!is_next(p, '-'))
		return false;
	tm->tm_mon = digits(p, 2) - 1;
	if (!is_next(p, '-'))
		return false;
	tm->tm_mday = digits(p, 2);
	return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday >= 1 && tm->tm_mday <= 31;
}

static bool take_clock(const char **p, struct tm *tm, uint64_t *ret_ns)
{
	tm->tm_hour = digits(p, 2);
	if (!is_next(p, ':'))
		return false;
	tm->tm_min = digits(p, 2);
	if (is_next(p, ':')) {
		tm->tm_sec = digits(p, 2);
		*ret_ns = fraction(p);
	}
	return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 && tm->tm_min < 60 && tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

/* "Z" or "+01:00" at *p, up to its end. True: *ret_s is how far its time is ahead of UTC. */
static bool take_offset(const char *p, long *ret_s)
{
	int sign = *p == '-' ? -1 : 1, h, m;

	*ret_s = 0;
	if (!strcmp(p, "Z") || !strcmp(p, "z"))
		return true;
	if (!is_next(&p, '+') && !is_next(&p, '-'))
		return false;
	h = digits(&p, 2);
	is_next(&p, ':');
	m = h >= 0 ? digits(&p, 2) : -1;
	*ret_s = sign * (h * 3600L + m * 60L);
	return h >= 0 && h < 24 && m >= 0 && m < 60 && !*p;
}

/* Date and clock, or either, into tm. False: they are neither. */
static bool take_both(const char **p, bool utc, uint64_t now_ns, struct tm *tm, uint64_t *ret_ns)
{
	const time_t now = (time_t)(now_ns / BC_NS_PER_S);

	if (strlen(*p) > 2 && (*p)[2] == ':') {
		struct tm today = { 0 };

		utc ? gmtime_r(&now, &today) : localtime_r(&now, &today);
		tm->tm_year = today.tm_year;
		tm->tm_mon = today.tm_mon;
		tm->tm_mday = today.tm_mday;
		return take_clock(p, tm, ret_ns);
	}
	if (!take_date(p, tm))
		return false;
	return !**p || ((is_next(p, 'T') || is_next(p, 't') || is_next(p, ' ')) && take_clock(p, tm, ret_ns));
}

static bool is_calendar(const char *text, bool utc, uint64_t now_ns, uint64_t *ret_ns)
{
	struct tm tm = { .tm_isdst = -1 };
	uint64_t ns = 0;
	long ahead_s = 0;
	int day;
	time_t t;

	if (!take_both(&text, utc, now_ns, &tm, &ns) || (*text && !take_offset(text, &ahead_s)))
		return false;
	day = tm.tm_mday;
	t = utc || *text ? timegm(&tm) : mktime(&tm);
	/* The 31st of a month that has none is another day. */
	if (tm.tm_mday != day || t < 0 || t < ahead_s || (double)t - (double)ahead_s >= SECONDS_MAX)
		return false;
	*ret_ns = (uint64_t)(t - ahead_s) * BC_NS_PER_S + ns;
	return true;
}

int bc_when_parse(const char *what, const char *text, bool utc, uint64_t now_ns, uint64_t *ret_ns, struct bc_err *err)
{
	uint64_t span;

	if (!strcmp(text, "now")) {
		*ret_ns = now_ns;
		return 0;
	}
	if (is_span(text[0] == '-' ? text + 1 : text, &span)) {
		*ret_ns = span < now_ns ? now_ns - span : 0;
		return 0;
	}
	if (is_epoch(text, ret_ns) || is_calendar(text, utc, now_ns, ret_ns))
		return 0;
	return bc_err_set(err, -EINVAL, "%s: '%s' is not a time: use 2026-11-29T14:30:00 (with Z for UTC), 14:30, -5m, or seconds "
			  "since 1970", what, text);
}

int bc_when_parse_range(const char *from, const char *to, const char *last, bool utc, uint64_t now_ns, uint64_t *ret_from_ns,
			uint64_t *ret_to_ns, struct bc_err *err)
{
	uint64_t from_ns = 0, to_ns = UINT64_MAX, span_ns = 0;
	int r = 0;

	if (last && (from || to))
		return bc_err_set(err, -EINVAL, "--last: give either this, or --from and --to");
	if (from)
		r = bc_when_parse("--from", from, utc, now_ns, &from_ns, err);
	if (!r && to)
		r = bc_when_parse("--to", to, utc, now_ns, &to_ns, err);
	if (!r && last)
		r = bc_when_parse_span("--last", last, &span_ns, err);
	if (r)
		return r;
	if (last)
		from_ns = span_ns < now_ns ? now_ns - span_ns : 0;
	if (from_ns >= to_ns)
		return bc_err_set(err, -EINVAL, "--to: is not later than --from: no packet is between them");
	*ret_from_ns = from_ns;
	*ret_to_ns = to_ns;
	return 0;
}
