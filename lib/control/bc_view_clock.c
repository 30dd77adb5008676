/* SPDX-License-Identifier: BSD-3-Clause */
#include <math.h>

#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_view.h"
#include "bc_view_part.h"

static json_t *sources(const struct bc_group *g)
{
	json_t *list = json_array();

	for (uint32_t n = 0; n < bc_group_n_sources(g); n++) {
		uint32_t i;
		const struct bc_pipeline *p = bc_group_source(g, n, &i);
		const struct bc_source_account *a = &p->ledger->source[i];

		json_array_append_new(list, json_pack("{s:o, s:i, s:s, s:o}", "name", bc_view_string(a->name),
						      "queue", (int)a->queue, "stamp", bc_stamp_name(a->stamp),
						      "clock", bc_view_source_clock(p, i)));
	}
	return list;
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	static const char *const counters[] = { "TSC", "CNTVCT", "CLOCK_MONOTONIC" };
	const struct bc_clock *clock = s->group->pipeline[0]->cfg.clock;
	struct bc_clock_status st;
	char description[512];

	bc_clock_status(clock, &st);
	bc_clock_describe(clock, description, sizeof(description));
	return json_pack("{s:s, s:s, s:o, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:o}",
			 "counter", counters[st.ticks],
			 "why", st.why,
			 "description", bc_view_string(description),
			 "frequency_hz", (json_int_t)llround(st.track.freq_hz),
			 "offset_ns", (json_int_t)st.track.offset_ns,
			 "rate_ppb", (json_int_t)llround(st.track.ppm * 1000),
			 "rms_ns", bc_view_u64((uint64_t)llround(st.track.rms_ns)),
			 "updates", bc_view_u64(st.track.updates),
			 "steps", bc_view_u64(st.track.steps + st.steps),
			 "stepped_ns", (json_int_t)st.stepped_ns,
			 "sources", sources(s->group));
}

const struct bc_tel_command bc_tel_command_clock = {
	.name = "clock",
	.help = "How the time is kept",
	.view = view,
	.page = "/braidcap/sources,N",
	.ctl = { { "clock", "how timestamps are made" } },
	.print = bc_ctl_print_clock,
};
