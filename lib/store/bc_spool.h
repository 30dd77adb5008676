/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages queued for a peer: a bounded ring of bytes in the framing of bc_wire.h. One thread puts whole messages in,
 * another takes bytes out, and can go back to the beginning of the message that it is in. Positions count bytes since
 * the beginning.
 */
#ifndef BC_SPOOL_H
#define BC_SPOOL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_counter.h"
#include "bc_wire.h"

struct bc_spool {
	uint8_t *ring;
	size_t size;				/* a power of two */
	size_t limit;				/* bytes that may wait; at most size */
	_Atomic uint64_t put BC_CACHE_ALIGNED;	/* the producer writes */
	_Atomic uint64_t gone BC_CACHE_ALIGNED;	/* the consumer writes: all before it was taken, in whole messages */
	/* The consumer's. */
	uint64_t taken;				/* bytes, gone <= taken <= put */
	uint32_t link_len;			/* of the link header that was passed last; 0: none */
	uint8_t link[BC_WIRE_MESSAGE_MAX];
};

/* Room for limit bytes. 0 or -ENOMEM. */
int bc_spool_init(struct bc_spool *s, size_t limit);
void bc_spool_fini(struct bc_spool *s);

/* The producer: whole messages, all of them (0), or none: -ENOBUFS, there is no room. */
int bc_spool_put(struct bc_spool *s, const void *data, size_t len);

/* Any thread: bytes of messages not completely taken. */
static inline uint64_t bc_spool_waiting(const struct bc_spool *s)
{
	uint64_t gone = atomic_load(&s->gone);

	return atomic_load(&s->put) - gone;
}

/* Any thread. */
static inline uint64_t bc_spool_gone(const struct bc_spool *s)
{
	return atomic_load(&s->gone);
}

/*
 * The consumer. peek: the bytes next to be taken that lie in one piece, and their number; 0 when none wait. take: the first n of them
 * are the peer's. rewind: restart at the message that was not taken completely.
 */
size_t bc_spool_peek(struct bc_spool *s, const uint8_t **data);
void bc_spool_take(struct bc_spool *s, size_t n);
void bc_spool_rewind(struct bc_spool *s);

/*
 * The consumer, after a rewind: the link header that belongs before the next message, for a peer that has none: its length, 0 if
 * the next message is one, or there was none yet.
 */
size_t bc_spool_link(const struct bc_spool *s, const uint8_t **data);

/* The consumer, between two messages: the length of the next one if it is a link header, or 0. */
size_t bc_spool_next_link(const struct bc_spool *s);

/* The consumer, after a rewind: copy the next message to dst, BC_WIRE_MESSAGE_MAX bytes. Its length, or 0. */
size_t bc_spool_copy(const struct bc_spool *s, uint8_t *dst);

#endif
