/* SPDX-License-Identifier: BSD-3-Clause */
/* PCAP-over-IP as its clients see it, over sockets of the kernel's. */
#include "bc_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_reader.h"
#include "bc_tap.h"
#include "bc_time.h"

#define WAIT_MS 20000
#define T0 (1792888200ULL * BC_NS_PER_S + 123456789)
#define BIG (200U << 10)

struct fixture {
	struct bc_tap *tap;
	uint16_t port;
};

/* A port that is free now. */
static uint16_t free_port(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

static void begin(struct fixture *f, struct bc_tap_config cfg)
{
	char text[32];
	int r = -1;

	cfg.clients = cfg.clients ? cfg.clients : 4;
	cfg.buffer_bytes = cfg.buffer_bytes ? cfg.buffer_bytes : 8U << 20;
	for (int i = 0; r && i < 20; i++) {
		f->port = free_port();
		snprintf(text, sizeof(text), "127.0.0.1:%u", f->port);
		assert_int_equal(bc_listen_parse("", text, &cfg.listen, NULL), 0);
		r = bc_tap_new(&cfg, &f->tap, NULL);
	}
	assert_int_equal(r, 0);
}

static struct bc_tap_stats stats(struct fixture *f)
{
	struct bc_tap_stats st;

	bc_tap_stats(f->tap, &st);
	return st;
}

/* A client that is not waited for. */
static int call(struct fixture *f)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(f->port) };
	struct timeval limit = { .tv_sec = WAIT_MS / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM, 0), small = 64 << 10;

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int join(struct fixture *f)
{
	uint64_t before = stats(f).connected;
	int fd = call(f);

	for (int i = 0; i < WAIT_MS && stats(f).connected == before; i++)
		usleep(1000);
	assert_int_equal(stats(f).connected, before + 1);
	return fd;
}

/* len bytes of the stream. */
static void take(int fd, uint8_t *dst, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = recv(fd, dst + at, len - at, 0);

		assert_true(n > 0);
		at += (size_t)n;
	}
}

/* All of it, for free(). */
static uint8_t *take_rest(int fd, size_t *ret_len)
{
	size_t cap = 1 << 20, len = 0;
	uint8_t *p = malloc(cap);
	ssize_t n;

	assert_non_null(p);
	while ((n = recv(fd, p + len, cap - len, 0)) > 0) {
		len += (size_t)n;
		if (len == cap) {
			cap *= 2;
			p = realloc(p, cap);
			assert_non_null(p);
		}
	}
	assert_int_equal(n, 0);
	close(fd);
	*ret_len = len;
	return p;
}

/* What the stream of a client holds, which must be whole. */
struct seen {
	uint64_t packets, missing, ifaces;
	uint8_t last;			/* the first byte of the last packet */
	uint32_t iface;			/* its interface */
	uint16_t linktype;
	uint64_t ts_ns;
};

static struct seen parse(const uint8_t *data, size_t len)
{
	struct bc_reader *reader = bc_reader_new();
	struct seen s = { .packets = 0 };

	while (len) {
		struct bc_record rec;
		size_t consumed, need;
		int r = bc_reader_next(reader, data, len, &consumed, &need, &rec, NULL);

		assert_true(r >= 0 && r != BC_READ_MORE);
		s.ifaces += r == BC_READ_IFACE;
		if (r == BC_READ_RECORD) {
			s.packets++;
			s.missing += rec.dropcount;
			s.last = rec.data[0];
			s.iface = rec.iface;
			s.linktype = bc_reader_iface(reader, rec.iface)->linktype;
			s.ts_ns = rec.ts_ns;
		}
		data += consumed;
		len -= consumed;
	}
	bc_reader_free(reader);
	return s;
}

/* The tap ends; what the client still gets. */
static struct seen end_and_parse(struct fixture *f, int fd)
{
	uint8_t *data;
	struct seen s;
	size_t len;

	bc_tap_end(f->tap);
	data = take_rest(fd, &len);
	s = parse(data, len);
	free(data);
	return s;
}

static void over(struct fixture *f)
{
	bc_tap_end(f->tap);
	for (int i = 0; i < WAIT_MS && !bc_tap_over(f->tap); i++)
		usleep(1000);
	assert_true(bc_tap_over(f->tap));
	bc_tap_free(f->tap);
}

static void put_text(struct bc_mirror *m, const char *name, uint16_t linktype, bool section)
{
	struct bc_iface iface = { .linktype = linktype };
	uint8_t text[1024];
	size_t len = section ? bc_pcapng_shb(text, sizeof(text), &(struct bc_pcapng_section){ .application = "x" }) : 0;

	snprintf(iface.name, sizeof(iface.name), "%s", name);
	len += bc_pcapng_idb(text + len, sizeof(text) - len, &iface, 9000, NULL);
	bc_mirror_text(m, text, len);
}

static size_t make_epb(uint8_t *dst, uint32_t iface, uint8_t number, uint32_t len, uint64_t dropcount)
{
	uint32_t opt = bc_epb_opt_len(dropcount, 0);
	uint8_t *data = bc_epb_begin(dst, iface, T0 + number, len, len, opt);

	memset(data, number, len);
	return (size_t)(bc_epb_end(data, len, opt, dropcount, 0, 0) - dst);
}

static void put_packet(struct bc_mirror *m, uint32_t iface, uint8_t number)
{
	uint8_t block[256];
	size_t n = make_epb(block, iface, number, 61, 0);

	bc_mirror_chunk(m, false, block, n, n, 1);
}

static void a_client_gets_the_header_at_once(void **state)
{
	struct fixture f;
	uint8_t head[12];
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG });
	fd = join(&f);
	take(fd, head, sizeof(head));
	assert_memory_equal(head, "\x0a\x0d\x0d\x0a", 4);
	close(fd);
	over(&f);
}

static void interfaces_are_described_before_their_packets(void **state)
{
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	put_text(m, "a", 1, true);
	fd = join(&f);
	assert_true(bc_mirror_wanted(m));
	put_packet(m, 0, 1);
	put_text(m, "b", 113, false);
	put_packet(m, 1, 2);
	bc_mirror_free(m);
	s = end_and_parse(&f, fd);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.ifaces, 2);
	assert_int_equal(s.last, 2);
	assert_int_equal(s.linktype, 113);
	assert_int_equal(s.ts_ns, T0 + 2);
	assert_int_equal(stats(&f).sent, 2);
	over(&f);
}

static void who_comes_late_gets_a_stream_of_its_own(void **state)
{
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	uint8_t first[64];
	int one, two;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	one = join(&f);
	put_text(m, "a", 1, true);
	put_packet(m, 0, 1);
	/* It is through when the first client has some of it. */
	for (int i = 0; i < WAIT_MS && stats(&f).sent == 0; i++)
		usleep(1000);
	take(one, first, sizeof(first));
	two = join(&f);
	put_packet(m, 0, 2);
	bc_mirror_free(m);
	s = end_and_parse(&f, two);
	assert_int_equal(s.ifaces, 1);
	assert_int_equal(s.packets, 1);
	assert_int_equal(s.last, 2);
	close(one);
	over(&f);
}

static void several_outputs_keep_their_interfaces_apart(void **state)
{
	struct fixture f;
	struct bc_mirror *a, *b;
	struct seen s;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS });
	a = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	b = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	fd = join(&f);
	put_text(a, "a", 1, true);
	put_text(b, "b", 101, true);
	put_packet(a, 0, 1);
	put_packet(b, 0, 2);
	bc_mirror_free(a);
	bc_mirror_free(b);
	s = end_and_parse(&f, fd);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.iface, 1);
	assert_int_equal(s.linktype, 101);
	over(&f);
}

static void lz4_blocks_are_decompressed(void **state)
{
	uint8_t dense[8192], coded[16384];
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	size_t len = 0, n;
	bool stored;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	fd = join(&f);
	put_text(m, "a", 1, true);
	for (uint8_t i = 0; i < 4; i++)
		len += make_epb(dense + len, 0, i, 1000, 0);
	n = bc_lz4_block(z, dense, len, coded, 1, &stored);
	bc_mirror_chunk(m, true, coded, n, len, 4);
	bc_mirror_free(m);
	s = end_and_parse(&f, fd);
	assert_int_equal(s.packets, 4);
	assert_int_equal(s.last, 3);
	bc_lz4_free(z);
	over(&f);
}

static void classic_pcap_has_one_link_type(void **state)
{
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAP_NS, .linger_ms = WAIT_MS });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	fd = join(&f);
	put_text(m, "a", 113, true);
	put_text(m, "b", 1, false);
	put_packet(m, 0, 1);
	put_packet(m, 1, 2);
	put_packet(m, 0, 3);
	bc_mirror_free(m);
	s = end_and_parse(&f, fd);
	assert_int_equal(s.packets, 2);
	assert_int_equal(s.linktype, 113);
	assert_int_equal(s.ts_ns, T0 + 3);
	assert_int_equal(stats(&f).unfit, 1);
	over(&f);
}

static void pcap_becomes_pcapng(void **state)
{
	uint8_t bytes[BC_PCAP_FILE_HEADER + 100];
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAP_NS);
	fd = join(&f);
	/* A file begins anew with each link type. */
	for (int i = 0; i < 4; i++) {
		bc_pcap_file_header(bytes, 1, i % 2 ? 1 : 113, 9000);
		bc_mirror_text(m, bytes, BC_PCAP_FILE_HEADER);
		memset(bc_pcap_record(bytes, T0 + 3, 1, 61, 61), 3, 61);
		bc_mirror_chunk(m, false, bytes, 77, 77, 1);
	}
	bc_mirror_free(m);
	s = end_and_parse(&f, fd);
	assert_int_equal(s.packets, 4);
	assert_int_equal(s.ifaces, 2);
	assert_int_equal(s.linktype, 1);
	assert_int_equal(s.ts_ns, T0 + 3);
	over(&f);
}

/* A chunk of one large packet. */
static void put_big(struct bc_mirror *m, uint8_t *block, uint8_t number, uint64_t dropcount)
{
	size_t len = make_epb(block, 0, number, BIG, dropcount);

	bc_mirror_chunk(m, false, block, len, len, 1);
}

/* Each chunk is larger than what may be behind, and only the kernel's buffers hold some for a client that does not read. */
static void a_slow_client_misses_whole_packets_and_knows_how_many(void **state)
{
	uint8_t *block = malloc(BIG + 256), *data;
	struct fixture f;
	struct bc_mirror *m;
	struct seen s;
	int slow, fast;
	size_t len;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = WAIT_MS, .buffer_bytes = 1 });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	slow = join(&f);
	fast = join(&f);
	put_text(m, "a", 1, true);
	for (uint8_t i = 0; i < 100; i++) {
		put_big(m, block, i, i % 2 ? 7 : 0);
		take(fast, block, BIG);
	}
	assert_true(stats(&f).client_slow > 0);
	close(fast);
	bc_mirror_free(m);
	bc_tap_end(f.tap);
	data = take_rest(slow, &len);
	s = parse(data, len);
	free(data);
	for (int i = 0; i < WAIT_MS && !bc_tap_over(f.tap); i++)
		usleep(1000);
	/* The last packet is always there to tell of those before it; each second one has lost some before. */
	assert_int_equal(s.last, 99);
	assert_int_equal(s.packets + stats(&f).client_slow, 100);
	assert_true(s.missing > stats(&f).client_slow && s.missing <= stats(&f).client_slow + 7 * s.packets);
	bc_tap_free(f.tap);
	free(block);
}

static void a_stalled_client_does_not_hold_up_the_end(void **state)
{
	uint8_t *block = malloc(BIG + 256);
	struct fixture f;
	struct bc_mirror *m;
	int fd;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .linger_ms = 1 });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	fd = join(&f);
	put_text(m, "a", 1, true);
	for (uint8_t i = 0; i < 100; i++)
		put_big(m, block, i, 0);
	bc_mirror_free(m);
	bc_tap_end(f.tap);
	for (int i = 0; i < WAIT_MS && !bc_tap_over(f.tap); i++)
		usleep(1000);
	assert_true(bc_tap_over(f.tap));
	assert_int_equal(stats(&f).sent + stats(&f).client_slow, 100);
	assert_true(stats(&f).client_slow > 0);
	close(fd);
	bc_tap_free(f.tap);
	free(block);
}

static void one_more_than_is_allowed_is_turned_away(void **state)
{
	struct fixture f;
	uint8_t byte;
	int a, b;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG, .clients = 1 });
	a = join(&f);
	b = call(&f);
	assert_true(recv(b, &byte, 1, 0) <= 0);
	assert_int_equal(stats(&f).refused, 1);
	/* Who goes makes room. */
	close(a);
	for (int i = 0; i < WAIT_MS && bc_tap_clients(f.tap, NULL, 0); i++)
		usleep(1000);
	close(join(&f));
	close(b);
	over(&f);
}

static void nothing_is_wanted_without_clients(void **state)
{
	struct fixture f;
	struct bc_mirror *m;

	begin(&f, (struct bc_tap_config){ .format = BC_FORMAT_PCAPNG });
	m = bc_tap_mirror_new(f.tap, BC_FORMAT_PCAPNG);
	assert_false(bc_mirror_wanted(m));
	bc_mirror_free(m);
	over(&f);
	bc_tap_end(NULL);
	assert_true(bc_tap_over(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_client_gets_the_header_at_once),
		cmocka_unit_test(interfaces_are_described_before_their_packets),
		cmocka_unit_test(who_comes_late_gets_a_stream_of_its_own),
		cmocka_unit_test(several_outputs_keep_their_interfaces_apart),
		cmocka_unit_test(lz4_blocks_are_decompressed),
		cmocka_unit_test(classic_pcap_has_one_link_type),
		cmocka_unit_test(pcap_becomes_pcapng),
		cmocka_unit_test(a_slow_client_misses_whole_packets_and_knows_how_many),
		cmocka_unit_test(a_stalled_client_does_not_hold_up_the_end),
		cmocka_unit_test(one_more_than_is_allowed_is_turned_away),
		cmocka_unit_test(nothing_is_wanted_without_clients),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
