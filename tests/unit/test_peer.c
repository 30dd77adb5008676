/* SPDX-License-Identifier: BSD-3-Clause */
#include "net.h"

#include <errno.h>
#include <linux/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#include "bc_conn.h"
#include "bc_peer.h"
#include "bc_store.h"
#include "bc_time.h"
#include "bc_wire.h"
#include "scratch.h"
#include "until.h"

#define LIMIT_NS (60 * BC_NS_PER_S)
#define QUEUE (1U << 20)
#define PAYLOAD 1000U
#define MESSAGE (BC_WIRE_HEADER + PAYLOAD)
#define LINK_PAYLOAD 24U
#define LINK_MESSAGE (BC_WIRE_HEADER + LINK_PAYLOAD)

static struct bc_err err;
static uint16_t port;
static int listener;
static struct bc_peer *peer;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[8192];	/* under lock */

static void to_lines(void *ctx, enum bc_level level, const char *line)
{
	pthread_mutex_lock(&lock);
	snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "%s\n", line);
	pthread_mutex_unlock(&lock);
}

/* The other side then sends without end, as far as the peer can tell. */
static _Atomic bool flooding;

ptrdiff_t __real_bc_conn_read(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *e);
ptrdiff_t __wrap_bc_conn_read(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *e);

ptrdiff_t __wrap_bc_conn_read(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *e)
{
	return atomic_load(&flooding) ? (ptrdiff_t)len : __real_bc_conn_read(c, buf, len, events, e);
}

/* The peer waits for the other side as long as the test needs to act: on a new connection, or behind its link header. */
static _Atomic bool waits_for_end, waits_for_answer;

uint64_t __real_bc_conn_confirm_ns(const struct bc_conn *c);
uint64_t __wrap_bc_conn_confirm_ns(const struct bc_conn *c);

uint64_t __wrap_bc_conn_confirm_ns(const struct bc_conn *c)
{
	struct tcp_info info = { .tcpi_bytes_sent = 0 };
	socklen_t len = sizeof(info);

	getsockopt(bc_conn_fd(c), IPPROTO_TCP, TCP_INFO, &info, &len);
	if (atomic_load(info.tcpi_bytes_sent ? &waits_for_answer : &waits_for_end))
		return LIMIT_NS;
	return __real_bc_conn_confirm_ns(c);
}

static const struct bc_log log_to_lines = { .emit = to_lines };

/* How often the log says it. */
static int said(const char *what)
{
	int n = 0;

	pthread_mutex_lock(&lock);
	for (const char *p = lines; (p = strstr(p, what)); p++)
		n++;
	pthread_mutex_unlock(&lock);
	return n;
}

static void start_doubting(uint16_t to, uint64_t doubt_ns)
{
	const struct bc_peer_config cfg = {
		.name = "peer", .host = "127.0.0.1", .port = to, .queue_bytes = QUEUE, .doubt_ns = doubt_ns,
		.log = &log_to_lines,
	};

	assert_int_equal(bc_peer_new(&cfg, &peer, &err), 0);
	assert_int_equal(bc_peer_start(peer), 0);
}

static void start(uint16_t to)
{
	start_doubting(to, 0);
}

static int begin(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	port = 0;
	lines[0] = '\0';
	listener = net_listen(&port);
	return 0;
}

/* The other side answers to a link header, however late it may get a CPU. */
static int begin_answered(void **state)
{
	atomic_store(&waits_for_answer, true);
	return begin(state);
}

static int end(void **state)
{
	atomic_store(&flooding, false);
	atomic_store(&waits_for_end, false);
	atomic_store(&waits_for_answer, false);
	bc_peer_free(peer);
	peer = NULL;
	if (listener >= 0)
		close(listener);
	return 0;
}

static void put_link(void)
{
	uint8_t m[BC_WIRE_HEADER + LINK_PAYLOAD];

	memset(bc_wire_header(m, BC_WIRE_LINK, LINK_PAYLOAD), 0xcc, LINK_PAYLOAD);
	assert_int_equal(bc_peer_put(peer, m, sizeof(m)), 0);
}

/* Message number i. */
static int put(uint32_t i)
{
	uint8_t m[MESSAGE], *at = bc_wire_header(m, BC_WIRE_PACKET, PAYLOAD);

	memset(at, (int)i, PAYLOAD);
	memcpy(at, &i, sizeof(i));
	return bc_peer_put(peer, m, sizeof(m));
}

/* Exactly len bytes within a minute. */
static void receive(int fd, void *buf, size_t len)
{
	const struct timeval limit = { .tv_sec = 60 };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(recv(fd, buf, len, MSG_WAITALL), len);
}

static void expect_link_again(int fd)
{
	uint8_t m[LINK_MESSAGE];

	receive(fd, m, sizeof(m));
	assert_memory_equal(m, "\x00\x00\x00\x18\xcc", 5);
}

/* A connection's first, which asks for acknowledgements. */
static void expect_link(int fd)
{
	uint8_t m[LINK_MESSAGE];

	receive(fd, m, sizeof(m));
	assert_memory_equal(m, "\x00\x01\x00\x18\xcc", 5);
}

static uint32_t next_number(int fd)
{
	uint8_t m[MESSAGE];
	uint32_t i;

	receive(fd, m, sizeof(m));
	assert_memory_equal(m, "\x01\x00\x03\xe8", 4);
	memcpy(&i, m + 4, sizeof(i));
	assert_int_equal(m[MESSAGE - 1], i & 255);
	return i;
}

/* Messages from 0 on until both sockets and the queue are full for good; their number. */
static uint32_t fill_up(void)
{
	uint32_t n = 0;

	for (int refused = 0; refused < 200; refused++) {
		for (; put(n) == 0; n++)
			refused = 0;
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	return n;
}

static void messages_arrive_in_order_and_the_end_is_told(void **state)
{
	uint8_t byte;
	int fd;

	start(port);
	put_link();
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(put(i), 0);
	fd = net_accept(listener);
	expect_link(fd);
	for (uint32_t i = 0; i < 100; i++)
		assert_int_equal(next_number(fd), i);
	UNTIL(bc_peer_passed(peer) == BC_WIRE_HEADER + LINK_PAYLOAD + 100 * MESSAGE);
	bc_peer_end(peer, 10 * BC_NS_PER_S);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	/* It waits for our end as well. */
	assert_false(bc_peer_done(peer));
	close(fd);
	UNTIL(bc_peer_done(peer));
	assert_int_equal(said("connected to 127.0.0.1:"), 1);
}

static void a_peer_that_comes_late_gets_all_and_is_cried_for_once(void **state)
{
	struct bc_peer_stats st;
	int fd;

	close(listener);
	listener = -1;
	start(port);
	put_link();
	assert_int_equal(put(7), 0);
	UNTIL(said("Connection refused") == 1);
	nanosleep(&(struct timespec){ .tv_nsec = 500000000 }, NULL);
	assert_int_equal(said("Connection refused"), 1);
	bc_peer_stats(peer, &st);
	assert_true(!st.up && st.connects == 0 && st.queued_bytes == BC_WIRE_HEADER + LINK_PAYLOAD + MESSAGE);
	listener = net_listen(&port);
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(next_number(fd), 7);
	bc_peer_stats(peer, &st);
	assert_true(st.up && st.connects == 1);
	close(fd);
}

static void one_that_dies_in_a_message_gets_it_whole_behind_the_link_header(void **state)
{
	uint8_t part[MESSAGE];
	uint32_t filled, first;
	int fd;

	start(port);
	put_link();
	fd = net_accept(listener);
	expect_link(fd);
	/* More than two sockets take: the connection breaks within a message. */
	filled = fill_up();
	receive(fd, part, sizeof(part) / 2);
	net_reset(fd);
	fd = net_accept(listener);
	expect_link(fd);
	/* Whole messages in order to the last; what was in the sockets is lost. */
	first = next_number(fd);
	assert_true(first > 0);
	for (uint32_t i = first + 1; i < filled; i++)
		assert_int_equal(next_number(fd), i);
	close(fd);
}

static void a_new_link_header_at_the_break_is_not_sent_twice(void **state)
{
	uint8_t link[BC_WIRE_HEADER + LINK_PAYLOAD];
	int fd;

	start(port);
	put_link();
	assert_int_equal(put(1), 0);
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(next_number(fd), 1);
	net_reset(fd);
	UNTIL(said("retrying") == 1);
	put_link();
	assert_int_equal(put(2), 0);
	fd = net_accept(listener);
	receive(fd, link, sizeof(link));
	assert_int_equal(next_number(fd), 2);
	close(fd);
}

static void a_full_queue_refuses_and_takes_again(void **state)
{
	uint32_t n;
	int fd;

	start(port);
	fd = net_accept(listener);
	UNTIL(said("connected") == 1);
	n = fill_up();
	for (uint32_t i = 0; i < n; i++)
		assert_int_equal(next_number(fd), i);
	assert_int_equal(put(n), 0);
	assert_int_equal(next_number(fd), n);
	close(fd);
}

static void packets_wait_for_the_link_header_to_be_accepted(void **state)
{
	uint8_t byte;
	int fd;

	atomic_store(&waits_for_answer, true);
	start(port);
	put_link();
	assert_int_equal(put(1), 0);
	for (int i = 0; i < 3; i++) {
		fd = net_accept(listener);
		expect_link(fd);
		/* Nothing else is in the connection that ends now. */
		assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
		atomic_store(&waits_for_answer, i < 2);
		close(fd);
	}
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(next_number(fd), 1);
	assert_int_equal(said("connections in a row ended at once"), 1);
	assert_false(bc_peer_lost(peer, LINK_MESSAGE, LINK_MESSAGE + MESSAGE));
	close(fd);
}

static void what_was_not_acknowledged_is_lost(void **state)
{
	uint64_t known;
	int fd;

	start(port);
	put_link();
	assert_int_equal(put(0), 0);
	fd = net_accept(listener);
	expect_link(fd);
	/* It has been taken for one that does not acknowledge by now. */
	assert_int_equal(next_number(fd), 0);
	fill_up();
	net_reset(fd);
	UNTIL(said("count as lost") == 1);
	known = bc_peer_known(peer);
	assert_false(bc_peer_lost(peer, 0, LINK_MESSAGE + MESSAGE));
	assert_true(bc_peer_lost(peer, LINK_MESSAGE + MESSAGE, known));
	assert_false(bc_peer_lost(peer, known, known + MESSAGE));
}

/* The link header and a message are acknowledged; is the message known to have passed after the peer's end? */
static bool lost_with(void (*end_of)(int fd), uint64_t doubt_ns)
{
	int fd;

	start_doubting(port, doubt_ns);
	put_link();
	assert_int_equal(put(1), 0);
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(next_number(fd), 1);
	end_of(fd);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + MESSAGE);
	return bc_peer_lost(peer, LINK_MESSAGE, LINK_MESSAGE + MESSAGE);
}

static void close_in_order(int fd)
{
	close(fd);
}

static void wait_and_reset(int fd)
{
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + MESSAGE);
	net_reset(fd);
	UNTIL(said("retrying") == 1);
}

static void an_end_in_order_loses_nothing_acknowledged(void **state)
{
	assert_false(lost_with(close_in_order, 1000 * BC_NS_PER_S));
}

static void a_reset_loses_what_was_acknowledged_lately(void **state)
{
	assert_true(lost_with(net_reset, 1000 * BC_NS_PER_S));
}

static void a_reset_loses_nothing_acknowledged_long_ago(void **state)
{
	assert_false(lost_with(wait_and_reset, 50 * BC_NS_PER_MS));
}

static void one_that_answers_in_tls_is_named(void **state)
{
	int fd;

	start(port);
	put_link();
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(send(fd, "\x15\x03\x01\x00\x02\x02\x46", 7, 0), 7);
	close(fd);
	UNTIL(said("it speaks TLS: add ,tls") == 1);
}

static void what_is_not_taken_in_time_stays(void **state)
{
	struct bc_peer_stats st;

	start(1);
	assert_int_equal(put(1), 0);
	bc_peer_end(peer, 300 * BC_NS_PER_MS);
	UNTIL(bc_peer_done(peer));
	assert_int_equal(bc_peer_passed(peer), 0);
	bc_peer_stats(peer, &st);
	assert_int_equal(st.queued_bytes, MESSAGE);
}

/* As a server does that does not want us: the packets must not be handed to it. */
/* Classic pcap, the magic and the fraction that go in, and those that are to come out. */
static void put_pcap(enum bc_wire_type type, uint32_t magic_or_fraction)
{
	uint8_t m[LINK_MESSAGE] = { 0 }, *at = bc_wire_header(m, type, LINK_PAYLOAD);

	memcpy(at + (type == BC_WIRE_PACKET ? 4 : 0), &magic_or_fraction, 4);
	assert_int_equal(bc_peer_put(peer, m, sizeof(m)), 0);
}

static void expect_pcap(int fd, enum bc_wire_type type, uint32_t magic_or_fraction)
{
	uint8_t m[LINK_MESSAGE];

	receive(fd, m, sizeof(m));
	assert_int_equal(m[0], type);
	assert_memory_equal(m + BC_WIRE_HEADER + (type == BC_WIRE_PACKET ? 4 : 0), &magic_or_fraction, 4);
}

static void one_that_knows_no_nanoseconds_gets_microseconds(void **state)
{
	int fd;

	atomic_store(&waits_for_answer, true);
	start(port);
	put_pcap(BC_WIRE_LINK, 0xa1b23c4d);
	put_pcap(BC_WIRE_PACKET, 123456789);
	for (int i = 0; i < 3; i++) {
		fd = accept(listener, NULL, NULL);
		expect_pcap(fd, BC_WIRE_LINK, 0xa1b23c4d);
		atomic_store(&waits_for_answer, i < 2);
		close(fd);
	}
	fd = accept(listener, NULL, NULL);
	expect_pcap(fd, BC_WIRE_LINK, 0xa1b2c3d4);
	expect_pcap(fd, BC_WIRE_PACKET, 123456);
	put_pcap(BC_WIRE_PACKET, 999999999);
	put_pcap(BC_WIRE_LINK, 0xa1b23c4d);
	expect_pcap(fd, BC_WIRE_PACKET, 999999);
	expect_pcap(fd, BC_WIRE_LINK, 0xa1b2c3d4);
	assert_int_equal(said("gets microseconds"), 1);
	close(fd);
	/* And again on the next connection. */
	fd = accept(listener, NULL, NULL);
	expect_pcap(fd, BC_WIRE_LINK, 0xa1b2c3d4);
	put_pcap(BC_WIRE_PACKET, 5000);
	expect_pcap(fd, BC_WIRE_PACKET, 5);
	close(fd);
}

static void one_that_takes_nanoseconds_keeps_them(void **state)
{
	int fd;

	atomic_store(&waits_for_answer, true);
	start(port);
	put_pcap(BC_WIRE_LINK, 0xa1b23c4d);
	for (int i = 0; i < 2; i++) {
		fd = accept(listener, NULL, NULL);
		expect_pcap(fd, BC_WIRE_LINK, 0xa1b23c4d);
		atomic_store(&waits_for_answer, i < 1);
		close(fd);
	}
	for (int i = 0; i < 2; i++) {
		fd = accept(listener, NULL, NULL);
		expect_pcap(fd, BC_WIRE_LINK, 0xa1b23c4d);
		put_pcap(BC_WIRE_PACKET, 123456789);
		expect_pcap(fd, BC_WIRE_PACKET, 123456789);
		close(fd);
	}
	assert_int_equal(said("gets microseconds"), 0);
}

static void one_that_ends_the_connection_at_once_gets_nothing(void **state)
{
	atomic_store(&waits_for_end, true);
	start(port);
	put_link();
	assert_int_equal(put(1), 0);
	for (int i = 0; i < 3; i++)
		close(net_accept(listener));
	assert_int_equal(bc_peer_passed(peer), 0);
	assert_int_equal(said("the peer closed the connection"), 1);
	assert_int_equal(said("connected to"), 0);
}

static void one_that_never_answers_is_ended_at_once(void **state)
{
	start(port);
	assert_int_equal(put(1), 0);
	bc_peer_free(peer);
	peer = NULL;
}

static void one_that_floods_us_gets_its_messages(void **state)
{
	int fd;

	atomic_store(&flooding, true);
	start(port);
	put_link();
	assert_int_equal(put(1), 0);
	fd = net_accept(listener);
	expect_link(fd);
	assert_int_equal(next_number(fd), 1);
	assert_int_equal(put(2), 0);
	assert_int_equal(next_number(fd), 2);
	close(fd);
}

static void one_that_floods_us_is_not_waited_for_beyond_the_end(void **state)
{
	int fd;

	atomic_store(&flooding, true);
	start(port);
	put_link();
	fd = net_accept(listener);
	expect_link(fd);
	bc_peer_end(peer, 100 * BC_NS_PER_MS);
	UNTIL(bc_peer_done(peer));
	close(fd);
}

/* A collector that acknowledges. */
static void say_hello(int fd)
{
	uint8_t m[BC_WIRE_HELLO_MESSAGE];

	bc_wire_put_hello(m, &(struct bc_wire_hello){ .flags = 0 });
	assert_int_equal(send(fd, m, sizeof(m), 0), sizeof(m));
}

static void acknowledge(int fd, uint64_t epoch, uint64_t next)
{
	uint8_t m[BC_WIRE_ACK_MESSAGE];

	bc_wire_put_ack(m, &(struct bc_wire_ack){ .epoch = epoch, .next = next });
	assert_int_equal(send(fd, m, sizeof(m), 0), sizeof(m));
}

static struct bc_wire_session expect_session(int fd)
{
	struct bc_wire *w = bc_wire_new(0);
	uint8_t m[BC_WIRE_SESSION_MESSAGE];
	struct bc_wire_session s;
	size_t consumed, need;
	struct bc_record rec;

	receive(fd, m, sizeof(m));
	assert_int_equal(bc_wire_next(w, m, sizeof(m), &consumed, &need, &rec, &err), BC_WIRE_READ_SESSION);
	s = *bc_wire_session(w);
	bc_wire_free(w);
	return s;
}

/* The next connection, as far as the collector has said that it has all packets before next. */
static int accept_session(struct bc_wire_session *s, uint64_t next)
{
	int fd = net_accept(listener);

	expect_link(fd);
	say_hello(fd);
	*s = expect_session(fd);
	acknowledge(fd, s->epoch, next);
	return fd;
}

static struct bc_peer_stats stats(void)
{
	struct bc_peer_stats st;

	bc_peer_stats(peer, &st);
	return st;
}

static void put_packets(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(put(i), 0);
}

static void expect_packets(int fd, uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(next_number(fd), i);
}

static void what_it_acknowledges_has_passed_and_no_more(void **state)
{
	struct bc_wire_session s;
	int fd;

	start(port);
	put_link();
	put_packets(0, 10);
	fd = accept_session(&s, 0);
	assert_true(s.first == 0 && s.window == QUEUE);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	UNTIL(stats().queued_bytes == 0);
	assert_int_equal(bc_peer_known(peer), 0);
	assert_true(stats().acknowledges && stats().held_bytes == LINK_MESSAGE + 10 * MESSAGE);
	acknowledge(fd, s.epoch, 10);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + 10 * MESSAGE);
	assert_int_equal(said("it acknowledges what it has on disk"), 1);
	assert_true(stats().acked == 10 && stats().held_bytes == 0);
	close(fd);
}

static void nothing_is_sent_before_it_says_what_it_has(void **state)
{
	uint8_t byte;
	int fd;

	start(port);
	put_link();
	put_packets(0, 10);
	fd = net_accept(listener);
	expect_link(fd);
	say_hello(fd);
	expect_session(fd);
	nanosleep(&(struct timespec){ .tv_nsec = 300000000 }, NULL);
	assert_int_equal(recv(fd, &byte, 1, MSG_DONTWAIT), -1);
	close(fd);
}

static void what_it_does_not_have_is_sent_again(void **state)
{
	struct bc_wire_session s, again;
	int fd;

	start(port);
	put_link();
	put_packets(0, 10);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	acknowledge(fd, s.epoch, 4);
	UNTIL(stats().acked == 4);
	net_reset(fd);
	fd = accept_session(&again, 6);
	assert_true(again.first == 4 && again.epoch == s.epoch && !memcmp(again.node, s.node, BC_WIRE_ID));
	expect_link_again(fd);
	expect_packets(fd, 6, 10);
	acknowledge(fd, s.epoch, 10);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + 10 * MESSAGE);
	assert_false(bc_peer_lost(peer, 0, LINK_MESSAGE + 10 * MESSAGE));
	assert_int_equal(said("lost"), 0);
	close(fd);
}

static void a_false_acknowledgement_ends_the_connection_and_loses_nothing(void **state)
{
	struct bc_wire_session s;
	uint8_t byte;
	int fd;

	start(port);
	put_link();
	put_packets(0, 10);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	acknowledge(fd, s.epoch, 11);
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
	UNTIL(said("it acknowledges packets up to 11") == 1);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	close(fd);
}

static void an_end_waits_for_the_last_acknowledgement(void **state)
{
	struct bc_wire_session s;
	uint8_t byte;
	int fd;

	start(port);
	put_link();
	put_packets(0, 10);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	bc_peer_end(peer, 20 * BC_NS_PER_S);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	/* It closes too early: that is not the end. */
	close(fd);
	fd = accept_session(&s, 7);
	expect_link_again(fd);
	expect_packets(fd, 7, 10);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	assert_false(bc_peer_done(peer));
	acknowledge(fd, s.epoch, 10);
	close(fd);
	UNTIL(bc_peer_done(peer));
	assert_int_equal(bc_peer_known(peer), LINK_MESSAGE + 10 * MESSAGE);
}

/* It was slow to say hello, and taken for an older one: the connection ends between two messages, and nothing is lost in it. */
static void a_late_hello_begins_another_connection(void **state)
{
	struct bc_wire_session s;
	uint8_t byte;
	int fd;

	start_doubting(port, 1000 * BC_NS_PER_S);
	put_link();
	put_packets(0, 10);
	fd = net_accept(listener);
	expect_link(fd);
	expect_packets(fd, 0, 10);
	say_hello(fd);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
	put_packets(10, 20);
	fd = accept_session(&s, 10);
	assert_int_equal(s.first, 10);
	expect_link_again(fd);
	expect_packets(fd, 10, 20);
	acknowledge(fd, s.epoch, 20);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + 20 * MESSAGE);
	assert_false(bc_peer_lost(peer, 0, LINK_MESSAGE + 20 * MESSAGE));
	close(fd);
}

static char spool[SCRATCH_MAX];

static int begin_spooled(void **state)
{
	scratch_folder(spool, "bc-spool");
	return begin_answered(state);
}

static int end_spooled(void **state)
{
	char command[SCRATCH_MAX + 8];

	end(state);
	snprintf(command, sizeof(command), "rm -r %s", spool);
	return system(command);
}

static void start_spooled(uint16_t to)
{
	const struct bc_peer_config cfg = {
		.name = "peer", .host = "127.0.0.1", .port = to, .queue_bytes = QUEUE, .spool = spool, .spool_bytes = 1U << 30,
		.log = &log_to_lines,
	};

	assert_int_equal(bc_peer_new(&cfg, &peer, &err), 0);
	assert_int_equal(bc_peer_start(peer), 0);
}

/* To the end of the connection: all of it is acknowledged. */
static void acknowledge_to_the_end(int fd, uint64_t epoch, uint64_t next)
{
	uint8_t byte;

	acknowledge(fd, epoch, next);
	assert_int_equal(recv(fd, &byte, 1, 0), 0);
	close(fd);
}

/* Packets 0 to 9 are put while nobody is there; they are in the folder when this returns. */
static void leave_ten(void)
{
	start_spooled(1);
	put_link();
	put_packets(0, 10);
	bc_peer_end(peer, 200 * BC_NS_PER_MS);
	UNTIL(bc_peer_done(peer));
	assert_int_equal(bc_peer_known(peer), 0);
	assert_true(bc_peer_kept(peer, 1) && bc_peer_kept(peer, LINK_MESSAGE + 10 * MESSAGE));
	assert_false(bc_peer_kept(peer, LINK_MESSAGE + 10 * MESSAGE + 1));
	bc_peer_free(peer);
}

static void what_was_left_goes_first_in_a_connection_of_its_own(void **state)
{
	struct bc_wire_session left, s;
	int fd;

	leave_ten();
	start_spooled(port);
	put_link();
	put_packets(10, 20);
	fd = accept_session(&left, 3);
	assert_int_equal(left.first, 0);
	expect_link_again(fd);
	expect_packets(fd, 3, 10);
	acknowledge_to_the_end(fd, left.epoch, 10);
	fd = accept_session(&s, 0);
	assert_true(s.epoch > left.epoch && !memcmp(s.node, left.node, BC_WIRE_ID));
	assert_int_equal(bc_peer_known(peer), 0);
	expect_link_again(fd);
	expect_packets(fd, 10, 20);
	acknowledge(fd, s.epoch, 10);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + 10 * MESSAGE);
	UNTIL(stats().spool_bytes == 0);
	assert_int_equal(said("10 packets of an earlier run were delivered"), 1);
	close(fd);
}

static void an_end_takes_what_was_left_too(void **state)
{
	struct bc_wire_session s;
	int fd;

	leave_ten();
	start_spooled(port);
	bc_peer_end(peer, 20 * BC_NS_PER_S);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, 10);
	acknowledge_to_the_end(fd, s.epoch, 10);
	UNTIL(bc_peer_done(peer));
	assert_int_equal(stats().spool_bytes, 0);
}

static void a_long_outage_fits_the_spool(void **state)
{
	enum { N = 5000 };
	struct bc_wire_session s;
	int fd;

	start_spooled(port);
	put_link();
	for (uint32_t i = 0; i < N; i++)
		UNTIL(put(i) == 0);
	fd = accept_session(&s, 0);
	expect_link_again(fd);
	expect_packets(fd, 0, N);
	acknowledge(fd, s.epoch, N);
	UNTIL(bc_peer_known(peer) == LINK_MESSAGE + N * MESSAGE);
	close(fd);
}

/* The same behind a store. */
static struct bc_store *open_store(uint64_t patience_ns, uint64_t drain_ns)
{
	const struct bc_peer_config pc = { .name = "peer", .host = "127.0.0.1", .port = port, .queue_bytes = QUEUE };
	struct bc_store_config sc = { .kind = BC_STORE_PEER, .patience_ns = patience_ns, .drain_ns = drain_ns };
	struct bc_store *s;

	assert_int_equal(bc_peer_new(&pc, &peer, &err), 0);
	sc.peer = peer;
	assert_int_equal(bc_store_open(&sc, &s, &err), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_true(bc_store_lags(s));
	return s;
}

static uint8_t half[QUEUE / 2];

static void a_store_never_waits_for_a_peer(void **state)
{
	struct bc_store *s;

	memset(half, 0, sizeof(half));
	close(listener);
	listener = -1;
	s = open_store(0, 100 * BC_NS_PER_MS);
	assert_int_equal(bc_store_write(s, half, sizeof(half)), 0);
	assert_int_equal(bc_store_write(s, half, sizeof(half)), 0);
	assert_int_equal(bc_store_write(s, half, 4), -ENOBUFS);
	assert_int_equal(bc_store_size(s), 2 * sizeof(half));
	assert_int_equal(bc_store_passed(s), 0);
	bc_store_drain(s);
	assert_int_equal(bc_store_passed(s), 0);
	assert_int_equal(bc_store_finish(s, &(struct bc_segment_info){ .packets = 0 }), 0);
	assert_int_equal(bc_store_begin(s), -EOPNOTSUPP);
	assert_int_equal(bc_store_close(s), 0);
}

/* A collector that has it all already. */
static void *take_all_at_once(void *arg)
{
	struct bc_wire_session session;

	close(accept_session(&session, *(uint64_t *)arg));
	return NULL;
}

/* All that does not fit was sent, and waits for its acknowledgement. */
static void a_full_queue_of_one_that_acknowledges_is_worth_a_wait(void **state)
{
	struct bc_store *s = open_store(0, 10 * BC_NS_PER_S);
	pthread_t collector;
	uint64_t n = 0;
	static uint8_t whole[QUEUE];
	struct bc_wire_session session;
	int fd;

	put_link();
	fd = accept_session(&session, 0);
	expect_link_again(fd);
	for (size_t left = sizeof(whole) - LINK_MESSAGE; left;) {
		size_t payload = (left < 40000 ? left : 40000) - BC_WIRE_HEADER;

		bc_wire_header(whole, BC_WIRE_PACKET, (uint16_t)payload);
		assert_int_equal(bc_store_write(s, whole, BC_WIRE_HEADER + payload), 0);
		left -= BC_WIRE_HEADER + payload;
		n++;
	}
	assert_int_equal(bc_store_write(s, whole, BC_WIRE_HEADER), -EXFULL);
	UNTIL(stats().queued_bytes == 0);
	close(fd);
	/* At the end there is the time that the queue has, too: the next connection takes what it holds. */
	bc_peer_last(peer);
	pthread_create(&collector, NULL, take_all_at_once, &n);
	assert_int_equal(bc_store_write(s, whole, BC_WIRE_HEADER), 0);
	pthread_join(collector, NULL);
	bc_store_cancel(s);
	bc_store_close(s);
}

static void *read_all(void *arg)
{
	static uint8_t buf[65536];
	uint64_t *total = arg;
	int fd = net_accept(listener);
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		*total += (uint64_t)n;
	close(fd);
	return NULL;
}

static void a_blocking_store_waits_while_the_peer_moves(void **state)
{
	uint64_t total = 0;
	struct bc_store *s;
	pthread_t reader;

	memset(half, 0, sizeof(half));
	pthread_create(&reader, NULL, read_all, &total);
	s = open_store(10 * BC_NS_PER_S, 10 * BC_NS_PER_S);
	for (int i = 0; i < 20; i++)
		assert_int_equal(bc_store_write(s, half, sizeof(half)), 0);
	bc_store_drain(s);
	pthread_join(reader, NULL);
	assert_int_equal(bc_store_passed(s), 20 * sizeof(half));
	assert_int_equal(total, 20 * sizeof(half));
	bc_store_close(s);
}

static void a_blocking_store_does_not_wait_for_one_that_is_dead(void **state)
{
	struct bc_store *s;

	memset(half, 0, sizeof(half));
	close(listener);
	listener = -1;
	s = open_store(200 * BC_NS_PER_MS, 0);
	assert_int_equal(bc_store_write(s, half, sizeof(half)), 0);
	assert_int_equal(bc_store_write(s, half, sizeof(half)), 0);
	assert_int_equal(bc_store_write(s, half, 4), -ENOBUFS);
	bc_store_cancel(s);
	bc_store_close(s);
}

static void own_traffic_is_described(void **state)
{
	char text[512];

	assert_int_equal(bc_peer_exclude(BC_PEER_OSMO, "192.0.2.1", 6001, text, sizeof(text), &err), 0);
	assert_string_equal(text, "not ((tcp port 6001) and (host 192.0.2.1))");
	assert_int_equal(bc_peer_exclude(BC_PEER_IPIP, "2001:db8::1", 0, text, sizeof(text), &err), 0);
	assert_string_equal(text, "not ((ip proto 4 or ip proto 41 or ip6 proto 4 or ip6 proto 41) and (host 2001:db8::1))");
	assert_int_equal(bc_peer_exclude(BC_PEER_OSMO, "192.0.2.1", 6001, text, 10, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(messages_arrive_in_order_and_the_end_is_told, begin, end),
		cmocka_unit_test_setup_teardown(a_peer_that_comes_late_gets_all_and_is_cried_for_once, begin, end),
		cmocka_unit_test_setup_teardown(one_that_dies_in_a_message_gets_it_whole_behind_the_link_header, begin, end),
		cmocka_unit_test_setup_teardown(a_new_link_header_at_the_break_is_not_sent_twice, begin, end),
		cmocka_unit_test_setup_teardown(a_full_queue_refuses_and_takes_again, begin, end),
		cmocka_unit_test_setup_teardown(packets_wait_for_the_link_header_to_be_accepted, begin, end),
		cmocka_unit_test_setup_teardown(what_was_not_acknowledged_is_lost, begin, end),
		cmocka_unit_test_setup_teardown(an_end_in_order_loses_nothing_acknowledged, begin, end),
		cmocka_unit_test_setup_teardown(a_reset_loses_what_was_acknowledged_lately, begin, end),
		cmocka_unit_test_setup_teardown(a_reset_loses_nothing_acknowledged_long_ago, begin, end),
		cmocka_unit_test_setup_teardown(one_that_answers_in_tls_is_named, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_taken_in_time_stays, begin, end),
		cmocka_unit_test_setup_teardown(one_that_knows_no_nanoseconds_gets_microseconds, begin, end),
		cmocka_unit_test_setup_teardown(one_that_takes_nanoseconds_keeps_them, begin, end),
		cmocka_unit_test_setup_teardown(one_that_ends_the_connection_at_once_gets_nothing, begin, end),
		cmocka_unit_test_setup_teardown(one_that_never_answers_is_ended_at_once, begin, end),
		cmocka_unit_test_setup_teardown(one_that_floods_us_gets_its_messages, begin, end),
		cmocka_unit_test_setup_teardown(one_that_floods_us_is_not_waited_for_beyond_the_end, begin, end),
		cmocka_unit_test_setup_teardown(what_it_acknowledges_has_passed_and_no_more, begin_answered, end),
		cmocka_unit_test_setup_teardown(nothing_is_sent_before_it_says_what_it_has, begin_answered, end),
		cmocka_unit_test_setup_teardown(what_it_does_not_have_is_sent_again, begin_answered, end),
		cmocka_unit_test_setup_teardown(a_false_acknowledgement_ends_the_connection_and_loses_nothing, begin_answered, end),
		cmocka_unit_test_setup_teardown(an_end_waits_for_the_last_acknowledgement, begin_answered, end),
		cmocka_unit_test_setup_teardown(a_late_hello_begins_another_connection, begin, end),
		cmocka_unit_test_setup_teardown(what_was_left_goes_first_in_a_connection_of_its_own, begin_spooled, end_spooled),
		cmocka_unit_test_setup_teardown(an_end_takes_what_was_left_too, begin_spooled, end_spooled),
		cmocka_unit_test_setup_teardown(a_long_outage_fits_the_spool, begin_spooled, end_spooled),
		cmocka_unit_test_setup_teardown(a_store_never_waits_for_a_peer, begin, end),
		cmocka_unit_test_setup_teardown(a_full_queue_of_one_that_acknowledges_is_worth_a_wait, begin_answered, end),
		cmocka_unit_test_setup_teardown(a_blocking_store_waits_while_the_peer_moves, begin, end),
		cmocka_unit_test_setup_teardown(a_blocking_store_does_not_wait_for_one_that_is_dead, begin, end),
		cmocka_unit_test_setup_teardown(own_traffic_is_described, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
