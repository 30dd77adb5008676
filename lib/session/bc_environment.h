/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a capture stands on: a claimed prefix, its telemetry socket, the CPUs of the plan, memory. With a port of DPDK this is EAL;
 * without one EAL is not started, which would take longer than a small capture itself. Once in a process.
 */
#ifndef BC_ENVIRONMENT_H
#define BC_ENVIRONMENT_H

#include "bc_config.h"
#include "bc_plan.h"
#include "bc_runtime.h"
#include "bc_tel_server.h"

struct bc_environment {
	bool eal;		/* EAL is wanted: lcore i + 1 is its thread for the plan's lcore i */
	bool up;		/* it was started */
	bool huge;		/* hugepages are used */
	struct bc_tel_server *server;	/* without EAL: whoever takes it over sets NULL */
	char prefix[64];	/* the file prefix: names the telemetry socket's folder */
	struct bc_runtime runtime;	/* the prefix is claimed */
	char note[256];		/* why hugepages are not used, and what to do; or "" */
};

bool bc_environment_needs_eal(const struct bc_config *cfg);

/*
 * Claim a prefix, and see whether there is memory for so many mbufs. 0 and *ret; or a negative errno with a line in err: -EBUSY, the
 * prefix is taken.
 */
int bc_environment_claim(const struct bc_config *cfg, uint32_t mbufs, struct bc_environment *ret, struct bc_err *err);
/*
 * With what was claimed; mbufs as there. The calling thread and all that it creates stay on the plan's control CPUs. 0, or a negative
 * errno with a line in err.
 */
int bc_environment_start(const struct bc_config *cfg, const struct bc_plan *plan, uint32_t mbufs, struct bc_environment *e,
			 struct bc_err *err);
/* Whatever of it is there; nothing is left in the runtime folder, unless the process gave up the rights to remove it. */
void bc_environment_stop(struct bc_environment *e);

#endif
