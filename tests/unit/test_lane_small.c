/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk of few bytes takes a small buffer, and leaves the large one to the next; its bytes are the same. */
#include "lane_bed.h"
#include "random.h"

#define LEN 100

/* A chunk of n packets, of random bytes or not. */
static void chunk(struct bed *b, uint32_t n, bool random)
{
	struct random generator = { .state = 9 };

	for (uint32_t i = 0; i < n; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(bed_pool);
		uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

		for (int k = 0; k < LEN; k++)
			p[k] = random ? (uint8_t)(random_u64(&generator) >> 40) : 'a';
		m->pkt_len = m->data_len = LEN;
		m->port = 0;
		*bc_meta(m) = (struct bc_meta){ .wire_len = LEN };
		bc_link_put(b->in, 1000 + (uint64_t)i, bc_desc_word(m, LEN, 1));
	}
	bed_end_chunk(b);
}

static void give_back(struct bed *b)
{
	bc_bufpool_put(b->chunk->small ? b->small : b->buffers, b->chunk->buf);
}

static void few_bytes_take_a_small_buffer(void **state)
{
	struct bed *b = bed_new_small(BC_CODEC_NONE, NULL, 2);
	uint32_t before;

	chunk(b, 3, false);
	assert_true(b->chunk->small);
	before = bc_bufpool_available(b->buffers);
	give_back(b);
	for (int i = 0; i < 10; i++) {
		chunk(b, 3, false);
		assert_int_equal(bc_bufpool_available(b->buffers), before);
		assert_int_equal(bc_bufpool_available(b->small), 1);
		give_back(b);
	}
	chunk(b, 100, false);
	assert_false(b->chunk->small);
	give_back(b);
	bed_free(b);
}

static void without_a_small_one_it_keeps_the_large_one(void **state)
{
	struct bed *b = bed_new_small(BC_CODEC_NONE, NULL, 1);
	uint8_t *kept = bc_bufpool_get(b->small, 0);

	chunk(b, 3, false);
	assert_false(b->chunk->small);
	give_back(b);
	bc_bufpool_put(b->small, kept);
	bed_free(b);
}

/* Compressed, or stored since that gains nothing; up to the largest that is small. */
static void its_bytes_are_the_same(void **state)
{
	for (uint32_t codec = 0; codec < 2; codec++) {
		for (uint32_t n = 1; n < 70; n++) {
			struct bed *one = bed_new(codec ? BC_CODEC_LZ4 : BC_CODEC_NONE, NULL);
			struct bed *two = bed_new_small(codec ? BC_CODEC_LZ4 : BC_CODEC_NONE, NULL, 1);

			for (int random = 0; random < 2; random++) {
				chunk(one, n, random);
				chunk(two, n, random);
				assert_int_equal(one->chunk->len, two->chunk->len);
				assert_memory_equal(one->chunk->data, two->chunk->data, one->chunk->len);
				assert_true(two->chunk->small == (two->chunk->dense <= 8192 - 2 * BC_LANE_HEADROOM));
				give_back(one);
				give_back(two);
			}
			bed_free(two);
			bed_free(one);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_bytes_take_a_small_buffer),
		cmocka_unit_test(without_a_small_one_it_keeps_the_large_one),
		cmocka_unit_test(its_bytes_are_the_same),
	};

	return cmocka_run_group_tests(tests, bed_start, NULL);
}
