/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets that are written or lost together. */
#ifndef BC_TALLY_H
#define BC_TALLY_H

#include <stdint.h>

#include "bc_ledger.h"

struct bc_tally {
	uint64_t packets;
	uint64_t bytes;			/* before compression */
	uint64_t file_bytes;		/* after it */
	uint64_t from[BC_MAX_SOURCES];	/* packets by source */
};

/* Both count by n_sources sources. */
static inline void bc_tally_add(struct bc_tally *t, const struct bc_tally *more, uint32_t n_sources)
{
	t->packets += more->packets;
	t->bytes += more->bytes;
	t->file_bytes += more->file_bytes;
	for (uint32_t s = 0; s < n_sources; s++)
		t->from[s] += more->from[s];
}

#endif
