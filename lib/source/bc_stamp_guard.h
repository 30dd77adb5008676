/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stamps of a live device are believed within limits: none may be ahead of the host's clock by more than a tolerance, because one
 * that is would hold up every other source, and end rotation by time. Pure: it reads no clock. One thread.
 */
#ifndef BC_STAMP_GUARD_H
#define BC_STAMP_GUARD_H

#include <stdint.h>

#include "bc_time.h"

/* More than two clocks that are both disciplined are apart, and less than anybody waits for the end of a segment. */
#define BC_STAMP_AHEAD_NS BC_NS_PER_S
/* What TAI is ahead of UTC since 2017. */
#define BC_TAI_NS (37 * BC_NS_PER_S)
/* So many packets in a row say the same of a clock before it is believed: a single damaged stamp says nothing. */
#define BC_STAMP_RUN 16

struct bc_stamp_guard {
	uint64_t off_ns;	/* taken off each stamp: 0 or BC_TAI_NS */
	uint32_t run;		/* packets in a row that speak for the other one */
	uint64_t last_ns;	/* the highest that came out */
};

/*
 * Put n stamps right that were seen at now_ns by the clock that they follow. One that is too far ahead becomes now_ns, or that of the
 * next packet of these that is not. Returns how many did. Zeroed is how a guard begins.
 */
uint32_t bc_stamp_guard(struct bc_stamp_guard *g, uint64_t *ts_ns, uint32_t n, uint64_t now_ns);

#endif
