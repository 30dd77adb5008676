/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Learns the rate and the offset of a counter against UTC out of (ticks, utc) pairs: a weighted regression over
 * the last pairs, which starts afresh when UTC steps. Pure: it reads no clock. One thread.
 */
#ifndef BC_DISCIPLINE_H
#define BC_DISCIPLINE_H

#include <stdint.h>

#include "bc_line.h"

#define BC_DISCIPLINE_PAIRS 64		/* 6.4 s at one pair each 100 ms */
#define BC_DISCIPLINE_STEP_NS 1e6	/* a pair that lies farther from the prediction is a step, not noise */
#define BC_DISCIPLINE_SLEW 500e-6	/* what the reference's own rate may change between two pairs */

struct bc_pair {
	uint64_t ticks;
	uint64_t utc_ns;
	double width_ns;	/* utc_ns was read within this much of ticks: the pair's uncertainty */
};

struct bc_discipline {
	struct bc_pair pair[BC_DISCIPLINE_PAIRS];
	unsigned newest;
	unsigned count;
	unsigned wrap;		/* as in bc_line */
	double slope;		/* ns per tick; 0: not known yet */
	double first_slope;
	double span_ns;		/* over how long slope was measured, up to BC_NS_PER_S */
	double offset_ns;	/* the fitted line less utc_ns, at the newest pair */
	double rms_ns;		/* residual of the pairs */
	int stepped;		/* the newest pair began afresh */
};

/* slope: a first estimate in ns per tick, or 0 for none. bits: the counter's width, 48 to 64. */
void bc_discipline_init(struct bc_discipline *d, double slope, unsigned bits);

/*
 * Take a pair, newer than all before. 0; -EINVAL if it is not newer (a counter that started afresh:
 * bc_discipline_restart); -ERANGE if the rate would be none that a bc_line can hold, and everything learnt is then
 * forgotten.
 */
int bc_discipline_add(struct bc_discipline *d, const struct bc_pair *pair);

/* Forget the pairs, keep the rate. */
void bc_discipline_restart(struct bc_discipline *d);

/* True as soon as there is a line. */
static inline int bc_discipline_ready(const struct bc_discipline *d)
{
	return d->count > 0 && d->slope > 0;
}

/* True if the newest pair lay so far off that the pairs before it were forgotten. */
static inline int bc_discipline_stepped(const struct bc_discipline *d)
{
	return d->stepped;
}

/* The fitted line, based at ticks, which should not be far from the newest pair. Only when ready. */
struct bc_seg bc_discipline_line(const struct bc_discipline *d, uint64_t ticks);

#endif
