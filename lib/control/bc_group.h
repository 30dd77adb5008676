/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one process does as one thing to look at: a capture is one pipeline, a centre one for each client or one for all. Sources and
 * outputs are numbered through all pipelines. The JSON is that of bc_view.h; of a single pipeline it is the same.
 */
#ifndef BC_GROUP_H
#define BC_GROUP_H

#include <jansson.h>

#include "bc_pipeline.h"

/* Borrowed, as all that it names. */
struct bc_group {
	struct bc_pipeline *const *pipeline;	/* at least one */
	uint32_t n;
	/* Of a centre; all NULL in a capture. */
	json_t *(*clients)(void *ctx);		/* an array; any thread */
	void (*stop)(void *ctx);		/* begin to stop; control thread. NULL: the pipelines are told */
	void *ctx;
};

json_t *bc_group_report(const struct bc_group *g);
json_t *bc_group_ledger(const struct bc_group *g);
json_t *bc_group_info(const struct bc_group *g);
json_t *bc_group_sources(const struct bc_group *g);
json_t *bc_group_outputs(const struct bc_group *g);
json_t *bc_group_filters(const struct bc_group *g);
json_t *bc_group_clock(const struct bc_group *g);
json_t *bc_group_segments(const struct bc_group *g, uint32_t output, uint32_t max);
/* An empty array where there are no clients. */
json_t *bc_group_clients(const struct bc_group *g);

uint32_t bc_group_outputs_count(const struct bc_group *g);

/* Control thread. */
void bc_group_stop(const struct bc_group *g);

#endif
