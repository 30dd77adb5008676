/* SPDX-License-Identifier: BSD-3-Clause */
/* What an empty queue is to reckon with, out of a script of stamps and polls. */
#include "bc_test.h"

#include "bc_lateness.h"

#define US BC_NS_PER_US
#define NOON (1700000000 * BC_NS_PER_S)

/* A queue whose device holds each packet back for held_ns, and that is polled every poll_ns. */
struct device {
	struct bc_lateness l;
	uint64_t now_ns;
	uint64_t held_ns, poll_ns;
};

static void begin(struct device *d, struct device *first, uint64_t held_ns, uint64_t poll_ns)
{
	*d = (struct device){ .now_ns = NOON, .held_ns = held_ns, .poll_ns = poll_ns };
	bc_lateness_init(&d->l, first ? &first->l : NULL, 0);
}

/* n packets, each stamped so long after a poll, and found by the first poll behind the end of its delay. */
static void packets(struct device *d, uint32_t n, uint64_t after_ns)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t stamp_ns = d->now_ns + after_ns;

		do {
			bc_lateness_polled(&d->l, d->now_ns, 0, true);
			d->now_ns += d->poll_ns;
		} while (d->now_ns < stamp_ns + d->held_ns);
		bc_lateness_polled(&d->l, d->now_ns, stamp_ns, true);
	}
}

static void too_few_packets_leave_the_promise_at_a_millisecond(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	assert_int_equal(bc_lateness_promise(&d.l), 1000 * US);
	packets(&d, BC_LATENESS_SAMPLES - 1, 5 * US);
	assert_int_equal(bc_lateness_promise(&d.l), 1000 * US);
	packets(&d, 1, 5 * US);
	assert_int_equal(bc_lateness_promise(&d.l), 50 * US);
}

static void twice_the_longest_delay_is_reckoned_with(void **state)
{
	struct device d;

	begin(&d, NULL, 83 * US, 10 * US);
	packets(&d, BC_LATENESS_SAMPLES, 0);
	assert_int_equal(bc_lateness_promise(&d.l), 2 * 80 * US);
	d.held_ns = 20 * US;
	packets(&d, BC_LATENESS_SAMPLES, 0);
	assert_int_equal(bc_lateness_promise(&d.l), 2 * 80 * US);
}

/* An lcore that sleeps for 250 us finds packets that are 200 us old, and that nobody held back. */
static void a_packet_that_waits_for_the_poll_is_not_late(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 250 * US);
	packets(&d, BC_LATENESS_SAMPLES, 50 * US);
	assert_int_equal(bc_lateness_promise(&d.l), 50 * US);
}

/* Nor one that was left there, because the poll before it took as many as it could. */
static void a_packet_behind_a_full_burst_is_not_late(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	packets(&d, BC_LATENESS_SAMPLES, 5 * US);
	bc_lateness_polled(&d.l, d.now_ns + 200 * US, d.now_ns, false);
	bc_lateness_polled(&d.l, d.now_ns + 900 * US, d.now_ns + 100 * US, true);
	assert_int_equal(bc_lateness_promise(&d.l), 50 * US);
}

static void a_broken_promise_is_raised_at_once(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	packets(&d, BC_LATENESS_SAMPLES, 5 * US);
	bc_lateness_polled(&d.l, d.now_ns + 1, 0, true);
	assert_true(bc_lateness_polled(&d.l, d.now_ns + 2, d.now_ns + 1 - 300 * US, true));
	assert_int_equal(bc_lateness_promise(&d.l), 600 * US);
	/* Also where it was the first one. */
	begin(&d, NULL, 0, 10 * US);
	bc_lateness_polled(&d.l, NOON, 0, true);
	bc_lateness_polled(&d.l, NOON + 1, NOON - 700 * US, true);
	assert_int_equal(bc_lateness_promise(&d.l), 1400 * US);
}

/* A clock that is behind by hours says nothing of a delay. */
static void more_than_a_second_is_ignored(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	packets(&d, BC_LATENESS_SAMPLES, 5 * US);
	bc_lateness_polled(&d.l, d.now_ns, d.now_ns - BC_NS_PER_S - 1, true);
	assert_int_equal(bc_lateness_promise(&d.l), 50 * US);
	bc_lateness_polled(&d.l, d.now_ns, d.now_ns - BC_NS_PER_S, true);
	assert_int_equal(bc_lateness_promise(&d.l), 2 * BC_NS_PER_S);
}

static void what_was_measured_long_ago_is_forgotten(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	packets(&d, 1, 0);
	bc_lateness_polled(&d.l, d.now_ns, d.now_ns - 400 * US, true);
	for (int i = 0; i < 2; i++) {
		packets(&d, BC_LATENESS_SAMPLES, 5 * US);
		assert_int_equal(bc_lateness_promise(&d.l), 800 * US);
		d.now_ns += BC_LATENESS_PERIOD_NS;
	}
	packets(&d, BC_LATENESS_SAMPLES, 5 * US);
	assert_int_equal(bc_lateness_promise(&d.l), 50 * US);
	/* All of it, where nothing comes any more. */
	for (int i = 0; i < 2; i++)
		bc_lateness_polled(&d.l, d.now_ns += BC_LATENESS_PERIOD_NS, 0, true);
	assert_int_equal(bc_lateness_promise(&d.l), 1000 * US);
}

/* It is idle, and its promise is the one that others wait for. */
static void an_idle_queue_goes_by_the_others_of_its_port(void **state)
{
	struct device busy, idle, third;

	begin(&busy, NULL, 100 * US, 10 * US);
	begin(&idle, &busy, 0, 10 * US);
	begin(&third, &busy, 0, 10 * US);
	packets(&busy, BC_LATENESS_SAMPLES / 2, 1);
	packets(&third, BC_LATENESS_SAMPLES / 2, 1);
	assert_int_equal(bc_lateness_promise(&idle.l), 2 * 99999);
	assert_int_equal(bc_lateness_promise(&third.l), 2 * 99999);
}

static void a_queue_looks_at_the_others_every_millisecond(void **state)
{
	struct device d;

	begin(&d, NULL, 0, 10 * US);
	assert_true(bc_lateness_polled(&d.l, NOON, 0, true));
	assert_false(bc_lateness_polled(&d.l, NOON + BC_LATENESS_LOOK_NS - 1, 0, true));
	assert_true(bc_lateness_polled(&d.l, NOON + BC_LATENESS_LOOK_NS, 0, true));
}

static void what_the_user_says_holds(void **state)
{
	struct device d;

	begin(&d, NULL, 300 * US, 10 * US);
	d.l.given_ns = 7 * US;
	packets(&d, BC_LATENESS_SAMPLES, 0);
	assert_int_equal(bc_lateness_promise(&d.l), 7 * US);
	assert_int_equal(bc_counter_get(&d.l.highest_ns), 290 * US);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_few_packets_leave_the_promise_at_a_millisecond),
		cmocka_unit_test(twice_the_longest_delay_is_reckoned_with),
		cmocka_unit_test(a_packet_that_waits_for_the_poll_is_not_late),
		cmocka_unit_test(a_packet_behind_a_full_burst_is_not_late),
		cmocka_unit_test(a_broken_promise_is_raised_at_once),
		cmocka_unit_test(more_than_a_second_is_ignored),
		cmocka_unit_test(what_was_measured_long_ago_is_forgotten),
		cmocka_unit_test(an_idle_queue_goes_by_the_others_of_its_port),
		cmocka_unit_test(a_queue_looks_at_the_others_every_millisecond),
		cmocka_unit_test(what_the_user_says_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
