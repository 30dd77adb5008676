/* SPDX-License-Identifier: BSD-3-Clause */
/* The thread that makes an index, told of blocks by hand: which parts it makes of them, and what it does when it is behind. */
#include "bc_test.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_indexer.h"
#include "bc_time.h"

#define RING 65536U		/* messages on their way, at the most */
#define LIMIT_NS (60 * BC_NS_PER_S)
#define MEMORY (1U << 20)
#define BLOCK_LEN 1000U
#define HEAD 96U		/* bytes of the file before its first block */

static struct bc_indexer *indexer;
static struct bc_err err;

static void make(struct bc_indexer_config cfg, bool start)
{
	cfg.memory = MEMORY;
	assert_int_equal(bc_indexer_new(&cfg, &indexer, &err), 0);
	if (start)
		assert_int_equal(bc_indexer_start(indexer), 0);
}

static int end(void **state)
{
	bc_indexer_free(indexer);
	indexer = NULL;
	return 0;
}

static struct bc_index_block block_of(uint32_t plain_len)
{
	return (struct bc_index_block){ .file_len = BLOCK_LEN, .plain_len = plain_len, .packets = 1, .min_ns = 5, .max_ns = 6 };
}

static bool tell(uint32_t plain_len)
{
	const struct bc_index_block b = block_of(plain_len);

	return bc_indexer_block(indexer, &b);
}

/* A chunk of slices of so many bytes, each a block. */
static bool tell_chunk(const uint32_t *len, uint32_t n)
{
	struct bc_chunk *k = calloc(1, sizeof(*k));
	bool good = true;

	k->n_slices = n;
	for (uint32_t i = 0; i < n; i++)
		k->slice[i].len = len[i];
	for (uint32_t i = 0; good && i < n; i++) {
		const struct bc_index_block b = block_of(len[i]);

		good = bc_indexer_packets(indexer, k, i, i, &b);
	}
	free(k);
	return good;
}

/* The next part that is made. */
static struct bc_indexer_part next_part(void)
{
	uint64_t give_up_ns = bc_mono_ns() + LIMIT_NS;
	struct bc_indexer_part part;

	while (!bc_indexer_take(indexer, &part)) {
		bc_indexer_await(indexer, BC_NS_PER_MS);
		assert_true(bc_mono_ns() < give_up_ns);
	}
	free(part.bytes.p);
	free(part.filter.p);
	assert_int_equal(part.err, 0);
	return part;
}

/* The parts of a segment, which follow one another in the file; they have so many blocks. */
static void parts_have(const uint32_t *blocks, uint32_t n)
{
	uint64_t at = HEAD;

	for (uint32_t i = 0; i < n; i++) {
		struct bc_indexer_part p = next_part();

		assert_int_equal(p.last, i == n - 1);
		assert_int_equal(p.part.n_blocks, blocks[i]);
		assert_int_equal(p.part.packets, blocks[i]);
		assert_int_equal(p.part.blocks_at, at);
		at += (uint64_t)blocks[i] * BLOCK_LEN;
	}
}

static void a_part_ends_before_it_is_too_long(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	for (int i = 0; i < 7; i++)
		assert_true(tell(300));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ 3, 3, 1 }, 3);
}

static void a_block_that_is_longer_than_a_part_is_one(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	for (int i = 0; i < 3; i++)
		assert_true(tell(5000));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ 1, 1, 1 }, 3);
}

/* Its notes tell of all of its blocks. */
static void a_chunk_is_in_one_part(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(tell_chunk((const uint32_t[]){ 300, 300 }, 2));
	assert_true(tell_chunk((const uint32_t[]){ 300, 300 }, 2));
	assert_true(tell_chunk((const uint32_t[]){ 300, 300, 300, 300, 300 }, 5));
	assert_true(tell(10));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ 2, 2, 5, 1 }, 4);
}

static void a_segment_without_blocks_has_a_last_part_without_any(void **state)
{
	make((struct bc_indexer_config){ .flows = true }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(bc_indexer_end(indexer));
	assert_int_equal(next_part().part.n_blocks, 0);
}

static void a_part_has_only_so_many_blocks(void **state)
{
	const uint32_t most = BC_INDEX_BLOCKS_MAX - BC_MAX_SLICES + 1, n = 100000;

	make((struct bc_indexer_config){ .waits = true, .part_bytes = UINT64_MAX }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	for (uint32_t i = 0; i < n; i++)
		assert_true(tell(10));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ most, n - most }, 2);
}

static void packets_without_notes_are_counted(void **state)
{
	struct bc_indexer_part p;

	make((struct bc_indexer_config){ .flows = true }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(tell_chunk((const uint32_t[]){ 300, 300 }, 2));
	assert_true(bc_indexer_end(indexer));
	p = next_part();
	assert_int_equal(p.part.n_unindexed, 2);
	assert_int_equal(bc_counter_get(&bc_indexer_stats(indexer)->unnoted), 2);
}

static void one_that_is_behind_and_not_waited_for_refuses(void **state)
{
	make((struct bc_indexer_config){ .flows = false }, false);
	assert_true(bc_indexer_begin(indexer, HEAD));
	for (uint32_t i = 1; i < RING; i++)
		assert_true(tell(10));
	assert_false(tell(10));
	assert_false(bc_indexer_end(indexer));
	assert_false(tell_chunk((const uint32_t[]){ 300 }, 1));
	assert_false(bc_indexer_begin(indexer, HEAD));
	/* As soon as it goes on, there is room again. */
	assert_int_equal(bc_indexer_start(indexer), 0);
	while (!bc_indexer_begin(indexer, HEAD))
		bc_indexer_await(indexer, BC_NS_PER_MS);
	assert_true(tell(10));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ 1 }, 1);
}

/* It was not ended, as its file was given up. */
static void what_was_told_of_an_older_segment_is_passed_over(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, false);
	for (int i = 0; i < 3; i++) {
		assert_true(bc_indexer_begin(indexer, 7));
		for (int k = 0; k < 20; k++)
			assert_true(tell(300));
		assert_true(i == 2 || bc_indexer_end(indexer));
	}
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(tell(300));
	assert_true(bc_indexer_end(indexer));
	assert_int_equal(bc_indexer_start(indexer), 0);
	parts_have((const uint32_t[]){ 1 }, 1);
}

static void parts_of_an_older_segment_that_nobody_took_are_dropped(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, true);
	assert_true(bc_indexer_begin(indexer, 7));
	for (int k = 0; k < 20; k++)
		assert_true(tell(300));
	assert_true(bc_indexer_end(indexer));
	/* They are there when one is. */
	next_part();
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(tell(300));
	assert_true(bc_indexer_end(indexer));
	parts_have((const uint32_t[]){ 1 }, 1);
}

static void parts_that_nobody_takes_end_with_it(void **state)
{
	make((struct bc_indexer_config){ .part_bytes = 1000 }, true);
	assert_true(bc_indexer_begin(indexer, HEAD));
	for (int k = 0; k < 20; k++)
		assert_true(tell(300));
	assert_true(bc_indexer_end(indexer));
	next_part();
}

/* All that was told before the end of the thread is let go. */
static void one_that_never_began_ends(void **state)
{
	make((struct bc_indexer_config){ .flows = true }, false);
	assert_true(bc_indexer_begin(indexer, HEAD));
	assert_true(tell(300));
	assert_false(bc_indexer_busy(indexer));
}

/* The policy of its thread; -1: there is none. */
static int policy(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *e;
	int found = -1;

	assert_non_null(tasks);
	while ((e = readdir(tasks))) {
		char path[300], name[32] = "";
		FILE *f;

		snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
		f = fopen(path, "r");
		if (f && fgets(name, sizeof(name), f) && !strcmp(name, "bc-index\n"))
			found = sched_getscheduler(atoi(e->d_name));
		if (f)
			fclose(f);
	}
	closedir(tasks);
	return found;
}

static void await_policy(int wanted)
{
	uint64_t give_up_ns = bc_mono_ns() + LIMIT_NS;

	while (policy() != wanted) {
		usleep(1000);
		assert_true(bc_mono_ns() < give_up_ns);
	}
}

static void one_that_is_hurried_leaves_the_cpu_to_nobody(void **state)
{
	make((struct bc_indexer_config){ .flows = true }, true);
	await_policy(SCHED_IDLE);
	bc_indexer_hurry(indexer);
	assert_int_equal(policy(), SCHED_OTHER);
}

#define ENDED(test) cmocka_unit_test_teardown(test, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ENDED(a_part_ends_before_it_is_too_long),
		ENDED(a_block_that_is_longer_than_a_part_is_one),
		ENDED(a_chunk_is_in_one_part),
		ENDED(a_segment_without_blocks_has_a_last_part_without_any),
		ENDED(a_part_has_only_so_many_blocks),
		ENDED(packets_without_notes_are_counted),
		ENDED(one_that_is_behind_and_not_waited_for_refuses),
		ENDED(what_was_told_of_an_older_segment_is_passed_over),
		ENDED(parts_of_an_older_segment_that_nobody_took_are_dropped),
		ENDED(parts_that_nobody_takes_end_with_it),
		ENDED(one_that_never_began_ends),
		ENDED(one_that_is_hurried_leaves_the_cpu_to_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
