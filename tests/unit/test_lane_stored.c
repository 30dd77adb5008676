/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane does with packets that do not compress: it soon stores whole chunks, and goes back to compressing when that helps. */
#include "lane_bed.h"
#include "random.h"

#define PACKETS 40
#define LEN 1400

static struct random generator = { .state = 9 };

/* A chunk of packets whose bytes behind so many are random, or all the same; returns its bytes in the file for 100 before. */
static uint32_t percent_behind(struct bed *b, int header, bool random)
{
	uint32_t r;

	for (int i = 0; i < PACKETS; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);
		uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

		for (int k = 0; k < LEN; k++)
			p[k] = random && k >= header ? (uint8_t)(random_u64(&generator) >> 40) : 'a';
		m->pkt_len = m->data_len = LEN;
		m->port = 0;
		*bc_meta(m) = (struct bc_meta){ .wire_len = LEN };
		bc_link_put(b->in, 1000 + (uint64_t)i, bc_desc_word(m, LEN, 1));
	}
	bed_end_chunk(b);
	r = b->chunk->len * 100 / b->chunk->dense;
	bc_bufpool_put(b->buffers, b->chunk->buf);
	return r;
}

static uint32_t percent(struct bed *b, bool random)
{
	return percent_behind(b, 0, random);
}

static void random_chunks_are_soon_stored_whole(void **state)
{
	struct bed *b = bed_new(BC_CODEC_LZ4, NULL);
	uint64_t before;

	for (int i = 0; i < 60; i++)
		percent(b, true);
	before = bc_counter_get(&b->stats->blocks_incompressible);
	for (int i = 0; i < 45; i++)
		assert_true(percent(b, true) >= 98);
	/* One block for each chunk, but for those, one behind each sample, of which the headers were tried. */
	assert_in_range(bc_counter_get(&b->stats->blocks_incompressible), before + 40, before + 45);
	bed_free(b);
}

static void headers_before_random_bytes_are_compressed(void **state)
{
	struct bed *b = bed_new(BC_CODEC_LZ4, NULL);

	for (int i = 0; i < 40; i++)
		assert_in_range(percent_behind(b, 60, true), 92, 96);
	assert_int_equal(bc_counter_get(&b->stats->blocks_incompressible), 0);
	bed_free(b);
}

/* More packets than a calm round has, and no more than half of the buffers left. */
static void in_a_flood_only_headers_of_large_records_are_compressed(void **state)
{
	static const struct {
		uint32_t packets, stored;
	} row[] = { { PACKETS, 0 }, { PACKETS * 8, 1 } };

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bed *b = bed_new_mode(BC_CODEC_LZ4, NULL, 0, (struct bc_lane_mode){ .accelerate = true, .calm_rounds = 64 });

		b->chunk->packets = row[i].packets;
		percent_behind(b, 60, true);
		assert_int_equal(bc_counter_get(&b->stats->blocks_stored), row[i].stored);
		assert_int_equal(bc_counter_get(&b->stats->blocks_faster) > 0, !row[i].stored);
		assert_int_equal(bc_counter_get(&b->stats->blocks), 0);
		bed_free(b);
	}
}

static void one_random_chunk_costs_no_other_its_compression(void **state)
{
	struct bed *b = bed_new(BC_CODEC_LZ4, NULL);

	for (int i = 0; i < 20; i++) {
		percent(b, true);
		assert_true(percent(b, false) < 10);
	}
	bed_free(b);
}

static void what_compresses_is_found_again_behind_what_does_not(void **state)
{
	for (uint32_t n = 1; n < 40; n += 3) {
		struct bed *b = bed_new(BC_CODEC_LZ4, NULL);
		uint32_t stored = 0;

		for (uint32_t i = 0; i < n; i++)
			percent(b, true);
		while (percent(b, false) > 10)
			assert_true(++stored < n && stored <= 8);
		bed_free(b);
	}
}

static void what_compresses_is_never_stored(void **state)
{
	struct bed *b = bed_new(BC_CODEC_LZ4, NULL);

	for (int i = 0; i < 20; i++)
		assert_true(percent(b, false) < 10);
	assert_int_equal(bc_counter_get(&b->stats->blocks_incompressible), 0);
	bed_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chunks_are_soon_stored_whole),
		cmocka_unit_test(headers_before_random_bytes_are_compressed),
		cmocka_unit_test(in_a_flood_only_headers_of_large_records_are_compressed),
		cmocka_unit_test(one_random_chunk_costs_no_other_its_compression),
		cmocka_unit_test(what_compresses_is_found_again_behind_what_does_not),
		cmocka_unit_test(what_compresses_is_never_stored),
	};

	return cmocka_run_group_tests(tests, bed_start, NULL);
}
