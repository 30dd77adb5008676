/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_action.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bc_number.h"
#include "bc_view.h"

json_t *bc_action_error(const char *fmt, ...)
{
	struct bc_err err;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err.msg, sizeof(err.msg), fmt, ap);
	va_end(ap);
	return json_pack("{s:s, s:o}", "status", "error", "error", bc_view_string(err.msg));
}

static json_t *state(const struct bc_group *g)
{
	return json_pack("{s:s, s:s}", "status", "ok", "state", bc_view_state(g->pipeline[0]));
}

static bool rotates(const struct bc_pipeline *p, uint32_t output)
{
	return p->cfg.outputs[output].kind == BC_DEST_FOLDER || p->cfg.outputs[output].kind == BC_DEST_NULL;
}

/* The segment that an output is writing, as its store counts them. */
static json_t *current_segment(const struct bc_pipeline *p, uint32_t output, uint32_t first)
{
	struct bc_store_stats st;

	bc_output_store_stats(p->output[output], &st);
	return json_pack("{s:i, s:o, s:o}", "output", (int)(first + output), "name", bc_view_string(p->ledger->output[output].name),
			 "segment", bc_view_u64(st.begun ? st.begun - 1 : 0));
}

static json_t *rotate(const struct bc_group *g)
{
	json_t *asked = json_array();
	uint32_t first = 0;

	for (uint32_t i = 0; i < g->n; first += g->pipeline[i++]->cfg.n_outputs)
		for (uint32_t o = 0; o < g->pipeline[i]->cfg.n_outputs; o++)
			if (rotates(g->pipeline[i], o))
				json_array_append_new(asked, current_segment(g->pipeline[i], o, first));
	if (!json_array_size(asked)) {
		json_decref(asked);
		return bc_action_error("no output can be rotated: only a folder holds several segments");
	}
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_rotate(g->pipeline[i]);
	return json_pack("{s:s, s:i, s:o}", "status", "ok", "asked", (int)json_array_size(asked), "outputs", asked);
}

static json_t *pause_or_resume(const struct bc_group *g, bool pause)
{
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_pause(g->pipeline[i], pause);
	return state(g);
}

static json_t *stop(const struct bc_group *g)
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

/* Split OUTPUT,EXPRESSION. No filter begins with a number and a comma. */
static int parse_filter(const struct bc_pipeline *p, const char *param, uint32_t *ret_output, const char **ret_expression,
			struct bc_err *err)
{
	size_t digits = strspn(param, "0123456789");
	char number[12];
	uint64_t output = 0;
	int r;

	if (param[digits] != ',' || !digits) {
		if (p->cfg.n_outputs > 1)
			return bc_err_set(err, -EINVAL, "there are %u outputs: say OUTPUT,EXPRESSION, OUTPUT from 0 to %u",
					  p->cfg.n_outputs, p->cfg.n_outputs - 1);
		*ret_output = 0;
		*ret_expression = param[0] == ',' ? param + 1 : param;
		return 0;
	}
	snprintf(number, sizeof(number), "%.*s", (int)(digits < sizeof(number) ? digits : sizeof(number) - 1), param);
	r = bc_parse_u64("output", number, 0, p->cfg.n_outputs - 1, &output, err);
	if (r)
		return r;
	*ret_output = (uint32_t)output;
	*ret_expression = param + digits + 1;
	return 0;
}

static json_t *filter(struct bc_pipeline *p, const char *param)
{
	const char *expression = "", *now;
	struct bc_err err;
	uint32_t output = 0;
	int r = parse_filter(p, param, &output, &expression, &err);

	if (!r)
		r = bc_pipeline_set_filter(p, output, expression, &err);
	if (r)
		return bc_action_error("%s", err.msg);
	now = bc_pipeline_filter(p, output);
	return json_pack("{s:s, s:i, s:o}", "status", "ok", "output", (int)output, "filter", bc_view_string(now ? now : ""));
}

json_t *bc_action_run(const struct bc_group *g, enum bc_action action, const char *param)
{
	if (action != BC_ACTION_STOP && g->pipeline[0]->stopping)
		return bc_action_error("the capture is coming to its end: it takes no more orders");
	switch (action) {
	case BC_ACTION_ROTATE:
		return rotate(g);
	case BC_ACTION_PAUSE:
		return pause_or_resume(g, true);
	case BC_ACTION_RESUME:
		return pause_or_resume(g, false);
	case BC_ACTION_FILTER:
		if (g->clients)
			return bc_action_error("a centre has no filters: what is not wanted is best left out at the nodes");
		return filter(g->pipeline[0], param);
	case BC_ACTION_STOP:
		return stop(g);
	}
	return NULL;
}
