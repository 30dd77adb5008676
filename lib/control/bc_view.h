/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture as JSON: what its counters say, for telemetry, the report and people. Every function only reads, from any thread, while
 * the pipeline lives. The object is new; NULL without memory. docs/control.md states each field.
 */
#ifndef BC_VIEW_H
#define BC_VIEW_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bc_engine.h"
#include "bc_pipeline.h"

#define BC_VIEW_SEGMENTS 32U	/* how many of each output telemetry shows without being asked */
#define BC_ALL_OUTPUTS UINT32_MAX

/* While packets move the difference is in flight; final: nothing can be any more, and it is an error of the program's. */
json_t *bc_view_balance(const struct bc_balance *b, bool final);

/* The report at exit, with every segment that the log still has. */
json_t *bc_view_report(const struct bc_pipeline *p);
/* The same without segments and descriptions. */
json_t *bc_view_ledger(const struct bc_pipeline *p);

json_t *bc_view_info(const struct bc_pipeline *p);
json_t *bc_view_sources(const struct bc_pipeline *p);	/* an array */
json_t *bc_view_outputs(const struct bc_pipeline *p);	/* an array */
json_t *bc_view_filters(const struct bc_pipeline *p);	/* an array, by output */
json_t *bc_view_clock(const struct bc_pipeline *p);
/* An array by output: the last max segments of one output or of BC_ALL_OUTPUTS. */
json_t *bc_view_segments(const struct bc_pipeline *p, uint32_t output, uint32_t max);
/* An array. tsc_hz is that of the stages' counters, elapsed_ns how long the loops have run. */
json_t *bc_view_lcores(const struct bc_lcore *lcore, uint32_t n, uint64_t tsc_hz, uint64_t elapsed_ns);

/* "running", "paused", "stopping" (the devices are emptied), "draining" (what was received is written), "ended". */
const char *bc_view_state(const struct bc_pipeline *p);

/* A counter; what JSON's integers cannot hold becomes their largest. */
json_t *bc_view_u64(uint64_t v);
/* Any bytes: what is no UTF-8 is escaped as bc_view_escape does. */
json_t *bc_view_string(const char *s);

/* Printable ASCII as it is, every other byte as \xHH. Cut to size - 1 characters. */
void bc_view_escape(char *dst, size_t size, const char *src);

#endif
