/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The steps of the system clock during a capture. Order needs a time that goes on evenly, so packets travel with steady time: UTC as
 * it would be without these steps. An epoch is what lies between two of them, and says how far steady time is ahead of UTC in it.
 * Epoch 0 is that of the capture's begin, and of all that has nothing to do with the clock: its steady time is UTC.
 */
#ifndef BC_STEPS_H
#define BC_STEPS_H

#include <stdatomic.h>
#include <stdint.h>

/* Of 8 bits, used again in turn: what was stamped so many steps ago has long been written. */
#define BC_EPOCHS 256

struct bc_steps {
	_Atomic uint32_t n;		/* steps so far. One thread writes all of it, any thread reads */
	struct {
		_Atomic uint64_t from_ns;	/* steady time of its begin */
		_Atomic uint64_t ahead_ns;	/* steady time less UTC; as a signed number */
	} epoch[BC_EPOCHS];
};

static inline uint32_t bc_steps_count(const struct bc_steps *s)
{
	return atomic_load_explicit(&s->n, memory_order_acquire);
}

/* The epoch that begins with step n; 0: before the first one. */
static inline uint8_t bc_steps_epoch(uint32_t n)
{
	return n ? (uint8_t)(1 + (n - 1) % (BC_EPOCHS - 1)) : 0;
}

static inline uint64_t bc_steps_ahead(const struct bc_steps *s, uint8_t epoch)
{
	return atomic_load_explicit(&s->epoch[epoch].ahead_ns, memory_order_relaxed);
}

static inline uint64_t bc_steps_from(const struct bc_steps *s, uint8_t epoch)
{
	return atomic_load_explicit(&s->epoch[epoch].from_ns, memory_order_relaxed);
}

/* Writer: from steady time from_ns on, steady time is ahead_ns ahead. */
static inline void bc_steps_add(struct bc_steps *s, uint64_t from_ns, uint64_t ahead_ns)
{
	const uint32_t n = atomic_load_explicit(&s->n, memory_order_relaxed) + 1;

	atomic_store_explicit(&s->epoch[bc_steps_epoch(n)].from_ns, from_ns, memory_order_relaxed);
	atomic_store_explicit(&s->epoch[bc_steps_epoch(n)].ahead_ns, ahead_ns, memory_order_relaxed);
	atomic_store_explicit(&s->n, n, memory_order_release);
}

#endif
