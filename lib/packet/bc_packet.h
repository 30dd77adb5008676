/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What braidcap keeps of a packet inside its mbuf, in fields that a received packet does not need:
 *   hash        (first cache line)   struct bc_meta
 *   port        (first cache line)   the interface's index
 *   vlan_tci    (first cache line)   bytes of options behind its own; only valid with BC_META_OPTIONS
 *   tx_offload  (second cache line)  packets lost just before this one; only valid with BC_META_DROPS
 * Written by the source, read by the lanes.
 */
#ifndef BC_PACKET_H
#define BC_PACKET_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_desc.h"
#include "bc_err.h"

#define BC_META_DROPS 1U
#define BC_META_OPTIONS 2U	/* a file had options of pcapng with it */
#define BC_META_QUEUE 4U	/* one of them is epb_queue */
/* From here on the flags are the epoch of the packet's stamp (bc_steps.h). */
#define BC_META_EPOCH_SHIFT 8

struct bc_meta {
	uint32_t wire_len;
	uint16_t source;
	uint16_t flags;
} __attribute__((may_alias));

_Static_assert(sizeof(struct bc_meta) <= sizeof(((struct rte_mbuf *)0)->hash), "the meta data lie over the hash");

static inline struct bc_meta *bc_meta(struct rte_mbuf *m)
{
	return (struct bc_meta *)&m->hash;
}

static inline uint8_t bc_meta_epoch(struct rte_mbuf *m)
{
	return (uint8_t)(bc_meta(m)->flags >> BC_META_EPOCH_SHIFT);
}

/* Of a packet that has none yet. */
static inline void bc_meta_set_epoch(struct rte_mbuf *m, uint8_t epoch)
{
	bc_meta(m)->flags |= (uint16_t)(epoch << BC_META_EPOCH_SHIFT);
}

/* The captured bytes, first to last; dst has room for len <= pkt_len bytes. */
void bc_packet_copy_chain(uint8_t *dst, const struct rte_mbuf *m, uint32_t len);

/* bc_packet_fill, for what one mbuf does not hold. */
int bc_packet_fill_chain(struct rte_mbuf *m, const uint8_t *data, uint32_t len);

/*
 * Fill *m, an empty mbuf, and as many more of its pool as are needed, with len bytes. 0, or -ENOBUFS: m is then empty again.
 */
static inline int bc_packet_fill(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
{
	if (__builtin_expect(len > rte_pktmbuf_tailroom(m), 0))
		return bc_packet_fill_chain(m, data, len);
	memcpy(rte_pktmbuf_mtod(m, uint8_t *), data, len);
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	return 0;
}

/* The most bytes of a packet's options. */
#define BC_PACKET_OPTIONS_MAX 65532U

/*
 * Options for the record of m, which has been filled and has its meta data: len bytes, a multiple of 4, as pcapng has them, without their
 * end. They lie behind the packet's bytes in its last mbuf, or in more mbufs behind that; no length of m but nb_segs counts them. 0,
 * or -ENOBUFS: m is as it was.
 */
int bc_packet_add_options(struct rte_mbuf *m, const uint8_t *options, uint32_t len);

/* Their bytes; 0: it has none. */
static inline uint32_t bc_packet_options_len(const struct rte_mbuf *m)
{
	return bc_meta((struct rte_mbuf *)(uintptr_t)m)->flags & BC_META_OPTIONS ? m->vlan_tci : 0;
}

/* dst has room for them. */
void bc_packet_copy_options(uint8_t *dst, const struct rte_mbuf *m);

/* Free what a filled mbuf of one owner has beside itself: it is empty then. */
void bc_packet_empty(struct rte_mbuf *m);

/*
 * What the descriptor of a packet stands for that does not tell it, under this snaplen: bytes of its data, in records of pcapng also those
 * of its options. For bc_chunker_config.
 */
uint32_t bc_packet_data_bytes(const struct bc_desc *d, uint32_t snaplen);
uint32_t bc_packet_record_bytes(const struct bc_desc *d, uint32_t snaplen);

struct bc_packet_pool_config {
	const char *name;
	uint32_t mbufs;
	bool devices;		/* drivers of DPDK are to use them: they are EAL's memory, which needs EAL; otherwise bc_pool.h's */
	int numa_node;		/* for devices; SOCKET_ID_ANY: wherever there is memory */
	bool huge;		/* for no devices: as bc_pool_new */
};

/* A pool of mbufs, which descriptors can name (bc_desc.h), or NULL and a line in err that says how to get more memory. */
struct rte_mempool *bc_packet_pool_new(const struct bc_packet_pool_config *cfg, struct bc_err *err);
/* Takes NULL. Its mbufs are free, or will never be used again. */
void bc_packet_pool_free(struct rte_mempool *mp);

#endif
