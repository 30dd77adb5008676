/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tap_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void bc_tap_piece_put(struct bc_tap_piece *p)
{
	if (p && !--p->refs)
		free(p);
}

static void forget_first(struct bc_tap_log *l)
{
	struct bc_tap_piece **at = &l->slot[l->first++ % BC_TAP_PIECES];

	l->bytes -= (*at)->len;
	bc_tap_piece_put(*at);
	*at = NULL;
}

void bc_tap_log_clear(struct bc_tap_log *l)
{
	while (l->first < l->next)
		forget_first(l);
}

int bc_tap_log_put(struct bc_tap_log *l, const uint8_t *data, size_t len, uint32_t packets, size_t head)
{
	struct bc_tap_piece *p = malloc(sizeof(*p) + len);

	l->packets += packets;
	if (!p)
		return -ENOMEM;
	while (l->first < l->next && (l->bytes + len > l->limit || l->next - l->first == BC_TAP_PIECES))
		forget_first(l);
	*p = (struct bc_tap_piece){ .refs = 1, .packets = packets, .before = l->packets - packets, .head = head, .len = len };
	memcpy(p->data, data, len);
	l->slot[l->next++ % BC_TAP_PIECES] = p;
	l->bytes += len;
	return 0;
}

struct bc_tap_cursor bc_tap_log_end(const struct bc_tap_log *l)
{
	return (struct bc_tap_cursor){ .next = l->next, .packets = l->packets };
}

uint64_t bc_tap_log_overtaken(const struct bc_tap_log *l, struct bc_tap_cursor *at)
{
	const uint64_t from = at->packets;

	if (at->next < l->first) {
		at->next = l->first;
		at->packets = l->first < l->next ? l->slot[l->first % BC_TAP_PIECES]->before : l->packets;
	}
	return at->packets - from;
}

struct bc_tap_piece *bc_tap_log_take(const struct bc_tap_log *l, struct bc_tap_cursor *at, uint64_t *ret_lost)
{
	uint64_t lost = bc_tap_log_overtaken(l, at);
	struct bc_tap_piece *p;

	if (at->next == l->next) {
		*ret_lost = lost + l->packets - at->packets;
		at->packets = l->packets;
		return NULL;
	}
	p = l->slot[at->next++ % BC_TAP_PIECES];
	p->refs++;
	*ret_lost = lost + p->before - at->packets;
	at->packets = p->before + p->packets;
	return p;
}
