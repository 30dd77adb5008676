/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Statistics of each segment and of each source in it, as lines in the log. A segment's numbers are taken when it ends, and said when
 * it has its name. Two threads: the committer's, and the one that publishes.
 */
#ifndef BC_SEGSTAT_H
#define BC_SEGSTAT_H

#include <stdint.h>

#include "bc_ledger.h"
#include "bc_log.h"

enum bc_segstat_form {
	BC_SEGSTAT_NONE,
	BC_SEGSTAT_FULL,	/* packets, drops and disorders in each line, and the inputs' names */
	BC_SEGSTAT_MTRACECAP,	/* the lines of mtracecap, which scripts parse: docs/mtracecap.md */
};

struct bc_segstat;

/* Of one output of the ledger; both outlive it. form is not NONE. NULL without memory; free takes NULL. */
struct bc_segstat *bc_segstat_new(const struct bc_ledger *ledger, uint32_t output, enum bc_segstat_form form,
				  const struct bc_log *log);
void bc_segstat_free(struct bc_segstat *s);

/* The committer's thread, before the segment may be published: it has from[i] packets of source i. */
void bc_segstat_ended(struct bc_segstat *s, const uint64_t *from);

/* For each of these, in their order. err as bc_store_published has it. */
void bc_segstat_published(struct bc_segstat *s, const char *path, int err);

/* After the last one: the packets that were published, and all that the ledger says was lost or late; MTRACECAP: then each source's. */
void bc_segstat_total(struct bc_segstat *s);

#endif
