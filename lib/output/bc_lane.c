/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lane.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_cryptopan.h"
#include "bc_note.h"
#include "bc_pack.h"
#include "bc_time.h"
#include "bc_packet.h"
#include "bc_steps.h"

struct bc_lane {
	struct bc_lane_config cfg;
	struct bc_pack pack;
	struct bc_lz4 *lz4;
	uint8_t *spare;			/* the next compressed chunk goes here, and its dense buffer becomes the spare */
	struct bc_chunk **waiting;	/* packed, not yet compressed: a ring of waiting_size */
	uint32_t waiting_size;		/* a power of two */
	uint32_t head, tail;
	uint32_t slice;			/* the next of the oldest chunk's */
	uint32_t out_pos;		/* bytes in spare */
	bool headers_only;		/* of the oldest chunk, begun or not */
	struct bc_lane_policy policy;
	struct bc_lane_trial trial;
	struct bc_noter *noter;		/* NULL: no notes are wanted */
	uint32_t unannounced;		/* chunks put out since the committer was woken */
	uint32_t calm;			/* rounds since a busy one */
	bool flooded;			/* as the policy said last */
	uint64_t flood_since_ns;	/* when its times were last taken anew, */
	uint64_t headers_ns;		/* and what compressing headers has taken since */
	uint64_t seq;			/* of the chunk that is being packed */
	uint64_t awaited;		/* by the committer when it was last found behind */
	uint64_t behind_since_ns;	/* and since when it has made no progress; 0: it is not behind */
	bool ended;
	bool unnoted;			/* as the policy said last */
	struct bc_lane_stats stats;
};

/* What the lane's blocks consist of, for the encoder. */
static enum bc_lz4_records records_of(const struct bc_lane_config *cfg)
{
	if (cfg->framing != BC_FRAMING_FILE)
		return BC_LZ4_ANY;
	switch (cfg->format) {
	case BC_FORMAT_PCAPNG:
		return BC_LZ4_PCAPNG;
	case BC_FORMAT_PCAP_NS:
	case BC_FORMAT_PCAP_US:
		return BC_LZ4_PCAP;
	default:
		return BC_LZ4_ANY;
	}
}

struct bc_lane *bc_lane_new(const struct bc_lane_config *cfg)
{
	struct bc_lane *l = aligned_alloc(BC_CACHE_LINE, (sizeof(*l) + 63) / 64 * 64);

	if (!l)
		return NULL;
	memset(l, 0, sizeof(*l));
	l->cfg = *cfg;
	l->pack = (struct bc_pack){
		.format = cfg->format,
		.framing = cfg->framing,
		.snaplen = cfg->snaplen,
		.queue_option = cfg->queue_option,
		.queue = l->cfg.queue,
		.ifaces = cfg->ifaces,
		.linktype = -1,
		.linktype_by_packet = cfg->linktype_by_segment,
		.slice_bytes = cfg->codec == BC_CODEC_LZ4 || cfg->indexed ? cfg->slice_bytes : 0,
		.cap = bc_bufpool_size(cfg->pool) - BC_LANE_HEADROOM,
	};
	l->policy = (struct bc_lane_policy){
		.mode = cfg->mode,
		.level = cfg->level,
		.n_lanes = cfg->n_lanes,
		.buffers = bc_bufpool_total(cfg->pool),
	};
	l->seq = cfg->index;
	for (l->waiting_size = 64; l->waiting_size < cfg->out->size;)
		l->waiting_size *= 2;
	l->waiting = calloc(l->waiting_size, sizeof(*l->waiting));
	if (cfg->codec == BC_CODEC_LZ4) {
		l->lz4 = bc_lz4_new(records_of(cfg));
		l->spare = bc_bufpool_get(cfg->pool, 0);
	}
	if (cfg->anonymise)
		l->pack.anonymise = bc_cryptopan_new(cfg->anonymise);
	if (cfg->notes)
		l->noter = calloc(1, sizeof(*l->noter));
	if (!l->waiting || (cfg->notes && !l->noter) || (cfg->anonymise && !l->pack.anonymise) || (cfg->codec == BC_CODEC_LZ4 && (!l->lz4 || !l->spare))) {
		bc_lane_free(l);
		return NULL;
	}
	return l;
}

void bc_lane_free(struct bc_lane *l)
{
	if (!l)
		return;
	if (l->spare)
		bc_bufpool_put(l->cfg.pool, l->spare);
	if (l->pack.buf)
		bc_bufpool_put(l->cfg.pool, l->pack.buf);
	bc_cryptopan_free(l->pack.anonymise);
	bc_lz4_free(l->lz4);
	free(l->noter);
	free(l->waiting);
	free(l);
}

static void empty_buffer(struct bc_pack *p)
{
	p->pos = BC_LANE_HEADROOM;
	p->n_slices = 1;
	p->slice[0].begin = p->pos;
}

/*
 * The last buffer is kept for the chunk that the committer waits for. Otherwise lanes that are ahead of it could hold
 * them all, and it would wait for ever.
 */
static bool open_buffer(struct bc_lane *l)
{
	struct bc_pack *p = &l->pack;
	bool awaited;

	if (p->buf)
		return true;
	awaited = atomic_load_explicit(l->cfg.awaited, memory_order_relaxed) == l->seq;
	p->buf = bc_bufpool_get(l->cfg.pool, awaited ? 0 : 1);
	if (!p->buf) {
		bc_counter_add(&l->stats.starved, 1);
		return false;
	}
	empty_buffer(p);
	return true;
}

/* A chunk of few bytes, as many short segments have: the buffer goes on with the next one. False: it keeps that. */
static bool move_to_small(struct bc_lane *l, struct bc_chunk *c)
{
	struct bc_bufpool *small = l->cfg.small;
	uint8_t *buf;

	if (!small || c->dense > bc_bufpool_size(small) - 2 * BC_LANE_HEADROOM || c->n_slices > 1)
		return false;
	buf = bc_bufpool_get(small, 0);
	if (!buf)
		return false;
	memcpy(buf + BC_LANE_HEADROOM, c->data, c->dense);
	c->buf = buf;
	c->data = buf + BC_LANE_HEADROOM;
	return true;
}

/* The chunk is complete: its bytes are what was packed since the end of the previous one. */
static void end_chunk(struct bc_lane *l, struct bc_chunk *c)
{
	struct bc_pack *p = &l->pack;

	c->buf = c->data = NULL;
	c->notes = NULL;
	c->len = c->dense = c->n_slices = 0;
	c->small = false;
	c->linktype = p->linktype;
	if (c->segment_end && l->cfg.linktype_by_segment)
		p->linktype = -1;
	c->refused = p->refused;
	if (p->refused) {
		memcpy(c->refused_from, p->refused_from, l->cfg.n_sources * sizeof(c->refused_from[0]));
		memset(p->refused_from, 0, l->cfg.n_sources * sizeof(p->refused_from[0]));
		p->refused = 0;
	}
	if (p->buf && p->pos > BC_LANE_HEADROOM) {
		p->slice[p->n_slices - 1].len = p->pos - p->slice[p->n_slices - 1].begin;
		c->buf = p->buf;
		c->data = p->buf + BC_LANE_HEADROOM;
		c->len = c->dense = p->pos - BC_LANE_HEADROOM;
		c->n_slices = p->n_slices;
		memcpy(c->slice, p->slice, p->n_slices * sizeof(p->slice[0]));
		c->small = move_to_small(l, c);
		if (c->small)
			empty_buffer(p);
		else
			p->buf = NULL;
		bc_counter_add(&l->stats.bytes_in, c->dense);
	}
	l->seq += l->cfg.n_lanes;
	l->waiting[l->tail++ & (l->waiting_size - 1)] = c;
	bc_counter_set(&l->stats.backlog, l->tail - l->head);
}

static void take_word(struct bc_lane *l, const struct bc_desc *d)
{
	struct bc_chunk *c = bc_desc_obj(d);

	if (c)
		end_chunk(l, c);
	else
		l->ended = true;
}

/* Packets carry steady time up to here, and are written with UTC. */
static void pack(struct bc_lane *l, const struct bc_desc *d, uint32_t n)
{
	struct bc_desc utc[BC_PACK_BURST];

	if (__builtin_expect(!l->cfg.steps || !bc_steps_count(l->cfg.steps), 1)) {
		bc_pack_burst(&l->pack, d, n);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		utc[i] = d[i];
		utc[i].ts_ns -= bc_steps_ahead(l->cfg.steps, bc_meta_epoch(bc_desc_obj(&d[i])));
	}
	bc_pack_burst(&l->pack, utc, n);
}

static uint32_t pack_some(struct bc_lane *l)
{
	const struct bc_desc *d;
	uint32_t total = 0, n;
	bool enough = false;

	while (!enough && total < l->cfg.in->size && (n = bc_link_peek(l->cfg.in, &d))) {
		uint32_t k = 0;

		while (k < n && k < BC_PACK_BURST && bc_desc_outputs(&d[k]))
			k++;
		if (k) {
			if (!open_buffer(l))
				break;
			pack(l, d, k);
			bc_counter_add(&l->stats.packets, k);
			bc_counter_set(&l->stats.unparsed, l->pack.unparsed);
		} else {
			take_word(l, d);
			k = 1;
			enough = bc_lane_blocking(&l->policy);
		}
		bc_link_pop(l->cfg.in, k);
		total += k;
	}
	return total;
}

static void put_out(struct bc_lane *l)
{
	struct bc_chunk *c = l->waiting[l->head++ & (l->waiting_size - 1)];

	bc_counter_add(&l->stats.bytes_out, c->len);
	bc_counter_set(&l->stats.backlog, l->tail - l->head);
	l->slice = 0;
	l->out_pos = 0;
	bc_link_put(l->cfg.out, 0, bc_desc_word(c, 0, 0));
	l->unannounced++;
}

/* What the index is to know of a chunk, while its bytes are in the cache. */
static void note(struct bc_lane *l, struct bc_chunk *c)
{
	if (!l->cfg.indexed || !c->dense)
		return;
	bc_note_chunk(l->noter, c, l->cfg.ifaces, l->unnoted ? NULL : l->cfg.notes);
}

/* The oldest chunk was stored in its own buffer. */
static void put_out_stored(struct bc_lane *l, struct bc_chunk *c, bc_counter_t *why)
{
	note(l, c);
	c->len = c->dense + BC_LZ4_BLOCK_OVERHEAD;
	c->data -= 4;
	bc_counter_add(why, 1);
	put_out(l);
}

static void store_chunk(struct bc_lane *l, struct bc_chunk *c, bc_counter_t *why)
{
	bc_lz4_store_in_place(c->data, c->dense);
	put_out_stored(l, c, why);
}

/* False if fewer than four chunks wait, or one of them has no packets. */
static bool store_four(struct bc_lane *l, bc_counter_t *why)
{
	struct bc_chunk *c[4];
	uint8_t *src[4];
	size_t len[4];

	if (l->tail - l->head < 4)
		return false;
	for (uint32_t i = 0; i < 4; i++) {
		c[i] = l->waiting[(l->head + i) & (l->waiting_size - 1)];
		if (!c[i]->dense)
			return false;
		src[i] = c[i]->data;
		len[i] = c[i]->dense;
	}
	bc_lz4_store_four_in_place(src, len);
	for (uint32_t i = 0; i < 4; i++)
		put_out_stored(l, c[i], why);
	return true;
}

/* Does compression gain anything on the beginnings of some slices? */
static bool sample(struct bc_lane *l, const struct bc_chunk *c)
{
	uint32_t step = (c->n_slices + BC_LANE_SAMPLES - 1) / BC_LANE_SAMPLES, bytes = 0, coded = 0;
	bool stored;

	for (uint32_t i = 0; i < c->n_slices; i += step) {
		uint32_t n = c->slice[i].len < BC_LANE_SAMPLE_BYTES ? c->slice[i].len : BC_LANE_SAMPLE_BYTES;

		bytes += n;
		coded += (uint32_t)bc_lz4_block_unsealed(l->lz4, c->buf + c->slice[i].begin, n, l->spare, 1, &stored);
	}
	return bc_lane_trial_sampled(&l->trial, bytes, coded);
}

/* True if the chunk seems to be encrypted or compressed already, so that compressing it is not even tried. */
static bool incompressible(struct bc_lane *l, const struct bc_chunk *c)
{
	if (!l->trial.doubtful)
		return false;
	if (bc_lane_trial_samples(&l->trial))
		return !sample(l, c);
	bc_lane_trial_stored(&l->trial);
	return true;
}

/* Of a chunk that does not compress: are its headers compressed nevertheless? */
static bool keeps_headers(struct bc_lane *l, const struct bc_lane_effort *effort)
{
	l->headers_only = (effort->headers || !effort->pressed) && !l->trial.bare && records_of(&l->cfg) != BC_LZ4_ANY;
	return l->headers_only;
}

/* A small buffer has room for it, as its bytes were not more. */
static void take_compressed(struct bc_lane *l, struct bc_chunk *c)
{
	c->data = l->spare;
	if (c->small) {
		c->data = memcpy(c->buf, l->spare, c->len);
		return;
	}
	l->spare = c->buf;
	c->buf = c->data;
}

static void compress_slice(struct bc_lane *l, struct bc_chunk *c, const struct bc_lane_effort *effort)
{
	const struct bc_slice *s = &c->slice[l->slice];
	bool stored;

	if (!l->slice)
		note(l, c);
	l->out_pos += (uint32_t)bc_lz4_block_unsealed(l->lz4, c->buf + s->begin, s->len, l->spare + l->out_pos,
						      l->headers_only ? BC_LZ4_HEADERS_FROM : effort->acceleration, &stored);
	if (effort->acceleration == 0 && !l->headers_only)
		bc_counter_add(&l->stats.blocks_stored, 1);
	else if (stored)
		bc_counter_add(&l->stats.blocks_incompressible, 1);
	else
		bc_counter_add(effort->pressed ? &l->stats.blocks_faster : &l->stats.blocks, 1);
	if (++l->slice < c->n_slices)
		return;
	bc_lz4_seal(l->spare, l->out_pos);
	c->len = l->out_pos;
	take_compressed(l, c);
	if (l->headers_only)
		bc_lane_trial_headers(&l->trial, c->dense, c->len);
	else
		bc_lane_trial_compressed(&l->trial, c->dense, c->len);
	l->headers_only = false;
	put_out(l);
}

static void compress_one(struct bc_lane *l, const struct bc_lane_effort *effort)
{
	struct bc_chunk *c = l->waiting[l->head & (l->waiting_size - 1)];

	if (l->cfg.codec != BC_CODEC_LZ4 || !c->dense) {
		note(l, c);
		put_out(l);
	} else if (effort->acceleration == 0 && l->slice == 0 && !(effort->headers && keeps_headers(l, effort))) {
		if (!store_four(l, &l->stats.blocks_stored))
			store_chunk(l, c, &l->stats.blocks_stored);
	} else if (l->slice == 0 && !l->headers_only && incompressible(l, c) && !keeps_headers(l, effort)) {
		store_chunk(l, c, &l->stats.blocks_incompressible);
	} else {
		compress_slice(l, c, effort);
	}
}

static void observe(const struct bc_lane *l, struct bc_lane_sight *s)
{
	s->backlog = l->tail - l->head;
	s->held = (l->spare != NULL) + (l->pack.buf != NULL) + s->backlog;
	s->free = bc_bufpool_available(l->cfg.pool);
	s->unannounced = l->unannounced;
}

/* For how long a committer that lags behind has made no progress. */
static uint64_t stalled_ns(struct bc_lane *l, uint64_t awaited)
{
	uint64_t now_ns = bc_mono_ns();

	if (!l->behind_since_ns || awaited != l->awaited) {
		l->awaited = awaited;
		l->behind_since_ns = now_ns;
	}
	return now_ns - l->behind_since_ns;
}

static enum bc_lane_intake intake(struct bc_lane *l, struct bc_lane_sight *s)
{
	uint64_t awaited;

	if (!bc_lane_blocking(&l->policy))
		return BC_LANE_PACK;
	observe(l, s);
	awaited = atomic_load_explicit(l->cfg.awaited, memory_order_relaxed);
	s->awaited = awaited == l->seq;
	if (bc_lane_far_ahead(&l->policy, s))
		s->stalled_ns = stalled_ns(l, awaited);
	else
		l->behind_since_ns = 0;
	return bc_lane_intake(&l->policy, s);
}

/* What the policy has to know of a flood. */
static void observe_flood(struct bc_lane *l, struct bc_lane_sight *s, uint64_t now_ns)
{
	const struct bc_chunk *c = l->waiting[l->head & (l->waiting_size - 1)];

	if (now_ns - l->flood_since_ns >= BC_LANE_FLOOD_NS) {
		l->flood_since_ns = now_ns;
		l->headers_ns = 0;
		l->trial.bare = false;
	}
	s->flood_ns = now_ns - l->flood_since_ns;
	s->headers_ns = l->headers_ns;
	s->record_bytes = c->packets ? c->dense / c->packets : 0;
}

/* Compress at most one block. Returns how many. */
static uint32_t compress(struct bc_lane *l, struct bc_lane_sight *s)
{
	struct bc_lane_effort effort;
	uint64_t begin_ns = 0;
	bool headers = l->headers_only;

	observe(l, s);
	s->flooded = l->flooded;
	s->flooded = l->flooded = bc_lane_flooded(&l->policy, s);
	if (l->head == l->tail)
		return 0;
	if (l->flooded)
		observe_flood(l, s, begin_ns = bc_mono_ns());
	effort = bc_lane_effort(&l->policy, s);
	if (effort.defer)
		return 0;
	l->unnoted = effort.unnoted;
	compress_one(l, &effort);
	if (l->flooded && (headers || l->headers_only))
		l->headers_ns += bc_mono_ns() - begin_ns;
	return 1;
}

/* waits: this lane leaves its CPU to the committer, so that it writes what is still in the caches. */
static void announce(struct bc_lane *l, struct bc_lane_sight *s, bool waits)
{
	observe(l, s);
	if (l->unannounced && (waits || l->ended || bc_lane_wakes(&l->policy, s))) {
		l->unannounced = 0;
		bc_task_wake(l->cfg.committer);
	}
	if (waits)
		bc_bufpool_await(l->cfg.pool, bc_lane_wait_free(&l->policy, s), BC_LANE_WAIT_NS);
}

uint32_t bc_lane_poll(struct bc_lane *l)
{
	struct bc_lane_sight s = { 0 };
	enum bc_lane_intake in = intake(l, &s);
	uint32_t blocks;

	if (in == BC_LANE_PACK)
		s.packets = pack_some(l);
	s.calm = l->calm = bc_lane_calm(&l->policy, l->calm, s.packets);
	blocks = compress(l, &s);
	if (l->unannounced || in == BC_LANE_WAIT)
		announce(l, &s, in == BC_LANE_WAIT);
	return s.packets + blocks;
}

void bc_lane_trim(struct bc_lane *l)
{
	if (l->spare && l->head == l->tail)
		bc_bufpool_discard(l->cfg.pool, l->spare);
}

bool bc_lane_done(const struct bc_lane *l)
{
	return l->ended && l->head == l->tail;
}

const struct bc_lane_stats *bc_lane_stats(const struct bc_lane *l)
{
	return &l->stats;
}
