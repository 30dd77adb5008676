/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_set.h"

#include <stdlib.h>
#include <string.h>

void bc_ack_set_fini(struct bc_ack_set *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->epoch[i].range);
	s->n = 0;
}

struct bc_ack_known *bc_ack_set_find(struct bc_ack_set *s, const struct bc_ack_mark *m)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (bc_ack_same(&s->epoch[i].mark, m))
			return &s->epoch[i];
	return NULL;
}

struct bc_ack_known *bc_ack_set_use(struct bc_ack_set *s, const struct bc_ack_mark *m)
{
	struct bc_ack_known *k = bc_ack_set_find(s, m), used = { .mark = *m };

	if (k) {
		used = *k;
	} else {
		if (s->n < BC_ACK_EPOCHS)
			s->n++;
		else
			free(s->epoch[s->n - 1].range);
		k = &s->epoch[s->n - 1];
	}
	memmove(&s->epoch[1], &s->epoch[0], (size_t)(k - s->epoch) * sizeof(*k));
	s->epoch[0] = used;
	bc_ack_known_raise(&s->epoch[0], m->next);
	return &s->epoch[0];
}

/* Ranges from i to before j become n others, which the caller fills in. False without memory: nothing has changed. */
static bool replace(struct bc_ack_known *k, uint32_t i, uint32_t j, uint32_t n)
{
	const uint32_t total = k->n - (j - i) + n;
	struct bc_ack_range *p = k->range;

	if (total > k->n)
		p = realloc(k->range, total * sizeof(*p));
	if (total > k->n && !p)
		return false;
	if (k->n > j)
		memmove(&p[i + n], &p[j], (k->n - j) * sizeof(*p));
	k->range = p;
	k->n = total;
	if (!total) {
		free(k->range);
		k->range = NULL;
	}
	return true;
}

void bc_ack_known_raise(struct bc_ack_known *k, uint64_t next)
{
	uint32_t n = 0;

	if (next > k->mark.next)
		k->mark.next = next;
	for (; n < k->n && k->range[n].from <= k->mark.next; n++)
		if (k->range[n].to > k->mark.next)
			k->mark.next = k->range[n].to;
	if (n)
		replace(k, 0, n, 0);
}

void bc_ack_known_add(struct bc_ack_known *k, uint64_t from, uint64_t to)
{
	uint32_t i = 0, j;

	if (from >= to)
		return;
	if (from <= k->mark.next) {
		bc_ack_known_raise(k, to);
		return;
	}
	while (i < k->n && k->range[i].to < from)
		i++;
	for (j = i; j < k->n && k->range[j].from <= to; j++) {
		if (k->range[j].from < from)
			from = k->range[j].from;
		if (k->range[j].to > to)
			to = k->range[j].to;
	}
	if (replace(k, i, j, 1))
		k->range[i] = (struct bc_ack_range){ from, to };
}

/* What was below mark.next without a gap has one now. */
static void lower(struct bc_ack_known *k, uint64_t from, uint64_t to)
{
	const uint64_t end = k->mark.next;

	if (from >= end)
		return;
	k->mark.next = from;
	bc_ack_known_add(k, to, end);
}

void bc_ack_known_remove(struct bc_ack_known *k, uint64_t from, uint64_t to)
{
	if (from >= to)
		return;
	lower(k, from, to);
	for (uint32_t i = k->n; i-- > 0;) {
		const struct bc_ack_range r = k->range[i];
		const bool before = r.from < from, behind = r.to > to;

		if (r.to <= from || r.from >= to)
			continue;
		if (before && behind) {
			k->range[i].to = from;
			bc_ack_known_add(k, to, r.to);
		} else if (before) {
			k->range[i].to = from;
		} else if (behind) {
			k->range[i].from = to;
		} else {
			replace(k, i, i + 1, 0);
		}
	}
}

bool bc_ack_known_has(const struct bc_ack_known *k, uint64_t number, uint64_t *ret_until)
{
	if (number < k->mark.next) {
		*ret_until = k->mark.next;
		return true;
	}
	for (uint32_t i = 0; i < k->n; i++) {
		if (number < k->range[i].from) {
			*ret_until = k->range[i].from;
			return false;
		}
		if (number < k->range[i].to) {
			*ret_until = k->range[i].to;
			return true;
		}
	}
	*ret_until = UINT64_MAX;
	return false;
}
