/* SPDX-License-Identifier: BSD-3-Clause */
#include "eal.h"
#include "pool.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

static struct rte_mempool *pool;

static int start(void **state)
{
	pool = mbuf_pool(1024);
	return 0;
}

static uint8_t data[400000];

static void fill_data(void)
{
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 31 + i / 251);
}

static void packets_of_every_length_come_back(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 2047, 2048, 2049, 4096, 9000, 262144 };
	static uint8_t got[262144];

	fill_data();
	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++) {
		struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
		uint32_t sum = 0, segments = 0;

		assert_int_equal(bc_packet_fill(m, data, lengths[n]), 0);
		assert_int_equal(m->pkt_len, lengths[n]);
		for (struct rte_mbuf *s = m; s; s = s->next) {
			sum += s->data_len;
			segments++;
		}
		assert_int_equal(sum, lengths[n]);
		assert_int_equal(m->nb_segs, segments);
		bc_packet_copy_chain(got, m, lengths[n]);
		assert_memory_equal(got, data, lengths[n]);
		rte_pktmbuf_free(m);
		assert_pool_full(pool);
	}
}

static void a_copy_stops_where_it_is_told_to(void **state)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	uint8_t got[5000];

	fill_data();
	assert_int_equal(bc_packet_fill(m, data, 9000), 0);
	for (uint32_t len = 0; len < 4500; len += 499) {
		memset(got, 0xaa, sizeof(got));
		bc_packet_copy_chain(got, m, len);
		if (len)
			assert_memory_equal(got, data, len);
		assert_int_equal(got[len], 0xaa);
	}
	rte_pktmbuf_free(m);
}

static void segments_without_bytes_are_passed_over(void **state)
{
	static const uint16_t lengths[] = { 0, 3, 0, 0, 5, 1, 0 };
	struct rte_mbuf *m = NULL;
	uint8_t got[9], *at = data;

	fill_data();
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct rte_mbuf *s = rte_pktmbuf_alloc(pool);

		memcpy(rte_pktmbuf_append(s, lengths[i]), at, lengths[i]);
		at += lengths[i];
		if (!m)
			m = s;
		else
			assert_int_equal(rte_pktmbuf_chain(m, s), 0);
	}
	bc_packet_copy_chain(got, m, 9);
	assert_memory_equal(got, data, 9);
	rte_pktmbuf_free(m);
	assert_pool_full(pool);
}

static void without_mbufs_the_packet_is_empty_again(void **state)
{
	static struct rte_mbuf *taken[1024];
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned n = rte_mempool_avail_count(pool) - 2;

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	assert_int_equal(bc_packet_fill(m, data, 9000), -ENOBUFS);
	assert_int_equal(rte_mempool_avail_count(pool), 2);
	assert_int_equal(m->nb_segs, 1);
	assert_int_equal(m->pkt_len, 0);
	assert_null(m->next);
	rte_pktmbuf_free_bulk(taken, n);
	assert_int_equal(bc_packet_fill(m, data, 9000), 0);
	rte_pktmbuf_free(m);
	assert_pool_full(pool);
}

static struct rte_mbuf *with_options(uint32_t len, uint32_t options)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);

	assert_int_equal(bc_packet_fill(m, data, len), 0);
	*bc_meta(m) = (struct bc_meta){ .wire_len = len };
	assert_int_equal(bc_packet_options_len(m), 0);
	assert_int_equal(bc_packet_add_options(m, data + 100000, options), 0);
	return m;
}

static void options_come_back_and_the_packet_is_as_it_was(void **state)
{
	static const uint32_t lengths[] = { 0, 60, 2040, 2048, 2049, 9000, 200000 }, options[] = { 4, 8, 2048, 4000, 65532 };
	static uint8_t got[262144];

	fill_data();
	for (size_t n = 0; n < sizeof(lengths) / sizeof(lengths[0]); n++)
		for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
			struct rte_mbuf *m = with_options(lengths[n], options[k]);

			assert_int_equal(m->pkt_len, lengths[n]);
			assert_int_equal(bc_packet_options_len(m), options[k]);
			bc_packet_copy_options(got, m);
			assert_memory_equal(got, data + 100000, options[k]);
			bc_packet_copy_chain(got, m, lengths[n]);
			if (lengths[n])
				assert_memory_equal(got, data, lengths[n]);
			rte_pktmbuf_free(m);
			assert_pool_full(pool);
		}
}

static void without_mbufs_for_options_the_packet_has_none(void **state)
{
	static struct rte_mbuf *taken[1024];
	struct rte_mbuf *m = rte_pktmbuf_alloc(pool);
	unsigned n = rte_mempool_avail_count(pool) - 2;

	assert_int_equal(bc_packet_fill(m, data, 60), 0);
	*bc_meta(m) = (struct bc_meta){ .wire_len = 60 };
	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, taken, n), 0);
	assert_int_equal(bc_packet_add_options(m, data, 9000), -ENOBUFS);
	assert_int_equal(rte_mempool_avail_count(pool), 2);
	assert_int_equal(bc_packet_options_len(m), 0);
	assert_int_equal(m->nb_segs, 1);
	assert_null(m->next);
	rte_pktmbuf_free_bulk(taken, n);
	rte_pktmbuf_free(m);
	assert_pool_full(pool);
}

static void the_bytes_of_a_record_count_its_options(void **state)
{
	struct rte_mbuf *m = with_options(301, 40);
	struct bc_desc d = { 5, bc_desc_word(m, 0, 1) };

	assert_int_equal(bc_packet_data_bytes(&d, 262144), 304);
	assert_int_equal(bc_packet_data_bytes(&d, 99), 100);
	assert_int_equal(bc_packet_record_bytes(&d, 262144), 304 + 40 + 4);
	bc_meta(m)->flags |= BC_META_DROPS;
	assert_int_equal(bc_packet_record_bytes(&d, 99), 100 + 40 + 12 + 4);
	bc_meta(m)->flags = 0;
	assert_int_equal(bc_packet_record_bytes(&d, 99), 100);
	rte_pktmbuf_free(m);
}

static struct rte_mempool *new_pool(uint32_t mbufs, bool devices, struct bc_err *err)
{
	const struct bc_packet_pool_config cfg = { "own", mbufs, devices, SOCKET_ID_ANY, false };

	return bc_packet_pool_new(&cfg, err);
}

static void a_pool_that_finds_no_memory_says_what_to_do(void **state)
{
	struct bc_err err = { "" };

	assert_null(new_pool(1U << 31, false, &err));
	assert_non_null(strstr(err.msg, "--mbufs"));
}

static void the_mbuf_freed_last_is_taken_first(void **state)
{
	struct rte_mbuf *m[3];

	assert_int_equal(rte_pktmbuf_alloc_bulk(pool, m, 3), 0);
	rte_pktmbuf_free(m[0]);
	rte_pktmbuf_free(m[2]);
	assert_ptr_equal(rte_pktmbuf_alloc(pool), m[2]);
	assert_ptr_equal(rte_pktmbuf_alloc(pool), m[0]);
	rte_pktmbuf_free_bulk(m, 3);
}

static void all_mbufs_can_be_taken_and_no_more(void **state)
{
	struct bc_err err = { "" };
	struct rte_mempool *own = new_pool(100, false, &err);
	struct rte_mbuf *m[100], *more;

	assert_int_equal(rte_pktmbuf_alloc_bulk(own, m, 30), 0);
	assert_int_equal(rte_mempool_avail_count(own), 70);
	rte_pktmbuf_free_bulk(m, 30);
	assert_int_equal(rte_pktmbuf_alloc_bulk(own, m, 101), -ENOBUFS);
	assert_pool_full(own);
	assert_int_equal(rte_pktmbuf_alloc_bulk(own, m, 100), 0);
	assert_int_equal(rte_pktmbuf_alloc_bulk(own, &more, 1), -ENOBUFS);
	assert_int_equal(bc_packet_fill(m[99], data, rte_pktmbuf_tailroom(m[99])), 0);
	rte_pktmbuf_free_bulk(m, 100);
	assert_pool_full(own);
	bc_packet_pool_free(own);
}

/* Memory that is not touched is not there. */
static size_t resident(const void *memory, size_t bytes)
{
	const size_t page = 4096;
	uintptr_t begin = (uintptr_t)memory / page * page, end = ((uintptr_t)memory + bytes) / page * page;
	size_t n = (end - begin) / page, in = 0;
	unsigned char *vec = calloc(n, 1);

	assert_int_equal(mincore((void *)begin, end - begin, vec), 0);
	for (size_t i = 0; i < n; i++)
		in += vec[i] & 1;
	free(vec);
	return in * page;
}

static void what_is_never_taken_takes_no_memory(void **state)
{
	const uint32_t mbufs = 100000;
	struct bc_err err = { "" };
	struct rte_mempool *own = new_pool(mbufs, false, &err);
	struct rte_mbuf *m[10];

	for (int i = 0; i < 100; i++) {
		assert_int_equal(rte_pktmbuf_alloc_bulk(own, m, 10), 0);
		rte_pktmbuf_free_bulk(m, 10);
	}
	assert_true(resident((const uint8_t *)m[0] - 128, (size_t)mbufs * 2048) < 16U << 20);
	bc_packet_pool_free(own);
}

static struct {
	struct rte_mempool *pool;
	_Atomic bool shared;	/* an mbuf was given to two threads at a time */
} race;

static void *take_and_free(void *arg)
{
	struct rte_mbuf *m[7];

	for (int i = 0; i < 20000; i++) {
		if (rte_pktmbuf_alloc_bulk(race.pool, m, 7) != 0)
			continue;
		for (int k = 0; k < 7; k++)
			m[k]->port = (uint16_t)(uintptr_t)arg;
		for (int k = 0; k < 7; k++)
			if (m[k]->port != (uint16_t)(uintptr_t)arg)
				race.shared = true;
		rte_pktmbuf_free_bulk(m, 7);
	}
	return NULL;
}

static void threads_share_a_pool(void **state)
{
	pthread_t thread[4];
	struct bc_err err = { "" };

	race.pool = new_pool(25, false, &err);
	for (uintptr_t i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, take_and_free, (void *)(i + 1)), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(thread[i], NULL);
	assert_false(race.shared);
	assert_pool_full(race.pool);
	bc_packet_pool_free(race.pool);
}

static void a_pool_for_devices_is_eals_memory(void **state)
{
	struct bc_err err = { "" };
	struct rte_mempool *eals;
	struct rte_mbuf *m;

	start_eal();
	assert_null(new_pool(100000, true, &err));
	assert_non_null(strstr(err.msg, "--mbufs"));
	eals = new_pool(1000, true, &err);
	assert_non_null(eals);
	m = rte_pktmbuf_alloc(eals);
	assert_int_equal(bc_packet_fill(m, data, 9000), 0);
	rte_pktmbuf_free(m);
	assert_pool_full(eals);
	bc_packet_pool_free(eals);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_of_every_length_come_back),
		cmocka_unit_test(a_copy_stops_where_it_is_told_to),
		cmocka_unit_test(segments_without_bytes_are_passed_over),
		cmocka_unit_test(without_mbufs_the_packet_is_empty_again),
		cmocka_unit_test(options_come_back_and_the_packet_is_as_it_was),
		cmocka_unit_test(without_mbufs_for_options_the_packet_has_none),
		cmocka_unit_test(the_bytes_of_a_record_count_its_options),
		cmocka_unit_test(a_pool_that_finds_no_memory_says_what_to_do),
		cmocka_unit_test(the_mbuf_freed_last_is_taken_first),
		cmocka_unit_test(all_mbufs_can_be_taken_and_no_more),
		cmocka_unit_test(what_is_never_taken_takes_no_memory),
		cmocka_unit_test(threads_share_a_pool),
		cmocka_unit_test(a_pool_for_devices_is_eals_memory),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
