/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_build.h"
#include "bc_lockstep.h"
#include "bc_pcapng.h"
#include "bc_reader.h"

#define S 1000000000ULL

static const char data[] = "0123456789abcdef";

/* A reader over a built file, record by record. */
struct walk {
	struct bc_reader *r;
	const struct build *f;
	size_t at;
	struct bc_record rec;
	struct bc_err err;
};

static void walk_begin(struct walk *w, const struct build *f)
{
	*w = (struct walk){ .r = bc_reader_new(), .f = f };
	assert_non_null(w->r);
}

static int walk_next(struct walk *w)
{
	size_t consumed = 0, need = 0;
	int rc = bc_reader_next(w->r, w->f->b + w->at, w->f->n - w->at, &consumed, &need, &w->rec, &w->err);

	w->at += consumed;
	return rc;
}

static void walk_end(struct walk *w)
{
	assert_int_equal(w->at, w->f->n);
	assert_int_equal(walk_next(w), BC_READ_MORE);
	bc_reader_free(w->r);
}

static void expect_record(struct walk *w, uint64_t ts_ns, uint32_t iface, uint32_t caplen, uint32_t wirelen)
{
	assert_int_equal(walk_next(w), BC_READ_RECORD);
	assert_true(w->rec.ts_ns == ts_ns);
	assert_int_equal(w->rec.iface, iface);
	assert_int_equal(w->rec.caplen, caplen);
	assert_int_equal(w->rec.wirelen, wirelen);
	assert_memory_equal(w->rec.data, data, caplen);
}

/* Pass over what comes before the first record or error. */
static int walk_to_record(struct walk *w)
{
	int rc;

	do
		rc = walk_next(w);
	while (rc > BC_READ_RECORD);
	return rc;
}

static void expect_corrupt(const struct build *f, const char *words)
{
	struct walk w;

	walk_begin(&w, f);
	memset(&w.rec, 0xee, sizeof(w.rec));
	assert_int_equal(walk_to_record(&w), -EBADMSG);
	assert_string_equal(w.err.msg, words);
	bc_reader_free(w.r);
}

/* The time of one packet with that stamp and that clock; fails if it has none. */
static uint64_t ns_of(uint8_t tsresol, int64_t offset_s, uint64_t ts)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	add_idb_clock(&f, tsresol, offset_s);
	add_epb(&f, 0, ts, data, 4, 4);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
	bc_reader_free(w.r);
	return w.rec.ts_ns;
}

static void expect_clamped(uint8_t tsresol, int64_t offset_s, uint64_t ts, uint64_t to)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	add_idb_clock(&f, tsresol, offset_s);
	add_epb(&f, 0, ts, data, 4, 4);
	add_epb(&f, 0, ts, data, 5, 5);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
	assert_true(w.rec.clamped);
	assert_true(w.rec.ts_ns == to);
	assert_int_equal(walk_next(&w), BC_READ_RECORD);
	walk_end(&w);
}

static void free_takes_null(void **state)
{
	bc_reader_free(NULL);
}

static void pcap_is_read_in_both_orders_and_resolutions(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++)
		for (int ns = 0; ns < 2; ns++) {
			struct build f = { .big_endian = big_endian };
			struct walk w;

			add_pcap_header(&f, ns ? 0xa1b23c4d : 0xa1b2c3d4, 96, 113);
			add_pcap_record(&f, 0xffffffff, 999999, data, 5, 1500);
			add_pcap_record(&f, 1, 2, data, 0, 0);
			walk_begin(&w, &f);
			assert_int_equal(walk_next(&w), BC_READ_IFACE);
			assert_int_equal(w.rec.iface, 0);
			assert_int_equal(bc_reader_iface(w.r, 0)->linktype, 113);
			assert_int_equal(bc_reader_iface(w.r, 0)->snaplen, 96);
			assert_int_equal(bc_reader_iface(w.r, 0)->stamp, BC_STAMP_FILE);
			expect_record(&w, 0xffffffff * S + (ns ? 999999 : 999999000), 0, 5, 1500);
			expect_record(&w, S + (ns ? 2 : 2000), 0, 0, 0);
			assert_int_equal(w.rec.dropcount, 0);
			walk_end(&w);
		}
}

static void modified_pcap_has_longer_record_headers(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .big_endian = big_endian };
		struct walk w;

		add_pcap_header(&f, 0xa1b2cd34, 65535, 1);
		for (int i = 0; i < 2; i++) {
			add_pcap_record(&f, 1, 2, "", 0, 9);
			f.n -= 8;
			add32(&f, 4);
			add32(&f, 9);
			add64(&f, 0x1122334455667788);
			add_bytes(&f, data, 4);
		}
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		expect_record(&w, S + 2000, 0, 4, 9);
		expect_record(&w, S + 2000, 0, 4, 9);
		walk_end(&w);
	}
}

static void pcap_tells_the_length_of_the_check_sequence(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_pcap_header(&f, 0xa1b2c3d4, 65535, 0x24000000 | 147);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	assert_int_equal(bc_reader_iface(w.r, 0)->linktype, 147);
	assert_true(bc_reader_iface(w.r, 0)->has_fcs_len);
	assert_int_equal(bc_reader_iface(w.r, 0)->fcs_len, 4);
	walk_end(&w);
}

static void old_pcap_has_its_lengths_swapped(void **state)
{
	static const struct {
		uint8_t minor;
		bool swapped;
	} is[] = { { 0, true }, { 2, true }, { 3, true }, { 3, false }, { 4, false } };

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct build f = { .n = 0 };
		struct walk w;

		add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
		f.b[6] = is[i].minor;
		for (int k = 0; k < 2; k++) {
			add32(&f, 1);
			add32(&f, 2);
			add32(&f, is[i].swapped ? 9 : 5);
			add32(&f, is[i].swapped ? 5 : 9);
			add_bytes(&f, data, 5);
		}
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		expect_record(&w, S + 2000, 0, 5, 9);
		expect_record(&w, S + 2000, 0, 5, 9);
		walk_end(&w);
	}
}

static void zeros_are_no_packets_of_pcap(void **state)
{
	struct build f = { .n = 0 };

	add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
	for (int i = 0; i < 4; i++)
		add64(&f, 0);
	expect_corrupt(&f, "zeros where a packet should be");
}

static void a_packet_of_time_zero_is_one(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
	add_pcap_record(&f, 0, 0, data, 4, 4);
	add_pcap_record(&f, 0, 0, data, 0, 4);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	expect_record(&w, 0, 0, 4, 4);
	expect_record(&w, 0, 0, 0, 4);
	walk_end(&w);
}

static void pcap_errors(void **state)
{
	struct build f = { .n = 0 };

	add_bytes(&f, "\x1f\x8b\x08\x00", 4);
	expect_corrupt(&f, "neither pcap nor pcapng: it begins with 1f 8b 08 00");

	f.n = 0;
	add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
	f.b[4] = 3;
	expect_corrupt(&f, "unknown pcap version 3.4: only 2.x is supported");

	f.n = 0;
	add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
	add_pcap_record(&f, 1, 2, data, 0, 0);
	memset(f.b + 24 + 8, 0xff, 4);
	expect_corrupt(&f, "a record claims 4294967295 bytes; the limit is 16777200");
}

static void a_pcap_record_of_the_greatest_size_is_asked_for(void **state)
{
	struct build f = { .n = 0 };
	size_t consumed = 0, need = 0;
	struct walk w;

	add_pcap_header(&f, 0xa1b2c3d4, 65535, 1);
	add_pcap_record(&f, 1, 2, data, 0, 0);
	f.n -= 8;
	add32(&f, BC_READER_MAX_BLOCK - 16);
	add32(&f, 0);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	assert_int_equal(bc_reader_next(w.r, f.b + 24, 16, &consumed, &need, &w.rec, NULL), BC_READ_MORE);
	assert_int_equal(need, BC_READER_MAX_BLOCK);
	bc_reader_free(w.r);
}

static void pcapng_is_read_in_both_orders(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 };
		struct walk w;

		add_shb(&f, big_endian);
		add_idb(&f, 113, 96);
		add_epb(&f, 0, 0x500000001, data, 5, 1500);
		add_epb(&f, 0, 7, data, 0, 0);
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		assert_int_equal(w.rec.iface, 0);
		assert_int_equal(bc_reader_iface(w.r, 0)->linktype, 113);
		assert_int_equal(bc_reader_iface(w.r, 0)->snaplen, 96);
		expect_record(&w, 0x500000001 * 1000, 0, 5, 1500);
		assert_int_equal(w.rec.dropcount, 0);
		expect_record(&w, 7000, 0, 0, 0);
		walk_end(&w);
	}
}

static void sections_that_describe_alike_share_interfaces(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	for (int section = 0; section < 3; section++) {
		add_shb(&f, section == 1);
		add_idb(&f, 1, 0);
		add_epb(&f, 0, 1, data, 4, 4);
		add_idb(&f, 1, 0);
		add_epb(&f, 1, 2, data, 4, 4);
		add_epb(&f, 0, 3, data, 4, 4);
	}
	walk_begin(&w, &f);
	for (int section = 0; section < 3; section++) {
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), section ? BC_READ_SKIP : BC_READ_IFACE);
		expect_record(&w, 1000, 0, 4, 4);
		assert_int_equal(walk_next(&w), section ? BC_READ_SKIP : BC_READ_IFACE);
		expect_record(&w, 2000, 1, 4, 4);
		expect_record(&w, 3000, 0, 4, 4);
	}
	walk_end(&w);
}

static void interfaces_of_different_sections_are_told_apart(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	for (uint32_t section = 0; section < 3; section++) {
		add_shb(&f, section == 1);
		if (section < 2)
			add_idb(&f, (uint16_t)(1 + section), 0);
		else
			add_idb_clock(&f, 9, 0);
		add_epb(&f, 0, 1, data, 4, 4);
	}
	walk_begin(&w, &f);
	for (uint32_t section = 0; section < 3; section++) {
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		assert_int_equal(w.rec.iface, section);
		expect_record(&w, section < 2 ? 1000 : 1, section, 4, 4);
	}
	walk_end(&w);
}

static void an_interface_of_the_section_before_is_not_declared(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_idb(&f, 1, 0);
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_epb(&f, 1, 0, data, 4, 4);
	expect_corrupt(&f, "a packet of interface 1, but its section has declared 1");
}

static void a_new_section_ends_the_byte_order_of_the_old(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, true);
	add_idb(&f, 1, 0);
	add_shb(&f, false);
	f.big_endian = true;
	add_idb(&f, 1, 0);
	expect_corrupt(&f, "a block of type 0x01000000 claims an impossible 335544320 bytes");
}

static void decimal_resolutions(void **state)
{
	assert_true(ns_of(6, 0, 1700000000123456) == 1700000000123456000);
	assert_true(ns_of(9, 0, UINT64_MAX) == UINT64_MAX);
	assert_true(ns_of(0, 0, 18446744073) == 18446744073 * S);
	assert_true(ns_of(3, 0, 1700000000123) == 1700000000123000000);
	assert_true(ns_of(12, 0, 1999) == 1);
	assert_true(ns_of(12, 0, UINT64_MAX) == UINT64_MAX / 1000);
	assert_true(ns_of(28, 0, UINT64_MAX) == 1);
	assert_true(ns_of(29, 0, UINT64_MAX) == 0);
	assert_true(ns_of(127, 0, UINT64_MAX) == 0);
}

static void binary_resolutions(void **state)
{
	assert_true(ns_of(0x80, 0, 5) == 5 * S);
	assert_true(ns_of(0x80 | 1, 0, 3) == 1500000000);
	assert_true(ns_of(0x80 | 30, 0, (1ULL << 30) + 1) == S);
	assert_true(ns_of(0x80 | 32, 0, UINT64_MAX) == 4294967295999999999);
	assert_true(ns_of(0x80 | 64, 0, UINT64_MAX) == 999999999);
	assert_true(ns_of(0x80 | 127, 0, UINT64_MAX) == 0);
}

static void offsets_are_added(void **state)
{
	assert_true(ns_of(9, 1700000000, 5) == 1700000000 * S + 5);
	assert_true(ns_of(6, -1, 1500000) == 500000000);
	assert_true(ns_of(6, -18446744073709, UINT64_MAX) == 551615000);
	assert_true(ns_of(0, -9000000000000000000, 9000000000000000001) == S);
}

static void times_out_of_range_are_clamped(void **state)
{
	expect_clamped(0, 0, 18446744074, UINT64_MAX);
	expect_clamped(6, 0, UINT64_MAX, UINT64_MAX);
	expect_clamped(0x80, 0, UINT64_MAX, UINT64_MAX);
	expect_clamped(9, 1, UINT64_MAX, UINT64_MAX);
	expect_clamped(9, -1, 999999999, 0);
	expect_clamped(9, INT64_MIN, UINT64_MAX, 0);
	expect_clamped(0, INT64_MAX, UINT64_MAX, UINT64_MAX);
}

static void packet_options_give_the_dropcount(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 };
		struct walk w;

		add_shb(&f, big_endian);
		add_idb(&f, 1, 0);
		begin_epb(&f, 0, 1, data, 5, 5);
		add_option(&f, 1, "a comment", 9);
		add_option64(&f, 4, 0x100000002);
		add_option(&f, 0, "", 0);
		end_block(&f);
		begin_epb(&f, 0, 2, data, 6, 6);
		add_option(&f, 2, "\0\0\0\1", 4);
		end_block(&f);
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		expect_record(&w, 1000, 0, 5, 5);
		assert_true(w.rec.dropcount == 0x100000002);
		expect_record(&w, 2000, 0, 6, 6);
		assert_true(w.rec.dropcount == 0);
		walk_end(&w);
	}
}

static void what_follows_the_end_of_options_is_none(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	add_idb(&f, 1, 0);
	begin_epb(&f, 0, 1, data, 4, 4);
	add_option(&f, 0, "", 0);
	add_option64(&f, 4, 7);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
	assert_true(w.rec.dropcount == 0);
	bc_reader_free(w.r);
}

static void the_obsolete_packet_block_is_read(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 };
		struct walk w;

		add_shb(&f, big_endian);
		add_idb(&f, 1, 0);
		add_idb(&f, 1, 0);
		add_pb(&f, 1, 0xfffe, 0x100000000, data, 5, 9);
		add_pb(&f, 0, 0xffff, 1, data, 4, 4);
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		assert_int_equal(walk_next(&w), BC_READ_IFACE);
		expect_record(&w, 0x100000000 * 1000, 1, 5, 9);
		assert_int_equal(w.rec.dropcount, 0xfffe);
		expect_record(&w, 1000, 0, 4, 4);
		assert_int_equal(w.rec.dropcount, 0);
		walk_end(&w);
	}
}

static void simple_packets_end_at_the_snaplen(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	add_idb(&f, 1, 5);
	add_spb(&f, 1500, data, 5);
	add_spb(&f, 4, data, 4);
	add_shb(&f, true);
	add_idb(&f, 1, 0);
	add_spb(&f, 15, data, 15);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	expect_record(&w, 0, 0, 5, 1500);
	assert_int_equal(w.rec.dropcount, 0);
	expect_record(&w, 0, 0, 4, 4);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	expect_record(&w, 0, 1, 15, 15);
	walk_end(&w);
}

static void other_blocks_are_passed_over(void **state)
{
	const uint32_t types[] = { 0, 5, 0x40000bad, 0x80000001, 0xffffffff };
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin_block(&f, types[i]);
		add_bytes(&f, data, 4 * (i % 4));
		end_block(&f);
	}
	walk_begin(&w, &f);
	for (size_t i = 0; i <= sizeof(types) / sizeof(types[0]); i++)
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
	walk_end(&w);
}

static void an_interface_is_read_as_it_was_written(void **state)
{
	const struct bc_iface eth0 = {
		.name = "eth0", .description = "uplink \xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9f", .hardware = "net_ixgbe",
		.clock = "within 1 us", .stamp = BC_STAMP_NIC, .linktype = 1, .speed_bps = 10000000000ULL,
		.mac = { 2, 0, 0, 0, 0, 1 }, .has_mac = 1,
	};
	struct build f = { .n = 0 };
	const struct bc_iface *got;
	struct walk w;

	add_shb(&f, false);
	f.n += bc_pcapng_idb(f.b + f.n, sizeof(f.b) - f.n, &eth0, 128, "tcp");
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	got = bc_reader_iface(w.r, 0);
	assert_string_equal(got->name, eth0.name);
	assert_string_equal(got->description, eth0.description);
	assert_string_equal(got->hardware, eth0.hardware);
	assert_string_equal(got->clock, "stamp: nic; within 1 us");
	assert_int_equal(got->stamp, BC_STAMP_FILE);
	assert_int_equal(got->linktype, 1);
	assert_int_equal(got->snaplen, 128);
	assert_true(got->speed_bps == eth0.speed_bps);
	assert_true(got->has_mac);
	assert_memory_equal(got->mac, eth0.mac, 6);
	walk_end(&w);
}

static void the_word_on_the_stamp_does_not_grow_when_copied(void **state)
{
	const struct bc_iface copied = { .clock = "stamp: nic; within 1 us", .stamp = BC_STAMP_FILE };
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	f.n += bc_pcapng_idb(f.b + f.n, sizeof(f.b) - f.n, &copied, 0, NULL);
	begin_idb(&f, 1, 0);
	add_option(&f, 1, "another comment", 15);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	assert_string_equal(bc_reader_iface(w.r, 0)->clock, "stamp: nic; within 1 us");
	assert_string_equal(bc_reader_iface(w.r, 1)->clock, "");
	walk_end(&w);
}

/* The name that an interface has after reading len bytes of text. */
static void expect_name(const void *text, uint16_t len, const char *name)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	begin_idb(&f, 1, 0);
	add_option(&f, 2, text, len);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	assert_string_equal(bc_reader_iface(w.r, 0)->name, name);
	walk_end(&w);
}

static void names_become_clean_text(void **state)
{
	expect_name("a\nb\033c\x7f", 6, "a?b?c?");
	expect_name("eth0\0evil", 9, "eth0");
	expect_name("", 0, "");
	expect_name("\xc2\x9b" "2J", 4, "?2J");		/* a control character of two bytes */
	expect_name("\x80" "a\xff" "b", 4, "?a?b");	/* no first byte */
	expect_name("\xc0\xaf", 2, "??");		/* overlong */
	expect_name("\xe0\x80\xaf", 3, "???");
	expect_name("\xed\xa0\x80", 3, "???");		/* a surrogate */
	expect_name("\xf4\x90\x80\x80", 4, "????");	/* beyond Unicode */
	expect_name("\xe2\x82", 2, "??");		/* cut short */
	expect_name("\xc3(", 2, "?(");
}

static void a_name_ends_where_its_option_ends(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	/* The next option's code would complete the character. */
	add_shb(&f, false);
	begin_idb(&f, 1, 0);
	add_option(&f, 2, "ab\xe2\x82", 4);
	add_option(&f, 0xac, "", 0);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	assert_string_equal(bc_reader_iface(w.r, 0)->name, "ab??");
	walk_end(&w);
}

static void long_names_are_cut_before_a_character(void **state)
{
	char text[300], want[129];

	memset(text, 'x', sizeof(text));
	memset(want, 'x', sizeof(want));
	want[127] = '\0';
	expect_name(text, sizeof(text), want);
	memcpy(text + 126, "\xc3\xa9", 2);
	want[126] = '\0';
	expect_name(text, sizeof(text), want);
}

static void block_length_errors(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	begin_block(&f, 0xbad);
	add32(&f, 8);
	f.b[f.block + 4] = 8;
	expect_corrupt(&f, "a block of type 0x00000bad claims an impossible 8 bytes");
	f.b[f.block + 4] = 14;
	expect_corrupt(&f, "a block of type 0x00000bad claims an impossible 14 bytes");
	f.b[f.block + 4] = 4;
	f.b[f.block + 7] = 1;
	expect_corrupt(&f, "a block of type 0x00000bad claims an impossible 16777220 bytes");
	f.b[f.block + 7] = 0;
	f.b[f.block + 4] = 12;
	expect_corrupt(&f, "a block of type 0x00000bad has length 12 at its start and 8 at its end");
}

static void a_block_of_the_greatest_size_is_asked_for(void **state)
{
	struct build f = { .n = 0 };
	size_t consumed = 0, need = 0;
	struct walk w;

	add_shb(&f, false);
	begin_block(&f, 6);
	f.n -= 4;
	add32(&f, BC_READER_MAX_BLOCK);
	add32(&f, 0);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(bc_reader_next(w.r, f.b + w.at, 12, &consumed, &need, &w.rec, NULL), BC_READ_MORE);
	assert_int_equal(need, BC_READER_MAX_BLOCK);
	bc_reader_free(w.r);
}

static void section_header_errors(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	f.b[8] = 0;
	expect_corrupt(&f, "a section header without a byte-order magic");

	f.n = 0;
	add_shb(&f, false);
	f.b[12] = 2;
	expect_corrupt(&f, "unknown pcapng version 2.0: only 1.x is supported");

	f.n = 0;
	begin_block(&f, 0x0a0d0d0a);
	add32(&f, 0x1a2b3c4d);
	add64(&f, 0);
	end_block(&f);
	expect_corrupt(&f, "a block of type 0x0a0d0d0a claims an impossible 24 bytes");
}

/* A file with a block of type and of body bytes that are zero. */
static void short_block(struct build *f, uint32_t type, size_t body)
{
	static const uint8_t zero[32];

	*f = (struct build){ .n = 0 };
	add_shb(f, false);
	add_idb(f, 1, 0);
	begin_block(f, type);
	add_bytes(f, zero, body);
	end_block(f);
}

static void blocks_shorter_than_their_fields_are_corrupt(void **state)
{
	struct build f;

	short_block(&f, 1, 4);
	expect_corrupt(&f, "an interface description of 16 bytes is too short");
	short_block(&f, 2, 16);
	expect_corrupt(&f, "a block of type 0x00000002 claims an impossible 28 bytes");
	short_block(&f, 3, 0);
	expect_corrupt(&f, "a block of type 0x00000003 claims an impossible 12 bytes");
	short_block(&f, 6, 16);
	expect_corrupt(&f, "a block of type 0x00000006 claims an impossible 28 bytes");
}

static void packet_length_errors(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_epb(&f, 0, 0, data, 4, 4);
	f.b[f.block + 20] = 5;
	expect_corrupt(&f, "a packet claims 5 bytes, but its block has 4");
	memset(f.b + f.block + 20, 0xff, 4);
	expect_corrupt(&f, "a packet claims 4294967295 bytes, but its block has 4");

	f.n = 0;
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_pb(&f, 0, 0, 0, data, 4, 4);
	f.b[f.block + 20] = 5;
	expect_corrupt(&f, "a packet claims 5 bytes, but its block has 4");

	f.n = 0;
	add_shb(&f, false);
	add_idb(&f, 1, 6);
	add_spb(&f, 1500, data, 4);
	expect_corrupt(&f, "a simple packet of 6 bytes, but its block has 4");
}

/* A nanosecond packet in little-endian: what its short way does not take must not pass. */
static void usual_packet_errors(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	add_idb_clock(&f, 9, 0);
	add_epb(&f, 0, 0, data, 4, 4);
	f.b[f.n - 4] = 40;
	expect_corrupt(&f, "a block of type 0x00000006 has length 36 at its start and 40 at its end");
	f.b[f.n - 4] = 36;
	f.b[f.block + 8] = 1;
	expect_corrupt(&f, "a packet of interface 1, but its section has declared 1");
	f.b[f.block + 8] = 0;
	f.b[f.block + 20] = 5;
	expect_corrupt(&f, "a packet claims 5 bytes, but its block has 4");

	f.n = f.block;
	add_epb(&f, 0, 0, data, 0, 0);
	memset(f.b + f.block + 20, 0xff, 4);
	expect_corrupt(&f, "a packet claims 4294967295 bytes, but its block has 0");

	f.n = 0;
	add_shb(&f, true);
	add_idb_clock(&f, 9, 0);
	f.big_endian = false;
	add_epb(&f, 0, 0, data, 4, 4);
	expect_corrupt(&f, "a block of type 0x06000000 claims an impossible 603979776 bytes");
}

static void a_usual_packet_beyond_the_greatest_size_is_corrupt(void **state)
{
	uint32_t total = BC_READER_MAX_BLOCK + 4;
	size_t consumed = 0, need = 0;
	struct build f = { .n = 0 };
	uint8_t *big = calloc(1, total);
	struct walk w;

	add_shb(&f, false);
	add_idb_clock(&f, 9, 0);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	bc_epb_end(bc_epb_begin(big, 0, 0, total - BC_EPB_FIXED, 0, 0), total - BC_EPB_FIXED, 0, 0, 0, 0);
	assert_int_equal(bc_reader_next(w.r, big, total, &consumed, &need, &w.rec, &w.err), -EBADMSG);
	assert_string_equal(w.err.msg, "a block of type 0x00000006 claims an impossible 16777220 bytes");
	bc_reader_free(w.r);
	free(big);
}

static void usual_packets_are_read(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	begin_idb(&f, 113, 0);
	end_block(&f);
	add_shb(&f, false);
	add_idb_clock(&f, 6, 0);
	add_idb_clock(&f, 9, 0);
	for (uint32_t caplen = 0; caplen < 9; caplen++)
		add_epb(&f, 1, 0x500000001, data, caplen, 1500);
	walk_begin(&w, &f);
	for (int i = 0; i < 5; i++)
		assert_true(walk_next(&w) > BC_READ_RECORD);
	for (uint32_t caplen = 0; caplen < 9; caplen++) {
		expect_record(&w, 0x500000001, 2, caplen, 1500);
		assert_int_equal(w.rec.dropcount, 0);
	}
	walk_end(&w);
}

static void packets_need_an_interface(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	add_epb(&f, 0, 0, data, 4, 4);
	expect_corrupt(&f, "a packet of interface 0, but its section has declared 0");

	f.n = 0;
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_epb(&f, 0xffffffff, 0, data, 4, 4);
	expect_corrupt(&f, "a packet of interface 4294967295, but its section has declared 1");

	f.n = 0;
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_pb(&f, 1, 0, 0, data, 4, 4);
	expect_corrupt(&f, "a packet of interface 1, but its section has declared 1");

	f.n = 0;
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	add_shb(&f, false);
	add_spb(&f, 4, data, 4);
	expect_corrupt(&f, "a simple packet, but its section has declared no interface");
}

/* What the reader makes of the block in f that follows a section header is the one in expected. */
static void expect_kept(const struct build *f, enum bc_carry_kind kind, const struct build *expected)
{
	struct walk w;

	walk_begin(&w, f);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(walk_next(&w), BC_READ_KEEP);
	assert_int_equal(w.rec.keep, kind);
	assert_int_equal(w.rec.kept_len, expected->n);
	assert_memory_equal(w.rec.kept, expected->b, expected->n);
	walk_end(&w);
}

static void add_secrets(struct build *f)
{
	begin_block(f, 10);
	add32(f, 0x544c534b);
	add32(f, 5);
	add_bytes(f, data, 5);
	add_pad(f);
	add_option(f, 1, "of last week", 12);
	add32(f, 0);
	end_block(f);
}

static void add_names(struct build *f)
{
	begin_block(f, 4);
	add16(f, 1);
	add16(f, 8);
	add_bytes(f, "\xc0\0\2\1web", 8);
	add16(f, 0);
	add16(f, 0);
	add_option(f, 2, "resolver", 8);
	add_option(f, 3, "\xc0\0\2\2", 4);
	add32(f, 0);
	end_block(f);
}

static void secrets_and_names_are_kept_in_one_byte_order(void **state)
{
	static void (*const add[])(struct build *f) = { add_secrets, add_names };

	for (size_t i = 0; i < sizeof(add) / sizeof(add[0]); i++)
		for (int big_endian = 0; big_endian < 2; big_endian++) {
			struct build f = { .n = 0 }, expected = { .n = 0 };

			add_shb(&f, big_endian);
			add[i](&f);
			add[i](&expected);
			expect_kept(&f, BC_CARRY_BLOCK, &expected);
		}
}

static void add_custom_option(struct build *f, uint16_t code)
{
	add16(f, code);
	add16(f, 7);
	add32(f, 32473);
	add_bytes(f, "abc", 3);
	add_pad(f);
}

static void custom_options_are_kept_if_they_may_be_copied(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 }, expected = { .n = 0 };

		add_shb(&f, big_endian);
		for (int i = 0; i < 2; i++) {
			struct build *to = i ? &expected : &f;

			begin_block(to, 10);
			add64(to, 0);
			add_custom_option(to, 2988);
			if (!i)
				add_custom_option(to, 19372);
			add_custom_option(to, 2989);
			if (!i)
				add_custom_option(to, 19373);
			add32(to, 0);
			end_block(to);
		}
		expect_kept(&f, BC_CARRY_BLOCK, &expected);
	}
}

static void add_custom_block(struct build *f, uint32_t type)
{
	begin_block(f, type);
	add32(f, 32473);
	add_bytes(f, data, 12);
	end_block(f);
}

/* What is in it only its enterprise knows, and so how to turn it round. */
static void custom_blocks_are_kept_as_they_are_or_not_at_all(void **state)
{
	static const struct {
		uint32_t type;
		bool big_endian, kept;
	} blocks[] = { { 0xbad, false, true }, { 0xbad, true, false }, { 0x40000bad, false, false }, { 0x80000001, false, false } };

	for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
		struct build f = { .n = 0 }, expected = { .n = 0 };
		struct walk w;

		add_shb(&f, blocks[i].big_endian);
		add_custom_block(&f, blocks[i].type);
		add_custom_block(&expected, blocks[i].type);
		if (blocks[i].kept)
			expect_kept(&f, BC_CARRY_HERE, &expected);
		walk_begin(&w, &f);
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
		assert_int_equal(walk_next(&w), blocks[i].kept ? BC_READ_KEEP : BC_READ_SKIP);
		assert_int_equal(bc_reader_found(w.r)->custom, 1);
		assert_int_equal(bc_reader_left_out(w.r)->custom, !blocks[i].kept);
		walk_end(&w);
	}
}

/* Everything that a packet can have, but the count of drops. */
static void add_packet_options(struct build *f)
{
	add_option(f, 1, "look here", 9);
	add16(f, 2);
	add16(f, 4);
	add32(f, 1);
	add_option(f, 3, "\2\1\2\3\4", 5);
	add_option64(f, 5, 0x1122334455667788);
	add16(f, 6);
	add16(f, 4);
	add32(f, 9);
	add_option(f, 7, "\0drop", 5);
	add16(f, 7);
	add16(f, 9);
	add_bytes(f, "\1", 1);
	add64(f, 2);
	add_pad(f);
	add16(f, 8);
	add16(f, 8);
	add32(f, 77);
	add32(f, 78);
	add_custom_option(f, 2988);
}

static void a_packets_options_are_kept_in_one_byte_order(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++)
		for (int obsolete = 0; obsolete < 2; obsolete++) {
			struct build f = { .n = 0 }, expected = { .n = 0 };
			struct walk w;

			add_shb(&f, big_endian);
			add_idb(&f, 1, 0);
			if (obsolete)
				add_pb(&f, 0, 3, 7, data, 5, 5);
			else
				add_epb(&f, 0, 7, data, 5, 5);
			f.n -= 4;
			add_packet_options(&f);
			if (!obsolete)
				add_option64(&f, 4, 3);
			add_custom_option(&f, 19372);
			end_block(&f);
			add_epb(&f, 0, 8, data, 4, 4);
			add_packet_options(&expected);
			walk_begin(&w, &f);
			assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
			assert_int_equal(w.rec.dropcount, 3);
			assert_int_equal(w.rec.kept_len, expected.n);
			assert_memory_equal(w.rec.kept, expected.b, expected.n);
			assert_true(w.rec.comments == 1 && w.rec.options == 9 && w.rec.left_out == 1 && w.rec.has_queue);
			assert_int_equal(walk_next(&w), BC_READ_RECORD);
			assert_true(w.rec.kept_len == 0 && w.rec.left_out == 0 && !w.rec.has_queue);
			walk_end(&w);
		}
}

/* What integers are in it cannot be known. */
static void an_unknown_option_is_kept_where_it_need_not_be_turned_round(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 };
		struct walk w;

		add_shb(&f, big_endian);
		add_idb(&f, 1, 0);
		begin_epb(&f, 0, 7, data, 4, 4);
		add_option(&f, 99, data, 6);
		add_option(&f, 7, "\5data", 5);
		end_block(&f);
		walk_begin(&w, &f);
		assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
		assert_int_equal(w.rec.kept_len, big_endian ? 0 : 24);
		assert_int_equal(w.rec.left_out, big_endian ? 2 : 0);
		walk_end(&w);
	}
}

static void add_iface_options(struct build *f)
{
	add_option(f, 1, "tap A", 5);
	add_option(f, 4, "\xc0\0\2\1\377\377\377\0", 8);
	add_option(f, 11, "\0tcp", 4);
	add_option(f, 12, "Linux 6.1", 9);
	add_option64(f, 16, 10000000000);
	add_custom_option(f, 2989);
}

static void what_a_file_says_of_an_interface_is_written_again(void **state)
{
	for (int big_endian = 0; big_endian < 2; big_endian++) {
		struct build f = { .n = 0 }, expected = { .n = 0 };
		const struct bc_iface *iface;
		uint8_t idb[1024];
		size_t n, with;
		struct walk w;

		add_shb(&f, big_endian);
		begin_idb(&f, 1, 0);
		add_option(&f, 2, "eth7", 4);
		add_iface_options(&f);
		add_custom_option(&f, 19373);
		end_block(&f);
		add_iface_options(&expected);
		walk_begin(&w, &f);
		assert_int_equal(walk_to_record(&w), BC_READ_MORE);
		iface = bc_reader_iface(w.r, 0);
		assert_int_equal(iface->options_len, expected.n);
		assert_memory_equal(iface->options, expected.b, expected.n);
		assert_int_equal(bc_reader_found(w.r)->comments, 1);
		assert_int_equal(bc_reader_found(w.r)->options, 6);
		assert_int_equal(bc_reader_left_out(w.r)->options, 1);
		n = bc_pcapng_idb(idb, sizeof(idb), iface, 0, NULL);
		assert_non_null(memmem(idb, n, expected.b, expected.n));
		with = bc_pcapng_idb(idb, sizeof(idb), iface, 0, "udp");
		assert_int_equal(with, n);
		assert_null(memmem(idb, with, "\0tcp", 4));
		assert_non_null(memmem(idb, with, "\0udp", 4));
		walk_end(&w);
	}
}

static void an_interface_has_room_for_so_many_options(void **state)
{
	static const char text[400];
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	begin_idb(&f, 1, 0);
	for (int i = 0; i < 3; i++)
		add_option(&f, 1, text, sizeof(text));
	add_option(&f, 12, "os", 2);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	assert_int_equal(bc_reader_iface(w.r, 0)->options_len, 2 * 404 + 8);
	assert_int_equal(bc_reader_left_out(w.r)->comments, 1);
	walk_end(&w);
}

static void statistics_of_other_programs_are_counted(void **state)
{
	const struct bc_pcapng_stats own = { .comment = "7 packets were lost here: disk_full; received=5" };
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	f.n += bc_pcapng_isb(f.b + f.n, sizeof(f.b) - f.n, &own);
	begin_block(&f, 5);
	add64(&f, 0);
	add32(&f, 0);
	add_option64(&f, 4, 44);
	end_block(&f);
	begin_block(&f, 5);
	end_block(&f);
	walk_begin(&w, &f);
	assert_int_equal(walk_to_record(&w), BC_READ_MORE);
	assert_int_equal(bc_reader_left_out(w.r)->statistics, 2);
	walk_end(&w);
}

static void what_the_first_section_says_of_itself_is_kept(void **state)
{
	struct build f = { .n = 0 }, expected = { .n = 0 };
	struct walk w;

	for (int section = 0; section < 2; section++) {
		add_shb(&f, section);
		f.n -= 4;
		add_option(&f, 3, "Linux", 5);
		add_option(&f, 1, "host: a", 7);
		add_option(&f, 1, "branch office", 13);
		end_block(&f);
	}
	add_option(&expected, 1, "branch office", 13);
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_KEEP);
	assert_int_equal(w.rec.keep, BC_CARRY_SECTION);
	assert_int_equal(w.rec.kept_len, expected.n);
	assert_memory_equal(w.rec.kept, expected.b, expected.n);
	assert_int_equal(bc_reader_left_out(w.r)->comments, 0);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(bc_reader_left_out(w.r)->comments, 1);
	walk_end(&w);
}

static void blocks_that_are_not_well_formed_are_left_out(void **state)
{
	struct build f = { .n = 0 };
	struct walk w;

	add_shb(&f, false);
	begin_block(&f, 10);
	add32(&f, 1);
	end_block(&f);
	begin_block(&f, 10);
	add32(&f, 1);
	add32(&f, 5);
	add32(&f, 0);
	end_block(&f);
	begin_block(&f, 4);
	add16(&f, 1);
	add16(&f, 5);
	add32(&f, 0);
	end_block(&f);
	begin_block(&f, 4);
	add32(&f, 0);
	add16(&f, 1);
	add16(&f, 1);
	end_block(&f);
	begin_block(&f, 0xbad);
	end_block(&f);
	walk_begin(&w, &f);
	for (int i = 0; i < 6; i++)
		assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(bc_reader_left_out(w.r)->secrets, 2);
	assert_int_equal(bc_reader_left_out(w.r)->names, 2);
	assert_int_equal(bc_reader_left_out(w.r)->custom, 1);
	walk_end(&w);
}

static void what_stands_beside_packets_is_counted(void **state)
{
	static const uint32_t types[] = { 4, 10, 10, 5, 0xbad, 9, BC_PCAPNG_INDEX };
	const struct bc_reader_beside *found;
	struct build f = { .n = 0 };
	struct walk w;
	int rc;

	add_shb(&f, true);
	f.n -= 4;
	add_option(&f, 1, "host: a", 7);
	add_option(&f, 1, "branch office", 13);
	end_block(&f);
	begin_idb(&f, 1, 0);
	add_option(&f, 1, "tap A", 5);
	add_option(&f, 1, "stamp: nic", 10);
	end_block(&f);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		begin_block(&f, types[i]);
		add_bytes(&f, data, 12);
		end_block(&f);
	}
	begin_epb(&f, 0, 7, data, 4, 4);
	add_option(&f, 1, "look", 4);
	add_option(&f, 1, "here", 4);
	add_option(&f, 2, "\0\0\0\1", 4);
	add_option64(&f, 4, 3);
	end_block(&f);
	add_epb(&f, 0, 8, data, 4, 4);
	walk_begin(&w, &f);
	do
		rc = walk_next(&w);
	while (rc > BC_READ_RECORD);
	assert_int_equal(rc, BC_READ_RECORD);
	assert_true(w.rec.comments == 2 && w.rec.options == 1 && w.rec.dropcount == 3);
	assert_int_equal(walk_next(&w), BC_READ_RECORD);
	assert_true(w.rec.comments == 0 && w.rec.options == 0);
	found = bc_reader_found(w.r);
	assert_true(found->names == 1 && found->secrets == 2 && found->custom == 2 && found->comments == 2);
	walk_end(&w);
}

static void options_of_a_wrong_length_are_ignored(void **state)
{
	static const struct {
		uint16_t code, len;
	} odd[] = { { 6, 5 }, { 6, 8 }, { 8, 0 }, { 8, 4 }, { 9, 0 }, { 13, 4 }, { 14, 16 } };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct build f = { .n = 0 };
		const struct bc_iface *iface;
		struct walk w;

		add_shb(&f, false);
		begin_idb(&f, 1, 0);
		add_option(&f, odd[i].code, data, odd[i].len);
		add_option(&f, 2, "eth0", 4);
		end_block(&f);
		begin_epb(&f, 0, 7, data, 4, 4);
		add_option(&f, 4, data, 4);
		end_block(&f);
		walk_begin(&w, &f);
		assert_int_equal(walk_to_record(&w), BC_READ_RECORD);
		assert_true(w.rec.ts_ns == 7000);
		assert_int_equal(w.rec.dropcount, 0);
		iface = bc_reader_iface(w.r, 0);
		assert_string_equal(iface->name, "eth0");
		assert_false(iface->has_mac || iface->has_fcs_len || iface->speed_bps);
		assert_int_equal(bc_reader_ignored(w.r), 2);
		walk_end(&w);
	}
}

static void options_longer_than_their_block_are_corrupt(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	begin_idb(&f, 1, 0);
	add_option(&f, 2, data, 4);
	end_block(&f);
	f.b[f.block + 18] = 5;
	expect_corrupt(&f, "option 2 claims 5 bytes, but its block has only 4 left");

	f = (struct build){ .n = 0 };
	add_shb(&f, false);
	add_idb(&f, 1, 0);
	begin_epb(&f, 0, 0, data, 4, 4);
	add_option(&f, 4, data, 4);
	end_block(&f);
	f.b[f.block + 34] = 5;
	expect_corrupt(&f, "option 4 claims 5 bytes, but its block has only 4 left");
}

static void a_failed_packet_leaves_the_record_alone(void **state)
{
	struct build f = { .n = 0 };
	struct bc_record before;
	struct walk w;

	add_shb(&f, false);
	add_idb(&f, 1, 0);
	begin_epb(&f, 0, 0, data, 4, 4);
	add_option(&f, 4, data, 4);
	end_block(&f);
	f.b[f.block + 34] = 5;
	walk_begin(&w, &f);
	assert_int_equal(walk_next(&w), BC_READ_SKIP);
	assert_int_equal(walk_next(&w), BC_READ_IFACE);
	memset(&w.rec, 0xee, sizeof(w.rec));
	before = w.rec;
	assert_int_equal(walk_next(&w), -EBADMSG);
	assert_memory_equal(&w.rec, &before, sizeof(before));
	bc_reader_free(w.r);
}

static void interfaces_are_limited(void **state)
{
	struct bc_reader *r = bc_reader_new();
	struct build shb = { .n = 0 }, idb = { .n = 0 };
	size_t consumed, need;
	struct bc_record rec;
	struct bc_err err;

	add_shb(&shb, false);
	add_idb(&idb, 1, 0);
	assert_int_equal(bc_reader_next(r, shb.b, shb.n, &consumed, &need, &rec, NULL), BC_READ_SKIP);
	for (uint32_t i = 0; i < BC_MAX_IFACES; i++) {
		assert_int_equal(bc_reader_next(r, idb.b, idb.n, &consumed, &need, &rec, NULL), BC_READ_IFACE);
		assert_int_equal(rec.iface, i);
	}
	assert_int_equal(bc_reader_next(r, idb.b, idb.n, &consumed, &need, &rec, &err), -EBADMSG);
	assert_string_equal(err.msg, "it has more than 16384 interfaces; split it, for example with editcap");
	bc_reader_free(r);
}

static void every_cut_asks_for_what_suffices(void **state)
{
	struct build f = { .n = 0 };

	add_shb(&f, false);
	add_idb_clock(&f, 9, 0);
	begin_epb(&f, 0, 1, data, 5, 5);
	add_option64(&f, 4, 7);
	end_block(&f);
	add_spb(&f, 4, data, 4);
	add_shb(&f, true);
	add_idb(&f, 1, 0);
	add_pb(&f, 0, 1, 1, data, 4, 4);
	for (size_t len = 0; len <= f.n; len++) {
		uint8_t *exact = malloc(len ? len : 1);
		size_t records;

		memcpy(exact, f.b, len);
		records = lockstep_run(bc_reader_new, exact, len, (uint32_t)len);
		assert_true(len < f.n || records == 3);
		free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(free_takes_null),
		cmocka_unit_test(pcap_is_read_in_both_orders_and_resolutions),
		cmocka_unit_test(modified_pcap_has_longer_record_headers),
		cmocka_unit_test(pcap_tells_the_length_of_the_check_sequence),
		cmocka_unit_test(old_pcap_has_its_lengths_swapped),
		cmocka_unit_test(zeros_are_no_packets_of_pcap),
		cmocka_unit_test(a_packet_of_time_zero_is_one),
		cmocka_unit_test(pcap_errors),
		cmocka_unit_test(a_pcap_record_of_the_greatest_size_is_asked_for),
		cmocka_unit_test(pcapng_is_read_in_both_orders),
		cmocka_unit_test(sections_that_describe_alike_share_interfaces),
		cmocka_unit_test(interfaces_of_different_sections_are_told_apart),
		cmocka_unit_test(an_interface_of_the_section_before_is_not_declared),
		cmocka_unit_test(a_new_section_ends_the_byte_order_of_the_old),
		cmocka_unit_test(decimal_resolutions),
		cmocka_unit_test(binary_resolutions),
		cmocka_unit_test(offsets_are_added),
		cmocka_unit_test(times_out_of_range_are_clamped),
		cmocka_unit_test(packet_options_give_the_dropcount),
		cmocka_unit_test(what_follows_the_end_of_options_is_none),
		cmocka_unit_test(the_obsolete_packet_block_is_read),
		cmocka_unit_test(simple_packets_end_at_the_snaplen),
		cmocka_unit_test(other_blocks_are_passed_over),
		cmocka_unit_test(an_interface_is_read_as_it_was_written),
		cmocka_unit_test(the_word_on_the_stamp_does_not_grow_when_copied),
		cmocka_unit_test(names_become_clean_text),
		cmocka_unit_test(a_name_ends_where_its_option_ends),
		cmocka_unit_test(long_names_are_cut_before_a_character),
		cmocka_unit_test(block_length_errors),
		cmocka_unit_test(a_block_of_the_greatest_size_is_asked_for),
		cmocka_unit_test(section_header_errors),
		cmocka_unit_test(blocks_shorter_than_their_fields_are_corrupt),
		cmocka_unit_test(packet_length_errors),
		cmocka_unit_test(usual_packets_are_read),
		cmocka_unit_test(usual_packet_errors),
		cmocka_unit_test(a_usual_packet_beyond_the_greatest_size_is_corrupt),
		cmocka_unit_test(packets_need_an_interface),
		cmocka_unit_test(secrets_and_names_are_kept_in_one_byte_order),
		cmocka_unit_test(custom_options_are_kept_if_they_may_be_copied),
		cmocka_unit_test(custom_blocks_are_kept_as_they_are_or_not_at_all),
		cmocka_unit_test(a_packets_options_are_kept_in_one_byte_order),
		cmocka_unit_test(an_unknown_option_is_kept_where_it_need_not_be_turned_round),
		cmocka_unit_test(what_a_file_says_of_an_interface_is_written_again),
		cmocka_unit_test(an_interface_has_room_for_so_many_options),
		cmocka_unit_test(statistics_of_other_programs_are_counted),
		cmocka_unit_test(what_the_first_section_says_of_itself_is_kept),
		cmocka_unit_test(blocks_that_are_not_well_formed_are_left_out),
		cmocka_unit_test(what_stands_beside_packets_is_counted),
		cmocka_unit_test(options_of_a_wrong_length_are_ignored),
		cmocka_unit_test(options_longer_than_their_block_are_corrupt),
		cmocka_unit_test(a_failed_packet_leaves_the_record_alone),
		cmocka_unit_test(interfaces_are_limited),
		cmocka_unit_test(every_cut_asks_for_what_suffices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
