/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdatomic.h>

#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_time.h"
#include "bc_view_value.h"

static json_t *stage(const struct bc_stage *s, uint64_t tsc_hz, uint64_t elapsed_ns)
{
	double busy_ns = tsc_hz ? (double)bc_counter_get(&s->busy_tsc) * BC_NS_PER_S / (double)tsc_hz : 0;

	return json_pack("{s:o, s:o, s:o, s:o}",
			 "name", bc_view_string(s->name),
			 "units", bc_view_u64(bc_counter_get(&s->units)),
			 "busy_ns", bc_view_u64((uint64_t)busy_ns),
			 "busy_permille", bc_view_u64(elapsed_ns ? (uint64_t)(busy_ns * 1000 / (double)elapsed_ns) : 0));
}

static json_t *lcore(const struct bc_lcore *l, uint64_t tsc_hz, uint64_t elapsed_ns)
{
	json_t *stages = json_array();

	for (uint32_t i = 0; i < l->n_stages; i++)
		json_array_append_new(stages, stage(l->stage[i], tsc_hz, elapsed_ns));
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
		json_array_append_new(list, lcore(&s->lcores[i], s->tsc_hz, s->elapsed_ns));
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
