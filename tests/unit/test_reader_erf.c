/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_erf.h"
#include "bc_reader.h"

#define T_NS (1700000000ULL * BC_NS_PER_S)

/* Records in the making, and what is read of them. */
struct file {
	uint8_t b[4096];
	size_t n;
	struct bc_reader *reader;
	size_t at;
	struct bc_record rec;
	struct bc_err err;
	size_t need;
};

static struct file *begin(void)
{
	struct file *f = calloc(1, sizeof(*f));

	f->reader = bc_reader_new_erf();
	assert_non_null(f->reader);
	return f;
}

static void end(struct file *f)
{
	bc_reader_free(f->reader);
	free(f);
}

/* A record header, and body bytes that count up; rlen as given. Returns where it begins. */
static uint8_t *add(struct file *f, uint8_t type, uint16_t rlen, uint16_t wlen, size_t body)
{
	uint8_t *p = f->b + f->n;
	const uint64_t time = htole64(bc_erf_time(T_NS));
	const uint8_t rest[] = { type, 4, (uint8_t)(rlen >> 8), (uint8_t)rlen, 0, 9, (uint8_t)(wlen >> 8), (uint8_t)wlen };

	memcpy(p, &time, 8);
	memcpy(p + 8, rest, 8);
	for (size_t i = 0; i < body; i++)
		p[16 + i] = (uint8_t)i;
	f->n += 16 + body;
	return p;
}

static int next(struct file *f)
{
	size_t used = 0;
	int rc = bc_reader_next(f->reader, f->b + f->at, f->n - f->at, &used, &f->need, &f->rec, &f->err);

	f->at += rc > 0 ? used : 0;
	return rc;
}

/* The next record, its interface made known before it if need be. */
static void assert_record(struct file *f, uint32_t caplen, uint32_t wirelen)
{
	int rc = next(f);

	if (rc == BC_READ_IFACE)
		rc = next(f);
	assert_int_equal(rc, BC_READ_RECORD);
	assert_int_equal(f->rec.caplen, caplen);
	assert_int_equal(f->rec.wirelen, wirelen);
}

static void assert_corrupt(struct file *f, const char *words)
{
	assert_int_equal(next(f), -EBADMSG);
	assert_non_null(strstr(f->err.msg, words));
	end(f);
}

static void what_is_written_is_read(void **state)
{
	static const struct { uint32_t cap, wire; } packets[] = {
		{ 60, 60 }, { 61, 61 }, { 62, 62 }, { 63, 63 }, { 64, 64 }, { 1, 1 }, { 0, 0 }, { 70, 1500 }, { 14, 15 }, { 14, 18 },
	};
	const size_t n = sizeof(packets) / sizeof(packets[0]);
	struct file *f = begin();
	uint8_t *p = f->b;

	for (size_t i = 0; i < n; i++) {
		int whole = bc_erf_is_whole(packets[i].cap, packets[i].wire);
		uint8_t *data = bc_erf_begin(p, 2, T_NS + i, packets[i].cap, packets[i].wire, whole, i);

		memset(data, (int)i + 1, packets[i].cap);
		p = bc_erf_end(data, packets[i].cap, whole);
	}
	f->n = (size_t)(p - f->b);
	for (size_t i = 0; i < n; i++) {
		assert_record(f, packets[i].cap, packets[i].wire);
		assert_int_equal(f->rec.ts_ns, T_NS + i);
		assert_int_equal(f->rec.dropcount, i);
		assert_int_equal(f->rec.iface, 0);
		for (uint32_t k = 0; k < packets[i].cap; k++)
			assert_int_equal(f->rec.data[k], i + 1);
	}
	assert_int_equal(next(f), BC_READ_MORE);
	assert_int_equal(f->at, f->n);
	end(f);
}

static void each_port_is_an_interface(void **state)
{
	struct file *f = begin();
	const uint8_t ports[] = { 3, 0, 3, 1 };

	for (size_t i = 0; i < 4; i++)
		add(f, 2, 24, 10, 8)[9] = ports[i];
	assert_int_equal(next(f), BC_READ_IFACE);
	assert_int_equal(f->at, 0);
	assert_int_equal(f->rec.iface, 0);
	assert_int_equal(bc_reader_iface(f->reader, 0)->linktype, 1);
	assert_int_equal(bc_reader_iface(f->reader, 0)->stamp, BC_STAMP_FILE);
	assert_string_equal(bc_reader_iface(f->reader, 0)->description, "port 3");
	assert_int_equal(next(f), BC_READ_RECORD);
	assert_int_equal(next(f), BC_READ_IFACE);
	assert_int_equal(f->rec.iface, 1);
	assert_int_equal(next(f), BC_READ_RECORD);
	assert_int_equal(f->rec.iface, 1);
	assert_int_equal(next(f), BC_READ_RECORD);
	assert_int_equal(f->rec.iface, 0);
	assert_int_equal(next(f), BC_READ_IFACE);
	assert_int_equal(next(f), BC_READ_RECORD);
	assert_int_equal(f->rec.iface, 2);
	end(f);
}

/* libtrace: no check sequence and no alignment, but the wire length counts it. */
static void frames_without_their_check_sequence_are_whole(void **state)
{
	struct file *f = begin();

	add(f, 2, 18 + 61, 65, 2 + 61);
	add(f, 2, 24 + 8, 12 + 4, 2 + 14);
	assert_record(f, 61, 61);
	assert_record(f, 12, 12);
	end(f);
}

/* Others: the wire length does not count one. */
static void the_last_bytes_are_data_if_they_are_no_check_sequence(void **state)
{
	struct file *f = begin();

	add(f, 2, 80, 60, 64);
	add(f, 2, 24, 3, 8);
	add(f, 2, 24, 0, 8);
	assert_record(f, 60, 60);
	assert_record(f, 3, 3);
	assert_record(f, 0, 0);
	end(f);
}

static void a_cut_frame_has_the_length_of_the_wire(void **state)
{
	struct file *f = begin();

	add(f, 2, 80, 1504, 64);
	add(f, 2, 80, 65535, 64);
	assert_record(f, 62, 1500);
	assert_record(f, 62, 65531);
	end(f);
}

static void extension_headers_are_passed_over(void **state)
{
	struct file *f = begin();
	uint8_t *p = add(f, 0x82, 16 + 16 + 2 + 14, 64, 32);

	p[16] = 0x80;
	p[24] = 0x05;
	assert_record(f, 14, 60);
	assert_ptr_equal(f->rec.data, p + 34);
	end(f);
}

static void ethernet_of_all_kinds_is_read(void **state)
{
	static const uint8_t types[] = { 2, 11, 16, 20 };
	struct file *f = begin();

	for (size_t i = 0; i < 4; i++)
		add(f, types[i], 32, 18, 16);
	for (size_t i = 0; i < 4; i++) {
		assert_record(f, 14, 14);
		/* In the others a colour stands where the losses do. */
		assert_int_equal(f->rec.dropcount, types[i] == 2 ? 9 : 0);
	}
	end(f);
}

static void what_is_no_packet_is_passed_over(void **state)
{
	struct file *f = begin();

	add(f, 48, 16, 0, 0);
	add(f, 27, 40, 0, 24);
	add(f, 2, 32, 18, 16);
	assert_int_equal(next(f), BC_READ_SKIP);
	assert_int_equal(next(f), BC_READ_SKIP);
	assert_int_equal(f->at, 56);
	assert_record(f, 14, 14);
	end(f);
}

static void a_part_of_a_record_needs_the_rest(void **state)
{
	struct file *f = begin();

	add(f, 2, 32, 18, 16);
	for (f->n = 0; f->n < 32; f->n++) {
		assert_int_equal(next(f), BC_READ_MORE);
		assert_int_equal(f->need, f->n < 16 ? 16 : 32);
	}
	end(f);
}

static void a_record_shorter_than_its_header_is_corrupt(void **state)
{
	for (uint16_t rlen = 0; rlen < 16; rlen++) {
		struct file *f = begin();

		add(f, 2, rlen, 64, 64);
		assert_corrupt(f, "not ERF");
	}
}

static void a_record_that_ends_within_its_headers_is_corrupt(void **state)
{
	for (uint16_t rlen = 16; rlen < 18; rlen++) {
		struct file *f = begin();

		add(f, 2, rlen, 64, 64);
		assert_corrupt(f, "within its headers");
	}
	for (uint16_t rlen = 16; rlen < 34; rlen++) {
		struct file *f = begin();
		uint8_t *p = add(f, 0x82, rlen, 64, 64);

		p[16] = 0x80;
		p[24] = 0;
		assert_corrupt(f, "within its headers");
	}
}

static void other_links_are_refused(void **state)
{
	for (uint8_t type = 0; type < 128; type++) {
		struct file *f;

		if (type == 2 || type == 11 || type == 16 || type == 20 || type == 27 || type == 48)
			continue;
		f = begin();
		add(f, type, 80, 64, 64);
		assert_corrupt(f, "only Ethernet is supported");
	}
}

static void the_times_are_rounded(void **state)
{
	struct file *f = begin();
	const uint64_t half = htole64(5ULL << 32 | 1U << 31), last = htole64(5ULL << 32 | UINT32_MAX);

	memcpy(add(f, 2, 24, 10, 8), &half, 8);
	memcpy(add(f, 2, 24, 10, 8), &last, 8);
	assert_record(f, 6, 6);
	assert_int_equal(f->rec.ts_ns, 5500000000);
	assert_record(f, 6, 6);
	assert_int_equal(f->rec.ts_ns, 6000000000);
	end(f);
}

static void a_name_tells_erf(void **state)
{
	assert_true(bc_reader_is_erf_name("a.erf", ""));
	assert_true(bc_reader_is_erf_name("/x/a.ERF", ""));
	assert_true(bc_reader_is_erf_name("./a.b.erf.lz4", ".lz4"));
	assert_false(bc_reader_is_erf_name("a.erf.lz4", ""));
	assert_false(bc_reader_is_erf_name("a.pcap", ""));
	assert_false(bc_reader_is_erf_name("a.pcap.gz", ".gz"));
	assert_false(bc_reader_is_erf_name("x.erf/b", ""));
	assert_false(bc_reader_is_erf_name("x.erf/.gz", ".gz"));
	assert_false(bc_reader_is_erf_name(".erf", ""));
	assert_false(bc_reader_is_erf_name("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(each_port_is_an_interface),
		cmocka_unit_test(frames_without_their_check_sequence_are_whole),
		cmocka_unit_test(the_last_bytes_are_data_if_they_are_no_check_sequence),
		cmocka_unit_test(a_cut_frame_has_the_length_of_the_wire),
		cmocka_unit_test(extension_headers_are_passed_over),
		cmocka_unit_test(ethernet_of_all_kinds_is_read),
		cmocka_unit_test(what_is_no_packet_is_passed_over),
		cmocka_unit_test(a_part_of_a_record_needs_the_rest),
		cmocka_unit_test(a_record_shorter_than_its_header_is_corrupt),
		cmocka_unit_test(a_record_that_ends_within_its_headers_is_corrupt),
		cmocka_unit_test(other_links_are_refused),
		cmocka_unit_test(the_times_are_rounded),
		cmocka_unit_test(a_name_tells_erf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
