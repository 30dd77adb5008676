/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdio.h>
#include <string.h>

#include "bc_ctl_ask.h"
#include "bc_ctl_print.h"
#include "bc_number.h"
#include "bc_tel_command.h"
#include "bc_view.h"
#include "bc_view_part.h"

/* How many of each output are shown by default. */
#define SEGMENTS_DEFAULT 32U

static void add_segment(void *ctx, const struct bc_seglog_entry *e)
{
	json_t *s = json_pack("{s:o, s:o, s:o, s:o, s:o}",
			      "path", bc_view_string(e->path ? e->path : ""),
			      "packets", bc_view_u64(e->info.packets),
			      "first_ns", bc_view_u64(e->info.first_ns),
			      "last_ns", bc_view_u64(e->info.last_ns),
			      "bytes", bc_view_u64(e->file_bytes));

	if (e->err)
		json_object_set_new(s, "error", bc_view_string(strerror(-e->err)));
	json_array_append_new(ctx, s);
}

json_t *bc_view_segment_list(const struct bc_output *o, uint32_t max)
{
	json_t *list = json_array();

	bc_seglog_visit(o->segments, max, add_segment, list);
	return list;
}

static json_t *of_output(const struct bc_group *g, uint32_t n, uint32_t max)
{
	uint32_t i;
	const struct bc_pipeline *p = bc_group_output(g, n, &i);
	const struct bc_output_account *a = &p->ledger->output[i];

	return json_pack("{s:i, s:o, s:o, s:o, s:o}",
			 "output", (int)n,
			 "name", bc_view_string(a->name),
			 "published", bc_view_u64(bc_counter_get(&a->segments)),
			 "unpublished", bc_view_u64(bc_seglog_failed(p->output[i]->segments)),
			 "segments", bc_view_segment_list(p->output[i], max));
}

/* MAX or MAX,OUTPUT; *ret_output is left alone without an OUTPUT. */
static int parse(const char *param, uint64_t n_outputs, uint64_t *ret_max, uint64_t *ret_output, struct bc_err *err)
{
	const char *comma = strchr(param, ',');
	size_t len = comma ? (size_t)(comma - param) : strlen(param);
	char number[12];
	int r;

	snprintf(number, sizeof(number), "%.*s", (int)(len < sizeof(number) ? len : sizeof(number)), param);
	r = bc_parse_u64("how many segments", number, 1, BC_SEGLOG_MAX, ret_max, err);
	if (!r && comma)
		r = bc_parse_u64("the number of an output", comma + 1, 0, n_outputs - 1, ret_output, err);
	return r;
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	uint64_t n_outputs = bc_group_n_outputs(s->group), max = SEGMENTS_DEFAULT, output = n_outputs;
	struct bc_err err;
	json_t *list;

	if (param && parse(param, n_outputs, &max, &output, &err))
		return bc_view_error("%s", err.msg);
	list = json_array();
	for (uint32_t n = 0; n < n_outputs; n++)
		if (output == n_outputs || output == n)
			json_array_append_new(list, of_output(s->group, n, (uint32_t)max));
	return list;
}

const struct bc_tel_command bc_tel_command_segments = {
	.name = "segments",
	.help = "Last segments. Parameter: MAX or MAX,OUTPUT",
	.view = view,
	.takes_param = true,
	.page = "/braidcap/segments,MAX,OUTPUT with a smaller MAX",
	.ctl = { { "segments [N]", "the last N segments of each output (default 32)" } },
	.check = bc_ctl_check_segments,
	.ask = bc_ctl_ask_segments,
	.print = bc_ctl_print_segments,
};
