/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_map_twice.h"

/* Between two marks: so much may be sent again although it was acknowledged, and is skipped then. */
#define MARK_BYTES (64U * 1024)

int bc_spool_init(struct bc_spool *s, size_t limit)
{
	size_t size = 4096;

	while (size < limit)
		size *= 2;
	memset(s, 0, sizeof(*s));
	s->ring = bc_map_twice(size);
	s->size = size;
	s->limit = limit;
	return s->ring ? 0 : -ENOMEM;
}

static void drop_link(struct bc_spool_link *l)
{
	if (l && !--l->refs)
		free(l);
}

static void move(struct bc_spool_place *to, const struct bc_spool_place *from)
{
	struct bc_spool_link *old = to->link;

	*to = *from;
	if (to->link)
		to->link->refs++;
	drop_link(old);
}

/* The oldest mark is no more. */
static void pop_mark(struct bc_spool *s)
{
	struct bc_spool_place *m = &s->mark[s->first_mark];

	drop_link(m->link);
	m->link = NULL;
	s->first_mark = (s->first_mark + 1) % BC_SPOOL_MARKS;
	s->n_marks--;
}

static void drop_marks(struct bc_spool *s)
{
	while (s->n_marks)
		pop_mark(s);
}

void bc_spool_fini(struct bc_spool *s)
{
	drop_marks(s);
	drop_link(s->at.link);
	drop_link(s->from.link);
	s->at.link = s->from.link = NULL;
	bc_unmap_twice(s->ring, s->size);
	s->ring = NULL;
}

int bc_spool_put(struct bc_spool *s, const void *data, size_t len)
{
	uint64_t put = atomic_load_explicit(&s->put, memory_order_relaxed);

	if (len > s->limit - (put - atomic_load_explicit(&s->done, memory_order_acquire)))
		return -ENOBUFS;
	memcpy(s->ring + (put & (s->size - 1)), data, len);
	atomic_store_explicit(&s->put, put + len, memory_order_release);
	return 0;
}

static const uint8_t *bytes_at(const struct bc_spool *s, uint64_t pos)
{
	return s->ring + (pos & (s->size - 1));
}

size_t bc_spool_peek(struct bc_spool *s, const uint8_t **data)
{
	*data = bytes_at(s, s->taken);
	return (size_t)(atomic_load_explicit(&s->put, memory_order_acquire) - s->taken);
}

static void set_link(struct bc_spool_place *p, const uint8_t *message, size_t len)
{
	struct bc_spool_link *l = malloc(sizeof(*l) + len);

	drop_link(p->link);
	p->link = l;
	/* Without memory the next connection begins without it, and is refused. */
	if (!l)
		return;
	l->refs = 1;
	l->len = (uint32_t)len;
	memcpy(l->bytes, message, len);
}

/* Past the message that stands there, if it ends within len bytes. */
static bool pass(struct bc_spool_place *p, const uint8_t *message, size_t len)
{
	size_t whole = bc_wire_length(message, len);

	if (!whole || whole > len)
		return false;
	if (message[0] == BC_WIRE_LINK)
		set_link(p, message, whole);
	else
		p->number++;
	p->pos += whole;
	return true;
}

/* Every second one goes. */
static void thin_out(struct bc_spool *s)
{
	uint32_t n = s->n_marks;

	for (uint32_t i = 0; i < n; i++) {
		struct bc_spool_place *m = &s->mark[s->first_mark];

		if (i % 2) {
			move(&s->mark[(s->first_mark + s->n_marks) % BC_SPOOL_MARKS], m);
			s->n_marks++;
		}
		pop_mark(s);
	}
}

static void set_mark(struct bc_spool *s)
{
	const struct bc_spool_place *last = &s->from;

	if (s->n_marks)
		last = &s->mark[(s->first_mark + s->n_marks - 1) % BC_SPOOL_MARKS];
	if (s->at.pos - last->pos < MARK_BYTES)
		return;
	if (s->n_marks == BC_SPOOL_MARKS - 1)
		thin_out(s);
	move(&s->mark[(s->first_mark + s->n_marks) % BC_SPOOL_MARKS], &s->at);
	s->n_marks++;
}

/* Nothing before p is needed any more. */
static void release(struct bc_spool *s, const struct bc_spool_place *p)
{
	move(&s->from, p);
	if (s->acked < p->number)
		s->acked = p->number;
	atomic_store_explicit(&s->done, p->pos, memory_order_release);
}

void bc_spool_take(struct bc_spool *s, size_t n)
{
	s->taken += n;
	while (pass(&s->at, bytes_at(s, s->at.pos), s->taken - s->at.pos))
		if (s->keeps)
			set_mark(s);
	if (s->high < s->at.number)
		s->high = s->at.number;
	if (!s->keeps)
		release(s, &s->at);
	atomic_store_explicit(&s->sent, s->at.pos, memory_order_release);
}

void bc_spool_rewind(struct bc_spool *s)
{
	uint64_t put = atomic_load_explicit(&s->put, memory_order_acquire);

	drop_marks(s);
	move(&s->at, &s->from);
	while (s->at.number < s->acked && pass(&s->at, bytes_at(s, s->at.pos), put - s->at.pos))
		;
	s->taken = s->at.pos;
	release(s, &s->at);
	atomic_store_explicit(&s->sent, s->at.pos, memory_order_release);
}

void bc_spool_keep(struct bc_spool *s, bool keeps)
{
	s->keeps = keeps;
}

int bc_spool_ack(struct bc_spool *s, uint64_t next)
{
	if (next < s->acked || next > s->high)
		return -EBADMSG;
	s->acked = next;
	while (s->n_marks && s->mark[s->first_mark].number <= next) {
		release(s, &s->mark[s->first_mark]);
		pop_mark(s);
	}
	/* It may have more than this connection has brought: from an earlier one. */
	if (next >= s->at.number)
		release(s, &s->at);
	return 0;
}

int bc_spool_resume(struct bc_spool *s, uint64_t next)
{
	if (next > s->high)
		return -EBADMSG;
	if (next > s->acked)
		s->acked = next;
	bc_spool_rewind(s);
	return 0;
}

size_t bc_spool_rest(const struct bc_spool *s)
{
	uint64_t begun = s->taken - s->at.pos;

	return begun ? bc_wire_length(bytes_at(s, s->at.pos), BC_WIRE_HEADER) - (size_t)begun : 0;
}

/* The next message if it is a link header and all there; else NULL. */
static const uint8_t *link_at(const struct bc_spool *s, size_t *len)
{
	size_t waiting = atomic_load_explicit(&s->put, memory_order_acquire) - s->at.pos;
	const uint8_t *message = bytes_at(s, s->at.pos);

	*len = bc_wire_length(message, waiting);
	return *len && message[0] == BC_WIRE_LINK ? message : NULL;
}

size_t bc_spool_link(const struct bc_spool *s, const uint8_t **data)
{
	size_t len;

	if (link_at(s, &len) || !s->at.link)
		return 0;
	*data = s->at.link->bytes;
	return s->at.link->len;
}

size_t bc_spool_next_link(struct bc_spool *s, const uint8_t **data)
{
	size_t len;

	*data = link_at(s, &len);
	return *data ? len : 0;
}
