/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_flow_order.h"

#include <string.h>

#include "bc_bytes.h"

#define DIGITS 8U	/* bytes of a key */

/* Stable, by the keys, from the last byte to the first; bytes in which all agree cost nothing. Returns the one of both that has them. */
static struct bc_flow_order *sort(const struct bc_flow_table *t, struct bc_flow_order *from, struct bc_flow_order *to, uint32_t n)
{
	uint32_t count[DIGITS][256] = { 0 };

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t d = 0; d < DIGITS; d++)
			count[d][from[i].key >> 8 * d & 0xff]++;
	for (uint32_t d = 0; d < DIGITS; d++) {
		struct bc_flow_order *rest = to;
		uint32_t at = 0;

		if (!n || count[d][from->key >> 8 * d & 0xff] == n)
			continue;
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = count[d][i];

			count[d][i] = at;
			at += c;
		}
		for (uint32_t i = 0; i < n; i++) {
			if (i % BC_FLOW_PAUSE_ITEMS == 0)
				bc_flow_table_pause(t);
			to[count[d][from[i].key >> 8 * d & 0xff]++] = from[i];
		}
		to = from;
		from = rest;
	}
	return from;
}

/* The addresses' bytes from the last to the first, 8 at a time; part 0 is the last. */
static uint64_t key_of(const struct bc_flow_table *t, uint32_t cell, uint32_t part)
{
	const struct bc_flow *f = &t->cell[cell].flow;

	if (f->addr_len == 16)
		return bc_get_be64(bc_flow_addr(t, cell, part < 2) + (part % 2 ? 0 : 8));
	return f->addr_len ? bc_get_be64(f->addr[0]) : 0;
}

/* Those with addresses of one length. Returns how many there are. */
static uint32_t sort_some(const struct bc_flow_table *t, uint8_t addr_len, struct bc_flow_order *dst, struct bc_flow_order *spare)
{
	uint32_t n = 0, parts = addr_len == 16 ? 4 : 1;
	struct bc_flow_order *sorted = dst;

	for (uint32_t cell = 0; cell < t->n_cells; cell += bc_flow_cells(&t->cell[cell].flow))
		if (t->cell[cell].flow.addr_len == addr_len)
			dst[n++].cell = cell;
	for (uint32_t part = 0; part < parts; part++) {
		for (uint32_t i = 0; i < n; i++)
			sorted[i].key = key_of(t, sorted[i].cell, part);
		sorted = sort(t, sorted, sorted == dst ? spare : dst, n);
	}
	if (sorted != dst)
		memcpy(dst, sorted, n * sizeof(*dst));
	return n;
}

void bc_flow_order(const struct bc_flow_table *t, struct bc_flow_order *order, struct bc_flow_order *spare)
{
	uint32_t n = sort_some(t, 0, order, spare);

	n += sort_some(t, 4, order + n, spare);
	sort_some(t, 16, order + n, spare);
}
