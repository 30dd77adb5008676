/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which numbers of a remote node's packets there are somewhere: of each epoch all below one number, and ranges above it.
 * One for each client. Plain data, one thread at a time.
 */
#ifndef BC_ACK_SET_H
#define BC_ACK_SET_H

#include <stdbool.h>
#include <stdint.h>

#define BC_ACK_ID 16		/* random bytes */
#define BC_ACK_EPOCHS 8		/* that are remembered of a client: those that were used last */

/* The packet with this number, or all with smaller ones, of this node's epoch. */
struct bc_ack_mark {
	uint8_t node[BC_ACK_ID];
	uint64_t epoch;
	uint64_t next;
};

static inline bool bc_ack_same(const struct bc_ack_mark *a, const struct bc_ack_mark *b)
{
	return a->epoch == b->epoch && !__builtin_memcmp(a->node, b->node, BC_ACK_ID);
}

struct bc_ack_range {
	uint64_t from, to;
};

/* All below mark.next, and n ranges: ascending, with gaps between them and before the first. */
struct bc_ack_known {
	struct bc_ack_mark mark;
	struct bc_ack_range *range;
	uint32_t n;
};

/* The epoch used last comes first. Zeroed memory is an empty set. */
struct bc_ack_set {
	uint32_t n;
	struct bc_ack_known epoch[BC_ACK_EPOCHS];
};

void bc_ack_set_fini(struct bc_ack_set *s);

/* The epoch of m; NULL: it is not known. Good until the next bc_ack_set_use(). */
struct bc_ack_known *bc_ack_set_find(struct bc_ack_set *s, const struct bc_ack_mark *m);

/*
 * The epoch of m becomes the first; the one that was used longest ago gives way to one that is new. There are all below
 * m->next of it.
 */
struct bc_ack_known *bc_ack_set_use(struct bc_ack_set *s, const struct bc_ack_mark *m);

/*
 * There are all below next; those from from to to; those no more. Without memory for a range less is known than there is:
 * a packet may be asked for again, none is missed.
 */
void bc_ack_known_raise(struct bc_ack_known *k, uint64_t next);
void bc_ack_known_add(struct bc_ack_known *k, uint64_t from, uint64_t to);
void bc_ack_known_remove(struct bc_ack_known *k, uint64_t from, uint64_t to);

/* Is there this number? *ret_until: the first one above it with which it is otherwise; UINT64_MAX: none. */
bool bc_ack_known_has(const struct bc_ack_known *k, uint64_t number, uint64_t *ret_until);

#endif
