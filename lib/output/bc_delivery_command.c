/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet counts as written when the command that its segment goes through has ended well. */
#include <stdlib.h>
#include <time.h>

#include "bc_delivery_ops.h"
#include "bc_delivery_results.h"
#include "bc_patience.h"
#include "bc_time.h"

#define RESTART_MIN_NS (1 * BC_NS_PER_S)	/* between starts of a failing command; doubled each time */
#define RESTART_MAX_NS (64 * BC_NS_PER_S)
#define LOOK_NS (5 * BC_NS_PER_MS)		/* for the last results */

struct command {
	struct bc_delivery base;
	struct bc_results results;
	uint64_t restart_wait_ns;	/* the pause before the next start, if that fails too */
};

static struct command *of(struct bc_delivery *d)
{
	return (struct command *)d;
}

static void await_result(struct bc_delivery *d, const struct bc_tally *segment)
{
	bc_results_await(&of(d)->results, segment);
}

/* Start another one at once; if that fails too, wait longer and longer before each next start. */
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
	bc_results_put(&of(d)->results, file_bytes, err);
}

static void reap(struct bc_delivery *d)
{
	struct bc_result r;
	struct bc_tally *t;

	while ((t = bc_results_take(&of(d)->results, &r))) {
		if (r.err) {
			bc_delivery_enter_lost(d, t, bc_patience_loss(r.err));
			continue;
		}
		t->file_bytes = r.file_bytes;
		bc_delivery_enter_written(d, t);
		of(d)->restart_wait_ns = 0;
	}
}

static bool waits(const struct bc_delivery *d)
{
	return bc_results_wait(&((const struct command *)d)->results);
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
	bc_results_fini(&of(d)->results);
}

static const struct bc_delivery_ops command = {
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
	if (bc_results_init(&c->results)) {
		free(c);
		return NULL;
	}
	return &c->base;
}
