/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ledger.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

struct bc_ledger *bc_ledger_new(void)
{
	/* Zeroed pages that take no memory until they are written: a process can have a hundred ledgers of one source each. */
	struct bc_ledger *l = mmap(NULL, sizeof(*l), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return l == MAP_FAILED ? NULL : l;
}

void bc_ledger_free(struct bc_ledger *l)
{
	if (l)
		munmap(l, sizeof(*l));
}

static void add_source(const struct bc_ledger *l, uint32_t output, uint32_t s, struct bc_balance *b)
{
	const struct bc_source_account *a = &l->source[s];
	const struct bc_output_source *o = &l->output[output].source[s];

	/*
	 * The end of the pipeline is read before its beginning, as counters are published and read in order. Excluded: a packet is
	 * received and written between the reads and seen as written only, so that what is in flight looks negative.
	 */
	b->written += bc_counter_get(&o->written);
	for (int i = 0; i < BC_LOSS_COUNT; i++) {
		uint64_t outside = bc_counter_get(&a->control.dropped[i]);

		b->dropped[i] += bc_counter_get(&o->dropped[i]) + bc_counter_get(&a->ingress.dropped[i]) + outside;
		b->received += outside;
	}
	b->dropped[BC_LOSS_PAST_END] += bc_counter_get(&a->merge.past_end[output]);
	b->late += bc_counter_get(&a->merge.late);
	b->forced += bc_counter_get(&a->merge.forced);
	b->stamp_ahead += bc_counter_get(&a->ingress.stamp_ahead);
	b->filtered += bc_counter_get(&a->ingress.filtered[output]);
	b->received += bc_counter_get(&a->ingress.received);
	b->received_bytes += bc_counter_get(&a->ingress.received_bytes);
}

void bc_ledger_balance(const struct bc_ledger *l, uint32_t output, uint32_t source, struct bc_balance *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (source != BC_ALL_SOURCES)
		add_source(l, output, source, ret);
	else
		for (uint32_t s = 0; s < l->n_sources; s++)
			add_source(l, output, s, ret);
	for (int i = 0; i < BC_LOSS_COUNT; i++)
		ret->dropped_total += ret->dropped[i];
	ret->unaccounted = (int64_t)(ret->received - ret->written - ret->filtered - ret->dropped_total);
}

void bc_ledger_ingress_losses(const struct bc_ledger *l, uint32_t source, uint64_t ret[BC_LOSS_COUNT])
{
	const struct bc_source_account *a = &l->source[source];

	for (int i = 0; i < BC_LOSS_COUNT; i++)
		ret[i] = bc_counter_get(&a->ingress.dropped[i]) + bc_counter_get(&a->control.dropped[i]);
}

void bc_ledger_output_losses(const struct bc_ledger *l, uint32_t output, uint64_t ret[BC_LOSS_COUNT])
{
	memset(ret, 0, BC_LOSS_COUNT * sizeof(*ret));
	for (uint32_t s = 0; s < l->n_sources; s++) {
		for (int i = 0; i < BC_LOSS_COUNT; i++)
			ret[i] += bc_counter_get(&l->output[output].source[s].dropped[i]);
		ret[BC_LOSS_PAST_END] += bc_counter_get(&l->source[s].merge.past_end[output]);
	}
}

bool bc_ledger_failed(const struct bc_ledger *l, uint32_t output)
{
	uint64_t lost[BC_LOSS_COUNT];
	bool failed = false;

	bc_ledger_output_losses(l, output, lost);
	for (int i = 0; i < BC_LOSS_COUNT; i++)
		failed |= bc_loss_fails(i) && lost[i];
	return failed;
}

void bc_ledger_total(const struct bc_ledger *l, struct bc_balance *ret)
{
	bc_ledger_balance(l, 0, BC_ALL_SOURCES, ret);
	for (uint32_t o = 1; o < l->n_outputs; o++) {
		uint64_t own[BC_LOSS_COUNT];
		struct bc_balance b;

		bc_ledger_balance(l, o, BC_ALL_SOURCES, &b);
		bc_ledger_output_losses(l, o, own);
		ret->written += b.written;
		ret->filtered += b.filtered;
		ret->unaccounted += b.unaccounted;
		for (int i = 0; i < BC_LOSS_COUNT; i++) {
			ret->dropped[i] += own[i];
			ret->dropped_total += own[i];
		}
	}
}
