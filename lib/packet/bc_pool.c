/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pool.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/queue.h>

#include <rte_errno.h>
#include <rte_mbuf.h>

#include "bc_counter.h"
#include "bc_map_pages.h"

#define OPS_NAME "braidcap"

struct pool {
	struct rte_mempool mp;
	struct rte_pktmbuf_pool_private priv;	/* where DPDK looks for it: behind a mempool without caches */
	uint8_t *memory;
	size_t bytes;

	pthread_mutex_t lock BC_CACHE_ALIGNED;	/* of all below; spins, but not while its holder has lost the CPU */
	uint32_t made;				/* of the mbufs, from the lowest address on */
	uint32_t n;				/* of them, free */
	void *stack[];
};

_Static_assert(offsetof(struct pool, priv) == RTE_MEMPOOL_HEADER_SIZE((struct rte_mempool *)0, 0), "rte_mempool_get_priv");

static struct pool *pool_of(const struct rte_mempool *mp)
{
	return (struct pool *)(uintptr_t)mp;
}

static size_t object_bytes(const struct rte_mempool *mp)
{
	return mp->header_size + mp->elt_size + mp->trailer_size;
}

static struct rte_mbuf *at(const struct pool *p, uint32_t i)
{
	return (struct rte_mbuf *)(p->memory + i * object_bytes(&p->mp) + p->mp.header_size);
}

static void *make(struct pool *p)
{
	struct rte_mempool *mp = &p->mp;
	struct rte_mbuf *m = at(p, p->made);
	struct rte_mempool_objhdr *h = rte_mempool_get_header(m);

	h->mp = mp;
	h->iova = RTE_BAD_IOVA;
	rte_pktmbuf_init(mp, NULL, m, p->made++);
	return m;
}

static int take(struct rte_mempool *mp, void **obj, unsigned n)
{
	struct pool *p = pool_of(mp);
	uint32_t have, used;

	pthread_mutex_lock(&p->lock);
	have = p->n;
	if (have + (mp->size - p->made) < n) {
		pthread_mutex_unlock(&p->lock);
		return -ENOBUFS;
	}
	used = n < have ? n : have;
	for (uint32_t i = 0; i < used; i++)
		obj[i] = p->stack[have - 1 - i];
	p->n = have - used;
	for (uint32_t i = used; i < n; i++)
		obj[i] = make(p);
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static int give(struct rte_mempool *mp, void *const *obj, unsigned n)
{
	struct pool *p = pool_of(mp);
	uint32_t have;

	pthread_mutex_lock(&p->lock);
	have = p->n;
	memcpy(p->stack + have, obj, n * sizeof(*obj));
	p->n = have + n;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

static unsigned count(const struct rte_mempool *mp)
{
	struct pool *p = pool_of(mp);
	uint32_t n;

	pthread_mutex_lock(&p->lock);
	n = p->n + (mp->size - p->made);
	pthread_mutex_unlock(&p->lock);
	return n;
}

/* Only bc_pool_new makes them. */
static int refuse(struct rte_mempool *mp)
{
	return -ENOTSUP;
}

static const struct rte_mempool_ops pool_ops = {
	.name = OPS_NAME,
	.alloc = refuse,
	.enqueue = give,
	.dequeue = take,
	.get_count = count,
};

RTE_MEMPOOL_REGISTER_OPS(pool_ops);

static void init_lock(pthread_mutex_t *lock)
{
	pthread_mutexattr_t attr;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	pthread_mutex_init(lock, &attr);
	pthread_mutexattr_destroy(&attr);
}

struct rte_mempool *bc_pool_new(const char *name, uint32_t mbufs, bool huge)
{
	const size_t size = (sizeof(struct pool) + mbufs * sizeof(void *) + BC_CACHE_LINE - 1) / BC_CACHE_LINE * BC_CACHE_LINE;
	const unsigned flags = RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NO_SPREAD | RTE_MEMPOOL_F_NON_IO;
	struct rte_mempool_objsz sizes;
	size_t bytes = bc_map_pages_round(
		(size_t)mbufs * rte_mempool_calc_obj_size(sizeof(struct rte_mbuf) + RTE_MBUF_DEFAULT_BUF_SIZE, flags, &sizes));
	uint8_t *memory = bc_map_pages(bytes, huge, true);
	struct pool *p = memory ? aligned_alloc(BC_CACHE_LINE, size) : NULL;

	if (!p) {
		if (memory)
			munmap(memory, bytes);
		errno = ENOMEM;
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->memory = memory;
	p->bytes = bytes;
	snprintf(p->mp.name, sizeof(p->mp.name), "%s", name);
	p->mp.socket_id = SOCKET_ID_ANY;
	p->mp.size = p->mp.populated_size = mbufs;
	p->mp.flags = flags;
	p->mp.header_size = sizes.header_size;
	p->mp.elt_size = sizes.elt_size;
	p->mp.trailer_size = sizes.trailer_size;
	p->mp.private_data_size = sizeof(p->priv);
	p->priv.mbuf_data_room_size = RTE_MBUF_DEFAULT_BUF_SIZE;
	STAILQ_INIT(&p->mp.elt_list);
	STAILQ_INIT(&p->mp.mem_list);
	rte_mempool_set_ops_byname(&p->mp, OPS_NAME, NULL);
	p->mp.flags |= RTE_MEMPOOL_F_POOL_CREATED;
	init_lock(&p->lock);
	return &p->mp;
}

bool bc_pool_is_own(const struct rte_mempool *mp)
{
	return rte_mempool_get_ops(mp->ops_index)->dequeue == take;
}

const void *bc_pool_last(const struct rte_mempool *mp)
{
	return at(pool_of(mp), mp->size - 1);
}

void bc_pool_free(struct rte_mempool *mp)
{
	struct pool *p = pool_of(mp);

	munmap(p->memory, p->bytes);
	pthread_mutex_destroy(&p->lock);
	free(p);
}
