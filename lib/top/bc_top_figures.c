/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_figures.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_field.h"
#include "bc_time.h"

/* More are not shown: each is looked for among those before. */
#define LOSSES_MAX 1024U

/* What is compared with what. */
struct pair {
	const json_t *before, *now;
	double seconds;		/* between them; 0: they cannot be compared */
};

static double rate_of(const struct pair *p, const json_t *before, const json_t *now, const char *key)
{
	uint64_t a = bc_field_u64(before, key), b = bc_field_u64(now, key);

	return before && p->seconds > 0 && b > a ? (double)(b - a) / p->seconds : 0;
}

static double share(uint64_t part, uint64_t whole)
{
	return whole ? (double)(part < whole ? part : whole) / (double)whole : 0;
}

static double used(const json_t *buffers)
{
	uint64_t total = bc_field_u64(buffers, "total"), unused = bc_field_u64(buffers, "free");

	return share(total > unused ? total - unused : 0, total);
}

static uint64_t dropped_of(const json_t *view)
{
	uint64_t sum = 0;
	const char *key;
	json_t *v;

	json_object_foreach(json_object_get(view, "dropped"), key, v)
		sum += bc_field_u64(json_object_get(view, "dropped"), key);
	return sum;
}

/* The same element in the answer before, if it is one. A collector's list may have changed. */
static const json_t *same_before(const struct pair *p, const char *part, uint32_t i, const json_t *view)
{
	const json_t *old = json_array_get(json_object_get(p->before, part), i);

	return !strcmp(bc_field_text(old, "name"), bc_field_text(view, "name")) ? old : NULL;
}

static int elements(const struct pair *p, const char *part, const char *packets, const char *bytes, struct bc_top_element **ret,
		    uint32_t *ret_n)
{
	const json_t *list = json_object_get(p->now, part);
	uint32_t n = (uint32_t)json_array_size(list);

	*ret = calloc(n ? n : 1, sizeof(**ret));
	if (!*ret)
		return -ENOMEM;
	*ret_n = n;
	for (uint32_t i = 0; i < n; i++) {
		const json_t *view = json_array_get(list, i), *old = same_before(p, part, i, view);
		uint64_t dropped = dropped_of(view), was = dropped_of(old);

		(*ret)[i] = (struct bc_top_element){
			.view = view,
			.packets = rate_of(p, old, view, packets),
			.bytes = rate_of(p, old, view, bytes),
			.dropped = dropped,
			.lost = old && p->seconds > 0 && dropped > was ? (double)(dropped - was) / p->seconds : 0,
		};
	}
	return 0;
}

static const struct bc_top_loss *loss_before(const struct bc_top_figures *old, const struct bc_top_loss *l)
{
	for (uint32_t i = 0; old && i < old->n_losses; i++)
		if (old->loss[i].at_output == l->at_output && old->loss[i].element == l->element && !strcmp(old->loss[i].name, l->name))
			return &old->loss[i];
	return NULL;
}

/* How it grew. One that was not there before was 0. */
static void compare_loss(const struct pair *p, const struct bc_top_figures *old, struct bc_top_loss *l)
{
	const struct bc_top_loss *was = loss_before(old, l);
	uint64_t packets = was ? was->packets : 0;

	l->last_ns = was ? was->last_ns : 0;
	if (p->seconds <= 0 || l->packets <= packets)
		return;
	l->rate = (double)(l->packets - packets) / p->seconds;
	l->last_ns = bc_field_u64(json_object_get(p->now, "info"), "now_ns");
}

static void add_losses(const struct pair *p, const struct bc_top_figures *old, const struct bc_top_element *e, uint32_t n, bool at_output,
		       struct bc_top_figures *ret)
{
	const char *key;
	json_t *v;

	for (uint32_t i = 0; i < n; i++)
		json_object_foreach(json_object_get(e[i].view, "dropped"), key, v) {
			struct bc_top_loss l = { .name = key, .where = bc_field_text(e[i].view, "name"), .at_output = at_output, .element = i,
						 .packets = bc_field_u64(json_object_get(e[i].view, "dropped"), key) };

			if (!l.packets || ret->n_losses == LOSSES_MAX)
				continue;
			compare_loss(p, old, &l);
			ret->loss[ret->n_losses++] = l;
		}
}

static int losses(const struct pair *p, const struct bc_top_figures *old, struct bc_top_figures *ret)
{
	ret->loss = calloc(LOSSES_MAX, sizeof(*ret->loss));
	if (!ret->loss)
		return -ENOMEM;
	add_losses(p, old, ret->source, ret->n_sources, false, ret);
	add_losses(p, old, ret->output, ret->n_outputs, true, ret);
	return 0;
}

static void cpu(const struct pair *p, uint32_t i, const json_t *view, struct bc_top_cpu *ret)
{
	const json_t *old = json_object_get(json_array_get(json_object_get(p->before, "lcores"), i), "stages");
	const json_t *stages = json_object_get(view, "stages");
	size_t n = json_array_size(stages);

	ret->view = view;
	ret->n = (uint32_t)(n < BC_TOP_STAGES ? n : BC_TOP_STAGES);
	for (size_t k = 0; k < n; k++) {
		double busy = rate_of(p, json_array_get(old, k), json_array_get(stages, k), "busy_ns") / (double)BC_NS_PER_S;

		ret->busy += busy;
		if (k < ret->n)
			ret->stage[k] = busy;
	}
}

static int cpus(const struct pair *p, struct bc_top_figures *ret)
{
	const json_t *list = json_object_get(p->now, "lcores");
	uint32_t n = (uint32_t)json_array_size(list);

	ret->cpu = calloc(n ? n : 1, sizeof(*ret->cpu));
	if (!ret->cpu)
		return -ENOMEM;
	ret->n_cpus = n;
	for (uint32_t i = 0; i < n; i++)
		cpu(p, i, json_array_get(list, i), &ret->cpu[i]);
	return 0;
}

static void totals(struct bc_top_figures *f, const json_t *now)
{
	for (uint32_t i = 0; i < f->n_sources; i++) {
		f->packets += f->source[i].packets;
		f->bytes += f->source[i].bytes;
		f->lost += f->source[i].lost;
	}
	for (uint32_t i = 0; i < f->n_outputs; i++) {
		double share_used = used(json_object_get(f->output[i].view, "buffers"));

		f->disk += f->output[i].bytes;
		f->lost += f->output[i].lost;
		f->buffers = share_used > f->buffers ? share_used : f->buffers;
	}
	f->packet_buffers = used(json_object_get(json_object_get(now, "info"), "packet_buffers"));
}

/* 0: another run of this name, or the first answer. */
static double seconds_between(const json_t *before, const json_t *now)
{
	const json_t *a = json_object_get(before, "info"), *b = json_object_get(now, "info");
	uint64_t then_ns = bc_field_u64(a, "now_ns"), now_ns = bc_field_u64(b, "now_ns");

	if (!a || bc_field_u64(a, "pid") != bc_field_u64(b, "pid") || bc_field_u64(a, "started_ns") != bc_field_u64(b, "started_ns"))
		return 0;
	return now_ns > then_ns ? (double)(now_ns - then_ns) / (double)BC_NS_PER_S : 0;
}

int bc_top_figures(const json_t *before, const json_t *now, const struct bc_top_figures *old, struct bc_top_figures *ret)
{
	const struct pair p = { .before = before, .now = now, .seconds = seconds_between(before, now) };
	struct bc_top_figures f = { .known = p.seconds > 0 };
	int r = elements(&p, "sources", "received", "received_bytes", &f.source, &f.n_sources);

	if (!r)
		r = elements(&p, "outputs", "written", "file_bytes", &f.output, &f.n_outputs);
	if (!r)
		r = losses(&p, p.seconds > 0 ? old : NULL, &f);
	if (!r)
		r = cpus(&p, &f);
	if (!r)
		r = bc_top_clients(before, now, p.seconds, &f.client, &f.n_clients);
	if (r) {
		bc_top_figures_free(&f);
		return r;
	}
	totals(&f, now);
	*ret = f;
	return 0;
}

void bc_top_figures_free(struct bc_top_figures *f)
{
	free(f->source);
	free(f->output);
	free(f->loss);
	free(f->cpu);
	free(f->client);
	*f = (struct bc_top_figures){ 0 };
}

static void still(struct bc_top_element *e, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		e[i].packets = e[i].bytes = e[i].lost = 0;
}

void bc_top_figures_still(struct bc_top_figures *f)
{
	f->known = false;
	f->packets = f->bytes = f->lost = f->disk = 0;
	still(f->source, f->n_sources);
	still(f->output, f->n_outputs);
	for (uint32_t i = 0; i < f->n_losses; i++)
		f->loss[i].rate = 0;
	for (uint32_t i = 0; i < f->n_cpus; i++) {
		f->cpu[i].busy = 0;
		memset(f->cpu[i].stage, 0, sizeof(f->cpu[i].stage));
	}
	for (uint32_t i = 0; i < f->n_clients; i++)
		f->client[i].rate = f->client[i].missed_rate = 0;
}
