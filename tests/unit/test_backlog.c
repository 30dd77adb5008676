/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_backlog.h"

static struct bc_tally got;
static uint64_t ended;

static void push(struct bc_backlog *b, uint64_t end, uint64_t packets)
{
	const struct bc_tally t = { .packets = packets, .bytes = packets * 10, .file_bytes = packets * 9, .from = { [3] = packets } };

	bc_backlog_push(b, end, &t);
}

static void an_entry_passes_when_its_last_byte_has(void **state)
{
	struct bc_backlog *b = bc_backlog_new(4);

	push(b, 100, 5);
	push(b, 200, 7);
	assert_false(bc_backlog_pop(b, 99, &ended, &got));
	assert_true(bc_backlog_pop(b, 100, &ended, &got));
	assert_int_equal(ended, 100);
	assert_true(got.packets == 5 && got.bytes == 50 && got.file_bytes == 45 && got.from[3] == 5);
	assert_false(bc_backlog_pop(b, 199, &ended, &got));
	assert_true(bc_backlog_pop(b, UINT64_MAX, &ended, &got));
	assert_int_equal(got.packets, 7);
	assert_false(bc_backlog_pop(b, UINT64_MAX, &ended, &got));
	bc_backlog_free(b);
	bc_backlog_free(NULL);
}

/* However many there are, nothing is lost and nothing passes early. */
static void many_entries_are_kept_in_sum(void **state)
{
	struct bc_backlog *b = bc_backlog_new(4);
	uint64_t pushed = 0, popped = 0, passed = 0;

	for (uint64_t i = 1; i <= 5000; i++) {
		push(b, i * 10, i);
		pushed += i;
		if (i % 7)
			continue;
		passed = i * 5;
		while (bc_backlog_pop(b, passed, &ended, &got))
			popped += got.packets;
		assert_true(popped <= passed / 10 * (passed / 10 + 1) / 2);
	}
	assert_true(popped > 0);
	while (bc_backlog_pop(b, UINT64_MAX, &ended, &got))
		popped += got.packets;
	assert_int_equal(popped, pushed);
	bc_backlog_free(b);
}

/* The oldest are not the coarsest: what passes first is told soon, however long it waited. */
static void old_entries_stay_as_fine_as_new_ones(void **state)
{
	struct bc_backlog *b = bc_backlog_new(4);
	uint64_t before = 0;

	for (uint64_t i = 1; i <= 5000; i++)
		push(b, i * 10, 1);
	while (bc_backlog_pop(b, UINT64_MAX, &ended, &got)) {
		assert_true(ended - before <= 5000 * 10 / 100);
		assert_int_equal(got.packets, (ended - before) / 10);
		before = ended;
	}
	assert_int_equal(before, 50000);
	bc_backlog_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_passes_when_its_last_byte_has),
		cmocka_unit_test(many_entries_are_kept_in_sum),
		cmocka_unit_test(old_entries_stay_as_fine_as_new_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
