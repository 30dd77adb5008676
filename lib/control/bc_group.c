/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_group.h"

#include "bc_view.h"

static uint32_t count(const struct bc_group *g, bool outputs)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += outputs ? g->pipeline[i]->ledger->n_outputs : g->pipeline[i]->ledger->n_sources;
	return n;
}

uint32_t bc_group_outputs_count(const struct bc_group *g)
{
	return count(g, true);
}

static json_t *balance(const struct bc_group *g)
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

/* Put the lists of all pipelines, which the view gives, one behind the other. */
static json_t *collect(const struct bc_group *g, json_t *(*view)(const struct bc_pipeline *p))
{
	json_t *all = json_array();

	for (uint32_t i = 0; i < g->n; i++) {
		json_t *part = view(g->pipeline[i]);

		json_array_extend(all, part);
		json_decref(part);
	}
	return all;
}

json_t *bc_group_sources(const struct bc_group *g)
{
	return collect(g, bc_view_sources);
}

json_t *bc_group_outputs(const struct bc_group *g)
{
	return collect(g, bc_view_outputs);
}

json_t *bc_group_clients(const struct bc_group *g)
{
	return g->clients ? g->clients(g->ctx) : json_array();
}

/* The first pipeline's form with the lists and the balance of all. */
static json_t *form(const struct bc_group *g, json_t *(*view)(const struct bc_pipeline *p))
{
	json_t *all = view(g->pipeline[0]);

	for (uint32_t i = 1; i < g->n; i++) {
		json_t *part = view(g->pipeline[i]);

		json_array_extend(json_object_get(all, "sources"), json_object_get(part, "sources"));
		json_array_extend(json_object_get(all, "outputs"), json_object_get(part, "outputs"));
		json_decref(part);
	}
	if (g->n > 1)
		json_object_set_new(all, "balance", balance(g));
	return all;
}

json_t *bc_group_ledger(const struct bc_group *g)
{
	return form(g, bc_view_ledger);
}

json_t *bc_group_report(const struct bc_group *g)
{
	json_t *all = form(g, bc_view_report);

	if (g->clients)
		json_object_set_new(all, "clients", g->clients(g->ctx));
	return all;
}

json_t *bc_group_info(const struct bc_group *g)
{
	json_t *info = bc_view_info(g->pipeline[0]);

	if (g->n > 1) {
		json_object_set_new(info, "sources", json_integer(count(g, false)));
		json_object_set_new(info, "outputs", json_integer(count(g, true)));
		json_object_set_new(info, "balance", balance(g));
	}
	if (g->clients) {
		json_t *clients = g->clients(g->ctx);

		json_object_set_new(info, "clients", json_integer((json_int_t)json_array_size(clients)));
		json_decref(clients);
	}
	return info;
}

/* Lists by output, whose elements tell its number within their pipeline. */
static void add_numbered(json_t *all, json_t *part, uint32_t first)
{
	json_t *e;
	size_t i;

	json_array_foreach(part, i, e)
		json_object_set_new(e, "output", json_integer(json_integer_value(json_object_get(e, "output")) + first));
	json_array_extend(all, part);
	json_decref(part);
}

json_t *bc_group_filters(const struct bc_group *g)
{
	json_t *all = json_array();
	uint32_t first = 0;

	for (uint32_t i = 0; i < g->n; first += g->pipeline[i++]->ledger->n_outputs)
		add_numbered(all, bc_view_filters(g->pipeline[i]), first);
	return all;
}

json_t *bc_group_segments(const struct bc_group *g, uint32_t output, uint32_t max)
{
	json_t *all = json_array();
	uint32_t first = 0;

	for (uint32_t i = 0; i < g->n; i++) {
		uint32_t n = g->pipeline[i]->ledger->n_outputs;

		if (output == BC_ALL_OUTPUTS)
			add_numbered(all, bc_view_segments(g->pipeline[i], output, max), first);
		else if (output >= first && output < first + n)
			add_numbered(all, bc_view_segments(g->pipeline[i], output - first, max), first);
		first += n;
	}
	return all;
}

json_t *bc_group_clock(const struct bc_group *g)
{
	json_t *clock = bc_view_clock(g->pipeline[0]);

	for (uint32_t i = 1; i < g->n; i++) {
		json_t *part = bc_view_clock(g->pipeline[i]);

		json_array_extend(json_object_get(clock, "sources"), json_object_get(part, "sources"));
		json_decref(part);
	}
	return clock;
}

void bc_group_stop(const struct bc_group *g)
{
	if (g->stop) {
		g->stop(g->ctx);
		return;
	}
	for (uint32_t i = 0; i < g->n; i++)
		bc_pipeline_stop(g->pipeline[i]);
}
