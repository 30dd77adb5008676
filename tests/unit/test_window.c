/* SPDX-License-Identifier: BSD-3-Clause */
#include "pool.h"

#include <errno.h>

#include "bc_window.h"

#define SOURCE 3

static struct rte_mempool *pool;
static uint8_t data[262144];

static int start(void **state)
{
	pool = mbuf_pool(1024);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
	return 0;
}

/* A window over one pool of buffers. */
struct fixture {
	struct bc_bufpool *buffers;
	struct bc_window_memory memory;
	struct bc_window w;
};

static void begin(struct fixture *f, uint32_t buffers, uint32_t size, uint32_t keep)
{
	*f = (struct fixture){ .buffers = bc_bufpool_new(buffers, size, false, NULL) };
	assert_non_null(f->buffers);
	f->memory = (struct bc_window_memory){ .n_pools = 1, .pool = { f->buffers }, .keep = { { keep }, { keep + 2 } } };
	f->w.memory = &f->memory;
}

static void end(struct fixture *f)
{
	bc_window_clear(&f->w);
	assert_int_equal(bc_bufpool_available(f->buffers), bc_bufpool_total(f->buffers));
	assert_pool_full(pool);
	bc_bufpool_free(f->buffers);
}

/* Put packet number n, of len bytes, and give its mbuf back. */
static int put(struct fixture *f, uint32_t n, uint32_t len, uint64_t drops)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	int r;

	assert_int_equal(bc_packet_fill(m, data + n % 64, len), 0);
	m->port = (uint16_t)(n % 5);
	*bc_meta(m) = (struct bc_meta){ .wire_len = len + n, .source = SOURCE };
	r = bc_window_put(&f->w, m, 1000 + n, 1 + n % 3, drops, BC_WAIT_ORDER);
	rte_pktmbuf_free(m);
	return r;
}

static void check(const struct bc_windowed *p, uint32_t n, uint32_t len, uint64_t drops)
{
	static uint8_t got[sizeof(data)];

	assert_int_equal(p->ts_ns, 1000 + n);
	assert_int_equal(p->outputs, 1 + n % 3);
	assert_int_equal(p->m->pkt_len, len);
	assert_int_equal(p->m->port, n % 5);
	assert_int_equal(bc_meta(p->m)->wire_len, len + n);
	assert_int_equal(bc_meta(p->m)->source, SOURCE);
	assert_int_equal(bc_meta(p->m)->flags, drops ? BC_META_DROPS : 0);
	if (drops)
		assert_int_equal(p->m->tx_offload, drops);
	bc_packet_copy_chain(got, p->m, len);
	assert_memory_equal(got, data + n % 64, len);
}

static void packets_come_back_as_they_went_in_and_in_order(void **state)
{
	struct fixture f;
	struct bc_windowed p[64];
	uint32_t taken = 0, n;

	begin(&f, 16, 4096, 0);
	for (uint32_t i = 0; i < 300; i++)
		assert_int_equal(put(&f, i, i % 7 * 40, i % 11 ? 0 : i), 0);
	while ((n = bc_window_take(&f.w, pool, SOURCE, p, 50)))
		for (uint32_t i = 0; i < n; i++, taken++) {
			check(&p[i], taken, taken % 7 * 40, taken % 11 ? 0 : taken);
			rte_pktmbuf_free(p[i].m);
		}
	assert_int_equal(taken, 300);
	assert_true(bc_window_empty(&f.w));
	end(&f);
}

static void a_packet_longer_than_an_mbuf_comes_back_whole(void **state)
{
	struct fixture f;
	struct bc_windowed p;

	begin(&f, 2, 300000, 0);
	assert_int_equal(put(&f, 0, 262144, 0), 0);
	assert_int_equal(bc_window_take(&f.w, pool, SOURCE, &p, 1), 1);
	check(&p, 0, 262144, 0);
	rte_pktmbuf_free(p.m);
	end(&f);
}

static void options_come_back_with_their_packet(void **state)
{
	static const uint32_t options[] = { 4, 40, 3000 };
	struct fixture f;
	struct bc_windowed p[3];
	uint8_t got[3000];

	begin(&f, 4, 16384, 0);
	for (uint32_t i = 0; i < 3; i++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

		assert_int_equal(bc_packet_fill(m, data, 61 + i), 0);
		*bc_meta(m) = (struct bc_meta){ .wire_len = 61 + i, .flags = i == 1 ? BC_META_QUEUE : 0 };
		assert_int_equal(bc_packet_add_options(m, data + 5000, options[i]), 0);
		assert_int_equal(bc_window_put(&f.w, m, 1000 + i, 1, 0, BC_WAIT_ORDER), 0);
		rte_pktmbuf_free(m);
	}
	assert_int_equal(bc_window_take(&f.w, pool, SOURCE, p, 3), 3);
	for (uint32_t i = 0; i < 3; i++) {
		assert_int_equal(p[i].m->pkt_len, 61 + i);
		assert_int_equal(bc_packet_options_len(p[i].m), options[i]);
		assert_int_equal(bc_meta(p[i].m)->flags & BC_META_QUEUE, i == 1 ? BC_META_QUEUE : 0);
		bc_packet_copy_options(got, p[i].m);
		assert_memory_equal(got, data + 5000, options[i]);
		bc_packet_copy_chain(got, p[i].m, 61 + i);
		assert_memory_equal(got, data, 61 + i);
		rte_pktmbuf_free(p[i].m);
	}
	end(&f);
}

static void it_leaves_the_outputs_what_is_theirs(void **state)
{
	struct fixture f;
	uint32_t n = 0;

	begin(&f, 8, 4096, 5);
	while (put(&f, n, 1000, 0) == 0)
		n++;
	assert_int_equal(bc_bufpool_available(f.buffers), 5);
	assert_int_equal(n, 3 * 3);
	assert_int_equal(bc_counter_get(&f.w.peak), bc_counter_get(&f.w.bytes));
	end(&f);
}

static void what_waits_for_an_output_may_take_less(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	struct fixture f;

	begin(&f, 8, 4096, 3);
	assert_int_equal(bc_packet_fill(m, data, 1000), 0);
	while (bc_window_put(&f.w, m, 1, 1, 0, BC_WAIT_OUTPUT) == 0)
		;
	assert_int_equal(bc_bufpool_available(f.buffers), 5);
	assert_false(bc_window_has_memory(&f.w, BC_WAIT_OUTPUT));
	assert_true(bc_window_has_memory(&f.w, BC_WAIT_ORDER));
	assert_int_equal(bc_window_put(&f.w, m, 1, 1, 0, BC_WAIT_ORDER), 0);
	rte_pktmbuf_free(m);
	end(&f);
}

static void memory_goes_back_as_packets_leave(void **state)
{
	struct fixture f;
	struct bc_windowed p[3];

	begin(&f, 4, 4096, 0);
	for (uint32_t i = 0; i < 9; i++)
		assert_int_equal(put(&f, i, 1000, 0), 0);
	assert_int_equal(bc_bufpool_available(f.buffers), 1);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(bc_window_take(&f.w, pool, SOURCE, p, 3), 3);
		for (uint32_t k = 0; k < 3; k++)
			rte_pktmbuf_free(p[k].m);
	}
	assert_int_equal(bc_bufpool_available(f.buffers), 2);
	end(&f);
}

static void the_fullest_pool_gives(void **state)
{
	struct fixture f;
	struct bc_bufpool *other = bc_bufpool_new(8, 4096, false, NULL);

	begin(&f, 4, 4096, 0);
	f.memory.n_pools = 2;
	f.memory.pool[1] = other;
	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(put(&f, i, 1000, 0), 0);
	assert_int_equal(bc_bufpool_available(f.buffers), 4);
	assert_int_equal(bc_bufpool_available(other), 4);
	bc_window_clear(&f.w);
	assert_int_equal(bc_bufpool_available(other), 8);
	bc_bufpool_free(other);
	end(&f);
}

static void without_memory_nothing_fits(void **state)
{
	struct fixture f;

	begin(&f, 1, 4096, 0);
	f.w.memory = NULL;
	assert_int_equal(put(&f, 0, 60, 0), -ENOBUFS);
	f.w.memory = &f.memory;
	assert_int_equal(put(&f, 0, 5000, 0), -ENOBUFS);
	end(&f);
}

static void without_mbufs_packets_stay(void **state)
{
	struct fixture f;
	struct bc_windowed p[2];
	struct rte_mbuf *all[1024];

	begin(&f, 4, 16384, 0);
	assert_int_equal(put(&f, 0, 60, 0), 0);
	assert_int_equal(put(&f, 1, 9000, 0), 0);
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, all, 1024), 0);
	assert_int_equal(bc_window_take(&f.w, pool, SOURCE, p, 2), 0);
	rte_pktmbuf_free_bulk(all, 3);
	/* Three mbufs are enough for the first, and not for five. */
	assert_int_equal(bc_window_take(&f.w, pool, SOURCE, p, 2), 1);
	check(&p[0], 0, 60, 0);
	rte_pktmbuf_free(p[0].m);
	rte_pktmbuf_free_bulk(all + 3, 1021);
	assert_int_equal(bc_window_take(&f.w, pool, SOURCE, p, 2), 1);
	check(&p[0], 1, 9000, 0);
	rte_pktmbuf_free(p[0].m);
	end(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_come_back_as_they_went_in_and_in_order),
		cmocka_unit_test(a_packet_longer_than_an_mbuf_comes_back_whole),
		cmocka_unit_test(options_come_back_with_their_packet),
		cmocka_unit_test(it_leaves_the_outputs_what_is_theirs),
		cmocka_unit_test(what_waits_for_an_output_may_take_less),
		cmocka_unit_test(memory_goes_back_as_packets_leave),
		cmocka_unit_test(the_fullest_pool_gives),
		cmocka_unit_test(without_memory_nothing_fits),
		cmocka_unit_test(without_mbufs_packets_stay),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
