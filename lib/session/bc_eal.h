/* SPDX-License-Identifier: BSD-3-Clause */
/* Bringing up DPDK's EAL for a plan. Once in a process. */
#ifndef BC_EAL_H
#define BC_EAL_H

#include "bc_config.h"
#include "bc_plan.h"

/* What EAL, rings and drivers take beside the mbufs. */
#define BC_EAL_MIB 96U

/*
 * lcore i + 1 runs on plan's lcore i. prefix: claimed; mbufs: how many it is to have memory for without hugepages. 0, or a negative
 * errno with a line in err (DPDK's own words in it).
 */
int bc_eal_start(const struct bc_config *cfg, const struct bc_plan *plan, const char *prefix, uint32_t mbufs, bool huge,
		 struct bc_err *err);

#endif
