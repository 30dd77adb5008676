/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ordered merge of many links: a tournament tree of losers (Knuth, TAOCP 3, 5.4.1) whose winner's whole run, up to the
 * runner-up, is emitted at once. Equal times come in the order of the links, so that a merge of files is the same every time.
 * Used by one thread.
 */
#ifndef BC_MERGE_H
#define BC_MERGE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_chunker.h"
#include "bc_ledger.h"
#include "bc_link.h"

struct bc_merge;

struct bc_merge_config {
	uint32_t n_links;
	struct bc_link **link;			/* n_links of them, link i is source i; not owned, the array is read by bc_merge_new() only */
	const bool *blocking;			/* as many: a file is waited for however long it takes; the same; NULL: none is */
	uint32_t n_outputs;
	struct bc_chunker *output[BC_MAX_OUTPUTS];	/* not owned; stop_segments is for a single one */
	struct bc_ledger *ledger;		/* not owned */
	uint64_t max_wait_ns;			/* how long a source without packets or watermark is waited for */
	uint64_t count;				/* packets; 0: no limit */
	/* Give back packets that no output gets. */
	void (*drop)(void *ctx, const struct bc_desc *d, uint32_t n);
	void *drop_ctx;
	_Atomic bool *limit_reached;		/* set when count or the output's last segment is reached; may be NULL */
	/* UTC now, for the ledger's merge_delay, which samples some of the packets; NULL: the packets' times are not of today. */
	uint64_t (*now_ns)(void *ctx);
	void *now_ctx;
};

struct bc_merge *bc_merge_new(const struct bc_merge_config *cfg);
void bc_merge_free(struct bc_merge *m);

/* Emit up to about budget packets, as far as the watermarks allow. Returns how many were emitted. */
uint32_t bc_merge_poll(struct bc_merge *m, uint32_t budget);

/* About every millisecond: timers of the outputs, and sources that keep the others waiting. Returns whether it did something. */
bool bc_merge_tick(struct bc_merge *m, uint64_t mono_ns);

/* True once every source has ended, all was emitted and every output was finished. */
bool bc_merge_done(const struct bc_merge *m);

/*
 * Did the last round end because an output had no room, and not because a source is waited for? Written by the merge, read by any thread;
 * lives as long as the merge.
 */
const _Atomic bool *bc_merge_blocked(const struct bc_merge *m);

/*
 * Do packets pass at such a rate that a source without any should renew its promise often, lest those of others pile up behind it? Told by
 * the tick; otherwise as bc_merge_blocked.
 */
const _Atomic bool *bc_merge_busy(const struct bc_merge *m);

/* The time before which everything was emitted; any thread. */
uint64_t bc_merge_emitted_ns(const struct bc_merge *m);

#endif
