/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_ack_table.h"
#include "bc_acks.h"

static struct bc_ack *ack[2];	/* the second source has no numbers */
static struct bc_ledger *ledger;
static struct bc_acks *acks;
static uint64_t delivered, taken;	/* packets; the number from which on the session has some to deliver */
static uint64_t size;			/* of the segment: 100 bytes a packet */

static void begin_session(void)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 1 };
	struct bc_ack_leg leg;

	bc_ack_begin(ack[0], &m, 1, delivered, &leg);
	taken = leg.taken;
}

static int start(void **state)
{
	ack[0] = bc_ack_new(-1);
	ledger = bc_ledger_new();
	ledger->n_sources = 2;
	strcpy(ledger->source[0].name, "node");
	acks = bc_acks_new(ack, ledger);
	delivered = size = 0;
	begin_session();
	return 0;
}

static int over(void **state)
{
	bc_acks_free(acks);
	bc_ack_free(ack[0]);
	bc_ledger_free(ledger);
	return 0;
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

/* A chunk of n packets goes through, without having been written. */
static void pass(uint32_t n)
{
	delivered += n;
	bc_acks_handled(acks, (const uint32_t[]){ n, 3 });
}

/* Its bytes are not in the file yet. */
static void write_chunk(uint32_t n)
{
	told(n);
	bc_acks_wrote(acks, (const uint32_t[]){ n, 3 });
	size += 100 * n;
	pass(n);
}

static void handle(uint32_t n)
{
	write_chunk(n);
	bc_acks_confirm(acks, size);
}

static void finish(uint64_t kept)
{
	bc_acks_finish(acks, kept);
	size = 0;
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
	finish(0);
	bc_acks_synced(acks, 5000);
	assert_int_equal(acknowledged(), 0);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void the_end_of_a_segment_is_a_mark(void **state)
{
	handle(5);
	finish(0);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 0);
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void without_a_segment_the_ones_before_are_waited_for(void **state)
{
	handle(5);
	finish(0);
	finish(0);
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

static void the_end_of_a_segment_during_a_sync_asks_for_the_next_one(void **state)
{
	handle(5);
	bc_acks_mark(acks, 500);
	handle(5);
	finish(500);
	bc_acks_synced(acks, 0);
	assert_false(bc_acks_hurried(acks));
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	assert_true(bc_acks_hurried(acks));
	bc_acks_mark(acks, 0);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 10);
}

static void a_segment_tells_the_number_of_its_first_packet(void **state)
{
	assert_int_equal(told(5), 0);
	write_chunk(5);
	assert_int_equal(told(5), UINT64_MAX);
	write_chunk(5);
	finish(0);
	assert_int_equal(told(5), 10);
}

static void a_chunk_without_numbers_needs_no_block(void **state)
{
	assert_int_equal(told(0), UINT64_MAX);
}

static void numbers_are_told_again_behind_a_loss(void **state)
{
	write_chunk(5);
	pass(7);
	assert_int_equal(told(5), 12);
}

static void numbers_are_told_again_behind_a_cut(void **state)
{
	write_chunk(5);
	bc_acks_forget(acks);
	assert_int_equal(told(5), 5);
}

/*
 * What the file is to say when n more segments have their names, all on disk or none: "below from-to ...", "" for
 * nothing new.
 */
static const char *publish(uint32_t n, bool on_disk)
{
	static char text[256];
	const bool each[4] = { on_disk, on_disk, on_disk, on_disk };
	const struct bc_ack_known *k;
	struct bc_ack_table t;
	size_t len;
	uint8_t *block = bc_acks_publishing(acks, n, each, &len);
	int at;

	*text = '\0';
	if (!block)
		return text;
	assert_int_equal(bc_ack_table_from_block(block, len, &t), 0);
	free(block);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.client[0].name, "node");
	k = &t.client[0].set.epoch[0];
	at = snprintf(text, sizeof(text), "%d", (int)k->mark.next);
	for (uint32_t i = 0; i < k->n; i++)
		at += snprintf(text + at, sizeof(text) - (size_t)at, " %d-%d", (int)k->range[i].from, (int)k->range[i].to);
	bc_ack_table_fini(&t);
	return text;
}

static void the_file_says_what_is_in_published_segments(void **state)
{
	handle(5);
	finish(0);
	handle(6);
	finish(0);
	handle(7);
	assert_string_equal(publish(1, true), "5");
	assert_string_equal(publish(1, true), "11");
	finish(0);
	finish(0);
	assert_string_equal(publish(2, true), "18");
	finish(0);
	assert_string_equal(publish(1, true), "");
}

static bool broken(void)
{
	return bc_ack_broken(ack[0]);
}

/* The session has ended, and begins again. */
static void come_again(void)
{
	bc_ack_leave(ack[0]);
	begin_session();
}

static void a_lost_chunk_breaks_its_session(void **state)
{
	handle(5);
	bc_acks_lose_next(acks, (const uint32_t[]){ 0, 3 });
	assert_false(broken());
	bc_acks_lose_next(acks, (const uint32_t[]){ 7, 3 });
	assert_true(broken());
	pass(7);
	finish(0);
	assert_string_equal(publish(1, true), "5");
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
	come_again();
	assert_int_equal(taken, 5);
}

/* The store has cut the segment back to where it had settled. */
static void what_was_not_settled_may_be_lost(void **state)
{
	handle(5);
	write_chunk(7);
	bc_acks_lose(acks);
	assert_true(broken());
	finish(0);
	assert_string_equal(publish(1, true), "5");
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_int_equal(acknowledged(), 5);
}

static void of_a_segment_that_is_lost_the_bytes_that_were_kept_are_there(void **state)
{
	handle(5);
	handle(5);
	bc_acks_mark(acks, size);
	bc_acks_synced(acks, 500);
	assert_int_equal(acknowledged(), 0);
	handle(7);
	finish(1000);
	assert_string_equal(publish(1, false), "10");
	bc_acks_result(acks, true);
	bc_acks_synced(acks, 0);
	assert_true(broken());
	come_again();
	assert_int_equal(taken, 10);
}

/* An older segment is lost when the newer ones are known to be there, and the other way round. */
static void a_lost_segment_takes_no_other_with_it(void **state)
{
	handle(5);
	finish(0);
	handle(6);
	finish(0);
	handle(7);
	assert_string_equal(publish(1, false), "");
	bc_acks_result(acks, true);
	assert_string_equal(publish(1, true), "0 5-11");
	bc_acks_result(acks, false);
	bc_acks_synced(acks, 0);
	assert_true(broken());
	assert_int_equal(acknowledged(), 0);
	come_again();
	assert_int_equal(taken, 0);
	/* The gap comes again. */
	handle(5);
	bc_acks_mark(acks, size);
	bc_acks_synced(acks, size);
	assert_int_equal(acknowledged(), 18);
	finish(0);
	assert_string_equal(publish(1, true), "18");
}

static void where_all_is_on_disk_nothing_is_lost(void **state)
{
	handle(5);
	bc_acks_mark(acks, size);
	bc_acks_synced(acks, size);
	bc_acks_lose(acks);
	finish(500);
	bc_acks_result(acks, true);
	bc_acks_synced(acks, 0);
	assert_false(broken());
}

static void what_was_restored_is_in_the_file(void **state)
{
	struct bc_ack_range r = { 20, 30 };
	const struct bc_ack_known k = { .mark = { .node = "node", .epoch = 1, .next = 10 }, .range = &r, .n = 1 };

	bc_acks_free(acks);
	bc_ack_restore(ack[0], &k);
	acks = bc_acks_new(ack, ledger);
	begin_session();
	assert_int_equal(taken, 10);
	handle(5);
	finish(0);
	assert_string_equal(publish(1, true), "15 20-30");
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
		T(the_end_of_a_segment_during_a_sync_asks_for_the_next_one),
		T(a_segment_tells_the_number_of_its_first_packet),
		T(a_chunk_without_numbers_needs_no_block),
		T(numbers_are_told_again_behind_a_loss),
		T(numbers_are_told_again_behind_a_cut),
		T(the_file_says_what_is_in_published_segments),
		T(a_lost_chunk_breaks_its_session),
		T(what_was_not_settled_may_be_lost),
		T(of_a_segment_that_is_lost_the_bytes_that_were_kept_are_there),
		T(a_lost_segment_takes_no_other_with_it),
		T(where_all_is_on_disk_nothing_is_lost),
		T(what_was_restored_is_in_the_file),
	};

	return cmocka_run_group_tests_name("acks", tests, NULL, NULL);
}
