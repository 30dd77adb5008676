/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_summary.h"
#include "bc_tel_command.h"
#include "bc_view.h"
#include "bc_view_part.h"

json_t *bc_view_source(const struct bc_pipeline *p, uint32_t i)
{
	const struct bc_source_account *a = &p->ledger->source[i];
	uint64_t dropped[BC_LOSS_COUNT], filtered = 0;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, 0, i, &b);
	bc_ledger_ingress_losses(p->ledger, i, dropped);
	for (uint32_t o = 0; o < p->ledger->n_outputs; o++)
		filtered += bc_counter_get(&a->ingress.filtered[o]);
	return json_pack("{s:o, s:o, s:i, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:s, s:o}",
			 "name", bc_view_string(a->name),
			 "interface", bc_view_string(a->interface),
			 "queue", (int)a->queue,
			 "stamp", bc_stamp_name(a->stamp),
			 "received", bc_view_u64(b.received),
			 "received_bytes", bc_view_u64(b.received_bytes),
			 "filtered", bc_view_u64(filtered),
			 "late", bc_view_u64(b.late),
			 "forced", bc_view_u64(b.forced),
			 "stamp_ahead", bc_view_u64(b.stamp_ahead),
			 "losses", a->losses_unknown ? "unknown" : "counted",
			 "dropped", bc_view_losses(dropped));
}

json_t *bc_view_source_clock(const struct bc_pipeline *p, uint32_t i)
{
	const uint32_t iface = p->ledger->source[i].iface;
	const struct bc_iface now = iface == BC_IFACE_NONE ? (struct bc_iface){ .clock = "" } : bc_iface_now(p->ifaces, iface);

	return bc_view_string(now.clock);
}

static const char *state(const struct bc_source *s)
{
	switch (bc_source_state(s)) {
	case BC_SOURCE_RUNNING:
		return "running";
	case BC_SOURCE_QUIET:
		return "quiet";
	case BC_SOURCE_ENDED:
		break;
	}
	return atomic_load(&s->failed) ? "failed" : "ended";
}

static uint64_t whole_us(uint64_t ns)
{
	return (ns + BC_NS_PER_US - 1) / BC_NS_PER_US;
}

/* How far behind the clock an idle source's promise is, and of a NIC what was measured. */
static void put_lateness(json_t *o, const struct bc_source *s)
{
	json_object_set_new(o, "lateness_us", bc_view_u64(whole_us(bc_counter_get(&s->lateness_ns))));
	if (s->lateness.next)
		json_object_set_new(o, "measured_lateness_us", bc_view_u64(whole_us(bc_counter_get(&s->lateness.highest_ns))));
}

static json_t *live(const struct bc_group *g, uint32_t n)
{
	uint32_t i;
	const struct bc_pipeline *p = bc_group_source(g, n, &i);
	json_t *s = bc_view_source(p, i);

	json_object_set_new(s, "clock", bc_view_source_clock(p, i));
	json_object_set_new(s, "state", json_string(state(p->source[i])));
	json_object_set_new(s, "link_used", bc_view_u64(bc_link_fill(p->link[i])));
	json_object_set_new(s, "link_size", bc_view_u64(p->link[i]->size));
	json_object_set_new(s, "window_bytes", bc_view_u64(bc_counter_get(&p->source[i]->window.bytes)));
	json_object_set_new(s, "window_peak_bytes", bc_view_u64(bc_counter_get(&p->source[i]->window.peak)));
	put_lateness(s, p->source[i]);
	return s;
}

json_t *bc_view_sources(const struct bc_group *g)
{
	json_t *list = json_array();

	for (uint32_t n = 0; n < bc_group_n_sources(g); n++)
		json_array_append_new(list, live(g, n));
	return list;
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	return bc_view_sources(s->group);
}

static uint32_t count(const struct bc_subject *s)
{
	return bc_group_n_sources(s->group);
}

static json_t *one(const struct bc_subject *s, uint32_t i)
{
	return live(s->group, i);
}

const struct bc_tel_command bc_tel_command_sources = {
	.name = "sources",
	.help = "Sources. Parameter: N, only that one",
	.view = view,
	.element = "the number of a source",
	.count = count,
	.one = one,
	.ctl = { { "sources, outputs", "counters and buffers of each" } },
	.print = bc_summary_sources,
};
