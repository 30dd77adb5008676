/* SPDX-License-Identifier: BSD-3-Clause */
/* The lcores of a session: their stages, their start, their end. */
#include "bc_session_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/* One pipeline: its stages go where the plan puts them. */
static void place_by_plan(struct bc_session *s)
{
	struct bc_pipeline *p = s->group.pipeline[0];

	for (uint32_t i = 0; i < s->n_stages; i++) {
		const struct bc_plan_stage *ps = &s->plan->stage[i];

		switch (ps->kind) {
		case BC_STAGE_RX:
			bc_pipeline_source_stage(p, ps->source, &s->stages[i]);
			break;
		case BC_STAGE_MERGE:
			bc_pipeline_merge_stage(p, &s->stages[i]);
			break;
		case BC_STAGE_LANE:
			bc_pipeline_lane_stage(p, ps->output, ps->lane, &s->stages[i]);
			break;
		}
	}
	for (uint32_t i = 0; i < s->n_lcores; i++) {
		const struct bc_plan_lcore *pl = &s->plan->lcore[i];

		s->lcores[i].n_stages = pl->n;
		s->lcores[i].stage = &s->stage_ptr[pl->first];
		s->lcores[i].woken = s->plan->stage[pl->first].kind != BC_STAGE_RX;
	}
}

/* Many pipelines: each stays on one lcore, and they take turns. */
static int place_spread(struct bc_session *s, struct bc_err *err)
{
	s->crowd = calloc(s->n_lcores, sizeof(struct bc_crowd *));
	for (uint32_t l = 0; s->crowd && l < s->n_lcores; l++) {
		s->crowd[l] = bc_crowd_new((s->spread + s->n_lcores - 1) / s->n_lcores);
		if (!s->crowd[l])
			return bc_err_set(err, -ENOMEM, "no memory for the stages");
		bc_crowd_stage(s->crowd[l], &s->stages[l]);
		s->lcores[l].stage = &s->stage_ptr[l];
		s->lcores[l].n_stages = 1;
	}
	if (!s->crowd)
		return bc_err_set(err, -ENOMEM, "no memory for the stages");
	for (uint32_t i = 0; i < s->group.n; i++)
		bc_crowd_add(s->crowd[i % s->n_lcores], s->group.pipeline[i]);
	return 0;
}

void bc_session_add(struct bc_session *s)
{
	uint32_t n = s->group.n;

	bc_crowd_add(s->crowd[n % s->n_lcores], s->group.pipeline[n]);
	s->group.n = n + 1;
}

int bc_session_make_lcores(struct bc_session *s, struct bc_err *err)
{
	s->n_lcores = s->spread ? min_u32(s->plan->n_lcores, s->group.n) : s->plan->n_lcores;
	s->n_stages = s->spread ? s->n_lcores : s->plan->n_stages;
	s->stages = aligned_alloc(BC_CACHE_LINE, (s->n_stages * sizeof(*s->stages) + 63) / 64 * 64);
	s->stage_ptr = calloc(s->n_stages, sizeof(*s->stage_ptr));
	s->lcores = aligned_alloc(BC_CACHE_LINE, s->n_lcores * sizeof(*s->lcores));
	if (!s->stages || !s->stage_ptr || !s->lcores)
		return bc_err_set(err, -ENOMEM, "no memory for the stages");
	memset(s->lcores, 0, s->n_lcores * sizeof(*s->lcores));
	for (uint32_t i = 0; i < s->n_stages; i++)
		s->stage_ptr[i] = &s->stages[i];
	for (uint32_t i = 0; i < s->n_lcores; i++) {
		s->lcores[i].cpu = s->plan->lcore[i].cpu;
		s->lcores[i].busy_poll = s->cfg->busy_poll;
		s->lcores[i].all = s->lcores;
		/* A pipeline that stays on one lcore has no other lcore to wake. */
		s->lcores[i].n_all = s->spread ? 1 : s->n_lcores;
	}
	if (s->spread)
		return place_spread(s, err);
	place_by_plan(s);
	return 0;
}

int bc_session_launch(struct bc_session *s, struct bc_err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < s->group.n; i++)
		r = bc_pipeline_start(s->group.pipeline[i], err);
	for (uint32_t i = 0; !r && i < s->n_lcores; i++)
		r = bc_lcore_start(&s->lcores[i], i + 1, s->env.eal, err);
	if (!r && s->ops->start)
		r = s->ops->start(s->ctx, err);
	if (r) {
		bc_session_abort(s);
		bc_session_join(s);
	}
	return r;
}

void bc_session_abort(struct bc_session *s)
{
	for (uint32_t i = 0; i < s->n_lcores; i++)
		atomic_store(&s->lcores[i].abort, true);
	for (uint32_t i = 0; i < s->group.n; i++)
		bc_pipeline_abort(s->group.pipeline[i]);
}

void bc_session_join(struct bc_session *s)
{
	bc_lcores_wait(s->lcores, s->n_lcores);
	for (uint32_t i = 0; i < s->group.n; i++)
		bc_pipeline_join(s->group.pipeline[i]);
}
