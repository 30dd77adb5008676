/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_backlog.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 256U

/* from has n_sources numbers; entries lie behind one another. */
struct entry {
	uint64_t end, packets, bytes, file_bytes;
	uint64_t from[];
};

struct bc_backlog {
	uint32_t n_sources;
	uint32_t first, n;
	uint32_t each;			/* so many pushes become one entry */
	uint32_t in_last;		/* pushes in the newest one */
	uint8_t entry[] __attribute__((aligned(8)));	/* a ring */
};

static size_t entry_size(uint32_t n_sources)
{
	return sizeof(struct entry) + n_sources * sizeof(uint64_t);
}

struct bc_backlog *bc_backlog_new(uint32_t n_sources)
{
	struct bc_backlog *b = calloc(1, sizeof(*b) + ENTRIES * entry_size(n_sources));

	if (b)
		b->n_sources = n_sources;
	return b;
}

void bc_backlog_free(struct bc_backlog *b)
{
	free(b);
}

static struct entry *at(struct bc_backlog *b, uint32_t i)
{
	return (struct entry *)(void *)(b->entry + (b->first + i) % ENTRIES * entry_size(b->n_sources));
}

/* Every two become one, and so do those that come. */
static void halve(struct bc_backlog *b)
{
	for (uint32_t i = 0; i < ENTRIES / 2; i++) {
		struct entry *to = at(b, i), *one = at(b, 2 * i), *two = at(b, 2 * i + 1);

		to->packets = one->packets + two->packets;
		to->bytes = one->bytes + two->bytes;
		to->file_bytes = one->file_bytes + two->file_bytes;
		to->end = two->end;
		for (uint32_t s = 0; s < b->n_sources; s++)
			to->from[s] = one->from[s] + two->from[s];
	}
	b->n = ENTRIES / 2;
	b->each *= 2;
}

void bc_backlog_push(struct bc_backlog *b, uint64_t end, const struct bc_tally *t)
{
	struct entry *e;

	if (!b->n)
		b->each = 1;
	if (!b->n || b->in_last == b->each) {
		if (b->n == ENTRIES)
			halve(b);
		b->in_last = 0;
		e = at(b, b->n++);
		memset(e, 0, entry_size(b->n_sources));
	}
	e = at(b, b->n - 1);
	e->end = end;
	e->packets += t->packets;
	e->bytes += t->bytes;
	e->file_bytes += t->file_bytes;
	for (uint32_t s = 0; s < b->n_sources; s++)
		e->from[s] += t->from[s];
	b->in_last++;
}

bool bc_backlog_pop(struct bc_backlog *b, uint64_t passed, uint64_t *ret_end, struct bc_tally *ret)
{
	const struct entry *e = at(b, 0);

	if (!b->n || e->end > passed)
		return false;
	*ret_end = e->end;
	ret->packets = e->packets;
	ret->bytes = e->bytes;
	ret->file_bytes = e->file_bytes;
	memcpy(ret->from, e->from, b->n_sources * sizeof(e->from[0]));
	b->first = (b->first + 1) % ENTRIES;
	b->n--;
	return true;
}

bool bc_backlog_empty(const struct bc_backlog *b)
{
	return b->n == 0;
}
