/* SPDX-License-Identifier: BSD-3-Clause */
/* From what the user asked for and the machine to a request for a plan. */
#ifndef BC_PLACEMENT_H
#define BC_PLACEMENT_H

#include "bc_config.h"
#include "bc_config_collect.h"
#include "bc_plan.h"

/* Where the devices are matters to the placement of a source: the topology has to be read with them. */
bool bc_placement_needs_devices(const struct bc_config *cfg);

/*
 * Sources are numbered in the order of cfg, each queue of a DPDK port or null source as one. ret->lcores is
 * cfg's string. 0, or -EINVAL with a line in err when there are too many sources; *ret is then untouched.
 */
int bc_placement_request(const struct bc_config *cfg, const struct bc_topology *topo, struct bc_plan_request *ret,
			 struct bc_err *err);

/* Clients are sources that wait for the network; together they write to one output, as far as the CPUs go. */
void bc_placement_request_collect(const struct bc_collect_config *cfg, struct bc_plan_request *ret);

#endif
