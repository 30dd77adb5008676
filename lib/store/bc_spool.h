/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages queued for a peer, in the framing of bc_wire.h, until the peer needs them no more: it took them or, where it
 * acknowledges, it said that it has them on disk. One thread puts whole messages in, another takes bytes out, and can
 * go back to what is not acknowledged. Positions count bytes since the beginning, numbers count packets; link headers
 * have none.
 *
 * They wait in memory, and in files if there is a folder for them: then bc_spool_store() makes room in memory. What an
 * earlier run left in the folder is a queue of its own, without memory.
 */
#ifndef BC_SPOOL_H
#define BC_SPOOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_counter.h"
#include "bc_spool_disk.h"
#include "bc_wire.h"

/* A link header, shared by the places where it is in force. */
struct bc_spool_link {
	uint32_t refs;
	uint32_t len;
	uint8_t bytes[];
};

/* Between two messages. */
struct bc_spool_place {
	uint64_t pos;			/* bytes before it */
	uint64_t number;		/* of the next packet */
	struct bc_spool_link *link;	/* the last link header before it; NULL: none */
};

/* Places that are remembered of what was sent and is not acknowledged; more become sparser. */
#define BC_SPOOL_MARKS 256U

struct bc_spool {
	uint8_t *ring;				/* mapped twice in a row */
	size_t size;				/* a power of two */
	size_t limit;				/* bytes that may be held; at most size */
	_Atomic uint64_t put BC_CACHE_ALIGNED;	/* the producer writes */
	/* The consumer writes: where it stands, and before what nothing is needed any more. */
	_Atomic uint64_t sent BC_CACHE_ALIGNED;
	_Atomic uint64_t done;
	_Atomic uint64_t freed;			/* in memory: what is before it is done, or in files */
	/* The consumer's. */
	bool keeps;				/* what was sent, until it is acknowledged */
	uint64_t taken;				/* bytes: that of a message which is not whole too */
	struct bc_spool_place at;		/* behind the last whole message that was taken */
	struct bc_spool_place from;		/* at done: from here on messages can be sent again */
	uint64_t acked;				/* all packets with smaller numbers; at least from.number */
	uint64_t high;				/* packets ever sent; UINT64_MAX: an earlier run's, perhaps all */
	struct bc_spool_disk *disk;		/* not owned; NULL: none */
	uint64_t epoch;				/* of its numbers, and of its files */
	struct bc_spool_place stored;		/* all before it is in files, or done */
	bool unreadable;			/* what is at "at" cannot be read from its file, err says why */
	struct bc_err err;
	uint32_t first_mark, n_marks;
	uint64_t spacing;			/* bytes between two marks */
	struct bc_spool_place mark[BC_SPOOL_MARKS];	/* between from and at, ascending; a ring */
};

/* Room for limit bytes in memory, and what the disk gives; disk may be NULL. 0 or -ENOMEM. */
int bc_spool_init(struct bc_spool *s, size_t limit, struct bc_spool_disk *disk);
void bc_spool_fini(struct bc_spool *s);

/* On zeroed memory, or after fini: the oldest epoch that earlier runs left there. false: there is none. */
bool bc_spool_init_left(struct bc_spool *s, struct bc_spool_disk *disk);

/* The producer: whole messages, all of them (0), or none: -ENOBUFS, there is no room. */
int bc_spool_put(struct bc_spool *s, const void *data, size_t len);

/* Any thread: bytes of messages that were not completely taken; of those that are held. */
static inline uint64_t bc_spool_waiting(const struct bc_spool *s)
{
	uint64_t sent = atomic_load(&s->sent);

	return atomic_load(&s->put) - sent;
}

static inline uint64_t bc_spool_held(const struct bc_spool *s)
{
	uint64_t done = atomic_load(&s->done);

	return atomic_load(&s->put) - done;
}

/* Any thread: positions, as above. What is held may be sent again after a rewind. */
static inline uint64_t bc_spool_sent(const struct bc_spool *s)
{
	return atomic_load(&s->sent);
}

static inline uint64_t bc_spool_done(const struct bc_spool *s)
{
	return atomic_load(&s->done);
}

/* The rest is the consumer's. */

/*
 * The bytes next to be taken, and their number; 0 when none wait, or unreadable is set. They may stand elsewhere at the
 * next call, and need not be more. take: the first n of them are the peer's.
 */
size_t bc_spool_peek(struct bc_spool *s, const uint8_t **data);
void bc_spool_take(struct bc_spool *s, size_t n);

/*
 * Go back to the first message that is held: the one that was not taken completely or, where it keeps, was not
 * acknowledged.
 */
void bc_spool_rewind(struct bc_spool *s);

/* After a rewind: from now on, what is taken is held until it is acknowledged, or it is not. */
void bc_spool_keep(struct bc_spool *s, bool keeps);

/*
 * All packets with numbers below next are acknowledged. 0; or -EBADMSG: fewer than before, or more than ever were sent.
 * resume: the same after a rewind, before anything is taken: those packets are not sent again; fewer are as many as
 * before.
 */
int bc_spool_ack(struct bc_spool *s, uint64_t next);
int bc_spool_resume(struct bc_spool *s, uint64_t next);

/*
 * All that was put and is in memory only goes into files. 0; or why not all of it did, as bc_spool_disk_put() says. Not
 * without a disk.
 */
int bc_spool_store(struct bc_spool *s);

/*
 * After unreadable: go on behind the file that cannot be read. The packets that are lost with it. Others may follow a
 * rewind only.
 */
uint64_t bc_spool_skip_file(struct bc_spool *s);

/* Bytes of the message that was taken in part; 0 between two messages. */
size_t bc_spool_rest(struct bc_spool *s);

/*
 * The link header that belongs before the next message: its length, 0 if the next message is one itself, or there was
 * none yet.
 */
size_t bc_spool_link(struct bc_spool *s, const uint8_t **data);

/* The length of the next message if it is a link header, or 0. */
size_t bc_spool_next_link(struct bc_spool *s, const uint8_t **data);

#endif
