/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include "bc_bufpool.h"

static struct bc_bufpool *pool_of(uint32_t n, uint32_t size)
{
	struct bc_bufpool *p = bc_bufpool_new(n, size, false, NULL);

	assert_non_null(p);
	return p;
}

static void buffers_are_whole_pages(void **state)
{
	struct bc_bufpool *p = pool_of(3, 5000);

	assert_int_equal(bc_bufpool_size(p), 8192);
	for (int i = 0; i < 3; i++) {
		uint8_t *b = bc_bufpool_get(p, 0);

		assert_int_equal((uintptr_t)b & 4095, 0);
		memset(b, i, 8192);
	}
	bc_bufpool_free(p);
	bc_bufpool_free(NULL);
}

static void they_run_out(void **state)
{
	struct bc_bufpool *p = pool_of(2, 4096);
	uint8_t *a = bc_bufpool_get(p, 0), *b = bc_bufpool_get(p, 0);

	assert_ptr_not_equal(a, b);
	assert_null(bc_bufpool_get(p, 0));
	assert_int_equal(bc_bufpool_available(p), 0);
	assert_int_equal(bc_bufpool_total(p), 2);
	bc_bufpool_put(p, a);
	assert_ptr_equal(bc_bufpool_get(p, 0), a);
	bc_bufpool_free(p);
}

static void the_last_one_given_back_is_the_next_one_taken(void **state)
{
	struct bc_bufpool *p = pool_of(5, 4096);
	uint8_t *a = bc_bufpool_get(p, 0), *b = bc_bufpool_get(p, 0);

	bc_bufpool_put(p, a);
	bc_bufpool_put(p, b);
	assert_ptr_equal(bc_bufpool_get(p, 0), b);
	assert_ptr_equal(bc_bufpool_get(p, 0), a);
	bc_bufpool_free(p);
}

static void what_is_kept_is_not_given(void **state)
{
	struct bc_bufpool *p = pool_of(2, 4096);

	assert_non_null(bc_bufpool_get(p, 1));
	assert_null(bc_bufpool_get(p, 1));
	assert_non_null(bc_bufpool_get(p, 0));
	bc_bufpool_free(p);
}

static void too_much_memory_is_refused_in_words(void **state)
{
	struct bc_err err;

	assert_null(bc_bufpool_new(1U << 20, UINT32_MAX - 4096, false, &err));
	assert_non_null(strstr(err.msg, "--memory"));
}

struct workers {
	struct bc_bufpool *pool;
	uint32_t keep;
};

/* Takes, marks as its own, looks whether it still is, gives back. */
static void *worker(void *arg)
{
	const struct workers *w = arg;
	struct bc_bufpool *p = w->pool;
	uint64_t mark = (uint64_t)pthread_self();

	for (int i = 0; i < 20000;) {
		uint8_t *buf = bc_bufpool_get(p, w->keep);

		if (!buf) {
			sched_yield();
			continue;
		}
		memcpy(buf, &mark, sizeof(mark));
		if (i % 64 == 0)
			sched_yield();
		if (memcmp(buf, &mark, sizeof(mark)) || bc_bufpool_available(p) < w->keep)
			return p;
		bc_bufpool_put(p, buf);
		i++;
	}
	return NULL;
}

static void threads_share(uint32_t buffers, uint32_t keep)
{
	struct bc_bufpool *p = pool_of(buffers, 4096);
	struct workers w = { p, keep };
	pthread_t t[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&t[i], NULL, worker, &w), 0);
	for (int i = 0; i < 3; i++) {
		void *failed;

		pthread_join(t[i], &failed);
		assert_null(failed);
	}
	assert_int_equal(bc_bufpool_available(p), buffers);
	bc_bufpool_free(p);
}

static void two_threads_never_have_the_same_buffer(void **state)
{
	threads_share(2, 0);
}

static void two_threads_never_take_what_is_kept(void **state)
{
	threads_share(3, 2);
}

static void waiting_ends_after_its_time(void **state)
{
	struct bc_bufpool *p = pool_of(2, 4096);

	bc_bufpool_get(p, 0);
	bc_bufpool_await(p, 2, 1000000);
	assert_int_equal(bc_bufpool_available(p), 1);
	bc_bufpool_free(p);
}

struct giver {
	struct bc_bufpool *pool;
	uint8_t *buf[2];
	_Atomic bool seen;
};

/* Both, one after the other; and takes them again when nobody has noticed for long. */
static void *give_back(void *arg)
{
	struct giver *g = arg;

	for (int i = 0; i < 2; i++) {
		usleep(10000);
		bc_bufpool_put(g->pool, g->buf[i]);
	}
	for (int i = 0; i < 800 && !g->seen; i++)
		usleep(1000);
	for (int i = 0; i < 2 && !g->seen; i++)
		bc_bufpool_get(g->pool, 0);
	return NULL;
}

static void who_waits_is_woken_by_the_buffer_that_makes_them_enough(void **state)
{
	struct giver g = { .pool = pool_of(2, 4096) };
	pthread_t t;

	g.buf[0] = bc_bufpool_get(g.pool, 0);
	g.buf[1] = bc_bufpool_get(g.pool, 0);
	assert_int_equal(pthread_create(&t, NULL, give_back, &g), 0);
	bc_bufpool_await(g.pool, 2, 999999999);
	assert_int_equal(bc_bufpool_available(g.pool), 2);
	g.seen = true;
	pthread_join(t, NULL);
	bc_bufpool_free(g.pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buffers_are_whole_pages),
		cmocka_unit_test(they_run_out),
		cmocka_unit_test(the_last_one_given_back_is_the_next_one_taken),
		cmocka_unit_test(what_is_kept_is_not_given),
		cmocka_unit_test(too_much_memory_is_refused_in_words),
		cmocka_unit_test(waiting_ends_after_its_time),
		cmocka_unit_test(who_waits_is_woken_by_the_buffer_that_makes_them_enough),
		cmocka_unit_test(two_threads_never_have_the_same_buffer),
		cmocka_unit_test(two_threads_never_take_what_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
