/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_unsettled.h"
#include "random.h"

#define PACKETS 2000U

static uint64_t stamp[PACKETS];
static struct random numbers = { 1 };

/* Packets are their numbers, which nobody looks into. */
static struct rte_mbuf *packet(uint32_t i)
{
	return (struct rte_mbuf *)(uintptr_t)(i + 1);
}

/* Deal all stamps in batches of at most some packets, as a driver does, and take them in out's order. */
static void deal(uint32_t most, uint32_t *out)
{
	struct bc_unsettled u = { 0 };
	uint32_t given = 0, taken = 0;

	while (taken < PACKETS) {
		struct bc_batch b = { 0 };
		uint32_t kept = u.n;

		bc_unsettled_begin(&u, &b);
		assert_int_equal(b.n, kept);
		for (; given < PACKETS && b.n < most + kept && b.n < BC_BURST; given++) {
			b.ts_ns[b.n] = stamp[given];
			b.mbuf[b.n++] = packet(given);
		}
		bc_unsettled_end(&u, &b, kept, given < PACKETS);
		for (uint32_t i = 0; i < b.n; i++) {
			out[taken] = (uint32_t)((uintptr_t)b.mbuf[i] - 1);
			assert_int_equal(b.ts_ns[i], stamp[out[taken]]);
			taken++;
		}
		assert_int_equal(taken + u.n, given);
	}
}

static void each_once(const uint32_t *out)
{
	bool seen[PACKETS] = { false };

	for (uint32_t i = 0; i < PACKETS; i++) {
		assert_false(seen[out[i]]);
		seen[out[i]] = true;
	}
}

static void what_was_stamped_early_goes_before_what_was_stamped_late(void **state)
{
	uint32_t out[PACKETS];

	for (uint32_t most = 1; most <= BC_BURST; most++) {
		for (uint32_t i = 0; i < PACKETS; i++)
			stamp[i] = 1000000000 + 100 * i;
		/* Now and then one is late by as many places as can be. */
		for (uint32_t i = 0; i < PACKETS; i++)
			if (random_below(&numbers, 10) == 0)
				stamp[i] += 100 * random_below(&numbers, BC_UNSETTLED);
		deal(most, out);
		each_once(out);
		for (uint32_t i = 1; i < PACKETS; i++)
			assert_true(stamp[out[i - 1]] <= stamp[out[i]]);
	}
}

static void equal_stamps_stay_in_their_order(void **state)
{
	uint32_t out[PACKETS];

	for (uint32_t i = 0; i < PACKETS; i++)
		stamp[i] = 1000000000 + i / 7;
	deal(10, out);
	for (uint32_t i = 0; i < PACKETS; i++)
		assert_int_equal(out[i], i);
}

static void a_clock_that_is_set_back_moves_nothing(void **state)
{
	uint32_t out[PACKETS];

	for (uint32_t i = 0; i < PACKETS; i++)
		stamp[i] = (i < 1000 ? 10 * BC_NS_PER_S : 9 * BC_NS_PER_S) + i;
	deal(64, out);
	for (uint32_t i = 0; i < PACKETS; i++)
		assert_int_equal(out[i], i);
}

static void nothing_is_kept_when_the_ring_is_empty(void **state)
{
	struct bc_unsettled u = { 0 };
	struct bc_batch b = { .n = 3, .ts_ns = { 30, 10, 20 }, .mbuf = { packet(2), packet(0), packet(1) } };

	bc_unsettled_end(&u, &b, 0, false);
	assert_int_equal(u.n, 0);
	assert_int_equal(b.n, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_ptr_equal(b.mbuf[i], packet(i));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_stamped_early_goes_before_what_was_stamped_late),
		cmocka_unit_test(equal_stamps_stay_in_their_order),
		cmocka_unit_test(a_clock_that_is_set_back_moves_nothing),
		cmocka_unit_test(nothing_is_kept_when_the_ring_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
