/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_view_value.h"

static bool rotates(const struct bc_pipeline *p, uint32_t output)
{
	return p->cfg.outputs[output].kind == BC_DEST_FOLDER || p->cfg.outputs[output].kind == BC_DEST_NULL;
}

/* The segment that an output is writing, as its store counts them. */
static json_t *current_segment(const struct bc_pipeline *p, uint32_t i, uint32_t n)
{
	struct bc_store_stats st;

	bc_output_store_stats(p->output[i], &st);
	return json_pack("{s:i, s:o, s:o}", "output", (int)n, "name", bc_view_string(p->ledger->output[i].name),
			 "segment", bc_view_u64(st.begun ? st.begun - 1 : 0));
}

static json_t *act(const struct bc_group *g, const char *param)
{
	json_t *asked = json_array();

	for (uint32_t n = 0; n < bc_group_n_outputs(g); n++) {
		uint32_t i;
		const struct bc_pipeline *p = bc_group_output(g, n, &i);

		if (rotates(p, i))
			json_array_append_new(asked, current_segment(p, i, n));
	}
	if (!json_array_size(asked)) {
		json_decref(asked);
		return bc_view_error("no output can be rotated: only a folder holds several segments");
	}
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_rotate(g->pipeline[i]);
	return json_pack("{s:s, s:i, s:o}", "status", "ok", "asked", (int)json_array_size(asked), "outputs", asked);
}

const struct bc_tel_command bc_tel_command_rotate = {
	.name = "rotate",
	.help = "Begin new segments",
	.act = act,
	.ctl = { { "rotate", "start new segments" } },
	.print = bc_ctl_print_rotated,
};
