/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_ack_block.h"
#include "bc_reader.h"

static const uint8_t collector[BC_ACK_ID] = "collector no. 1";
static const struct bc_ack_entry entries[2] = {
	{ .mark = { .node = "node one", .epoch = 0x0102030405060708, .next = 77 }, .stored = 70, .client = "bts1" },
	{ .client = "bts2" },
};

static uint8_t block[1024];

static size_t put(void)
{
	return bc_ack_block_put(block, collector, entries, 2);
}

static void what_is_put_is_read(void **state)
{
	size_t len = put();
	struct bc_ack_entry e;
	uint32_t n;

	assert_int_equal(len, 40 + 2 * 104);
	assert_int_equal(len, bc_ack_block_size(2));
	assert_true(bc_ack_block_is(block, len, &n));
	assert_int_equal(n, 2);
	assert_memory_equal(bc_ack_block_collector(block), collector, BC_ACK_ID);
	for (uint32_t i = 0; i < n; i++) {
		bc_ack_block_entry(block, i, &e);
		assert_true(bc_ack_same(&e.mark, &entries[i].mark));
		assert_int_equal(e.mark.next, entries[i].mark.next);
		assert_int_equal(e.stored, entries[i].stored);
		assert_string_equal(e.client, entries[i].client);
	}
}

static void its_bytes_are_those_of_the_docs(void **state)
{
	static const uint8_t begin[20] = { 1, 0, 0xca, 0x8b, 248, 0, 0, 0, 'b', 'r', 'a', 'i', 'd', 'c', 'a', 'p', 1, 0, 2, 0 };
	static const uint8_t numbers[24] = { 8, 7, 6, 5, 4, 3, 2, 1, 77, 0, 0, 0, 0, 0, 0, 0, 70, 0, 0, 0, 0, 0, 0, 0 };

	put();
	assert_memory_equal(block, begin, sizeof(begin));
	assert_memory_equal(block + 20, collector, 16);
	assert_memory_equal(block + 36, "node one\0\0\0\0\0\0\0\0", 16);
	assert_memory_equal(block + 52, numbers, sizeof(numbers));
	assert_string_equal((char *)block + 76, "bts1");
	assert_memory_equal(block + 244, begin + 4, 4);
}

/* Each byte of its frame: type, length, name, version, number of entries, length again. */
static void another_block_is_not_taken_for_one(void **state)
{
	size_t len = put();
	uint32_t n;

	assert_false(bc_ack_block_is(block, len - 1, &n));
	assert_false(bc_ack_block_is(block, 12, &n));
	for (size_t at = 0; at < len; at = at == 19 ? len - 4 : at + 1) {
		block[at] ^= 1;
		assert_false(bc_ack_block_is(block, len, &n));
		block[at] ^= 1;
	}
	assert_true(bc_ack_block_is(block, len, &n));
}

static void a_name_without_an_end_is_cut(void **state)
{
	struct bc_ack_entry e;

	put();
	memset(block + 76, 'x', BC_ACK_CLIENT_MAX);
	bc_ack_block_entry(block, 0, &e);
	assert_int_equal(strlen(e.client), BC_ACK_CLIENT_MAX - 1);
}

/* Behind a section header, as a reader meets it. */
static void a_reader_passes_over_it_without_a_word(void **state)
{
	static const uint8_t shb[28] = { 10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0,
					 255, 255, 255, 255, 255, 255, 255, 255, 28, 0, 0, 0 };
	struct bc_reader *r = bc_reader_new();
	size_t consumed, need, len = put();
	struct bc_record rec;
	struct bc_err err;

	assert_int_equal(bc_reader_next(r, shb, sizeof(shb), &consumed, &need, &rec, &err), BC_READ_SKIP);
	assert_int_equal(bc_reader_next(r, block, len, &consumed, &need, &rec, &err), BC_READ_SKIP);
	assert_int_equal(consumed, len);
	assert_int_equal(bc_reader_found(r)->custom, 0);
	bc_reader_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_put_is_read),
		cmocka_unit_test(its_bytes_are_those_of_the_docs),
		cmocka_unit_test(another_block_is_not_taken_for_one),
		cmocka_unit_test(a_name_without_an_end_is_cut),
		cmocka_unit_test(a_reader_passes_over_it_without_a_word),
	};

	return cmocka_run_group_tests_name("ack_block", tests, NULL, NULL);
}
