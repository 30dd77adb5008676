/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>

#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_view_value.h"

static json_t *stage(const struct bc_stage *s, const struct bc_subject *u)
{
	double busy = u->tsc ? (double)bc_counter_get(&s->busy_tsc) / (double)u->tsc : 0;

	return json_pack("{s:o, s:o, s:o, s:o}",
			 "name", bc_view_string(s->name),
			 "units", bc_view_u64(bc_counter_get(&s->units)),
			 "busy_ns", bc_view_u64((uint64_t)(busy * (double)u->elapsed_ns)),
			 "busy_permille", bc_view_u64((uint64_t)(busy * 1000)));
}

static json_t *lcore(const struct bc_lcore *l, const struct bc_subject *u)
{
	json_t *stages = json_array();

	for (uint32_t i = 0; i < l->n_stages; i++)
		json_array_append_new(stages, stage(l->stage[i], u));
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o}",
			 "cpu", (int)l->cpu,
			 "state", atomic_load(&l->running) ? "running" : "ended",
			 "rounds", bc_view_u64(bc_counter_get(&l->rounds)),
			 "idle_rounds", bc_view_u64(bc_counter_get(&l->idle_rounds)),
			 "sleeps", bc_view_u64(bc_counter_get(&l->sleeps)),
			 "stages", stages);
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < s->n_lcores; i++)
		json_array_append_new(list, lcore(&s->lcores[i], s));
	return list;
}

const struct bc_tel_command bc_tel_command_lcores = {
	.name = "lcores",
	.help = "Lcores and stages. Parameter: N, only that one",
	.view = view,
	.element = "the number of an lcore",
	.ctl = { { "lcores", "CPUs of the data path and what they do" } },
	.print = bc_ctl_print_lcores,
};
