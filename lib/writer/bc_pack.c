/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pack.h"

#include <assert.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "bc_erf.h"
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

static inline void copy16(uint8_t *dst, const uint8_t *src)
{
	memcpy(dst, src, 16);
}

static inline void copy32(uint8_t *dst, const uint8_t *src)
{
	copy16(dst, src);
	copy16(dst + 16, src + 16);
}

/* Small packets are so many that a call for each counts: pieces that overlap in the middle. */
static inline void copy(uint8_t *dst, const uint8_t *src, uint32_t n)
{
	if (n > 128 || n < 16) {
		memcpy(dst, src, n);
	} else if (n <= 32) {
		copy16(dst, src);
		copy16(dst + n - 16, src + n - 16);
	} else {
		copy32(dst, src);
		if (n > 64) {
			copy32(dst + 32, src + 32);
			copy32(dst + n - 64, src + n - 64);
		}
		copy32(dst + n - 32, src + n - 32);
	}
}

static inline void copy_packet(uint8_t *dst, const struct rte_mbuf *m, uint32_t caplen)
{
	if (__builtin_expect(caplen <= m->data_len, 1))
		copy(dst, rte_pktmbuf_mtod(m, const uint8_t *), caplen);
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

/* The format has no place for a packet of this link type. */
static void refuse(struct bc_pack *p, const struct bc_meta *meta)
{
	p->refused++;
	p->refused_from[meta->source]++;
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
	copy_packet(at, m, caplen);
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
		refuse(p, meta);
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	copy_packet(bc_pcap_record(p->buf + p->pos, ts_ns, p->format == BC_FORMAT_PCAP_NS, caplen, meta->wire_len), m, caplen);
	p->pos += need;
}

static inline void pack_erf(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	uint64_t drops = __builtin_expect(meta->flags & BC_META_DROPS, 0) ? m->tx_offload : 0;
	uint32_t sliced = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen;
	uint32_t caplen = bc_erf_caplen(sliced, meta->wire_len);
	int whole = bc_erf_is_whole(sliced, meta->wire_len);
	uint32_t need = bc_erf_len(caplen, whole);
	uint8_t *at;

	if (p->ifaces->entry[m->port].linktype != BC_ERF_LINKTYPE) {
		refuse(p, meta);
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	at = bc_erf_begin(p->buf + p->pos, m->port, ts_ns, caplen, meta->wire_len, whole, drops);
	copy_packet(at, m, caplen);
	bc_erf_end(at, caplen, whole);
	p->pos += need;
}

static inline void look_ahead(struct rte_mbuf *const *m, uint32_t snaplen)
{
	rte_prefetch0(m[AHEAD_HEADER]);
	prefetch_data(m[AHEAD_DATA], snaplen);
}

static inline uint32_t slice_end(const struct bc_pack *p)
{
	return p->slice_bytes ? p->slice[p->n_slices - 1].begin + p->slice_bytes : UINT32_MAX;
}

/* Mbufs of one pool that go back to it together. */
struct returns {
	struct rte_mempool *pool;
	uint32_t n;
	void *mbuf[BC_PACK_BURST];
};

/* Nearly all mbufs are whole and nobody else's: they go back without a look at their second cache line. */
static inline void give_back(struct returns *r, struct rte_mbuf *m)
{
	if (__builtin_expect(m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) && m->pool == r->pool, 1))
		r->mbuf[r->n++] = m;
	else
		rte_pktmbuf_free(m);
}

/*
 * The way of nearly all packets: in one piece, without options. What the loop needs lies in variables, because for the compiler
 * every byte that is written could be one of *p.
 */
static void burst_pcapng(struct bc_pack *p, struct rte_mbuf *const *m, const struct bc_desc *d, uint32_t n, struct returns *r)
{
	const uint32_t cap = p->cap, snaplen = p->snaplen;
	const bool options = p->queue_option;
	uint8_t *const buf = p->buf;
	uint32_t pos = p->pos, end = slice_end(p);

	for (uint32_t i = 0; i < n; i++) {
		struct bc_meta meta = *bc_meta(m[i]);
		uint32_t caplen = m[i]->pkt_len < snaplen ? m[i]->pkt_len : snaplen;
		uint32_t need = BC_EPB_FIXED + bc_pad4(caplen);
		uint8_t *at;

		look_ahead(m + i, snaplen);
		if (__builtin_expect(options || meta.flags & BC_META_DROPS || caplen > m[i]->data_len || need > end - pos, 0)) {
			p->pos = pos;
			pack_pcapng(p, m[i], d[i].ts_ns);
			pos = p->pos;
			end = slice_end(p);
			end = end < pos ? pos : end;
		} else {
			assert(need <= cap - pos);
			at = bc_epb_begin(buf + pos, m[i]->port, d[i].ts_ns, caplen, meta.wire_len, 0);
			copy(at, rte_pktmbuf_mtod(m[i], const uint8_t *), caplen);
			bc_epb_end(at, caplen, 0, 0, 0, 0);
			pos += need;
		}
		give_back(r, m[i]);
	}
	p->pos = pos;
}

static void burst_pcap(struct bc_pack *p, struct rte_mbuf *const *m, const struct bc_desc *d, uint32_t n, struct returns *r)
{
	for (uint32_t i = 0; i < n; i++) {
		look_ahead(m + i, p->snaplen);
		pack_pcap(p, m[i], d[i].ts_ns);
		give_back(r, m[i]);
	}
}

static void burst_erf(struct bc_pack *p, struct rte_mbuf *const *m, const struct bc_desc *d, uint32_t n, struct returns *r)
{
	for (uint32_t i = 0; i < n; i++) {
		look_ahead(m + i, p->snaplen);
		pack_erf(p, m[i], d[i].ts_ns);
		give_back(r, m[i]);
	}
}

void bc_pack_burst(struct bc_pack *p, const struct bc_desc *d, uint32_t n)
{
	/* The last packet is looked ahead at more than once. */
	struct rte_mbuf *m[BC_PACK_BURST + AHEAD_HEADER];
	struct returns r;
	uint32_t i;

	for (i = 0; i < n; i++)
		m[i] = bc_desc_obj(&d[i]);
	for (; i < n + AHEAD_HEADER; i++)
		m[i] = m[n - 1];
	for (i = 0; i < AHEAD_HEADER; i++)
		rte_prefetch0(m[i]);
	for (i = 0; i < AHEAD_DATA; i++)
		prefetch_data(m[i], p->snaplen);
	r.n = 0;
	r.pool = m[0]->pool;
	if (p->format == BC_FORMAT_PCAPNG)
		burst_pcapng(p, m, d, n, &r);
	else if (p->format == BC_FORMAT_ERF)
		burst_erf(p, m, d, n, &r);
	else
		burst_pcap(p, m, d, n, &r);
	if (r.n)
		rte_mempool_put_bulk(r.pool, r.mbuf, r.n);
}
