/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a device holds stamped packets back, measured on its packets. A queue that is found empty promises that nothing follows that
 * was stamped longer ago than this.
 *
 * A packet that a poll finds was not yet there when its queue was last found empty. So it was held back for at least as long as its stamp
 * lies before that time, and for so long the promise that was made then had to reach back. The closer the polls, the closer is this to
 * the true delay; and neither a sleeping lcore nor one that lost its CPU adds to it, as both would to the time of arrival.
 *
 * The queues of a port share what they measure: the one whose promise matters is idle, and has no packets to measure by. Pure: it
 * reads no clock.
 */
#ifndef BC_LATENESS_H
#define BC_LATENESS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_counter.h"
#include "bc_time.h"

#define BC_LATENESS_START_NS BC_NS_PER_MS	/* while too little was measured */
#define BC_LATENESS_FLOOR_NS (50 * BC_NS_PER_US)
#define BC_LATENESS_MAX_NS BC_NS_PER_S		/* a measurement above this speaks of the clock, and is ignored */
#define BC_LATENESS_SAMPLES 256			/* so many measurements are enough */
#define BC_LATENESS_PERIOD_NS (10 * BC_NS_PER_S)	/* what was measured is forgotten after one to two of these */
#define BC_LATENESS_LOOK_NS BC_NS_PER_MS	/* how often a queue looks at what the others of its port have measured */

struct bc_lateness_period {
	uint64_t highest_ns, samples;
};

struct bc_lateness {
	/* The queue's stage writes, any thread reads; of both periods. */
	bc_counter_t highest_ns, samples;

	const struct bc_lateness *next;		/* the port's queues, in a circle; constant. NULL: nothing is measured */
	uint64_t given_ns;			/* the user's word, which holds; 0: what is measured does. Constant */

	/* The stage's own. */
	struct bc_lateness_period now, before;
	uint64_t since_ns;			/* when the present period began */
	uint64_t look_ns;			/* when it is time to look again */
	uint64_t empty_ns;			/* the queue was found empty by the last poll, at this time; 0: it was not */
} BC_CACHE_ALIGNED;

/* Before any poll: measure this queue, which was zeroed, as one of the port that first, NULL or a queue, is of. */
void bc_lateness_init(struct bc_lateness *l, struct bc_lateness *first, uint64_t given_ns);

/* The stage: the queue's packet waited on its way when the queue was found empty for late_ns at the least. True: none did for longer. */
bool bc_lateness_add(struct bc_lateness *l, uint64_t late_ns);

/* The stage, once each BC_LATENESS_LOOK_NS: forget what is old. */
void bc_lateness_tick(struct bc_lateness *l, uint64_t now_ns);

/* What an empty queue of this port is to reckon with. Any thread. */
uint64_t bc_lateness_promise(const struct bc_lateness *l);

/*
 * The stage: the queue was polled at now_ns, a time from before the poll. first_ns is the stamp of the first packet found, 0 if none was;
 * empty: none is left. True: it is time to ask for the promise again.
 */
static inline bool bc_lateness_polled(struct bc_lateness *l, uint64_t now_ns, uint64_t first_ns, bool empty)
{
	bool ask = false;

	if (first_ns && l->empty_ns)
		ask = bc_lateness_add(l, l->empty_ns > first_ns ? l->empty_ns - first_ns : 0);
	l->empty_ns = empty ? now_ns : 0;
	if (__builtin_expect(now_ns < l->look_ns, 1))
		return ask;
	l->look_ns = now_ns + BC_LATENESS_LOOK_NS;
	bc_lateness_tick(l, now_ns);
	return true;
}

#endif
