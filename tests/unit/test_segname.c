/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <time.h>

#include "bc_segname.h"
#include "bc_time.h"

#define SUMMER 1792888200ULL	/* 2026-10-25 00:30:00 UTC: half past two in Berlin, for the first time that night */

static void zone(const char *tz)
{
	setenv("TZ", tz, 1);
	tzset();
}

static int utc_again(void **state)
{
	zone("UTC0");
	return 0;
}

static void a_name_has_time_number_and_extension(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_final(s, SUMMER * BC_NS_PER_S + 999999999, true, 7, 0, ".pcapng.lz4"), 0);
	assert_string_equal(s, "20261025-003000-00000007.pcapng.lz4");
}

static void a_taken_name_is_numbered_before_the_extension(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_final(s, 0, true, 7, 2, ".pcapng.lz4"), 0);
	assert_string_equal(s, "19700101-000000-00000009.pcapng.lz4");
}

static void behind_eight_nines_comes_0(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_final(s, 0, true, 99999999, 0, ""), 0);
	assert_string_equal(s, "19700101-000000-99999999");
	assert_int_equal(bc_segname_final(s, 0, true, 99999999, 1, ""), 0);
	assert_string_equal(s, "19700101-000000-00000000");
	assert_int_equal(bc_segname_tmp(s, 7, 100000012, 0, NULL, ""), 0);
	assert_string_equal(s, "tmp-7-00000012");
}

static void the_hour_that_comes_twice_has_one_stamp_and_two_numbers(void **state)
{
	char a[BC_SEGNAME_MAX], b[BC_SEGNAME_MAX];

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(bc_segname_final(a, SUMMER * BC_NS_PER_S, false, 1, 0, ".pcap"), 0);
	assert_int_equal(bc_segname_final(b, (SUMMER + 3600) * BC_NS_PER_S, false, 2, 0, ".pcap"), 0);
	assert_string_equal(a, "20261025-023000-00000001.pcap");
	assert_string_equal(b, "20261025-023000-00000002.pcap");
}

static void the_hour_that_is_left_out_is_left_out(void **state)
{
	const uint64_t before = 1774745999ULL;	/* 2026-03-29 00:59:59 UTC */
	char a[BC_SEGNAME_MAX], b[BC_SEGNAME_MAX];

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(bc_segname_final(a, before * BC_NS_PER_S, false, 1, 0, ""), 0);
	assert_int_equal(bc_segname_final(b, (before + 1) * BC_NS_PER_S, false, 1, 0, ""), 0);
	assert_string_equal(a, "20260329-015959-00000001");
	assert_string_equal(b, "20260329-030000-00000001");
}

static void utc_does_not_care_for_the_zone(void **state)
{
	char s[BC_SEGNAME_MAX];

	zone("CET-1CEST,M3.5.0,M10.5.0/3");
	assert_int_equal(bc_segname_final(s, SUMMER * BC_NS_PER_S, true, 0, 0, ""), 0);
	assert_string_equal(s, "20261025-003000-00000000");
}

static void local_time_before_1970_is_refused(void **state)
{
	char s[BC_SEGNAME_MAX];

	zone("EST5");
	assert_int_equal(bc_segname_final(s, 0, false, 0, 0, ""), -ERANGE);
	assert_int_equal(bc_segname_final(s, 5 * 3600 * BC_NS_PER_S, false, 0, 0, ""), 0);
}

static void the_last_time_there_is_has_a_name(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_final(s, UINT64_MAX, true, 0, 0, ""), 0);
	assert_string_equal(s, "25540721-233433-00000000");
}

static void names_over_255_bytes_are_refused(void **state)
{
	char s[BC_SEGNAME_MAX], ext[256];

	memset(ext, 'x', sizeof(ext) - 1);
	ext[sizeof(ext) - 1] = '\0';
	assert_int_equal(bc_segname_final(s, 0, true, 0, 0, ext), -ENAMETOOLONG);
	assert_int_equal(bc_segname_tmp(s, 1, 0, 0, NULL, ext), -ENAMETOOLONG);
	assert_int_equal(bc_segname_tmp_file(s, 1, ext, 0, ""), -ENAMETOOLONG);
	assert_int_equal(bc_segname_again(s, ext, 1, ""), -ENAMETOOLONG);
	assert_int_equal(bc_segname_again(s, ext, 0, ""), 0);
	assert_int_equal(bc_segname_series(s, ext, SUMMER * BC_NS_PER_S, true, 0, ""), -ENAMETOOLONG);
	assert_int_equal(bc_segname_series(s, "bts1", SUMMER * BC_NS_PER_S, true, 0, ext), -ENAMETOOLONG);
}

static void a_series_has_no_names_before_1970(void **state)
{
	char s[BC_SEGNAME_MAX];

	zone("EST5");
	assert_int_equal(bc_segname_series(s, "bts1", 0, false, 0, ""), -ERANGE);
}

static void a_temporary_name_that_is_too_long_has_no_series(void **state)
{
	char s[BC_SEGNAME_MAX], name[400] = "tmp-1-00000012~";

	memset(name + strlen(name), 's', 300);
	assert_int_equal(bc_segname_tmp_series(s, name, ".pcap"), -ENAMETOOLONG);
}

static void a_file_is_numbered_before_its_extension(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_again(s, "a.pcapng.lz4", 0, ".pcapng.lz4"), 0);
	assert_string_equal(s, "a.pcapng.lz4");
	assert_int_equal(bc_segname_again(s, "a.pcapng.lz4", 1, ".pcapng.lz4"), 0);
	assert_string_equal(s, "a-1.pcapng.lz4");
	assert_int_equal(bc_segname_again(s, "a.out", 1, ".pcap"), 0);
	assert_string_equal(s, "a.out-1");
	assert_int_equal(bc_segname_again(s, ".pcap", 1, ".pcap"), 0);
	assert_string_equal(s, ".pcap-1");
}

static void temporary_names_are_known_again(void **state)
{
	char s[BC_SEGNAME_MAX];
	uint64_t seq = 99;

	assert_int_equal(bc_segname_tmp(s, 4711, 12, 0, NULL, ".pcapng.lz4"), 0);
	assert_string_equal(s, "tmp-4711-00000012.pcapng.lz4");
	assert_true(bc_segname_is_tmp(s, &seq));
	assert_int_equal(seq, 12);

	assert_int_equal(bc_segname_tmp(s, 4711, 12345678, 3, NULL, ""), 0);
	assert_string_equal(s, "tmp-4711-12345678-3");
	assert_true(bc_segname_is_tmp(s, &seq));
	assert_int_equal(seq, 12345678);

	assert_int_equal(bc_segname_tmp_file(s, 4711, "a.pcap", 0, ".pcap"), 0);
	assert_string_equal(s, "tmp-4711-a.pcap");
	assert_true(bc_segname_is_tmp(s, &seq));
	assert_int_equal(seq, 0);
}

static void a_series_is_named_as_osmo_pcap_names_it(void **state)
{
	char s[BC_SEGNAME_MAX];

	assert_int_equal(bc_segname_series(s, "bts1", 1792888200ULL * BC_NS_PER_S, true, 0, ".pcap"), 0);
	assert_string_equal(s, "trace-bts1-20261025_003000.pcap");
	assert_int_equal(bc_segname_series(s, "bts1", 1792888200ULL * BC_NS_PER_S, true, 2, ".pcapng.lz4"), 0);
	assert_string_equal(s, "trace-bts1-20261025_003000_2.pcapng.lz4");
}

static void a_temporary_name_tells_its_series(void **state)
{
	char s[BC_SEGNAME_MAX], series[BC_SEGNAME_MAX];
	uint64_t seq;

	assert_int_equal(bc_segname_tmp(s, 4711, 12, 3, "bts-1.x", ".pcap"), 0);
	assert_string_equal(s, "tmp-4711-00000012-3~bts-1.x.pcap");
	assert_true(bc_segname_is_tmp(s, &seq));
	assert_int_equal(seq, 12);
	assert_int_equal(bc_segname_tmp_series(series, s, ".pcap"), 0);
	assert_string_equal(series, "bts-1.x");
	assert_int_equal(bc_segname_tmp(s, 4711, 12, 0, "bts1", ".pcap"), 0);
	assert_true(bc_segname_is_tmp(s, &seq));
	assert_int_equal(seq, 12);
	assert_int_equal(bc_segname_tmp_series(series, "tmp-1-00000012.pcap", ".pcap"), 0);
	assert_string_equal(series, "");
	assert_int_equal(bc_segname_tmp_series(series, "tmp-1-00000012~.pcap", ".pcap"), 0);
	assert_string_equal(series, "");
}

static void other_names_are_not_taken_for_temporary(void **state)
{
	const char *other[] = { "", "tmp-", "tmp-1", "tmp-1-", "tmp--a", "tmp-x-a", "tmp-12345678901-a", "tmp", "atmp-1-a",
				"20261025-003000-00000000.pcap", "tmp-1a-b", "tmp-1234567890123-a" };
	uint64_t seq = 99;

	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++)
		assert_false(bc_segname_is_tmp(other[i], &seq));
	assert_int_equal(seq, 99);
}

static void the_extension_of_a_temporary_name_is_found(void **state)
{
	assert_string_equal(bc_segname_tmp_ext("tmp-7-00000012.erf.gz"), ".erf.gz");
	assert_string_equal(bc_segname_tmp_ext("tmp-7-00000012-3.erf"), ".erf");
	assert_string_equal(bc_segname_tmp_ext("tmp-7-00000012"), "");
	assert_string_equal(bc_segname_tmp_ext("tmp-7-00000012-3"), "");
	assert_string_equal(bc_segname_tmp_ext("tmp-7-my.trace"), ".trace");
	assert_string_equal(bc_segname_tmp_ext("tmp-7-trace"), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_time_number_and_extension),
		cmocka_unit_test(a_taken_name_is_numbered_before_the_extension),
		cmocka_unit_test(the_extension_of_a_temporary_name_is_found),
		cmocka_unit_test(behind_eight_nines_comes_0),
		cmocka_unit_test_teardown(the_hour_that_comes_twice_has_one_stamp_and_two_numbers, utc_again),
		cmocka_unit_test_teardown(the_hour_that_is_left_out_is_left_out, utc_again),
		cmocka_unit_test_teardown(utc_does_not_care_for_the_zone, utc_again),
		cmocka_unit_test_teardown(local_time_before_1970_is_refused, utc_again),
		cmocka_unit_test(the_last_time_there_is_has_a_name),
		cmocka_unit_test(names_over_255_bytes_are_refused),
		cmocka_unit_test_teardown(a_series_has_no_names_before_1970, utc_again),
		cmocka_unit_test(a_temporary_name_that_is_too_long_has_no_series),
		cmocka_unit_test(a_file_is_numbered_before_its_extension),
		cmocka_unit_test(temporary_names_are_known_again),
		cmocka_unit_test(a_series_is_named_as_osmo_pcap_names_it),
		cmocka_unit_test(a_temporary_name_tells_its_series),
		cmocka_unit_test(other_names_are_not_taken_for_temporary),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
