/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_packet.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <rte_errno.h>

#include "bc_desc.h"

#define MBUF_CACHE 512

void bc_packet_copy_chain(uint8_t *dst, const struct rte_mbuf *m, uint32_t len)
{
	for (; m && len; m = m->next) {
		uint32_t n = m->data_len < len ? m->data_len : len;

		memcpy(dst, rte_pktmbuf_mtod(m, const uint8_t *), n);
		dst += n;
		len -= n;
	}
}

int bc_packet_fill(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	struct rte_mbuf *last = m;
	uint32_t left = len;

	for (;;) {
		uint32_t room = rte_pktmbuf_tailroom(last);
		uint32_t n = left < room ? left : room;

		memcpy(rte_pktmbuf_mtod(last, uint8_t *), data, n);
		last->data_len = (uint16_t)n;
		data += n;
		left -= n;
		if (!left)
			break;
		last->next = rte_pktmbuf_alloc(m->pool);
		if (!last->next || m->nb_segs == UINT16_MAX) {
			rte_pktmbuf_free(m->next);
			rte_pktmbuf_reset(m);
			return -ENOBUFS;
		}
		last = last->next;
		m->nb_segs++;
	}
	m->pkt_len = len;
	return 0;
}

static void check_address(struct rte_mempool *mp, void *opaque, void *obj, unsigned idx)
{
	*(bool *)opaque &= bc_desc_fits(obj);
}

struct rte_mempool *bc_packet_pool_new(const char *name, uint32_t mbufs, int numa_node, struct bc_err *err)
{
	struct rte_mempool *mp;
	bool fits = true;

	mp = rte_pktmbuf_pool_create_by_ops(name, mbufs, MBUF_CACHE, 0, RTE_MBUF_DEFAULT_BUF_SIZE, numa_node, "stack");
	if (!mp) {
		bc_err_set(err, -rte_errno, "no memory for %u mbufs (%s): lower --mbufs, or give more hugepages",
			   mbufs, rte_strerror(rte_errno));
		return NULL;
	}
	rte_mempool_obj_iter(mp, check_address, &fits);
	if (!fits) {
		rte_mempool_free(mp);
		bc_err_set(err, -EFAULT, "mbufs lie above 47 bits of address: start with --eal '--base-virtaddr=0x100000000'");
		return NULL;
	}
	return mp;
}
