/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_spool.h"

#define LIMIT 4096

static struct bc_spool *s;

static int begin(void **state)
{
	s = aligned_alloc(BC_CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	return bc_spool_init(s, LIMIT);
}

static int end(void **state)
{
	bc_spool_fini(s);
	free(s);
	return 0;
}

/* A message of len bytes of payload, all fill. */
static int put(enum bc_wire_type type, uint16_t len, uint8_t fill)
{
	uint8_t m[BC_WIRE_HEADER + LIMIT];

	memset(bc_wire_header(m, type, len), fill, len);
	return bc_spool_put(s, m, BC_WIRE_HEADER + len);
}

static void what_goes_in_comes_out(void **state)
{
	const uint8_t *data;

	assert_int_equal(bc_spool_peek(s, &data), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 10, 5), 0);
	assert_int_equal(bc_spool_peek(s, &data), 14);
	assert_int_equal(data[0], BC_WIRE_PACKET);
	assert_int_equal(data[13], 5);
	bc_spool_take(s, 14);
	assert_int_equal(bc_spool_peek(s, &data), 0);
	assert_int_equal(bc_spool_gone(s), 14);
}

static void only_whole_messages_are_gone(void **state)
{
	assert_int_equal(put(BC_WIRE_PACKET, 10, 5), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 20, 6), 0);
	for (uint64_t taken = 1; taken <= 14 + 24; taken++) {
		bc_spool_take(s, 1);
		assert_int_equal(bc_spool_gone(s), taken < 14 ? 0 : taken < 38 ? 14 : 38);
	}
	assert_int_equal(bc_spool_waiting(s), 0);
}

static void a_rewind_begins_with_the_message_that_was_not_whole(void **state)
{
	const uint8_t *data;

	assert_int_equal(put(BC_WIRE_PACKET, 10, 5), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 20, 6), 0);
	bc_spool_take(s, 20);
	assert_int_equal(bc_spool_peek(s, &data), 18);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_peek(s, &data), 24);
	assert_memory_equal(data, "\x01\x00\x00\x14\x06", 5);
}

static void what_does_not_fit_is_refused_and_changes_nothing(void **state)
{
	const uint8_t *data;

	assert_int_equal(put(BC_WIRE_PACKET, LIMIT - 8, 1), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 1, 2), -ENOBUFS);
	assert_int_equal(put(BC_WIRE_PACKET, 0, 2), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 0, 2), -ENOBUFS);
	assert_int_equal(bc_spool_peek(s, &data), LIMIT);
	bc_spool_take(s, 100);
	assert_int_equal(put(BC_WIRE_PACKET, 0, 2), -ENOBUFS);
	bc_spool_take(s, LIMIT - 104);
	assert_int_equal(put(BC_WIRE_PACKET, 1, 2), 0);
}

/* Every length and every place in the ring, so that headers too lie across its end. */
static void messages_lie_across_the_end(void **state)
{
	uint8_t out[BC_WIRE_MESSAGE_MAX];

	for (int i = 0; i < 3000; i++) {
		uint16_t len = (uint16_t)(i % 97);

		assert_int_equal(put(BC_WIRE_PACKET, len, (uint8_t)i), 0);
		assert_int_equal(bc_spool_copy(s, out), BC_WIRE_HEADER + len);
		for (uint16_t b = 0; b < len; b++)
			assert_int_equal(out[BC_WIRE_HEADER + b], (uint8_t)i);
		for (size_t left = BC_WIRE_HEADER + len; left;) {
			const uint8_t *data;
			size_t n = bc_spool_peek(s, &data);

			assert_true(n >= 1 && n <= left);
			bc_spool_take(s, n);
			left -= n;
		}
		assert_int_equal(bc_spool_waiting(s), 0);
	}
}

static void the_link_header_that_was_passed_is_kept(void **state)
{
	const uint8_t *link;

	assert_int_equal(bc_spool_link(s, &link), 0);
	assert_int_equal(put(BC_WIRE_LINK, 30, 7), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 10, 5), 0);
	/* It is the next message itself. */
	assert_int_equal(bc_spool_link(s, &link), 0);
	bc_spool_take(s, 33);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_link(s, &link), 0);
	bc_spool_take(s, 34);
	assert_int_equal(bc_spool_link(s, &link), 34);
	assert_memory_equal(link, "\x00\x00\x00\x1e\x07", 5);
	bc_spool_take(s, 14);
	assert_int_equal(bc_spool_link(s, &link), 34);
	assert_int_equal(put(BC_WIRE_LINK, 31, 8), 0);
	assert_int_equal(bc_spool_link(s, &link), 0);
	bc_spool_take(s, 35);
	assert_int_equal(bc_spool_link(s, &link), 35);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_goes_in_comes_out, begin, end),
		cmocka_unit_test_setup_teardown(only_whole_messages_are_gone, begin, end),
		cmocka_unit_test_setup_teardown(a_rewind_begins_with_the_message_that_was_not_whole, begin, end),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_refused_and_changes_nothing, begin, end),
		cmocka_unit_test_setup_teardown(messages_lie_across_the_end, begin, end),
		cmocka_unit_test_setup_teardown(the_link_header_that_was_passed_is_kept, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
