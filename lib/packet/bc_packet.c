/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_packet.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_memzone.h>

#include "bc_pool.h"

#define MBUF_CACHE 512
/* Bytes of pcapng: the option with the drops before a packet; the options' end. */
#define DROPS_OPTION 12U
#define OPTIONS_END 4U
/* A small pool is not to lie in the lcores' caches. */
#define MBUFS_FULL_CACHE 4096U
#define MBUFS_PER_CACHED 16U

void bc_packet_copy_chain(uint8_t *dst, const struct rte_mbuf *m, uint32_t len)
{
	for (; m && len; m = m->next) {
		uint32_t n = m->data_len < len ? m->data_len : len;

		memcpy(dst, rte_pktmbuf_mtod(m, const uint8_t *), n);
		dst += n;
		len -= n;
	}
}

int bc_packet_fill_chain(struct rte_mbuf *m, const uint8_t *data, uint32_t len)
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
			bc_packet_empty(m);
			return -ENOBUFS;
		}
		last = last->next;
		m->nb_segs++;
	}
	m->pkt_len = len;
	return 0;
}

/* Its last mbuf with bytes of its own. */
static const struct rte_mbuf *last_of(const struct rte_mbuf *m)
{
	for (uint32_t left = m->pkt_len; left > m->data_len; m = m->next)
		left -= m->data_len;
	return m;
}

int bc_packet_add_options(struct rte_mbuf *m, const uint8_t *options, uint32_t len)
{
	struct rte_mbuf *last = (struct rte_mbuf *)(uintptr_t)last_of(m), *more;

	if (len <= rte_pktmbuf_tailroom(last)) {
		memcpy(rte_pktmbuf_mtod(last, uint8_t *) + last->data_len, options, len);
	} else {
		more = rte_pktmbuf_alloc(m->pool);
		if (!more || bc_packet_fill(more, options, len) != 0) {
			rte_pktmbuf_free(more);
			return -ENOBUFS;
		}
		last->next = more;
		m->nb_segs = (uint16_t)(m->nb_segs + more->nb_segs);
	}
	m->vlan_tci = (uint16_t)len;
	bc_meta(m)->flags |= BC_META_OPTIONS;
	return 0;
}

void bc_packet_copy_options(uint8_t *dst, const struct rte_mbuf *m)
{
	const struct rte_mbuf *last = last_of(m);

	if (last->next)
		bc_packet_copy_chain(dst, last->next, m->vlan_tci);
	else
		memcpy(dst, rte_pktmbuf_mtod(last, const uint8_t *) + last->data_len, m->vlan_tci);
}

void bc_packet_empty(struct rte_mbuf *m)
{
	rte_pktmbuf_free(m->next);
	rte_pktmbuf_reset(m);
}

uint32_t bc_packet_data_bytes(const struct bc_desc *d, uint32_t snaplen)
{
	const struct rte_mbuf *m = bc_desc_obj(d);

	return ((m->pkt_len < snaplen ? m->pkt_len : snaplen) + 3) & ~3U;
}

uint32_t bc_packet_record_bytes(const struct bc_desc *d, uint32_t snaplen)
{
	struct rte_mbuf *m = bc_desc_obj(d);
	uint32_t options = bc_packet_options_len(m) + (bc_meta(m)->flags & BC_META_DROPS ? DROPS_OPTION : 0);

	return bc_packet_data_bytes(d, snaplen) + options + (options ? OPTIONS_END : 0);
}

static void check_address(struct rte_mempool *mp, void *opaque, void *obj, unsigned idx)
{
	*(bool *)opaque &= bc_desc_fits(obj);
}

static void free_zone(struct rte_mempool_memhdr *hdr, void *zone)
{
	rte_memzone_free(zone);
}

static int fill_from_eal(struct rte_mempool *mp, size_t bytes)
{
	const struct rte_memzone *zone;
	char name[RTE_MEMZONE_NAMESIZE];
	int r;

	snprintf(name, sizeof(name), "mbufs %s", mp->name);
	zone = rte_memzone_reserve(name, bytes, mp->socket_id, 0);
	if (!zone)
		return -rte_errno;
	r = rte_mempool_populate_iova(mp, zone->addr, zone->iova, zone->len, free_zone, (void *)(uintptr_t)zone);
	if (r <= 0) {
		rte_memzone_free(zone);
		return r ? r : -ENOMEM;
	}
	return (uint32_t)r < mp->size ? -ENOMEM : 0;
}

static uint32_t cache_size(uint32_t mbufs)
{
	return mbufs >= MBUFS_FULL_CACHE ? MBUF_CACHE : mbufs / MBUFS_PER_CACHED;
}

/*
 * Without hugepages rte_pktmbuf_pool_create gives each mbuf a page of its own, so that all their headers fall into the same few
 * sets of a cache. Where devices see the addresses that we see, nothing asks for that: they lie as close as in a hugepage.
 */
static struct rte_mempool *new_dense(const char *name, uint32_t mbufs, int numa_node)
{
	struct rte_pktmbuf_pool_private priv = { .mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE };
	struct rte_mempool *mp = rte_mempool_create_empty(name, mbufs, sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE,
							  cache_size(mbufs), sizeof(priv), numa_node, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	size_t bytes;
	int r;

	if (!mp)
		return NULL;
	r = rte_mempool_set_ops_byname(mp, "stack", NULL);
	rte_pktmbuf_pool_init(mp, &priv);
	bytes = (size_t)(mp->header_size + mp->elt_size + mp->trailer_size) * mp->size + RTE_CACHE_LINE_SIZE;
	if (!r)
		r = fill_from_eal(mp, bytes);
	if (r) {
		rte_mempool_free(mp);
		rte_errno = -r;
		return NULL;
	}
	rte_mempool_obj_iter(mp, rte_pktmbuf_init, NULL);
	return mp;
}

static struct rte_mempool *new_eals(const char *name, uint32_t mbufs, int numa_node)
{
	if (!rte_eal_has_hugepages() && rte_eal_iova_mode() == RTE_IOVA_VA)
		return new_dense(name, mbufs, numa_node);
	return rte_pktmbuf_pool_create_by_ops(name, mbufs, cache_size(mbufs), 0, RTE_MBUF_DEFAULT_BUF_SIZE, numa_node, "stack");
}

static bool fits(struct rte_mempool *mp)
{
	bool fits = true;

	if (bc_pool_is_own(mp))
		return bc_desc_fits(bc_pool_last(mp));
	rte_mempool_obj_iter(mp, check_address, &fits);
	return fits;
}

static struct rte_mempool *new_pool(const struct bc_packet_pool_config *cfg)
{
	if (cfg->devices)
		return new_eals(cfg->name, cfg->mbufs, cfg->numa_node);
	return bc_pool_new(cfg->name, cfg->mbufs, cfg->huge);
}

struct rte_mempool *bc_packet_pool_new(const struct bc_packet_pool_config *cfg, struct bc_err *err)
{
	struct rte_mempool *mp = new_pool(cfg);

	if (!mp) {
		bc_err_set(err, -ENOMEM, "no memory for %u mbufs (%s): lower --mbufs, or give more hugepages", cfg->mbufs,
			   cfg->devices ? rte_strerror(rte_errno) : strerror(errno));
		return NULL;
	}
	if (!fits(mp)) {
		bc_packet_pool_free(mp);
		bc_err_set(err, -EFAULT, "mbuf addresses need more than 47 bits: start with --eal "
			   "'--base-virtaddr=0x100000000'");
		return NULL;
	}
	return mp;
}

void bc_packet_pool_free(struct rte_mempool *mp)
{
	if (mp && bc_pool_is_own(mp))
		bc_pool_free(mp);
	else
		rte_mempool_free(mp);
}
