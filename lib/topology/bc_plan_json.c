/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_plan_json.h"

static json_t *stage(const struct bc_plan_request *req, const struct bc_plan_stage *s)
{
	const struct bc_plan_source *from = &req->source[s->source];

	switch (s->kind) {
	case BC_STAGE_RX:
		return json_pack("{s:s, s:s, s:o}", "kind", "rx", "source", from->name, "queue",
				 from->queue < 0 ? json_null() : json_integer(from->queue));
	case BC_STAGE_LANE:
		return json_pack("{s:s, s:s, s:i}", "kind", "lane", "output", req->output[s->output].name, "lane", s->lane);
	case BC_STAGE_MERGE:
		break;
	}
	return json_pack("{s:s}", "kind", "merge");
}

static json_t *lcores(const struct bc_plan_request *req, const struct bc_plan *plan)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < plan->n_lcores; i++) {
		const struct bc_plan_lcore *l = &plan->lcore[i];
		json_t *stages = json_array();

		for (uint32_t k = 0; k < l->n; k++)
			json_array_append_new(stages, stage(req, &plan->stage[l->first + k]));
		json_array_append_new(all, json_pack("{s:i, s:o}", "cpu", l->cpu, "stages", stages));
	}
	return all;
}

static json_t *lines(const struct bc_plan_lines *l)
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < l->n && i < BC_PLAN_MAX_LINES; i++)
		json_array_append_new(all, json_string(l->line[i]));
	return all;
}

json_t *bc_plan_json(const struct bc_plan_request *req, const struct bc_plan *plan)
{
	json_t *control = json_array();

	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &plan->control))
			json_array_append_new(control, json_integer(cpu));
	return json_pack("{s:i, s:o, s:o, s:o, s:o}", "version", 1, "lcores", lcores(req, plan), "control", control, "notes", lines(&plan->notes),
			 "warnings", lines(&plan->warnings));
}
