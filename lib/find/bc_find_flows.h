/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the indexes of all segments under some paths say of their flows, and how far these segments go back. One thread.
 */
#ifndef BC_FIND_FLOWS_H
#define BC_FIND_FLOWS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_find_list.h"
#include "bc_flows.h"
#include "bc_log.h"

/* The flows of one segment alone. A negative errno ends it, with a line in err. */
typedef int (*bc_find_flows_each)(void *ctx, const struct bc_find_segment *segment, struct bc_flows *flows, struct bc_err *err);

struct bc_find_flows_config {
	const char *expression;		/* pcap-filter(7); "": every flow */
	char *const *paths;
	uint32_t n_paths;
	uint64_t from_ns, to_ns;
	struct bc_depot *depot;	/* NULL: paths are local ones */
	const struct bc_log *log;
	const _Atomic bool *stop;	/* it ends soon once this is set; NULL: it is not to */
	bc_find_flows_each each;	/* NULL: those of all segments are added up */
	void *ctx;
};

/* Plain data. */
struct bc_find_extent {
	uint32_t segments;		/* with packets */
	uint32_t without;		/* of these, with packets that no index of flows has: these are not in the flows */
	uint32_t bad;			/* files and folders that could not be read */
	uint64_t bytes;			/* of all segments' files */
	uint64_t oldest_ns;		/* the first packet of all; 0 without one */
	uint64_t newest_ns;		/* when the last segment begins */
	uint64_t day_bytes;		/* of the segments that begin in the last 24 hours of these */
	uint64_t day_ns;		/* how long they are, if that can be said: up to 24 hours; 0 if not */
};

/* Of segments that were looked into; without is 0. */
void bc_find_extent_of(const struct bc_find_list *l, struct bc_find_extent *ret);

/*
 * Adds them to flows, which are cleared behind each segment if there is each; NULL: only the extent is asked for. 0, or a negative errno with a line in err: -EINVAL: a path or
 * the expression is not to be used; -E2BIG: more flows than fit; -ECANCELED: stop; -ENOMEM. *ret is set in each case.
 */
int bc_find_flows(const struct bc_find_flows_config *cfg, struct bc_flows *flows, struct bc_find_extent *ret, struct bc_err *err);

#endif
