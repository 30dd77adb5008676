/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets of a ring that several CPUs fill, put in the order of their stamps. The kernel gives a packet its place in the
 * ring before it stamps it, so that each CPU may have one that is stamped later than those behind it. One thread.
 */
#ifndef BC_UNSETTLED_H
#define BC_UNSETTLED_H

#include "bc_source.h"

/* Places that a packet may be too far in front. */
#define BC_UNSETTLED 16U
/* And the time: more is a clock that was set back, and stays as it is. */
#define BC_UNSETTLED_NS BC_NS_PER_MS

/* The latest, before which another may still belong. Zeroed is how it begins. */
struct bc_unsettled {
	uint32_t n;
	struct rte_mbuf *mbuf[BC_UNSETTLED];
	uint64_t ts_ns[BC_UNSETTLED];
};

/* An empty batch begins with what was kept of the last one. */
void bc_unsettled_begin(struct bc_unsettled *u, struct bc_batch *b);

/* Put the batch in order, whose packets before first are; and keep the latest of them back if more are in the ring. */
void bc_unsettled_end(struct bc_unsettled *u, struct bc_batch *b, uint32_t first, bool more);

#endif
