/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_lane_policy.h"
#include "bc_time.h"

#define N(table) (sizeof(table) / sizeof((table)[0]))

/* A lane that drops packets rather than wait, with a core of its own; the only one, of 80 buffers. */
static const struct bc_lane_policy lossy = { .mode = { .accelerate = true }, .level = 1, .n_lanes = 1, .buffers = 80 };
/* One that takes turns with the sources. */
static const struct bc_lane_policy shared = {
	.mode = { .accelerate = true, .calm_rounds = 8 }, .level = 1, .n_lanes = 1, .buffers = 80,
};
static const struct bc_lane_policy blocking = { .mode = { .patience_ns = 1000 }, .level = 1, .n_lanes = 2, .buffers = 80 };
static const struct bc_lane_policy blocking_on_one_cpu = {
	.mode = { .patience_ns = 1000, .one_cpu = true }, .level = 1, .n_lanes = 1, .buffers = 80,
};

static void mode_by_capture(void **state)
{
	static const struct {
		struct bc_lane_capture capture;
		struct bc_lane_mode mode;
	} row[] = {
		{ { .accelerate = true }, { .patience_ns = 2 * BC_NS_PER_MS } },
		{ { .one_lcore = true, .one_cpu = true }, { .patience_ns = 2 * BC_NS_PER_MS, .one_cpu = true } },
		{ { .lossy = true }, { .accelerate = false } },
		{ { .lossy = true, .accelerate = true, .drop_on_full = true }, { .accelerate = true } },
		{ { .lossy = true, .accelerate = true, .drop_on_full = true, .one_lcore = true },
		  { .accelerate = true, .calm_rounds = 8 } },
		{ { .lossy = true, .accelerate = true, .one_lcore = true }, { .accelerate = true, .calm_rounds = 1 } },
	};

	for (size_t i = 0; i < N(row); i++) {
		struct bc_lane_mode m = bc_lane_mode(&row[i].capture);

		assert_int_equal(m.accelerate, row[i].mode.accelerate);
		assert_int_equal(m.one_cpu, row[i].mode.one_cpu);
		assert_int_equal(m.calm_rounds, row[i].mode.calm_rounds);
		assert_int_equal(m.patience_ns, row[i].mode.patience_ns);
	}
}

static void the_index_gives_way_before_compression_does(void **state)
{
	static const struct {
		const struct bc_lane_policy *p;
		struct bc_lane_sight sight;
		bool unnoted;
	} row[] = {
		{ &lossy, { .backlog = 9 }, false }, { &lossy, { .backlog = 10 }, true }, { &lossy, { .backlog = 80 }, true },
		{ &blocking, { .backlog = 40 }, false }, { &shared, { .calm = 8 }, false }, { &shared, { .flooded = true }, true },
	};

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_effort(row[i].p, &row[i].sight).unnoted, row[i].unnoted);
}

static void pressure_ladder_by_backlog(void **state)
{
	static const struct {
		uint32_t backlog;
		int acceleration;
		bool pressed;
	} row[] = { { 1, 1, false }, { 19, 1, false }, { 20, 8, true }, { 39, 8, true }, { 40, 32, true },
		    { 59, 32, true }, { 60, 0, true }, { 80, 0, true } };

	for (size_t i = 0; i < N(row); i++) {
		struct bc_lane_effort e = bc_lane_effort(&lossy, &(struct bc_lane_sight){ .backlog = row[i].backlog, .free = 10 });

		assert_int_equal(e.acceleration, row[i].acceleration);
		assert_int_equal(e.pressed, row[i].pressed);
		assert_false(e.defer);
	}
}

static void backlog_of_the_other_lanes_counts(void **state)
{
	struct bc_lane_policy four = lossy;

	four.n_lanes = 4;
	assert_false(bc_lane_effort(&four, &(struct bc_lane_sight){ .backlog = 4 }).pressed);
	assert_true(bc_lane_effort(&four, &(struct bc_lane_sight){ .backlog = 5 }).pressed);
}

static void level_holds_where_the_ladder_is_not_allowed(void **state)
{
	static const struct {
		int level, acceleration;
	} row[] = { { 0, 1 }, { 1, 1 }, { 2, -2 }, { 9, -9 } };

	for (size_t i = 0; i < N(row); i++) {
		struct bc_lane_policy p = { .level = row[i].level, .n_lanes = 1, .buffers = 80 };
		struct bc_lane_effort e = bc_lane_effort(&p, &(struct bc_lane_sight){ .backlog = 80 });

		assert_int_equal(e.acceleration, row[i].acceleration);
		assert_false(e.pressed);
	}
}

static void busy_lane_compresses_only_when_buffers_run_short(void **state)
{
	static const struct {
		uint32_t packets, free;
		bool defer;
	} row[] = { { 511, 80, false }, { 512, 80, true }, { 512, 41, true }, { 512, 40, false } };

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_effort(&lossy, &(struct bc_lane_sight){ .packets = row[i].packets, .free = row[i].free }).defer,
				 row[i].defer);
}

static void lane_that_shares_its_lcore_compresses_when_it_is_calm(void **state)
{
	static const struct {
		uint32_t calm, free;
		bool defer;
	} row[] = { { 7, 41, true }, { 8, 80, false }, { 8, 40, false } };

	for (size_t i = 0; i < N(row); i++) {
		struct bc_lane_effort e = bc_lane_effort(&shared, &(struct bc_lane_sight){ .calm = row[i].calm, .free = row[i].free });

		assert_int_equal(e.defer, row[i].defer);
		assert_false(e.pressed);
		assert_int_equal(e.acceleration, !row[i].defer);
	}
}

static void flood_begins_when_half_of_the_buffers_are_taken_and_ends_when_it_is_calm(void **state)
{
	static const struct {
		const struct bc_lane_policy *p;
		uint32_t calm, free;
		bool before, after;
	} row[] = {
		{ &shared, 7, 41, false, false }, { &shared, 7, 40, false, true }, { &shared, 7, 80, true, true },
		{ &shared, 8, 40, true, false }, { &shared, 8, 40, false, false }, { &lossy, 0, 10, false, false },
	};

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_flooded(row[i].p, &(struct bc_lane_sight){ .calm = row[i].calm, .free = row[i].free,
										    .flooded = row[i].before }), row[i].after);
}

static void in_a_flood_headers_get_a_share_of_the_time_where_records_are_not_small(void **state)
{
	static const struct {
		uint32_t backlog, free, record_bytes;
		uint64_t headers_ns;
		bool defer, headers;
	} row[] = {
		{ 3, 80, 400, 0, true, true }, { 3, 40, 400, 0, false, true }, { 4, 80, 400, 0, false, true },
		{ 4, 80, 191, 0, false, false }, { 4, 80, 192, 0, false, true },
		{ 4, 80, 400, 250, false, true }, { 4, 80, 400, 251, false, false },
	};

	for (size_t i = 0; i < N(row); i++) {
		struct bc_lane_effort e = bc_lane_effort(&shared, &(struct bc_lane_sight){
			.flooded = true, .free = row[i].free, .backlog = row[i].backlog, .flood_ns = 1000, .headers_ns = row[i].headers_ns,
			.record_bytes = row[i].record_bytes });

		assert_true(e.pressed);
		assert_true(e.unnoted);
		assert_int_equal(e.acceleration, 0);
		assert_int_equal(e.defer, row[i].defer);
		assert_int_equal(e.headers, row[i].headers);
	}
}

static void calm_is_counted_from_the_last_busy_round(void **state)
{
	static const struct {
		uint32_t calm, packets, after;
	} row[] = { { 0, 63, 1 }, { 3, 0, 4 }, { 7, 0, 8 }, { 8, 0, 8 }, { 8, 64, 0 }, { 0, 64, 0 } };

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_calm(&shared, row[i].calm, row[i].packets), row[i].after);
	assert_int_equal(bc_lane_calm(&lossy, 0, 0), 0);
}

static void how_far_a_blocking_lane_runs_ahead(void **state)
{
	/* Two lanes hold 3 buffers each; at 16 more of each, the committer is waited for. */
	static const struct {
		uint32_t backlog, free;
		bool awaited;
		uint64_t stalled_ns;
		enum bc_lane_intake intake;
	} row[] = {
		{ 1, 80, false, 0, BC_LANE_PACK },
		{ 2, 80, false, 0, BC_LANE_HOLD },
		{ 1, 43, false, 0, BC_LANE_PACK },
		{ 1, 42, false, 0, BC_LANE_HOLD },
		{ 1, 42, true, 0, BC_LANE_PACK },
		{ 1, 42, false, 999, BC_LANE_HOLD },
		{ 1, 42, false, 1000, BC_LANE_PACK },
	};

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_intake(&blocking, &(struct bc_lane_sight){
			.backlog = row[i].backlog, .held = 3, .free = row[i].free, .awaited = row[i].awaited,
			.stalled_ns = row[i].stalled_ns }), row[i].intake);
}

static void lane_on_the_committers_cpu_waits_until_one_is_left(void **state)
{
	struct bc_lane_sight s = { .backlog = 1, .held = 3, .free = 74 };

	assert_int_equal(bc_lane_intake(&blocking_on_one_cpu, &s), BC_LANE_PACK);
	s.free = 73;
	assert_int_equal(bc_lane_intake(&blocking_on_one_cpu, &s), BC_LANE_WAIT);
	assert_int_equal(bc_lane_wait_free(&blocking_on_one_cpu, &s), 76);
}

static void lane_that_drops_never_waits_for_the_committer(void **state)
{
	struct bc_lane_sight s = { .backlog = 79, .held = 80 };

	assert_int_equal(bc_lane_intake(&lossy, &s), BC_LANE_PACK);
}

static void when_the_committer_is_woken(void **state)
{
	static const struct {
		const struct bc_lane_policy *policy;
		uint32_t packets, unannounced, free;
		bool wakes;
	} row[] = {
		{ &lossy, 63, 1, 80, true },			/* has time */
		{ &lossy, 64, 3, 80, false },
		{ &lossy, 64, 4, 80, true },
		{ &lossy, 64, 1, 40, true },			/* buffers run short */
		{ &blocking, 2000, 1, 80, true },
		{ &blocking_on_one_cpu, 1, 3, 80, false },
		{ &blocking_on_one_cpu, 0, 1, 80, true },
	};

	for (size_t i = 0; i < N(row); i++)
		assert_int_equal(bc_lane_wakes(row[i].policy, &(struct bc_lane_sight){
			.packets = row[i].packets, .unannounced = row[i].unannounced, .free = row[i].free }), row[i].wakes);
}

static void what_does_not_compress_is_sampled_less_and_less(void **state)
{
	struct bc_lane_trial t = { 0 };
	uint32_t between = 0, longest = 0;

	bc_lane_trial_compressed(&t, 1200, 1101);
	assert_true(bc_lane_trial_samples(&t));
	for (int i = 0; i < 100; i++) {
		if (!bc_lane_trial_samples(&t)) {
			bc_lane_trial_stored(&t);
			between++;
			continue;
		}
		assert_false(bc_lane_trial_sampled(&t, 2000, 1900));
		longest = between > longest ? between : longest;
		between = 0;
	}
	assert_int_equal(longest, 8);
}

static void what_compresses_is_not_sampled(void **state)
{
	struct bc_lane_trial t = { 0 };

	bc_lane_trial_compressed(&t, 1200, 1100);
	assert_false(t.doubtful);
	assert_false(bc_lane_trial_samples(&t));
}

static void good_sample_ends_the_doubt(void **state)
{
	struct bc_lane_trial t = { 0 };

	bc_lane_trial_compressed(&t, 1200, 1200);
	assert_true(bc_lane_trial_sampled(&t, 2000, 1899));
	assert_false(t.doubtful);
}

static void headers_that_are_not_worth_it_are_tried_again_behind_a_sample(void **state)
{
	struct bc_lane_trial t = { .doubtful = true };

	bc_lane_trial_headers(&t, 4000, 3900);
	assert_false(t.bare);
	bc_lane_trial_headers(&t, 4000, 3901);
	assert_true(t.bare);
	bc_lane_trial_stored(&t);
	assert_true(t.bare);
	assert_false(bc_lane_trial_sampled(&t, 2000, 2000));
	assert_false(t.bare);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mode_by_capture),
		cmocka_unit_test(the_index_gives_way_before_compression_does),
		cmocka_unit_test(pressure_ladder_by_backlog),
		cmocka_unit_test(backlog_of_the_other_lanes_counts),
		cmocka_unit_test(level_holds_where_the_ladder_is_not_allowed),
		cmocka_unit_test(busy_lane_compresses_only_when_buffers_run_short),
		cmocka_unit_test(lane_that_shares_its_lcore_compresses_when_it_is_calm),
		cmocka_unit_test(flood_begins_when_half_of_the_buffers_are_taken_and_ends_when_it_is_calm),
		cmocka_unit_test(in_a_flood_headers_get_a_share_of_the_time_where_records_are_not_small),
		cmocka_unit_test(calm_is_counted_from_the_last_busy_round),
		cmocka_unit_test(how_far_a_blocking_lane_runs_ahead),
		cmocka_unit_test(lane_on_the_committers_cpu_waits_until_one_is_left),
		cmocka_unit_test(lane_that_drops_never_waits_for_the_committer),
		cmocka_unit_test(when_the_committer_is_woken),
		cmocka_unit_test(what_does_not_compress_is_sampled_less_and_less),
		cmocka_unit_test(what_compresses_is_not_sampled),
		cmocka_unit_test(good_sample_ends_the_doubt),
		cmocka_unit_test(headers_that_are_not_worth_it_are_tried_again_behind_a_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
