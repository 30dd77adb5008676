/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>

#include "bc_clock.h"

/* CLOCK_REALTIME is off by this. */
static int64_t realtime_off_s;

int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	int r = __real_clock_gettime(id, ret);

	if (id == CLOCK_REALTIME)
		ret->tv_sec += realtime_off_s;
	return r;
}

/* A simulated machine: a counter with a drift, and a system clock that can step. */
struct sim {
	struct bc_track t;
	double true_ns;		/* since the start */
	double hz;
	double noise_ns;
	uint64_t utc_start_ns;
	int64_t utc_step_ns;
	unsigned seed;
	uint64_t last_ns;	/* the last conversion, for monotonicity */
};

#define START_NS 1700000000123456789ULL
#define TICKS_START 5000000000ULL

static uint64_t sim_ticks(const struct sim *s)
{
	return TICKS_START + (uint64_t)(s->true_ns * (s->hz / 1e9));
}

static uint64_t sim_utc(const struct sim *s)
{
	return s->utc_start_ns + (uint64_t)s->true_ns + (uint64_t)s->utc_step_ns;
}

static double noise(struct sim *s)
{
	s->seed = s->seed * 1103515245u + 12345u;
	return s->noise_ns * ((double)(s->seed >> 8 & 0xffff) / 32768.0 - 1.0);
}

static struct bc_pair sim_pair(struct sim *s)
{
	return (struct bc_pair){ sim_ticks(s), sim_utc(s) + (uint64_t)(int64_t)noise(s), s->noise_ns };
}

static void sim_feed(struct sim *s)
{
	struct bc_pair p = sim_pair(s);

	assert_int_equal(bc_track_feed(&s->t, &p, p.ticks), 0);
}

/* Calibrated as at start-up: 9 pairs, 4 ms apart. */
static void sim_init(struct sim *s, double hz, double noise_ns)
{
	struct bc_seg seg = { TICKS_START, START_NS, bc_line_mult(1e9 / hz) };

	memset(s, 0, sizeof(*s));
	s->hz = hz;
	s->noise_ns = noise_ns;
	s->utc_start_ns = START_NS;
	bc_track_init(&s->t, 0, 64, &seg, 0);
	for (int i = 0; i < 9; i++, s->true_ns += 4e6) {
		struct bc_pair p = sim_pair(s);

		assert_int_equal(bc_discipline_add(&s->t.d, &p), 0);
	}
	s->last_ns = 0;
}

/* Let time pass in updates 100 ms apart, each read 20 times in between; never back. */
static void sim_run(struct sim *s, double seconds)
{
	for (double end = s->true_ns + seconds * 1e9; s->true_ns < end; ) {
		sim_feed(s);
		for (int i = 0; i < 20; i++) {
			uint64_t ns = bc_line_to_ns(&s->t.line, sim_ticks(s));

			assert_true(ns >= s->last_ns);
			s->last_ns = ns;
			s->true_ns += 5e6;
		}
	}
}

static int64_t sim_error(const struct sim *s)
{
	return (int64_t)(bc_line_to_ns(&s->t.line, sim_ticks(s)) - sim_utc(s));
}

static void segments_are_exact_for_a_century_of_ticks(void **state)
{
	struct bc_seg s = { 1000, START_NS, bc_line_mult(1) };
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	assert_int_equal(bc_line_to_ns(&l, 1000 + 3155760000000000000ULL), START_NS + 3155760000000000000ULL);
	assert_int_equal(bc_line_to_ns(&l, 999), START_NS - 1);
}

static void steep_lines_do_not_overflow(void **state)
{
	struct bc_seg s = { 0, 0, bc_line_mult(BC_LINE_MAX_SLOPE) };
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	assert_int_equal(bc_line_to_ns(&l, 1ULL << 50), 1ULL << 63);
}

static void narrow_stamps_are_taken_as_the_nearest(void **state)
{
	struct bc_seg s = { (1ULL << 48) - 10, START_NS, bc_line_mult(1) };
	struct bc_line l;

	bc_line_init(&l, &s, 48);
	assert_int_equal(bc_line_to_ns(&l, 5), START_NS + 15);
	assert_int_equal(bc_line_to_ns(&l, (1ULL << 48) - 11), START_NS - 1);
}

static void a_stale_reader_and_a_new_one_agree_before_the_joint(void **state)
{
	struct bc_seg s = { 0, START_NS, bc_line_mult(1.0 / 3) };
	struct bc_seg target = { 3000000, START_NS + 900000, bc_line_mult(0.4) };
	struct bc_line_view old, new;
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	bc_line_read(&l, &old);
	bc_line_steer(&l, &target);
	bc_line_read(&l, &new);
	for (uint64_t t = 2990000; t < 3000000; t += 7)
		assert_int_equal(bc_line_view_to_ns(&old, t), bc_line_view_to_ns(&new, t));
	assert_int_equal(bc_line_view_to_ns(&old, 3000000), bc_line_view_to_ns(&new, 3000000));
}

static void the_line_is_continuous_for_small_errors(void **state)
{
	struct bc_seg s = { 0, START_NS, bc_line_mult(1) }, target = { 1000, START_NS + 6000, bc_line_mult(1) };
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	assert_int_equal(bc_line_steer(&l, &target), 5000);
	assert_int_equal(bc_line_to_ns(&l, 1000), START_NS + 1000);
	assert_true(bc_line_to_ns(&l, 500001000) - (START_NS + 500001000) >= 4999);
}

static void a_slew_ends_even_if_no_update_comes(void **state)
{
	struct bc_seg s = { 0, START_NS, bc_line_mult(1) }, target = { 1000, START_NS + 6000, bc_line_mult(1) };
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	bc_line_steer(&l, &target);
	assert_in_range(bc_line_to_ns(&l, 10000000000), START_NS + 10000004999, START_NS + 10000005001);
}

static void readers_agree_about_the_joint_after_a_slew(void **state)
{
	struct bc_seg s = { 0, START_NS, bc_line_mult(1) }, first = { 1000, START_NS + 51000, bc_line_mult(1) };
	struct bc_seg second = { 2000000000, START_NS + 2000090000, bc_line_mult(1) };
	struct bc_line_view old, new;
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	bc_line_steer(&l, &first);
	bc_line_read(&l, &old);
	bc_line_steer(&l, &second);
	bc_line_read(&l, &new);
	for (uint64_t t = 1900000000; t <= 2000000000; t += 1000000)
		assert_int_equal(bc_line_view_to_ns(&old, t), bc_line_view_to_ns(&new, t));
}

static void a_joint_in_the_past_publishes_nothing(void **state)
{
	struct bc_seg s = { 1000, START_NS, bc_line_mult(1) }, target = { 1000, START_NS + 5, bc_line_mult(2) };
	struct bc_line l;

	bc_line_init(&l, &s, 64);
	assert_int_equal(bc_line_steer(&l, &target), 5);
	assert_int_equal(bc_line_to_ns(&l, 2000), START_NS + 1000);
}

static void a_drift_is_learnt(void **state)
{
	const double ppm[] = { 0.83, -0.83, 100, -100 };

	for (size_t i = 0; i < sizeof(ppm) / sizeof(ppm[0]); i++) {
		struct sim s;

		sim_init(&s, 2.5e9 * (1 + ppm[i] * 1e-6), 0);
		sim_run(&s, 10);
		assert_true(fabs(1e9 / s.t.d.slope / s.hz - 1) < 1e-9);
		assert_true(llabs(sim_error(&s)) <= 5);
	}
}

static void noise_is_averaged(void **state)
{
	struct bc_track_status st;
	struct sim s;

	sim_init(&s, 2.5e9, 100);
	sim_run(&s, 20);
	bc_track_status(&s.t, &st);
	assert_true(llabs(sim_error(&s)) < 100);
	assert_true(st.rms_ns > 30 && st.rms_ns < 90);
	assert_true(fabs(st.freq_hz / s.hz - 1) < 20e-9);
	assert_int_equal(st.steps, 0);
}

static void a_wide_pair_hardly_counts(void **state)
{
	struct bc_pair p;
	struct sim s;

	sim_init(&s, 2.5e9, 10);
	sim_run(&s, 10);
	p = sim_pair(&s);
	p.utc_ns += 400000;
	p.width_ns = 900000;
	assert_int_equal(bc_track_feed(&s.t, &p, p.ticks), 0);
	sim_run(&s, 0.5);
	assert_true(llabs(sim_error(&s)) < 100);
}

static void ppm_is_against_the_first_estimate(void **state)
{
	struct bc_track_status st;
	struct sim s;

	sim_init(&s, 1e9, 0);
	sim_run(&s, 1);
	s.utc_start_ns = sim_utc(&s);
	s.hz = 1e9 * (1 + 50e-6);	/* the counter changes its rate */
	s.utc_start_ns -= (uint64_t)s.true_ns;
	sim_run(&s, 30);
	bc_track_status(&s.t, &st);
	assert_true(fabs(st.ppm - 50) < 0.1);
}

static void two_days_pass_without_overflow(void **state)
{
	struct sim s;

	sim_init(&s, 3.7e9 * (1 + 0.83e-6), 20);
	sim_run(&s, 48 * 3600);
	assert_true(llabs(sim_error(&s)) < 50);
}

static void without_updates_the_line_holds_for_a_day(void **state)
{
	struct sim s;

	sim_init(&s, 2.5e9, 0);
	sim_run(&s, 10);
	s.true_ns += 86400e9;
	assert_true(llabs(sim_error(&s)) < 100000);
}

static void a_forward_step_is_followed_at_once(void **state)
{
	struct bc_track_status st;
	struct sim s;

	sim_init(&s, 2.5e9, 20);
	sim_run(&s, 5);
	s.utc_step_ns = 37000000000;
	sim_run(&s, 0.2);
	bc_track_status(&s.t, &st);
	assert_int_equal(st.steps, 1);
	assert_true(llabs(sim_error(&s)) < 1000);
}

static void the_rate_survives_a_step(void **state)
{
	struct sim s;

	sim_init(&s, 2.5e9, 1000);
	sim_run(&s, 20);
	s.utc_step_ns = 37000000000;
	for (int i = 0; i < 8; i++) {
		sim_run(&s, 0.1);
		assert_true(fabs(1e9 / s.t.d.slope / s.hz - 1) < 0.5e-6);
	}
}

static void a_slew_while_no_update_came_is_no_step(void **state)
{
	struct bc_track_status st;
	struct sim s;

	sim_init(&s, 2.5e9, 20);
	sim_run(&s, 10);
	s.true_ns += 60e9;
	s.utc_step_ns = 60 * 100000;
	sim_run(&s, 0.2);
	bc_track_status(&s.t, &st);
	assert_int_equal(st.steps, 0);
}

static void a_small_forward_step_is_slewed_within_a_second(void **state)
{
	struct sim s;
	uint64_t before;

	sim_init(&s, 2.5e9, 0);
	sim_run(&s, 10);
	s.utc_step_ns = 5000000;
	before = bc_line_to_ns(&s.t.line, sim_ticks(&s));
	sim_feed(&s);
	s.true_ns += 20e6;
	assert_true(bc_line_to_ns(&s.t.line, sim_ticks(&s)) - before < 21000000);
	sim_run(&s, 1.2);
	assert_true(llabs(sim_error(&s)) < 1000000);
	sim_run(&s, 2);
	assert_true(llabs(sim_error(&s)) < 20000);
}

static void a_backward_step_is_slewed_at_500_ppm(void **state)
{
	struct bc_track_status st;
	struct sim s;
	int64_t before;

	sim_init(&s, 2.5e9, 0);
	sim_run(&s, 10);
	s.utc_step_ns = -1000000000;
	sim_run(&s, 1);
	before = sim_error(&s);
	assert_true(before > 999000000);
	sim_run(&s, 10);
	assert_true(llabs(before - sim_error(&s) - 5000000) < 100000);
	bc_track_status(&s.t, &st);
	assert_true(llabs(st.offset_ns + sim_error(&s)) < 200000);
	assert_int_equal(st.steps, 1);
}

static void a_backward_step_is_gone_in_the_end(void **state)
{
	struct sim s;

	sim_init(&s, 2.5e9, 20);
	sim_run(&s, 10);
	s.utc_step_ns = -50000000;
	sim_run(&s, 110);
	assert_true(llabs(sim_error(&s)) < 1000);
}

static void a_slew_of_the_system_clock_is_no_step(void **state)
{
	struct sim s;
	struct bc_track_status st;

	sim_init(&s, 2.5e9, 20);
	sim_run(&s, 10);
	s.utc_start_ns = sim_utc(&s) - (uint64_t)(s.true_ns);
	for (int i = 0; i < 200; i++) {
		s.utc_step_ns += 50000;
		sim_run(&s, 0.1);
	}
	bc_track_status(&s.t, &st);
	assert_int_equal(st.steps, 0);
}

static void a_counter_that_starts_afresh_is_followed(void **state)
{
	struct bc_track_status st;
	struct bc_pair p;
	struct sim s;

	sim_init(&s, 1e9, 0);
	sim_run(&s, 5);
	p = sim_pair(&s);
	p.ticks = 1000;
	assert_int_equal(bc_track_feed(&s.t, &p, p.ticks), 0);
	bc_track_status(&s.t, &st);
	assert_int_equal(st.steps, 1);
	assert_true(llabs((int64_t)(bc_line_to_ns(&s.t.line, 2000) - p.utc_ns) - 1000) < 10);
}

static void impossible_rates_are_refused(void **state)
{
	struct bc_pair p[] = { { 0, START_NS, 0 }, { 1, START_NS + BC_NS_PER_S, 0 } };
	struct bc_discipline d;

	bc_discipline_init(&d, 0, 64);
	assert_int_equal(bc_discipline_add(&d, &p[0]), 0);
	assert_int_equal(bc_discipline_add(&d, &p[1]), -ERANGE);
	assert_false(bc_discipline_ready(&d));
}

static void a_pair_that_is_not_newer_is_refused(void **state)
{
	struct bc_pair p = { 1000, START_NS, 0 };
	struct bc_discipline d;

	bc_discipline_init(&d, 1, 64);
	assert_int_equal(bc_discipline_add(&d, &p), 0);
	assert_int_equal(bc_discipline_add(&d, &p), -EINVAL);
}

static void a_step_back_during_calibration_is_survived(void **state)
{
	struct bc_pair p[] = { { 1000, START_NS, 0 }, { 2000, START_NS - 500, 0 }, { 3000, START_NS + 500, 0 } };
	struct bc_discipline d;

	bc_discipline_init(&d, 0, 64);
	for (int i = 0; i < 3; i++)
		assert_int_equal(bc_discipline_add(&d, &p[i]), 0);
	assert_true(bc_discipline_ready(&d));
	assert_true(fabs(d.slope - 1) < 1e-9);
}

/* Two threads: every segment has base_ns = 3 * base_ticks and mult = base_ticks + 1, and only such may be read. */
static void *publish_many(void *arg)
{
	struct bc_line *l = arg;

	for (uint64_t i = 1; i < 300000; i++) {
		struct bc_seg s = { i, 3 * i, i + 1 };

		bc_line_set(l, &s);
	}
	return NULL;
}

static void readers_see_whole_segments_only(void **state)
{
	struct bc_seg s = { 0, 0, 1 };
	struct bc_line_view v;
	struct bc_line l;
	pthread_t th;
	uint64_t torn = 0, last = 0;

	bc_line_init(&l, &s, 64);
	assert_int_equal(pthread_create(&th, NULL, publish_many, &l), 0);
	do {
		bc_line_read(&l, &v);
		torn += v.cur.base_ns != 3 * v.cur.base_ticks || v.cur.mult != v.cur.base_ticks + 1;
		torn += v.prev.base_ticks != v.cur.base_ticks || v.cur.base_ticks < last;
		last = v.cur.base_ticks;
	} while (last < 299999);
	pthread_join(th, NULL);
	assert_int_equal(torn, 0);
}

static void the_real_clock_does_not_step_back(void **state)
{
	struct bc_clock c;
	uint64_t last = 0, start = bc_mono_ns(), next = start;

	bc_clock_init(&c);
	while (bc_mono_ns() - start < 300 * BC_NS_PER_MS) {
		uint64_t now = bc_clock_now(&c);

		assert_true(now >= last);
		last = now;
		if (bc_mono_ns() >= next) {
			bc_clock_update(&c);
			next += 20 * BC_NS_PER_MS;
		}
	}
}

/* Does a clock show a time between those two, but for a tenth of a second? However long it takes to read it. */
static bool is_between(uint64_t from_ns, uint64_t ns, uint64_t until_ns)
{
	return ns + BC_NS_PER_S / 10 >= from_ns && ns <= until_ns + BC_NS_PER_S / 10;
}

/* The bound is loose: it only has to tell a clock in UTC ns from one in another unit or of another origin. */
static void every_counter_gives_utc(void **state)
{
	const char *why;
	enum bc_ticks ticks[] = { bc_clock_detect(&why), BC_TICKS_SYSTEM };

	for (int i = 0; i < 2; i++) {
		struct bc_clock_status st;
		uint64_t before_ns, now_ns;
		struct bc_clock c;
		char text[256];

		bc_clock_init_ticks(&c, ticks[i], "for a test");
		bc_clock_update(&c);
		before_ns = bc_utc_ns();
		now_ns = bc_clock_now(&c);
		assert_true(is_between(before_ns, now_ns, bc_utc_ns()));
		bc_clock_status(&c, &st);
		assert_int_equal(st.ticks, ticks[i]);
		assert_string_equal(st.why, "for a test");
		assert_true(bc_clock_describe(&c, text, sizeof(text)) < (int)sizeof(text));
		assert_non_null(strstr(text, "for a test"));
		assert_non_null(strstr(text, "disciplined to the system clock"));
	}
}

static uint64_t apart(uint64_t a, uint64_t b)
{
	return a > b ? a - b : b - a;
}

/* Steady time goes on, and UTC follows in the epoch that has begun. */
static void a_step_of_the_system_clock_begins_an_epoch(void **state)
{
	static const int64_t steps_s[] = { -3600, 7200, 2, -2 };
	static struct bc_clock c;
	int64_t off_s = 0;
	char text[384];

	realtime_off_s = 0;
	bc_clock_init(&c);
	for (uint32_t i = 0; i < 4; i++) {
		uint64_t mono_ns = bc_mono_ns(), before_ns = bc_clock_now(&c), ahead_ns, utc_ns, now_ns;

		realtime_off_s = off_s += steps_s[i];
		assert_true(apart((uint64_t)bc_clock_update(&c), (uint64_t)(steps_s[i] * (int64_t)BC_NS_PER_S)) < BC_NS_PER_S / 10);
		assert_int_equal(bc_steps_count(&c.steps), i + 1);
		now_ns = bc_clock_now(&c);
		assert_true(is_between(before_ns, now_ns, before_ns + bc_mono_ns() - mono_ns));
		ahead_ns = bc_steps_ahead(&c.steps, bc_steps_epoch(i + 1));
		utc_ns = bc_utc_ns();
		now_ns = bc_clock_now(&c);
		assert_true(is_between(utc_ns, now_ns - ahead_ns, bc_utc_ns()));
		utc_ns = bc_clock_utc(&c);
		assert_true(is_between(now_ns, utc_ns, bc_clock_now(&c)));
		assert_int_equal(bc_clock_update(&c), 0);
	}
	bc_clock_describe(&c, text, sizeof(text));
	assert_non_null(strstr(text, ", stepped by +3600.000 s in all since the capture began"));
	realtime_off_s = 0;
}

static void epochs_are_used_in_turn_but_for_the_first(void **state)
{
	assert_int_equal(bc_steps_epoch(0), 0);
	assert_int_equal(bc_steps_epoch(1), 1);
	assert_int_equal(bc_steps_epoch(255), 255);
	assert_int_equal(bc_steps_epoch(256), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_of_the_system_clock_begins_an_epoch),
		cmocka_unit_test(epochs_are_used_in_turn_but_for_the_first),
		cmocka_unit_test(segments_are_exact_for_a_century_of_ticks),
		cmocka_unit_test(steep_lines_do_not_overflow),
		cmocka_unit_test(narrow_stamps_are_taken_as_the_nearest),
		cmocka_unit_test(a_stale_reader_and_a_new_one_agree_before_the_joint),
		cmocka_unit_test(the_line_is_continuous_for_small_errors),
		cmocka_unit_test(a_slew_ends_even_if_no_update_comes),
		cmocka_unit_test(readers_agree_about_the_joint_after_a_slew),
		cmocka_unit_test(a_joint_in_the_past_publishes_nothing),
		cmocka_unit_test(a_drift_is_learnt),
		cmocka_unit_test(noise_is_averaged),
		cmocka_unit_test(a_wide_pair_hardly_counts),
		cmocka_unit_test(ppm_is_against_the_first_estimate),
		cmocka_unit_test(two_days_pass_without_overflow),
		cmocka_unit_test(without_updates_the_line_holds_for_a_day),
		cmocka_unit_test(a_forward_step_is_followed_at_once),
		cmocka_unit_test(the_rate_survives_a_step),
		cmocka_unit_test(a_slew_while_no_update_came_is_no_step),
		cmocka_unit_test(a_small_forward_step_is_slewed_within_a_second),
		cmocka_unit_test(a_backward_step_is_slewed_at_500_ppm),
		cmocka_unit_test(a_backward_step_is_gone_in_the_end),
		cmocka_unit_test(a_slew_of_the_system_clock_is_no_step),
		cmocka_unit_test(a_counter_that_starts_afresh_is_followed),
		cmocka_unit_test(impossible_rates_are_refused),
		cmocka_unit_test(a_pair_that_is_not_newer_is_refused),
		cmocka_unit_test(a_step_back_during_calibration_is_survived),
		cmocka_unit_test(readers_see_whole_segments_only),
		cmocka_unit_test(the_real_clock_does_not_step_back),
		cmocka_unit_test(every_counter_gives_utc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
