/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pack.h"

#include <assert.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "bc_packet.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

/* Distances in packets: of those measured, these made cold packets cheapest. */
#define AHEAD_HEADER 8
#define AHEAD_DATA 4

static inline void prefetch_data(const struct rte_mbuf *m, uint32_t snaplen)
{
	const uint8_t *p = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t len = m->data_len < snaplen ? m->data_len : snaplen;

	for (uint32_t at = 0; at < len; at += BC_CACHE_LINE)
		rte_prefetch0(p + at);
}

static inline void copy(uint8_t *dst, const struct rte_mbuf *m, uint32_t caplen)
{
	if (__builtin_expect(caplen <= m->data_len, 1))
		memcpy(dst, rte_pktmbuf_mtod(m, const uint8_t *), caplen);
	else
		bc_packet_copy_chain(dst, m, caplen);
}

/* A slice ends where the next record would make it longer than a block. */
static inline void cut(struct bc_pack *p, uint32_t need)
{
	struct bc_slice *s = &p->slice[p->n_slices - 1];

	if (!p->slice_bytes || p->pos == s->begin || p->pos - s->begin + need <= p->slice_bytes)
		return;
	assert(p->n_slices < BC_MAX_SLICES);
	s->len = p->pos - s->begin;
	p->slice[p->n_slices++].begin = p->pos;
}

static inline void pack_pcapng(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	uint64_t drops = __builtin_expect(meta->flags & BC_META_DROPS, 0) ? m->tx_offload : 0;
	uint32_t opt = bc_epb_opt_len(drops, p->queue_option);
	uint32_t caplen = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen;
	uint32_t need = BC_EPB_FIXED + bc_pad4(caplen) + opt;
	uint8_t *at;

	assert(need <= p->cap - p->pos);
	cut(p, need);
	at = bc_epb_begin(p->buf + p->pos, m->port, ts_ns, caplen, meta->wire_len, opt);
	copy(at, m, caplen);
	bc_epb_end(at, caplen, opt, drops, p->queue_option, p->queue_option ? p->queue[meta->source] : 0);
	p->pos += need;
}

static inline void pack_pcap(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	uint32_t caplen = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen;
	uint32_t need = BC_PCAP_RECORD_HEADER + caplen;
	int32_t linktype = p->ifaces->entry[m->port].linktype;

	if (p->linktype < 0)
		p->linktype = p->ifaces->entry[0].linktype;
	if (linktype != p->linktype) {
		p->refused++;
		p->refused_from[meta->source]++;
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	copy(bc_pcap_record(p->buf + p->pos, ts_ns, p->format == BC_FORMAT_PCAP_NS, caplen, meta->wire_len), m, caplen);
	p->pos += need;
}

void bc_pack_burst(struct bc_pack *p, const struct bc_desc *d, uint32_t n)
{
	struct rte_mbuf *m[BC_PACK_BURST];
	uint32_t i;

	for (i = 0; i < n; i++)
		m[i] = bc_desc_obj(&d[i]);
	for (i = 0; i < n && i < AHEAD_HEADER; i++)
		rte_prefetch0(m[i]);
	for (i = 0; i < n && i < AHEAD_DATA; i++)
		prefetch_data(m[i], p->snaplen);
	for (i = 0; i < n; i++) {
		if (i + AHEAD_HEADER < n)
			rte_prefetch0(m[i + AHEAD_HEADER]);
		if (i + AHEAD_DATA < n)
			prefetch_data(m[i + AHEAD_DATA], p->snaplen);
		if (p->format == BC_FORMAT_PCAPNG)
			pack_pcapng(p, m[i], d[i].ts_ns);
		else
			pack_pcap(p, m[i], d[i].ts_ns);
	}
	rte_pktmbuf_free_bulk(m, n);
}
