/* SPDX-License-Identifier: BSD-3-Clause */
/* Every block is decoded by liblz4; buffers have their exact lengths, so that sanitizers see each byte too far. */
#include "bc_test.h"

#include <lz4.h>

#include "bc_bytes.h"
#include "bc_lz4_packets.h"
#include "random.h"

#define MAX BC_LZ4_PACKETS_MAX

struct bed {
	struct bc_lz4_packets *z;
	uint8_t src[MAX];
	uint32_t len;
	struct random random;
};

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	b->z = bc_lz4_packets_new();
	b->random.state = 17;
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	bc_lz4_packets_free(b->z);
	free(b);
	return 0;
}

/* A packet of n bytes of one of 16 flows: Ethernet, perhaps a tag, IPv4 or IPv6, TCP or UDP, then text or noise. */
static void make_packet(struct bed *b, uint8_t *p, uint32_t n)
{
	static const char words[] = "GET /index.html HTTP/1.1 Host: example.com Accept: text/html ";
	uint8_t head[96] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint32_t flow = random_below(&b->random, 16), at = 12, noise = flow & 1;

	if (flow & 2) {
		bc_put_be32(head + at, 0x81000000 | flow);
		at += 4;
	}
	bc_put_be16(head + at, flow & 4 ? 0x86dd : 0x0800);
	at += 2;
	head[at] = flow & 4 ? 0x60 : 0x45;
	head[at + (flow & 4 ? 6 : 9)] = flow & 8 ? 6 : 17;
	bc_put_be32(head + at + 12, 0x0a000000 + flow);
	bc_put_be16(head + at + 4, (uint16_t)random_below(&b->random, 65536));
	at += flow & 4 ? 40 : 20;
	bc_put_be32(head + at, 0x1f90c000 + flow);
	bc_put_be32(head + at + 4, random_below(&b->random, 1U << 31));
	head[at + 12] = 0x50;
	at += 20;
	for (uint32_t i = 0; i < n; i++)
		p[i] = i < at ? head[i] : noise ? (uint8_t)random_below(&b->random, 256) : (uint8_t)words[(i + flow) % (sizeof(words) - 1)];
}

/* Records until the next would make it longer than most. */
static void make_records(struct bed *b, enum bc_lz4_records kind, uint32_t most, uint32_t longest)
{
	b->len = 0;
	for (uint32_t k = 0;; k++) {
		uint32_t n = 1 + random_below(&b->random, longest), pad = (4 - n % 4) % 4, total = kind == BC_LZ4_PCAPNG ? 32 + n + pad : 16 + n;
		uint8_t *p = b->src + b->len;

		if (b->len + total > most)
			return;
		if (kind == BC_LZ4_PCAPNG) {
			bc_put_le32(bc_put_le32(p, 6), total);
			bc_put_le64(p + 8, (uint64_t)k << 32);
			bc_put_le64(p + 16, n | (uint64_t)n << 32);
			memset(p + 24, 0, 4);
			make_packet(b, p + 28, n);
			memset(p + 28 + n, 0, pad);
			bc_put_le32(p + total - 4, total);
		} else {
			bc_put_le64(p, 1700000000 + ((uint64_t)k << 32));
			bc_put_le64(p + 8, n | (uint64_t)n << 32);
			make_packet(b, p + 16, n);
		}
		b->len += total;
	}
}

/* Compress the first len bytes into at most cap; returns the block's bytes after decoding them. */
static size_t round_trip(struct bed *b, enum bc_lz4_records kind, enum bc_lz4_effort effort, uint32_t len, size_t cap)
{
	uint8_t *src = malloc(len), *dst = malloc(cap ? cap : 1), *back = malloc(len);
	size_t n;

	memcpy(src, b->src, len);
	n = bc_lz4_packets_block(b->z, kind, effort, src, len, dst, cap);
	assert_true(n <= cap);
	if (n) {
		assert_int_equal(LZ4_decompress_safe((char *)dst, (char *)back, (int)n, (int)len), len);
		assert_memory_equal(back, b->src, len);
	}
	free(back);
	free(dst);
	free(src);
	return n;
}

static size_t compress(struct bed *b, enum bc_lz4_records kind, enum bc_lz4_effort effort)
{
	return round_trip(b, kind, effort, b->len, LZ4_COMPRESSBOUND(b->len));
}

static void liblz4_decodes_blocks_of_any_records(void **state)
{
	static const uint32_t longest[] = { 40, 100, 300, 1500, 9000 };
	struct bed *b = *state;

	for (int kind = BC_LZ4_PCAP; kind <= BC_LZ4_PCAPNG; kind++)
		for (int effort = BC_LZ4_FULL; effort <= BC_LZ4_HEADERS; effort++)
			for (size_t i = 0; i < sizeof(longest) / sizeof(longest[0]); i++) {
				make_records(b, kind, MAX, longest[i]);
				assert_int_not_equal(compress(b, kind, effort), 0);
			}
}

static void a_block_may_end_within_a_record(void **state)
{
	struct bed *b = *state;

	make_records(b, BC_LZ4_PCAPNG, 3000, 400);
	for (uint32_t len = 1; len <= b->len; len++)
		round_trip(b, BC_LZ4_PCAPNG, BC_LZ4_FULL, len, LZ4_COMPRESSBOUND(len));
}

/* Each way to write a length is taken: in the token, in a byte behind it, in several. */
static void matches_and_literals_may_have_any_length(void **state)
{
	struct bed *b = *state;

	for (uint32_t n = 96; n <= 700; n++) {
		b->len = 3 * n;
		for (uint32_t i = 0; i < n; i++)
			b->src[i] = b->src[2 * n + i] = (uint8_t)random_below(&b->random, 256);
		for (uint32_t i = 0; i < n; i++)
			b->src[n + i] = i % 64 ? b->src[i] : (uint8_t)~b->src[i];
		for (uint32_t at = 0; at < b->len; at += n)
			bc_put_le32(b->src + at + 4, n);
		compress(b, BC_LZ4_PCAPNG, BC_LZ4_FULL);
	}
}

static void lengths_of_records_are_not_believed(void **state)
{
	static const uint32_t lies[] = { 0, 1, 31, 32, 33, 65535, 65536, 0x7fffffff, 0xffffffff };
	struct bed *b = *state;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++)
		for (int kind = BC_LZ4_PCAP; kind <= BC_LZ4_PCAPNG; kind++) {
			make_records(b, kind, 20000, 200);
			for (uint32_t at = 0; at + 16 < b->len; at += 1000)
				bc_put_le32(b->src + at + (kind == BC_LZ4_PCAPNG ? 4 : 8), lies[i]);
			compress(b, kind, BC_LZ4_FULL);
		}
}

static void noise_is_no_record_and_survives(void **state)
{
	struct bed *b = *state;

	for (int i = 0; i < 50; i++) {
		b->len = 1 + random_below(&b->random, 3000);
		for (uint32_t k = 0; k < b->len; k++)
			b->src[k] = (uint8_t)random_below(&b->random, i % 4 ? 256 : 3);
		compress(b, i & 1 ? BC_LZ4_PCAP : BC_LZ4_PCAPNG, BC_LZ4_FULL);
	}
}

static void never_more_than_there_is_room_for(void **state)
{
	struct bed *b = *state;
	size_t n;

	make_records(b, BC_LZ4_PCAPNG, 5000, 300);
	n = compress(b, BC_LZ4_PCAPNG, BC_LZ4_HEADERS);
	for (size_t cap = 0; cap < n; cap += 7)
		assert_int_equal(round_trip(b, BC_LZ4_PCAPNG, BC_LZ4_HEADERS, b->len, cap), 0);
}

/* What the tables know of the block before must not be taken for this one's. */
static void a_block_depends_on_no_other(void **state)
{
	struct bed *b = *state;
	struct bc_lz4_packets *fresh = bc_lz4_packets_new();
	uint8_t *a = malloc(LZ4_COMPRESSBOUND(MAX)), *c = malloc(LZ4_COMPRESSBOUND(MAX));
	size_t n;

	for (int i = 0; i < 20; i++) {
		make_records(b, BC_LZ4_PCAPNG, MAX, 700);
		compress(b, BC_LZ4_PCAPNG, BC_LZ4_FULL);
	}
	n = bc_lz4_packets_block(b->z, BC_LZ4_PCAPNG, BC_LZ4_FULL, b->src, b->len, a, LZ4_COMPRESSBOUND(MAX));
	assert_int_equal(bc_lz4_packets_block(fresh, BC_LZ4_PCAPNG, BC_LZ4_FULL, b->src, b->len, c, LZ4_COMPRESSBOUND(MAX)), n);
	assert_memory_equal(a, c, n);
	free(a);
	free(c);
	bc_lz4_packets_free(fresh);
}

/* After 65,534 blocks of 64 KiB positions begin anew. */
static void positions_may_run_out(void **state)
{
	struct bed *b = *state;

	make_records(b, BC_LZ4_PCAPNG, 600, 200);
	for (uint32_t i = 0; i < 65540; i++) {
		uint8_t dst[LZ4_COMPRESSBOUND(600)];

		bc_lz4_packets_block(b->z, BC_LZ4_PCAPNG, BC_LZ4_HEADERS, b->src, b->len, dst, sizeof(dst));
	}
	compress(b, BC_LZ4_PCAPNG, BC_LZ4_FULL);
}

/* The point of it: headers shrink where payload cannot, and more effort makes no larger blocks. */
static void headers_of_a_flow_shrink(void **state)
{
	struct bed *b = *state;
	size_t full, sampled, headers;

	make_records(b, BC_LZ4_PCAPNG, MAX, 300);
	headers = compress(b, BC_LZ4_PCAPNG, BC_LZ4_HEADERS);
	sampled = compress(b, BC_LZ4_PCAPNG, BC_LZ4_SAMPLED);
	full = compress(b, BC_LZ4_PCAPNG, BC_LZ4_FULL);
	assert_true(headers < b->len * 9 / 10);
	assert_true(sampled < headers * 9 / 10);
	assert_true(full <= sampled);
}

static void text_is_told_from_noise(void **state)
{
	struct bed *b = *state;

	for (int noise = 0; noise < 2; noise++) {
		b->len = 20000;
		for (uint32_t at = 0; at < b->len; at += 1000) {
			bc_put_le32(bc_put_le32(b->src + at, 6), 1000);
			for (uint32_t i = 8; i < 1000; i++)
				b->src[at + i] = (uint8_t)(noise ? random_below(&b->random, 256) : 'a' + random_below(&b->random, 16));
		}
		assert_int_equal(bc_lz4_packets_mostly_text(BC_LZ4_PCAPNG, b->src, b->len), !noise);
	}
}

/* Encrypted payload often has a header, mostly zeros or the same: what it hides is noise all the same. */
static void noise_behind_an_application_s_header_is_noise(void **state)
{
	struct bed *b = *state;
	const uint32_t total = 28 + 42 + 1000 + 4 + 2;

	for (b->len = 0; b->len + total <= 20000; b->len += total) {
		uint8_t *p = b->src + b->len;

		memset(p, 0, total);
		bc_put_le32(bc_put_le32(p, 6), total);
		bc_put_be16(p + 28 + 12, 0x0800);
		p[28 + 14] = 0x45;
		p[28 + 14 + 9] = 17;
		for (uint32_t i = 28 + 42 + 16; i < total - 4; i++)
			p[i] = (uint8_t)random_below(&b->random, 256);
	}
	assert_false(bc_lz4_packets_mostly_text(BC_LZ4_PCAPNG, b->src, b->len));
}

/* Where the payload is as alike as headers are, nothing is left to be searched for. */
static void small_packets_that_are_alike_are_all_headers(void **state)
{
	struct bed *b = *state;

	for (b->len = 0; b->len + 96 <= 20000; b->len += 96) {
		uint8_t *p = b->src + b->len;

		memset(p, 'x', 96);
		bc_put_le32(bc_put_le32(p, 6), 96);
		bc_put_le64(p + 12, random_below(&b->random, 1U << 31));
		bc_put_be16(p + 28 + 12, 0x0800);
		p[28 + 14] = 0x45;
		p[28 + 14 + 9] = 17;
		bc_put_le32(p + 28 + 42, random_below(&b->random, 1U << 31));
		bc_put_le32(p + 92, 96);
	}
	assert_true(compress(b, BC_LZ4_PCAPNG, BC_LZ4_HEADERS) < b->len / 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(liblz4_decodes_blocks_of_any_records, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_block_may_end_within_a_record, set_up, tear_down),
		cmocka_unit_test_setup_teardown(matches_and_literals_may_have_any_length, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lengths_of_records_are_not_believed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(noise_is_no_record_and_survives, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_more_than_there_is_room_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_block_depends_on_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(positions_may_run_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(headers_of_a_flow_shrink, set_up, tear_down),
		cmocka_unit_test_setup_teardown(text_is_told_from_noise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(noise_behind_an_application_s_header_is_noise, set_up, tear_down),
		cmocka_unit_test_setup_teardown(small_packets_that_are_alike_are_all_headers, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
