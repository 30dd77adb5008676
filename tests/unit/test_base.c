/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_err.h"
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_set_replaces_control_characters),
		cmocka_unit_test(err_set_takes_null),
		cmocka_unit_test(err_prefix_keeps_the_old_line),
		cmocka_unit_test(number_in_range_is_returned),
		cmocka_unit_test(numbers_that_are_none_are_refused),
		cmocka_unit_test(fractions_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
