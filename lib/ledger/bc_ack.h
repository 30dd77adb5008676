/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far the packets of a remote node are on disk, for the node to be told. A node numbers its packets within an
 * epoch. Its source says which number a connection's first packet has, and counts; the output's committer says how many
 * packets it has dealt with, and which of them are on disk; the network acknowledges these. One for each remote source.
 */
#ifndef BC_ACK_H
#define BC_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_counter.h"

#define BC_ACK_ID 16		/* random bytes */
#define BC_ACK_EPOCHS 8		/* that are remembered of a source: those that were used last */

/* All packets of this node's epoch with numbers below next are on disk. */
struct bc_ack_mark {
	uint8_t node[BC_ACK_ID];
	uint64_t epoch;
	uint64_t next;
};

static inline bool bc_ack_same(const struct bc_ack_mark *a, const struct bc_ack_mark *b)
{
	return a->epoch == b->epoch && !__builtin_memcmp(a->node, b->node, BC_ACK_ID);
}

struct bc_ack;

/* wake_fd: an eventfd of the network's thread, not owned. NULL without memory. */
struct bc_ack *bc_ack_new(int wake_fd);
/* Takes NULL. */
void bc_ack_free(struct bc_ack *a);

/* Before the capture starts: how nodes tell this disk from another; at first it is random. Any thread may ask. */
void bc_ack_set_centre(struct bc_ack *a, const uint8_t centre[BC_ACK_ID]);
const uint8_t *bc_ack_centre(const struct bc_ack *a);

/* Before the capture starts: so much is on disk. The epoch that was used last comes last. */
void bc_ack_restore(struct bc_ack *a, const struct bc_ack_mark *m);

/* --- The source's stage. --- */

/* Has the committer dealt with all packets that the source delivered, so many? */
bool bc_ack_through(const struct bc_ack *a, uint64_t delivered);

/* All was dealt with: what follows has no numbers until bc_ack_begin(). */
void bc_ack_leave(struct bc_ack *a, uint64_t delivered);

/*
 * A session begins on this connection, behind so many delivered packets, all of which the committer has dealt with.
 * m->next is the smallest number that the node can still send. Returns the number of the next packet that it will send;
 * those below *ret_taken were taken before, and are not to be delivered again.
 */
uint64_t bc_ack_begin(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t connection, uint64_t delivered,
		      uint64_t *ret_taken);

/* The session's connection has brought its last packet. */
void bc_ack_end(struct bc_ack *a, uint64_t delivered);

/* The disk has lost packets of the session: end its connection, so that the node sends them again. Any thread. */
bool bc_ack_broken(const struct bc_ack *a);

/* Bring to disk soon what was delivered so far: the node waits for it. */
void bc_ack_hurry(struct bc_ack *a);

/* Packets that were sent again, and not delivered again. The source writes, any thread reads. */
bc_counter_t *bc_ack_repeated(struct bc_ack *a);

/* --- The committer. --- */

/* It has dealt with so many packets of the source, in all. */
void bc_ack_handled(struct bc_ack *a, uint64_t packets);

/* Which number has the packet behind so many, and how far is its epoch on disk? False: none, it is of no session. */
bool bc_ack_at(struct bc_ack *a, uint64_t packets, struct bc_ack_mark *ret, uint64_t *ret_stored);

/* How far all epochs are when the first packets are on disk, at most BC_ACK_EPOCHS of them; how many. */
uint32_t bc_ack_marks(struct bc_ack *a, uint64_t packets, struct bc_ack_mark ret[BC_ACK_EPOCHS]);

/* So far they are on disk: wakes the network's thread if that is further than before. */
void bc_ack_stored(struct bc_ack *a, const struct bc_ack_mark *m, uint32_t n);

/*
 * Of the packets from number from to number to of the source, counted through all sessions, those that are not on disk
 * yet are lost there. If there are any the session is broken, and all behind them is to be lost, too, until it is left.
 */
void bc_ack_break(struct bc_ack *a, uint64_t from, uint64_t to);

/* Was bc_ack_hurry() called since this was asked last? */
bool bc_ack_hurried(struct bc_ack *a);

/* --- The network's thread. --- */

/*
 * What is to be acknowledged on this connection. complete: it is broken, or has brought its last packet; no more will
 * be acknowledged. False: it has no session.
 */
bool bc_ack_due(struct bc_ack *a, uint64_t connection, struct bc_ack_mark *ret, bool *ret_complete);

#endif
