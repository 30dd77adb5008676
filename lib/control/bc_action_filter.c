/* SPDX-License-Identifier: BSD-3-Clause */
/* The filters in force, shown and replaced. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bc_ctl_ask.h"
#include "bc_ctl_print.h"
#include "bc_number.h"
#include "bc_tel_command.h"
#include "bc_view_value.h"

static json_t *view(const struct bc_subject *s, const char *param)
{
	json_t *list = json_array();

	for (uint32_t n = 0; n < bc_group_n_outputs(s->group); n++) {
		uint32_t i;
		struct bc_pipeline *p = bc_group_output(s->group, n, &i);
		const char *filter = bc_pipeline_filter(p, i);

		json_array_append_new(list, json_pack("{s:i, s:o, s:o}", "output", (int)n,
						      "name", bc_view_string(p->ledger->output[i].name),
						      "filter", bc_view_string(filter ? filter : "")));
	}
	return list;
}

/* Split OUTPUT,EXPRESSION. No filter begins with a number and a comma. */
static int parse(const struct bc_pipeline *p, const char *param, uint32_t *ret_output, const char **ret_expression,
		 struct bc_err *err)
{
	size_t digits = strspn(param, "0123456789");
	char number[12];
	uint64_t output = 0;
	int r;

	if (param[digits] != ',' || !digits) {
		if (p->cfg.n_outputs > 1)
			return bc_err_set(err, -EINVAL, "there are %u outputs: use OUTPUT,EXPRESSION with OUTPUT from "
					  "0 to %u",
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

static json_t *act(const struct bc_group *g, const char *param)
{
	struct bc_pipeline *p = g->pipeline[0];
	const char *expression = "", *now;
	uint32_t output = 0;
	struct bc_err err;
	int r;

	if (g->client)
		return bc_view_error("a collector has no filters: leave out unwanted traffic at the nodes");
	r = parse(p, param, &output, &expression, &err);
	if (!r)
		r = bc_pipeline_set_filter(p, output, expression, &err);
	if (r > 0)
		return json_null();
	if (r)
		return bc_view_error("%s", err.msg);
	now = bc_pipeline_filter(p, output);
	return json_pack("{s:s, s:i, s:o}", "status", "ok", "output", (int)output,
			 "filter", bc_view_string(now ? now : ""));
}

const struct bc_tel_command bc_tel_command_filter = {
	.name = "filter",
	.help = "Filters. Parameter: EXPRESSION or OUTPUT,EXPRESSION",
	.view = view,
	.act = act,
	.takes_param = true,
	.page = "/braidcap/outputs,N for each N from 0",
	.ctl = { { "filter", "show the filters in force" },
		 { "filter EXPRESSION", "replace one; '' accepts all packets" } },
	.check = bc_ctl_check_filter,
	.ask = bc_ctl_ask_filter,
	.print = bc_ctl_print_filter,
};
