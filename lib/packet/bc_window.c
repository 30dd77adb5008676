/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_window.h"

#include <errno.h>
#include <string.h>

#include "bc_packet.h"

/* Packets that get their mbufs at once. */
#define BULK 64
/* What a packet of an Ethernet link usually takes at the most. */
#define USUAL_BYTES 2048U

/* Before a packet's bytes. Times, drops and lengths as bc_packet.h has them. */
struct record {
	uint64_t ts_ns;
	uint64_t drops;
	uint32_t caplen;
	uint32_t wire_len;
	uint16_t iface;
	uint8_t outputs;
	uint8_t epoch;
	uint16_t options;	/* bytes of them behind the packet's; 0: none */
	bool has_queue;
	uint8_t pad[1];
};

_Static_assert(sizeof(struct record) == 32, "half a cache line before each packet");

struct bc_window_block {
	struct bc_window_block *next;
	struct bc_bufpool *pool;
	uint32_t head, tail;		/* bytes of data that were taken, and put */
	uint32_t size;
	uint8_t data[] __attribute__((aligned(64)));
};

static inline uint32_t record_bytes(uint32_t bytes)
{
	return (uint32_t)sizeof(struct record) + ((bytes + 7) & ~7U);
}

/* The pool with the most free buffers of at least size bytes; -1: none has one to spare. */
static int best_pool(const struct bc_window_memory *memory, enum bc_window_wait wait, uint32_t size)
{
	uint32_t most = 0;
	int best = -1;

	for (uint32_t i = 0; memory && i < memory->n_pools; i++) {
		uint32_t n = bc_bufpool_available(memory->pool[i]), keep = memory->keep[wait][i];

		if (n > keep && n - keep > most && bc_bufpool_size(memory->pool[i]) >= size) {
			most = n - keep;
			best = (int)i;
		}
	}
	return best;
}

static struct bc_window_block *new_block(const struct bc_window_memory *memory, enum bc_window_wait wait, uint32_t need)
{
	struct bc_window_block *b = NULL;
	int i = best_pool(memory, wait, (uint32_t)sizeof(*b) + need);

	if (i >= 0)
		b = (struct bc_window_block *)bc_bufpool_get(memory->pool[i], memory->keep[wait][i]);
	if (b)
		*b = (struct bc_window_block){ .pool = memory->pool[i],
					       .size = bc_bufpool_size(memory->pool[i]) - (uint32_t)sizeof(*b) };
	return b;
}

/* The block that has room for so many bytes, or NULL. */
static struct bc_window_block *room(struct bc_window *w, enum bc_window_wait wait, uint32_t need)
{
	struct bc_window_block *b = w->last;
	uint64_t bytes;

	if (__builtin_expect(b && b->size - b->tail >= need, 1))
		return b;
	b = new_block(w->memory, wait, need);
	if (!b)
		return NULL;
	if (w->last)
		w->last->next = b;
	else
		w->first = b;
	w->last = b;
	bc_counter_add(&w->bytes, b->size);
	bytes = bc_counter_get(&w->bytes);
	if (bytes > bc_counter_get(&w->peak))
		bc_counter_set(&w->peak, bytes);
	return b;
}

static void drop_first(struct bc_window *w)
{
	struct bc_window_block *b = w->first;

	w->first = b->next;
	if (!w->first)
		w->last = NULL;
	bc_counter_set(&w->bytes, bc_counter_get(&w->bytes) - b->size);
	bc_bufpool_put(b->pool, (uint8_t *)b);
}

bool bc_window_has_memory(const struct bc_window *w, enum bc_window_wait wait)
{
	return (w->last && w->last->size - w->last->tail >= USUAL_BYTES) || best_pool(w->memory, wait, USUAL_BYTES) >= 0;
}

int bc_window_put(struct bc_window *w, const struct rte_mbuf *m, uint64_t ts_ns, uint32_t outputs, uint64_t drops,
		  enum bc_window_wait wait)
{
	const uint32_t options = bc_packet_options_len(m), bytes = record_bytes(m->pkt_len + options);
	struct bc_window_block *b = room(w, wait, bytes);
	struct record *r;

	if (!b)
		return -ENOBUFS;
	r = (struct record *)(b->data + b->tail);
	*r = (struct record){ .ts_ns = ts_ns, .drops = drops, .caplen = m->pkt_len, .wire_len = bc_meta((struct rte_mbuf *)m)->wire_len,
			      .iface = m->port, .outputs = (uint8_t)outputs, .epoch = bc_meta_epoch((struct rte_mbuf *)m), .options = (uint16_t)options,
			      .has_queue = options && bc_meta((struct rte_mbuf *)m)->flags & BC_META_QUEUE };
	if (__builtin_expect(m->nb_segs == 1, 1))
		memcpy(r + 1, rte_pktmbuf_mtod(m, const uint8_t *), m->data_len);
	else
		bc_packet_copy_chain((uint8_t *)(r + 1), m, m->pkt_len);
	if (__builtin_expect(options != 0, 0))
		bc_packet_copy_options((uint8_t *)(r + 1) + m->pkt_len, m);
	b->tail += bytes;
	w->packets++;
	return 0;
}

/* The oldest packet, which there is. */
static const struct record *oldest(struct bc_window *w)
{
	while (w->first->head == w->first->tail)
		drop_first(w);
	return (const struct record *)(w->first->data + w->first->head);
}

static inline void restore(struct rte_mbuf *m, const struct record *r, uint16_t source)
{
	*bc_meta(m) = (struct bc_meta){ .wire_len = r->wire_len, .source = source };
	m->port = r->iface;
	bc_meta_set_epoch(m, r->epoch);
	if (__builtin_expect(r->drops != 0, 0)) {
		bc_meta(m)->flags |= BC_META_DROPS;
		m->tx_offload = r->drops;
	}
}

/* False: there are no mbufs for them. */
static bool restore_options(struct rte_mbuf *m, const struct record *r)
{
	if (bc_packet_add_options(m, (const uint8_t *)(r + 1) + r->caplen, r->options) != 0)
		return false;
	if (r->has_queue)
		bc_meta(m)->flags |= BC_META_QUEUE;
	return true;
}

uint32_t bc_window_take(struct bc_window *w, struct rte_mempool *pool, uint16_t source, struct bc_windowed *ret, uint32_t max)
{
	struct rte_mbuf *m[BULK];
	uint32_t n = 0;

	if (max > BULK)
		max = BULK;
	if (max > w->packets)
		max = (uint32_t)w->packets;
	if (!max || rte_pktmbuf_alloc_bulk(pool, m, max) != 0)
		return 0;
	for (; n < max; n++) {
		const struct record *r = oldest(w);

		if (bc_packet_fill(m[n], (const uint8_t *)(r + 1), r->caplen) != 0)
			break;
		restore(m[n], r, source);
		if (__builtin_expect(r->options != 0, 0) && !restore_options(m[n], r))
			break;
		ret[n] = (struct bc_windowed){ .m = m[n], .ts_ns = r->ts_ns, .outputs = r->outputs };
		w->first->head += record_bytes(r->caplen + r->options);
		w->packets--;
	}
	rte_pktmbuf_free_bulk(m + n, max - n);
	if (!w->packets)
		bc_window_clear(w);
	return n;
}

void bc_window_clear(struct bc_window *w)
{
	while (w->first)
		drop_first(w);
	w->packets = 0;
}
