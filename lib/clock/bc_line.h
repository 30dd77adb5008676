/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A published line from ticks of some counter to UTC nanoseconds: one writing thread, readers on any number of
 * lcores.
 *
 * Three segments are published at a time: the one before, the present one, which slews an error away, and the
 * rest, which holds from when the error is gone, so that a writer that is held up does no harm. The writer puts
 * the joint of the first two a little into the future, so that a reader who still holds the old ones and a reader
 * who holds the new ones compute the same. There are two slots in turn: a reader repeats itself only if a
 * publication falls within its read, and never waits for a writer that was preempted.
 */
#ifndef BC_LINE_H
#define BC_LINE_H

#include <stdatomic.h>
#include <stdint.h>

#define BC_LINE_SHIFT 48	/* mult = nanoseconds per tick * 2^48: 4e-15 ns fine */
#define BC_LINE_MAX_SLOPE 8192.0	/* ns per tick; with it, no product below leaves 128 bits for any delta */
#define BC_LINE_FORWARD_STEP_NS 100000000	/* an error above this is followed at once */
#define BC_LINE_SLEW_BACK 500e-6	/* how much slower than the target the line may run */
#define BC_LINE_SLEW_FORWARD 50e-3	/* how much faster */
#define BC_LINE_SLEW_NS 500e6		/* an error is slewed away in this time, if the limits allow */
#define BC_LINE_SLEW_MAX_NS 1e13	/* the longest slew published: well within a 48-bit counter of ns */

struct bc_seg {
	uint64_t base_ticks;
	uint64_t base_ns;
	uint64_t mult;
};

/* What a reader gets: enough to convert any number of stamps without touching shared memory again. Plain data. */
struct bc_line_view {
	struct bc_seg prev;	/* for ticks before cur.base_ticks */
	struct bc_seg cur;
	struct bc_seg rest;	/* for ticks from rest.base_ticks on */
	unsigned wrap;		/* 64 less the counter's width in bits */
};

struct bc_line {
	_Atomic uint64_t gen;		/* slot gen & 1 is valid; writer: the publishing thread */
	_Atomic uint64_t slot[2][9];	/* prev, cur, rest; writer: the publishing thread */
	unsigned wrap;			/* constant from bc_line_init on */
} __attribute__((aligned(64)));

/* Before any reader: the single segment seg. bits is the counter's width, 48 to 64. */
void bc_line_init(struct bc_line *l, const struct bc_seg *seg, unsigned bits);

/* Writer only: seg for every tick, without regard to what was published before (a counter that started afresh). */
void bc_line_set(struct bc_line *l, const struct bc_seg *seg);

/*
 * Writer only: from the tick target->base_ticks on, steer towards the line target: continuous with what is
 * published, never stepping back. An error of more than BC_LINE_FORWARD_STEP_NS ahead is jumped; every other is
 * slewed, within the limits above. The joint has to lie in the readers' future by more than the time that
 * publishing takes. If it does not lie after the present joint nothing is published. Returns what is left to slew:
 * target - published at the joint, in ns.
 */
int64_t bc_line_steer(struct bc_line *l, const struct bc_seg *target);

/* A signed distance in ticks of a counter that wraps at 64 - wrap bits. */
static inline int64_t bc_line_delta(uint64_t ticks, uint64_t base, unsigned wrap)
{
	return (int64_t)((ticks - base) << wrap) >> wrap;
}

static inline uint64_t bc_seg_to_ns(const struct bc_seg *s, int64_t delta)
{
	return s->base_ns + (uint64_t)(((__int128)delta * (__int128)s->mult) >> BC_LINE_SHIFT);
}

/* Any thread. Stamps may lie before the joint; those of two joints ago get the segment before prolonged. */
static inline uint64_t bc_line_view_to_ns(const struct bc_line_view *v, uint64_t ticks)
{
	int64_t delta = bc_line_delta(ticks, v->cur.base_ticks, v->wrap);
	int64_t past = bc_line_delta(ticks, v->rest.base_ticks, v->wrap);

	if (__builtin_expect(delta < 0, 0))
		return bc_seg_to_ns(&v->prev, bc_line_delta(ticks, v->prev.base_ticks, v->wrap));
	return past < 0 ? bc_seg_to_ns(&v->cur, delta) : bc_seg_to_ns(&v->rest, past);
}

/* Any thread: a consistent copy. */
static inline void bc_line_read(const struct bc_line *l, struct bc_line_view *ret)
{
	uint64_t gen, w[9];

	do {
		gen = atomic_load_explicit(&l->gen, memory_order_acquire);
		for (unsigned i = 0; i < 9; i++)
			w[i] = atomic_load_explicit(&l->slot[gen & 1][i], memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
	} while (atomic_load_explicit(&l->gen, memory_order_relaxed) != gen);
	*ret = (struct bc_line_view){ { w[0], w[1], w[2] }, { w[3], w[4], w[5] }, { w[6], w[7], w[8] }, l->wrap };
}

static inline uint64_t bc_line_to_ns(const struct bc_line *l, uint64_t ticks)
{
	struct bc_line_view v;

	bc_line_read(l, &v);
	return bc_line_view_to_ns(&v, ticks);
}

/* ns per tick as a segment's mult; the slope is within (0, BC_LINE_MAX_SLOPE]. */
static inline uint64_t bc_line_mult(double ns_per_tick)
{
	return (uint64_t)(ns_per_tick * (double)(1ULL << BC_LINE_SHIFT) + 0.5);
}

static inline double bc_line_slope(uint64_t mult)
{
	return (double)mult / (double)(1ULL << BC_LINE_SHIFT);
}

#endif
