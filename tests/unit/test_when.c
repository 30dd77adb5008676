/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <time.h>

#include "bc_time.h"
#include "bc_when.h"

#define S BC_NS_PER_S
/* 2026-06-15 12:00:00 UTC, which is 14:00 in Berlin. */
#define NOW (1781524800ULL * S)

static int berlin(void **state)
{
	setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
	tzset();
	return 0;
}

static uint64_t when(const char *text, bool utc)
{
	uint64_t ns = 1;
	struct bc_err err = { "" };

	if (bc_when_parse("--from", text, utc, NOW, &ns, &err))
		fail_msg("%s", err.msg);
	return ns;
}

static void a_date_is_local_time_or_utc(void **state)
{
	assert_int_equal(when("2026-06-15T14:00:00", false), NOW);
	assert_int_equal(when("2026-06-15 12:00:00", true), NOW);
	assert_int_equal(when("2026-06-15T14:00", false), NOW);
	assert_int_equal(when("2026-06-15", true), NOW - 43200 * S);
	assert_int_equal(when("14:00", false), NOW);
	assert_int_equal(when("12:00:01.25", true), NOW + S + S / 4);
}

static void an_offset_goes_before_local_time(void **state)
{
	assert_int_equal(when("2026-06-15T12:00:00Z", false), NOW);
	assert_int_equal(when("2026-06-15T17:30:00+05:30", true), NOW);
	assert_int_equal(when("2026-06-15T08:00:00.123456789-0400", false), NOW + 123456789);
}

static void a_span_counts_back_from_now(void **state)
{
	assert_int_equal(when("-5m", false), NOW - 300 * S);
	assert_int_equal(when("3h", false), NOW - 10800 * S);
	assert_int_equal(when("1.5d", false), NOW - 129600 * S);
	assert_int_equal(when("now", false), NOW);
	assert_int_equal(when("100w", false), NOW - 100 * 7 * 86400 * S);
	assert_int_equal(when("5000w", false), 0);
}

static void seconds_since_1970_are_taken(void **state)
{
	assert_int_equal(when("1781524800", false), NOW);
	assert_int_equal(when("1781524800.000000001", false), NOW + 1);
	assert_int_equal(when("@0", false), 0);
	assert_int_equal(when("@1.5", false), 3 * S / 2);
}

static void what_is_no_time_is_refused(void **state)
{
	static const char *const bad[] = { "", "5", "12345", "2026", "2026-13-01", "2026-02-30", "2026-06-15T", "2026-06-15T25:00", "14:61",
					   "2026-06-15T12:00:00+25:00", "2026-06-15T12:00:00Zx", "yesterday", "-", "m", "-5", "5y",
					   "@99999999999", "1e300s", "2026-06-15X12:00", "20:", "@", "2026-06-15T12:00 Z" };
	uint64_t ns = 77;
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (bc_when_parse("--from", bad[i], false, NOW, &ns, &err) == 0)
			fail_msg("'%s' is taken for %llu", bad[i], (unsigned long long)ns);
		assert_int_equal(ns, 77);
		assert_non_null(strstr(err.msg, "--from: "));
	}
}

static void a_span_has_a_unit(void **state)
{
	uint64_t ns = 0;

	assert_int_equal(bc_when_parse_span("--last", "90s", &ns, NULL), 0);
	assert_int_equal(ns, 90 * S);
	assert_int_not_equal(bc_when_parse_span("--last", "-90s", &ns, NULL), 0);
	assert_int_not_equal(bc_when_parse_span("--last", "90", &ns, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_date_is_local_time_or_utc),
		cmocka_unit_test(an_offset_goes_before_local_time),
		cmocka_unit_test(a_span_counts_back_from_now),
		cmocka_unit_test(seconds_since_1970_are_taken),
		cmocka_unit_test(what_is_no_time_is_refused),
		cmocka_unit_test(a_span_has_a_unit),
	};

	return cmocka_run_group_tests(tests, berlin, NULL);
}
