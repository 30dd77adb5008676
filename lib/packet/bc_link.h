/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A bounded queue of descriptors from one producer thread to one consumer thread, with the producer's watermark beside it.
 * Indices run freely over 32 bits; their difference is the fill, which is right across the wrap because the size is a
 * power of two. Each side keeps a copy of the other's index and re-reads it only when the copy says full or empty.
 */
#ifndef BC_LINK_H
#define BC_LINK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "bc_counter.h"
#include "bc_desc.h"

/* The watermark of a source that has ended: nothing will follow. */
#define BC_WATERMARK_END UINT64_MAX

struct bc_link {
	struct {
		_Atomic uint32_t tail;		/* producer writes, consumer reads */
		uint32_t head_seen;		/* producer only */
	} p BC_CACHE_ALIGNED;
	struct {
		_Atomic uint32_t head;		/* consumer writes, producer reads */
		uint32_t tail_seen;		/* consumer only */
	} c BC_CACHE_ALIGNED;
	_Atomic uint64_t watermark_ns BC_CACHE_ALIGNED;	/* producer writes, consumer reads */
	_Atomic bool absent;			/* producer writes, consumer reads */
	_Atomic bool barrier;			/* producer sets, consumer clears */
	uint32_t size BC_CACHE_ALIGNED;		/* constant */
	struct bc_desc *ring;			/* constant */
};

/* The largest size: indices of 32 bits tell a full link from an empty one. */
#define BC_LINK_MAX (1U << 31)

/* size is rounded up to a power of two of at least 64. NULL without memory or beyond BC_LINK_MAX; free takes NULL. */
struct bc_link *bc_link_new(uint32_t size);
void bc_link_free(struct bc_link *l);

/* Producer: how many descriptors can be put now; exact when it is less than want. */
static inline uint32_t bc_link_room(struct bc_link *l, uint32_t want)
{
	uint32_t tail = atomic_load_explicit(&l->p.tail, memory_order_relaxed);
	uint32_t room = l->size - (tail - l->p.head_seen);

	if (room < want) {
		l->p.head_seen = atomic_load_explicit(&l->c.head, memory_order_acquire);
		room = l->size - (tail - l->p.head_seen);
	}
	return room;
}

/* Producer: the slot i places behind the tail, within the room; bc_link_push makes the first n visible. */
static inline struct bc_desc *bc_link_slot(struct bc_link *l, uint32_t i)
{
	return &l->ring[(atomic_load_explicit(&l->p.tail, memory_order_relaxed) + i) & (l->size - 1)];
}

/* The same for many: what bc_link_slot reads each time, read once. Good until the next push. */
struct bc_link_slots {
	struct bc_desc *ring;
	uint32_t tail, mask;
};

static inline struct bc_link_slots bc_link_slots(const struct bc_link *l)
{
	return (struct bc_link_slots){ l->ring, atomic_load_explicit(&l->p.tail, memory_order_relaxed), l->size - 1 };
}

static inline struct bc_desc *bc_link_at(const struct bc_link_slots *s, uint32_t i)
{
	return &s->ring[(s->tail + i) & s->mask];
}

static inline void bc_link_push(struct bc_link *l, uint32_t n)
{
	uint32_t tail = atomic_load_explicit(&l->p.tail, memory_order_relaxed);

	atomic_store_explicit(&l->p.tail, tail + n, memory_order_release);
}

/* Producer: one descriptor, whose room was checked. */
static inline void bc_link_put(struct bc_link *l, uint64_t ts_ns, uint64_t word)
{
	*bc_link_slot(l, 0) = (struct bc_desc){ ts_ns, word };
	bc_link_push(l, 1);
}

/* Producer, after the packets that it covers were pushed: no packet older than ns will follow. */
static inline void bc_link_set_watermark(struct bc_link *l, uint64_t ns)
{
	atomic_store_explicit(&l->watermark_ns, ns, memory_order_release);
}

/* Consumer: read BEFORE bc_link_peek; if that then finds the link empty, nothing older than this will ever come. */
static inline uint64_t bc_link_watermark(const struct bc_link *l)
{
	return atomic_load_explicit(&l->watermark_ns, memory_order_acquire);
}

/* Consumer: the oldest descriptors, as many as are contiguous (0: empty). They stay until bc_link_pop. */
static inline uint32_t bc_link_peek(struct bc_link *l, const struct bc_desc **ret)
{
	uint32_t head = atomic_load_explicit(&l->c.head, memory_order_relaxed);
	uint32_t n = l->c.tail_seen - head;
	uint32_t at = head & (l->size - 1);

	if (n == 0) {
		l->c.tail_seen = atomic_load_explicit(&l->p.tail, memory_order_acquire);
		n = l->c.tail_seen - head;
	}
	*ret = &l->ring[at];
	return n < l->size - at ? n : l->size - at;
}

static inline void bc_link_pop(struct bc_link *l, uint32_t n)
{
	uint32_t head = atomic_load_explicit(&l->c.head, memory_order_relaxed);

	atomic_store_explicit(&l->c.head, head + n, memory_order_release);
}

/* Producer: the source has no peer, so do not wait for it. What it sends is still taken. */
static inline void bc_link_set_absent(struct bc_link *l, bool absent)
{
	atomic_store_explicit(&l->absent, absent, memory_order_relaxed);
}

static inline bool bc_link_absent(const struct bc_link *l)
{
	return atomic_load_explicit(&l->absent, memory_order_relaxed);
}

/*
 * A segment barrier ends the segments of all outputs between two packets of one producer: it asks after pushing the last one before, and
 * pushes the next when the consumer, who found the link empty and ended them, has said that it is done.
 */
static inline void bc_link_ask_barrier(struct bc_link *l)
{
	atomic_store_explicit(&l->barrier, true, memory_order_release);
}

static inline bool bc_link_barrier_asked(const struct bc_link *l)
{
	return atomic_load_explicit(&l->barrier, memory_order_acquire);
}

static inline void bc_link_barrier_passed(struct bc_link *l)
{
	atomic_store_explicit(&l->barrier, false, memory_order_release);
}

/* Any thread: about how many descriptors wait. */
static inline uint32_t bc_link_fill(const struct bc_link *l)
{
	uint32_t head = atomic_load_explicit(&l->c.head, memory_order_relaxed);

	return atomic_load_explicit(&l->p.tail, memory_order_relaxed) - head;
}

#endif
