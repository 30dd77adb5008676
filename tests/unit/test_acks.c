/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_acks.h"

static struct bc_ack *ack[2];	/* the second source has no numbers */
static struct bc_acks *acks;

static int start(void **state)
{
	const struct bc_ack_mark m = { .epoch = 1 };
	uint64_t taken;

	ack[0] = bc_ack_new((const uint8_t[BC_ACK_ID]){ 0 }, -1);
	acks = bc_acks_new(ack, 2);
	bc_ack_begin(ack[0], &m, 1, 0, &taken);
	return 0;
}

static int over(void **state)
{
	bc_acks_free(acks);
	bc_ack_free(ack[0]);
	return 0;
}

static void handle(uint32_t n)
{
	bc_acks_handled(acks, (const uint32_t[]){ n, 3 });
}

static uint64_t acknowledged(void)
{
	struct bc_ack_mark m;
	bool complete;

	assert_true(bc_ack_due(ack[0], 1, &m, &complete));
	return m.next;
}

static void a_source_is_through_when_all_was_handled(void **state)
{
	handle(5);
	assert_false(bc_ack_through(ack[0], 7));
	handle(2);
	assert_true(bc_ack_through(ack[0], 7));
}

static void what_a_sync_covers_is_acknowledged(void **state)
{
	handle(5);
	bc_acks_mark(acks, 1000);
	handle(5);
	bc_acks_synced(acks, 999);
	assert_int_equal(acknowledged(), 0);
	bc_acks_synced(acks, 1000);
	assert_int_equal(acknowledged(), 5);
	assert_true(bc_acks_wait(acks));
	bc_acks_mark(acks, 2000);
	bc_acks_synced(acks, 2000);
	assert_int_equal(acknowledged(), 10);
	assert_false(bc_acks_wait(acks));
}

static void the_next_segments_bytes_are_not_taken_for_this_ones(void **state)
{
	handle(5);
	bc_acks_mark(acks, 1000);
	bc_acks_finish(acks);
	bc_acks_synced(acks, 5000);
	assert_int_equal(acknowledged(), 0);
	bc_acks_result(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void the_end_of_a_segment_is_a_mark(void **state)
{
	handle(5);
	bc_acks_finish(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 0);
	bc_acks_result(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void without_a_segment_the_ones_before_are_waited_for(void **state)
{
	handle(5);
	bc_acks_finish(acks);
	bc_acks_finish(acks);
	bc_acks_result(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	handle(2);
	bc_acks_mark(acks, 0);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	bc_acks_result(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 7);
}

static void a_node_in_a_hurry_is_heard_when_there_is_something_to_mark(void **state)
{
	bc_ack_hurry(ack[0]);
	assert_false(bc_acks_hurried(acks));
	handle(5);
	assert_true(bc_acks_hurried(acks));
	bc_acks_mark(acks, 10);
	assert_false(bc_acks_hurried(acks));
	handle(5);
	bc_ack_hurry(ack[0]);
	assert_false(bc_acks_hurried(acks));
	bc_acks_synced(acks, 10);
	assert_true(bc_acks_hurried(acks));
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_source_is_through_when_all_was_handled),
		T(what_a_sync_covers_is_acknowledged),
		T(the_next_segments_bytes_are_not_taken_for_this_ones),
		T(the_end_of_a_segment_is_a_mark),
		T(without_a_segment_the_ones_before_are_waited_for),
		T(a_node_in_a_hurry_is_heard_when_there_is_something_to_mark),
	};

	return cmocka_run_group_tests_name("acks", tests, NULL, NULL);
}
