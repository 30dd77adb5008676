/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_spool.h"

#define LIMIT 4096

static struct bc_spool *s;

static int begin(void **state)
{
	s = aligned_alloc(BC_CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	return bc_spool_init(s, LIMIT, NULL);
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
	assert_int_equal(bc_spool_done(s), 14);
}

static void only_whole_messages_are_gone(void **state)
{
	assert_int_equal(put(BC_WIRE_PACKET, 10, 5), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 20, 6), 0);
	for (uint64_t taken = 1; taken <= 14 + 24; taken++) {
		bc_spool_take(s, 1);
		assert_int_equal(bc_spool_done(s), taken < 14 ? 0 : taken < 38 ? 14 : 38);
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
	const uint8_t *out;

	for (int i = 0; i < 3000; i++) {
		uint16_t len = (uint16_t)(i % 97);

		assert_int_equal(put(BC_WIRE_PACKET, len, (uint8_t)i), 0);
		assert_int_equal(bc_spool_peek(s, &out), BC_WIRE_HEADER + len);
		for (uint16_t b = 0; b < len; b++)
			assert_int_equal(out[BC_WIRE_HEADER + b], (uint8_t)i);
		bc_spool_take(s, BC_WIRE_HEADER + len);
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
	assert_int_equal(bc_spool_next_link(s, &link), 35);
	assert_memory_equal(link, "\x00\x00\x00\x1f\x08", 5);
	bc_spool_take(s, 35);
	assert_int_equal(bc_spool_link(s, &link), 35);
}

/* A queue for a peer that acknowledges. */
static void keep(void)
{
	bc_spool_rewind(s);
	bc_spool_keep(s, true);
}

/* Packets from to to - 1, each of 10 bytes of its own number, are taken. */
static void put_and_take(uint8_t from, uint8_t to)
{
	for (uint8_t i = from; i < to; i++)
		assert_int_equal(put(BC_WIRE_PACKET, 10, i), 0);
	bc_spool_take(s, (size_t)(to - from) * 14);
}

/* The number in the next packet. */
static int next_packet(void)
{
	const uint8_t *data;

	return bc_spool_peek(s, &data) ? data[BC_WIRE_HEADER] : -1;
}

static void what_is_kept_waits_for_its_acknowledgement(void **state)
{
	keep();
	put_and_take(0, 10);
	assert_int_equal(bc_spool_sent(s), 140);
	assert_int_equal(bc_spool_done(s), 0);
	assert_int_equal(bc_spool_held(s), 140);
	assert_int_equal(bc_spool_ack(s, 4), 0);
	bc_spool_rewind(s);
	assert_int_equal(next_packet(), 4);
	assert_int_equal(s->at.number, 4);
	bc_spool_take(s, 6 * 14);
	assert_int_equal(bc_spool_ack(s, 10), 0);
	assert_int_equal(bc_spool_done(s), 140);
	assert_int_equal(bc_spool_held(s), 0);
	bc_spool_rewind(s);
	assert_int_equal(next_packet(), -1);
}

static void room_is_made_by_acknowledgements(void **state)
{
	keep();
	assert_int_equal(put(BC_WIRE_PACKET, LIMIT - 4, 1), 0);
	bc_spool_take(s, LIMIT);
	assert_int_equal(put(BC_WIRE_PACKET, 10, 2), -ENOBUFS);
	assert_int_equal(bc_spool_ack(s, 1), 0);
	assert_int_equal(put(BC_WIRE_PACKET, 10, 2), 0);
}

static void what_the_peer_has_is_not_sent_again(void **state)
{
	keep();
	put_and_take(0, 10);
	bc_spool_rewind(s);
	assert_int_equal(next_packet(), 0);
	assert_int_equal(bc_spool_resume(s, 7), 0);
	assert_int_equal(next_packet(), 7);
	assert_int_equal(bc_spool_done(s), 7 * 14);
	/* One that has nothing of it gets what there is. */
	assert_int_equal(bc_spool_resume(s, 0), 0);
	assert_int_equal(next_packet(), 7);
}

/* It had more from the last connection than it knew when this one began: that is sent all the same, and a message stays whole. */
static void an_acknowledgement_may_be_ahead_of_the_connection(void **state)
{
	keep();
	put_and_take(0, 10);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_resume(s, 2), 0);
	bc_spool_take(s, 14 + 5);
	assert_int_equal(bc_spool_ack(s, 8), 0);
	assert_int_equal(bc_spool_rest(s), 9);
	assert_int_equal(s->taken, 2 * 14 + 14 + 5);
	bc_spool_rewind(s);
	assert_int_equal(next_packet(), 8);
	assert_int_equal(bc_spool_rest(s), 0);
}

static void false_acknowledgements_are_refused(void **state)
{
	keep();
	put_and_take(0, 10);
	assert_int_equal(put(BC_WIRE_PACKET, 10, 10), 0);
	assert_int_equal(bc_spool_ack(s, 11), -EBADMSG);
	assert_int_equal(bc_spool_ack(s, 5), 0);
	assert_int_equal(bc_spool_ack(s, 4), -EBADMSG);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_resume(s, 11), -EBADMSG);
	assert_int_equal(next_packet(), 5);
}

/* The one before the packet that is next, not the last that was sent. */
static void a_rewind_goes_back_to_the_link_header_of_its_place(void **state)
{
	const uint8_t *link;

	keep();
	assert_int_equal(put(BC_WIRE_LINK, 30, 7), 0);
	bc_spool_take(s, 34);
	put_and_take(0, 2);
	assert_int_equal(put(BC_WIRE_LINK, 31, 8), 0);
	bc_spool_take(s, 35);
	put_and_take(2, 4);
	assert_int_equal(bc_spool_ack(s, 1), 0);
	bc_spool_rewind(s);
	assert_int_equal(bc_spool_link(s, &link), 34);
	assert_memory_equal(link, "\x00\x00\x00\x1e\x07", 5);
	assert_int_equal(next_packet(), 1);
	assert_int_equal(bc_spool_resume(s, 3), 0);
	assert_int_equal(bc_spool_link(s, &link), 35);
	assert_memory_equal(link, "\x00\x00\x00\x1f\x08", 5);
	assert_int_equal(next_packet(), 3);
}

/* More than there are marks for: acknowledgements are as exact as the connection's packets. */
static void a_long_way_back_is_found(void **state)
{
	enum { MIB = 1 << 20, MESSAGES = 2 * BC_SPOOL_MARKS, LEN = 65535 };
	static uint8_t m[BC_WIRE_HEADER + LEN];

	bc_spool_fini(s);
	assert_int_equal(bc_spool_init(s, 48 * MIB, NULL), 0);
	keep();
	bc_wire_header(m, BC_WIRE_PACKET, LEN);
	for (uint32_t round = 0, number = 0; round < 3; round++) {
		for (uint32_t i = 0; i < MESSAGES; i++, number++) {
			memcpy(m + BC_WIRE_HEADER, &number, 4);
			assert_int_equal(bc_spool_put(s, m, sizeof(m)), 0);
		}
		bc_spool_take(s, MESSAGES * sizeof(m));
		assert_int_equal(bc_spool_ack(s, number - MESSAGES / 2), 0);
		bc_spool_rewind(s);
		for (uint32_t i = number - MESSAGES / 2; i < number; i++) {
			const uint8_t *data;

			assert_true(bc_spool_peek(s, &data) >= sizeof(m));
			assert_memory_equal(data + BC_WIRE_HEADER, &i, 4);
			bc_spool_take(s, sizeof(m));
		}
		assert_int_equal(bc_spool_ack(s, number), 0);
		assert_int_equal(bc_spool_held(s), 0);
	}
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
		cmocka_unit_test_setup_teardown(what_is_kept_waits_for_its_acknowledgement, begin, end),
		cmocka_unit_test_setup_teardown(room_is_made_by_acknowledgements, begin, end),
		cmocka_unit_test_setup_teardown(what_the_peer_has_is_not_sent_again, begin, end),
		cmocka_unit_test_setup_teardown(an_acknowledgement_may_be_ahead_of_the_connection, begin, end),
		cmocka_unit_test_setup_teardown(false_acknowledgements_are_refused, begin, end),
		cmocka_unit_test_setup_teardown(a_rewind_goes_back_to_the_link_header_of_its_place, begin, end),
		cmocka_unit_test_setup_teardown(a_long_way_back_is_found, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
