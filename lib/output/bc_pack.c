/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pack.h"

#include <assert.h>

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "bc_anonymise.h"
#include "bc_erf.h"
#include "bc_ip_find.h"
#include "bc_packet.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_wire.h"

/*
 * How many packets ahead, and how many bytes of each, are prefetched. Of the values measured these made cold packets
 * cheapest.
 */
#define AHEAD 8
#define AHEAD_BYTES 512U

/* Inlined so that the loop is compiled once for each instruction set. */
#define ALWAYS static inline __attribute__((always_inline))

typedef uint8_t vec16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint8_t vec32 __attribute__((vector_size(32), aligned(1), may_alias));

ALWAYS void copy16(uint8_t *dst, const uint8_t *src)
{
	*(vec16 *)dst = *(const vec16 *)src;
}

ALWAYS void copy32(uint8_t *dst, const uint8_t *src)
{
	*(vec32 *)dst = *(const vec32 *)src;
}

ALWAYS void copy64(uint8_t *dst, const uint8_t *src)
{
	copy32(dst, src);
	copy32(dst + 32, src + 32);
}

/*
 * Small packets are so frequent that a call for each costs: copy them in overlapping pieces. For long ones memcpy() is
 * worth the call, unless there are wide registers.
 */
ALWAYS void copy(uint8_t *dst, const uint8_t *src, uint32_t n, bool wide)
{
	if (n > 64 && wide) {
		for (uint32_t at = 0; at < n - 64; at += 64)
			copy64(dst + at, src + at);
		copy64(dst + n - 64, src + n - 64);
	} else if (n > 64 || n < 16) {
		memcpy(dst, src, n);
	} else if (n >= 32) {
		copy32(dst, src);
		copy32(dst + n - 32, src + n - 32);
	} else {
		copy16(dst, src);
		copy16(dst + n - 16, src + n - 16);
	}
}

static inline void copy_packet(uint8_t *dst, const struct rte_mbuf *m, uint32_t caplen)
{
	if (__builtin_expect(caplen <= m->data_len, 1))
		memcpy(dst, rte_pktmbuf_mtod(m, const uint8_t *), caplen);
	else
		bc_packet_copy_chain(dst, m, caplen);
}

/* Nothing of a packet is in the buffer as it was. */
static inline void hide(struct bc_pack *p, struct rte_mbuf *m, uint8_t *data, uint32_t caplen)
{
	if (p->anonymise)
		p->unparsed += bc_anonymise(p->anonymise, p->ifaces->entry[m->port].linktype, data, caplen, bc_meta(m)->wire_len);
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

/* The format has no place for a packet of this link type, or of one more interface. */
static void refuse(struct bc_pack *p, const struct bc_meta *meta)
{
	p->refused++;
	p->refused_from[meta->source]++;
}

static inline uint32_t frame_bytes(const struct bc_pack *p)
{
	return p->framing == BC_FRAMING_FILE ? 0 : BC_WIRE_HEADER;
}

/* The IP packet of m; one that has none is refused. */
static void pack_ipip(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	uint32_t caplen = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen, len;
	uint8_t *at = p->buf + p->pos;
	int ip;

	assert(BC_WIRE_HEADER + caplen <= p->cap - p->pos);
	copy_packet(at + BC_WIRE_HEADER, m, caplen);
	hide(p, m, at + BC_WIRE_HEADER, caplen);
	ip = bc_ip_find(p->ifaces->entry[m->port].linktype, at + BC_WIRE_HEADER, caplen, &len);
	if (ip < 0) {
		refuse(p, bc_meta(m));
		return;
	}
	at = bc_wire_header(at, BC_WIRE_PACKET, (uint16_t)len);
	memmove(at, at + ip, len);
	p->pos += BC_WIRE_HEADER + len;
}

static inline void pack_pcapng(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	const bool queue = p->queue_option && !(meta->flags & BC_META_QUEUE);
	uint64_t drops = __builtin_expect(meta->flags & BC_META_DROPS, 0) ? m->tx_offload : 0;
	uint32_t kept = p->anonymise ? 0 : bc_packet_options_len(m), opt = bc_epb_opt_len(drops, queue) + kept;
	uint32_t caplen = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen, padded = bc_pad4(caplen);
	uint32_t frame = frame_bytes(p), need;
	uint8_t *at = p->buf + p->pos;

	if (kept && opt == kept)
		opt += BC_EPB_OPT_END;
	need = frame + BC_EPB_FIXED + padded + opt;
	if (frame && m->port >= BC_WIRE_MAX_IFACES) {
		refuse(p, meta);
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	if (frame)
		at = bc_wire_header(at, BC_WIRE_PACKET, (uint16_t)(need - frame));
	at = bc_epb_begin(at, m->port, ts_ns, caplen, meta->wire_len, opt);
	copy_packet(at, m, caplen);
	hide(p, m, at, caplen);
	if (__builtin_expect(kept != 0, 0)) {
		bc_packet_copy_options(at + padded, m);
		at = bc_epb_options(at + padded + kept, drops, queue, queue ? p->queue[meta->source] : 0);
		bc_put_le32(at, need - frame);
	} else {
		bc_epb_end(at, caplen, opt, drops, queue, queue ? p->queue[meta->source] : 0);
	}
	p->pos += need;
}

static inline void pack_pcap(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	uint32_t caplen = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen;
	uint32_t frame = frame_bytes(p), need = frame + BC_PCAP_RECORD_HEADER + caplen;
	uint8_t *at = p->buf + p->pos;
	int32_t linktype = p->ifaces->entry[m->port].linktype;

	if (p->linktype < 0)
		p->linktype = p->linktype_by_packet ? linktype : p->ifaces->entry[0].linktype;
	if (linktype != p->linktype) {
		refuse(p, meta);
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	if (frame)
		at = bc_wire_header(at, BC_WIRE_PACKET, (uint16_t)(need - frame));
	at = bc_pcap_record(at, ts_ns, p->format == BC_FORMAT_PCAP_NS, caplen, meta->wire_len);
	copy_packet(at, m, caplen);
	hide(p, m, at, caplen);
	p->pos += need;
}

/* The check sequence that ends the interface's packets of this length, of the kind that ERF has. */
static inline uint32_t fcs_of(const struct bc_iface *iface, uint32_t wire_len)
{
	return iface->fcs_len == BC_ERF_FCS && wire_len >= BC_ERF_FCS ? BC_ERF_FCS : 0;
}

static inline void pack_erf(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns)
{
	const struct bc_meta *meta = bc_meta(m);
	uint64_t drops = __builtin_expect(meta->flags & BC_META_DROPS, 0) ? m->tx_offload : 0;
	uint32_t fcs = fcs_of(&p->ifaces->entry[m->port], meta->wire_len), wire_len = meta->wire_len - fcs;
	uint32_t sliced = m->pkt_len < p->snaplen ? m->pkt_len : p->snaplen;
	bool has_fcs = fcs && !p->anonymise && sliced >= meta->wire_len && sliced <= BC_ERF_DATA_MAX;
	uint32_t data = has_fcs ? sliced - fcs : fcs && sliced > wire_len ? wire_len : sliced;
	uint32_t caplen = bc_erf_caplen(data, wire_len);
	int whole = bc_erf_is_whole(data, wire_len);
	uint32_t need = bc_erf_len(caplen, whole);
	uint8_t *at;

	if (p->ifaces->entry[m->port].linktype != BC_ERF_LINKTYPE) {
		refuse(p, meta);
		return;
	}
	assert(need <= p->cap - p->pos);
	cut(p, need);
	at = bc_erf_begin(p->buf + p->pos, m->port, ts_ns, caplen, wire_len, whole, drops);
	copy_packet(at, m, caplen);
	hide(p, m, at, caplen);
	bc_erf_end(at, caplen, whole);
	/* Keep the packet's own check sequence, right or wrong. */
	if (__builtin_expect(has_fcs, 0))
		copy_packet(at, m, caplen + fcs);
	p->pos += need;
}

/*
 * Fetch a packet by its descriptor alone: its bytes are taken to lie behind their mbuf as those of the burst's first do. Where
 * they do not, it costs time, no more.
 */
ALWAYS void look_ahead(const struct rte_mbuf *m, const struct bc_desc *d, ptrdiff_t data)
{
	const uint8_t *p = (const uint8_t *)m + data;
	uint32_t len = bc_desc_bytes(d);

	rte_prefetch0(m);
	rte_prefetch0(p);
	if (len <= BC_CACHE_LINE)
		return;
	for (const uint8_t *end = p + (len < AHEAD_BYTES ? len : AHEAD_BYTES); p < end; p += 2 * BC_CACHE_LINE) {
		rte_prefetch0(p + BC_CACHE_LINE);
		rte_prefetch0(p + 2 * BC_CACHE_LINE);
	}
}

/* Is this mbuf in one piece and not shared? Then it returns to its pool without touching its second cache line. */
ALWAYS bool alone(const struct rte_mbuf *m, const struct rte_mempool *pool)
{
	static const uint16_t one[2] = { 1, 1 };

	_Static_assert(offsetof(struct rte_mbuf, nb_segs) == offsetof(struct rte_mbuf, refcnt) + 2, "both are read at once");
	return !memcmp(&m->refcnt, one, sizeof(one)) && m->pool == pool && RTE_MBUF_DIRECT(m);
}

/* Where the open slice or the buffer ends. Packets that need options or framing cannot take the fast path. */
static inline uint8_t *limit_of(const struct bc_pack *p)
{
	uint32_t end = p->slice_bytes ? p->slice[p->n_slices - 1].begin + p->slice_bytes : p->cap;

	return p->buf + (p->queue_option || p->framing != BC_FRAMING_FILE ? 0 : end < p->cap ? end : p->cap);
}

static __attribute__((noinline)) uint8_t *pack_odd(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns, uint8_t *at)
{
	p->pos = (uint32_t)(at - p->buf);
	pack_pcapng(p, m, ts_ns);
	return p->buf + p->pos;
}

/* Of the burst's first mbuf, where its bytes lie behind it. */
static inline ptrdiff_t data_of(const struct rte_mbuf *m)
{
	return rte_pktmbuf_mtod(m, const uint8_t *) - (const uint8_t *)m;
}

/*
 * The path of nearly all packets: in one piece, without options. Local variables hold what the loop needs, because to
 * the compiler every byte written could alias *p. Returns how many mbufs do not go back to the pool with the others;
 * those are set to NULL.
 */
ALWAYS uint32_t burst_pcapng(struct bc_pack *p, struct rte_mbuf **m, const struct bc_desc *d, uint32_t n, bool wide)
{
	struct rte_mbuf **const end = m + n;
	const uint32_t snaplen = p->snaplen;
	const struct rte_mempool *const pool = m[0]->pool;
	const ptrdiff_t data = data_of(m[0]);
	uint8_t *at = p->buf + p->pos, *limit = limit_of(p);
	uint32_t gone = 0;

	for (; m < end; m++, d++) {
		struct rte_mbuf *k = *m;
		const struct bc_meta *meta = bc_meta(k);
		uint32_t caplen = k->data_len < snaplen ? k->data_len : snaplen;
		uint32_t padded = bc_pad4(caplen);

		if (m + AHEAD < end)
			look_ahead(m[AHEAD], &d[AHEAD], data);
		if (__builtin_expect(!alone(k, pool) || meta->flags & (BC_META_DROPS | BC_META_OPTIONS) || limit - at < (ptrdiff_t)(BC_EPB_FIXED + padded), 0)) {
			at = pack_odd(p, k, d->ts_ns, at);
			limit = limit_of(p);
			if (!alone(k, pool)) {
				rte_pktmbuf_free(k);
				*m = NULL;
				gone++;
			}
			continue;
		}
		bc_put_le64(at, BC_PCAPNG_EPB | (uint64_t)(BC_EPB_FIXED + padded) << 32);
		bc_put_le32(at + 8, k->port);
		bc_put_le64(at + 12, d->ts_ns >> 32 | d->ts_ns << 32);
		bc_put_le32(at + 20, caplen);
		bc_put_le32(at + 24, meta->wire_len);
		copy(at + 28, rte_pktmbuf_mtod(k, const uint8_t *), caplen, wide);
		/* The padding, and over its end the length. */
		bc_put_le32(at + 28 + caplen, 0);
		bc_put_le32(at + 28 + padded, BC_EPB_FIXED + padded);
		at += BC_EPB_FIXED + padded;
	}
	p->pos = (uint32_t)(at - p->buf);
	return gone;
}

static uint32_t burst_pcapng_any(struct bc_pack *p, struct rte_mbuf **m, const struct bc_desc *d, uint32_t n)
{
	return burst_pcapng(p, m, d, n, false);
}

#ifdef __x86_64__
static __attribute__((target("avx2"))) uint32_t burst_pcapng_avx2(struct bc_pack *p, struct rte_mbuf **m, const struct bc_desc *d,
								   uint32_t n)
{
	return burst_pcapng(p, m, d, n, true);
}
#endif

/* The other formats, one packet at a time. */
ALWAYS uint32_t burst_each(struct bc_pack *p, struct rte_mbuf **m, const struct bc_desc *d, uint32_t n,
			   void (*pack)(struct bc_pack *p, struct rte_mbuf *m, uint64_t ts_ns))
{
	const struct rte_mempool *pool = m[0]->pool;
	const ptrdiff_t data = data_of(m[0]);
	uint32_t gone = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (i + AHEAD < n)
			look_ahead(m[i + AHEAD], &d[i + AHEAD], data);
		pack(p, m[i], d[i].ts_ns);
		if (!alone(m[i], pool)) {
			rte_pktmbuf_free(m[i]);
			m[i] = NULL;
			gone++;
		}
	}
	return gone;
}

static uint32_t close_gaps(struct rte_mbuf **m, uint32_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < n; i++)
		if (m[i])
			m[kept++] = m[i];
	return kept;
}

void bc_pack_burst(struct bc_pack *p, const struct bc_desc *d, uint32_t n)
{
	struct rte_mbuf *m[BC_PACK_BURST];
	struct rte_mempool *pool;
	uint32_t gone;

	m[0] = bc_desc_obj(d);
	for (uint32_t i = 1; i < n; i++)
		m[i] = bc_desc_obj(&d[i]);
	for (uint32_t i = 0; i < AHEAD && i < n; i++)
		look_ahead(m[i], &d[i], sizeof(struct rte_mbuf) + RTE_PKTMBUF_HEADROOM);
	pool = m[0]->pool;
	if (p->framing == BC_FRAMING_IPIP)
		gone = burst_each(p, m, d, n, pack_ipip);
	else if (p->format == BC_FORMAT_ERF)
		gone = burst_each(p, m, d, n, pack_erf);
	else if (p->format != BC_FORMAT_PCAPNG)
		gone = burst_each(p, m, d, n, pack_pcap);
	else if (p->anonymise)
		gone = burst_each(p, m, d, n, pack_pcapng);
#ifdef __x86_64__
	else if (__builtin_cpu_supports("avx2"))
		gone = burst_pcapng_avx2(p, m, d, n);
#endif
	else
		gone = burst_pcapng_any(p, m, d, n);
	if (__builtin_expect(gone, 0))
		n = close_gaps(m, n);
	if (n)
		rte_mempool_put_bulk(pool, (void **)m, n);
}
