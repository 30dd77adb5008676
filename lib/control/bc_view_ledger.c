/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_ask.h"
#include "bc_summary.h"
#include "bc_tel_command.h"
#include "bc_view.h"
#include "bc_view_part.h"

#define REPORT_VERSION 1

static json_t *publisher(const struct bc_pipeline *p)
{
	struct bc_publisher_stats st;

	if (!p->cfg.publisher)
		return NULL;
	bc_publisher_stats(p->cfg.publisher, &st);
	return json_pack("{s:o, s:o, s:o, s:o, s:o}",
			 "events", bc_view_u64(st.events),
			 "packets", bc_view_u64(st.packets),
			 "overflowed", bc_view_u64(st.overflowed),
			 "stalls", bc_view_u64(st.stalls),
			 "subscriptions", bc_view_u64(st.subscriptions));
}

static json_t *reported_output(const struct bc_pipeline *p, uint32_t i)
{
	json_t *o = bc_view_output(p, i), *list = bc_view_segment_list(p->output[i], BC_SEGLOG_MAX);
	uint64_t forgotten = bc_seglog_count(p->output[i]->segments) - json_array_size(list);

	json_object_set_new(o, "segments", list);
	if (forgotten)
		json_object_set_new(o, "segments_forgotten", bc_view_u64(forgotten));
	return o;
}

static json_t *reported_source(const struct bc_pipeline *p, uint32_t i)
{
	json_t *s = bc_view_source(p, i);

	json_object_set_new(s, "clock", bc_view_source_clock(p, i));
	return s;
}

static json_t *form(const struct bc_group *g, bool whole)
{
	json_t *sources = json_array(), *outputs = json_array();
	const struct bc_pipeline *first = g->pipeline[0], *p;
	uint32_t i;

	/* The outputs first, so that a source's packets are not yet received when they are already written. */
	for (uint32_t n = 0; n < bc_group_n_outputs(g); n++) {
		p = bc_group_output(g, n, &i);
		json_array_append_new(outputs, whole ? reported_output(p, i) : bc_view_output(p, i));
	}
	for (uint32_t n = 0; n < bc_group_n_sources(g); n++) {
		p = bc_group_source(g, n, &i);
		json_array_append_new(sources, whole ? reported_source(p, i) : bc_view_source(p, i));
	}
	return json_pack("{s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o*, s:o*}",
			 "version", REPORT_VERSION,
			 "started_ns", bc_view_u64(first->start_ns),
			 "stopped_ns", bc_view_u64(first->stop_ns),
			 "merge_delay_ns", bc_view_merge_delay(first),
			 "sources", sources,
			 "outputs", outputs,
			 "balance", bc_view_total(g),
			 "publisher", publisher(first),
			 "pcap_over_ip", bc_view_tap(first, false));
}

json_t *bc_view_report(const struct bc_group *g)
{
	json_t *report = form(g, true);

	if (g->client)
		json_object_set_new(report, "clients", bc_view_clients(g));
	return report;
}

json_t *bc_view_ledger(const struct bc_group *g)
{
	return form(g, false);
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	return bc_view_ledger(s->group);
}

const struct bc_tel_command bc_tel_command_ledger = {
	.name = "ledger",
	.help = "What became of every packet",
	.view = view,
	.page = "/braidcap/info, /braidcap/sources,N and /braidcap/outputs,N",
	.ctl = { { "ledger", "what became of every packet, and what to do about losses" } },
	.ask = bc_ctl_ask_ledger,
	.print = bc_summary_print,
};
