/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_engine.h"

/* Idle rounds in which an lcore with a small device spins. */
#define SPINS 64

/* A stage without work, which looks at the lcore's sleeps before each of its rounds. */
struct idler {
	struct bc_lcore *lcore;
	uint64_t keeps_ns;		/* what its device keeps */
	uint32_t rounds;
	uint32_t last;			/* the round that ends the loop */
	uint32_t work_every;		/* a round of so many does something; 0: none */
	uint64_t sleeps[256];		/* before round i */
};

static uint32_t idler_poll(void *ctx)
{
	struct idler *s = ctx;

	if (s->rounds < 256)
		s->sleeps[s->rounds] = bc_counter_get(&s->lcore->sleeps);
	if (++s->rounds >= s->last)
		atomic_store(&s->lcore->abort, true);
	return s->work_every && s->rounds % s->work_every == 0;
}

static bool idler_done(void *ctx)
{
	return false;
}

static uint64_t idler_buffers_ns(void *ctx)
{
	return ((struct idler *)ctx)->keeps_ns;
}

/* Run stages whose devices keep what comes for so long, until each was asked rounds times. */
static void run(struct idler *s, uint32_t n, uint32_t rounds, bool busy_poll)
{
	struct bc_stage stage[2] = { 0 };
	struct bc_stage *list[2] = { &stage[0], &stage[1] };
	struct bc_lcore l = { .busy_poll = busy_poll, .all = &l, .n_all = 1, .n_stages = n, .stage = list };

	for (uint32_t i = 0; i < n; i++) {
		s[i].lcore = &l;
		s[i].last = rounds;
		stage[i] = (struct bc_stage){ .poll = idler_poll, .done = idler_done, .buffers_ns = idler_buffers_ns, .ctx = &s[i] };
	}
	bc_lcore_run(&l);
}

static void a_device_that_keeps_much_is_left_alone_at_once(void **state)
{
	struct idler s = { .keeps_ns = 2000000 };

	run(&s, 1, 10, false);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(s.sleeps[i], i);
}

static void it_is_emptied_before_it_is_left_alone(void **state)
{
	struct idler s = { .keeps_ns = 2000000, .work_every = 2 };

	run(&s, 1, 10, false);
	for (uint32_t i = 0; i < 10; i++)
		assert_int_equal(s.sleeps[i], (i + 1) / 2);
}

static void a_small_device_is_watched_before_the_first_sleep(void **state)
{
	struct idler s = { .keeps_ns = 250000 };

	run(&s, 1, SPINS + 10, false);
	for (uint32_t i = 0; i < SPINS + 10; i++)
		assert_int_equal(s.sleeps[i], i <= SPINS ? 0 : i - SPINS);
}

static void the_least_blocking_device_decides(void **state)
{
	struct idler s[2] = { { .keeps_ns = 2000000 }, { .keeps_ns = 250000 } };

	run(s, 2, SPINS + 10, false);
	assert_int_equal(s[0].sleeps[SPINS], 0);
}

static void who_waits_for_another_stage_looks_again_soon(void **state)
{
	struct idler s[2] = { { .keeps_ns = 2000000 }, { .keeps_ns = 0 } };

	run(s, 2, SPINS + 10, false);
	assert_int_equal(s[0].sleeps[SPINS], 0);
}

static void busy_polling_never_sleeps(void **state)
{
	struct idler s = { .keeps_ns = 2000000 };

	run(&s, 1, 200, true);
	assert_int_equal(s.sleeps[199], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_device_that_keeps_much_is_left_alone_at_once),
		cmocka_unit_test(it_is_emptied_before_it_is_left_alone),
		cmocka_unit_test(a_small_device_is_watched_before_the_first_sleep),
		cmocka_unit_test(the_least_blocking_device_decides),
		cmocka_unit_test(who_waits_for_another_stage_looks_again_soon),
		cmocka_unit_test(busy_polling_never_sleeps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
