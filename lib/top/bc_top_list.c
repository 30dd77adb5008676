/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_list.h"

#include <stdlib.h>
#include <string.h>

#include "bc_field.h"
#include "bc_top_rows.h"

struct key {
	double busy, lost;
	const char *name;
};

struct sorting {
	const struct bc_top *t;
	enum bc_top_view view;
};

static struct key key_of(const struct sorting *s, uint32_t i)
{
	const struct bc_top_figures *f = &bc_top_chosen(s->t)->figures;
	const json_t *flow;

	switch (s->view) {
	case BC_TOP_SOURCES:
		return (struct key){ f->source[i].packets, (double)f->source[i].dropped, bc_field_text(f->source[i].view, "name") };
	case BC_TOP_OUTPUTS:
		return (struct key){ f->output[i].packets, (double)f->output[i].dropped, bc_field_text(f->output[i].view, "name") };
	case BC_TOP_LOSSES:
		return (struct key){ f->loss[i].rate, (double)f->loss[i].packets, f->loss[i].name };
	case BC_TOP_CLIENTS:
		return (struct key){ f->client[i].rate, (double)f->client[i].missed, f->client[i].name };
	case BC_TOP_CPUS:
		return (struct key){ .busy = f->cpu[i].busy, .name = "" };
	default:
		flow = json_array_get(json_object_get(s->t->store, "flows"), i);
		return (struct key){ (double)bc_field_u64(flow, "bytes"), 0, bc_field_text(flow, "name") };
	}
}

static int down(double a, double b)
{
	return (a < b) - (a > b);
}

static int compare(const void *a, const void *b, void *ctx)
{
	const struct sorting *s = ctx;
	const uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	const struct key x = key_of(s, i), y = key_of(s, k);
	int r = 0;

	switch (s->t->sort) {
	case BC_TOP_BUSIEST:
		r = down(x.busy, y.busy);
		break;
	case BC_TOP_MOST_LOST:
		r = down(x.lost, y.lost);
		break;
	case BC_TOP_BY_NAME:
		r = strcmp(x.name, y.name);
		break;
	case BC_TOP_AS_GIVEN:
	case BC_TOP_SORTS:
		/* What is lost at this moment is never further down. */
		r = s->view == BC_TOP_LOSSES ? down(x.busy, y.busy) : 0;
		break;
	}
	return r ? r : i < k ? -1 : i > k;
}

static void sort(const struct bc_top *t, enum bc_top_view view, struct bc_top_list *l)
{
	struct sorting s = { t, view };

	if ((t->sort == BC_TOP_AS_GIVEN && view != BC_TOP_LOSSES) || !l->table.n)
		return;
	l->order = calloc(l->table.n, sizeof(*l->order));
	if (!l->order)
		return;
	for (uint32_t i = 0; i < l->table.n; i++)
		l->order[i] = i;
	qsort_r(l->order, l->table.n, sizeof(*l->order), compare, &s);
	l->table.order = l->order;
}

void bc_top_list_make(const struct bc_top *t, enum bc_top_view view, struct bc_top_list *ret)
{
	*ret = (struct bc_top_list){ .order = NULL };
	bc_top_rows(t, view, &ret->table);
	sort(t, view, ret);
}

void bc_top_list_free(struct bc_top_list *l)
{
	free(l->order);
	l->order = NULL;
}
