/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

struct epoch {
	struct bc_ack_mark mark;	/* how far it is on disk */
	uint64_t taken;			/* and how far it was taken, at least, when the session began */
};

struct bc_ack {
	uint8_t centre[BC_ACK_ID];	/* constant once the capture runs, as the next */
	int wake_fd;
	_Atomic uint64_t handled;	/* the committer writes, the source reads */
	_Atomic bool hurry;
	_Atomic bool broken;		/* the committer sets, the source clears */
	bc_counter_t repeated;
	pthread_mutex_t lock;		/* of all below */
	struct epoch epoch[BC_ACK_EPOCHS];	/* the last used first */
	uint32_t n;
	/* The session's epoch is the first. */
	bool session, ended;
	uint64_t connection;
	uint64_t first, before;		/* the number of its first packet, and how many packets the source had before it */
	uint64_t end;			/* behind its last one, when it has ended */
	uint64_t broken_at;		/* the number of the first packet that is lost */
};

struct bc_ack *bc_ack_new(int wake_fd)
{
	struct bc_ack *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	arc4random_buf(a->centre, sizeof(a->centre));
	a->wake_fd = wake_fd;
	pthread_mutex_init(&a->lock, NULL);
	return a;
}

void bc_ack_free(struct bc_ack *a)
{
	if (a)
		pthread_mutex_destroy(&a->lock);
	free(a);
}

void bc_ack_set_centre(struct bc_ack *a, const uint8_t centre[BC_ACK_ID])
{
	memcpy(a->centre, centre, BC_ACK_ID);
}

const uint8_t *bc_ack_centre(const struct bc_ack *a)
{
	return a->centre;
}

static struct epoch *find(struct bc_ack *a, const struct bc_ack_mark *m)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (bc_ack_same(&a->epoch[i].mark, m))
			return &a->epoch[i];
	return NULL;
}

/* The epoch of m becomes the first; the one that was used longest ago gives way to one that is new. */
static struct epoch *use(struct bc_ack *a, const struct bc_ack_mark *m)
{
	struct epoch *e = find(a, m), used;

	used = e ? *e : (struct epoch){ .mark = *m, .taken = m->next };
	if (!e && a->n < BC_ACK_EPOCHS)
		a->n++;
	if (!e)
		e = &a->epoch[a->n - 1];
	memmove(&a->epoch[1], &a->epoch[0], (size_t)(e - a->epoch) * sizeof(*e));
	a->epoch[0] = used;
	return &a->epoch[0];
}

static uint64_t higher(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void bc_ack_restore(struct bc_ack *a, const struct bc_ack_mark *m)
{
	struct epoch *e = use(a, m);

	e->mark.next = e->taken = higher(e->taken, m->next);
}

bool bc_ack_through(const struct bc_ack *a, uint64_t delivered)
{
	return atomic_load_explicit(&a->handled, memory_order_acquire) == delivered;
}

void bc_ack_leave(struct bc_ack *a, uint64_t delivered)
{
	pthread_mutex_lock(&a->lock);
	if (bc_ack_broken(a))
		a->epoch[0].taken = a->broken_at;
	else if (a->session)
		a->epoch[0].taken = higher(a->epoch[0].taken, a->first + (delivered - a->before));
	a->session = a->ended = false;
	atomic_store_explicit(&a->broken, false, memory_order_relaxed);
	pthread_mutex_unlock(&a->lock);
}

uint64_t bc_ack_begin(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t connection, uint64_t delivered,
		      uint64_t *ret_taken)
{
	struct epoch *e;
	uint64_t next;

	pthread_mutex_lock(&a->lock);
	e = use(a, m);
	/* What the node cannot send any more is nothing to wait for. */
	next = e->mark.next = higher(e->mark.next, m->next);
	*ret_taken = e->taken = higher(e->taken, next);
	a->session = true;
	a->ended = false;
	a->connection = connection;
	a->first = e->taken;
	a->before = delivered;
	pthread_mutex_unlock(&a->lock);
	eventfd_write(a->wake_fd, 1);
	return next;
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

/* With the lock held. What came before the session began is not told apart. */
static uint64_t number_at(const struct bc_ack *a, uint64_t packets)
{
	return packets > a->before ? a->first + (packets - a->before) : a->first;
}

void bc_ack_break(struct bc_ack *a, uint64_t from, uint64_t to)
{
	uint64_t at;

	pthread_mutex_lock(&a->lock);
	/* The epoch may have begun in an earlier session. */
	at = from > a->before ? number_at(a, from) : 0;
	at = a->n ? higher(at, a->epoch[0].mark.next) : at;
	if (a->session && at < number_at(a, to)) {
		if (!bc_ack_broken(a) || at < a->broken_at)
			a->broken_at = at;
		atomic_store_explicit(&a->broken, true, memory_order_relaxed);
	}
	for (uint32_t i = 1; i < a->n && from <= a->before; i++)
		a->epoch[i].taken = a->epoch[i].mark.next;
	pthread_mutex_unlock(&a->lock);
}

bool bc_ack_at(struct bc_ack *a, uint64_t packets, struct bc_ack_mark *ret, uint64_t *ret_stored)
{
	bool session;

	pthread_mutex_lock(&a->lock);
	session = a->session;
	if (session) {
		*ret = a->epoch[0].mark;
		*ret_stored = ret->next;
		ret->next = number_at(a, packets);
	}
	pthread_mutex_unlock(&a->lock);
	return session;
}

uint32_t bc_ack_marks(struct bc_ack *a, uint64_t packets, struct bc_ack_mark ret[BC_ACK_EPOCHS])
{
	uint32_t n;

	pthread_mutex_lock(&a->lock);
	for (n = 0; n < a->n; n++) {
		ret[n] = a->epoch[n].mark;
		ret[n].next = a->session && !n ? number_at(a, packets) : a->epoch[n].taken;
		if (!n && bc_ack_broken(a) && ret[n].next > a->broken_at)
			ret[n].next = a->broken_at;
	}
	pthread_mutex_unlock(&a->lock);
	return n;
}

void bc_ack_stored(struct bc_ack *a, const struct bc_ack_mark *m, uint32_t n)
{
	bool more = false;

	pthread_mutex_lock(&a->lock);
	for (uint32_t i = 0; i < n; i++) {
		struct epoch *e = find(a, &m[i]);

		if (!e || m[i].next <= e->mark.next)
			continue;
		e->mark.next = m[i].next;
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
		*ret = a->epoch[0].mark;
		*ret_complete = (a->ended && ret->next >= a->end) || bc_ack_broken(a);
	}
	pthread_mutex_unlock(&a->lock);
	return session;
}
