/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries that the policies make in the ledger. */
#include "bc_delivery_ops.h"

void bc_delivery_enter_written(struct bc_delivery *d, const struct bc_tally *t)
{
	struct bc_output_account *a = d->account;

	for (uint32_t s = 0; s < d->cfg.ledger->n_sources; s++)
		if (t->from[s])
			bc_counter_add(&a->source[s].written, t->from[s]);
	bc_counter_add(&a->written, t->packets);
	bc_counter_add(&a->written_bytes, t->bytes);
	bc_counter_add(&a->file_bytes, t->file_bytes);
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
