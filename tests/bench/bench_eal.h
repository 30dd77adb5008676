/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL and a pool of mbufs for benchmarks: no devices, no hugepages, an lcore for each CPU that is asked for. */
#ifndef BENCH_EAL_H
#define BENCH_EAL_H

#include "bench.h"

#include <rte_eal.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "bc_packet.h"

/* Without hugepages an mbuf takes a whole page. */
#define BENCH_MBUF_PAGE ((uint64_t)4096)

/* lcore i on CPU i; the caller is lcore 0. Ends the program with SKIP where EAL does not start. */
static inline void bench_eal(uint64_t mbufs, uint32_t lcores)
{
	static char memory[16], list[2048];
	static char *argv[] = { "bench", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", memory, "--lcores", list,
				"--iova-mode=va", "--log-level=*:error" };
	size_t at = 0;

	snprintf(memory, sizeof(memory), "%" PRIu64, (mbufs * BENCH_MBUF_PAGE >> 20) + 96);
	for (uint32_t i = 0; i < lcores; i++)
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%u@%u", i ? "," : "", i, i);
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0) {
		fprintf(stderr, "SKIP: EAL does not start here\n");
		exit(77);
	}
}

static inline struct rte_mempool *bench_pool(const char *name, uint32_t mbufs)
{
	const struct bc_packet_pool_config cfg = { .name = name, .mbufs = mbufs, .devices = true, .numa_node = SOCKET_ID_ANY };
	struct bc_err err = { "" };
	struct rte_mempool *pool = bc_packet_pool_new(&cfg, &err);

	if (!pool) {
		fprintf(stderr, "SKIP: %s\n", err.msg);
		exit(77);
	}
	return pool;
}

/* As a source hands it over: len bytes that are there already. */
static inline void bench_receive(struct rte_mbuf *m, uint32_t len)
{
	m->data_len = (uint16_t)len;
	m->pkt_len = len;
	m->port = 0;
	*bc_meta(m) = (struct bc_meta){ .wire_len = len };
}

#endif
