/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet counts as written when the kernel has taken it. If the disk then fails to keep it, it no longer counts:
 * what was not yet synced of that segment is lost.
 */
#include <stdlib.h>
#include <time.h>

#include "bc_backlog.h"
#include "bc_delivery_ops.h"
#include "bc_delivery_results.h"
#include "bc_patience.h"
#include "bc_time.h"

#define LOOK_NS (BC_NS_PER_MS / 2)		/* for the last results */

struct disk {
	struct bc_delivery base;
	struct bc_backlog *unsynced;	/* of the segment that is begun, by where its bytes end */
	struct bc_results results;
};

static struct disk *of(struct bc_delivery *d)
{
	return (struct disk *)d;
}

static void enter(struct bc_delivery *d, const struct bc_tally *t)
{
	bc_delivery_enter_written(d, t);
	if (t->packets || t->file_bytes)
		bc_backlog_push(of(d)->unsynced, bc_store_size(d->cfg.store), t);
}

static void forget_synced(struct bc_delivery *d)
{
	struct bc_tally t;
	uint64_t synced, end;

	if (bc_backlog_empty(of(d)->unsynced) || bc_store_synced(d->cfg.store, &synced))
		return;
	while (bc_backlog_pop(of(d)->unsynced, synced, &end, &t))
		;
}

static void await_result(struct bc_delivery *d, const struct bc_tally *segment)
{
	struct bc_tally rest = { .packets = 0 }, t;
	uint64_t end;

	forget_synced(d);
	while (bc_backlog_pop(of(d)->unsynced, UINT64_MAX, &end, &t))
		bc_tally_add(&rest, &t, d->cfg.ledger->n_sources);
	bc_results_await(&of(d)->results, &rest);
}

static void put_result(struct bc_delivery *d, uint64_t file_bytes, int err)
{
	bc_results_put(&of(d)->results, file_bytes, err);
}

static void reap(struct bc_delivery *d)
{
	const struct bc_tally *t;
	struct bc_result r;

	forget_synced(d);
	while ((t = bc_results_take(&of(d)->results, &r))) {
		if (!r.err || !t->packets)
			continue;
		bc_delivery_take_back_written(d, t);
		bc_delivery_lose(d, t, bc_patience_loss(r.err));
	}
}

static bool waits(const struct bc_delivery *d)
{
	const struct disk *k = (const struct disk *)d;

	return bc_results_wait(&k->results) || !bc_backlog_empty(k->unsynced);
}

static void drain(struct bc_delivery *d)
{
	reap(d);
	while (bc_results_wait(&of(d)->results) && !atomic_load(d->cfg.aborted)) {
		nanosleep(&(struct timespec){ .tv_nsec = (long)LOOK_NS }, NULL);
		reap(d);
	}
}

static void free_disk(struct bc_delivery *d)
{
	bc_backlog_free(of(d)->unsynced);
	bc_results_fini(&of(d)->results);
}

static const struct bc_delivery_ops disk = {
	.confirmed = enter,
	.finished = await_result,
	.result = put_result,
	.reap = reap,
	.waits = waits,
	.drain = drain,
	.free = free_disk,
};

struct bc_delivery *bc_delivery_new_disk(uint32_t n_sources)
{
	struct disk *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->base.ops = &disk;
	k->unsynced = bc_backlog_new(n_sources);
	if (!k->unsynced || bc_results_init(&k->results)) {
		free_disk(&k->base);
		free(k);
		return NULL;
	}
	return &k->base;
}
