/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL without hugepages, devices or shared files, and one pool of mbufs that every test must leave full. */
#ifndef EAL_H
#define EAL_H

#include "bc_test.h"

#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "bc_packet.h"

static inline struct rte_mempool *eal_pool(uint32_t mbufs)
{
	static char *argv[] = { "test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "192", "-l", "0",
				"--iova-mode=va", "--log-level=*:error" };
	struct bc_err err = { "" };
	struct rte_mempool *pool;

	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0)
		BC_SKIP("EAL does not start here");
	pool = bc_packet_pool_new("test", mbufs, SOCKET_ID_ANY, true, &err);
	if (!pool)
		fail_msg("%s", err.msg);
	return pool;
}

static inline void assert_pool_full(const struct rte_mempool *pool)
{
	assert_int_equal(rte_mempool_avail_count(pool), pool->size);
}

#endif
