/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A remote peer's bytes on their way from the network's thread to the peer's source: a ring for one writer and one reader, through
 * which one connection goes after the other. The ring is mapped twice, one behind the other, so that what waits, and what is free,
 * always lies in one piece.
 *
 *     IDLE --open--> OPEN --end--> ENDED --finish--> IDLE
 *          network        network         source
 *
 * The network opens the next connection only when the source has finished with the one before: its bytes are never mixed.
 */
#ifndef BC_RECV_RING_H
#define BC_RECV_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_bell.h"
#include "bc_counter.h"
#include "bc_err.h"

enum bc_recv_ring_state { BC_RECV_RING_IDLE, BC_RECV_RING_OPEN, BC_RECV_RING_ENDED };

struct bc_recv_ring {
	struct {
		_Atomic uint64_t tail;		/* network writes, source reads */
		_Atomic bool starved;		/* network sets, source clears: it wants to be told of room */
		uint64_t connection;		/* network writes, in IDLE: how many there were by then; source reads */
	} net BC_CACHE_ALIGNED;
	struct {
		_Atomic uint64_t head;		/* source writes, network reads */
		_Atomic bool refused;		/* source: no byte of this connection is wanted any more; why is set */
		_Atomic bool headed;		/* source: the link header has come */
		struct bc_err why;		/* source: before it refuses or finishes; "" when all is well */
	} src BC_CACHE_ALIGNED;
	_Atomic uint32_t state BC_CACHE_ALIGNED;	/* who leaves a state writes it, see above */
	size_t size;				/* constant, as is all below */
	uint8_t *ring;
	int wake_fd;				/* an eventfd of the network's thread; not owned */
	struct bc_bell bell;			/* rung for the source; its owner sets it before a connection begins */
};

/* size is a power of two and of pages, and more than a message. wake_fd may be -1. 0 and *ret, or a negative errno and a line. */
int bc_recv_ring_new(size_t size, int wake_fd, struct bc_recv_ring **ret, struct bc_err *err);
/* Takes NULL. */
void bc_recv_ring_free(struct bc_recv_ring *in);

static inline enum bc_recv_ring_state bc_recv_ring_state(const struct bc_recv_ring *in)
{
	return (enum bc_recv_ring_state)atomic_load_explicit(&in->state, memory_order_acquire);
}

/* --- The network's thread. --- */

/* A connection begins. In IDLE only. Returns its number, which net.connection has until the next one. */
uint64_t bc_recv_ring_open(struct bc_recv_ring *in);

/* Where bytes can be put now, *ret_len of them; 0: none, and wake_fd is written to when half of the ring is free. */
uint8_t *bc_recv_ring_room(struct bc_recv_ring *in, size_t *ret_len);
void bc_recv_ring_put(struct bc_recv_ring *in, size_t n);

/* The connection is over. In OPEN only. */
void bc_recv_ring_end(struct bc_recv_ring *in);

/* Give the memory back that it takes, if the source has taken all that came; it comes back as it is used. A system call. */
void bc_recv_ring_trim(struct bc_recv_ring *in);

/* The source has seen enough of this connection: end it. src.why says why. */
static inline bool bc_recv_ring_refused(const struct bc_recv_ring *in)
{
	return atomic_load_explicit(&in->src.refused, memory_order_acquire);
}

static inline bool bc_recv_ring_headed(const struct bc_recv_ring *in)
{
	return atomic_load_explicit(&in->src.headed, memory_order_relaxed);
}

/* --- The source's stage. --- */

/* What waits, *ret_len bytes. After bc_recv_ring_state() said ENDED it is all that will come of this connection. */
static inline const uint8_t *bc_recv_ring_bytes(const struct bc_recv_ring *in, size_t *ret_len)
{
	uint64_t head = atomic_load_explicit(&in->src.head, memory_order_relaxed);

	*ret_len = (size_t)(atomic_load_explicit(&in->net.tail, memory_order_acquire) - head);
	return in->ring + (head & (in->size - 1));
}

/* n of them are done with. No system call, unless the network waits for room and there is enough of it. */
void bc_recv_ring_take(struct bc_recv_ring *in, size_t n);

/* Refuse what follows; src.why was set. A system call. */
void bc_recv_ring_refuse(struct bc_recv_ring *in);

/* All of an ENDED connection was taken. A system call. */
void bc_recv_ring_finish(struct bc_recv_ring *in);

#endif
