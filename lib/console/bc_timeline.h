/* SPDX-License-Identifier: BSD-3-Clause */
/* How many packets and bytes were when, as indexes tell; no packet is read. Any thread. */
#ifndef BC_TIMELINE_H
#define BC_TIMELINE_H

#include <stdint.h>

#include "bc_catalogue.h"
#include "bc_depot.h"

struct bc_timeline_bin {
	double packets, bytes;	/* bytes: of the file before compression */
};

struct bc_timeline {
	uint64_t from_ns, to_ns;	/* from_ns < to_ns */
	struct bc_timeline_bin *bin;	/* n, zeroed by the caller */
	uint32_t n;
	uint32_t unindexed;		/* segments that begin in this time and have no index: they are not in it */
	uint32_t spread;		/* segments or parts longer than a bin whose packets were taken to be even in time */
};

/*
 * Adds the segments of s. Of those that are longer than a bin the index's blocks are read, of a limited number; a block, or what was
 * not read, counts as even between its first and its last packet.
 */
void bc_timeline_add(struct bc_timeline *t, const struct bc_catalogue_state *s, struct bc_depot *depot);

#endif
