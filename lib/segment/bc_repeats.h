/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which numbered packets are in published segments beside an encrypted leftover. Its collector could not look into it when it was started
 * again, so that nodes sent some of its packets once more. One thread.
 */
#ifndef BC_REPEATS_H
#define BC_REPEATS_H

#include <stdbool.h>

#include "bc_ack_found.h"
#include "bc_leftover.h"

/*
 * l has what is in have; first_ns and utc make the name of the segment that it would be. Whole, readable segments of the series are read
 * into found: in the order in which they were written, those later than l up to the one with which have is passed, 16 at most; and those with
 * the nearest names, 4 from l's second on and 2 before. Others are passed over.
 */
void bc_repeats_look(const struct bc_leftover *l, const struct bc_age_identities *ids, uint64_t first_ns, bool utc,
		     const struct bc_ack_found *have, struct bc_ack_found *found);

#endif
