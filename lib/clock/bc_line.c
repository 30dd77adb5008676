/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_line.h"

#include <string.h>

static void publish(struct bc_line *l, const struct bc_seg *prev, const struct bc_seg *cur,
		    const struct bc_seg *rest)
{
	const struct bc_seg *segs[3] = { prev, cur, rest };
	uint64_t gen = atomic_load_explicit(&l->gen, memory_order_relaxed) + 1;
	_Atomic uint64_t *slot = l->slot[gen & 1];

	/* Whoever sees one of the words below also sees that the slot's former generation is over. */
	atomic_thread_fence(memory_order_release);
	for (unsigned i = 0; i < 3; i++) {
		atomic_store_explicit(&slot[3 * i], segs[i]->base_ticks, memory_order_relaxed);
		atomic_store_explicit(&slot[3 * i + 1], segs[i]->base_ns, memory_order_relaxed);
		atomic_store_explicit(&slot[3 * i + 2], segs[i]->mult, memory_order_relaxed);
	}
	atomic_store_explicit(&l->gen, gen, memory_order_release);
}

void bc_line_init(struct bc_line *l, const struct bc_seg *seg, unsigned bits)
{
	memset(l, 0, sizeof(*l));
	l->wrap = 64 - bits;
	publish(l, seg, seg, seg);
}

void bc_line_set(struct bc_line *l, const struct bc_seg *seg)
{
	publish(l, seg, seg, seg);
}

static double clamp(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

/* What was published for the tick, as a segment. */
static const struct bc_seg *seg_at(const struct bc_line_view *v, uint64_t ticks)
{
	return bc_line_delta(ticks, v->rest.base_ticks, v->wrap) < 0 ? &v->cur : &v->rest;
}

int64_t bc_line_steer(struct bc_line *l, const struct bc_seg *target)
{
	struct bc_line_view v;
	struct bc_seg cur = *target, rest = *target;
	int64_t err;
	uint64_t ticks;
	double rate;

	bc_line_read(l, &v);
	err = (int64_t)(target->base_ns - bc_line_view_to_ns(&v, target->base_ticks));
	if (bc_line_delta(target->base_ticks, v.cur.base_ticks, v.wrap) <= 0)
		return err;
	if (err > BC_LINE_FORWARD_STEP_NS)
		err = 0;
	cur.base_ns -= (uint64_t)err;
	if (err) {
		rate = clamp((double)err / BC_LINE_SLEW_NS, -BC_LINE_SLEW_BACK, BC_LINE_SLEW_FORWARD);
		cur.mult = (uint64_t)((double)target->mult * (1.0 + rate));
		ticks = (uint64_t)(clamp((double)err / rate, 0, BC_LINE_SLEW_MAX_NS) / bc_line_slope(target->mult));
		rest.base_ticks += ticks;
		rest.base_ns = bc_seg_to_ns(&cur, (int64_t)ticks);
	}
	publish(l, seg_at(&v, target->base_ticks), &cur, &rest);
	return err;
}
