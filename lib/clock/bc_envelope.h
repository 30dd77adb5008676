/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * UTC of a device counter that cannot be read, out of the packets alone: a stamp is made before the host sees the
 * packet, so host time - stamp is an offset plus a delay that is never negative, and the line under all points is
 * the offset. What remains unknown is the shortest delay, a few microseconds: converted stamps are late by it, and
 * never in the future. Pure: it reads no clock. One thread. The counter has to run in nanoseconds, to
 * BC_ENVELOPE_MAX_PPM.
 */
#ifndef BC_ENVELOPE_H
#define BC_ENVELOPE_H

#include <stdint.h>

#include "bc_line.h"

#define BC_ENVELOPE_POINTS 32
#define BC_ENVELOPE_FIRST_NS 10000000	/* the first bucket; each next is twice as long, up to the last length */
#define BC_ENVELOPE_LAST_NS 1000000000
#define BC_ENVELOPE_MAX_PPM 500.0
#define BC_ENVELOPE_STEP_UP_NS 100000000	/* no delay grows by so much: the clock stepped */
#define BC_ENVELOPE_STEP_DOWN_NS 1000000	/* nor can a point lie so far under the line */

struct bc_envelope_point {
	uint64_t stamp;
	uint64_t host_ns;
};

struct bc_envelope {
	struct bc_envelope_point point[BC_ENVELOPE_POINTS];	/* the lowest of each closed bucket, oldest first */
	unsigned count;
	struct bc_envelope_point lowest;	/* of the open bucket */
	uint64_t bucket_start_ns, bucket_ns;
	int open;
	unsigned wrap;		/* as in bc_line */
	double slope;		/* ns per tick, near 1 */
	double spread_ns;	/* mean height of the points above the line */
	int stepped;		/* the last closed bucket began afresh */
};

void bc_envelope_init(struct bc_envelope *e, unsigned bits);

/*
 * A packet with this stamp was seen at host_ns; once per burst, with the burst's last packet, is enough. Returns
 * true if the line has changed.
 */
int bc_envelope_add(struct bc_envelope *e, uint64_t stamp, uint64_t host_ns);

/* True if the last closed bucket lay so far off that those before it were forgotten. */
static inline int bc_envelope_stepped(const struct bc_envelope *e)
{
	return e->stepped;
}

/* The line, based at the stamp; only after the first bc_envelope_add. */
struct bc_seg bc_envelope_line(const struct bc_envelope *e, uint64_t stamp);

#endif
