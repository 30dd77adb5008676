/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_rewrite.h"

#define MODULUS 65535

void bc_fill(struct bc_rewrite *w, uint32_t from, uint32_t to, uint8_t with)
{
	if (from >= to)
		return;
	w->changed -= bc_weigh(w, from, to - from);
	memset(w->p + from, with, to - from);
	w->changed += bc_weigh(w, from, to - from);
}

/* Were there others than zeros? */
static bool zero(struct bc_rewrite *w, uint32_t from, uint32_t to)
{
	int64_t sum = from < to ? bc_weigh(w, from, to - from) : 0;

	if (!sum)
		return false;
	memset(w->p + from, 0, to - from);
	w->changed -= sum;
	return true;
}

void bc_blank(struct bc_rewrite *w, uint32_t from, uint32_t to)
{
	w->unparsed |= zero(w, from, to);
}

void bc_narrow(struct bc_rewrite *w, uint32_t end)
{
	if (end < w->wire_end)
		w->wire_end = end;
	if (end >= w->end)
		return;
	zero(w, end, w->end);
	w->end = end;
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m'). */
void bc_mend(struct bc_rewrite *w, uint32_t at, int64_t change, bool optional)
{
	int64_t sum = change % MODULUS + (change < 0 ? MODULUS : 0);
	uint16_t before = bc_get_be16(w->p + at), after;

	if (sum % MODULUS == 0 || (optional && !before))
		return;
	sum += 0xffff - before;
	after = (uint16_t)(0xffff - ((sum & 0xffff) + (sum >> 16)));
	if (optional && !after)
		after = 0xffff;
	bc_put_be16(w->p + at, after);
	w->changed += after - before;
}

void bc_open_checksum(struct bc_rewrite *w, uint32_t off, int64_t pseudo, bool optional)
{
	if (bc_have(w, off + 2))
		w->checksum[w->n_checksums++] = (struct bc_checksum){ w->at + off, w->changed, pseudo, optional };
	else if (bc_have(w, off + 1))
		/* Half of one that was of the packet as it was. */
		bc_blank(w, w->at + off, w->at + off + 1);
}

void bc_mend_all(struct bc_rewrite *w)
{
	while (w->n_checksums) {
		const struct bc_checksum *c = &w->checksum[--w->n_checksums];

		bc_mend(w, c->at, w->changed - c->before + c->pseudo, c->optional);
	}
}
