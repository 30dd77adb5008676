/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_view_part.h"
#include "bc_view_value.h"

json_t *bc_view_losses(const uint64_t *dropped)
{
	json_t *o = json_object();

	for (int i = 0; i < BC_LOSS_COUNT; i++)
		if (dropped[i])
			json_object_set_new(o, bc_loss_name(i), bc_view_u64(dropped[i]));
	return o;
}

json_t *bc_view_balance(const struct bc_balance *b, bool final)
{
	int64_t in_flight = !final && b->unaccounted > 0 ? b->unaccounted : 0;

	return json_pack("{s:o, s:o, s:o, s:o, s:I, s:I}",
			 "received", bc_view_u64(b->received),
			 "written", bc_view_u64(b->written),
			 "filtered", bc_view_u64(b->filtered),
			 "dropped", bc_view_u64(b->dropped_total),
			 "in_flight", (json_int_t)in_flight,
			 "unaccounted", (json_int_t)(final ? b->unaccounted : 0));
}

json_t *bc_view_total(const struct bc_group *g)
{
	struct bc_balance sum = { 0 }, b;

	for (uint32_t i = 0; i < g->n; i++) {
		bc_ledger_total(g->pipeline[i]->ledger, &b);
		sum.received += b.received;
		sum.written += b.written;
		sum.filtered += b.filtered;
		sum.dropped_total += b.dropped_total;
		sum.unaccounted += b.unaccounted;
	}
	return bc_view_balance(&sum, g->pipeline[0]->joined);
}

json_t *bc_view_merge_delay(const struct bc_pipeline *p)
{
	const struct bc_histogram *h = &p->ledger->merge_delay;

	return json_pack("{s:o, s:o, s:o, s:o}",
			 "samples", bc_view_u64(bc_histogram_count(h)),
			 "p50", bc_view_u64(bc_histogram_quantile(h, 500)),
			 "p99", bc_view_u64(bc_histogram_quantile(h, 990)),
			 "p999", bc_view_u64(bc_histogram_quantile(h, 999)));
}
