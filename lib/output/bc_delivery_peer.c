/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet counts as written when the peer behind the store has acknowledged it. */
#include <inttypes.h>
#include <stdlib.h>

#include "bc_backlog.h"
#include "bc_delivery_ops.h"
#include "bc_plural.h"

struct peer {
	struct bc_delivery base;
	struct bc_backlog *backlog;	/* what was confirmed, by where its bytes end */
	uint64_t seen;			/* in the store's bytes: what became of all before it is entered */
};

static void queue(struct bc_delivery *d, const struct bc_tally *t)
{
	if (t->packets || t->file_bytes)
		bc_backlog_push(((struct peer *)d)->backlog, bc_store_size(d->cfg.store), t);
}

static void reap(struct bc_delivery *d)
{
	struct peer *p = (struct peer *)d;
	struct bc_tally t;
	uint64_t end;

	while (bc_backlog_pop(p->backlog, bc_store_passed(d->cfg.store), &end, &t)) {
		if (bc_store_lost(d->cfg.store, p->seen, end))
			bc_delivery_enter_lost(d, &t, BC_LOSS_PEER_LOST);
		else
			bc_delivery_enter_written(d, &t);
		p->seen = end;
	}
}

static bool waits(const struct bc_delivery *d)
{
	return !bc_backlog_empty(((const struct peer *)d)->backlog);
}

/* Account for what the peer takes before the store's drain timeout, and for what it does not. */
static void drain(struct bc_delivery *d)
{
	struct bc_tally t, lost = { .packets = 0 }, kept = { .packets = 0 };
	uint64_t end;

	bc_store_drain(d->cfg.store);
	reap(d);
	if (atomic_load(d->cfg.aborted))
		return;
	while (bc_backlog_pop(((struct peer *)d)->backlog, UINT64_MAX, &end, &t))
		bc_tally_add(bc_store_kept(d->cfg.store, end) ? &kept : &lost, &t, d->cfg.ledger->n_sources);
	if (kept.packets)
		bc_log(d->cfg.log, BC_WARN, "%s: %" PRIu64 " %s kept in the spool for the next run", d->account->name, kept.packets,
		       bc_plural(kept.packets, "packet is", "packets are"));
	bc_delivery_lose(d, &kept, BC_LOSS_SPOOLED);
	if (lost.packets)
		bc_log(d->cfg.log, BC_ERROR, "%s: the peer did not take everything in time: %" PRIu64 " packet%s lost "
		       "as %s",
		       d->account->name, lost.packets, bc_plural(lost.packets, "", "s"), bc_loss_name(BC_LOSS_PEER_SLOW));
	bc_delivery_lose(d, &lost, BC_LOSS_PEER_SLOW);
}

static void free_backlog(struct bc_delivery *d)
{
	bc_backlog_free(((struct peer *)d)->backlog);
}

static const struct bc_delivery_ops passed_on = {
	.confirmed = queue,
	.reap = reap,
	.waits = waits,
	.drain = drain,
	.free = free_backlog,
};

struct bc_delivery *bc_delivery_new_peer(uint32_t n_sources)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->base.ops = &passed_on;
	p->backlog = bc_backlog_new(n_sources);
	if (!p->backlog) {
		free(p);
		return NULL;
	}
	return &p->base;
}
