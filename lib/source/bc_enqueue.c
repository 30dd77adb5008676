/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_enqueue.h"

#include "bc_packet.h"

/* Bytes that a dropcount option adds to a record; see bc_pcapng.h. */
#define DROPCOUNT_BYTES 16
/* Packets from the window in one round: more than a round brings, so that the window empties under full load. */
#define WINDOWED_MAX (4 * BC_BURST)

/* The descriptor of one packet, marked if packets were lost just before it. */
static inline struct bc_desc make_desc(struct rte_mbuf *m, uint64_t ts_ns, uint32_t outputs)
{
	uint32_t bytes = m->pkt_len;

	if (__builtin_expect(bc_meta(m)->flags & (BC_META_DROPS | BC_META_OPTIONS), 0))
		bytes = bc_meta(m)->flags & BC_META_OPTIONS ? 4 * BC_DESC_LEN_MAX : ((bytes + 3) & ~3U) + DROPCOUNT_BYTES;
	if (__builtin_expect(outputs & (outputs - 1), 0))
		rte_pktmbuf_refcnt_update(m, (int16_t)(__builtin_popcount(outputs) - 1));
	return (struct bc_desc){ ts_ns < BC_TS_MAX ? ts_ns : BC_TS_MAX, bc_desc_word(m, bytes, outputs) };
}

static inline uint64_t drops_of(const struct rte_mbuf *m)
{
	return bc_meta((struct rte_mbuf *)m)->flags & BC_META_DROPS ? m->tx_offload : 0;
}

/* The packet carries the number of packets lost before it. */
static void mark_gap(struct bc_source *s, struct rte_mbuf *m)
{
	m->tx_offload = s->gap + drops_of(m);
	bc_meta(m)->flags |= BC_META_DROPS;
	s->gap = 0;
}

static inline uint8_t all_outputs(const struct bc_source *s)
{
	return (uint8_t)((1U << s->env.n_outputs) - 1);
}

/*
 * Room for want packets in the link. Where packets take several mbufs it ends sooner: with more than its share a source could leave
 * none to another one, for whose packets the merge waits before it takes those of this one.
 */
static inline uint32_t link_room(struct bc_source *s, uint32_t want)
{
	uint32_t room = bc_link_room(s->link, want), most, fill;

	if (__builtin_expect(s->most_segs <= 1 || !s->window.memory, 1))
		return room;
	most = s->env.mbufs_share > 2 * s->most_segs ? s->env.mbufs_share / (2 * s->most_segs) : 1;
	fill = bc_link_fill(s->link);
	return fill >= most ? 0 : room < most - fill ? room : most - fill;
}

static inline void into_link(struct bc_source *s, struct bc_batch *b, const uint8_t *mask, uint32_t first, uint32_t n)
{
	const struct bc_link_slots slots = bc_link_slots(s->link);
	const uint8_t all = all_outputs(s);

	if (__builtin_expect(s->gap != 0 && n, 0))
		mark_gap(s, b->mbuf[first]);
	for (uint32_t i = 0; i < n; i++)
		*bc_link_at(&slots, i) = make_desc(b->mbuf[first + i], b->ts_ns[first + i], mask ? mask[first + i] : all);
	bc_link_push(s->link, n);
}

static enum bc_window_wait waits_for(const struct bc_source *s)
{
	return s->merge_blocked && atomic_load_explicit(s->merge_blocked, memory_order_relaxed) ? BC_WAIT_OUTPUT : BC_WAIT_ORDER;
}

/*
 * Where one lcore does everything, packets that wait for an output are left to the buffers behind the merge: copying them here too
 * would cost the time that is short. But none overtakes what lies in the window.
 */
static bool may_use_window(const struct bc_source *s)
{
	return s->window.memory && (s->own_lcore || !bc_window_empty(&s->window) || waits_for(s) == BC_WAIT_ORDER);
}

static uint32_t into_window(struct bc_source *s, struct bc_batch *b, const uint8_t *mask, uint32_t first)
{
	const uint8_t all = all_outputs(s);
	const enum bc_window_wait wait = waits_for(s);
	uint32_t i = first;

	for (; i < b->n; i++) {
		if (bc_window_put(&s->window, b->mbuf[i], b->ts_ns[i], mask ? mask[i] : all, s->gap + drops_of(b->mbuf[i]),
				  wait) != 0)
			break;
		s->gap = 0;
	}
	rte_pktmbuf_free_bulk(b->mbuf + first, i - first);
	return i;
}

uint32_t bc_enqueue(struct bc_source *s, struct bc_batch *b, const uint8_t *mask, uint32_t first)
{
	uint32_t n = 0;

	if (__builtin_expect(bc_window_empty(&s->window), 1)) {
		n = link_room(s, b->n - first);
		n = n < b->n - first ? n : b->n - first;
		if (mask)
			into_link(s, b, mask, first, n);
		else
			into_link(s, b, NULL, first, n);
	}
	if (__builtin_expect(first + n < b->n && may_use_window(s), 0))
		return into_window(s, b, mask, first + n);
	return first + n;
}

uint32_t bc_enqueue_windowed(struct bc_source *s)
{
	struct bc_windowed w[BC_BURST];
	uint32_t moved = 0, n;

	while (!bc_window_empty(&s->window) && moved < WINDOWED_MAX) {
		uint32_t room = link_room(s, BC_BURST);
		const struct bc_link_slots slots = bc_link_slots(s->link);

		n = bc_window_take(&s->window, s->env.pool, s->index, w, room < BC_BURST ? room : BC_BURST);
		for (uint32_t i = 0; i < n; i++)
			*bc_link_at(&slots, i) = make_desc(w[i].m, w[i].ts_ns, w[i].outputs);
		bc_link_push(s->link, n);
		moved += n;
		if (!n)
			break;
	}
	return moved;
}

bool bc_enqueue_ready(struct bc_source *s)
{
	if (bc_window_empty(&s->window) && bc_link_room(s->link, BC_BURST) >= BC_BURST && link_room(s, BC_BURST))
		return true;
	return may_use_window(s) && bc_window_has_memory(&s->window, waits_for(s));
}

enum bc_loss bc_enqueue_loss(const struct bc_source *s)
{
	return s->window.memory && waits_for(s) == BC_WAIT_ORDER ? BC_LOSS_ORDER_WAIT : BC_LOSS_LINK_FULL;
}
