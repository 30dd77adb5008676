/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_ack_block.h"
#include "bc_acks.h"

static struct bc_ack *ack[2];	/* the second source has no numbers */
static struct bc_ledger *ledger;
static struct bc_acks *acks;

static int start(void **state)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 1 };
	uint64_t taken;

	ack[0] = bc_ack_new(-1);
	ledger = bc_ledger_new();
	ledger->n_sources = 2;
	strcpy(ledger->source[0].name, "node");
	acks = bc_acks_new(ack, ledger);
	bc_ack_begin(ack[0], &m, 1, 0, &taken);
	return 0;
}

static int over(void **state)
{
	bc_acks_free(acks);
	bc_ack_free(ack[0]);
	bc_ledger_free(ledger);
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
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void the_end_of_a_segment_is_a_mark(void **state)
{
	handle(5);
	bc_acks_finish(acks);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 0);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void without_a_segment_the_ones_before_are_waited_for(void **state)
{
	handle(5);
	bc_acks_finish(acks);
	bc_acks_finish(acks);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	handle(2);
	bc_acks_mark(acks, 0);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	bc_acks_result(acks, false);
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

/* What the segment needs before n packets of the numbered source: the number of the first, or UINT64_MAX for nothing. */
static uint64_t told(uint32_t n)
{
	const uint8_t *block;
	struct bc_ack_entry e;
	size_t len = bc_acks_block(acks, (const uint32_t[]){ n, 3 }, &block);
	uint32_t entries;

	if (!len)
		return UINT64_MAX;
	assert_true(bc_ack_block_is(block, len, &entries));
	assert_int_equal(entries, 1);
	bc_ack_block_entry(block, 0, &e);
	assert_string_equal(e.client, "node");
	return e.mark.next;
}

static void write_chunk(uint32_t n)
{
	bc_acks_wrote(acks, (const uint32_t[]){ n, 3 });
	handle(n);
}

static void a_segment_tells_the_number_of_its_first_packet(void **state)
{
	assert_int_equal(told(5), 0);
	write_chunk(5);
	assert_int_equal(told(5), UINT64_MAX);
	write_chunk(5);
	bc_acks_finish(acks);
	assert_int_equal(told(5), 10);
}

static void a_chunk_without_numbers_needs_no_block(void **state)
{
	assert_int_equal(told(0), UINT64_MAX);
}

static void numbers_are_told_again_behind_a_loss(void **state)
{
	told(5);
	write_chunk(5);
	handle(7);
	assert_int_equal(told(5), 12);
}

static void numbers_are_told_again_behind_a_cut(void **state)
{
	told(5);
	write_chunk(5);
	bc_acks_forget(acks);
	assert_int_equal(told(5), 5);
}

/* What the file is to say when n more segments have their names; UINT64_MAX: nothing new. */
static uint64_t publish(uint32_t n)
{
	size_t len;
	uint8_t *block = bc_acks_publishing(acks, n, &len);
	struct bc_ack_entry e;
	uint32_t entries;

	if (!block)
		return UINT64_MAX;
	assert_true(bc_ack_block_is(block, len, &entries));
	assert_int_equal(entries, 1);
	bc_ack_block_entry(block, 0, &e);
	free(block);
	return e.mark.next;
}

static void the_file_says_what_is_in_published_segments(void **state)
{
	handle(5);
	bc_acks_finish(acks);
	handle(6);
	bc_acks_finish(acks);
	handle(7);
	assert_int_equal(publish(1), 5);
	assert_int_equal(publish(1), 11);
	bc_acks_finish(acks);
	bc_acks_finish(acks);
	assert_int_equal(publish(2), 18);
	bc_acks_finish(acks);
	assert_int_equal(publish(1), UINT64_MAX);
}

static bool broken(void)
{
	return bc_acks_broken(acks, (const uint32_t[]){ 1, 0 });
}

static void a_lost_chunk_breaks_its_session(void **state)
{
	handle(5);
	bc_acks_lose_next(acks, (const uint32_t[]){ 0, 3 });
	assert_false(broken());
	bc_acks_lose_next(acks, (const uint32_t[]){ 7, 3 });
	assert_true(broken());
	handle(7);
	bc_acks_finish(acks);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	assert_int_equal(publish(1), 5);
}

static void what_was_handled_last_may_be_lost(void **state)
{
	handle(5);
	handle(7);
	bc_acks_lose(acks, (const uint64_t[]){ 7, 0 });
	assert_true(broken());
	bc_acks_finish(acks);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void a_segment_that_is_lost_is_not_acknowledged(void **state)
{
	handle(5);
	bc_acks_mark(acks, 1000);
	bc_acks_synced(acks, 1000);
	handle(7);
	bc_acks_mark(acks, 2000);
	bc_acks_finish(acks);
	bc_acks_result(acks, true);
	bc_acks_synced(acks, 0);
	assert_true(broken());
	assert_int_equal(acknowledged(), 5);
}

static void a_segment_that_was_given_up_is_lost_once(void **state)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 1 };
	uint64_t taken;

	handle(5);
	bc_acks_lose(acks, NULL);
	bc_acks_finish(acks);
	bc_ack_leave(ack[0], 5);
	bc_ack_begin(ack[0], &m, 1, 5, &taken);
	handle(5);
	bc_acks_result(acks, true);
	bc_acks_synced(acks, 0);
	assert_false(broken());
}

static void where_all_is_on_disk_nothing_is_lost(void **state)
{
	handle(5);
	bc_acks_mark(acks, 1000);
	bc_acks_synced(acks, 1000);
	bc_acks_lose(acks, NULL);
	assert_false(broken());
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
		T(a_segment_tells_the_number_of_its_first_packet),
		T(a_chunk_without_numbers_needs_no_block),
		T(numbers_are_told_again_behind_a_loss),
		T(numbers_are_told_again_behind_a_cut),
		T(the_file_says_what_is_in_published_segments),
		T(a_lost_chunk_breaks_its_session),
		T(what_was_handled_last_may_be_lost),
		T(a_segment_that_is_lost_is_not_acknowledged),
		T(a_segment_that_was_given_up_is_lost_once),
		T(where_all_is_on_disk_nothing_is_lost),
	};

	return cmocka_run_group_tests_name("acks", tests, NULL, NULL);
}
