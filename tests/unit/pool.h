/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of mbufs that every test must leave full. */
#ifndef POOL_H
#define POOL_H

#include "bc_test.h"

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "bc_packet.h"

static inline struct rte_mempool *mbuf_pool(uint32_t mbufs)
{
	const struct bc_packet_pool_config cfg = { .name = "test", .mbufs = mbufs };
	struct bc_err err = { "" };
	struct rte_mempool *pool = bc_packet_pool_new(&cfg, &err);

	if (!pool)
		fail_msg("%s", err.msg);
	return pool;
}

static inline void assert_pool_full(const struct rte_mempool *pool)
{
	assert_int_equal(rte_mempool_avail_count(pool), pool->size);
}

#endif
