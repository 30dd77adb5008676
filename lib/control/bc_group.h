/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What one process does as one thing to look at: a capture is one pipeline, a collector one for each client or one for
 * all. Sources and outputs are numbered through all pipelines.
 */
#ifndef BC_GROUP_H
#define BC_GROUP_H

#include <stdatomic.h>

#include <jansson.h>

#include "bc_pipeline.h"

/* Borrowed, as all that it names. */
struct bc_group {
	struct bc_pipeline *const *pipeline;	/* at least one; several have one source and one output each */
	_Atomic uint32_t n;	/* the control thread adds */
	/* Of a collector; all NULL in a capture. */
	uint32_t (*n_clients)(void *ctx);	/* any thread, as the next */
	json_t *(*client)(void *ctx, uint32_t i);
	void (*stop)(void *ctx);		/* begin to stop; control thread. NULL: the pipelines are told */
	void *ctx;
};

uint32_t bc_group_n_sources(const struct bc_group *g);
uint32_t bc_group_n_outputs(const struct bc_group *g);

/* The pipeline of a source or an output, and its number there. n is less than their number. */
struct bc_pipeline *bc_group_source(const struct bc_group *g, uint32_t n, uint32_t *ret_index);
struct bc_pipeline *bc_group_output(const struct bc_group *g, uint32_t n, uint32_t *ret_index);

/* Control thread. */
void bc_group_stop(const struct bc_group *g);

#endif
