/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_carry.h"

static int add(struct bc_carry *c, enum bc_carry_kind kind, const char *words)
{
	return bc_carry_add(c, kind, (const uint8_t *)words, (uint32_t)strlen(words));
}

static void entries_stand_in_their_order(void **state)
{
	struct bc_carry *c = bc_carry_new();

	assert_int_equal(bc_carry_count(NULL), 0);
	assert_int_equal(bc_carry_count(c), 0);
	assert_int_equal(add(c, BC_CARRY_SECTION, "this"), 0);
	assert_int_equal(add(c, BC_CARRY_BLOCK, "and that"), 0);
	assert_int_equal(bc_carry_count(c), 2);
	assert_int_equal(bc_carry_at(c, 0)->kind, BC_CARRY_SECTION);
	assert_int_equal(bc_carry_at(c, 1)->len, 8);
	assert_memory_equal(bc_carry_at(c, 1)->data, "and that", 8);
	bc_carry_free(c);
	bc_carry_free(NULL);
}

static void what_is_there_already_is_not_added(void **state)
{
	struct bc_carry *c = bc_carry_new();

	add(c, BC_CARRY_BLOCK, "this");
	assert_int_equal(add(c, BC_CARRY_BLOCK, "this"), 0);
	assert_int_equal(bc_carry_count(c), 1);
	add(c, BC_CARRY_SECTION, "this");
	assert_int_equal(bc_carry_count(c), 2);
	bc_carry_free(c);
}

static void each_place_is_one_of_its_own(void **state)
{
	struct bc_carry *c = bc_carry_new();

	add(c, BC_CARRY_HERE, "this");
	add(c, BC_CARRY_HERE, "this");
	assert_int_equal(bc_carry_count(c), 2);
	bc_carry_free(c);
}

static void the_number_of_entries_is_limited(void **state)
{
	struct bc_carry *c = bc_carry_new();

	for (uint32_t i = 0; i < BC_CARRY_MAX; i++)
		assert_int_equal(bc_carry_add(c, BC_CARRY_BLOCK, (const uint8_t *)&i, sizeof(i)), 0);
	assert_int_equal(add(c, BC_CARRY_BLOCK, "another "), -ENOSPC);
	assert_int_equal(bc_carry_count(c), BC_CARRY_MAX);
	bc_carry_free(c);
}

static void the_bytes_of_all_are_limited(void **state)
{
	struct bc_carry *c = bc_carry_new();
	uint8_t *big = calloc(1, BC_CARRY_BYTES_MAX + 4);

	assert_int_equal(bc_carry_add(c, BC_CARRY_BLOCK, big, BC_CARRY_BYTES_MAX + 4), -ENOSPC);
	assert_int_equal(bc_carry_add(c, BC_CARRY_BLOCK, big, BC_CARRY_BYTES_MAX - 4), 0);
	assert_int_equal(add(c, BC_CARRY_HERE, "too much"), -ENOSPC);
	assert_int_equal(add(c, BC_CARRY_HERE, "fits"), 0);
	assert_int_equal(bc_carry_count(c), 2);
	free(big);
	bc_carry_free(c);
}

static void a_section_header_takes_only_so_much(void **state)
{
	struct bc_carry *c = bc_carry_new();
	uint8_t *big = calloc(1, BC_CARRY_SECTION_BYTES_MAX);

	assert_int_equal(bc_carry_add(c, BC_CARRY_SECTION, big, BC_CARRY_SECTION_BYTES_MAX), 0);
	assert_int_equal(add(c, BC_CARRY_SECTION, "more"), -ENOSPC);
	assert_int_equal(add(c, BC_CARRY_BLOCK, "more"), 0);
	free(big);
	bc_carry_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_stand_in_their_order),
		cmocka_unit_test(what_is_there_already_is_not_added),
		cmocka_unit_test(each_place_is_one_of_its_own),
		cmocka_unit_test(the_number_of_entries_is_limited),
		cmocka_unit_test(the_bytes_of_all_are_limited),
		cmocka_unit_test(a_section_header_takes_only_so_much),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
