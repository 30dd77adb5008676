/* SPDX-License-Identifier: BSD-3-Clause */
#include <unistd.h>

#include <rte_mempool.h>

#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_time.h"
#include "bc_view.h"
#include "bc_view_part.h"

const char *bc_view_state(const struct bc_pipeline *p)
{
	if (p->joined)
		return "ended";
	if (p->ended)
		return "draining";
	if (p->stopping)
		return "stopping";
	return p->paused ? "paused" : "running";
}

static json_t *packet_buffers(const struct bc_pipeline *p)
{
	return json_pack("{s:o, s:o}",
			 "total", bc_view_u64(p->pool ? p->pool->size : 0),
			 "free", bc_view_u64(p->pool ? rte_mempool_avail_count(p->pool) : 0));
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	const struct bc_group *g = s->group;
	const struct bc_pipeline *p = g->pipeline[0];

	return json_pack("{s:s, s:i, s:s, s:o, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:o, s:o*, s:o*}",
			 "version", BC_VERSION,
			 "pid", (int)getpid(),
			 "state", bc_view_state(p),
			 "started_ns", bc_view_u64(p->start_ns),
			 "stopped_ns", bc_view_u64(p->stop_ns),
			 "now_ns", bc_view_u64(bc_utc_ns()),
			 "sources", (int)bc_group_n_sources(g),
			 "outputs", (int)bc_group_n_outputs(g),
			 "lcores", (int)p->cfg.n_lcores,
			 "balance", bc_view_total(g),
			 "merge_delay_ns", bc_view_merge_delay(p),
			 "packet_buffers", packet_buffers(p),
			 "clients", g->client ? json_integer(g->n_clients(g->ctx)) : NULL,
			 "pcap_over_ip", bc_view_tap(p, true));
}

const struct bc_tel_command bc_tel_command_info = {
	.name = "info",
	.help = "The capture: version, state, totals",
	.view = view,
	.ctl = { { "info", "version, state, totals" } },
	.print = bc_ctl_print_info,
};
