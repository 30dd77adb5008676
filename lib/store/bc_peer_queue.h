/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that waits for one peer: what earlier runs left in the spool's folder, oldest first, and then what this run puts;
 * and bringing the latter into the folder, about every second and when memory gets short. Without a folder there is
 * only the memory. The peer's thread calls, except where it says otherwise.
 */
#ifndef BC_PEER_QUEUE_H
#define BC_PEER_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_spool.h"
#include "bc_spool_disk.h"

struct bc_peer_queue_config {
	const char *name;		/* the peer's, for the log; borrowed */
	size_t memory;			/* bytes that may be held there */
	const char *folder;		/* NULL: none */
	uint64_t folder_bytes;		/* that may lie there */
	const struct bc_log *log;
};

struct bc_peer_queue {
	struct bc_peer_queue_config cfg;
	struct bc_spool run;		/* of this run: others put into it */
	struct bc_spool left;		/* of an earlier one */
	struct bc_spool *out;		/* which of them is sent */
	struct bc_spool_disk *disk;
	uint8_t node[BC_WIRE_ID];	/* who we are; constant */
	uint64_t left_first;		/* the first number of left */
	uint64_t stored_ns;		/* when files and disk were last looked after */
	int trouble;			/* why not all is in files, as far as it was said; or 0 */
	_Atomic uint64_t kept;		/* after finish: run's bytes before this will be sent by the next run */
	_Atomic uint64_t folder_bytes;	/* that lie there; any thread reads */
	_Atomic uint64_t since_ns;	/* UTC: something is held, and was so at the last progress; 0: nothing is */
	uint64_t seen;			/* what was done then */
};

/* 0; or a negative errno with a line in err, and nothing left behind. Any thread, and fini; it takes zeroed memory. */
int bc_peer_queue_init(struct bc_peer_queue *q, const struct bc_peer_queue_config *cfg, struct bc_err *err);
void bc_peer_queue_fini(struct bc_peer_queue *q);

/* Is what is sent of an earlier run? Has all of it been? */
static inline bool bc_peer_queue_is_left(const struct bc_peer_queue *q)
{
	return q->out == &q->left;
}

/* No connection is up: when all that an earlier run left is done, out becomes what comes next. */
void bc_peer_queue_next(struct bc_peer_queue *q);

/*
 * Look after files and disk when it is time to, or now; when that will be: a time of bc_mono_ns(), UINT64_MAX: never.
 */
void bc_peer_queue_look_after(struct bc_peer_queue *q, uint64_t now_ns, bool now);
uint64_t bc_peer_queue_due_ns(const struct bc_peer_queue *q);

/* Nothing more is put or sent: what is held goes to disk, as far as it can. */
void bc_peer_queue_finish(struct bc_peer_queue *q);

#endif
