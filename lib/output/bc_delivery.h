/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * When a packet counts as written, and what becomes of one that does not: the last column of the ledger, for one
 * output. What the store has taken is pending first, then confirmed; whether it counts by then is a policy:
 *
 *   at once    what was confirmed is there
 *   disk       at once too, but what the disk then refuses to keep is taken back, and lost as that
 *   passed on  the store is a queue before a peer: when the peer has taken it
 *   command    the segment goes through a command: when that has ended well
 *
 * bc_delivery_ops.h is what a policy provides. The committer's thread calls, but for bc_delivery_result().
 */
#ifndef BC_DELIVERY_H
#define BC_DELIVERY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_store.h"
#include "bc_tally.h"

struct bc_delivery_config {
	struct bc_store *store;		/* asked what it does with bytes; not owned; NULL: nothing is written */
	struct bc_ledger *ledger;	/* not owned */
	uint32_t output;		/* whose account is kept */
	bool stream;			/* a stream codec, or encryption, holds bytes back */
	bool piped;			/* the store has a command behind it */
	const _Atomic bool *aborted;	/* nothing is waited for any more; not owned */
	const struct bc_log *log;	/* may be NULL */
};

struct bc_delivery;

/* 0 and *ret, or -ENOMEM with a line in err. free takes NULL. */
int bc_delivery_new(const struct bc_delivery_config *cfg, struct bc_delivery **ret, struct bc_err *err);
void bc_delivery_free(struct bc_delivery *d);

/* These packets, or so many bytes of the file, are pending. */
void bc_delivery_take(struct bc_delivery *d, const struct bc_tally *t);
void bc_delivery_take_bytes(struct bc_delivery *d, uint64_t file_bytes);
const struct bc_tally *bc_delivery_pending(const struct bc_delivery *d);

/*
 * wrote: all bytes of what is pending were written to the store. confirm: and the store has settled. Then nothing is
 * pending. segment: what was confirmed in the segment that is begun.
 */
void bc_delivery_wrote(struct bc_delivery *d);
void bc_delivery_confirm(struct bc_delivery *d);
const struct bc_tally *bc_delivery_segment(const struct bc_delivery *d);

/*
 * What is pending is lost, or these packets, which never were. lost: all packets lost by these two, and the name of
 * the last ones.
 */
void bc_delivery_lose_pending(struct bc_delivery *d, enum bc_loss loss);
void bc_delivery_lose(struct bc_delivery *d, const struct bc_tally *t, enum bc_loss loss);
uint64_t bc_delivery_lost(const struct bc_delivery *d, enum bc_loss *ret_loss);

/* Packets by source that the format cannot hold: lost as link_type, without a place in the file. */
void bc_delivery_refuse(struct bc_delivery *d, const uint32_t *from);

/* The segment is over, with what was confirmed in it; bc_store_finish() comes next. */
void bc_delivery_finish(struct bc_delivery *d);

/*
 * The command reads no more: what is pending is lost, and the segment is to be finished. begin_ns: none may be begun
 * before this moment (bc_mono_ns()); 0: at any time.
 */
void bc_delivery_abandon(struct bc_delivery *d);
uint64_t bc_delivery_begin_ns(const struct bc_delivery *d);

/*
 * Any one thread: what became of each segment for which bc_store_finish() returned 0, in their order, as
 * bc_store_published has it.
 */
void bc_delivery_result(struct bc_delivery *d, uint64_t file_bytes, int err);

/* Enter in the ledger what has become of packets meanwhile. waits: some are confirmed, and it is not known yet. */
void bc_delivery_reap(struct bc_delivery *d);
bool bc_delivery_waits(const struct bc_delivery *d);

/*
 * Nothing more comes: wait until all is known; what cannot be delivered in the time there is, is lost. After an abort
 * it stays open.
 */
void bc_delivery_drain(struct bc_delivery *d);

#endif
