/* SPDX-License-Identifier: BSD-3-Clause */
/* Actions on their way from telemetry's threads, one a client, to the control thread, which does them. */
#ifndef BC_ACTION_H
#define BC_ACTION_H

#include <jansson.h>

#include "bc_tel_command.h"

/* What DPDK reads of a request; one that is so long may have lost its end. */
#define BC_ACTION_REQUEST_MAX 1023U

struct bc_action_queue;

/* Closed. NULL without memory. */
struct bc_action_queue *bc_action_queue_new(void);
/* Closed, and no client will find it any more. */
void bc_action_queue_free(struct bc_action_queue *q);

/* From now on actions are taken. Control thread. */
void bc_action_queue_open(struct bc_action_queue *q);
/* From now on none is; those that wait are answered so. Control thread. */
void bc_action_queue_close(struct bc_action_queue *q);

/*
 * Have the control thread do c's action, and wait for what became of it, for 3 s at the most. param may be NULL. Any
 * thread. A new object; NULL without memory.
 */
json_t *bc_action_ask(struct bc_action_queue *q, const struct bc_tel_command *c, const char *param);

/* Do what waits. Control thread. */
void bc_action_run(struct bc_action_queue *q, const struct bc_group *g);

/* The answer where there is no capture. */
json_t *bc_action_ended(void);

#endif
