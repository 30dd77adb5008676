/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_acks.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How far a source is. */
struct marks {
	uint32_t n;
	struct bc_ack_mark mark[BC_ACK_EPOCHS];
};

struct bc_acks {
	struct bc_ack *const *ack;
	uint32_t n;
	uint64_t *handled;		/* packets, by source */
	uint64_t total, marked;		/* of all numbered sources; when marks were taken last */
	bool hurried;			/* and that is not done yet */
	struct marks *marks;		/* by source */
	bool marks_wait;		/* until they hold: */
	uint32_t segment;		/* these marks are of this one, counted from 0, */
	uint64_t size;			/* and of so many bytes in it */
	uint32_t finished;		/* segments that are over */
	_Atomic uint32_t known;		/* whose fate is known */
};

struct bc_acks *bc_acks_new(struct bc_ack *const *ack, uint32_t n)
{
	struct bc_acks *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->ack = ack;
	a->n = n;
	a->handled = calloc(n, sizeof(*a->handled));
	a->marks = calloc(n, sizeof(*a->marks));
	if (!a->handled || !a->marks) {
		bc_acks_free(a);
		return NULL;
	}
	return a;
}

void bc_acks_free(struct bc_acks *a)
{
	if (!a)
		return;
	free(a->handled);
	free(a->marks);
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
	a->finished++;
}

void bc_acks_result(struct bc_acks *a)
{
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
	if (!a->marks_wait || !hold(a, bytes))
		return;
	for (uint32_t s = 0; s < a->n; s++)
		if (a->ack[s])
			bc_ack_stored(a->ack[s], a->marks[s].mark, a->marks[s].n);
	a->marks_wait = false;
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
