/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of a complete file, made of blocks that are only told: its parts, and when there are too many. */
#include "bc_test.h"

#include <errno.h>

#include "bc_index.h"
#include "bc_index_maker.h"

#define MEMORY (1U << 20)
#define BLOCK_LEN 100U
#define HEAD 12U	/* bytes of the file before its first block */

static uint8_t *written;
static size_t n_written;

static int to_written(void *ctx, const uint8_t *data, size_t len)
{
	written = realloc(written, n_written + len);
	memcpy(written + n_written, data, len);
	n_written += len;
	return 0;
}

static int refused(void *ctx, const uint8_t *data, size_t len)
{
	return -ENOSPC;
}

static int tell(struct bc_index_maker *m, uint32_t plain_len)
{
	struct bc_index_block b = { .file_len = BLOCK_LEN, .plain_len = plain_len };
	struct bc_flow_packets p = { .first_ns = 5, .last_ns = 5, .bytes = 1, .packets = 1, .blocks = 1 };

	return bc_index_maker_block(m, &b, &p, 1);
}

/* The parts of n blocks of so many bytes, which follow one another. */
static uint32_t parts_of(uint32_t n, uint32_t plain_len, struct bc_index_part *part)
{
	struct bc_index_maker *m = bc_index_maker_new(MEMORY, false, 0);
	uint64_t at = HEAD, file_bytes = HEAD + (uint64_t)n * BLOCK_LEN;
	struct bc_index_footer f;
	struct bc_err err;

	n_written = 0;
	bc_index_maker_begin(m, HEAD);
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(tell(m, plain_len), 0);
	assert_int_equal(bc_index_maker_end(m, to_written, NULL), 0);
	assert_int_equal(bc_index_maker_made(m).packets, n);
	assert_int_equal(bc_index_maker_made(m).index_bytes, n_written);
	file_bytes += n_written;
	assert_int_equal(bc_index_footer_find(written + n_written - BC_INDEX_TAIL, BC_INDEX_TAIL, file_bytes, &f, &err), 0);
	assert_int_equal(f.plain_bytes, (uint64_t)n * plain_len);
	assert_int_equal(bc_index_directory(&f, written + (f.directory_at - (file_bytes - n_written)), f.directory_bytes, part, &err), 0);
	for (uint32_t i = 0; i < f.n_parts; i++) {
		assert_int_equal(part[i].blocks_at, at);
		at += (uint64_t)part[i].n_blocks * BLOCK_LEN;
	}
	assert_int_equal(at, HEAD + (uint64_t)n * BLOCK_LEN);
	bc_index_maker_free(m);
	return f.n_parts;
}

static void a_part_has_only_so_many_blocks(void **state)
{
	struct bc_index_part part[4];

	assert_int_equal(parts_of(BC_INDEX_BLOCKS_MAX, 10, part), 1);
	assert_int_equal(parts_of(BC_INDEX_BLOCKS_MAX + 1, 10, part), 2);
	assert_int_equal(part[0].n_blocks, BC_INDEX_BLOCKS_MAX);
	assert_int_equal(part[1].n_blocks, 1);
}

static void a_part_has_only_so_many_bytes(void **state)
{
	struct bc_index_part part[8];

	assert_int_equal(parts_of(5, 1U << 29, part), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(part[i].n_blocks, i < 2 ? 2 : 1);
	/* One block may have more. */
	assert_int_equal(parts_of(2, 3U << 30, part), 2);
}

static void more_parts_than_an_index_has_are_refused(void **state)
{
	struct bc_index_maker *m = bc_index_maker_new(MEMORY, false, 0);
	uint32_t n = 0;
	int r;

	bc_index_maker_begin(m, HEAD);
	while (!(r = tell(m, 3U << 30)))
		n++;
	assert_int_equal(r, -E2BIG);
	assert_int_equal(n, BC_INDEX_PARTS_MAX + 1);
	bc_index_maker_free(m);
}

static void what_cannot_be_written_is_told(void **state)
{
	struct bc_index_maker *m = bc_index_maker_new(MEMORY, false, 0);

	bc_index_maker_begin(m, HEAD);
	assert_int_equal(tell(m, 10), 0);
	assert_int_equal(bc_index_maker_end(m, refused, NULL), -ENOSPC);
	assert_int_equal(bc_index_maker_made(m).index_bytes, 0);
	bc_index_maker_free(m);
}

static int end(void **state)
{
	free(written);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_has_only_so_many_blocks),
		cmocka_unit_test(a_part_has_only_so_many_bytes),
		cmocka_unit_test(more_parts_than_an_index_has_are_refused),
		cmocka_unit_test(what_cannot_be_written_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, end);
}
