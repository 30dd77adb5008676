/* SPDX-License-Identifier: BSD-3-Clause */
/* What all policies share, and the policy `at once`, which needs nothing else. */
#include "bc_delivery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_delivery_ops.h"

static const struct bc_delivery_ops plain = {
	.confirmed = bc_delivery_enter_written,
};

static struct bc_delivery *new_plain(void)
{
	struct bc_delivery *d = calloc(1, sizeof(*d));

	if (d)
		d->ops = &plain;
	return d;
}

static struct bc_delivery *new_policy(const struct bc_delivery_config *cfg)
{
	if (cfg->piped)
		return bc_delivery_new_command();
	if (cfg->store && bc_store_lags(cfg->store))
		return bc_delivery_new_peer(cfg->ledger->n_sources);
	if (cfg->store && bc_store_syncs(cfg->store))
		return bc_delivery_new_disk(cfg->ledger->n_sources);
	return new_plain();
}

/* A command or a peer reports its own results. Otherwise a stream codec or the store may hold bytes back. */
static bool needs_no_settling(const struct bc_delivery_config *cfg)
{
	if (cfg->piped || (cfg->store && bc_store_lags(cfg->store)))
		return true;
	return !cfg->stream && !(cfg->store && bc_store_settles(cfg->store));
}

int bc_delivery_new(const struct bc_delivery_config *cfg, struct bc_delivery **ret, struct bc_err *err)
{
	struct bc_delivery *d = new_policy(cfg);

	if (!d)
		return bc_err_set(err, -ENOMEM, "no memory for the committer");
	d->cfg = *cfg;
	d->by_write = needs_no_settling(cfg);
	d->account = &cfg->ledger->output[cfg->output];
	*ret = d;
	return 0;
}

void bc_delivery_free(struct bc_delivery *d)
{
	if (d && d->ops->free)
		d->ops->free(d);
	free(d);
}

/* Only the sources in use are copied: most captures have few, and this runs for each chunk. */
static void add(const struct bc_delivery *d, struct bc_tally *to, const struct bc_tally *more)
{
	to->packets += more->packets;
	to->bytes += more->bytes;
	to->file_bytes += more->file_bytes;
	for (uint32_t s = 0; s < d->cfg.ledger->n_sources; s++)
		to->from[s] += more->from[s];
}

static void clear(const struct bc_delivery *d, struct bc_tally *t)
{
	t->packets = t->bytes = t->file_bytes = 0;
	memset(t->from, 0, d->cfg.ledger->n_sources * sizeof(t->from[0]));
}

void bc_delivery_take(struct bc_delivery *d, const struct bc_tally *t)
{
	add(d, &d->pending, t);
}

void bc_delivery_take_bytes(struct bc_delivery *d, uint64_t file_bytes)
{
	d->pending.file_bytes += file_bytes;
}

const struct bc_tally *bc_delivery_pending(const struct bc_delivery *d)
{
	return &d->pending;
}

void bc_delivery_wrote(struct bc_delivery *d)
{
	if (d->by_write)
		bc_delivery_confirm(d);
}

void bc_delivery_confirm(struct bc_delivery *d)
{
	add(d, &d->segment, &d->pending);
	if (d->ops->confirmed)
		d->ops->confirmed(d, &d->pending);
	clear(d, &d->pending);
}

const struct bc_tally *bc_delivery_segment(const struct bc_delivery *d)
{
	return &d->segment;
}

void bc_delivery_lose_pending(struct bc_delivery *d, enum bc_loss loss)
{
	bc_delivery_lose(d, &d->pending, loss);
	clear(d, &d->pending);
}

uint64_t bc_delivery_lost(const struct bc_delivery *d, enum bc_loss *ret_loss)
{
	*ret_loss = d->lost_as;
	return d->lost;
}

void bc_delivery_refuse(struct bc_delivery *d, const uint32_t *from)
{
	for (uint32_t s = 0; s < d->cfg.ledger->n_sources; s++)
		if (from[s])
			bc_counter_add(&d->account->source[s].dropped[BC_LOSS_LINK_TYPE], from[s]);
}

void bc_delivery_finish(struct bc_delivery *d)
{
	if (d->ops->finished)
		d->ops->finished(d, &d->segment);
	clear(d, &d->segment);
	clear(d, &d->pending);
}

void bc_delivery_abandon(struct bc_delivery *d)
{
	bc_delivery_lose_pending(d, BC_LOSS_PIPE_ERROR);
	if (d->ops->abandoned)
		d->ops->abandoned(d);
}

uint64_t bc_delivery_begin_ns(const struct bc_delivery *d)
{
	return d->begin_ns;
}

void bc_delivery_result(struct bc_delivery *d, uint64_t file_bytes, int err)
{
	if (d->ops->result)
		d->ops->result(d, file_bytes, err);
}

void bc_delivery_reap(struct bc_delivery *d)
{
	if (d->ops->reap)
		d->ops->reap(d);
}

bool bc_delivery_waits(const struct bc_delivery *d)
{
	return d->ops->waits && d->ops->waits(d);
}

void bc_delivery_drain(struct bc_delivery *d)
{
	if (d->ops->drain)
		d->ops->drain(d);
}
