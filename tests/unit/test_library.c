/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_library.h"

static void functions_are_found_in_their_order(void **state)
{
	static const char *const names[] = { "cos", "sqrt" };
	double (*f[2])(double);
	struct bc_err err = { "" };

	assert_int_equal(bc_library_load("libm.so.6", "libc6", names, 2, (void **)f, &err), 0);
	assert_true(f[0](0) == 1 && f[1](0) == 0);
}

static void a_missing_library_names_its_package(void **state)
{
	static const char *const names[] = { "cos" };
	struct bc_err err = { "" };
	void *f;

	assert_int_equal(bc_library_load("libnothing.so.9", "libnothing9", names, 1, &f, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "libnothing.so.9"));
	assert_non_null(strstr(err.msg, "install libnothing9"));
}

static void a_missing_function_is_named(void **state)
{
	static const char *const names[] = { "cos", "no_such_function" };
	struct bc_err err = { "" };
	void *f[2];

	assert_int_equal(bc_library_load("libm.so.6", "libc6", names, 2, f, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "no_such_function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_found_in_their_order),
		cmocka_unit_test(a_missing_library_names_its_package),
		cmocka_unit_test(a_missing_function_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
