/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What became of the bytes that were sent to a peer: passed, or lost with a connection that broke. Positions count
 * bytes since the beginning. One thread tells, in ascending order; another asks, in ascending order.
 */
#ifndef BC_PEER_FATE_H
#define BC_PEER_FATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Ranges kept apart; beyond that the newest ones grow together, with what lies between them. */
#define BC_PEER_FATE_RANGES 64U

struct bc_peer_fate {
	_Atomic uint64_t known;		/* the fate of all before it is known */
	pthread_mutex_t lock;		/* of what follows */
	uint32_t n;
	struct bc_peer_fate_range {
		uint64_t from, to;
	} lost[BC_PEER_FATE_RANGES];	/* ascending */
};

void bc_peer_fate_init(struct bc_peer_fate *f);
void bc_peer_fate_fini(struct bc_peer_fate *f);

/* All up to to that is not known yet has passed, or is lost. A position that is known already changes nothing. */
void bc_peer_fate_pass(struct bc_peer_fate *f, uint64_t to);
void bc_peer_fate_lose(struct bc_peer_fate *f, uint64_t to);

static inline uint64_t bc_peer_fate_known(const struct bc_peer_fate *f)
{
	return atomic_load(&f->known);
}

/* Is a byte of from to to lost? What lies before from is not asked for again. */
bool bc_peer_fate_lost(struct bc_peer_fate *f, uint64_t from, uint64_t to);

#endif
