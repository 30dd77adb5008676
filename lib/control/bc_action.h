/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person can have a running capture do, and the answer. */
#ifndef BC_ACTION_H
#define BC_ACTION_H

#include <jansson.h>

#include "bc_group.h"

enum bc_action { BC_ACTION_ROTATE, BC_ACTION_PAUSE, BC_ACTION_RESUME, BC_ACTION_FILTER, BC_ACTION_STOP };

/*
 * Do it. Control thread. param is what the client sent, as hostile as it likes; it is "" except for a filter, where it is
 * EXPRESSION or OUTPUT,EXPRESSION (OUTPUT a number; nothing before the comma, or no comma: the only output). Returns a new object
 * with "status": "ok" and what happened, or bc_action_error's; NULL without memory.
 */
json_t *bc_action_run(const struct bc_group *g, enum bc_action action, const char *param);

/* {"status":"error","error":"..."} */
json_t *bc_action_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
