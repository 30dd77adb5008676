/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_golden.h"
#include "bc_test.h"

#include "bc_erf.h"
#include "bc_format.h"

#define START_NS 1700000000123456789ULL

/* A record of a packet cut to caplen of wirelen bytes; returns the byte after it. */
static uint8_t *put(uint8_t *dst, uint32_t iface, uint64_t ts_ns, uint32_t caplen, uint32_t wirelen, uint64_t drops)
{
	uint32_t kept = bc_erf_caplen(caplen, wirelen);
	int whole = bc_erf_is_whole(caplen, wirelen);
	uint8_t *data = bc_erf_begin(dst, iface, ts_ns, kept, wirelen, whole, drops);

	for (uint32_t i = 0; i < kept; i++)
		data[i] = (uint8_t)i;
	/* A frame of 802.3 has its length here, by which Wireshark finds the check sequence. */
	if (kept >= 14) {
		data[12] = (uint8_t)((wirelen - 14) >> 8);
		data[13] = (uint8_t)(wirelen - 14);
	}
	return bc_erf_end(data, kept, whole);
}

static void a_file_is_as_the_golden_one(void **state)
{
	uint8_t buf[1024], *p = buf;

	p = put(p, 0, START_NS, 60, 60, 0);
	p = put(p, 1, START_NS + 1, 70, 1500, 0);
	p = put(p, 3, START_NS + 1000, 61, 61, 7);
	p = put(p, 4, 1700000000999999999ULL, 62, 62, 70000);
	assert_golden("braidcap.erf", buf, (size_t)(p - buf));
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void every_record_is_aligned_and_says_its_length(void **state)
{
	static uint8_t buf[65536 + 64];

	for (uint32_t wire = 0; wire < 200; wire++)
		for (uint32_t cap = 0; cap <= wire; cap++) {
			size_t len = (size_t)(put(buf, 0, START_NS, cap, wire, 0) - buf);

			assert_int_equal(len % 8, 0);
			assert_int_equal(be16(buf + 10), len);
			assert_int_equal(be16(buf + 14), wire + 4);
			assert_true(len <= cap + bc_format_overhead(BC_FORMAT_ERF));
		}
}

static void what_is_whole_has_its_check_sequence(void **state)
{
	/* That of the ASCII digits 1 to 9, as everywhere. */
	uint8_t buf[64] = { 0 }, *data = bc_erf_begin(buf, 0, 0, 9, 9, 1, 0);

	memcpy(data, "123456789", 9);
	assert_ptr_equal(bc_erf_end(data, 9, 1), buf + 32);
	assert_memory_equal(data + 9, "\x26\x39\xf4\xcb\0", 5);
}

/* Wireshark and libtrace take all up to the record's end for data. */
static void what_is_cut_is_followed_by_nothing(void **state)
{
	for (uint32_t cap = 6; cap < 300; cap++) {
		uint32_t kept = bc_erf_caplen(cap, 1500);

		assert_true(kept <= cap && kept + 8 > cap);
		assert_int_equal(bc_erf_len(kept, 0), 18 + kept);
	}
}

static void a_few_bytes_are_kept_as_they_are(void **state)
{
	for (uint32_t cap = 0; cap < 6; cap++) {
		assert_int_equal(bc_erf_caplen(cap, 1500), cap);
		assert_int_equal(bc_erf_len(cap, 0), 24);
	}
}

static void long_packets_are_cut_to_what_a_record_holds(void **state)
{
	assert_true(bc_erf_is_whole(65506, 65506));
	assert_int_equal(bc_erf_len(65506, 1), 65528);
	assert_false(bc_erf_is_whole(65507, 65507));
	assert_int_equal(bc_erf_caplen(65507, 65507), 65502);
	assert_int_equal(bc_erf_caplen(262144, 262144), 65510);
	assert_int_equal(bc_erf_len(65510, 0), 65528);
}

static void what_does_not_fit_its_field_is_the_most_that_does(void **state)
{
	uint8_t buf[64];

	bc_erf_begin(buf, 7, START_NS, 14, 65531, 0, 65535);
	assert_int_equal(be16(buf + 14), 65535);
	assert_int_equal(be16(buf + 12), 65535);
	assert_int_equal(buf[9], 0x07);
	bc_erf_begin(buf, 0, START_NS, 14, 1U << 20, 0, 1ULL << 40);
	assert_int_equal(be16(buf + 14), 65535);
	assert_int_equal(be16(buf + 12), 65535);
}

/* Some files say that a packet was shorter than what they hold of it. */
static void a_wire_length_below_what_is_there_is_mended(void **state)
{
	uint8_t buf[128];

	put(buf, 0, START_NS, 60, 40, 0);
	assert_int_equal(be16(buf + 14), 64);
}

static void every_nanosecond_comes_back_by_rounding_and_by_cutting_off(void **state)
{
	uint64_t last = 0;

	for (uint64_t ns = 0; ns < BC_NS_PER_S; ns += ns < 100000 || ns > 999900000 ? 1 : 104729) {
		uint64_t t = bc_erf_time(5 * BC_NS_PER_S + ns), frac = t & UINT32_MAX;

		assert_int_equal(t >> 32, 5);
		assert_int_equal((frac * BC_NS_PER_S) >> 32, ns);
		assert_int_equal((frac * BC_NS_PER_S + (1U << 31)) >> 32, ns);
		assert_true(!ns || t > last);
		last = t;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_as_the_golden_one),
		cmocka_unit_test(every_record_is_aligned_and_says_its_length),
		cmocka_unit_test(what_is_whole_has_its_check_sequence),
		cmocka_unit_test(what_is_cut_is_followed_by_nothing),
		cmocka_unit_test(a_few_bytes_are_kept_as_they_are),
		cmocka_unit_test(long_packets_are_cut_to_what_a_record_holds),
		cmocka_unit_test(what_does_not_fit_its_field_is_the_most_that_does),
		cmocka_unit_test(a_wire_length_below_what_is_there_is_mended),
		cmocka_unit_test(every_nanosecond_comes_back_by_rounding_and_by_cutting_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
