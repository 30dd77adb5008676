/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages as a subscriber gets them, over a socket of the kernel's. */
#include "bc_test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include <zmq.h>

#include "bc_codec.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_publish_mirror.h"
#include "bc_time.h"
#include "scratch.h"
#include "until.h"

#define WAIT_MS 60000
#define T0 (1792888200ULL * BC_NS_PER_S + 123456789)

struct fixture {
	char dir[SCRATCH_MAX];
	char endpoint[96];
	struct bc_publisher *p;
	void *context, *sub;
	struct bc_log log;
	pthread_mutex_t lock;
	char lines[4096];
};

struct message {
	uint8_t part[3][4096];
	size_t len[3];
	int parts;
};

static void on_log(void *ctx, enum bc_level level, const char *line)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	strncat(f->lines, line, sizeof(f->lines) - strlen(f->lines) - 1);
	pthread_mutex_unlock(&f->lock);
}

static void begin(struct fixture *f, struct bc_publisher_config cfg)
{
	memset(f, 0, sizeof(*f));
	scratch_folder(f->dir, "bc-zmq");
	snprintf(f->endpoint, sizeof(f->endpoint), "ipc://%s/s", f->dir);
	f->log = (struct bc_log){ on_log, f };
	pthread_mutex_init(&f->lock, NULL);
	cfg.endpoint = f->endpoint;
	cfg.log = &f->log;
	assert_int_equal(bc_publisher_new(&cfg, &f->p, NULL), 0);
	f->context = zmq_ctx_new();
}

static void over(struct fixture *f)
{
	bc_publisher_free(f->p);
	if (f->sub)
		zmq_close(f->sub);
	zmq_ctx_term(f->context);
}

static uint64_t subscriptions(struct fixture *f)
{
	struct bc_publisher_stats st;

	bc_publisher_stats(f->p, &st);
	return st.subscriptions;
}

static void wait_subscriptions(struct fixture *f, uint64_t n)
{
	UNTIL(subscriptions(f) == n);
}

static void wait_idle(struct fixture *f)
{
	UNTIL(bc_publisher_idle(f->p));
}

/* A subscriber that the publisher knows of. */
static void subscribe(struct fixture *f, const char *topic, int hwm)
{
	int zero = 0;

	f->sub = zmq_socket(f->context, ZMQ_SUB);
	zmq_setsockopt(f->sub, ZMQ_LINGER, &zero, sizeof(zero));
	if (hwm)
		zmq_setsockopt(f->sub, ZMQ_RCVHWM, &hwm, sizeof(hwm));
	zmq_setsockopt(f->sub, ZMQ_SUBSCRIBE, topic, strlen(topic));
	assert_int_equal(zmq_connect(f->sub, f->endpoint), 0);
	wait_subscriptions(f, 1);
}

static void receive(struct fixture *f, struct message *m)
{
	int more = 1, timeout = WAIT_MS;
	size_t size = sizeof(more);

	memset(m, 0, sizeof(*m));
	zmq_setsockopt(f->sub, ZMQ_RCVTIMEO, &timeout, sizeof(timeout));
	while (more) {
		int n;

		assert_true(m->parts < 3);
		n = zmq_recv(f->sub, m->part[m->parts], sizeof(m->part[0]), 0);
		assert_in_range(n, 0, sizeof(m->part[0]));
		m->len[m->parts++] = (size_t)n;
		zmq_getsockopt(f->sub, ZMQ_RCVMORE, &more, &size);
	}
}

static void assert_part(const struct message *m, int i, const char *text)
{
	assert_true(i < m->parts);
	assert_int_equal(m->len[i], strlen(text));
	assert_memory_equal(m->part[i], text, strlen(text));
}

/* A pcapng file of one interface of that link type. */
static void put_text(struct bc_mirror *t, uint16_t linktype, bool section)
{
	const struct bc_iface iface = { .name = "if", .linktype = linktype };
	uint8_t text[1024];
	size_t len = section ? bc_pcapng_shb(text, sizeof(text), &(struct bc_pcapng_section){ .application = "x" }) : 0;

	len += bc_pcapng_idb(text + len, sizeof(text) - len, &iface, 9000, NULL);
	bc_mirror_text(t, text, len);
}

/* A packet of len bytes, each its number, captured of 1500; returns the block's length. */
static size_t make_epb(uint8_t *dst, uint32_t iface, uint8_t number, uint32_t len)
{
	uint8_t *data = bc_epb_begin(dst, iface, T0 + number, len, 1500, 0);

	memset(data, number, len);
	return (size_t)(bc_epb_end(data, len, 0, 0, 0, 0) - dst);
}

static void put_packet(struct bc_mirror *t, uint32_t iface, uint8_t number, uint32_t len)
{
	uint8_t block[4096];
	size_t n = make_epb(block, iface, number, len);

	bc_mirror_chunk(t, false, block, n, n, 1);
}

static uint32_t le32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return le32toh(v);
}

static void assert_packet(const struct message *m, uint16_t linktype, uint8_t number, uint32_t len, bool ns)
{
	assert_int_equal(m->parts, 3);
	assert_int_equal(m->len[1], 24);
	assert_int_equal(le32(m->part[1]), ns ? BC_PCAP_MAGIC_NS : BC_PCAP_MAGIC_US);
	assert_int_equal(le32(m->part[1] + 20), linktype);
	assert_int_equal(m->len[2], 16 + len);
	assert_int_equal(le32(m->part[2]), (T0 + number) / BC_NS_PER_S);
	assert_int_equal(le32(m->part[2] + 4), (T0 + number) % BC_NS_PER_S / (ns ? 1 : 1000));
	assert_int_equal(le32(m->part[2] + 8), len);
	assert_int_equal(le32(m->part[2] + 12), 1500);
	for (uint32_t i = 0; i < len; i++)
		assert_int_equal(m->part[2][16 + i], number);
}

static void an_event_has_its_topic_and_its_text(void **state)
{
	struct fixture f;
	struct message m;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "", 0);
	bc_publisher_event(f.p, "connect", "node-1", NULL);
	bc_publisher_event(f.p, "closingtracefile", "node-1", "/srv/a.pcap");
	receive(&f, &m);
	assert_int_equal(m.parts, 1);
	assert_part(&m, 0, "event.v1.connect.node-1");
	receive(&f, &m);
	assert_int_equal(m.parts, 2);
	assert_part(&m, 0, "event.v1.closingtracefile.node-1");
	assert_part(&m, 1, "/srv/a.pcap");
	over(&f);
}

static void without_a_publisher_an_event_is_nothing(void **state)
{
	bc_publisher_event(NULL, "connect", "x", NULL);
	assert_true(bc_publisher_idle(NULL));
}

static void a_packet_stands_behind_a_file_header_in_microseconds(void **state)
{
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "data.v1.", 0);
	t = bc_publish_mirror_new(f.p, "node-1", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	put_packet(t, 0, 7, 61);
	receive(&f, &m);
	assert_part(&m, 0, "data.v1.node-1");
	assert_packet(&m, 1, 7, 61, false);
	bc_mirror_free(t);
	over(&f);
}

static void or_in_nanoseconds(void **state)
{
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "data", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, true);
	put_text(t, 1, true);
	put_packet(t, 0, 7, 61);
	receive(&f, &m);
	assert_packet(&m, 1, 7, 61, true);
	bc_mirror_free(t);
	over(&f);
}

static void each_packet_has_its_interfaces_link_type(void **state)
{
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "data", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	put_packet(t, 0, 1, 60);
	put_text(t, 113, false);
	put_packet(t, 1, 2, 60);
	receive(&f, &m);
	assert_packet(&m, 1, 1, 60, false);
	receive(&f, &m);
	assert_packet(&m, 113, 2, 60, false);
	bc_mirror_free(t);
	over(&f);
}

/* Compressed and stored blocks, as the lanes make them. */
static void chunks_may_be_lz4_blocks(void **state)
{
	uint8_t dense[8192], coded[16384];
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	size_t len = 0, at = 0, half;
	struct fixture f;
	struct message m;
	struct bc_mirror *t;
	bool stored;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "data", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	for (uint8_t i = 0; i < 4; i++)
		len += make_epb(dense + len, 0, i, 1000);
	half = len / 2;
	at = bc_lz4_block(z, dense, half, coded, 1, &stored);
	assert_false(stored);
	at += bc_lz4_block(z, dense + half, len - half, coded + at, 0, &stored);
	assert_true(stored);
	bc_mirror_chunk(t, true, coded, at, len, 4);
	for (uint8_t i = 0; i < 4; i++) {
		receive(&f, &m);
		assert_packet(&m, 1, i, 1000, false);
	}
	bc_lz4_free(z);
	bc_mirror_free(t);
	over(&f);
}

static void pcap_can_be_mirrored_as_well(void **state)
{
	uint8_t bytes[BC_PCAP_FILE_HEADER + 100];
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "data", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	bc_pcap_file_header(bytes, 1, 113, 9000);
	bc_mirror_text(t, bytes, BC_PCAP_FILE_HEADER);
	memset(bc_pcap_record(bytes, T0 + 3, 1, 60, 1500), 3, 60);
	bc_mirror_chunk(t, false, bytes, 76, 76, 1);
	receive(&f, &m);
	assert_packet(&m, 113, 3, 60, false);
	bc_mirror_free(t);
	over(&f);
}

static void events_and_packets_keep_their_order(void **state)
{
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	put_packet(t, 0, 1, 60);
	bc_publisher_event(f.p, "closingtracefile", "n", "a");
	put_packet(t, 0, 2, 60);
	receive(&f, &m);
	assert_packet(&m, 1, 1, 60, false);
	receive(&f, &m);
	assert_part(&m, 1, "a");
	receive(&f, &m);
	assert_packet(&m, 1, 2, 60, false);
	bc_mirror_free(t);
	over(&f);
}

static void nobody_is_wanted_until_somebody_subscribes(void **state)
{
	struct fixture f;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	assert_false(bc_mirror_wanted(t));
	subscribe(&f, "data", 0);
	assert_true(bc_mirror_wanted(t));
	zmq_close(f.sub);
	f.sub = NULL;
	wait_subscriptions(&f, 0);
	assert_false(bc_mirror_wanted(t));
	bc_mirror_free(t);
	over(&f);
}

/* A chunk larger than the queue never fits, so that no timing is in this. */
static void what_the_queue_cannot_hold_is_counted_and_the_next_is_good(void **state)
{
	struct bc_publisher_stats st;
	uint8_t big[4096];
	struct fixture f;
	struct message m;
	struct bc_mirror *t;
	size_t n = 0;

	begin(&f, (struct bc_publisher_config){ .queue_bytes = 2048 });
	subscribe(&f, "data", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	for (uint8_t i = 0; i < 3; i++)
		n += make_epb(big + n, 0, i, 1000);
	bc_mirror_chunk(t, false, big, n, n, 3);
	put_packet(t, 0, 9, 100);
	receive(&f, &m);
	assert_packet(&m, 1, 9, 100, false);
	wait_idle(&f);
	bc_publisher_stats(f.p, &st);
	assert_int_equal(st.overflowed, 3);
	assert_int_equal(st.packets, 1);
	bc_mirror_free(t);
	over(&f);
	assert_non_null(strstr(f.lines, "3 so far were not"));
}

static struct bc_publisher_stats stats(struct fixture *f)
{
	struct bc_publisher_stats st;

	bc_publisher_stats(f->p, &st);
	return st;
}

/* One more, whatever becomes of it. Has the subscriber stalled? */
static bool stalls_at(struct fixture *f, struct bc_mirror *t, uint64_t *put)
{
	put_packet(t, 0, 1, 2000);
	++*put;
	return stats(f).stalls;
}

/* It does not read at all: its own queue, the kernel's buffer and the publisher's queue for it fill up. */
static void a_subscriber_that_stalls_is_counted_and_holds_nobody(void **state)
{
	struct fixture f;
	struct bc_mirror *t;
	uint64_t put = 0;

	begin(&f, (struct bc_publisher_config){ .hwm = 10 });
	subscribe(&f, "data", 1);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	UNTIL(stalls_at(&f, t, &put));
	UNTIL(stats(&f).packets + stats(&f).overflowed == put);
	bc_mirror_free(t);
	over(&f);
	assert_non_null(strstr(f.lines, "a subscriber is too slow"));
}

static void what_is_no_file_ends_the_mirror_and_nothing_else(void **state)
{
	struct bc_publisher_stats st;
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	subscribe(&f, "", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	bc_mirror_chunk(t, true, (const uint8_t *)"nonsense here", 13, 100, 5);
	put_packet(t, 0, 1, 60);
	bc_publisher_event(f.p, "connect", "n", NULL);
	receive(&f, &m);
	assert_part(&m, 0, "event.v1.connect.n");
	wait_idle(&f);
	bc_publisher_stats(f.p, &st);
	assert_int_equal(st.overflowed, 6);
	bc_mirror_free(t);
	over(&f);
}

static void what_is_queued_is_sent_before_the_end(void **state)
{
	struct fixture f;
	struct message m;
	struct bc_mirror *t;

	begin(&f, (struct bc_publisher_config){ .linger_ms = WAIT_MS });
	subscribe(&f, "", 0);
	t = bc_publish_mirror_new(f.p, "n", BC_FORMAT_PCAPNG, false);
	put_text(t, 1, true);
	for (int i = 0; i < 100; i++)
		put_packet(t, 0, 1, 60);
	bc_mirror_free(t);
	bc_publisher_event(f.p, "disconnect", "n", NULL);
	bc_publisher_free(f.p);
	f.p = NULL;
	for (int i = 0; i < 100; i++)
		receive(&f, &m);
	receive(&f, &m);
	assert_part(&m, 0, "event.v1.disconnect.n");
	over(&f);
}

static void an_endpoint_that_cannot_be_is_refused(void **state)
{
	struct bc_publisher_config cfg = { .endpoint = "nonsense" };
	struct bc_publisher *p = NULL;
	struct bc_err err;
	struct fixture f;

	assert_int_equal(bc_publisher_new(&cfg, &p, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "tcp://ADDRESS:PORT"));
	begin(&f, (struct bc_publisher_config){ .hwm = 0 });
	cfg.endpoint = "ipc:///nowhere/at/all";
	assert_true(bc_publisher_new(&cfg, &p, &err) < 0);
	assert_null(p);
	over(&f);
}

static void a_clients_name_fits_into_a_topic(void **state)
{
	char longest[BC_CLIENT_MAX + 2];

	assert_true(bc_client_name("node-1.example"));
	assert_false(bc_client_name(""));
	assert_false(bc_client_name("a b"));
	assert_false(bc_client_name("a\n"));
	assert_false(bc_client_name("\xc3\xa4"));
	memset(longest, 'a', sizeof(longest));
	longest[BC_CLIENT_MAX + 1] = '\0';
	assert_false(bc_client_name(longest));
	longest[BC_CLIENT_MAX] = '\0';
	assert_true(bc_client_name(longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_event_has_its_topic_and_its_text),
		cmocka_unit_test(without_a_publisher_an_event_is_nothing),
		cmocka_unit_test(a_packet_stands_behind_a_file_header_in_microseconds),
		cmocka_unit_test(or_in_nanoseconds),
		cmocka_unit_test(each_packet_has_its_interfaces_link_type),
		cmocka_unit_test(chunks_may_be_lz4_blocks),
		cmocka_unit_test(pcap_can_be_mirrored_as_well),
		cmocka_unit_test(events_and_packets_keep_their_order),
		cmocka_unit_test(nobody_is_wanted_until_somebody_subscribes),
		cmocka_unit_test(what_the_queue_cannot_hold_is_counted_and_the_next_is_good),
		cmocka_unit_test(a_subscriber_that_stalls_is_counted_and_holds_nobody),
		cmocka_unit_test(what_is_no_file_ends_the_mirror_and_nothing_else),
		cmocka_unit_test(what_is_queued_is_sent_before_the_end),
		cmocka_unit_test(an_endpoint_that_cannot_be_is_refused),
		cmocka_unit_test(a_clients_name_fits_into_a_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
