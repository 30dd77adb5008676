/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How far the packets of a remote node are on disk, for the node to be told. A node numbers its packets within an
 * epoch. Its source says which number a connection's first packet has, and counts; the output's committer says which
 * packets it has put into segments, which of these were lost, and how far they are on disk; the network acknowledges
 * that. One for each remote source.
 */
#ifndef BC_ACK_H
#define BC_ACK_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_ack_set.h"
#include "bc_counter.h"

struct bc_ack;

/* wake_fd: an eventfd of the network's thread, not owned. NULL without memory. */
struct bc_ack *bc_ack_new(int wake_fd);
/* Takes NULL. */
void bc_ack_free(struct bc_ack *a);

/* Before the capture starts: how nodes tell this disk from another; at first it is random. Any thread may ask. */
void bc_ack_set_collector(struct bc_ack *a, const uint8_t collector[BC_ACK_ID]);
const uint8_t *bc_ack_collector(const struct bc_ack *a);

/*
 * Before the capture starts: so much of an epoch is on disk. The epoch that was used last comes last. known: what was
 * restored, good until the capture starts.
 */
void bc_ack_restore(struct bc_ack *a, const struct bc_ack_known *k);
const struct bc_ack_set *bc_ack_restored(const struct bc_ack *a);

/* --- The source's stage. --- */

/* Has the committer dealt with all packets that the source delivered, so many? */
bool bc_ack_through(const struct bc_ack *a, uint64_t delivered);

/* All was dealt with: what follows has no numbers until bc_ack_begin(). */
void bc_ack_leave(struct bc_ack *a);

/* Numbers below taken were taken before, and are not to be delivered again; those from there up to end are. */
struct bc_ack_leg {
	uint64_t taken, end;
};

/*
 * A session begins on this connection, behind so many delivered packets, all of which the committer has dealt with.
 * m->next is the smallest number that the node can still send. Returns the number of the next packet that it will send.
 */
uint64_t bc_ack_begin(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t connection, uint64_t delivered,
		      struct bc_ack_leg *ret);

/* The next packet has the number with which the leg before ended; the committer has dealt with all that were delivered. */
void bc_ack_next_leg(struct bc_ack *a, uint64_t number, uint64_t delivered, struct bc_ack_leg *ret);

/* The session's connection has brought its last packet. */
void bc_ack_end(struct bc_ack *a, uint64_t delivered);

/* The disk has lost packets of the session's epoch: end its connection, so that the node sends them again. Any thread. */
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

/* Packets of m's epoch from number m->next up to to: they are in a segment. They are in none: those on disk stay there. */
void bc_ack_wrote(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t to);
void bc_ack_lose(struct bc_ack *a, const struct bc_ack_mark *m, uint64_t to);

/* How far all epochs are when all that is in segments is on disk, at most BC_ACK_EPOCHS of them; how many. */
uint32_t bc_ack_marks(struct bc_ack *a, struct bc_ack_mark ret[BC_ACK_EPOCHS]);

/* So far they are on disk: wakes the network's thread if that is further than before. */
void bc_ack_stored(struct bc_ack *a, const struct bc_ack_mark *m, uint32_t n);

/* Was bc_ack_hurry() called since this was asked last? */
bool bc_ack_hurried(struct bc_ack *a);

/* --- The network's thread. --- */

/*
 * What is to be acknowledged on this connection. complete: it is broken, or has brought its last packet; no more will
 * be acknowledged. False: it has no session.
 */
bool bc_ack_due(struct bc_ack *a, uint64_t connection, struct bc_ack_mark *ret, bool *ret_complete);

#endif
