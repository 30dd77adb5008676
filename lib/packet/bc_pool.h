/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A pool of mbufs in memory of the process: a mempool as any other to whoever takes mbufs from it or frees them, but
 * made and kept without EAL. No device can use them.
 */
#ifndef BC_POOL_H
#define BC_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mempool.h>

/*
 * mbufs of RTE_MBUF_DEFAULT_BUF_SIZE; any thread may take and free them. Each is made when it is first taken, and the ones freed last
 * are taken first: what is never needed takes no memory. huge: in the user's hugepages, if so many are free. NULL and errno
 * without memory.
 */
struct rte_mempool *bc_pool_new(const char *name, uint32_t mbufs, bool huge);

/* Was mp made here? */
bool bc_pool_is_own(const struct rte_mempool *mp);

/* The mbuf with the highest address. */
const void *bc_pool_last(const struct rte_mempool *mp);

/* All are free, or will never be used again. */
void bc_pool_free(struct rte_mempool *mp);

#endif
