/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <time.h>

#include "bc_calendar.h"
#include "bc_time.h"

#define S BC_NS_PER_S

/* Rules in the form of POSIX, so that no zone need be installed. */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define SAO_PAULO "<-03>3<-02>,M10.3.0/0,M2.3.0/0"	/* put forward at midnight */
#define LORD_HOWE "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"	/* by half an hour */

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static struct bc_calendar by(const char *text)
{
	struct bc_calendar c = { .utc = false };

	assert_int_equal(bc_calendar_parse("x", text, &c, NULL), 0);
	return c;
}

/* "2026-10-25 02:00:00", in UTC. */
static uint64_t at(const char *text)
{
	struct tm tm = { 0 };

	assert_non_null(strptime(text, "%Y-%m-%d %H:%M:%S", &tm));
	return (uint64_t)timegm(&tm) * S;
}

static void assert_time(uint64_t ns, const char *expected)
{
	char text[64];
	time_t t = (time_t)(ns / S);
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm);
	assert_string_equal(text, expected);
	assert_int_equal(ns % S, 0);
}

/* All times in UTC: the period that holds `in` begins at `begin`, and the next one at `next`. */
static void assert_period(const char *calendar, const char *in, const char *begin, const char *next)
{
	const struct bc_calendar c = by(calendar);

	assert_time(bc_calendar_begin(&c, at(in) + 5), begin);
	assert_time(bc_calendar_next(&c, at(in) + 5), next);
	assert_time(bc_calendar_begin(&c, at(begin)), begin);
	assert_time(bc_calendar_begin(&c, at(next)), next);
	assert_time(bc_calendar_begin(&c, at(next) - 1), begin);
}

static void units_and_multiples_are_parsed(void **state)
{
	struct bc_calendar c = by("minute/21");

	assert_int_equal(c.unit, BC_CALENDAR_MINUTE);
	assert_int_equal(c.every, 21);
	assert_int_equal(by("hour").every, 1);
	assert_int_equal(by("never").unit, BC_CALENDAR_NEVER);
}

static void nonsense_is_refused_and_changes_nothing(void **state)
{
	static const char *const bad[] = { "", "/", "hours", "hou", "hour/", "hour/0", "hour/25", "minute/61", "day/32", "month/13",
					   "hour/1/2", "hour/x", "never/1", "second/-1", "Hour" };
	struct bc_calendar c = { .unit = BC_CALENDAR_DAY, .every = 7 };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(bc_calendar_parse("--clock", bad[i], &c, &err), -EINVAL);
		assert_memory_equal(err.msg, "--clock: ", 9);
	}
	assert_int_equal(c.unit, BC_CALENDAR_DAY);
	assert_int_equal(c.every, 7);
}

static void every_unit_has_its_periods(void **state)
{
	zone("UTC0");
	assert_period("second", "2026-03-05 07:08:09", "2026-03-05 07:08:09", "2026-03-05 07:08:10");
	assert_period("second/10", "2026-03-05 07:08:59", "2026-03-05 07:08:50", "2026-03-05 07:09:00");
	assert_period("minute", "2026-03-05 07:08:09", "2026-03-05 07:08:00", "2026-03-05 07:09:00");
	assert_period("hour/6", "2026-03-05 07:08:09", "2026-03-05 06:00:00", "2026-03-05 12:00:00");
	assert_period("day", "2026-02-28 07:08:09", "2026-02-28 00:00:00", "2026-03-01 00:00:00");
	assert_period("day/10", "2026-01-25 07:08:09", "2026-01-21 00:00:00", "2026-01-31 00:00:00");
	assert_period("month/3", "2026-12-31 23:59:59", "2026-10-01 00:00:00", "2027-01-01 00:00:00");
}

static void a_multiple_starts_anew_with_the_next_larger_field(void **state)
{
	zone("UTC0");
	assert_period("minute/21", "2026-03-05 07:50:00", "2026-03-05 07:42:00", "2026-03-05 08:00:00");
	assert_period("day/10", "2026-02-25 00:00:00", "2026-02-21 00:00:00", "2026-03-01 00:00:00");
	assert_period("hour/23", "2026-03-05 23:30:00", "2026-03-05 23:00:00", "2026-03-06 00:00:00");
}

static void local_time_rules_unless_utc_is_asked_for(void **state)
{
	struct bc_calendar c = by("day");

	zone(BERLIN);
	assert_period("day", "2026-07-01 12:00:00", "2026-06-30 22:00:00", "2026-07-01 22:00:00");
	c.utc = true;
	assert_time(bc_calendar_begin(&c, at("2026-07-01 12:00:00")), "2026-07-01 00:00:00");
}

static void the_hour_that_is_left_out_has_no_period(void **state)
{
	zone(BERLIN);
	assert_period("hour", "2026-03-29 00:30:00", "2026-03-29 00:00:00", "2026-03-29 01:00:00");
	assert_period("hour", "2026-03-29 01:30:00", "2026-03-29 01:00:00", "2026-03-29 02:00:00");
	assert_period("day", "2026-03-29 12:00:00", "2026-03-28 23:00:00", "2026-03-29 22:00:00");
	assert_period("hour/4", "2026-03-29 00:30:00", "2026-03-28 23:00:00", "2026-03-29 02:00:00");
}

static void the_hour_that_comes_twice_is_two_periods(void **state)
{
	zone(BERLIN);
	assert_period("hour", "2026-10-25 00:30:00", "2026-10-25 00:00:00", "2026-10-25 01:00:00");
	assert_period("hour", "2026-10-25 01:30:00", "2026-10-25 01:00:00", "2026-10-25 02:00:00");
	assert_period("minute/21", "2026-10-25 00:50:00", "2026-10-25 00:42:00", "2026-10-25 01:00:00");
	assert_period("day", "2026-10-25 12:00:00", "2026-10-24 22:00:00", "2026-10-25 23:00:00");
}

static void a_period_around_the_hour_that_comes_twice_is_longer(void **state)
{
	zone(BERLIN);
	assert_period("hour/3", "2026-10-25 00:30:00", "2026-10-24 22:00:00", "2026-10-25 02:00:00");
	assert_period("hour/3", "2026-10-25 01:30:00", "2026-10-24 22:00:00", "2026-10-25 02:00:00");
	assert_period("month", "2026-10-31 12:00:00", "2026-09-30 22:00:00", "2026-10-31 23:00:00");
}

static void a_day_without_midnight_begins_with_its_first_second(void **state)
{
	zone(SAO_PAULO);
	assert_period("day", "2026-10-17 12:00:00", "2026-10-17 03:00:00", "2026-10-18 03:00:00");
	assert_period("day", "2026-10-18 12:00:00", "2026-10-18 03:00:00", "2026-10-19 02:00:00");
	/* Back at midnight: 23:00 comes twice on the day before. */
	assert_period("day", "2026-02-15 02:30:00", "2026-02-14 02:00:00", "2026-02-15 03:00:00");
}

static void clocks_put_by_half_an_hour_keep_their_own_hours(void **state)
{
	zone(LORD_HOWE);
	assert_period("hour", "2026-10-03 15:10:00", "2026-10-03 14:30:00", "2026-10-03 15:30:00");
	assert_period("hour", "2026-10-03 15:40:00", "2026-10-03 15:30:00", "2026-10-03 16:00:00");
}

/* Whatever the zone does, periods follow each other without a gap. */
static void a_year_is_covered_by_periods_without_a_gap(void **state)
{
	static const char *const zones[] = { BERLIN, SAO_PAULO, LORD_HOWE, "UTC0" };
	static const char *const calendars[] = { "hour", "hour/5", "minute/25", "day/2", "month/5" };

	for (size_t z = 0; z < 4; z++)
		for (size_t k = 0; k < 5; k++) {
			const struct bc_calendar c = by(calendars[k]);
			uint64_t ns, end = at("2027-01-02 00:00:00");

			zone(zones[z]);
			for (ns = bc_calendar_begin(&c, at("2026-01-01 00:00:00")); ns < end;) {
				uint64_t next = bc_calendar_next(&c, ns);

				assert_true(next > ns);
				assert_int_equal(bc_calendar_begin(&c, next - 1), ns);
				assert_int_equal(bc_calendar_begin(&c, next), next);
				assert_int_equal(bc_calendar_next(&c, next - 1), next);
				ns = next;
			}
		}
}

static void the_ends_of_time_do_not_wrap(void **state)
{
	const struct bc_calendar c = by("month");

	zone(BERLIN);
	assert_int_equal(bc_calendar_begin(&c, 0), 0);
	assert_int_equal(bc_calendar_next(&c, UINT64_MAX - 1), UINT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_and_multiples_are_parsed),
		cmocka_unit_test(nonsense_is_refused_and_changes_nothing),
		cmocka_unit_test(every_unit_has_its_periods),
		cmocka_unit_test(a_multiple_starts_anew_with_the_next_larger_field),
		cmocka_unit_test(local_time_rules_unless_utc_is_asked_for),
		cmocka_unit_test(the_hour_that_is_left_out_has_no_period),
		cmocka_unit_test(the_hour_that_comes_twice_is_two_periods),
		cmocka_unit_test(a_period_around_the_hour_that_comes_twice_is_longer),
		cmocka_unit_test(a_day_without_midnight_begins_with_its_first_second),
		cmocka_unit_test(clocks_put_by_half_an_hour_keep_their_own_hours),
		cmocka_unit_test(a_year_is_covered_by_periods_without_a_gap),
		cmocka_unit_test(the_ends_of_time_do_not_wrap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
