/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <string.h>

#include "bc_err.h"
#include "bc_histogram.h"
#include "bc_log_limit.h"
#include "bc_number.h"

static void err_set_replaces_control_characters(void **state)
{
	struct bc_err err;

	assert_int_equal(bc_err_set(&err, -EINVAL, "a\nb\033c"), -EINVAL);
	assert_string_equal(err.msg, "a?b?c");
}

static void err_set_takes_null(void **state)
{
	assert_int_equal(bc_err_set(NULL, -EIO, "x"), -EIO);
}

static void err_prefix_keeps_the_old_line(void **state)
{
	struct bc_err err;

	bc_err_set(&err, -EINVAL, "inner");
	assert_int_equal(bc_err_prefix(&err, -EINVAL, "outer %d", 1), -EINVAL);
	assert_string_equal(err.msg, "outer 1: inner");
}

static void number_in_range_is_returned(void **state)
{
	uint64_t v = 0;

	assert_int_equal(bc_parse_u64("-s", "262144", 0, 262144, &v, NULL), 0);
	assert_int_equal(v, 262144);
}

static void numbers_that_are_none_are_refused(void **state)
{
	const char *bad[] = { "", "-1", "+1", " 1", "1 ", "1x", "0x10", "262145", "99999999999999999999999" };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t v = 7;

		assert_int_equal(bc_parse_u64("-s", bad[i], 0, 262144, &v, &err), -EINVAL);
		assert_int_equal(v, 7);
		assert_non_null(strstr(err.msg, "-s"));
	}
}

static void fractions_are_bounded(void **state)
{
	const char *bad[] = { "", "nan", "inf", "-0.1", "1e400", "1,5", "11" };
	double v = 7;

	assert_int_equal(bc_parse_double("-d", "0.5", 0, 10, &v, NULL), 0);
	assert_true(v == 0.5);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_parse_double("-d", bad[i], 0, 10, &v, NULL), -EINVAL);
}

static void a_quantile_is_at_most_a_quarter_too_high(void **state)
{
	static const uint64_t values[] = { 0, 1, 3, 4, 5, 7, 8, 9, 1000, 123456789, (1ULL << BC_HISTOGRAM_BITS) - 1 };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct bc_histogram h = { 0 };
		uint64_t q;

		bc_histogram_add(&h, values[i], 3);
		q = bc_histogram_quantile(&h, 500);
		assert_true(q >= values[i] && q <= values[i] + values[i] / 4);
		assert_int_equal(bc_histogram_count(&h), 3);
	}
}

static void quantiles_are_told_apart(void **state)
{
	struct bc_histogram h = { 0 };

	assert_int_equal(bc_histogram_quantile(&h, 999), 0);
	bc_histogram_add(&h, 1, 990);
	bc_histogram_add(&h, 2, 9);
	bc_histogram_add(&h, 3, 1);
	assert_int_equal(bc_histogram_quantile(&h, 0), 1);
	assert_int_equal(bc_histogram_quantile(&h, 990), 1);
	assert_int_equal(bc_histogram_quantile(&h, 991), 2);
	assert_int_equal(bc_histogram_quantile(&h, 999), 2);
	assert_int_equal(bc_histogram_quantile(&h, 1000), 3);
}

static void what_no_bucket_holds_counts_as_the_largest(void **state)
{
	struct bc_histogram h = { 0 };

	bc_histogram_add(&h, UINT64_MAX, 1);
	assert_int_equal(bc_histogram_quantile(&h, 1000), (1ULL << BC_HISTOGRAM_BITS) - 1);
}

static void keep_line(void *ctx, enum bc_level level, const char *line)
{
	strcat(strcat(ctx, line), "\n");
}

static void a_limited_log_tells_how_many_lines_it_left_out(void **state)
{
	struct bc_log_limit l = { .since_ns = 1, .told = BC_LOG_LIMIT_LINES, .untold = 3 };
	char lines[256] = "";
	const struct bc_log log = { .emit = keep_line, .ctx = lines };

	bc_log_limited(&log, &l, BC_WARN, "who", "number %d", 7);
	assert_string_equal(lines, "who: 3 lines like this were left out\nwho: number 7\n");
}

static void a_limited_log_falls_silent(void **state)
{
	struct bc_log_limit l = { .since_ns = 0 };
	char lines[256] = "";
	const struct bc_log log = { .emit = keep_line, .ctx = lines };

	for (unsigned i = 0; i < BC_LOG_LIMIT_LINES + 2; i++)
		bc_log_limited(&log, &l, BC_WARN, NULL, "x");
	assert_int_equal(strlen(lines), 2 * BC_LOG_LIMIT_LINES);
	assert_int_equal(l.untold, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_replaces_control_characters),
		cmocka_unit_test(err_set_takes_null),
		cmocka_unit_test(err_prefix_keeps_the_old_line),
		cmocka_unit_test(number_in_range_is_returned),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(fractions_are_bounded),
		cmocka_unit_test(a_quantile_is_at_most_a_quarter_too_high),
		cmocka_unit_test(quantiles_are_told_apart),
		cmocka_unit_test(what_no_bucket_holds_counts_as_the_largest),
		cmocka_unit_test(a_limited_log_tells_how_many_lines_it_left_out),
		cmocka_unit_test(a_limited_log_falls_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
