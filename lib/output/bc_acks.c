/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_acks.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_ack_runs.h"
#include "bc_ack_table.h"
#include "bc_store.h"

#define SEGMENTS (2 * BC_STORE_QUEUE_MAX)	/* more than can wait to be published */

/* How far a source is. */
struct marks {
	uint32_t n;
	struct bc_ack_mark mark[BC_ACK_EPOCHS];
};

/* A segment that is over. The committer's thread, which frees it; the publishing one reads until its fate is known. */
struct segment {
	struct bc_ack_runs runs;
	bool lost;			/* all but what was kept; the publishing thread sets */
};

struct bc_acks {
	struct bc_ack *const *ack;
	const struct bc_ledger *ledger;
	uint32_t n;			/* sources */
	uint8_t collector[BC_ACK_ID];	/* of all of them */
	uint64_t *handled;		/* packets, by source */
	uint64_t total, marked;		/* of all numbered sources; when marks were taken last */
	bool hurried;			/* and that is not done yet */
	struct marks *marks;		/* by source */
	bool marks_wait;		/* until they hold: */
	uint32_t segment;		/* these marks are of this one, counted from 0, */
	uint64_t size;			/* and of so many bytes in it */

	struct bc_ack_runs open;	/* of the segment that is begun */
	struct segment *over[SEGMENTS];	/* a ring; NULL: without memory, and what was not kept is lost already */
	uint32_t finished;		/* segments that are over */
	uint32_t reaped;		/* of these: those that are done with */
	_Atomic uint32_t known;		/* of these: those whose fate is known; the publishing thread adds */

	/* What the segment says, by source: the number of the next packet; the node of zeros: it has none. */
	struct bc_ack_mark *told;
	uint64_t *stored;		/* all below were on disk at the last chunk, by source */
	struct bc_ack_entry *entry;	/* room for a block */
	uint8_t *block;

	/* The publishing thread's, once the capture runs: */
	struct bc_ack_table table;	/* what the file says, by source */
	uint32_t published;		/* segments before are done with */
};

static void set_client(const struct bc_acks *a, char name[BC_ACK_CLIENT_MAX], uint32_t source)
{
	snprintf(name, BC_ACK_CLIENT_MAX, "%.63s", a->ledger->source[source].name);
}

/* What there is from before. False without memory. */
static bool know(struct bc_acks *a, uint32_t source)
{
	const struct bc_ack_set *set = bc_ack_restored(a->ack[source]);
	struct bc_ack_client *c = &a->table.client[source];

	set_client(a, c->name, source);
	for (uint32_t i = set->n; i-- > 0;) {
		struct bc_ack_known *k = bc_ack_set_use(&c->set, &set->epoch[i].mark);

		for (uint32_t r = 0; r < set->epoch[i].n; r++)
			bc_ack_known_add(k, set->epoch[i].range[r].from, set->epoch[i].range[r].to);
		if (k->n != set->epoch[i].n)
			return false;
	}
	memcpy(a->collector, bc_ack_collector(a->ack[source]), BC_ACK_ID);
	memcpy(a->table.collector, a->collector, BC_ACK_ID);
	return true;
}

static bool allocate(struct bc_acks *a)
{
	const uint32_t n = a->n;

	a->handled = calloc(n, sizeof(*a->handled));
	a->marks = calloc(n, sizeof(*a->marks));
	a->told = calloc(n, sizeof(*a->told));
	a->stored = calloc(n, sizeof(*a->stored));
	a->entry = calloc(n, sizeof(*a->entry));
	a->block = malloc(bc_ack_block_size(n));
	a->table.client = calloc(n, sizeof(*a->table.client));
	if (!a->handled || !a->marks || !a->told || !a->stored || !a->entry || !a->block || !a->table.client)
		return false;
	a->table.n = n;
	for (uint32_t s = 0; s < n; s++)
		if (a->ack[s] && !know(a, s))
			return false;
	return true;
}

struct bc_acks *bc_acks_new(struct bc_ack *const *ack, const struct bc_ledger *ledger)
{
	struct bc_acks *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->ack = ack;
	a->ledger = ledger;
	a->n = ledger->n_sources;
	if (allocate(a))
		return a;
	bc_acks_free(a);
	return NULL;
}

/* Of the segments that are over. */
static void free_oldest(struct bc_acks *a)
{
	struct segment **s = &a->over[a->reaped++ % SEGMENTS];

	if (*s)
		bc_ack_runs_fini(&(*s)->runs);
	free(*s);
	*s = NULL;
}

void bc_acks_free(struct bc_acks *a)
{
	if (!a)
		return;
	while (a->reaped != a->finished)
		free_oldest(a);
	bc_ack_runs_fini(&a->open);
	bc_ack_table_fini(&a->table);
	free(a->handled);
	free(a->marks);
	free(a->told);
	free(a->stored);
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

size_t bc_acks_block(struct bc_acks *a, const uint32_t *from, const uint8_t **ret)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < a->n; s++) {
		struct bc_ack_entry *e = &a->entry[n];

		if (!from[s] || !a->ack[s])
			continue;
		memset(e, 0, sizeof(*e));
		bc_ack_at(a->ack[s], a->handled[s], &e->mark, &e->stored);
		a->stored[s] = e->stored;
		if (bc_ack_same(&e->mark, &a->told[s]) && e->mark.next == a->told[s].next)
			continue;
		set_client(a, e->client, s);
		a->told[s] = e->mark;
		n++;
	}
	*ret = a->block;
	return n ? bc_ack_block_put(a->block, a->collector, a->entry, n) : 0;
}

/* What is in no list can be told of to nobody: it is to be sent again. */
static void add_run(struct bc_acks *a, uint32_t source, uint32_t packets)
{
	struct bc_ack_mark *told = &a->told[source];
	const struct bc_ack_run run = {
		.source = source, .mark = *told, .to = told->next + packets, .stored = a->stored[source], .end = UINT64_MAX,
	};

	bc_ack_wrote(a->ack[source], &run.mark, run.to);
	if (!bc_ack_runs_add(&a->open, &run))
		bc_ack_lose(a->ack[source], &run.mark, run.to);
	told->next = run.to;
}

void bc_acks_wrote(struct bc_acks *a, const uint32_t *from)
{
	static const uint8_t zeros[BC_ACK_ID];

	for (uint32_t s = 0; s < a->n; s++)
		if (from[s] && memcmp(a->told[s].node, zeros, BC_ACK_ID))
			add_run(a, s, from[s]);
}

void bc_acks_forget(struct bc_acks *a)
{
	memset(a->told, 0, a->n * sizeof(*a->told));
}

/* --- The file beside them. --- */

/* True: there was something in the list. */
static bool enter(struct bc_acks *a, const struct bc_ack_list *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		const struct bc_ack_run *run = &l->run[i];
		struct bc_ack_mark m = run->mark;

		m.next = run->stored;
		bc_ack_known_add(bc_ack_set_use(&a->table.client[run->source].set, &m), run->mark.next, run->to);
	}
	return l->n > 0;
}

uint8_t *bc_acks_publishing(struct bc_acks *a, uint32_t n, const bool *on_disk, size_t *ret_len)
{
	uint8_t *block = NULL;
	bool changed = false;

	for (uint32_t i = 0; i < n; i++) {
		const struct segment *s = a->over[a->published++ % SEGMENTS];

		if (s)
			changed |= enter(a, &s->runs.kept);
		if (s && on_disk[i])
			changed |= enter(a, &s->runs.rest);
	}
	return changed && !bc_ack_table_to_block(&a->table, &block, ret_len) ? block : NULL;
}

/* --- What is lost. --- */

/* Those of the list from number i on. */
static void lose(struct bc_acks *a, const struct bc_ack_list *l, uint32_t i)
{
	if (i == l->n)
		return;
	for (; i < l->n; i++)
		bc_ack_lose(a->ack[l->run[i].source], &l->run[i].mark, l->run[i].to);
	/* The marks may be of what is lost. */
	a->marks_wait = false;
	a->marked = UINT64_MAX;
}

void bc_acks_confirm(struct bc_acks *a, uint64_t size)
{
	bc_ack_runs_confirm(&a->open, size);
}

void bc_acks_lose(struct bc_acks *a)
{
	lose(a, &a->open.rest, a->open.confirmed);
	a->open.rest.n = a->open.confirmed;
}

void bc_acks_lose_next(struct bc_acks *a, const uint32_t *from)
{
	struct bc_ack_mark m;
	uint64_t stored;

	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s] && from[s] && bc_ack_at(a->ack[s], a->handled[s], &m, &stored))
			bc_ack_lose(a->ack[s], &m, m.next + from[s]);
}

/* What was in segments whose fate is known. */
static void reap(struct bc_acks *a)
{
	const uint32_t known = atomic_load_explicit(&a->known, memory_order_acquire);

	while (a->reaped != known) {
		const struct segment *s = a->over[a->reaped % SEGMENTS];

		if (s && s->lost)
			lose(a, &s->runs.rest, 0);
		free_oldest(a);
	}
}

/* --- What is on disk. --- */

void bc_acks_mark(struct bc_acks *a, uint64_t size)
{
	if (a->marks_wait || a->total == a->marked)
		return;
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s])
			a->marks[s].n = bc_ack_marks(a->ack[s], a->marks[s].mark);
	a->marks_wait = true;
	a->marked = a->total;
	a->segment = a->finished;
	a->size = size;
	a->hurried = false;
}

void bc_acks_finish(struct bc_acks *a, uint64_t kept)
{
	struct segment *s = malloc(sizeof(*s));

	/* Nobody may ask for the marks that this one finds no room for. */
	a->hurried |= a->marks_wait;
	bc_acks_mark(a, UINT64_MAX);
	bc_ack_runs_keep(&a->open, kept);
	if (s) {
		*s = (struct segment){ .runs = a->open };
	} else {
		lose(a, &a->open.rest, 0);
		bc_ack_runs_fini(&a->open);
	}
	a->open = (struct bc_ack_runs){ .confirmed = 0 };
	a->over[a->finished % SEGMENTS] = s;
	bc_acks_forget(a);
	a->finished++;
}

void bc_acks_result(struct bc_acks *a, bool lost)
{
	const uint32_t known = atomic_load_explicit(&a->known, memory_order_relaxed);

	if (a->over[known % SEGMENTS])
		a->over[known % SEGMENTS]->lost = lost;
	atomic_store_explicit(&a->known, known + 1, memory_order_release);
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
	/* First: what is known by then is reaped. */
	const bool held = a->marks_wait && hold(a, bytes);

	reap(a);
	bc_ack_runs_keep(&a->open, bytes);
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
	return a->marks_wait || a->total != a->marked || a->reaped != a->finished;
}
