/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_calendar.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "bc_number.h"
#include "bc_time.h"

static const struct {
	const char *name;
	uint32_t most;
} units[] = {
	[BC_CALENDAR_NEVER] = { "never", 0 },
	[BC_CALENDAR_SECOND] = { "second", 60 },
	[BC_CALENDAR_MINUTE] = { "minute", 60 },
	[BC_CALENDAR_HOUR] = { "hour", 24 },
	[BC_CALENDAR_DAY] = { "day", 31 },
	[BC_CALENDAR_MONTH] = { "month", 12 },
};

#define N_UNITS (sizeof(units) / sizeof(units[0]))

int bc_calendar_parse(const char *what, const char *text, struct bc_calendar *ret, struct bc_err *err)
{
	size_t len = strcspn(text, "/");
	uint64_t every = 1;

	for (size_t u = 0; u < N_UNITS; u++) {
		if (strlen(units[u].name) != len || strncmp(text, units[u].name, len))
			continue;
		if (text[len] && (!units[u].most || bc_parse_u64(what, text + len + 1, 1, units[u].most, &every, NULL)))
			break;
		ret->unit = (enum bc_calendar_unit)u;
		ret->every = (uint32_t)every;
		return 0;
	}
	return bc_err_set(err, -EINVAL, "%s: '%s' is not a period such as hour, minute/15, second/10, day, month/3, "
			  "never", what, text);
}

/* The offset of local time from UTC at t, in seconds. */
static time_t offset(const struct bc_calendar *c, time_t t)
{
	struct tm tm;

	if (c->utc || !localtime_r(&t, &tm))
		return 0;
	return tm.tm_gmtoff;
}

/* The fields of a time as a clock shows it, from the year on; months and days count from 0. */
#define FIELDS 6

static time_t from_fields(const int f[FIELDS])
{
	struct tm tm = { .tm_year = f[0], .tm_mon = f[1], .tm_mday = f[2] + 1, .tm_hour = f[3], .tm_min = f[4], .tm_sec = f[5] };

	return timegm(&tm);
}

/* The field that a unit counts. */
static const int field_of[] = {
	[BC_CALENDAR_MONTH] = 1, [BC_CALENDAR_DAY] = 2, [BC_CALENDAR_HOUR] = 3, [BC_CALENDAR_MINUTE] = 4, [BC_CALENDAR_SECOND] = 5,
};

/* In wall clock time: the start of the period that contains t, or of the next one. */
static time_t begin_on_clock(const struct bc_calendar *c, time_t t, bool behind)
{
	const int every = (int)c->every, at = field_of[c->unit];
	int f[FIELDS], turn[FIELDS] = { 0 };
	time_t next, limit;
	struct tm tm;

	gmtime_r(&t, &tm);
	memcpy(f, (int[FIELDS]){ tm.tm_year, tm.tm_mon, tm.tm_mday - 1, tm.tm_hour, tm.tm_min, tm.tm_sec }, sizeof(f));
	memset(f + at + 1, 0, (size_t)(FIELDS - at - 1) * sizeof(*f));
	f[at] -= f[at] % every;
	if (!behind)
		return from_fields(f);
	memcpy(turn, f, (size_t)at * sizeof(*f));
	turn[at - 1]++;
	f[at] += every;
	next = from_fields(f);
	limit = from_fields(turn);
	return next < limit ? next : limit;
}

/* lo and hi have different offsets: the first second after lo with another offset than lo's. */
static time_t change(const struct bc_calendar *c, time_t lo, time_t hi)
{
	const time_t off = offset(c, lo);

	while (hi - lo > 1) {
		time_t mid = lo + (hi - lo) / 2;

		if (offset(c, mid) == off)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

/* Clocks are changed at t, for which a period begins or does not. */
static bool begins_at_change(const struct bc_calendar *c, time_t t)
{
	time_t shown = t + offset(c, t), before = t - 1 + offset(c, t - 1);
	time_t begin = begin_on_clock(c, shown, false);

	return begin == shown || begin != begin_on_clock(c, before, false);
}

static uint64_t in_ns(time_t t)
{
	return t < 0 ? 0 : (uint64_t)t > UINT64_MAX / BC_NS_PER_S ? UINT64_MAX : (uint64_t)t * BC_NS_PER_S;
}

uint64_t bc_calendar_begin(const struct bc_calendar *c, uint64_t ns)
{
	time_t t = (time_t)(ns / BC_NS_PER_S);

	for (;;) {
		time_t off = offset(c, t), begin = begin_on_clock(c, t + off, false) - off, at;

		if (begin < 0 || offset(c, begin) == off)
			return in_ns(begin);
		at = change(c, begin, t);
		if (begins_at_change(c, at))
			return in_ns(at);
		t = at - 1;
	}
}

uint64_t bc_calendar_next(const struct bc_calendar *c, uint64_t ns)
{
	time_t t = (time_t)(ns / BC_NS_PER_S);

	for (;;) {
		time_t off = offset(c, t), next = begin_on_clock(c, t + off, true) - off, at;

		if (offset(c, next) == off)
			return in_ns(next);
		at = change(c, t, next);
		if (begins_at_change(c, at))
			return in_ns(at);
		t = at;
	}
}
