/* SPDX-License-Identifier: BSD-3-Clause */
/* What a peer says, in pieces of any size, and what of it is refused. */
#include "bc_test.h"

#include <errno.h>

#include "bc_peer_session.h"

static struct bc_spool *q;
static struct bc_peer_session s;
static struct bc_err err;
static uint8_t said[256];
static size_t said_len;

static int begin(void **state)
{
	q = aligned_alloc(BC_CACHE_LINE, (sizeof(*q) + 63) / 64 * 64);
	said_len = 0;
	bc_peer_session_reset(&s);
	return bc_spool_init(q, 65536, NULL);
}

static int end(void **state)
{
	bc_spool_fini(q);
	free(q);
	return 0;
}

static void add_hello(void)
{
	bc_wire_put_hello(said + said_len, &(struct bc_wire_hello){ .flags = 0 });
	said_len += BC_WIRE_HELLO_MESSAGE;
}

static void add_ack(uint64_t epoch, uint64_t next)
{
	bc_wire_put_ack(said + said_len, &(struct bc_wire_ack){ .epoch = epoch, .next = next });
	said_len += BC_WIRE_ACK_MESSAGE;
}

static int hear(size_t piece)
{
	int r = 0;

	for (size_t at = 0; !r && at < said_len; at += piece)
		r = bc_peer_session_input(&s, q, said + at, piece < said_len - at ? piece : said_len - at, &err);
	said_len = 0;
	return r;
}

static void ask(void)
{
	uint8_t m[BC_WIRE_SESSION_MESSAGE];

	bc_spool_rewind(q);
	bc_spool_keep(q, true);
	bc_peer_session_ask(&s, (const uint8_t[BC_WIRE_ID]){ 1 }, q, 65536, m);
}

/* Acknowledging, with ten packets sent and 2 acknowledged. */
static void go_on(void)
{
	uint8_t m[14] = { 0 };

	add_hello();
	hear(1000);
	ask();
	add_ack(q->epoch, 0);
	hear(1000);
	bc_wire_header(m, BC_WIRE_PACKET, 10);
	for (int i = 0; i < 10; i++)
		bc_spool_put(q, m, sizeof(m));
	bc_spool_take(q, 10 * sizeof(m));
	add_ack(q->epoch, 2);
	assert_int_equal(hear(1000), 0);
	assert_int_equal(s.phase, BC_PEER_ACKING);
}

static void answers_come_in_pieces(void **state)
{
	for (size_t piece = 1; piece < 70; piece++) {
		bc_peer_session_reset(&s);
		add_hello();
		assert_int_equal(hear(piece), 0);
		assert_int_equal(s.phase, BC_PEER_GREETED);
		ask();
		assert_int_equal(s.phase, BC_PEER_ASKED);
		for (int i = 0; i < 3; i++)
			add_ack(q->epoch, 0);
		assert_int_equal(hear(piece), 0);
		assert_int_equal(s.phase, BC_PEER_ACKING);
	}
}

static void one_that_says_something_else_first_is_not_listened_to(void **state)
{
	said_len = (size_t)snprintf((char *)said, sizeof(said), "220 welcome");
	assert_int_equal(hear(3), 0);
	add_hello();
	assert_int_equal(hear(1000), 0);
	assert_int_equal(s.phase, BC_PEER_SILENT);
	bc_peer_session_reset(&s);
	add_hello();
	assert_int_equal(hear(1000), 0);
	assert_int_equal(s.phase, BC_PEER_GREETED);
}

static void refused(const char *line)
{
	assert_int_equal(hear(1000), -EBADMSG);
	assert_string_equal(err.msg, line);
	assert_int_equal(q->acked, 2);
}

static void what_cannot_be_is_refused(void **state)
{
	go_on();
	add_ack(q->epoch, 11);
	refused("it acknowledges packets up to 11, but had acknowledged 2 of 10 that were sent");
	add_ack(q->epoch, 1);
	refused("it acknowledges packets up to 1, but had acknowledged 2 of 10 that were sent");
	add_ack(q->epoch + 1, 3);
	refused("it acknowledges packets of an epoch that is not ours");
	add_hello();
	refused("it says hello twice");
	said_len = (size_t)snprintf((char *)said, sizeof(said), "HTTP/1.1 400");
	refused("it sends what is no answer (48545450)");
}

static void an_acknowledgement_that_was_not_asked_for_is_refused(void **state)
{
	add_hello();
	add_ack(q->epoch, 0);
	assert_int_equal(hear(1000), -EBADMSG);
	assert_string_equal(err.msg, "it acknowledges without being asked to");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_come_in_pieces, begin, end),
		cmocka_unit_test_setup_teardown(one_that_says_something_else_first_is_not_listened_to, begin, end),
		cmocka_unit_test_setup_teardown(what_cannot_be_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(an_acknowledgement_that_was_not_asked_for_is_refused, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
