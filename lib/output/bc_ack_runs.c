/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_runs.h"

#include <stdlib.h>
#include <string.h>

/* Of those kept, how far back one is looked for that goes on: sources take turns, and a few more runs do no harm. */
#define LOOK_BACK 64U

void bc_ack_runs_fini(struct bc_ack_runs *r)
{
	free(r->kept.run);
	free(r->rest.run);
	*r = (struct bc_ack_runs){ .confirmed = 0 };
}

static bool push(struct bc_ack_list *l, const struct bc_ack_run *run)
{
	if (l->n == l->room) {
		uint32_t room = l->room ? 2 * l->room : 16;
		struct bc_ack_run *p = realloc(l->run, room * sizeof(*p));

		if (!p)
			return false;
		l->run = p;
		l->room = room;
	}
	l->run[l->n++] = *run;
	return true;
}

bool bc_ack_runs_add(struct bc_ack_runs *r, const struct bc_ack_run *run)
{
	return push(&r->rest, run);
}

void bc_ack_runs_confirm(struct bc_ack_runs *r, uint64_t size)
{
	for (; r->confirmed < r->rest.n; r->confirmed++)
		r->rest.run[r->confirmed].end = size;
}

/* False without memory. */
static bool keep_one(struct bc_ack_list *kept, const struct bc_ack_run *run)
{
	const uint32_t first = kept->n > LOOK_BACK ? kept->n - LOOK_BACK : 0;

	for (uint32_t i = kept->n; i-- > first;) {
		struct bc_ack_run *k = &kept->run[i];

		if (k->source != run->source)
			continue;
		if (k->to != run->mark.next || !bc_ack_same(&k->mark, &run->mark))
			break;
		k->to = run->to;
		k->end = run->end;
		return true;
	}
	return push(kept, run);
}

void bc_ack_runs_keep(struct bc_ack_runs *r, uint64_t bytes)
{
	uint32_t n = 0;

	while (n < r->confirmed && r->rest.run[n].end <= bytes && keep_one(&r->kept, &r->rest.run[n]))
		n++;
	if (!n)
		return;
	r->rest.n -= n;
	r->confirmed -= n;
	memmove(r->rest.run, r->rest.run + n, r->rest.n * sizeof(*r->rest.run));
}
