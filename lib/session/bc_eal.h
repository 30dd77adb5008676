/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing up DPDK's environment for a plan. Once in a process. */
#ifndef BC_EAL_H
#define BC_EAL_H

#include "bc_config.h"
#include "bc_plan.h"
#include "bc_runtime.h"

struct bc_eal {
	bool huge;		/* hugepages are used */
	char prefix[64];	/* the file prefix: names the telemetry socket's folder */
	struct bc_runtime runtime;	/* the prefix is claimed */
	char note[256];		/* why hugepages are not used, and what to do; or "" */
};

/*
 * lcore i + 1 runs on plan's lcore i; the calling thread and all that it creates stay on the plan's control CPUs. mbufs: how many
 * the capture wants memory for. 0 and *ret; or a negative errno with a line in err (DPDK's own words in it):
 * -EBUSY, the prefix is taken.
 */
int bc_eal_start(const struct bc_config *cfg, const struct bc_plan *plan, uint32_t mbufs, struct bc_eal *ret,
		 struct bc_err *err);
/* Nothing is left in the runtime folder, unless the process gave up the rights to remove it. */
void bc_eal_stop(struct bc_eal *e);

#endif
