/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segments of an output whose fate is not known yet, and what it turns out to be. The committer's thread, but for
 * bc_results_put(), which is the publishing thread's.
 */
#ifndef BC_DELIVERY_RESULTS_H
#define BC_DELIVERY_RESULTS_H

#include <stdatomic.h>
#include <stdbool.h>

#include "bc_store.h"
#include "bc_tally.h"

#define BC_RESULTS (2 * BC_STORE_QUEUE_MAX)	/* more than segments can wait for their result */

struct bc_result {
	uint64_t file_bytes;
	int err;
};

struct bc_results {
	struct bc_tally *waiting;	/* a ring: what was put aside of segments whose result is not known */
	uint32_t finished, reaped;	/* segments; those between wait */
	struct bc_result result[BC_RESULTS];	/* the publishing thread writes, before it counts known up */
	_Atomic uint32_t known;
};

/* On zeroed memory: 0 or -ENOMEM. fini takes zeroed memory too. */
int bc_results_init(struct bc_results *r);
void bc_results_fini(struct bc_results *r);

/* A segment is finished, and this much of it waits for its result. */
void bc_results_await(struct bc_results *r, const struct bc_tally *t);
void bc_results_put(struct bc_results *r, uint64_t file_bytes, int err);

/* The oldest one's, if it is known: what waited for it, valid until the next await. NULL: not yet. */
struct bc_tally *bc_results_take(struct bc_results *r, struct bc_result *ret);

bool bc_results_wait(const struct bc_results *r);

#endif
