/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture as JSON: what its counters say, for telemetry, the report and people. Every function only reads, from any thread, while
 * the pipelines live. The object is new; NULL without memory. docs/control.md states each field.
 */
#ifndef BC_VIEW_H
#define BC_VIEW_H

#include "bc_group.h"
#include "bc_view_value.h"

/* The report at exit, with every segment that the log still has. */
json_t *bc_view_report(const struct bc_group *g);
/* The same without segments and descriptions. */
json_t *bc_view_ledger(const struct bc_group *g);

json_t *bc_view_sources(const struct bc_group *g);	/* an array */
json_t *bc_view_outputs(const struct bc_group *g);	/* an array */
json_t *bc_view_clients(const struct bc_group *g);	/* an array; empty in a capture */

/* "running", "paused", "stopping" (the devices are emptied), "draining" (what was received is written), "ended". */
const char *bc_view_state(const struct bc_pipeline *p);

#endif
