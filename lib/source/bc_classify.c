/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_classify.h"

#include "bc_packet.h"

/* Packets whose bytes are fetched while one is looked at. */
#define LOOK_AHEAD 4

/* Of wanted, the packets that are user traffic of GPRS. */
static uint64_t gprs_packets(const struct bc_source *s, const struct bc_gprs *g, const struct bc_batch *b, const uint32_t *wire,
			     uint64_t wanted)
{
	uint64_t found = 0;

	for (uint32_t i = 0; i < b->n && i < LOOK_AHEAD; i++)
		rte_prefetch0(rte_pktmbuf_mtod(b->mbuf[i], const void *));
	for (uint32_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->mbuf[i];

		if (i + LOOK_AHEAD < b->n)
			rte_prefetch0(rte_pktmbuf_mtod(b->mbuf[i + LOOK_AHEAD], const void *));
		/* The first segment holds more than the headers of any such packet. */
		if ((wanted >> i & 1) && bc_gprs_user_data(g, s->env.ifaces->entry[m->port].linktype,
							  rte_pktmbuf_mtod(m, const uint8_t *), m->data_len, wire[i]))
			found |= 1ULL << i;
	}
	return found;
}

/* The packets of the batch, bit i for packet i, that each output wants. False: all want all of them. */
static bool match_filters(struct bc_source *s, const struct bc_batch *b, uint64_t *wanted)
{
	const struct bc_filter_set *f = atomic_load_explicit(&s->filters.set, memory_order_acquire);
	const uint64_t all = UINT64_MAX >> (BC_BURST - b->n);
	uint32_t wire[BC_BURST];
	uint64_t by_all = all;

	if (!f)
		return false;
	for (uint32_t i = 0; i < b->n; i++)
		wire[i] = bc_meta(b->mbuf[i])->wire_len;
	for (uint32_t o = 0; o < s->env.n_outputs; o++) {
		wanted[o] = all;
		if (f->filter[o])
			wanted[o] &= bc_filter_burst(f->filter[o], b->mbuf, wire, b->n, s->scratch);
		if (f->no_gprs[o])
			wanted[o] &= ~gprs_packets(s, f->no_gprs[o], b, wire, wanted[o]);
		by_all &= wanted[o];
	}
	return by_all != all;
}

/* The outputs that want packet i. */
static inline uint8_t outputs_of(const uint64_t *wanted, uint32_t n_outputs, uint32_t i)
{
	uint32_t outputs = 0;

	for (uint32_t o = 0; o < n_outputs; o++)
		outputs |= (uint32_t)(wanted[o] >> i & 1) << o;
	return (uint8_t)outputs;
}

bool bc_classify(struct bc_source *s, struct bc_batch *b, uint8_t *mask)
{
	uint64_t wanted[BC_MAX_OUTPUTS], by_any = 0;
	struct rte_mbuf *out[BC_BURST];
	uint32_t kept = 0, n_out = 0;

	if (!match_filters(s, b, wanted))
		return false;
	for (uint32_t o = 0; o < s->env.n_outputs; o++)
		by_any |= wanted[o];
	for (uint32_t i = 0; i < b->n; i++) {
		if (!(by_any >> i & 1)) {
			out[n_out++] = b->mbuf[i];
			continue;
		}
		b->mbuf[kept] = b->mbuf[i];
		b->ts_ns[kept] = b->ts_ns[i];
		mask[kept++] = outputs_of(wanted, s->env.n_outputs, i);
	}
	for (uint32_t o = 0; n_out && o < s->env.n_outputs; o++)
		bc_counter_add(&s->account->ingress.filtered[o], n_out);
	rte_pktmbuf_free_bulk(out, n_out);
	b->n = kept;
	return true;
}

void bc_classify_count(struct bc_source *s, const uint8_t *mask, uint32_t n)
{
	for (uint32_t o = 0; o < s->env.n_outputs; o++) {
		uint32_t not_wanted = 0;

		for (uint32_t i = 0; i < n; i++)
			not_wanted += ~mask[i] >> o & 1;
		bc_counter_add(&s->account->ingress.filtered[o], not_wanted);
	}
}
