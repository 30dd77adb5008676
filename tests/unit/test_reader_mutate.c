/* SPDX-License-Identifier: BSD-3-Clause */
/* Damages valid files in a fixed sequence of ways; a sanitizer and the comparison of two readings judge. */
#include "bc_test.h"

#include "bc_build.h"
#include "bc_erf.h"
#include "bc_lockstep.h"

#define MUTATIONS 100000

static const char data[] = "0123456789abcdef";

static void build_pcapng(struct build *f, bool big_endian)
{
	*f = (struct build){ .n = 0 };
	add_shb(f, big_endian);
	begin_idb(f, 1, 12);
	add_option(f, 2, "eth0", 4);
	add_option(f, 6, "\2\0\0\0\0\1", 6);
	add_option64(f, 8, 1000000000);
	add_option(f, 9, "\x89", 1);
	add_option64(f, 14, 1000);
	add_option(f, 1, "stamp: nic; \xc3\xa9", 14);
	add_option(f, 0, "", 0);
	end_block(f);
	begin_epb(f, 0, 0x100000000, data, 7, 7);
	add_option(f, 1, "a comment", 9);
	add_option64(f, 4, 3);
	end_block(f);
	add_spb(f, 16, data, 12);
	add_pb(f, 0, 2, 5, data, 6, 6);
	add_shb(f, !big_endian);
	add_idb_clock(f, 9, 0);
	add_epb(f, 0, 1, data, 8, 8);
	begin_block(f, 5);
	add_bytes(f, data, 12);
	end_block(f);
	add_epb(f, 0, 2, data, 9, 9);
}

static void build_pcap(struct build *f, uint32_t magic, bool big_endian)
{
	*f = (struct build){ .big_endian = big_endian };
	add_pcap_header(f, magic, 65535, 1);
	for (uint32_t i = 0; i < 4; i++)
		add_pcap_record(f, i + 1, i, data, 3 * i, 3 * i);
}

static void build_erf(struct build *f)
{
	*f = (struct build){ .n = 0 };
	for (uint32_t i = 0; i < 8; i++) {
		uint8_t *at = bc_erf_begin(f->b + f->n, i / 2, i, 2 * i, i % 2 ? 2 * i : 1500, i % 2, 0);

		memcpy(at, data, 2 * i);
		f->n = (size_t)(bc_erf_end(at, 2 * i, i % 2) - f->b);
	}
}

static uint32_t some_number(uint32_t *state)
{
	static const uint32_t telling[] = { 0, 1, 4, 8, 12, 0x7fffffff, 0x80000000, 0xfffffff0, 0xfffffffc, 0xffffffff,
					    BC_READER_MAX_BLOCK, BC_READER_MAX_BLOCK + 4, 0x0a0d0d0a };

	return lockstep_random(state) % 4 ? telling[lockstep_random(state) % (sizeof(telling) / sizeof(telling[0]))] :
					    lockstep_random(state) % 64;
}

static size_t mutate(uint8_t *b, size_t n, uint32_t *state)
{
	uint32_t times = 1 + lockstep_random(state) % 4;

	while (times--) {
		size_t at = lockstep_random(state) % n;
		uint32_t v = some_number(state);

		switch (lockstep_random(state) % 4) {
		case 0:
			b[at] ^= (uint8_t)(1U << lockstep_random(state) % 8);
			break;
		case 1:
			b[at] = (uint8_t)v;
			break;
		case 2:
			at &= ~(size_t)3;
			memcpy(b + at, &v, n - at < 4 ? n - at : 4);
			break;
		case 3:
			n -= lockstep_random(state) % 8 ? 0 : n - at - 1;
			break;
		}
	}
	return n;
}

static void damaged_files_are_read_alike_in_windows(void **state)
{
	uint32_t random = 20231114;
	struct build whole[6];
	size_t records = 0;

	build_pcapng(&whole[0], false);
	build_pcapng(&whole[1], true);
	build_pcap(&whole[2], 0xa1b2c3d4, false);
	build_pcap(&whole[3], 0xa1b23c4d, true);
	build_pcap(&whole[4], 0xa1b2cd34, false);
	build_erf(&whole[5]);
	for (unsigned int i = 0; i < MUTATIONS; i++) {
		const struct build *f = &whole[i % 6];
		uint8_t *b = malloc(f->n);

		memcpy(b, f->b, f->n);
		records += lockstep_run(i % 6 == 5 ? bc_reader_new_erf : bc_reader_new, b, mutate(b, f->n, &random), i);
		free(b);
	}
	/* The damage leaves most of the files readable for a while. */
	assert_true(records > MUTATIONS);
}

static void the_files_are_valid_before(void **state)
{
	struct build f;

	build_pcapng(&f, true);
	assert_int_equal(lockstep_run(bc_reader_new, f.b, f.n, 1), 5);
	build_pcap(&f, 0xa1b23c4d, false);
	assert_int_equal(lockstep_run(bc_reader_new, f.b, f.n, 1), 4);
	build_erf(&f);
	assert_int_equal(lockstep_run(bc_reader_new_erf, f.b, f.n, 1), 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_files_are_valid_before),
		cmocka_unit_test(damaged_files_are_read_alike_in_windows),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
