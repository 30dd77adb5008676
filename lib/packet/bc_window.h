/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The part of the reorder window that no longer fits a source's link: packets in their order, copied out of their mbufs into dense
 * memory, until the merge has room for them. It is held in bytes: a packet of 64 takes 96, in an mbuf it would take 2368, and the
 * mbufs go back to the device while they are in the cache.
 *
 * The memory is what --memory pays for, shared with the outputs, which always keep a part of theirs. One thread, the source's lcore.
 */
#ifndef BC_WINDOW_H
#define BC_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "bc_bufpool.h"
#include "bc_counter.h"
#include "bc_ledger.h"

/* What a packet waits for, which decides how much memory it may take. */
enum bc_window_wait {
	BC_WAIT_ORDER,		/* older packets of other sources: the outputs are at ease */
	BC_WAIT_OUTPUT,		/* an output, which needs its buffers itself */
	BC_WAITS
};

/* Where blocks come from: the pool with the most free buffers, as long as it keeps some for itself. */
struct bc_window_memory {
	uint32_t n_pools;
	struct bc_bufpool *pool[BC_MAX_OUTPUTS];	/* not owned; each buffer holds at least one packet of any size */
	uint32_t keep[BC_WAITS][BC_MAX_OUTPUTS];	/* buffers that are left to the pool's output */
};

struct bc_window_block;

struct bc_window {
	const struct bc_window_memory *memory;		/* not owned; NULL: nothing fits */
	struct bc_window_block *first, *last;
	uint64_t packets;
	bc_counter_t bytes;				/* of blocks held; any thread reads */
	bc_counter_t peak;				/* the most that it was; any thread reads */
};

/* A packet out of the window. */
struct bc_windowed {
	struct rte_mbuf *m;		/* as it went in, with the losses before it marked */
	uint64_t ts_ns;
	uint32_t outputs;
};

static inline bool bc_window_empty(const struct bc_window *w)
{
	return !w->packets;
}

/* Is there memory for packets of usual sizes? */
bool bc_window_has_memory(const struct bc_window *w, enum bc_window_wait wait);

/*
 * Copy a packet behind the last one. drops: packets lost just before it. 0; or -ENOBUFS when there is no memory. The mbuf stays the
 * caller's.
 */
int bc_window_put(struct bc_window *w, const struct rte_mbuf *m, uint64_t ts_ns, uint32_t outputs, uint64_t drops,
		  enum bc_window_wait wait);

/* Take up to max of the oldest packets, into mbufs of pool, marked as source's. Fewer when there are no mbufs. Returns how many. */
uint32_t bc_window_take(struct bc_window *w, struct rte_mempool *pool, uint16_t source, struct bc_windowed *ret, uint32_t max);

/* Give all memory back; what is in it is lost. */
void bc_window_clear(struct bc_window *w);

#endif
