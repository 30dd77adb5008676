/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <arpa/inet.h>

#include "anonymise_oracle.h"
#include "index_packet.h"

#define ETHERNET 1

static struct random r = { 1 };
static struct bc_cryptopan *map;

static int start(void **state)
{
	map = oracle_map(3);
	return map ? 0 : -1;
}

static int stop(void **state)
{
	bc_cryptopan_free(map);
	return 0;
}

/* The key and addresses of the sample that Crypto-PAn was published with; those of IPv6 are of an independent implementation. */
static void published_vectors_are_met(void **state)
{
	static const struct bc_anonymise_key key = { { 21, 34, 23, 141, 51, 164, 207, 128, 19, 10, 91, 22, 73, 144, 125, 16, 216, 152, 143,
						       131, 121, 121, 101, 39, 98, 87, 76, 45, 42, 132, 34, 2 } };
	static const char *const vectors[][2] = {
		{ "128.11.68.132", "135.242.180.132" }, { "129.118.74.4", "134.136.186.123" }, { "130.132.252.244", "133.68.164.234" },
		{ "141.223.7.43", "141.167.8.160" }, { "152.163.225.39", "151.140.114.167" }, { "192.102.249.13", "252.138.62.131" },
		{ "207.188.7.45", "241.255.249.220" }, { "24.0.250.221", "100.15.198.226" }, { "64.14.118.196", "0.255.183.58" },
		{ "10.185.25.118", "117.161.29.118" },
		{ "::1", "78ff:f001:9fc0:20df:8380:b1f1:704:ed" }, { "::ffff", "78ff:f001:9fc0:20df:8380:b1f1:704:f838" },
		{ "2001:db8::1", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1e" }, { "2001:db8::2", "4401:2bc:603f:d91d:27f:ff8e:e6f1:dc1c" },
	};
	struct bc_cryptopan *c = bc_cryptopan_new(&key);

	/* Twice: computed, and remembered. */
	for (size_t i = 0; i < 2 * sizeof(vectors) / sizeof(vectors[0]); i++) {
		const char *const *v = vectors[i / 2];
		bool six = strchr(v[0], ':');
		uint8_t a[16], expected[16];

		assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, v[0], a), 1);
		assert_int_equal(inet_pton(six ? AF_INET6 : AF_INET, v[1], expected), 1);
		if (six)
			bc_cryptopan_ip6(c, a);
		else
			bc_cryptopan_ip4(c, a);
		assert_memory_equal(a, expected, six ? 16 : 4);
	}
	bc_cryptopan_free(c);
}

static uint32_t common_bits(const uint8_t *a, const uint8_t *b, uint32_t bytes)
{
	uint32_t n = 0;

	while (n < 8 * bytes && !((a[n / 8] ^ b[n / 8]) & 0x80 >> n % 8))
		n++;
	return n;
}

/* Two random addresses with some first bits in common have as many in common afterwards. */
static void prefixes_are_kept(uint32_t bytes, void (*change)(struct bc_cryptopan *c, uint8_t *a))
{
	for (int i = 0; i < 3000; i++) {
		uint32_t same = random_below(&r, 8 * bytes), before;
		uint8_t a[16], b[16];

		for (uint32_t k = 0; k < bytes; k++)
			a[k] = b[k] = (uint8_t)random_u64(&r);
		b[same / 8] ^= (uint8_t)(0x80 >> same % 8);
		for (uint32_t k = same / 8 + 1; k < bytes; k++)
			b[k] = (uint8_t)random_u64(&r);
		before = common_bits(a, b, bytes);
		assert_int_equal(before, same);
		change(map, a);
		change(map, b);
		assert_int_equal(common_bits(a, b, bytes), before);
	}
}

static void prefixes_of_ip4_stay_as_long(void **state)
{
	prefixes_are_kept(4, bc_cryptopan_ip4);
}

static void prefixes_of_ip6_stay_as_long(void **state)
{
	prefixes_are_kept(16, bc_cryptopan_ip6);
}

static void prefixes_of_mac_stay_as_long(void **state)
{
	prefixes_are_kept(6, bc_cryptopan_mac);
}

static void a_group_stays_a_group_and_broadcast_broadcast(void **state)
{
	uint8_t zeros[6] = { 0 }, all[6] = { 255, 255, 255, 255, 255, 255 };

	for (int i = 0; i < 2000; i++) {
		uint8_t a[6] = { (uint8_t)random_u64(&r), 1, 2, 3, 4, (uint8_t)i }, was = a[0];

		bc_cryptopan_mac(map, a);
		assert_int_equal(a[0] & 3, was & 3);
		bc_cryptopan_mac(map, zeros);
		bc_cryptopan_mac(map, all);
	}
	assert_memory_equal(zeros, "\0\0\0\0\0", 6);
	assert_memory_equal(all, "\xff\xff\xff\xff\xff\xff", 6);
}

static void another_key_gives_other_addresses(void **state)
{
	struct bc_cryptopan *other = oracle_map(4);
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 10, 1, 2, 3 };

	bc_cryptopan_ip4(map, a);
	bc_cryptopan_ip4(other, b);
	assert_memory_not_equal(a, b, 4);
	bc_cryptopan_free(other);
}

static uint16_t sum_of(const uint8_t *p, uint32_t n, uint64_t sum)
{
	for (uint32_t i = 0; i < n; i++)
		sum += i & 1 ? p[i] : p[i] * 256U;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

/* Of IPv4 at `at` without options, or IPv6: how far its header's and its payload's checksums are from right; 0: not at all. */
static uint16_t header_error(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? (uint16_t)~sum_of(ip, 20, 0) : 0;
}

static uint16_t payload_error(const uint8_t *ip, uint32_t len)
{
	bool six = ip[0] >> 4 == 6;
	uint32_t head = six ? 40 : 20, n = len - head;
	uint8_t proto = ip[six ? 6 : 9];
	uint64_t pseudo = proto == 1 || proto == 2 ? 0 : sum_of(ip + (six ? 8 : 12), six ? 32 : 8, 0) + (uint64_t)proto + n;

	return (uint16_t)~sum_of(ip + head, n, pseudo);
}

/* Make them right. The payload's lies at cs from its begin. */
static void seal(struct packet *p, uint32_t at, uint32_t cs)
{
	uint8_t *ip = p->data + at;
	bool six = ip[0] >> 4 == 6;
	uint32_t len = p->len - at, head = six ? 40 : 20;
	uint16_t v;

	bc_put_be16(ip + (six ? 4 : 2), (uint16_t)(len - (six ? 40 : 0)));
	if (!six) {
		bc_put_be16(ip + 10, 0);
		bc_put_be16(ip + 10, header_error(ip));
	}
	bc_put_be16(ip + head + cs, 0);
	v = payload_error(ip, len);
	bc_put_be16(ip + head + cs, v ? v : 0xffff);
}

/* TCP or UDP of some bytes, in IP of either version. */
static void make(struct packet *p, bool six, uint8_t proto, uint32_t payload)
{
	p->len = 0;
	packet_ether(p, 1, 2, six ? 0x86dd : 0x0800);
	if (six)
		packet_ip6(p, (uint16_t)random_u64(&r), (uint16_t)random_u64(&r), proto, &r);
	else
		packet_ip4(p, (uint16_t)random_u64(&r), (uint16_t)random_u64(&r), proto, &r);
	packet_transport(p, proto, 1025, 1026, &r);
	packet_payload(p, payload, &r);
	if (proto == 17)
		bc_put_be16(p->data + p->len - payload - 4, (uint16_t)(8 + payload));
	seal(p, 14, proto == 6 ? 16 : proto == 17 ? 6 : 2);
}

static bool anonymise(struct packet *p)
{
	return bc_anonymise(map, ETHERNET, p->data, p->len, p->len);
}

static void right_checksums_stay_right(void **state)
{
	for (int i = 0; i < 4000; i++) {
		struct packet p, before;

		make(&p, i & 1, i & 2 ? 6 : 17, random_below(&r, 40));
		before = p;
		assert_false(anonymise(&p));
		assert_memory_not_equal(p.data + 14, before.data + 14, 40);
		assert_int_equal(header_error(p.data + 14), 0);
		assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
	}
}

/* Made to be wrong by the same amount: by a bit, or as a network card leaves them. */
static void wrong_checksums_stay_wrong(void **state)
{
	for (int i = 0; i < 4000; i++) {
		uint32_t at = i & 1 ? 54 : 34;
		struct packet p;
		uint16_t header, payload;

		make(&p, i & 1, 6, 10);
		p.data[at + 16] ^= (uint8_t)(1 + random_below(&r, 255));
		p.data[24] ^= (uint8_t)(i & 1 ? 0 : 1 + random_below(&r, 255));
		header = header_error(p.data + 14);
		payload = payload_error(p.data + 14, p.len - 14);
		anonymise(&p);
		assert_int_equal(header_error(p.data + 14), header);
		assert_int_equal(payload_error(p.data + 14, p.len - 14), payload);
	}
}

static void udp_without_a_checksum_has_none(void **state)
{
	struct packet p;

	make(&p, false, 17, 10);
	bc_put_be16(p.data + 40, 0);
	anonymise(&p);
	assert_int_equal(bc_get_be16(p.data + 40), 0);
}

/* 0 would say that there is none. The first two bytes of payload make it what the new addresses need. */
static void a_udp_checksum_that_becomes_0_is_written_as_ones(void **state)
{
	struct packet p, q;

	make(&p, false, 17, 10);
	bc_put_be16(p.data + 42, 0);
	seal(&p, 14, 6);
	q = p;
	anonymise(&q);
	bc_put_be16(p.data + 42, bc_get_be16(q.data + 40));
	seal(&p, 14, 6);
	anonymise(&p);
	assert_int_equal(bc_get_be16(p.data + 40), 0xffff);
}

/* ICMP about a packet of UDP, with an extension behind it that may tell addresses. */
static void what_icmp_quotes_is_rewritten_too(void **state)
{
	struct packet inner, p = { .len = 0 };
	uint8_t from[4];

	make(&inner, false, 17, 8);
	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 5, 6, 1, &r);
	packet_add(&p, (uint8_t[]){ 11, 0, 0, 0, 0, 0, 0, 0 }, 8);
	packet_add(&p, inner.data + 14, inner.len - 14);
	packet_payload(&p, 20, &r);
	seal(&p, 14, 2);
	memcpy(from, p.data + 42 + 12, 4);
	anonymise(&p);
	bc_cryptopan_ip4(map, from);
	assert_memory_equal(p.data + 42 + 12, from, 4);
	assert_int_equal(header_error(p.data + 42), 0);
	assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
	for (uint32_t i = 42 + 28; i < p.len; i++)
		assert_int_equal(p.data[i], 0);
}

static void neighbours_are_rewritten(void **state)
{
	static const uint8_t target[16] = { 0xfe, 0x80, [15] = 9 }, mac[6] = { 2, 1, 2, 3, 4, 5 };
	struct packet p = { .len = 0 };
	uint8_t t[16], m[6];

	packet_ether(&p, 1, 2, 0x86dd);
	packet_ip6(&p, 1, 2, 58, &r);
	packet_add(&p, (uint8_t[]){ 135, 0, 0, 0, 0, 0, 0, 0 }, 8);
	packet_add(&p, target, 16);
	packet_add(&p, (uint8_t[]){ 1, 1 }, 2);
	packet_add(&p, mac, 6);
	packet_add(&p, (uint8_t[]){ 25, 1, 1, 1, 1, 1, 1, 1 }, 8);
	seal(&p, 14, 2);
	assert_true(anonymise(&p));
	bc_cryptopan_ip6(map, memcpy(t, target, 16));
	bc_cryptopan_mac(map, memcpy(m, mac, 6));
	assert_memory_equal(p.data + 62, t, 16);
	assert_memory_equal(p.data + 80, m, 6);
	assert_memory_equal(p.data + 86, "\x19\x01\0\0\0\0\0\0", 8);
	assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
}

static void arp_is_rewritten(void **state)
{
	static const uint8_t body[28] = { 0, 1, 8, 0, 6, 4, 0, 1, 2, 9, 9, 9, 9, 9, 10, 1, 2, 3, 2, 8, 8, 8, 8, 8, 10, 1, 2, 4 };
	struct packet p = { .len = 0 };
	uint8_t a[4] = { 10, 1, 2, 3 }, b[4] = { 10, 1, 2, 4 }, m[6] = { 2, 9, 9, 9, 9, 9 }, n[6] = { 2, 8, 8, 8, 8, 8 };

	packet_ether(&p, 1, 2, 0x0806);
	packet_add(&p, body, sizeof(body));
	packet_payload(&p, 18, &r);
	assert_false(anonymise(&p));
	bc_cryptopan_ip4(map, a);
	bc_cryptopan_ip4(map, b);
	bc_cryptopan_mac(map, m);
	bc_cryptopan_mac(map, n);
	assert_memory_equal(p.data + 32, n, 6);
	assert_memory_equal(p.data + 14, body, 8);
	assert_memory_equal(p.data + 22, m, 6);
	assert_memory_equal(p.data + 28, a, 4);
	assert_memory_equal(p.data + 38, b, 4);
	for (uint32_t i = 42; i < p.len; i++)
		assert_int_equal(p.data[i], 0);
}

static void assert_blank_from(const struct packet *p, uint32_t from)
{
	for (uint32_t i = from; i < p->len; i++)
		assert_int_equal(p->data[i], 0);
}

static void what_is_unknown_is_blanked_and_told(void **state)
{
	static const struct { uint16_t type; uint8_t proto; uint32_t kept; } cases[] = {
		{ 0x88cc, 0, 14 }, { 38, 0, 14 }, { 0x8863, 0, 14 }, { 0x0800, 89, 34 }, { 0x0800, 50, 42 }, { 0x86dd, 135, 54 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = { .len = 0 };

		packet_ether(&p, 1, 2, cases[i].type);
		if (cases[i].type == 0x0800)
			packet_ip4(&p, 1, 2, cases[i].proto, &r);
		else if (cases[i].type == 0x86dd)
			packet_ip6(&p, 1, 2, cases[i].proto, &r);
		packet_payload(&p, 40, &r);
		if (cases[i].proto)
			bc_put_be16(p.data + (cases[i].type == 0x0800 ? 16 : 18), 0);
		assert_true(anonymise(&p));
		assert_blank_from(&p, cases[i].kept);
	}
}

static void a_packet_of_an_unknown_link_is_blank(void **state)
{
	struct packet p;

	make(&p, false, 6, 20);
	assert_true(bc_anonymise(map, 127, p.data, p.len, p.len));
	assert_blank_from(&p, 0);
}

/* Padding, and the check sequence of the frame as it was, from which its addresses could be computed. */
static void what_follows_the_packet_is_blanked(void **state)
{
	struct packet p;
	uint32_t len;

	make(&p, false, 6, 3);
	len = p.len;
	packet_payload(&p, 7, &r);
	assert_false(anonymise(&p));
	assert_blank_from(&p, len);
	assert_int_equal(payload_error(p.data + 14, len - 14), 0);
}

static void dhcp_and_tunnels_that_are_not_known_are_blanked(void **state)
{
	static const uint16_t ports[] = { 67, 546, 1701, 2123, 2152, 3544, 4500, 4789, 6081 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
		struct packet p;

		make(&p, false, 17, 30);
		bc_put_be16(p.data + 36, ports[i]);
		p.data[42] = 0xc7;
		p.data[43] = 1;
		seal(&p, 14, 6);
		assert_true(anonymise(&p));
		assert_blank_from(&p, ports[i] == 2152 ? 50 : 42);
		assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
	}
}

static void tcp_options_with_addresses_are_overwritten(void **state)
{
	/* What a load balancer tells of a client, an MPTCP address, and a maximum segment size. */
	static const uint8_t options[20] = { 254, 8, 1, 2, 10, 1, 2, 3, 30, 8, 0x30, 1, 10, 1, 2, 3, 2, 4, 5, 6 };
	struct packet p = { .len = 0 };

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 1, 2, 6, &r);
	packet_tcp(&p, 1, 2, 2, &r);
	p.data[34 + 12] = 0xa0;
	packet_add(&p, options, sizeof(options));
	packet_payload(&p, 5, &r);
	seal(&p, 14, 16);
	assert_false(anonymise(&p));
	for (uint32_t i = 54; i < 70; i++)
		assert_int_equal(p.data[i], 1);
	assert_memory_equal(p.data + 70, options + 16, 4);
	assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
}

/* Ethernet to a MAC address that begins so: in MPLS, or in GTP-U. */
static uint32_t ethernet_in(struct packet *p, bool gtp, uint8_t first)
{
	struct packet inner;
	uint32_t at;

	make(&inner, false, 17, 60);
	inner.data[0] = first;
	p->len = 0;
	packet_ether(p, 1, 2, gtp ? 0x0800 : 0x8847);
	if (!gtp) {
		packet_add(p, (uint8_t[]){ 0, 1, 1, 64 }, 4);
	} else {
		packet_ip4(p, 1, 2, 17, &r);
		packet_udp(p, 2152, 2152);
		packet_add(p, (uint8_t[]){ 0x30, 255, 0, (uint8_t)inner.len, 0, 0, 0, 1 }, 8);
	}
	at = p->len;
	packet_add(p, inner.data, inner.len);
	if (gtp)
		seal(p, 14, 6);
	return at;
}

/* It begins like IPv4 or IPv6. */
static void ethernet_in_a_tunnel_is_not_taken_for_ip(void **state)
{
	for (int i = 0; i < 2000; i++) {
		struct packet p;
		uint32_t at = ethernet_in(&p, i & 1, (uint8_t)(i & 2 ? 0x60 : 0x46) + (uint8_t)(i & 4));

		assert_true(anonymise(&p));
		assert_blank_from(&p, at);
	}
}

static void a_users_packet_in_gtp_is_taken_for_ip(void **state)
{
	for (int i = 0; i < 4000; i++) {
		struct packet inner, p = { .len = 0 };
		uint32_t at;

		make(&inner, i & 1, i & 2 ? 6 : 17, random_below(&r, 40));
		packet_ether(&p, 1, 2, 0x0800);
		packet_ip4(&p, 1, 2, 17, &r);
		packet_udp(&p, 2152, 2152);
		packet_add(&p, (uint8_t[]){ 0x30, 255, 0, (uint8_t)(inner.len - 14), 0, 0, 0, 1 }, 8);
		at = p.len;
		packet_add(&p, inner.data + 14, inner.len - 14);
		bc_put_be16(p.data + 38, (uint16_t)(p.len - 34));
		seal(&p, 14, 6);
		anonymise(&inner);
		assert_false(anonymise(&p));
		assert_memory_equal(p.data + at, inner.data + 14, inner.len - 14);
	}
}

/* Behind a label, and cut off. */
static void ip_in_a_tunnel_is_taken_for_ip(void **state)
{
	for (int i = 0; i < 4000; i++) {
		struct packet inner, p = { .len = 0 }, q;
		uint32_t wire_len;

		make(&inner, i & 1, i & 2 ? 6 : 17, random_below(&r, 40));
		packet_ether(&p, 1, 2, 0x8847);
		packet_add(&p, (uint8_t[]){ 0, 1, 1, 64 }, 4);
		packet_add(&p, inner.data + 14, inner.len - 14);
		if (i & 4)
			packet_payload(&p, 4, &r);
		q = p;
		wire_len = p.len;
		anonymise(&inner);
		assert_false(anonymise(&p));
		assert_memory_equal(p.data + 18, inner.data + 14, inner.len - 14);
		q.len = 18 + (i & 1 ? 40 : 20) + 8;
		bc_anonymise(map, ETHERNET, q.data, q.len, wire_len);
		assert_memory_equal(q.data, p.data, 18 + (i & 1 ? 40 : 20) + 4);
	}
}

/* What begins early in a fragmented packet may be a header; nobody sends it like that. */
static void only_a_fragment_far_behind_the_headers_is_kept(void **state)
{
	struct packet p = { .len = 0 }, q = { .len = 0 };

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4_options(&p, 1, 2, 17, 8, 5, &r);
	bc_put_be16(p.data + 16, 0);
	packet_payload(&p, 40, &r);
	assert_true(anonymise(&p));
	assert_blank_from(&p, 34);
	packet_ether(&q, 1, 2, 0x0800);
	packet_ip4_options(&q, 1, 2, 17, 185, 5, &r);
	bc_put_be16(q.data + 16, 0);
	packet_payload(&q, 40, &r);
	p = q;
	assert_false(anonymise(&q));
	assert_memory_equal(q.data + 34, p.data + 34, 40);
	bc_cryptopan_ip4(map, p.data + 26);
	bc_cryptopan_ip4(map, p.data + 30);
	assert_memory_equal(q.data + 26, p.data + 26, 8);
}

/* Of a tunnel: its addresses are replaced, and nothing in it is taken for another header, whatever it looks like. */
static void a_later_fragment_of_a_tunnel_has_no_headers(void **state)
{
	struct packet p = { .len = 0 }, q;

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4_options(&p, 1, 2, 4, 185, 5, &r);
	bc_put_be16(p.data + 16, 0);
	packet_ip4(&p, 3, 4, 17, &r);
	packet_payload(&p, 40, &r);
	q = p;
	assert_false(anonymise(&q));
	assert_memory_equal(q.data + 34, p.data + 34, 60);
	assert_memory_not_equal(q.data + 26, p.data + 26, 8);
}

/* Where it is going is told by an option, and what follows is not looked into. */
static void a_packet_with_a_source_route_is_blanked(void **state)
{
	struct packet p = { .len = 0 };

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4_options(&p, 1, 2, 6, 0, 7, &r);
	bc_put_be16(p.data + 16, 0);
	memcpy(p.data + 34, "\x83\x07\x04\x0a\x01\x02\x03\0", 8);
	packet_tcp(&p, 1, 2, 2, &r);
	assert_true(anonymise(&p));
	assert_blank_from(&p, 42);
}

/* TCP in IPv6 behind a header of 24 bytes with an address that takes the place of the source, or of the destination, in the checksum. */
static void addresses_in_extension_headers_count_in_checksums(void **state)
{
	static const struct { uint8_t kind, head[8]; uint32_t instead; } cases[] = {
		{ 60, { 6, 2, 1, 2, 0, 0, 0xc9, 16 }, 8 }, { 43, { 6, 2, 0, 1, 0, 0, 0, 0 }, 24 }, { 43, { 6, 2, 4, 1, 0, 0, 0, 0 }, 24 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = { .len = 0 }, plain;
		uint8_t a[16];

		packet_ether(&p, 1, 2, 0x86dd);
		packet_ip6(&p, 1, 2, cases[i].kind, &r);
		packet_add(&p, cases[i].head, 8);
		packet_payload(&p, 16, &r);
		packet_tcp(&p, 1, 2, 2, &r);
		memcpy(a, p.data + 62, 16);
		for (int after = 0; after < 2; after++) {
			/* The same as the checksum sees it. */
			plain = p;
			memmove(plain.data + 54, p.data + 78, 20);
			memcpy(plain.data + 14 + cases[i].instead, p.data + 62, 16);
			plain.data[20] = 6;
			plain.len -= 24;
			if (!after) {
				seal(&plain, 14, 16);
				memcpy(p.data + 78, plain.data + 54, 20);
				bc_put_be16(p.data + 18, 44);
				assert_false(anonymise(&p));
			}
		}
		bc_cryptopan_ip6(map, a);
		assert_memory_equal(p.data + 62, a, 16);
		assert_int_equal(payload_error(plain.data + 14, plain.len - 14), 0);
	}
}

/* Messages with an address some bytes behind their begin. */
static void addresses_in_messages_are_rewritten(void **state)
{
	static const struct { bool six; uint8_t proto, kind; uint32_t at, len; } cases[] = {
		{ false, 2, 0x16, 4, 8 }, { false, 1, 5, 4, 8 }, { true, 58, 131, 8, 24 }, { true, 58, 134, 32, 48 }, { true, 58, 137, 24, 40 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct packet p = { .len = 0 };
		uint32_t head = cases[i].six ? 54 : 34, n = cases[i].six ? 16 : 4;
		uint8_t a[16];

		packet_ether(&p, 1, 2, cases[i].six ? 0x86dd : 0x0800);
		if (cases[i].six)
			packet_ip6(&p, 1, 2, cases[i].proto, &r);
		else
			packet_ip4(&p, 1, 2, cases[i].proto, &r);
		packet_payload(&p, cases[i].len, &r);
		p.data[head] = cases[i].kind;
		if (cases[i].len == 48)
			memcpy(p.data + head + 16, "\3\4", 2);
		seal(&p, 14, 2);
		memcpy(a, p.data + head + cases[i].at, n);
		assert_false(anonymise(&p));
		if (n == 4)
			bc_cryptopan_ip4(map, a);
		else
			bc_cryptopan_ip6(map, a);
		assert_memory_equal(p.data + head + cases[i].at, a, n);
		assert_int_equal(payload_error(p.data + 14, p.len - 14), 0);
	}
}

/* GRE with a checksum of its own, and UDP in it whose length is less than its packet's. */
static void a_tunnels_checksum_follows_what_is_in_it(void **state)
{
	struct packet inner, p = { .len = 0 };

	make(&inner, false, 17, 20);
	bc_put_be16(inner.data + 38, 18);
	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 1, 2, 47, &r);
	bc_put_be16(p.data + 16, 0);
	packet_add(&p, (uint8_t[]){ 0x80, 0, 8, 0, 0, 0, 0, 0 }, 8);
	packet_add(&p, inner.data + 14, inner.len - 14);
	bc_put_be16(p.data + 38, (uint16_t)~sum_of(p.data + 34, p.len - 34, 0));
	assert_false(anonymise(&p));
	assert_int_equal(sum_of(p.data + 34, p.len - 34, 0), 0xffff);
	assert_memory_equal(p.data + 80, "\0\0\0\0\0\0\0\0\0\0", 10);
}

static void options_of_geneve_are_blanked(void **state)
{
	struct packet inner, p = { .len = 0 };

	make(&inner, false, 6, 20);
	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 1, 2, 17, &r);
	packet_udp(&p, 40000, 6081);
	bc_put_be16(p.data + 16, 0);
	bc_put_be16(p.data + 38, 0);
	packet_add(&p, (uint8_t[]){ 1, 0, 0x65, 0x58, 0, 0, 9, 0, 10, 1, 2, 3 }, 12);
	packet_add(&p, inner.data, inner.len);
	assert_true(anonymise(&p));
	assert_memory_equal(p.data + 50, "\0\0\0\0", 4);
	anonymise(&inner);
	assert_memory_equal(p.data + 54, inner.data, inner.len);
}

/* Of IPv4, TCP and IPv6: one that may stay, but longer than it should be, with an address in it; and padding that is none. */
static void known_options_of_another_length_are_overwritten(void **state)
{
	static const uint8_t option[][12] = {
		{ 148, 8, 10, 1, 2, 3, 10, 1, 2, 3, 1, 1 }, { 8, 12, 10, 1, 2, 3, 10, 1, 2, 3, 10, 1 }, { 1, 10, 10, 1, 2, 3, 10, 1, 2, 3, 10, 1 },
		{ 5, 10, 10, 1, 2, 3, 10, 1, 2, 3, 10, 1 },
	};

	for (size_t i = 0; i < sizeof(option) / sizeof(option[0]); i++) {
		struct packet p = { .len = 0 };
		const uint32_t at = i == 0 ? 34 : i == 1 ? 54 : 56;

		packet_ether(&p, 1, 2, i < 2 ? 0x0800 : 0x86dd);
		if (i == 0)
			packet_ip4_options(&p, 1, 2, 6, 0, 8, &r);
		else if (i == 1)
			packet_ip4(&p, 1, 2, 6, &r);
		else
			packet_ip6(&p, 1, 2, 0, &r);
		if (i < 2)
			packet_tcp(&p, 1, 2, 2, &r);
		else
			packet_add(&p, (uint8_t[]){ 59, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }, 16);
		if (i == 1) {
			p.data[34 + 12] = 0x80;
			packet_add(&p, option[i], 12);
		}
		memcpy(p.data + at, option[i], 12);
		bc_put_be16(p.data + (i < 2 ? 16 : 18), 0);
		anonymise(&p);
		assert_null(memmem(p.data, p.len, option[0] + 2, 4));
	}
}

/* Bytes behind a packet of UDP, in that of IP, which its checksum does not cover. */
static void a_udp_checksum_does_not_cover_what_is_behind(void **state)
{
	struct packet p;
	uint32_t end;

	make(&p, false, 17, 10);
	end = p.len;
	packet_payload(&p, 7, &r);
	bc_put_be16(p.data + 16, (uint16_t)(p.len - 14));
	anonymise(&p);
	assert_blank_from(&p, end);
	assert_int_equal(payload_error(p.data + 14, end - 14), 0);
}

static void a_recorded_route_is_overwritten(void **state)
{
	struct packet p = { .len = 0 };

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4_options(&p, 1, 2, 6, 0, 8, &r);
	memcpy(p.data + 34, "\x07\x0b\x08\x0a\x01\x02\x03\0\0\0\0\0", 12);
	packet_tcp(&p, 1, 2, 2, &r);
	bc_put_be16(p.data + 16, (uint16_t)(p.len - 14));
	bc_put_be16(p.data + 24, 0);
	bc_put_be16(p.data + 24, (uint16_t)~sum_of(p.data + 14, 32, 0));
	assert_false(anonymise(&p));
	for (uint32_t i = 34; i < 45; i++)
		assert_int_equal(p.data[i], 1);
	assert_int_equal(sum_of(p.data + 14, 32, 0), 0xffff);
}

/* Each byte is the whole packet's, or zero: half an address, or half a checksum, is not left. */
static void a_packet_that_is_cut_has_no_more_than_the_whole_one(void **state)
{
	for (int i = 0; i < 4; i++) {
		struct packet p, whole;

		make(&p, i & 1, i & 2 ? 6 : 17, 30);
		whole = p;
		anonymise(&whole);
		for (uint32_t len = 0; len < p.len; len++) {
			struct packet cut = p;

			cut.len = len;
			anonymise(&cut);
			for (uint32_t k = 0; k < len; k++)
				assert_true(cut.data[k] == whole.data[k] || !cut.data[k]);
			assert_memory_equal(cut.data + len, p.data + len, p.len - len);
		}
	}
}

static void no_address_that_the_index_knows_is_left(void **state)
{
	for (int i = 0; i < 20000; i++) {
		struct packet p;

		packet_any(&p, &r);
		assert_true(oracle_holds(map, ETHERNET, p.data, p.len));
		packet_gtp(&p, &r);
		assert_true(oracle_holds(map, ETHERNET, p.data, p.len));
	}
}

static void cooked_headers_lose_their_address(void **state)
{
	struct packet p, q = { .len = 0 };
	uint8_t m[6] = { 2, 1, 2, 3, 4, 5 };

	make(&p, false, 6, 20);
	packet_add(&q, (uint8_t[]){ 0, 0, 0, 1, 0, 6, 2, 1, 2, 3, 4, 5, 7, 7, 8, 0 }, 16);
	packet_add(&q, p.data + 14, p.len - 14);
	anonymise(&p);
	assert_false(bc_anonymise(map, 113, q.data, q.len, q.len));
	bc_cryptopan_mac(map, m);
	assert_memory_equal(q.data + 6, m, 6);
	assert_memory_equal(q.data + 12, "\0\0\x08\0", 4);
	assert_memory_equal(q.data + 16, p.data + 14, p.len - 14);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_vectors_are_met),
		cmocka_unit_test(prefixes_of_ip4_stay_as_long),
		cmocka_unit_test(prefixes_of_ip6_stay_as_long),
		cmocka_unit_test(prefixes_of_mac_stay_as_long),
		cmocka_unit_test(a_group_stays_a_group_and_broadcast_broadcast),
		cmocka_unit_test(another_key_gives_other_addresses),
		cmocka_unit_test(right_checksums_stay_right),
		cmocka_unit_test(wrong_checksums_stay_wrong),
		cmocka_unit_test(udp_without_a_checksum_has_none),
		cmocka_unit_test(a_udp_checksum_that_becomes_0_is_written_as_ones),
		cmocka_unit_test(what_icmp_quotes_is_rewritten_too),
		cmocka_unit_test(neighbours_are_rewritten),
		cmocka_unit_test(arp_is_rewritten),
		cmocka_unit_test(what_is_unknown_is_blanked_and_told),
		cmocka_unit_test(a_packet_of_an_unknown_link_is_blank),
		cmocka_unit_test(what_follows_the_packet_is_blanked),
		cmocka_unit_test(dhcp_and_tunnels_that_are_not_known_are_blanked),
		cmocka_unit_test(tcp_options_with_addresses_are_overwritten),
		cmocka_unit_test(ethernet_in_a_tunnel_is_not_taken_for_ip),
		cmocka_unit_test(ip_in_a_tunnel_is_taken_for_ip),
		cmocka_unit_test(a_users_packet_in_gtp_is_taken_for_ip),
		cmocka_unit_test(only_a_fragment_far_behind_the_headers_is_kept),
		cmocka_unit_test(a_later_fragment_of_a_tunnel_has_no_headers),
		cmocka_unit_test(a_packet_with_a_source_route_is_blanked),
		cmocka_unit_test(addresses_in_extension_headers_count_in_checksums),
		cmocka_unit_test(addresses_in_messages_are_rewritten),
		cmocka_unit_test(a_tunnels_checksum_follows_what_is_in_it),
		cmocka_unit_test(options_of_geneve_are_blanked),
		cmocka_unit_test(known_options_of_another_length_are_overwritten),
		cmocka_unit_test(a_udp_checksum_does_not_cover_what_is_behind),
		cmocka_unit_test(a_recorded_route_is_overwritten),
		cmocka_unit_test(a_packet_that_is_cut_has_no_more_than_the_whole_one),
		cmocka_unit_test(no_address_that_the_index_knows_is_left),
		cmocka_unit_test(cooked_headers_lose_their_address),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
