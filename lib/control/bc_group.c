/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_group.h"

uint32_t bc_group_n_sources(const struct bc_group *g)
{
	return g->n > 1 ? g->n : g->pipeline[0]->ledger->n_sources;
}

uint32_t bc_group_n_outputs(const struct bc_group *g)
{
	return g->n > 1 ? g->n : g->pipeline[0]->ledger->n_outputs;
}

struct bc_pipeline *bc_group_source(const struct bc_group *g, uint32_t n, uint32_t *ret_index)
{
	*ret_index = g->n > 1 ? 0 : n;
	return g->pipeline[g->n > 1 ? n : 0];
}

struct bc_pipeline *bc_group_output(const struct bc_group *g, uint32_t n, uint32_t *ret_index)
{
	return bc_group_source(g, n, ret_index);
}

void bc_group_stop(const struct bc_group *g)
{
	if (g->stop) {
		g->stop(g->ctx);
		return;
	}
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_stop(g->pipeline[i]);
}
