/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_group.h"

uint32_t bc_group_n_sources(const struct bc_group *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += g->pipeline[i]->ledger->n_sources;
	return n;
}

uint32_t bc_group_n_outputs(const struct bc_group *g)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += g->pipeline[i]->ledger->n_outputs;
	return n;
}

struct bc_pipeline *bc_group_source(const struct bc_group *g, uint32_t n, uint32_t *ret_index)
{
	uint32_t i = 0;

	for (; n >= g->pipeline[i]->ledger->n_sources; i++)
		n -= g->pipeline[i]->ledger->n_sources;
	*ret_index = n;
	return g->pipeline[i];
}

struct bc_pipeline *bc_group_output(const struct bc_group *g, uint32_t n, uint32_t *ret_index)
{
	uint32_t i = 0;

	for (; n >= g->pipeline[i]->ledger->n_outputs; i++)
		n -= g->pipeline[i]->ledger->n_outputs;
	*ret_index = n;
	return g->pipeline[i];
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
