/* SPDX-License-Identifier: BSD-3-Clause */
/* One output as the merge sees it: a chunker, the rings to its lanes, and chunks that come back when the test says so. */
#ifndef SINK_H
#define SINK_H

#include "bc_test.h"

#include "bc_chunker.h"
#include "random.h"

/* A packet that was never one: the descriptor's object is the number that the test gave it. */
static inline struct bc_desc fake_packet(uint64_t ts_ns, uint64_t id, uint32_t bytes, uint32_t outputs)
{
	return (struct bc_desc){ ts_ns, bc_desc_word((void *)((id + 1) << 6), bytes, outputs) };
}

static inline uint64_t fake_id(const struct bc_desc *d)
{
	return ((uint64_t)(uintptr_t)bc_desc_obj(d) >> 6) - 1;
}

/* Descriptors in the order in which they came. */
struct descs {
	struct bc_desc *d;
	size_t n, cap;
};

static inline void descs_add(struct descs *v, struct bc_desc d)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? 2 * v->cap : 64;
		v->d = realloc(v->d, v->cap * sizeof(*v->d));
		assert_non_null(v->d);
	}
	v->d[v->n++] = d;
}

/* A chunk as its lane saw it. */
struct got {
	uint64_t seq, segment, begin_ns, first_ns, last_ns;
	uint32_t packets, lane, from0;
	int64_t stepped_ns;
	bool segment_end, last, no_segment;
	struct descs descs;
};

struct sink {
	struct bc_chunker chunker;
	struct bc_chunker_config cfg;
	struct bc_iface_table *ifaces;
	struct bc_chunk *chunks;
	uint32_t *counts;
	struct bc_chunk **held;		/* taken from the lanes, not given back yet */
	uint32_t n_held;
	struct descs open[BC_MAX_LANES];
	bool ended[BC_MAX_LANES];
	struct got *got;		/* by sequence number once sink_sort was called */
	size_t n_got, cap_got;
};

/* cfg without rings and chunks. */
static inline void sink_init(struct sink *s, const struct bc_chunker_config *cfg, uint32_t ring, uint32_t chunks)
{
	memset(s, 0, sizeof(*s));
	s->cfg = *cfg;
	s->cfg.n_sources = BC_MAX_SOURCES;
	s->ifaces = bc_iface_table_new();
	s->cfg.ifaces = s->ifaces;
	s->cfg.free_chunks = bc_link_new(chunks);
	s->chunks = aligned_alloc(BC_CACHE_LINE, chunks * sizeof(*s->chunks));
	s->held = calloc(chunks, sizeof(*s->held));
	assert_non_null(s->chunks);
	memset(s->chunks, 0xee, chunks * sizeof(*s->chunks));
	s->counts = bc_chunk_new_counts(s->chunks, chunks, BC_MAX_SOURCES);
	assert_non_null(s->counts);
	for (uint32_t i = 0; i < chunks; i++)
		bc_link_put(s->cfg.free_chunks, 0, bc_desc_word(&s->chunks[i], 0, 0));
	for (uint32_t i = 0; i < cfg->n_lanes; i++)
		s->cfg.lane[i] = bc_link_new(ring);
	bc_chunker_init(&s->chunker, &s->cfg);
}

static inline void sink_free(struct sink *s)
{
	for (size_t i = 0; i < s->n_got; i++)
		free(s->got[i].descs.d);
	for (uint32_t i = 0; i < s->cfg.n_lanes; i++) {
		free(s->open[i].d);
		bc_link_free(s->cfg.lane[i]);
	}
	bc_link_free(s->cfg.free_chunks);
	free(s->got);
	free(s->held);
	free(s->chunks);
	free(s->counts);
	free(s->ifaces);
}

static inline void sink_take_chunk(struct sink *s, uint32_t lane, struct bc_chunk *k)
{
	if (s->n_got == s->cap_got) {
		s->cap_got = s->cap_got ? 2 * s->cap_got : 64;
		s->got = realloc(s->got, s->cap_got * sizeof(*s->got));
		assert_non_null(s->got);
	}
	s->got[s->n_got++] = (struct got){
		.seq = k->seq, .segment = k->segment, .begin_ns = k->segment_begin_ns, .first_ns = k->first_ns,
		.last_ns = k->last_ns, .packets = k->packets, .lane = lane, .from0 = k->from[0],
		.stepped_ns = k->stepped_ns, .segment_end = k->segment_end, .last = k->last, .no_segment = k->no_segment, .descs = s->open[lane],
	};
	memset(&s->open[lane], 0, sizeof(s->open[lane]));
	s->held[s->n_held++] = k;
}

/* What a lane does, with at most max words of its ring. Chunks are held until sink_give_back. */
static inline void sink_drain(struct sink *s, uint32_t lane, uint32_t max)
{
	const struct bc_desc *d;
	uint32_t n;

	while (max && (n = bc_link_peek(s->cfg.lane[lane], &d))) {
		if (n > max)
			n = max;
		for (uint32_t i = 0; i < n; i++) {
			assert_false(s->ended[lane]);
			if (bc_desc_outputs(&d[i]))
				descs_add(&s->open[lane], d[i]);
			else if (bc_desc_obj(&d[i]))
				sink_take_chunk(s, lane, bc_desc_obj(&d[i]));
			else
				s->ended[lane] = true;
		}
		bc_link_pop(s->cfg.lane[lane], n);
		max -= n;
	}
}

static inline void sink_give_back(struct sink *s, uint32_t n)
{
	while (n-- && s->n_held)
		bc_link_put(s->cfg.free_chunks, 0, bc_desc_word(s->held[--s->n_held], 0, 0));
}

/* All lanes, and every chunk back. */
static inline void sink_drain_all(struct sink *s)
{
	for (uint32_t i = 0; i < s->cfg.n_lanes; i++)
		sink_drain(s, i, UINT32_MAX);
	sink_give_back(s, UINT32_MAX);
}

/* A lane, a committer, or both at a moment of their own choice. */
static inline void sink_random(struct sink *s, struct random *r)
{
	if (random_below(r, 2))
		sink_drain(s, random_below(r, s->cfg.n_lanes), 1 + random_below(r, 100));
	else
		sink_give_back(s, random_below(r, 4));
}

static inline bool sink_ended(const struct sink *s)
{
	for (uint32_t i = 0; i < s->cfg.n_lanes; i++)
		if (!s->ended[i])
			return false;
	return true;
}

static inline int by_seq(const void *a, const void *b)
{
	uint64_t x = ((const struct got *)a)->seq, y = ((const struct got *)b)->seq;

	return (x > y) - (x < y);
}

/* Bytes that a packet is taken for. */
static inline uint32_t sink_bytes_of(const struct sink *s, const struct bc_desc *d)
{
	uint32_t most = ((s->cfg.snaplen + 3) & ~3U) + 24, len = bc_desc_bytes(d);

	return (len < most && len < 4 * BC_DESC_LEN_MAX ? len : most) + s->cfg.overhead;
}

/* To be called at the end: put the chunks in order and check what holds whatever came. */
static inline void sink_sort(struct sink *s)
{
	uint64_t segment = 0;

	assert_true(sink_ended(s));
	qsort(s->got, s->n_got, sizeof(*s->got), by_seq);
	for (size_t i = 0; i < s->n_got; i++) {
		const struct got *g = &s->got[i];
		uint64_t bytes = 0;

		assert_int_equal(g->seq, i);
		assert_int_equal(g->lane, i % s->cfg.n_lanes);
		assert_int_equal(g->packets, g->descs.n);
		assert_int_equal(g->segment, segment);
		assert_int_equal(g->last, i + 1 == s->n_got);
		assert_true(!g->no_segment || !g->packets);
		for (size_t k = 0; k < g->descs.n; k++)
			bytes += sink_bytes_of(s, &g->descs.d[k]);
		assert_true(bytes <= s->cfg.chunk_bytes || g->packets == 1);
		if (g->packets) {
			/* Of the epoch of its end. */
			assert_true(s->cfg.steps || g->first_ns == g->descs.d[0].ts_ns);
			assert_int_equal(g->last_ns - g->first_ns, g->descs.d[g->packets - 1].ts_ns - g->descs.d[0].ts_ns);
		}
		if (i && !s->got[i - 1].segment_end)
			assert_int_equal(g->begin_ns, s->got[i - 1].begin_ns);
		segment += g->segment_end;
	}
	assert_true(s->n_got && (s->got[s->n_got - 1].segment_end || s->got[s->n_got - 1].no_segment));
}

/* All packets, in the order of the chunks; after sink_sort, to be freed with free(.d). */
static inline struct descs sink_packets(const struct sink *s)
{
	struct descs all = { 0 };

	for (size_t i = 0; i < s->n_got; i++)
		for (size_t k = 0; k < s->got[i].descs.n; k++)
			descs_add(&all, s->got[i].descs.d[k]);
	return all;
}

/* A segment as the committer would see it; after sink_sort. */
struct segment {
	uint64_t begin_ns;
	uint64_t packets;
	uint64_t first_ns, last_ns;	/* of its packets */
	uint64_t bytes;
};

static inline uint32_t sink_segments(const struct sink *s, struct segment *ret, uint32_t max)
{
	uint32_t n = 0;

	memset(ret, 0, max * sizeof(*ret));
	for (size_t i = 0; i < s->n_got; i++) {
		const struct got *g = &s->got[i];

		if (g->no_segment)
			continue;
		assert_true(n < max);
		ret[n].begin_ns = g->begin_ns;
		if (g->packets && !ret[n].packets)
			ret[n].first_ns = g->first_ns;
		if (g->packets)
			ret[n].last_ns = g->last_ns;
		ret[n].packets += g->packets;
		for (size_t k = 0; k < g->descs.n; k++)
			ret[n].bytes += sink_bytes_of(s, &g->descs.d[k]);
		n += g->segment_end;
	}
	return n;
}

#endif
