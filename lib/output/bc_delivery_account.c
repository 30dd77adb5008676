/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries that the policies make in the ledger. */
#include "bc_delivery_ops.h"

/* Counters wrap: taking something back adds its negative. */
static void add_written(struct bc_delivery *d, const struct bc_tally *t, uint64_t sign)
{
	struct bc_output_account *a = d->account;

	for (uint32_t s = 0; s < d->cfg.ledger->n_sources; s++)
		if (t->from[s])
			bc_counter_add(&a->source[s].written, sign * t->from[s]);
	bc_counter_add(&a->written, sign * t->packets);
	bc_counter_add(&a->written_bytes, sign * t->bytes);
	bc_counter_add(&a->file_bytes, sign * t->file_bytes);
}

void bc_delivery_enter_written(struct bc_delivery *d, const struct bc_tally *t)
{
	add_written(d, t, 1);
}

void bc_delivery_take_back_written(struct bc_delivery *d, const struct bc_tally *t)
{
	add_written(d, t, UINT64_MAX);
}

void bc_delivery_enter_lost(struct bc_delivery *d, const struct bc_tally *t, enum bc_loss loss)
{
	for (uint32_t s = 0; s < d->cfg.ledger->n_sources; s++)
		if (t->from[s])
			bc_counter_add(&d->account->source[s].dropped[loss], t->from[s]);
}

void bc_delivery_lose(struct bc_delivery *d, const struct bc_tally *t, enum bc_loss loss)
{
	bc_delivery_enter_lost(d, t, loss);
	d->lost += t->packets;
	d->lost_as = loss;
}
