/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Patience with a store that refuses what it is asked: which loss an error becomes, whether the call is worth
 * repeating and for how long, and what is said. Makes no system call; the committer's thread, unless it says otherwise.
 */
#ifndef BC_PATIENCE_H
#define BC_PATIENCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_ledger.h"
#include "bc_log_limit.h"
#include "bc_time.h"

#define BC_PATIENCE_RETRY_NS (20 * BC_NS_PER_MS)	/* between two attempts */
#define BC_PATIENCE_DRAIN_NS (1 * BC_NS_PER_S)		/* how long it lasts once the sources have stopped */

/* What may be the matter for a while. It is said when it begins and when it is over, unless that happens too often. */
enum bc_trouble { BC_TROUBLE_NONE, BC_TROUBLE_FULL, BC_TROUBLE_FOLDER, BC_TROUBLE_SLOW, BC_TROUBLE_COUNT };

struct bc_patience {
	const char *output;		/* whose lines these are; not owned */
	const struct bc_log *log;	/* may be NULL */
	uint64_t drain_since_ns;	/* 0: nothing has been refused since the sources stopped */
	_Atomic(const char *) in[BC_TROUBLE_COUNT];	/* what is the matter; NULL: nothing */
	bool told[BC_TROUBLE_COUNT];
	struct bc_log_limit limit[BC_TROUBLE_COUNT];
};

/* How things are when a call was refused. */
struct bc_pressure {
	uint64_t now_ns;
	bool aborted;
	bool draining;			/* the sources have stopped */
	bool keepers;			/* senders keep what they send until it is acknowledged: nothing is given up */
	uint32_t buffers_free, buffers;
};

/* What packets become that are given up for this negative errno of a store. */
enum bc_loss bc_patience_loss(int err);

/* May it be over with the next attempt? */
bool bc_patience_passes(int err);

/* Packets may be given up: the buffers are nearly full, or the capture ends and nothing has changed for a while. */
bool bc_patience_is_out(struct bc_patience *p, const struct bc_pressure *at);

/*
 * A call of the store failed: is it to be repeated, after BC_PATIENCE_RETRY_NS? Says what is the matter, unless that
 * is known. A store that is only busy (-EAGAIN) is waited for without a limit: the sources wait with it, or lose at
 * their ingress what no buffer is left for.
 */
bool bc_patience_again(struct bc_patience *p, int err, const struct bc_pressure *at);

/* Packets were written; the peer has passed on everything. What was the matter is over, and that is said. */
void bc_patience_succeeded(struct bc_patience *p);
void bc_patience_caught_up(struct bc_patience *p);

/* Any thread: what is the matter now, in words that stay valid; NULL: nothing. */
const char *bc_patience_trouble(const struct bc_patience *p);

#endif
