/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lane.h"

#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_pack.h"
#include "bc_time.h"

/* Packets after which a round is so busy that compressing waits, as long as half of the buffers are free. */
#define BUSY_ROUND 512
/* The same where the sources take turns with the lane, so that a round cannot bring more than a burst of each. */
#define BUSY_ROUND_SHARED 64

/* Chunks that a blocking lane has packed before it compresses the first: more would have left the caches by then. */
#define AHEAD 2
/*
 * Chunks of each lane that the committer has not written, above which a blocking one packs no more, for the same reason. On one CPU
 * they take turns: fewer, for the smaller caches, and the lane goes on when few are left, so as not to be woken for each of them.
 */
#define BEHIND 16
#define BEHIND_ONE_CPU 4
#define BEHIND_LEFT 1
/* So long at a time: the lcore has other things to look at, too. */
#define COMMITTER_WAIT_NS (1 * BC_NS_PER_MS)

/* Finished chunks for which a busy lane wakes the committer once: on a shared CPU each waking costs more than writing the chunk. */
#define TOGETHER 4

/* The pressure ladder: the share of all buffers, in eighths, that this output's lanes have waiting, and what is done from there on. */
static const struct {
	uint32_t eighths;
	int acceleration;	/* 0: store */
} ladder[] = { { 6, 0 }, { 4, 32 }, { 2, 8 } };

/*
 * A chunk that gets smaller by less than one part of this is not worth the time: those behind it are stored, unless samples of
 * their slices say that things have changed. Samples know less of what came before them, hence the other number.
 */
#define WORTH 12
#define SAMPLE_WORTH 20
#define SAMPLE_BYTES 4096U
#define SAMPLES 8U
/* Chunks between two samples, at the most; it is never more than those already stored. */
#define UNTRIED_MAX 8U

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
	uint32_t unannounced;		/* chunks put out since the committer was woken */
	uint32_t calm;			/* rounds since a busy one */
	bool doubtful;			/* the last chunk that was compressed was not worth it */
	uint32_t stored;		/* chunks since */
	uint32_t untried;		/* chunks to store before the next sample */
	uint64_t seq;			/* of the chunk that is being packed */
	uint64_t awaited;		/* by the committer when it was last found behind */
	uint64_t behind_since_ns;	/* and when it had got on last; 0: it is not behind */
	bool ended;
	struct bc_lane_stats stats;
};

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
		.slice_bytes = cfg->codec == BC_CODEC_LZ4 ? cfg->slice_bytes : 0,
		.cap = bc_bufpool_size(cfg->pool) - BC_LANE_HEADROOM,
	};
	l->seq = cfg->index;
	for (l->waiting_size = 64; l->waiting_size < cfg->out->size;)
		l->waiting_size *= 2;
	l->waiting = calloc(l->waiting_size, sizeof(*l->waiting));
	if (cfg->codec == BC_CODEC_LZ4) {
		l->lz4 = bc_lz4_new();
		l->spare = bc_bufpool_get(cfg->pool, 0);
	}
	if (!l->waiting || (cfg->codec == BC_CODEC_LZ4 && (!l->lz4 || !l->spare))) {
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
	bc_lz4_free(l->lz4);
	free(l->waiting);
	free(l);
}

/*
 * The last buffer is for the chunk that the committer waits for: if the lanes that are ahead of it held them all, it would wait for
 * ever.
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
	p->pos = BC_LANE_HEADROOM;
	p->n_slices = 1;
	p->slice[0].begin = p->pos;
	return true;
}

/* The chunk's end has come: what was packed since the last end is its bytes. */
static void end_chunk(struct bc_lane *l, struct bc_chunk *c)
{
	struct bc_pack *p = &l->pack;

	c->buf = c->data = NULL;
	c->len = c->dense = c->n_slices = 0;
	c->linktype = p->linktype;
	if (c->segment_end && l->cfg.linktype_by_segment)
		p->linktype = -1;
	c->refused = p->refused;
	if (p->refused) {
		memcpy(c->refused_from, p->refused_from, sizeof(c->refused_from));
		memset(p->refused_from, 0, sizeof(p->refused_from));
		p->refused = 0;
	}
	if (p->buf && p->pos > BC_LANE_HEADROOM) {
		p->slice[p->n_slices - 1].len = p->pos - p->slice[p->n_slices - 1].begin;
		c->buf = p->buf;
		c->data = p->buf + BC_LANE_HEADROOM;
		c->len = c->dense = p->pos - BC_LANE_HEADROOM;
		c->n_slices = p->n_slices;
		memcpy(c->slice, p->slice, p->n_slices * sizeof(p->slice[0]));
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
			bc_pack_burst(&l->pack, d, k);
			bc_counter_add(&l->stats.packets, k);
		} else {
			take_word(l, d);
			k = 1;
			enough = l->cfg.patience_ns > 0;
		}
		bc_link_pop(l->cfg.in, k);
		total += k;
	}
	return total;
}

static bool plenty(const struct bc_lane *l)
{
	return bc_bufpool_available(l->cfg.pool) > bc_bufpool_total(l->cfg.pool) / 2;
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

/*
 * What the level asks for, or what the backlog enforces; bc_lz4_block's acceleration. flooded: this lcore polls the sources
 * too, and they bring more than there is time for. Then the loss is at their ingress, where the backlog does not show it.
 */
static int acceleration(const struct bc_lane *l, bool flooded, bool *ret_pressed)
{
	uint32_t share = (l->tail - l->head) * l->cfg.n_lanes * 8 / bc_bufpool_total(l->cfg.pool);

	*ret_pressed = flooded && l->cfg.accelerate;
	if (*ret_pressed)
		return 0;
	for (size_t i = 0; l->cfg.accelerate && i < sizeof(ladder) / sizeof(ladder[0]); i++)
		if (share >= ladder[i].eighths) {
			*ret_pressed = true;
			return ladder[i].acceleration;
		}
	return l->cfg.level <= 1 ? 1 : -l->cfg.level;
}

/* The oldest chunk was stored in its own buffer. */
static void put_out_stored(struct bc_lane *l, struct bc_chunk *c, bc_counter_t *why)
{
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

/* False: not so many wait, or one of them has no packets. */
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

/* Do the beginnings of some slices get smaller? */
static bool sample(struct bc_lane *l, const struct bc_chunk *c)
{
	uint32_t step = (c->n_slices + SAMPLES - 1) / SAMPLES, bytes = 0, coded = 0;
	bool stored;

	for (uint32_t i = 0; i < c->n_slices; i += step) {
		uint32_t n = c->slice[i].len < SAMPLE_BYTES ? c->slice[i].len : SAMPLE_BYTES;

		bytes += n;
		coded += (uint32_t)bc_lz4_block_unsealed(l->lz4, c->buf + c->slice[i].begin, n, l->spare, 1, &stored);
	}
	return coded < bytes - bytes / SAMPLE_WORTH;
}

/* Encrypted or compressed already, as far as can be told: the chunk is not even tried. */
static bool hopeless(struct bc_lane *l, const struct bc_chunk *c)
{
	if (!l->doubtful)
		return false;
	if (l->untried) {
		l->untried--;
	} else if (sample(l, c)) {
		l->doubtful = false;
		return false;
	} else {
		l->untried = l->stored < UNTRIED_MAX ? l->stored : UNTRIED_MAX;
	}
	l->stored++;
	return true;
}

static void compress_slice(struct bc_lane *l, struct bc_chunk *c, int accel, bool pressed)
{
	const struct bc_slice *s = &c->slice[l->slice];
	bool stored;

	l->out_pos += (uint32_t)bc_lz4_block_unsealed(l->lz4, c->buf + s->begin, s->len, l->spare + l->out_pos, accel, &stored);
	if (accel == 0)
		bc_counter_add(&l->stats.blocks_stored, 1);
	else if (stored)
		bc_counter_add(&l->stats.blocks_incompressible, 1);
	else
		bc_counter_add(pressed ? &l->stats.blocks_faster : &l->stats.blocks, 1);
	if (++l->slice < c->n_slices)
		return;
	bc_lz4_seal(l->spare, l->out_pos);
	c->data = l->spare;
	c->len = l->out_pos;
	l->spare = c->buf;
	c->buf = c->data;
	l->doubtful = c->len > c->dense - c->dense / WORTH;
	l->stored = 0;
	put_out(l);
}

static uint32_t compress_one(struct bc_lane *l, bool flooded)
{
	struct bc_chunk *c;
	bool pressed;
	int accel;

	if (l->head == l->tail)
		return 0;
	c = l->waiting[l->head & (l->waiting_size - 1)];
	if (l->cfg.codec != BC_CODEC_LZ4 || !c->dense) {
		put_out(l);
		return 1;
	}
	accel = acceleration(l, flooded, &pressed);
	if (accel == 0 && l->slice == 0) {
		if (!store_four(l, &l->stats.blocks_stored))
			store_chunk(l, c, &l->stats.blocks_stored);
	} else if (l->slice == 0 && hopeless(l, c)) {
		store_chunk(l, c, &l->stats.blocks_incompressible);
	} else {
		compress_slice(l, c, accel, pressed);
	}
	return 1;
}

/* At once, but for a lane that has its hands full while there are buffers. */
static void announce(struct bc_lane *l, uint32_t packets)
{
	/* A blocking one's round ends with a chunk, however few packets of it were left; a committer with a CPU of its own is to begin. */
	uint32_t busy = !l->cfg.patience_ns ? BC_PACK_BURST : l->cfg.one_cpu ? 1 : UINT32_MAX;

	if (packets >= busy && l->unannounced < TOGETHER && plenty(l) && !l->ended)
		return;
	l->unannounced = 0;
	sem_post(l->cfg.out_ready);
}

/* One small round may be a gap between two bursts of a flood. */
static bool calm(struct bc_lane *l, uint32_t packets)
{
	if (packets >= BUSY_ROUND_SHARED)
		l->calm = 0;
	else if (l->calm < l->cfg.calm_rounds)
		l->calm++;
	return l->calm == l->cfg.calm_rounds;
}

/* Buffers that are neither free nor this lane's own; the others' are taken to be as many as these. */
static uint32_t own_buffers(const struct bc_lane *l)
{
	return ((l->spare != NULL) + (l->pack.buf != NULL) + l->tail - l->head) * l->cfg.n_lanes;
}

/* And gets on: the buffers are for the time in which it does not, because a disk stands still or is full. */
static bool committer_behind(struct bc_lane *l)
{
	uint32_t used = bc_bufpool_total(l->cfg.pool) - bc_bufpool_available(l->cfg.pool);
	uint64_t awaited = atomic_load_explicit(l->cfg.awaited, memory_order_relaxed), now_ns;

	/* A chunk that it waits for itself must come, whatever the other lanes have put out. */
	if (awaited == l->seq || used < own_buffers(l) + (l->cfg.one_cpu ? BEHIND_ONE_CPU : BEHIND) * l->cfg.n_lanes) {
		l->behind_since_ns = 0;
		return false;
	}
	now_ns = bc_mono_ns();
	if (!l->behind_since_ns || awaited != l->awaited) {
		l->awaited = awaited;
		l->behind_since_ns = now_ns;
	}
	return now_ns - l->behind_since_ns < l->cfg.patience_ns;
}

/* Which has the same CPU: let it write what is still in the caches. */
static void await_committer(struct bc_lane *l)
{
	if (l->unannounced) {
		l->unannounced = 0;
		sem_post(l->cfg.out_ready);
	}
	bc_bufpool_await(l->cfg.pool, bc_bufpool_total(l->cfg.pool) - own_buffers(l) - BEHIND_LEFT, COMMITTER_WAIT_NS);
}

uint32_t bc_lane_poll(struct bc_lane *l)
{
	bool blocking = l->cfg.patience_ns, behind = blocking && committer_behind(l), enough = blocking && l->tail - l->head >= AHEAD;
	uint32_t n = behind || enough ? 0 : pack_some(l), blocks = 0;
	bool busy = l->cfg.calm_rounds ? !calm(l, n) : n >= BUSY_ROUND;

	if (!busy || !plenty(l))
		blocks = compress_one(l, busy && l->cfg.calm_rounds);
	if (behind && l->cfg.one_cpu)
		await_committer(l);
	else if (l->unannounced)
		announce(l, n);
	return n + blocks;
}

bool bc_lane_done(const struct bc_lane *l)
{
	return l->ended && l->head == l->tail;
}

const struct bc_lane_stats *bc_lane_stats(const struct bc_lane *l)
{
	return &l->stats;
}
