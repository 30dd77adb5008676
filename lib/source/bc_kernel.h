/* SPDX-License-Identifier: BSD-3-Clause */
/* What the two ways to an interface of the kernel have in common: libpcap, and a ring of our own. */
#ifndef BC_KERNEL_H
#define BC_KERNEL_H

#include <stdio.h>

#include "bc_packet.h"
#include "bc_source.h"
#include "bc_time.h"

/* How long the kernel may keep a packet before it hands a buffered block over, and how late that itself may be. */
#define BC_KERNEL_HOLD_MS 20
#define BC_KERNEL_LATENESS_NS (40 * BC_NS_PER_MS)
/* And where it keeps none. */
#define BC_KERNEL_PROMPT_LATENESS_NS (5 * BC_NS_PER_MS)

/* Empty mbufs for the next packets; taken from the end. */
struct bc_spare {
	struct rte_mbuf *mbuf[BC_BURST];
	uint32_t n;
};

/* As many empty mbufs as there are to be had, up to max. */
static inline uint32_t bc_spare_refill(struct bc_spare *p, struct rte_mempool *pool, uint32_t max)
{
	if (p->n < max && rte_pktmbuf_alloc_bulk(pool, p->mbuf + p->n, max - p->n) == 0)
		p->n = max;
	return p->n;
}

/*
 * A packet of the kernel's into the next spare mbuf, of which there is one, and the batch; without room for its bytes
 * it is lost.
 */
static inline void bc_spare_take(struct bc_spare *p, struct bc_source *s, struct bc_batch *b, const uint8_t *data,
				 uint32_t caplen, uint32_t wire_len, uint64_t ts_ns)
{
	struct rte_mbuf *m = p->mbuf[p->n - 1];

	if (bc_packet_fill(m, data, caplen) != 0) {
		bc_source_dropped(s, BC_LOSS_NO_BUFFER, 1, wire_len);
		return;
	}
	p->n--;
	m->port = (uint16_t)s->account->iface;
	*bc_meta(m) = (struct bc_meta){ .wire_len = wire_len, .source = s->index };
	b->ts_ns[b->n] = ts_ns;
	b->mbuf[b->n++] = m;
}

/* Print the link types that libpcap offers for an interface. 0, or a negative errno with a line in err. */
int bc_linktypes_print(FILE *f, const char *interface, struct bc_err *err);

/* What is the same for every source that is a buffer of the kernel's. */
void bc_kernel_setup(struct bc_source *s, const struct bc_source_config *cfg);

/*
 * Sources over cfg->queues rings of our own, for the interface cfg->target, into ret[0] and on: 0, or a negative errno,
 * where libpcap is to try and to find the words.
 */
int bc_kernel_ring_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret);

#endif
