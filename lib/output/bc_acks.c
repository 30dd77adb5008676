/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_acks.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_ack_block.h"
#include "bc_store.h"

#define CONTENTS (2 * BC_STORE_QUEUE_MAX)	/* more than segments can wait to be published */

/* How far a source is. */
struct marks {
	uint32_t n;
	struct bc_ack_mark mark[BC_ACK_EPOCHS];
};

/* A block. */
struct content {
	uint8_t *bytes;
	size_t len;
};

struct bc_acks {
	struct bc_ack *const *ack;
	const struct bc_ledger *ledger;
	uint32_t n;			/* sources */
	uint8_t centre[BC_ACK_ID];	/* of all of them */
	uint64_t *handled;		/* packets, by source */
	uint64_t total, marked;		/* of all numbered sources; when marks were taken last */
	bool hurried;			/* and that is not done yet */
	struct marks *marks;		/* by source */
	bool marks_wait;		/* until they hold: */
	uint32_t segment;		/* these marks are of this one, counted from 0, */
	uint64_t size;			/* and of so many bytes in it */
	uint32_t finished;		/* segments that are over */
	_Atomic uint32_t known;		/* whose fate is known */
	_Atomic uint32_t lost;		/* of these, up to the last one that was lost; set before known */
	uint32_t given_up;		/* up to here it is known that what was not on disk is lost */

	/* What the segment says, by source: the number of the next packet; the node of zeros: it has none. */
	struct bc_ack_mark *told;
	struct bc_ack_entry *entry;	/* room for a block */
	uint8_t *block;

	/* A ring: what the file is to say behind each segment that is over; len 0: nothing new. */
	struct content content[CONTENTS];
	struct content last;		/* the newest of them that said something */
	uint32_t published;		/* the publishing thread's: segments before are done with */
};

struct bc_acks *bc_acks_new(struct bc_ack *const *ack, const struct bc_ledger *ledger)
{
	const uint32_t n = ledger->n_sources;
	struct bc_acks *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->ack = ack;
	a->ledger = ledger;
	a->n = n;
	a->handled = calloc(n, sizeof(*a->handled));
	a->marks = calloc(n, sizeof(*a->marks));
	a->told = calloc(n, sizeof(*a->told));
	a->entry = calloc(n, BC_ACK_EPOCHS * sizeof(*a->entry));
	a->block = malloc(bc_ack_block_size(n));
	if (!a->handled || !a->marks || !a->told || !a->entry || !a->block) {
		bc_acks_free(a);
		return NULL;
	}
	for (uint32_t s = 0; s < n; s++)
		if (ack[s])
			memcpy(a->centre, bc_ack_centre(ack[s]), BC_ACK_ID);
	return a;
}

void bc_acks_free(struct bc_acks *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < CONTENTS; i++)
		free(a->content[i].bytes);
	free(a->last.bytes);
	free(a->handled);
	free(a->marks);
	free(a->told);
	free(a->entry);
	free(a->block);
	free(a);
}

void bc_acks_handled(struct bc_acks *a, const uint32_t *from)
{
	for (uint32_t s = 0; s < a->n; s++) {
		if (!from[s] || !a->ack[s])
			continue;
		a->handled[s] += from[s];
		a->total += from[s];
		bc_ack_handled(a->ack[s], a->handled[s]);
	}
}

/* --- What the segments say. --- */

static void set_client(const struct bc_acks *a, struct bc_ack_entry *e, uint32_t source)
{
	snprintf(e->client, sizeof(e->client), "%.63s", a->ledger->source[source].name);
}

size_t bc_acks_block(struct bc_acks *a, const uint32_t *from, const uint8_t **ret)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < a->n; s++) {
		struct bc_ack_entry *e = &a->entry[n];

		if (!from[s] || !a->ack[s])
			continue;
		memset(e, 0, sizeof(*e));
		bc_ack_at(a->ack[s], a->handled[s], &e->mark, &e->stored);
		if (bc_ack_same(&e->mark, &a->told[s]) && e->mark.next == a->told[s].next)
			continue;
		set_client(a, e, s);
		a->told[s] = e->mark;
		n++;
	}
	*ret = a->block;
	return n ? bc_ack_block_put(a->block, a->centre, a->entry, n) : 0;
}

void bc_acks_wrote(struct bc_acks *a, const uint32_t *from)
{
	static const uint8_t zeros[BC_ACK_ID];

	for (uint32_t s = 0; s < a->n; s++)
		if (from[s] && memcmp(a->told[s].node, zeros, BC_ACK_ID))
			a->told[s].next += from[s];
}

void bc_acks_forget(struct bc_acks *a)
{
	memset(a->told, 0, a->n * sizeof(*a->told));
}

/* --- The file beside them. --- */

/* All epochs of all sources, as they are behind what was handled so far. */
static uint32_t list_all(struct bc_acks *a)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < a->n; s++) {
		struct bc_ack_mark m[BC_ACK_EPOCHS];
		uint32_t epochs = a->ack[s] ? bc_ack_marks(a->ack[s], a->handled[s], m) : 0;

		for (uint32_t i = 0; i < epochs; i++, n++) {
			memset(&a->entry[n], 0, sizeof(a->entry[n]));
			a->entry[n].mark = m[i];
			a->entry[n].stored = m[i].next;
			set_client(a, &a->entry[n], s);
		}
	}
	return n;
}

static struct content copy(const struct content *c)
{
	struct content to = { .bytes = malloc(c->len), .len = c->len };

	if (!to.bytes)
		return (struct content){ .len = 0 };
	memcpy(to.bytes, c->bytes, c->len);
	return to;
}

/* What the file is to say when this segment has its name. Without memory it is said with the next one. */
static void add_content(struct bc_acks *a)
{
	const uint32_t n = list_all(a);
	struct content c = { .bytes = n ? malloc(bc_ack_block_size(n)) : NULL };

	a->content[a->finished % CONTENTS] = (struct content){ .len = 0 };
	if (!c.bytes)
		return;
	c.len = bc_ack_block_put(c.bytes, a->centre, a->entry, n);
	if (c.len == a->last.len && !memcmp(c.bytes, a->last.bytes, c.len)) {
		free(c.bytes);
		return;
	}
	free(a->last.bytes);
	a->last = c;
	a->content[a->finished % CONTENTS] = copy(&c);
}

uint8_t *bc_acks_publishing(struct bc_acks *a, uint32_t n, size_t *ret_len)
{
	struct content newest = { .len = 0 };

	for (uint32_t i = 0; i < n; i++) {
		struct content *c = &a->content[a->published++ % CONTENTS];

		if (!c->len)
			continue;
		free(newest.bytes);
		newest = *c;
		*c = (struct content){ .len = 0 };
	}
	*ret_len = newest.len;
	return newest.bytes;
}

/* --- What is lost. --- */

void bc_acks_lose(struct bc_acks *a, const uint64_t *from)
{
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s] && (!from || from[s]))
			bc_ack_break(a->ack[s], from ? a->handled[s] - from[s] : 0, a->handled[s]);
	if (from)
		return;
	a->given_up = a->finished + 1;
	/* The marks are of what is lost. */
	a->marks_wait = false;
	a->marked = UINT64_MAX;
}

void bc_acks_lose_next(struct bc_acks *a, const uint32_t *from)
{
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s] && from[s])
			bc_ack_break(a->ack[s], a->handled[s], a->handled[s] + from[s]);
}

bool bc_acks_broken(const struct bc_acks *a, const uint32_t *from)
{
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s] && from[s] && bc_ack_broken(a->ack[s]))
			return true;
	return false;
}

/* --- What is on disk. --- */

void bc_acks_mark(struct bc_acks *a, uint64_t size)
{
	if (a->marks_wait || a->total == a->marked)
		return;
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s])
			a->marks[s].n = bc_ack_marks(a->ack[s], a->handled[s], a->marks[s].mark);
	a->marks_wait = true;
	a->marked = a->total;
	a->segment = a->finished;
	a->size = size;
	a->hurried = false;
}

void bc_acks_finish(struct bc_acks *a)
{
	bc_acks_mark(a, UINT64_MAX);
	add_content(a);
	bc_acks_forget(a);
	a->finished++;
}

void bc_acks_result(struct bc_acks *a, bool lost)
{
	if (lost)
		atomic_store_explicit(&a->lost, atomic_load_explicit(&a->known, memory_order_relaxed) + 1,
				      memory_order_relaxed);
	atomic_fetch_add_explicit(&a->known, 1, memory_order_release);
}

/* Are all bytes on disk that were written when the marks were taken? */
static bool hold(const struct bc_acks *a, uint64_t bytes)
{
	int32_t before = (int32_t)(atomic_load_explicit(&a->known, memory_order_acquire) - a->segment);

	if (before)
		return before > 0;
	return !a->size || (a->finished == a->segment && bytes >= a->size);
}

void bc_acks_synced(struct bc_acks *a, uint64_t bytes)
{
	const bool held = a->marks_wait && hold(a, bytes);

	if ((int32_t)(atomic_load_explicit(&a->lost, memory_order_relaxed) - a->given_up) > 0)
		bc_acks_lose(a, NULL);
	if (!held || !a->marks_wait)
		return;
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s])
			bc_ack_stored(a->ack[s], a->marks[s].mark, a->marks[s].n);
	a->marks_wait = false;
}

bool bc_acks_numbered(const struct bc_acks *a)
{
	struct bc_ack_mark m;
	uint64_t stored;

	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s] && bc_ack_at(a->ack[s], 0, &m, &stored))
			return true;
	return false;
}

bool bc_acks_hurried(struct bc_acks *a)
{
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s])
			a->hurried |= bc_ack_hurried(a->ack[s]);
	return a->hurried && !a->marks_wait && a->total != a->marked;
}

bool bc_acks_wait(const struct bc_acks *a)
{
	return a->marks_wait || a->total != a->marked;
}
