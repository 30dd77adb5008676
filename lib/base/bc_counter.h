/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A counter with one writer and any number of readers, without locked instructions. Who reads a value of it then also reads, of the
 * counters of all whose work the writer had seen, no older values than these had at that time.
 */
#ifndef BC_COUNTER_H
#define BC_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>

#define BC_CACHE_LINE 64
#define BC_CACHE_ALIGNED __attribute__((aligned(BC_CACHE_LINE)))

typedef struct {
	_Atomic uint64_t v;
} bc_counter_t;

/* Only the counter's one writing thread calls this: a plain load and store, seen whole by readers. */
static inline void bc_counter_add(bc_counter_t *c, uint64_t n)
{
	atomic_store_explicit(&c->v, atomic_load_explicit(&c->v, memory_order_relaxed) + n, memory_order_release);
}

static inline void bc_counter_set(bc_counter_t *c, uint64_t v)
{
	atomic_store_explicit(&c->v, v, memory_order_release);
}

/* Any thread. */
static inline uint64_t bc_counter_get(const bc_counter_t *c)
{
	return atomic_load_explicit(&c->v, memory_order_acquire);
}

#endif
