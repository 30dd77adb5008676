/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lateness.h"

static uint64_t higher(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void bc_lateness_init(struct bc_lateness *l, struct bc_lateness *first, uint64_t given_ns)
{
	l->given_ns = given_ns;
	l->next = first ? first->next : l;
	if (first)
		first->next = l;
}

static void publish(struct bc_lateness *l)
{
	bc_counter_set(&l->highest_ns, higher(l->now.highest_ns, l->before.highest_ns));
	bc_counter_set(&l->samples, l->now.samples + l->before.samples);
}

bool bc_lateness_add(struct bc_lateness *l, uint64_t late_ns)
{
	const uint64_t highest_ns = bc_counter_get(&l->highest_ns);

	if (late_ns > BC_LATENESS_MAX_NS)
		return false;
	l->now.samples++;
	l->now.highest_ns = higher(l->now.highest_ns, late_ns);
	publish(l);
	return late_ns > highest_ns;
}

void bc_lateness_tick(struct bc_lateness *l, uint64_t now_ns)
{
	if (now_ns - l->since_ns < BC_LATENESS_PERIOD_NS)
		return;
	l->before = l->now;
	l->now = (struct bc_lateness_period){ 0, 0 };
	l->since_ns = now_ns;
	publish(l);
}

uint64_t bc_lateness_promise(const struct bc_lateness *l)
{
	const struct bc_lateness *q = l;
	uint64_t highest_ns = 0, samples = 0;

	if (l->given_ns)
		return l->given_ns;
	do {
		highest_ns = higher(highest_ns, bc_counter_get(&q->highest_ns));
		samples += bc_counter_get(&q->samples);
		q = q->next;
	} while (q != l);
	return higher(2 * highest_ns, samples < BC_LATENESS_SAMPLES ? BC_LATENESS_START_NS : BC_LATENESS_FLOOR_NS);
}
