/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

struct bc_ack {
	uint8_t collector[BC_ACK_ID];	/* constant once the capture runs, as the next */
	int wake_fd;
	_Atomic uint64_t handled;	/* the committer writes, the source reads */
	_Atomic bool hurry;
	_Atomic bool broken;		/* the committer sets, the source clears */
	bc_counter_t repeated;
	pthread_mutex_t lock;		/* of all below */
	/* The same epochs in the same order; the session's is the first. */
	struct bc_ack_set stored;	/* on disk, without ranges */
	struct bc_ack_set taken;	/* in segments, whose fate may not be known yet */
	bool session, ended;
	uint64_t connection;
	uint64_t first, before;		/* the number of its leg's first packet, and how many packets the source had before it */
	uint64_t end;			/* behind its last one, when it has ended */
};

struct bc_ack *bc_ack_new(int wake_fd)
{
	struct bc_ack *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	arc4random_buf(a->collector, sizeof(a->collector));
	a->wake_fd = wake_fd;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void bc_ack_free(struct bc_ack *a)
{
	if (!a)
		return;
	bc_ack_set_fini(&a->stored);
	bc_ack_set_fini(&a->taken);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

void bc_ack_set_collector(struct bc_ack *a, const uint8_t collector[BC_ACK_ID])
{
	memcpy(a->collector, collector, BC_ACK_ID);
}

const uint8_t *bc_ack_collector(const struct bc_ack *a)
{
	return a->collector;
}

void bc_ack_restore(struct bc_ack *a, const struct bc_ack_known *k)
{
	struct bc_ack_known *taken = bc_ack_set_use(&a->taken, &k->mark);

	bc_ack_set_use(&a->stored, &k->mark);
	for (uint32_t i = 0; i < k->n; i++)
		bc_ack_known_add(taken, k->range[i].from, k->range[i].to);
}

const struct bc_ack_set *bc_ack_restored(const struct bc_ack *a)
{
	return &a->taken;
}

bool bc_ack_through(const struct bc_ack *a, uint64_t delivered)
{
	return atomic_load_explicit(&a->handled, memory_order_acquire) == delivered;
}

void bc_ack_leave(struct bc_ack *a)
{
	pthread_mutex_lock(&a->lock);
	a->session = a->ended = false;
	atomic_store_explicit(&a->broken, false, memory_order_relaxed);
	pthread_mutex_unlock(&a->lock);
}

/* With the lock held. */
static void begin_leg(struct bc_ack *a, uint64_t number, uint64_t delivered, struct bc_ack_leg *ret)
{
	const struct bc_ack_known *taken = &a->taken.epoch[0];

	ret->taken = number;
	if (bc_ack_known_has(taken, number, &ret->end)) {
		ret->taken = ret->end;
		bc_ack_known_has(taken, ret->taken, &ret->end);
	}
	a->first = ret->taken;
	a->before = delivered;
}

uint64_t bc_ack_begin(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t connection, uint64_t delivered,
		      struct bc_ack_leg *ret)
{
	uint64_t next;

	pthread_mutex_lock(&a->lock);
	/* What the node cannot send any more is nothing to wait for. */
	next = bc_ack_set_use(&a->stored, m)->mark.next;
	bc_ack_set_use(&a->taken, m);
	a->session = true;
	a->ended = false;
	a->connection = connection;
	begin_leg(a, next, delivered, ret);
	pthread_mutex_unlock(&a->lock);
	eventfd_write(a->wake_fd, 1);
	return next;
}

void bc_ack_next_leg(struct bc_ack *a, uint64_t number, uint64_t delivered, struct bc_ack_leg *ret)
{
	pthread_mutex_lock(&a->lock);
	begin_leg(a, number, delivered, ret);
	pthread_mutex_unlock(&a->lock);
}

void bc_ack_end(struct bc_ack *a, uint64_t delivered)
{
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	a->end = a->first + (delivered - a->before);
	pthread_mutex_unlock(&a->lock);
	bc_ack_hurry(a);
}

bool bc_ack_broken(const struct bc_ack *a)
{
	return atomic_load_explicit(&a->broken, memory_order_relaxed);
}

void bc_ack_hurry(struct bc_ack *a)
{
	atomic_store_explicit(&a->hurry, true, memory_order_relaxed);
}

bc_counter_t *bc_ack_repeated(struct bc_ack *a)
{
	return &a->repeated;
}

void bc_ack_handled(struct bc_ack *a, uint64_t packets)
{
	atomic_store_explicit(&a->handled, packets, memory_order_release);
}

/* With the lock held. What came before the leg began is not told apart. */
static uint64_t number_at(const struct bc_ack *a, uint64_t packets)
{
	return packets > a->before ? a->first + (packets - a->before) : a->first;
}

bool bc_ack_at(struct bc_ack *a, uint64_t packets, struct bc_ack_mark *ret, uint64_t *ret_stored)
{
	bool session;

	pthread_mutex_lock(&a->lock);
	session = a->session;
	if (session) {
		*ret = a->stored.epoch[0].mark;
		*ret_stored = ret->next;
		ret->next = number_at(a, packets);
	}
	pthread_mutex_unlock(&a->lock);
	return session;
}

void bc_ack_wrote(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t to)
{
	struct bc_ack_known *k;

	pthread_mutex_lock(&a->lock);
	k = bc_ack_set_find(&a->taken, m);
	if (k)
		bc_ack_known_add(k, m->next, to);
	pthread_mutex_unlock(&a->lock);
}

void bc_ack_lose(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t to)
{
	const struct bc_ack_known *stored;
	uint64_t from;

	pthread_mutex_lock(&a->lock);
	stored = bc_ack_set_find(&a->stored, m);
	from = stored && stored->mark.next > m->next ? stored->mark.next : m->next;
	if (stored && from < to) {
		bc_ack_known_remove(bc_ack_set_find(&a->taken, m), from, to);
		if (a->session && stored == &a->stored.epoch[0])
			atomic_store_explicit(&a->broken, true, memory_order_relaxed);
	}
	pthread_mutex_unlock(&a->lock);
}

uint32_t bc_ack_marks(struct bc_ack *a, struct bc_ack_mark ret[BC_ACK_EPOCHS])
{
	uint32_t n;

	pthread_mutex_lock(&a->lock);
	for (n = 0; n < a->taken.n; n++)
		ret[n] = a->taken.epoch[n].mark;
	pthread_mutex_unlock(&a->lock);
	return n;
}

void bc_ack_stored(struct bc_ack *a, const struct bc_ack_mark *m, uint32_t n)
{
	bool more = false;

	pthread_mutex_lock(&a->lock);
	for (uint32_t i = 0; i < n; i++) {
		struct bc_ack_known *k = bc_ack_set_find(&a->stored, &m[i]);

		if (!k || m[i].next <= k->mark.next)
			continue;
		k->mark.next = m[i].next;
		more = true;
	}
	pthread_mutex_unlock(&a->lock);
	if (more)
		eventfd_write(a->wake_fd, 1);
}

bool bc_ack_hurried(struct bc_ack *a)
{
	return atomic_load_explicit(&a->hurry, memory_order_relaxed) &&
	       atomic_exchange_explicit(&a->hurry, false, memory_order_relaxed);
}

bool bc_ack_due(struct bc_ack *a, uint64_t connection, struct bc_ack_mark *ret, bool *ret_complete)
{
	bool session;

	pthread_mutex_lock(&a->lock);
	session = a->session && a->connection == connection;
	if (session) {
		*ret = a->stored.epoch[0].mark;
		*ret_complete = (a->ended && ret->next >= a->end) || bc_ack_broken(a);
	}
	pthread_mutex_unlock(&a->lock);
	return session;
}
