/* SPDX-License-Identifier: BSD-3-Clause */
/* The source of a node that wants acknowledgements. The test stands for the network and for the committer. */
#include "pool.h"

#include "bc_ack.h"
#include "bc_pcap.h"
#include "bc_recv_ring.h"
#include "bc_source.h"
#include "bc_wire.h"

#define RING (256U * 1024)
#define POOL 2048

static struct rte_mempool *pool;
static struct bc_clock host_clock;
static struct bc_ledger *ledger;
static struct bc_iface_table *ifaces;
static struct bc_recv_ring *ring;
static struct bc_ack *ack;
static struct bc_source *source;
static uint64_t delivered;

static int prepare(void **state)
{
	pool = mbuf_pool(POOL);
	bc_clock_init(&host_clock);
	return 0;
}

static void open_source(bool acknowledged)
{
	struct bc_source_config cfg = { .spec = (char *)"node", .kind = &bc_source_remote, .max_ifaces = 3, .queues = 1 };
	struct bc_source_env env = { .pool = pool, .clock = &host_clock, .n_outputs = 1 };
	struct bc_err err;
	uint32_t n;

	ledger = env.ledger = bc_ledger_new();
	ifaces = env.ifaces = bc_iface_table_new();
	assert_int_equal(bc_recv_ring_new(RING, -1, &ring, &err), 0);
	cfg.recv_ring = ring;
	ack = cfg.ack = acknowledged ? bc_ack_new(-1) : NULL;
	assert_int_equal(bc_source_open(&cfg, &env, &source, &n, &err), 0);
	source->link = bc_link_new(128);
	delivered = 0;
}

static void close_source(void)
{
	bc_link_free(source->link);
	bc_source_close(source);
	bc_recv_ring_free(ring);
	bc_ack_free(ack);
	bc_ledger_free(ledger);
	free(ifaces);
	assert_pool_full(pool);
}

static void put(const uint8_t *data, size_t n)
{
	size_t room;
	uint8_t *at = bc_recv_ring_room(ring, &room);

	assert_true(room >= n);
	memcpy(at, data, n);
	bc_recv_ring_put(ring, n);
}

static void connect_node(void)
{
	uint8_t m[BC_WIRE_HEADER + BC_PCAP_FILE_HEADER];

	bc_recv_ring_open(ring);
	bc_pcap_file_header(bc_wire_header(m, BC_WIRE_LINK, BC_PCAP_FILE_HEADER), 1, 1, 65535);
	put(m, sizeof(m));
}

static void session(uint64_t epoch, uint64_t first, uint64_t window)
{
	const struct bc_wire_session s = { .node = "node", .epoch = epoch, .first = first, .window = window };
	uint8_t m[BC_WIRE_SESSION_MESSAGE];

	bc_wire_put_session(m, &s);
	put(m, sizeof(m));
}

static void packets(uint32_t n, uint32_t len)
{
	uint8_t m[BC_WIRE_HEADER + BC_PCAP_RECORD_HEADER + 2000];

	for (uint32_t i = 0; i < n; i++) {
		memset(m, 0, sizeof(m));
		bc_pcap_record(bc_wire_header(m, BC_WIRE_PACKET, (uint16_t)(BC_PCAP_RECORD_HEADER + len)), 1000 + i, 1, len,
			       len);
		put(m, BC_WIRE_HEADER + BC_PCAP_RECORD_HEADER + len);
	}
}

/* The committer has so many packets of epoch 7 in segments, from this number on. */
static void commit(uint64_t from, uint64_t to)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 7, .next = from };

	bc_ack_wrote(ack, &m, to);
	bc_ack_handled(ack, delivered);
}

/* Some rounds: how many packets came. */
static uint32_t poll_some(void)
{
	const struct bc_desc *d;
	uint32_t n, sum = 0;

	for (int i = 0; i < 50; i++) {
		bc_source_poll(source);
		while ((n = bc_link_peek(source->link, &d))) {
			for (uint32_t k = 0; k < n; k++)
				rte_pktmbuf_free(bc_desc_obj(&d[k]));
			bc_link_pop(source->link, n);
			sum += n;
		}
	}
	delivered += sum;
	return sum;
}

static uint64_t repeated(void)
{
	return bc_counter_get(bc_ack_repeated(ack));
}

/* What the session would be acknowledged, if all that came were on disk. */
static uint64_t next(void)
{
	struct bc_ack_mark m;
	uint64_t stored;

	assert_true(bc_ack_at(ack, delivered, &m, &stored));
	return m.next;
}

static void packets_are_counted_from_what_the_session_says(void **state)
{
	open_source(true);
	connect_node();
	session(7, 100, 0);
	packets(30, 60);
	assert_int_equal(poll_some(), 30);
	assert_int_equal(next(), 130);
	close_source();
}

static void what_was_taken_before_is_not_taken_again(void **state)
{
	const struct bc_ack_known k = { .mark = { .node = "node", .epoch = 7, .next = 110 } };

	open_source(true);
	bc_ack_restore(ack, &k);
	connect_node();
	session(7, 100, 0);
	packets(30, 60);
	assert_int_equal(poll_some(), 30);
	commit(110, 140);
	bc_recv_ring_end(ring);
	poll_some();
	connect_node();
	session(7, 110, 0);
	packets(35, 60);
	assert_int_equal(poll_some(), 5);
	assert_int_equal(repeated(), 30);
	assert_int_equal(next(), 145);
	close_source();
}

static void the_next_connection_waits_until_the_committer_is_through(void **state)
{
	open_source(true);
	connect_node();
	session(7, 0, 0);
	packets(10, 60);
	poll_some();
	bc_recv_ring_end(ring);
	poll_some();
	connect_node();
	session(8, 0, 0);
	packets(5, 60);
	bc_ack_handled(ack, delivered - 1);
	assert_int_equal(poll_some(), 0);
	bc_ack_handled(ack, delivered);
	assert_int_equal(poll_some(), 5);
	assert_int_equal(next(), 5);
	close_source();
}

static void a_connection_without_a_session_waits_too(void **state)
{
	open_source(true);
	connect_node();
	session(7, 0, 0);
	packets(10, 60);
	poll_some();
	bc_recv_ring_end(ring);
	poll_some();
	connect_node();
	packets(5, 60);
	assert_int_equal(poll_some(), 0);
	assert_true(bc_recv_ring_headed(ring));
	bc_ack_handled(ack, delivered);
	assert_int_equal(poll_some(), 5);
	close_source();
}

static void a_connection_without_a_session_has_no_numbers(void **state)
{
	struct bc_ack_mark m;
	uint64_t stored;

	open_source(true);
	connect_node();
	session(7, 0, 0);
	poll_some();
	bc_recv_ring_end(ring);
	poll_some();
	connect_node();
	packets(5, 60);
	assert_int_equal(poll_some(), 5);
	assert_false(bc_ack_at(ack, delivered, &m, &stored));
	close_source();
}

static void where_nothing_is_acknowledged_a_session_is_refused(void **state)
{
	open_source(false);
	connect_node();
	session(7, 0, 0);
	poll_some();
	assert_true(bc_recv_ring_refused(ring));
	assert_non_null(strstr(ring->src.why.msg, "nothing is acknowledged here"));
	close_source();
}

static void a_pause_leaves_numbered_packets_with_the_node(void **state)
{
	open_source(true);
	connect_node();
	session(7, 0, 0);
	poll_some();
	bc_source_command(source, BC_SOURCE_PAUSE);
	packets(5, 60);
	assert_int_equal(poll_some(), 0);
	bc_source_command(source, BC_SOURCE_RUN);
	assert_int_equal(poll_some(), 5);
	assert_int_equal(bc_counter_get(&source->account->ingress.dropped[BC_LOSS_PAUSED]), 0);
	close_source();
}

static void a_quarter_of_the_window_is_a_reason_to_hurry(void **state)
{
	open_source(true);
	connect_node();
	session(7, 0, 400000);
	packets(49, 2000);
	poll_some();
	assert_false(bc_ack_hurried(ack));
	packets(1, 2000);
	poll_some();
	assert_true(bc_ack_hurried(ack));
	close_source();
}

static void a_disk_that_lost_packets_ends_the_connection(void **state)
{
	open_source(true);
	connect_node();
	session(7, 0, 0);
	packets(5, 60);
	poll_some();
	commit(0, 5);
	bc_ack_lose(ack, &(struct bc_ack_mark){ .node = "node", .epoch = 7, .next = 2 }, 5);
	poll_some();
	assert_true(bc_recv_ring_refused(ring));
	assert_non_null(strstr(ring->src.why.msg, "send them again"));
	bc_ack_handled(ack, delivered);
	bc_recv_ring_end(ring);
	poll_some();
	connect_node();
	session(7, 0, 0);
	packets(6, 60);
	assert_int_equal(poll_some(), 4);
	assert_int_equal(repeated(), 2);
	close_source();
}

/* What is behind the gap was taken before: what follows it is delivered when the gap's packets are through. */
static void only_the_gap_is_taken(void **state)
{
	struct bc_ack_range r = { 20, 30 };
	const struct bc_ack_known k = { .mark = { .node = "node", .epoch = 7, .next = 10 }, .range = &r, .n = 1 };

	open_source(true);
	bc_ack_restore(ack, &k);
	connect_node();
	session(7, 0, 0);
	packets(25, 60);
	assert_int_equal(poll_some(), 10);
	assert_int_equal(next(), 20);
	assert_int_equal(repeated(), 0);
	commit(10, 20);
	assert_int_equal(poll_some(), 5);
	assert_int_equal(repeated(), 10);
	assert_int_equal(next(), 35);
	close_source();
}

static void the_last_byte_ends_the_session(void **state)
{
	struct bc_ack_mark m;
	bool complete;

	open_source(true);
	connect_node();
	session(7, 0, 0);
	packets(5, 60);
	bc_recv_ring_end(ring);
	poll_some();
	assert_true(bc_ack_due(ack, 1, &m, &complete) && !complete);
	m.next = 5;
	bc_ack_stored(ack, &m, 1);
	assert_true(bc_ack_due(ack, 1, &m, &complete) && complete);
	close_source();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_counted_from_what_the_session_says),
		cmocka_unit_test(what_was_taken_before_is_not_taken_again),
		cmocka_unit_test(the_next_connection_waits_until_the_committer_is_through),
		cmocka_unit_test(a_connection_without_a_session_waits_too),
		cmocka_unit_test(a_connection_without_a_session_has_no_numbers),
		cmocka_unit_test(where_nothing_is_acknowledged_a_session_is_refused),
		cmocka_unit_test(a_pause_leaves_numbered_packets_with_the_node),
		cmocka_unit_test(a_quarter_of_the_window_is_a_reason_to_hurry),
		cmocka_unit_test(a_disk_that_lost_packets_ends_the_connection),
		cmocka_unit_test(only_the_gap_is_taken),
		cmocka_unit_test(the_last_byte_ends_the_session),
	};

	return cmocka_run_group_tests_name("remote_ack", tests, prepare, NULL);
}
