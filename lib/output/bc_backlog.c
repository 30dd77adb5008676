/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_backlog.h"

#include <stdlib.h>

#define ENTRIES 256U

struct entry {
	uint64_t end;
	struct bc_tally tally;
};

struct bc_backlog {
	uint32_t first, n;
	uint32_t each;			/* so many pushes become one entry */
	uint32_t in_last;		/* pushes in the newest one */
	struct entry entry[ENTRIES];	/* a ring */
};

struct bc_backlog *bc_backlog_new(void)
{
	return calloc(1, sizeof(struct bc_backlog));
}

void bc_backlog_free(struct bc_backlog *b)
{
	free(b);
}

static struct entry *at(struct bc_backlog *b, uint32_t i)
{
	return &b->entry[(b->first + i) % ENTRIES];
}

/* Every two become one, and so do those that come. */
static void halve(struct bc_backlog *b)
{
	for (uint32_t i = 0; i < ENTRIES / 2; i++) {
		struct entry two = *at(b, 2 * i);

		bc_tally_add(&two.tally, &at(b, 2 * i + 1)->tally);
		two.end = at(b, 2 * i + 1)->end;
		*at(b, i) = two;
	}
	b->n = ENTRIES / 2;
	b->each *= 2;
}

void bc_backlog_push(struct bc_backlog *b, uint64_t end, const struct bc_tally *t)
{
	if (!b->n)
		b->each = 1;
	if (b->n && b->in_last < b->each) {
		bc_tally_add(&at(b, b->n - 1)->tally, t);
		at(b, b->n - 1)->end = end;
		b->in_last++;
		return;
	}
	if (b->n == ENTRIES)
		halve(b);
	b->in_last = 1;
	*at(b, b->n++) = (struct entry){ .end = end, .tally = *t };
}

bool bc_backlog_pop(struct bc_backlog *b, uint64_t passed, uint64_t *ret_end, struct bc_tally *ret)
{
	if (!b->n || b->entry[b->first].end > passed)
		return false;
	*ret_end = b->entry[b->first].end;
	*ret = b->entry[b->first].tally;
	b->first = (b->first + 1) % ENTRIES;
	b->n--;
	return true;
}

bool bc_backlog_empty(const struct bc_backlog *b)
{
	return b->n == 0;
}
