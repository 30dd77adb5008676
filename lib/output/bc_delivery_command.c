/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet counts as written when the command that its segment goes through has ended well. */
#include <stdlib.h>
#include <time.h>

#include "bc_delivery_ops.h"
#include "bc_patience.h"
#include "bc_time.h"

#define RESTART_MIN_NS (1 * BC_NS_PER_S)	/* between starts of a command that fails; doubled each time */
#define RESTART_MAX_NS (64 * BC_NS_PER_S)
#define LOOK_NS (5 * BC_NS_PER_MS)		/* for the last results */
#define RING (2 * BC_STORE_QUEUE_MAX)		/* more than segments can wait for their result */

struct result {
	uint64_t file_bytes;
	int err;
};

struct command {
	struct bc_delivery base;
	struct bc_tally *waiting;	/* a ring: what segments hold whose result is not entered yet */
	uint32_t finished, reaped;	/* segments; those between wait */
	uint64_t restart_wait_ns;	/* before the next start, if that fails too */
	struct result result[RING];	/* the publishing thread writes, before it counts results up */
	_Atomic uint32_t results;
};

static struct command *of(struct bc_delivery *d)
{
	return (struct command *)d;
}

static void await_result(struct bc_delivery *d, const struct bc_tally *segment)
{
	of(d)->waiting[of(d)->finished++ % RING] = *segment;
}

/* Another one is started at once, and if that fails too, the next ones later and later. */
static void restart_later(struct bc_delivery *d)
{
	struct command *c = of(d);

	d->begin_ns = bc_mono_ns() + c->restart_wait_ns;
	c->restart_wait_ns = c->restart_wait_ns ? 2 * c->restart_wait_ns : RESTART_MIN_NS;
	if (c->restart_wait_ns > RESTART_MAX_NS)
		c->restart_wait_ns = RESTART_MAX_NS;
}

static void put_result(struct bc_delivery *d, uint64_t file_bytes, int err)
{
	struct command *c = of(d);
	uint32_t n = atomic_load_explicit(&c->results, memory_order_relaxed);

	c->result[n % RING] = (struct result){ .file_bytes = file_bytes, .err = err };
	atomic_store_explicit(&c->results, n + 1, memory_order_release);
}

static void reap(struct bc_delivery *d)
{
	struct command *c = of(d);
	uint32_t results = atomic_load_explicit(&c->results, memory_order_acquire);

	for (; c->reaped != results; c->reaped++) {
		const struct result *r = &c->result[c->reaped % RING];
		struct bc_tally *t = &c->waiting[c->reaped % RING];

		if (r->err) {
			bc_delivery_enter_lost(d, t, bc_patience_loss(r->err));
			continue;
		}
		t->file_bytes = r->file_bytes;
		bc_delivery_enter_written(d, t);
		c->restart_wait_ns = 0;
	}
}

static bool waits(const struct bc_delivery *d)
{
	const struct command *c = (const struct command *)d;

	return c->reaped != c->finished;
}

static void drain(struct bc_delivery *d)
{
	while (waits(d) && !atomic_load(d->cfg.aborted)) {
		nanosleep(&(struct timespec){ .tv_nsec = (long)LOOK_NS }, NULL);
		reap(d);
	}
}

static void free_waiting(struct bc_delivery *d)
{
	free(of(d)->waiting);
}

static const struct bc_delivery_ops command = {
	.by_write = true,
	.finished = await_result,
	.abandoned = restart_later,
	.result = put_result,
	.reap = reap,
	.waits = waits,
	.drain = drain,
	.free = free_waiting,
};

struct bc_delivery *bc_delivery_new_command(void)
{
	struct command *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->base.ops = &command;
	c->waiting = calloc(RING, sizeof(*c->waiting));
	if (!c->waiting) {
		free(c);
		return NULL;
	}
	return &c->base;
}
