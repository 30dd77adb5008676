/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_tuple.h"
#include "index_packet.h"

#define ETHERNET 1

static struct random r = { 1 };

static void tuple(const struct packet *p, struct bc_tuple *ret)
{
	bc_tuple_of(ETHERNET, p->data, p->len, false, ret);
}

static void what_changes_within_a_flow_is_masked(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 1, 2, 6, &r);
	packet_tcp(&p, 80, 1024, 2, &r);
	tuple(&p, &t);
	assert_int_equal(t.len, 48);
	assert_int_equal(t.addr_len, 4);
	assert_int_equal(t.addr_at[0], 26);
	assert_int_equal(t.addr_at[1], 30);
	assert_int_equal(t.port_at, 34);
	assert_int_equal(t.flags_at, 47);
	assert_int_equal(t.proto, 6);
	assert_false(t.opaque);
	assert_int_equal(t.mask[0], 0xff);
	assert_int_equal(t.mask[14], 0xff);
	assert_int_equal(t.mask[15], 0);	/* TOS */
	assert_int_equal(t.mask[20], 0x3f);	/* all but "don't fragment" */
	assert_int_equal(t.mask[22], 0);	/* TTL */
	assert_int_equal(t.mask[23], 0xff);
	assert_int_equal(t.mask[26], 0);	/* told by its place */
	assert_int_equal(t.mask[40], 0);	/* sequence number */
}

static void a_later_fragment_has_no_ports(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4_options(&p, 1, 2, 17, 185, 5, &r);
	packet_payload(&p, 40, &r);
	tuple(&p, &t);
	assert_int_equal(t.addr_len, 4);
	assert_int_equal(t.port_at, 0);
	p.data[20] = 0x20;
	p.data[21] = 0;
	tuple(&p, &t);
	assert_int_equal(t.port_at, 34);
}

static void tags_are_told_but_for_their_priority(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x88a8);
	packet_be16(&p, 0x6005);
	packet_be16(&p, 0x8100);
	packet_be16(&p, 6);
	packet_be16(&p, 0x86dd);
	packet_ip6(&p, 1, 2, 17, &r);
	packet_udp(&p, 53, 1024);
	tuple(&p, &t);
	assert_int_equal(t.mask[14], 0x0f);
	assert_int_equal(t.mask[15], 0xff);
	assert_int_equal(t.addr_len, 16);
	assert_int_equal(t.addr_at[0], 22 + 8);
	assert_int_equal(t.port_at, 22 + 40);
}

static void a_tunnel_gives_the_inner_addresses_and_the_outer_ones_beside(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 300, 301, 17, &r);
	packet_udp(&p, 50000, 4789);
	packet_add(&p, (uint8_t[]){ 8, 0, 0, 0, 0, 0, 7, 0 }, 8);
	packet_ether(&p, 3, 4, 0x86dd);
	packet_ip6(&p, 1, 2, 6, &r);
	packet_tcp(&p, 80, 1024, 2, &r);
	tuple(&p, &t);
	assert_int_equal(t.addr_len, 16);
	assert_int_equal(t.addr_at[0], 64 + 8);
	assert_int_equal(t.port_at, 64 + 40);
	assert_int_equal(t.n_outer, 2);
	assert_int_equal(t.outer_at[0], 26);
	assert_int_equal(t.mask[26], 0xff);
	assert_int_equal(t.mask[34], 0x80);	/* a random source port */
	assert_int_equal(t.mask[35], 0);
	assert_int_equal(t.mask[36], 0xff);
	assert_int_equal(t.mask[46], 0xff);	/* the network's number */
}

static void gtp_is_walked_over_its_extensions(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x0800);
	packet_ip4(&p, 300, 301, 17, &r);
	packet_udp(&p, 2152, 2152);
	packet_add(&p, (uint8_t[]){ 0x34, 255, 0, 60, 1, 2, 3, 4, 0, 0, 0, 0x85 }, 12);
	packet_add(&p, (uint8_t[]){ 1, 0x10, 5, 0 }, 4);
	packet_ip4(&p, 1, 2, 17, &r);
	packet_udp(&p, 53, 1024);
	tuple(&p, &t);
	assert_int_equal(t.addr_at[0], 58 + 12);
	assert_int_equal(t.port_at, 58 + 20);
	assert_int_equal(t.mask[46], 0);	/* the tunnel's number: each user has two */
}

/* Without Ethernet: in HDLC, in a session of PPPoE, and as Cisco has it. Its hosts are in rows, not in filters alone. */
static void ppp_has_rows(void **state)
{
	static const struct {
		uint16_t linktype;
		uint8_t head[8];
		uint32_t len;
	} links[] = {
		{ 9, { 0xff, 3, 0, 0x21 }, 4 }, { 50, { 0xff, 3, 0, 0x21 }, 4 }, { 50, { 0x0f, 0, 8, 0 }, 4 }, { 104, { 0x8f, 0, 8, 0 }, 4 },
		{ 51, { 0x11, 0, 0, 7, 0, 40, 0, 0x21 }, 8 },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct packet p = { .len = 0 };
		struct bc_tuple t;

		packet_add(&p, links[i].head, links[i].len);
		packet_ip4(&p, 1, 2, 6, &r);
		packet_tcp(&p, 80, 1024, 2, &r);
		bc_tuple_of(links[i].linktype, p.data, p.len, false, &t);
		assert_true(t.opaque && t.addr_len == 4);
		assert_int_equal(t.addr_at[0], links[i].len + 12);
		assert_int_equal(t.port_at, links[i].len + 20);
		assert_int_equal(t.mask[3], 0xff);
		/* A session's length changes. */
		assert_int_equal(t.mask[4], links[i].len == 4 ? 0xff : 0);
	}
}

static void an_unknown_link_type_is_opaque(void **state)
{
	struct bc_tuple t;

	bc_tuple_of(147, (const uint8_t *)"12345678", 8, false, &t);
	assert_int_equal(t.len, 0);
	assert_true(t.opaque);
}

static void what_was_cut_by_the_caller_is_opaque_but_not_what_was_captured_so(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_ether(&p, 1, 2, 0x8847);
	tuple(&p, &t);
	assert_false(t.opaque);
	bc_tuple_of(ETHERNET, p.data, p.len, true, &t);
	assert_true(t.opaque);
}

static void the_bytes_worth_keeping_give_the_same_tuple(void **state)
{
	struct bc_tuple a, b;
	struct packet p;

	for (int i = 0; i < 20000; i++) {
		uint32_t n;

		packet_any(&p, &r);
		n = bc_tuple_bytes(ETHERNET, p.data, p.len);
		assert_true(n <= p.len && n <= BC_TUPLE_MAX);
		tuple(&p, &a);
		bc_tuple_of(ETHERNET, p.data, n, n < p.len, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
}

static void the_bits_outside_of_a_shape_change_nothing(void **state)
{
	uint32_t seen[BC_TUPLE_SHAPES] = { 0 };
	struct bc_tuple a, b;
	struct packet p;

	for (int i = 0; i < 60000; i++) {
		enum bc_tuple_shape shape;
		const struct bc_tuple_shape_info *info;

		packet_any(&p, &r);
		if (!random_below(&r, 3))
			packet_gtp(&p, &r);
		shape = bc_tuple_shape_of(ETHERNET, p.data, p.len);
		info = &bc_tuple_shapes[shape];
		seen[shape]++;
		if (!shape)
			continue;
		assert_true(info->len <= p.len && info->masked <= BC_TUPLE_SHAPE_MAX && info->masked % 16 == 0);
		tuple(&p, &a);
		bc_tuple_of(ETHERNET, p.data, info->len, info->len < p.len, &b);
		assert_memory_equal(&a, &b, sizeof(a));
		assert_true(!a.flags_at || a.flags_at == info->flags_at);
		for (uint32_t k = 0; k < p.len; k++)
			p.data[k] ^= (uint8_t)random_u64(&r) & (k < BC_TUPLE_SHAPE_MAX ? (uint8_t)~info->mask[k] : 0xff);
		assert_int_equal(bc_tuple_shape_of(ETHERNET, p.data, p.len), shape);
		tuple(&p, &b);
		assert_memory_equal(&a, &b, sizeof(a));
	}
	for (uint32_t i = 0; i < BC_TUPLE_SHAPES; i++)
		assert_true(seen[i] > 10);
}

static void what_nothing_more_is_known_of_is_of_no_type_that_is_walked(void **state)
{
	struct packet p = { .len = 0 };
	struct bc_tuple t;

	packet_payload(&p, 100, &r);
	for (uint32_t type = 0x600; type < 0x10000; type++) {
		p.data[12] = (uint8_t)(type >> 8);
		p.data[13] = (uint8_t)type;
		tuple(&p, &t);
		assert_true(bc_tuple_shape_of(ETHERNET, p.data, p.len) != BC_TUPLE_OTHER || t.len == 14);
	}
}

/* In memory of its own, so that a byte too far is seen by those who look for it. */
static void any_bytes_have_a_tuple_within_them(void **state)
{
	static const uint16_t types[] = { 0, 1, 101, 108, 113, 228, 229, 276, 9 };
	struct packet p;
	struct bc_tuple t;

	for (int i = 0; i < 50000; i++) {
		uint8_t *copy;

		packet_any(&p, &r);
		for (uint32_t k = random_below(&r, 4); k && p.len; k--)
			p.data[random_below(&r, p.len)] = (uint8_t)random_u64(&r);
		copy = malloc(p.len + 1);
		memcpy(copy, p.data, p.len);
		bc_tuple_of(types[random_below(&r, 9)], copy, p.len, false, &t);
		assert_true(t.len <= p.len);
		assert_true(!t.addr_len || (t.addr_at[0] + t.addr_len <= t.len && t.addr_at[1] + t.addr_len <= t.len));
		assert_true(!t.port_at || t.port_at + 4 <= t.len);
		assert_true(!t.flags_at || t.flags_at < t.len);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_changes_within_a_flow_is_masked),
		cmocka_unit_test(a_later_fragment_has_no_ports),
		cmocka_unit_test(tags_are_told_but_for_their_priority),
		cmocka_unit_test(a_tunnel_gives_the_inner_addresses_and_the_outer_ones_beside),
		cmocka_unit_test(gtp_is_walked_over_its_extensions),
		cmocka_unit_test(ppp_has_rows),
		cmocka_unit_test(an_unknown_link_type_is_opaque),
		cmocka_unit_test(what_was_cut_by_the_caller_is_opaque_but_not_what_was_captured_so),
		cmocka_unit_test(the_bytes_worth_keeping_give_the_same_tuple),
		cmocka_unit_test(the_bits_outside_of_a_shape_change_nothing),
		cmocka_unit_test(what_nothing_more_is_known_of_is_of_no_type_that_is_walked),
		cmocka_unit_test(any_bytes_have_a_tuple_within_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
