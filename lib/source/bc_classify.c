/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_classify.h"

#include "bc_packet.h"

/* How many packets ahead bytes are prefetched. */
#define LOOK_AHEAD 4

/* Those of the wanted packets that are GPRS user traffic. */
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

/* The batch's packets whose interface has the link type of packet first. */
static uint64_t alike(const struct bc_source *s, const struct bc_batch *b, uint32_t first)
{
	const struct bc_iface *iface = s->env.ifaces->entry;
	uint64_t found = 0;

	for (uint32_t i = first; i < b->n; i++)
		found |= (uint64_t)(iface[b->mbuf[i]->port].linktype == iface[b->mbuf[first]->port].linktype) << i;
	return found;
}

/* Of those packets of one link type, what the output's filter matches. */
static uint64_t match_some(struct bc_source *s, const struct bc_filter *f, const struct bc_batch *b, const uint32_t *wire, uint64_t which)
{
	uint64_t found = 0;

	for (; which; which &= which - 1) {
		uint32_t i = (uint32_t)__builtin_ctzll(which);

		if (!f || bc_filter_match(f, b->mbuf[i], wire[i], s->scratch))
			found |= 1ULL << i;
	}
	return found;
}

static uint64_t match_output(struct bc_source *s, const struct bc_filter_set *set, uint32_t o, uint16_t linktype,
			     const struct bc_batch *b, const uint32_t *wire, uint64_t which)
{
	const struct bc_filter_other *other;

	if (!set->words[o] || set->linktype[o] == linktype)
		return match_some(s, set->filter[o], b, wire, which);
	other = bc_filter_reader_other(&s->filters, set, linktype);
	return !other || (other->none >> o & 1) ? 0 : match_some(s, other->filter[o], b, wire, which);
}

/* Run the filters, each packet through the one compiled for its own interface's link type. */
static void match_mixed(struct bc_source *s, const struct bc_filter_set *set, const struct bc_batch *b, const uint32_t *wire,
			uint64_t *wanted)
{
	for (uint64_t left = UINT64_MAX >> (BC_BURST - b->n), which; left; left &= ~which) {
		uint32_t first = (uint32_t)__builtin_ctzll(left);
		uint16_t linktype = s->env.ifaces->entry[b->mbuf[first]->port].linktype;

		which = alike(s, b, first);
		for (uint32_t o = 0; o < s->env.n_outputs; o++)
			wanted[o] |= match_output(s, set, o, linktype, b, wire, which);
	}
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
	for (uint32_t o = 0; o < s->env.n_outputs; o++)
		wanted[o] = s->filters.mixed ? 0 : all;
	if (s->filters.mixed)
		match_mixed(s, f, b, wire, wanted);
	for (uint32_t o = 0; o < s->env.n_outputs; o++) {
		if (f->filter[o] && !s->filters.mixed)
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
