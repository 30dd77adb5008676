/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_crowd.h"

#include <stdio.h>
#include <stdlib.h>

#include "bc_recv_ring.h"
#include "bc_time.h"

#define SLEEP_NS (20 * BC_NS_PER_MS)	/* without work, before a pipeline sleeps */
#define SWEEP_NS (200 * BC_NS_PER_MS)	/* between looks at those that sleep, */
#define SWEEP_STOPPING_NS (5 * BC_NS_PER_MS)	/* and when the end has begun */
#define TRIM_NS (10 * BC_NS_PER_S)	/* without work, before its memory is given back */
#define ASLEEP_NS (5 * BC_NS_PER_MS)	/* how long nobody need look while all sleep: the receive rings and TCP keep what comes */
#define WORD_BITS 64U

struct member {
	struct bc_pipeline *pipeline;
	uint64_t work_ns;		/* when it last had something to do */
	bool trimmed;			/* since then */
};

struct bc_crowd {
	_Atomic uint32_t n;		/* control adds */
	uint64_t swept_ns;		/* the rest is the lcore's */
	struct member *member;
	_Atomic uint64_t *awake;	/* a bit for each member: the bells set it */
};

static struct bc_bell bell(struct bc_crowd *c, uint32_t i)
{
	return (struct bc_bell){ &c->awake[i / WORD_BITS], 1ULL << i % WORD_BITS };
}

static uint32_t work(struct bc_crowd *c, uint32_t i, uint64_t now_ns)
{
	struct member *m = &c->member[i];
	uint32_t n = bc_pipeline_poll(m->pipeline);

	if (n) {
		m->work_ns = now_ns;
		m->trimmed = false;
	}
	return n;
}

static uint32_t work_awake(struct bc_crowd *c, uint32_t i, uint64_t now_ns)
{
	const struct bc_bell b = bell(c, i);
	uint32_t n = work(c, i, now_ns);

	/* A call at this very moment may be missed: the next sweep finds what it was about. */
	if (!n && now_ns - c->member[i].work_ns >= SLEEP_NS && !bc_pipeline_holds(c->member[i].pipeline))
		atomic_fetch_and_explicit(b.word, ~b.bit, memory_order_relaxed);
	return n;
}

static uint32_t work_asleep(struct bc_crowd *c, uint32_t i, uint64_t now_ns)
{
	const struct bc_bell b = bell(c, i);
	struct member *m = &c->member[i];
	uint32_t n = work(c, i, now_ns);

	n += bc_pipeline_tick(m->pipeline, now_ns);
	if (n) {
		bc_bell_ring(&b);
	} else if (!m->trimmed && now_ns - m->work_ns >= TRIM_NS) {
		bc_pipeline_trim(m->pipeline);
		m->trimmed = true;
	}
	return n;
}

static uint32_t sweep(struct bc_crowd *c, uint64_t now_ns)
{
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire), did = 0;

	c->swept_ns = now_ns;
	for (uint32_t i = 0; i < n; i++)
		if (!(atomic_load_explicit(&c->awake[i / WORD_BITS], memory_order_acquire) >> i % WORD_BITS & 1))
			did += work_asleep(c, i, now_ns);
	return did;
}

static uint32_t poll(void *ctx)
{
	struct bc_crowd *c = ctx;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire), did = 0;
	uint64_t now_ns = bc_mono_ns();

	for (uint32_t w = 0; w * WORD_BITS < n; w++) {
		uint64_t bits = atomic_load_explicit(&c->awake[w], memory_order_acquire);

		for (; bits; bits &= bits - 1)
			did += work_awake(c, w * WORD_BITS + (uint32_t)__builtin_ctzll(bits), now_ns);
	}
	if (now_ns - c->swept_ns >= (n && atomic_load(&c->member[0].pipeline->stopping) ? SWEEP_STOPPING_NS : SWEEP_NS))
		did += sweep(c, now_ns);
	return did;
}

static bool tick(void *ctx, uint64_t mono_ns)
{
	struct bc_crowd *c = ctx;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire);
	bool did = false;

	for (uint32_t w = 0; w * WORD_BITS < n; w++) {
		uint64_t bits = atomic_load_explicit(&c->awake[w], memory_order_relaxed);

		for (; bits; bits &= bits - 1)
			did |= bc_pipeline_tick(c->member[w * WORD_BITS + (uint32_t)__builtin_ctzll(bits)].pipeline, mono_ns);
	}
	return did;
}

static bool done(void *ctx)
{
	struct bc_crowd *c = ctx;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire);

	for (uint32_t i = 0; i < n; i++)
		if (!bc_pipeline_done(c->member[i].pipeline))
			return false;
	return true;
}

static uint64_t buffers_ns(void *ctx)
{
	struct bc_crowd *c = ctx;
	uint32_t n = atomic_load_explicit(&c->n, memory_order_acquire);
	uint64_t least = ASLEEP_NS;

	for (uint32_t w = 0; least && w * WORD_BITS < n; w++) {
		uint64_t bits = atomic_load_explicit(&c->awake[w], memory_order_relaxed);

		for (; bits; bits &= bits - 1) {
			struct bc_pipeline *p = c->member[w * WORD_BITS + (uint32_t)__builtin_ctzll(bits)].pipeline;
			uint64_t ns = bc_source_buffers_ns(p->source[0]);

			least = ns < least ? ns : least;
		}
	}
	return least;
}

struct bc_crowd *bc_crowd_new(uint32_t most)
{
	struct bc_crowd *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->member = calloc(most, sizeof(*c->member));
	c->awake = calloc((most + WORD_BITS - 1) / WORD_BITS, sizeof(*c->awake));
	if (c->member && c->awake)
		return c;
	bc_crowd_free(c);
	return NULL;
}

void bc_crowd_free(struct bc_crowd *c)
{
	if (!c)
		return;
	free(c->member);
	free(c->awake);
	free(c);
}

void bc_crowd_add(struct bc_crowd *c, struct bc_pipeline *p)
{
	uint32_t n = atomic_load_explicit(&c->n, memory_order_relaxed);

	c->member[n] = (struct member){ .pipeline = p, .trimmed = true };
	p->cfg.sources[0].recv_ring->bell = bell(c, n);
	atomic_store_explicit(&c->n, n + 1, memory_order_release);
}

void bc_crowd_stage(struct bc_crowd *c, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .name = "clients", .poll = poll, .tick = tick, .done = done, .buffers_ns = buffers_ns, .ctx = c };
}
