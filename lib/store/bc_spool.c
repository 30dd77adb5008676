/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_map_twice.h"

/* Between two marks, as long as there are few. */
#define SPACING (64U * 1024)

int bc_spool_init(struct bc_spool *s, size_t limit, struct bc_spool_disk *disk)
{
	size_t size = 4096;

	while (size < limit)
		size *= 2;
	memset(s, 0, sizeof(*s));
	s->ring = bc_map_twice(size);
	s->size = size;
	s->limit = limit;
	s->disk = disk;
	if (disk)
		s->epoch = bc_spool_disk_epoch(disk);
	else
		arc4random_buf(&s->epoch, sizeof(s->epoch));
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
	drop_link(s->stored.link);
	s->at.link = s->from.link = s->stored.link = NULL;
	bc_unmap_twice(s->ring, s->size);
	s->ring = NULL;
}

int bc_spool_put(struct bc_spool *s, const void *data, size_t len)
{
	uint64_t put = atomic_load_explicit(&s->put, memory_order_relaxed);

	if (len > s->limit - (put - atomic_load_explicit(&s->freed, memory_order_acquire)))
		return -ENOBUFS;
	memcpy(s->ring + (put & (s->size - 1)), data, len);
	atomic_store_explicit(&s->put, put + len, memory_order_release);
	return 0;
}

static const uint8_t *in_memory(const struct bc_spool *s, uint64_t pos)
{
	return s->ring + (pos & (s->size - 1));
}

/* The messages from "at" on that stand in one piece; NULL and 0 when none wait, or they cannot be read. */
static const uint8_t *messages(struct bc_spool *s, size_t *len)
{
	uint64_t pos = s->at.pos, put = atomic_load_explicit(&s->put, memory_order_acquire);
	const struct bc_spool_record *r;

	*len = 0;
	if (pos == put || s->unreadable)
		return NULL;
	if (pos >= s->stored.pos) {
		*len = (size_t)(put - pos);
		return in_memory(s, pos);
	}
	r = bc_spool_disk_get(s->disk, s->epoch, pos, &s->err);
	s->unreadable = !r;
	if (!r)
		return NULL;
	*len = r->len - (size_t)(pos - r->pos);
	return r->bytes + (pos - r->pos);
}

size_t bc_spool_peek(struct bc_spool *s, const uint8_t **data)
{
	size_t begun = (size_t)(s->taken - s->at.pos), len;
	const uint8_t *from = messages(s, &len);

	if (!from)
		return 0;
	*data = from + begun;
	return len - begun;
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

/* Every second one goes, and others come half as often. */
static void thin_out(struct bc_spool *s)
{
	uint32_t n = s->n_marks;

	s->spacing *= 2;
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
	else
		s->spacing = SPACING;
	if (s->at.pos - last->pos < s->spacing)
		return;
	if (s->n_marks == BC_SPOOL_MARKS - 1)
		thin_out(s);
	move(&s->mark[(s->first_mark + s->n_marks) % BC_SPOOL_MARKS], &s->at);
	s->n_marks++;
}

static void free_memory(struct bc_spool *s)
{
	uint64_t pos = s->from.pos > s->stored.pos ? s->from.pos : s->stored.pos;

	atomic_store_explicit(&s->freed, pos, memory_order_release);
}

/* Nothing before p is needed any more. */
static void release(struct bc_spool *s, const struct bc_spool_place *p)
{
	move(&s->from, p);
	if (s->acked < p->number)
		s->acked = p->number;
	atomic_store_explicit(&s->done, p->pos, memory_order_release);
	free_memory(s);
	if (s->disk)
		bc_spool_disk_drop(s->disk, s->epoch, p->pos, s->stored.pos);
}

/* Past all that was taken whole. */
static void advance(struct bc_spool *s)
{
	const uint8_t *m;
	uint64_t begin;
	size_t len;

	do {
		begin = s->at.pos;
		m = messages(s, &len);
		if (len > s->taken - begin)
			len = (size_t)(s->taken - begin);
		while (m && pass(&s->at, m + (s->at.pos - begin), len - (size_t)(s->at.pos - begin)))
			if (s->keeps)
				set_mark(s);
	} while (s->at.pos != begin && s->at.pos != s->taken);
}

void bc_spool_take(struct bc_spool *s, size_t n)
{
	s->taken += n;
	advance(s);
	if (s->high < s->at.number)
		s->high = s->at.number;
	if (!s->keeps)
		release(s, &s->at);
	atomic_store_explicit(&s->sent, s->at.pos, memory_order_release);
}

void bc_spool_rewind(struct bc_spool *s)
{
	const uint8_t *m;
	size_t len;

	drop_marks(s);
	move(&s->at, &s->from);
	while (s->at.number < s->acked && (m = messages(s, &len)) && pass(&s->at, m, len))
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

size_t bc_spool_rest(struct bc_spool *s)
{
	size_t begun = (size_t)(s->taken - s->at.pos), len;
	const uint8_t *m = begun ? messages(s, &len) : NULL;

	return m ? bc_wire_length(m, len) - begun : 0;
}

/* The next message if it is a link header and all there; else NULL. */
static const uint8_t *link_at(struct bc_spool *s, size_t *len)
{
	const uint8_t *message = messages(s, len);

	if (!message || message[0] != BC_WIRE_LINK)
		return NULL;
	*len = bc_wire_length(message, *len);
	return message;
}

size_t bc_spool_link(struct bc_spool *s, const uint8_t **data)
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

bool bc_spool_init_left(struct bc_spool *s, struct bc_spool_disk *disk)
{
	const struct bc_spool_file_head *h;
	uint64_t end;

	memset(s, 0, sizeof(*s));
	h = bc_spool_disk_oldest(disk, &end);
	if (!h)
		return false;
	s->disk = disk;
	s->epoch = h->epoch;
	s->high = UINT64_MAX;
	s->from.pos = h->pos;
	s->from.number = s->acked = h->number;
	if (h->link_len)
		set_link(&s->from, h->link, h->link_len);
	s->stored.pos = end;
	atomic_store(&s->put, end);
	bc_spool_rewind(s);
	return true;
}

/* From p, which is in memory, to the end of the messages that fit a record; p is then there. Their bytes. */
static uint32_t pass_record(const struct bc_spool *s, struct bc_spool_place *p)
{
	const uint8_t *from = in_memory(s, p->pos);
	uint64_t begin = p->pos, len = atomic_load_explicit(&s->put, memory_order_acquire) - begin;

	if (len > BC_SPOOL_RECORD_MAX)
		len = BC_SPOOL_RECORD_MAX;
	while (pass(p, from + (p->pos - begin), (size_t)(len - (p->pos - begin))))
		;
	return (uint32_t)(p->pos - begin);
}

static int store_record(struct bc_spool *s)
{
	struct bc_spool_place end = { .link = NULL };
	const struct bc_spool_link *l = s->stored.link;
	uint32_t len;
	int r;

	move(&end, &s->stored);
	len = pass_record(s, &end);
	r = bc_spool_disk_put(s->disk, s->stored.pos, s->stored.number, l ? l->bytes : NULL, l ? l->len : 0,
			      in_memory(s, s->stored.pos), len);
	if (!r) {
		move(&s->stored, &end);
		free_memory(s);
	}
	drop_link(end.link);
	return r;
}

int bc_spool_store(struct bc_spool *s)
{
	int r = 0;

	if (s->from.pos > s->stored.pos)
		move(&s->stored, &s->from);
	while (!r && s->stored.pos != atomic_load_explicit(&s->put, memory_order_acquire))
		r = store_record(s);
	return r;
}

uint64_t bc_spool_skip_file(struct bc_spool *s)
{
	const struct bc_spool_file_head *h = bc_spool_disk_next(s->disk, s->epoch, s->at.pos);
	struct bc_spool_place next = { .pos = s->stored.pos, .number = s->stored.number };
	uint64_t lost;

	if (h) {
		next = (struct bc_spool_place){ .pos = h->pos, .number = h->number };
		if (h->link_len)
			set_link(&next, h->link, h->link_len);
	} else if (s->ring) {
		move(&next, &s->stored);
	} else {
		/* How many there were stood in what cannot be read. */
		next.number = s->at.number;
	}
	lost = next.number - s->at.number;
	s->unreadable = false;
	release(s, &next);
	drop_link(next.link);
	bc_spool_rewind(s);
	return lost;
}
