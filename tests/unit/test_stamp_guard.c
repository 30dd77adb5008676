/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_stamp_guard.h"

#define S BC_NS_PER_S
#define NOW (1792886400ULL * S)
#define YEAR_2100 (4102444800ULL * S)

/* One packet; what becomes of its stamp. */
static uint64_t one(struct bc_stamp_guard *g, uint64_t ts_ns, uint32_t *ret_ahead)
{
	*ret_ahead = bc_stamp_guard(g, &ts_ns, 1, NOW);
	return ts_ns;
}

static void a_stamp_is_believed_up_to_the_tolerance(void **state)
{
	static const struct { uint64_t ts_ns, want_ns; uint32_t ahead; } table[] = {
		{ NOW, NOW, 0 },
		{ NOW - 1, NOW - 1, 0 },
		{ NOW - 100 * S, NOW - 100 * S, 0 },
		{ 0, 0, 0 },
		{ NOW + BC_STAMP_AHEAD_NS, NOW + BC_STAMP_AHEAD_NS, 0 },
		{ NOW + BC_STAMP_AHEAD_NS + 1, NOW, 1 },
		{ NOW + BC_TAI_NS, NOW, 1 },
		{ YEAR_2100, NOW, 1 },
		{ UINT64_MAX, NOW, 1 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct bc_stamp_guard g = { 0 };
		uint32_t ahead;

		assert_int_equal(one(&g, table[i].ts_ns, &ahead), table[i].want_ns);
		assert_int_equal(ahead, table[i].ahead);
		assert_int_equal(g.last_ns, table[i].want_ns);
	}
}

static void what_is_put_right_does_not_overtake_the_next_packet(void **state)
{
	uint64_t ts_ns[] = { NOW - 5, YEAR_2100, NOW - 3, YEAR_2100, YEAR_2100 };
	struct bc_stamp_guard g = { 0 };

	assert_int_equal(bc_stamp_guard(&g, ts_ns, 5, NOW), 3);
	assert_int_equal(ts_ns[0], NOW - 5);
	assert_int_equal(ts_ns[1], NOW - 3);
	assert_int_equal(ts_ns[2], NOW - 3);
	assert_int_equal(ts_ns[3], NOW);
	assert_int_equal(ts_ns[4], NOW);
}

static void a_clock_on_tai_is_known_by_a_run_of_packets(void **state)
{
	struct bc_stamp_guard g = { 0 };
	uint32_t ahead, all = 0;

	for (int i = 1; i < BC_STAMP_RUN; i++) {
		assert_int_equal(one(&g, NOW + BC_TAI_NS - 1000, &ahead), NOW);
		all += ahead;
	}
	assert_int_equal(all, BC_STAMP_RUN - 1);
	assert_int_equal(one(&g, NOW + BC_TAI_NS - 1000, &ahead), NOW - 1000);
	assert_int_equal(ahead, 0);
	assert_int_equal(g.off_ns, BC_TAI_NS);
}

static void a_run_that_is_broken_says_nothing(void **state)
{
	struct bc_stamp_guard g = { 0 };
	uint32_t ahead;

	for (int i = 0; i < 5 * BC_STAMP_RUN; i++)
		one(&g, i % 8 == 7 ? NOW : NOW + BC_TAI_NS, &ahead);
	assert_int_equal(g.off_ns, 0);
	for (int i = 0; i < 5 * BC_STAMP_RUN; i++)
		one(&g, NOW + 10 * S, &ahead);
	assert_int_equal(g.off_ns, 0);
}

static void a_clock_that_leaves_tai_is_believed_again(void **state)
{
	struct bc_stamp_guard g = { .off_ns = BC_TAI_NS };
	uint32_t ahead;

	for (int i = 1; i < BC_STAMP_RUN; i++)
		assert_int_equal(one(&g, NOW, &ahead), NOW - BC_TAI_NS);
	assert_int_equal(one(&g, NOW, &ahead), NOW);
	assert_int_equal(g.off_ns, 0);
}

static void a_backlog_of_a_clock_on_tai_is_put_right_too(void **state)
{
	struct bc_stamp_guard g = { .off_ns = BC_TAI_NS };
	uint32_t ahead;

	assert_int_equal(one(&g, NOW + BC_TAI_NS - 100 * S, &ahead), NOW - 100 * S);
	assert_int_equal(ahead, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_believed_up_to_the_tolerance),
		cmocka_unit_test(what_is_put_right_does_not_overtake_the_next_packet),
		cmocka_unit_test(a_clock_on_tai_is_known_by_a_run_of_packets),
		cmocka_unit_test(a_run_that_is_broken_says_nothing),
		cmocka_unit_test(a_clock_that_leaves_tai_is_believed_again),
		cmocka_unit_test(a_backlog_of_a_clock_on_tai_is_put_right_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
