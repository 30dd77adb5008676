/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_gprs.h"
#include "gprs_packet.h"
#include "random.h"

static const struct bc_gprs any;

/* Bytes behind the end would be seen to be read. */
static bool cut_user(const struct gp *p, uint16_t linktype, uint32_t len, uint32_t wire_len)
{
	uint8_t *exact = malloc(len ? len : 1);
	bool user;

	assert_non_null(exact);
	memcpy(exact, p->b, len);
	user = bc_gprs_user_data(&any, linktype, exact, len, wire_len);
	free(exact);
	return user;
}

static bool is_user(const struct gp *p, uint16_t linktype)
{
	return cut_user(p, linktype, p->len, p->len);
}

static bool eth_user(const struct gp *p)
{
	return is_user(p, GP_ETHERNET);
}

static void unitdata_of_user_sapis_is_user_traffic(void **state)
{
	struct gp p;

	for (uint8_t type = GP_DL_UNITDATA; type <= GP_UL_UNITDATA; type++)
		for (uint8_t sapi = 0; sapi < 16; sapi++) {
			gp_unitdata(&p, type, sapi, 40);
			assert_int_equal(eth_user(&p), sapi == 3 || sapi == 5 || sapi == 9 || sapi == 11);
			/* The C/R bit says nothing of it. */
			gp_unitdata(&p, type, 0x40 | sapi, 40);
			assert_int_equal(eth_user(&p), sapi == 3 || sapi == 5 || sapi == 9 || sapi == 11);
		}
}

static void flow_control(struct gp *p)
{
	gp_begin(p);
	gp_type(p, 0x26);
	gp_ie(p, 0x1e, 1, 0);
	gp_ie(p, 0x05, 2, 0);
	gp_ie(p, 0x03, 2, 0);
	gp_ie(p, 0x01, 2, 0);
	gp_ie(p, 0x1c, 2, 0);
}

static void bvc_flow_control_is_dropped_with_it(void **state)
{
	struct gp p;

	flow_control(&p);
	gp_finish(&p);
	assert_true(eth_user(&p));
	gp_ie(&p, 0x06, 2, 0);
	gp_finish(&p);
	assert_true(eth_user(&p));
	gp_begin(&p);
	gp_type(&p, 0x27);
	gp_ie(&p, 0x1e, 1, 0);
	gp_finish(&p);
	assert_true(eth_user(&p));
}

static void flow_control_without_what_it_must_have_stays(void **state)
{
	static const uint8_t ids[] = { 0x1e, 0x05, 0x03, 0x01, 0x1c };
	struct gp p;

	for (unsigned without = 0; without < 5; without++) {
		gp_begin(&p);
		gp_type(&p, 0x26);
		for (unsigned i = 0; i < 5; i++)
			if (i != without)
				gp_ie(&p, ids[i], i ? 2 : 1, 0);
		gp_finish(&p);
		assert_false(eth_user(&p));
	}
	gp_begin(&p);
	gp_type(&p, 0x27);
	gp_finish(&p);
	assert_false(eth_user(&p));
}

static void flow_control_with_an_llc_pdu_stays(void **state)
{
	struct gp p;

	flow_control(&p);
	gp_llc(&p, 3, 20, 0);
	gp_finish(&p);
	assert_false(eth_user(&p));
}

static void every_other_bssgp_pdu_stays(void **state)
{
	struct gp p;

	for (unsigned type = 2; type < 256; type++) {
		gp_begin(&p);
		gp_type(&p, (uint8_t)type);
		gp_ie(&p, 0x1e, 1, 0);
		gp_ie(&p, 0x05, 2, 0);
		gp_ie(&p, 0x03, 2, 0);
		gp_ie(&p, 0x01, 2, 0);
		gp_ie(&p, 0x1c, 2, 0);
		gp_finish(&p);
		assert_int_equal(eth_user(&p), type == 0x26 || type == 0x27);
	}
}

static void every_other_ns_pdu_stays(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	for (unsigned type = 1; type < 256; type++) {
		p.b[p.ns_at] = (uint8_t)type;
		assert_false(eth_user(&p));
	}
}

static void ns_control_bits_may_ask_for_a_change_of_flow_only(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	for (unsigned bits = 0; bits < 256; bits++) {
		p.b[p.ns_at + 1] = (uint8_t)bits;
		assert_int_equal(eth_user(&p), bits < 4);
	}
}

static void bvcis_of_no_cell_stay(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	p.b[p.ns_at + 3] = 0;
	assert_false(eth_user(&p));
	p.b[p.ns_at + 3] = 1;
	assert_false(eth_user(&p));
	p.b[p.ns_at + 2] = 1;
	assert_true(eth_user(&p));
}

/* A UNITDATA behind any link layer. */
static void behind(struct gp *p, uint16_t linktype, uint16_t type, unsigned tags, bool ip6)
{
	gp_link(p, linktype, type, tags);
	if (ip6)
		gp_ip6(p, 17);
	else
		gp_ip4(p);
	gp_ns(p);
	gp_type(p, GP_UL_UNITDATA);
	gp_mandatory(p, GP_UL_UNITDATA);
	gp_llc(p, 11, 30, 0);
	gp_finish(p);
}

static void it_is_found_behind_every_link_layer_with_up_to_four_tags(void **state)
{
	static const uint16_t linktypes[] = { GP_ETHERNET, GP_SLL, GP_SLL2 };
	struct gp p;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned tags = 0; tags < 6; tags++)
			for (int ip6 = 0; ip6 < 2; ip6++) {
				behind(&p, linktypes[i], ip6 ? 0x86DD : 0x0800, tags, ip6);
				assert_int_equal(is_user(&p, linktypes[i]), tags <= 4);
			}
}

static void it_is_found_without_a_link_layer(void **state)
{
	struct gp p;

	behind(&p, GP_RAW, 0, 0, false);
	assert_true(is_user(&p, GP_RAW));
	assert_true(is_user(&p, GP_IPV4));
	behind(&p, GP_RAW, 0, 0, true);
	assert_true(is_user(&p, GP_RAW));
	assert_true(is_user(&p, GP_IPV6));
}

static void other_link_layers_and_ethertypes_stay(void **state)
{
	struct gp p;

	behind(&p, GP_ETHERNET, 0x0800, 0, false);
	assert_false(is_user(&p, 9));
	assert_false(is_user(&p, GP_SLL));
	behind(&p, GP_ETHERNET, 0x8847, 0, false);
	assert_false(eth_user(&p));
	/* The EtherType and the version are of one mind. */
	behind(&p, GP_ETHERNET, 0x86DD, 0, false);
	assert_false(eth_user(&p));
	behind(&p, GP_ETHERNET, 0x0800, 0, true);
	assert_false(eth_user(&p));
}

static void ipv4_fragments_stay(void **state)
{
	static const uint8_t fragments[][2] = { { 0x20, 0 }, { 0, 1 }, { 0x3f, 0xff }, { 0x10, 0 } };
	struct gp p;

	for (unsigned i = 0; i < 4; i++) {
		gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
		memcpy(p.b + p.ip_at + 6, fragments[i], 2);
		assert_false(eth_user(&p));
	}
	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	p.b[p.ip_at + 6] = 0;
	assert_true(eth_user(&p));
}

static void ipv4_options_are_passed_over(void **state)
{
	struct gp p;

	gp_link(&p, GP_ETHERNET, 0x0800, 0);
	gp_ip4(&p);
	p.b[p.ip_at] = 0x47;
	GP_PUT(&p, 1, 1, 1, 1, 1, 1, 1, 0);
	gp_ns(&p);
	gp_type(&p, GP_UL_UNITDATA);
	gp_mandatory(&p, GP_UL_UNITDATA);
	gp_llc(&p, 9, 30, 0);
	gp_finish(&p);
	assert_true(eth_user(&p));
	p.b[p.ip_at] = 0x44;
	assert_false(eth_user(&p));
}

static void ipv4_that_is_not_whole_udp_stays(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	p.b[p.ip_at + 9] = 6;
	assert_false(eth_user(&p));
	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	gp_put16(p.b + p.ip_at + 2, p.len - p.ip_at + 1);
	assert_false(eth_user(&p));
	gp_put16(p.b + p.ip_at + 2, 19);
	assert_false(eth_user(&p));
	gp_put16(p.b + p.ip_at + 2, 0);
	assert_false(eth_user(&p));
}

static void ethernet_padding_is_not_of_the_packet(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 5);
	GP_PUT(&p, 0, 0, 0, 0, 0, 0);
	assert_true(eth_user(&p));
}

static void with_extensions(struct gp *p, uint8_t kind, unsigned n)
{
	gp_link(p, GP_ETHERNET, 0x86DD, 0);
	gp_ip6(p, n ? kind : 17);
	for (unsigned i = 0; i < n; i++) {
		GP_PUT(p, i + 1 < n ? kind : 17, kind != 44, 0, 0, 0, 0, 0, 0);
		/* All but the fragment header say how long they are. */
		if (kind != 44)
			GP_PUT(p, 0, 0, 0, 0, 0, 0, 0, 0);
	}
	gp_ns(p);
	gp_type(p, GP_UL_UNITDATA);
	gp_mandatory(p, GP_UL_UNITDATA);
	gp_llc(p, 3, 30, 0);
	gp_finish(p);
}

static void ipv6_extensions_are_passed_over(void **state)
{
	static const uint8_t kinds[] = { 0, 43, 44, 60 };
	struct gp p;

	for (unsigned i = 0; i < 4; i++) {
		with_extensions(&p, kinds[i], 1);
		assert_true(eth_user(&p));
	}
	/* What follows an ESP or AH header is not for us. */
	with_extensions(&p, 50, 1);
	assert_false(eth_user(&p));
	with_extensions(&p, 51, 1);
	assert_false(eth_user(&p));
}

static void ipv6_extensions_are_limited(void **state)
{
	struct gp p;

	with_extensions(&p, 44, 8);
	assert_true(eth_user(&p));
	with_extensions(&p, 44, 9);
	assert_false(eth_user(&p));
}

static void ipv6_fragments_stay(void **state)
{
	struct gp p;

	with_extensions(&p, 44, 1);
	p.b[p.ip_at + 43] = 1;
	assert_false(eth_user(&p));
	p.b[p.ip_at + 43] = 8;
	assert_false(eth_user(&p));
	p.b[p.ip_at + 43] = 6;
	assert_true(eth_user(&p));
}

static void ipv6_that_is_not_whole_stays(void **state)
{
	struct gp p;

	behind(&p, GP_ETHERNET, 0x86DD, 0, true);
	gp_put16(p.b + p.ip_at + 4, p.len - p.ip_at - 40 + 1);
	assert_false(eth_user(&p));
	gp_put16(p.b + p.ip_at + 4, 0);
	assert_false(eth_user(&p));
	/* An extension that ends behind the packet. */
	with_extensions(&p, 60, 1);
	p.b[p.ip_at + 41] = 255;
	assert_false(eth_user(&p));
}

static void udp_fills_its_datagram(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	p.b[p.udp_at + 5]++;
	assert_false(eth_user(&p));
	p.b[p.udp_at + 5] -= 2;
	assert_false(eth_user(&p));
}

static void ports_narrow_it_down(void **state)
{
	const struct bc_gprs source = { 1, { 2157 } }, target = { 2, { 1, 23000 } }, other = { 2, { 2158, 23001 } };
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	assert_true(bc_gprs_user_data(&source, GP_ETHERNET, p.b, p.len, p.len));
	assert_true(bc_gprs_user_data(&target, GP_ETHERNET, p.b, p.len, p.len));
	assert_false(bc_gprs_user_data(&other, GP_ETHERNET, p.b, p.len, p.len));
}

static void optional_ies_are_passed_over(void **state)
{
	struct gp p;

	gp_begin(&p);
	gp_type(&p, GP_DL_UNITDATA);
	gp_ie(&p, 0x16, 2, 0);
	gp_ie(&p, 0x0d, 8, 0);
	gp_ie(&p, 0x13, 200, 1);
	gp_ie(&p, 0x00, 0, 0);
	gp_ie(&p, 0xee, 3, 1);
	gp_llc(&p, 5, 1000, 1);
	gp_ie(&p, 0x00, 2, 0);
	gp_finish(&p);
	assert_true(eth_user(&p));
}

static void the_cell_or_the_lifetime_must_be_there_once_in_its_length(void **state)
{
	struct gp p;

	for (uint8_t type = GP_DL_UNITDATA; type <= GP_UL_UNITDATA; type++) {
		gp_begin(&p);
		gp_type(&p, type);
		gp_mandatory(&p, !type);	/* the other type's */
		gp_llc(&p, 3, 30, 0);
		gp_finish(&p);
		assert_false(eth_user(&p));
		gp_mandatory(&p, type);
		gp_finish(&p);
		assert_true(eth_user(&p));
		gp_mandatory(&p, type);
		gp_finish(&p);
		assert_false(eth_user(&p));
		gp_begin(&p);
		gp_type(&p, type);
		gp_ie(&p, type ? 0x08 : 0x16, 7, 0);
		gp_llc(&p, 3, 30, 0);
		gp_finish(&p);
		assert_false(eth_user(&p));
	}
}

static void there_is_one_llc_pdu(void **state)
{
	struct gp p;

	gp_begin(&p);
	gp_type(&p, GP_UL_UNITDATA);
	gp_mandatory(&p, GP_UL_UNITDATA);
	gp_finish(&p);
	assert_false(eth_user(&p));
	gp_llc(&p, 3, 20, 0);
	gp_finish(&p);
	assert_true(eth_user(&p));
	gp_llc(&p, 3, 20, 0);
	gp_finish(&p);
	assert_false(eth_user(&p));
}

static void no_llc_frame_is_shorter_than_five_octets(void **state)
{
	struct gp p;

	for (uint32_t n = 0; n < 8; n++) {
		gp_unitdata(&p, GP_UL_UNITDATA, 3, n);
		assert_int_equal(eth_user(&p), n >= 5);
	}
}

static void other_bits_of_the_llc_address_make_it_no_llc(void **state)
{
	struct gp p;

	for (unsigned bits = 0; bits < 16; bits++) {
		gp_unitdata(&p, GP_UL_UNITDATA, (uint8_t)(bits << 4 | 3), 30);
		assert_int_equal(eth_user(&p), bits == 0 || bits == 4);
	}
}

static void ies_fill_the_pdu_exactly(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	GP_PUT(&p, 0);
	gp_finish(&p);
	assert_false(eth_user(&p));
	/* Two octets that announce a third. */
	GP_PUT(&p, 0x01);
	gp_finish(&p);
	assert_false(eth_user(&p));
	for (int by = -1; by <= 1; by += 2) {
		gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
		p.b[p.llc_at - 1] = (uint8_t)(p.b[p.llc_at - 1] + by);
		assert_false(eth_user(&p));
		gp_unitdata(&p, GP_UL_UNITDATA, 3, 400);
		p.b[p.llc_at - 1] = (uint8_t)(p.b[p.llc_at - 1] + by);
		assert_false(eth_user(&p));
	}
	gp_unitdata(&p, GP_UL_UNITDATA, 3, 400);
	p.b[p.llc_at - 2] = 0x7f;
	assert_false(eth_user(&p));
}

static void the_number_of_ies_is_limited(void **state)
{
	struct gp p;

	for (unsigned n = 30; n <= 31; n++) {
		gp_begin(&p);
		gp_type(&p, GP_UL_UNITDATA);
		gp_mandatory(&p, GP_UL_UNITDATA);
		for (unsigned i = 0; i < n; i++)
			gp_ie(&p, 0x00, 0, 0);
		gp_llc(&p, 3, 20, 0);
		gp_finish(&p);
		assert_int_equal(eth_user(&p), n == 30);
	}
}

/* Whether it is cut before or behind decides, and nothing behind what was captured is looked at. */
static void a_cut_packet_is_known_from_the_llc_address_on(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 300);
	for (uint32_t len = 0; len <= p.len; len++)
		assert_int_equal(cut_user(&p, GP_ETHERNET, len, p.len), len > p.llc_at);
	with_extensions(&p, 60, 3);
	for (uint32_t len = 0; len <= p.len; len++)
		assert_int_equal(cut_user(&p, GP_ETHERNET, len, p.len), len > p.llc_at);
}

static void what_is_cut_before_its_last_ie_stays(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 300);
	gp_ie(&p, 0x00, 2, 0);
	gp_finish(&p);
	for (uint32_t len = p.llc_at; len < p.llc_at + 302; len++)
		assert_false(cut_user(&p, GP_ETHERNET, len, p.len));
	assert_true(eth_user(&p));
}

static void a_packet_shorter_than_its_headers_say_stays(void **state)
{
	struct gp p;

	gp_unitdata(&p, GP_UL_UNITDATA, 3, 40);
	for (uint32_t len = 0; len < p.len; len++)
		assert_false(cut_user(&p, GP_ETHERNET, len, len));
	/* Nor does what lies behind its length on the wire belong to it. */
	assert_false(cut_user(&p, GP_ETHERNET, p.len, p.len - 1));
}

/* Whatever stands in it, it is read within its bounds. */
static void mutants_are_read_within_their_bounds(void **state)
{
	static const uint16_t linktypes[] = { GP_ETHERNET, GP_SLL, GP_SLL2, GP_RAW };
	struct random r = { 4711 };
	unsigned user = 0;
	struct gp p;

	for (unsigned i = 0; i < 200000; i++) {
		uint16_t linktype = linktypes[random_below(&r, 4)];
		uint32_t len;

		behind(&p, linktype, i & 1 ? 0x86DD : 0x0800, random_below(&r, 3), i & 1);
		for (uint32_t k = random_below(&r, 4); k; k--)
			p.b[random_below(&r, p.len)] = (uint8_t)random_below(&r, 256);
		len = random_below(&r, 4) ? p.len : random_below(&r, p.len + 1);
		user += cut_user(&p, linktype, len, p.len);
	}
	assert_in_range(user, 10000, 190000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unitdata_of_user_sapis_is_user_traffic),
		cmocka_unit_test(bvc_flow_control_is_dropped_with_it),
		cmocka_unit_test(flow_control_without_what_it_must_have_stays),
		cmocka_unit_test(flow_control_with_an_llc_pdu_stays),
		cmocka_unit_test(every_other_bssgp_pdu_stays),
		cmocka_unit_test(every_other_ns_pdu_stays),
		cmocka_unit_test(ns_control_bits_may_ask_for_a_change_of_flow_only),
		cmocka_unit_test(bvcis_of_no_cell_stay),
		cmocka_unit_test(it_is_found_behind_every_link_layer_with_up_to_four_tags),
		cmocka_unit_test(it_is_found_without_a_link_layer),
		cmocka_unit_test(other_link_layers_and_ethertypes_stay),
		cmocka_unit_test(ipv4_fragments_stay),
		cmocka_unit_test(ipv4_options_are_passed_over),
		cmocka_unit_test(ipv4_that_is_not_whole_udp_stays),
		cmocka_unit_test(ethernet_padding_is_not_of_the_packet),
		cmocka_unit_test(ipv6_extensions_are_passed_over),
		cmocka_unit_test(ipv6_extensions_are_limited),
		cmocka_unit_test(ipv6_fragments_stay),
		cmocka_unit_test(ipv6_that_is_not_whole_stays),
		cmocka_unit_test(udp_fills_its_datagram),
		cmocka_unit_test(ports_narrow_it_down),
		cmocka_unit_test(optional_ies_are_passed_over),
		cmocka_unit_test(the_cell_or_the_lifetime_must_be_there_once_in_its_length),
		cmocka_unit_test(there_is_one_llc_pdu),
		cmocka_unit_test(no_llc_frame_is_shorter_than_five_octets),
		cmocka_unit_test(other_bits_of_the_llc_address_make_it_no_llc),
		cmocka_unit_test(ies_fill_the_pdu_exactly),
		cmocka_unit_test(the_number_of_ies_is_limited),
		cmocka_unit_test(a_cut_packet_is_known_from_the_llc_address_on),
		cmocka_unit_test(what_is_cut_before_its_last_ie_stays),
		cmocka_unit_test(a_packet_shorter_than_its_headers_say_stays),
		cmocka_unit_test(mutants_are_read_within_their_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
