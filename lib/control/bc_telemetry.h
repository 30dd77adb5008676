/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The capture on the telemetry socket, EAL's or our own: /braidcap/... commands. Views are answered on the socket's own threads, from
 * counters alone. Actions are queued for the control thread, and the client waits for what became of them.
 */
#ifndef BC_TELEMETRY_H
#define BC_TELEMETRY_H

#include <stdint.h>

#include "bc_engine.h"
#include "bc_err.h"
#include "bc_group.h"
#include "bc_tel_server.h"

/* All borrowed until bc_telemetry_free. */
struct bc_telemetry_config {
	const struct bc_group *group;
	const struct bc_lcore *lcores;
	uint32_t n_lcores;
	struct bc_tel_server *server;	/* not started; NULL: EAL's socket. Taken over on success */
};

struct bc_telemetry;

/*
 * After EAL's start, if it is EAL's socket, once the pipeline and the lcores' lists of stages are built. 0 and *ret; -EBUSY while another capture of this
 * process is there, or a negative errno with a line in err. Control thread.
 */
int bc_telemetry_new(const struct bc_telemetry_config *cfg, struct bc_telemetry **ret, struct bc_err *err);

/* Do what clients asked for. Control thread, every round of its loop, at least every 100 ms. */
void bc_telemetry_run_actions(struct bc_telemetry *t);

/*
 * From now on every command is answered by an error. Waits for views under way, so that the pipeline may be freed.
 * Takes NULL.
 */
void bc_telemetry_free(struct bc_telemetry *t);

#endif
