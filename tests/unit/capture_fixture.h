/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture that nobody drives: what the control plane looks at, made by hand, without EAL. */
#ifndef CAPTURE_FIXTURE_H
#define CAPTURE_FIXTURE_H

#include "bc_test.h"

#include "bc_filters.h"
#include "bc_group.h"
#include "bc_pipeline.h"
#include "bc_seglog.h"

struct fixture {
	struct bc_pipeline *p;
	struct bc_group group;	/* of it alone */
	struct bc_output_config cfg[BC_MAX_OUTPUTS];
};

static inline void *fixture_object(size_t size)
{
	void *o = NULL;

	assert_int_equal(posix_memalign(&o, BC_CACHE_LINE, size), 0);
	memset(o, 0, size);
	return o;
}

static inline void fixture_add_source(struct bc_pipeline *p, const char *name)
{
	struct bc_iface iface = { .stamp = BC_STAMP_SOFTWARE, .linktype = 1, .clock = "the host's" };
	uint32_t i = p->n_sources++;
	struct bc_source_account *a = &p->ledger->source[i];

	snprintf(iface.name, sizeof(iface.name), "eth%u", i);
	snprintf(a->name, sizeof(a->name), "%s", name);
	snprintf(a->interface, sizeof(a->interface), "%s", iface.name);
	a->stamp = BC_STAMP_SOFTWARE;
	a->iface = (uint32_t)bc_iface_add(p->ifaces, &iface);
	p->source[i] = fixture_object(sizeof(*p->source[i]));
	p->source[i]->account = a;
	p->source[i]->env.ifaces = p->ifaces;
	p->link[i] = bc_link_new(64);
	p->ledger->n_sources = p->n_sources;
}

/* n_sources pcap sources and n_outputs folders. */
static inline struct fixture *fixture_new(uint32_t n_sources, uint32_t n_outputs)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct bc_pipeline *p = f->p = calloc(1, sizeof(*p));

	p->cfg.outputs = f->cfg;
	p->cfg.n_outputs = n_outputs;
	p->cfg.n_lcores = 1;
	p->start_ns = 1000;
	p->cfg.clock = fixture_object(sizeof(*p->cfg.clock));
	bc_clock_init_ticks(p->cfg.clock, BC_TICKS_SYSTEM, "for a test");
	p->ifaces = bc_iface_table_new();
	p->ledger = bc_ledger_new();
	p->ledger->n_outputs = n_outputs;
	p->source = fixture_object(BC_MAX_SOURCES * sizeof(*p->source));
	p->link = fixture_object(BC_MAX_SOURCES * sizeof(*p->link));
	for (uint32_t i = 0; i < n_sources; i++) {
		char name[32];

		snprintf(name, sizeof(name), "pcap:eth%u", i);
		fixture_add_source(p, name);
	}
	for (uint32_t o = 0; o < n_outputs; o++) {
		f->cfg[o] = (struct bc_output_config){ .dest = "/srv/capture/", .kind = BC_DEST_FOLDER, .codec = BC_CODEC_LZ4 };
		p->output[o] = fixture_object(sizeof(*p->output[o]));
		p->output[o]->cfg = f->cfg[o];
		p->output[o]->account = &p->ledger->output[o];
		p->output[o]->segments = bc_seglog_new();
		p->output[o]->pool = bc_bufpool_new(8, 4096, false, NULL);
		snprintf(p->ledger->output[o].name, sizeof(p->ledger->output[o].name), "%s", f->cfg[o].dest);
	}
	p->filters = bc_filters_new(p->n_sources, n_outputs, "", false, NULL);
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_filters_add(p->filters, &p->source[i]->filters);
	f->group = (struct bc_group){ .pipeline = &f->p, .n = 1 };
	return f;
}

static inline void fixture_free(struct fixture *f)
{
	struct bc_pipeline *p = f->p;

	bc_filters_free(p->filters);
	for (uint32_t i = 0; i < p->n_sources; i++) {
		bc_link_free(p->link[i]);
		free(p->source[i]);
	}
	free(p->source);
	free(p->link);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		bc_bufpool_free(p->output[o]->pool);
		bc_seglog_free(p->output[o]->segments);
		free(p->output[o]);
	}
	bc_ledger_free(p->ledger);
	free(p->ifaces);
	free(p->cfg.clock);
	free(p);
	free(f);
}

/* n packets of source i came, and are lost at ingress by that name, or, with BC_LOSS_COUNT, written by output 0. */
static inline void fixture_packets(struct fixture *f, uint32_t i, uint64_t n, int fate)
{
	struct bc_ledger *l = f->p->ledger;

	bc_counter_add(&l->source[i].ingress.received, n);
	bc_counter_add(&l->source[i].ingress.received_bytes, 100 * n);
	if (fate < BC_LOSS_COUNT) {
		bc_counter_add(&l->source[i].ingress.dropped[fate], n);
	} else {
		bc_counter_add(&l->output[0].source[i].written, n);
		bc_counter_add(&l->output[0].written, n);
		bc_counter_add(&l->output[0].written_bytes, 132 * n);
		bc_counter_add(&l->output[0].file_bytes, 66 * n);
	}
}

#define WRITTEN BC_LOSS_COUNT

static inline void fixture_segment(struct fixture *f, uint32_t o, const char *path, uint64_t packets, int err)
{
	struct bc_segment_info info = { .packets = packets, .bytes = 132 * packets, .first_ns = 5, .last_ns = 6 };

	bc_seglog_add(f->p->output[o]->segments, path, 66 * packets, &info, err);
	if (!err)
		bc_counter_add(&f->p->ledger->output[o].segments, 1);
}

#endif
