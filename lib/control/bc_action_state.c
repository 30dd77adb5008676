/* SPDX-License-Identifier: BSD-3-Clause */
/* Pause, resume, stop: what changes the state of a capture. */
#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_view.h"

static json_t *pause_or_resume(const struct bc_group *g, bool pause)
{
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_pause(g->pipeline[i], pause);
	return json_pack("{s:s, s:s}", "status", "ok", "state", bc_view_state(g->pipeline[0]));
}

static json_t *pause_all(const struct bc_group *g, const char *param)
{
	return pause_or_resume(g, true);
}

static json_t *resume_all(const struct bc_group *g, const char *param)
{
	return pause_or_resume(g, false);
}

static json_t *stop_all(const struct bc_group *g, const char *param)
{
	int64_t in_flight = 0;

	bc_group_stop(g);
	for (uint32_t i = 0; i < g->n; i++) {
		struct bc_balance b;

		bc_ledger_total(g->pipeline[i]->ledger, &b);
		in_flight += b.unaccounted;
	}
	return json_pack("{s:s, s:s, s:o}", "status", "ok", "state", bc_view_state(g->pipeline[0]),
			 "in_flight", bc_view_u64(in_flight > 0 ? (uint64_t)in_flight : 0));
}

const struct bc_tel_command bc_tel_command_pause = {
	.name = "pause",
	.help = "Count packets as paused, do not write",
	.act = pause_all,
	.ctl = { { "pause, resume", "count packets as paused instead of writing them; continue" } },
	.print = bc_ctl_print_state,
};

const struct bc_tel_command bc_tel_command_resume = {
	.name = "resume",
	.help = "Go on after a pause",
	.act = resume_all,
	.print = bc_ctl_print_state,
};

const struct bc_tel_command bc_tel_command_stop = {
	.name = "stop",
	.help = "End the capture in good order",
	.act = stop_all,
	.while_stopping = true,
	.ctl = { { "stop", "end the capture cleanly" } },
	.print = bc_ctl_print_state,
};
