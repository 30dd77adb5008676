/* SPDX-License-Identifier: BSD-3-Clause */
/* What a lane does with packets that do not compress: it soon stores whole chunks, and goes back to compressing when that helps. */
#include "eal.h"

#include "bc_lane.h"
#include "random.h"

#define PACKETS 40
#define LEN 1400
#define CHUNK_BYTES 65536

static struct rte_mempool *pool;

static int eal(void **state)
{
	pool = eal_pool(1024);
	return 0;
}

struct bed {
	struct bc_iface_table *ifaces;
	struct bc_bufpool *buffers;
	struct bc_link *in, *out;
	struct bc_chunk *chunk;
	sem_t ready;
	_Atomic uint64_t awaited;
	struct bc_lane *lane;
	const struct bc_lane_stats *stats;
	struct random random;
};

static struct bed *bed_new(void)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct bc_lane_config cfg = { .out_ready = &b->ready, .n_lanes = 1, .awaited = &b->awaited, .format = BC_FORMAT_PCAPNG,
				      .snaplen = 262144, .codec = BC_CODEC_LZ4, .level = 1, .slice_bytes = 16384 };
	struct bc_iface iface = { .name = "if0", .linktype = 1 };

	b->random.state = 9;
	sem_init(&b->ready, 0, 0);
	cfg.ifaces = b->ifaces = bc_iface_table_new();
	bc_iface_add(b->ifaces, &iface);
	cfg.pool = b->buffers = bc_bufpool_new(4, BC_LANE_BUFFER(CHUNK_BYTES), false, NULL);
	cfg.in = b->in = bc_link_new(256);
	cfg.out = b->out = bc_link_new(64);
	b->chunk = aligned_alloc(BC_CACHE_LINE, sizeof(*b->chunk));
	memset(b->chunk, 0, sizeof(*b->chunk));
	b->lane = bc_lane_new(&cfg);
	assert_non_null(b->lane);
	b->stats = bc_lane_stats(b->lane);
	return b;
}

static void bed_free(struct bed *b)
{
	bc_lane_free(b->lane);
	bc_link_free(b->in);
	bc_link_free(b->out);
	bc_bufpool_free(b->buffers);
	free(b->chunk);
	free(b->ifaces);
	sem_destroy(&b->ready);
	free(b);
	assert_pool_full(pool);
}

/* A chunk of packets whose bytes are random, or all the same; returns its bytes in the file for 100 before. */
static uint32_t percent(struct bed *b, bool random)
{
	const struct bc_desc *d;
	uint32_t r;

	for (int i = 0; i < PACKETS; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

		for (int k = 0; k < LEN; k++)
			p[k] = random ? (uint8_t)(random_u64(&b->random) >> 40) : 'a';
		m->pkt_len = m->data_len = LEN;
		m->port = 0;
		*bc_meta(m) = (struct bc_meta){ .wire_len = LEN };
		bc_link_put(b->in, 1000 + (uint64_t)i, bc_desc_word(m, LEN, 1));
	}
	bc_link_put(b->in, 0, bc_desc_word(b->chunk, 0, 0));
	while (!bc_link_peek(b->out, &d))
		bc_lane_poll(b->lane);
	bc_link_pop(b->out, 1);
	r = b->chunk->len * 100 / b->chunk->dense;
	bc_bufpool_put(b->buffers, b->chunk->buf);
	return r;
}

static void random_chunks_are_soon_stored_whole(void **state)
{
	struct bed *b = bed_new();
	uint64_t before;

	percent(b, true);
	before = bc_counter_get(&b->stats->blocks_incompressible);
	for (int i = 0; i < 20; i++)
		assert_int_equal(percent(b, true), 100);
	/* One block for each chunk. */
	assert_int_equal(bc_counter_get(&b->stats->blocks_incompressible), before + 20);
	bed_free(b);
}

static void one_random_chunk_costs_no_other_its_compression(void **state)
{
	struct bed *b = bed_new();

	for (int i = 0; i < 20; i++) {
		percent(b, true);
		assert_true(percent(b, false) < 10);
	}
	bed_free(b);
}

static void what_compresses_is_found_again_behind_what_does_not(void **state)
{
	for (uint32_t n = 1; n < 40; n += 3) {
		struct bed *b = bed_new();
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
	struct bed *b = bed_new();

	for (int i = 0; i < 20; i++)
		assert_true(percent(b, false) < 10);
	assert_int_equal(bc_counter_get(&b->stats->blocks_incompressible), 0);
	bed_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_chunks_are_soon_stored_whole),
		cmocka_unit_test(one_random_chunk_costs_no_other_its_compression),
		cmocka_unit_test(what_compresses_is_found_again_behind_what_does_not),
		cmocka_unit_test(what_compresses_is_never_stored),
	};

	return cmocka_run_group_tests(tests, eal, NULL);
}
