/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What works behind a store of files: opens the next file in advance, syncs the current one, publishes finished ones.
 */
#ifndef BC_CLOSER_H
#define BC_CLOSER_H

#include "bc_crew.h"
#include "bc_segfile.h"

struct bc_closer;

struct bc_closer_config {
	const struct bc_folder *folder;	/* outlives the closer */
	struct bc_segfile *first;	/* the file opened in advance, with the first number; NULL: none ever is */
	uint64_t seq;			/* the first number */
	struct bc_crew *crew;		/* whose threads do it; NULL: a thread of its own. Outlives the closer */
	bc_store_published published;
	void *ctx;
};

/* Takes first on success only. 0 or a negative errno. */
int bc_closer_start(const struct bc_closer_config *cfg, struct bc_closer **ret);

/* The store's caller alone. The next file, to be given back by _finish() or _end(); errors as in bc_store_begin(). */
int bc_closer_take(struct bc_closer *c, struct bc_segfile **ret);

/*
 * The store's caller alone: sync the file taken, which has size bytes. synced: the size of the last sync that is done, 0
 * before; or the negative errno of one that failed.
 */
void bc_closer_sync(struct bc_closer *c, uint64_t size);
int bc_closer_synced(struct bc_closer *c, uint64_t *ret_size);

/* The store's caller alone: publish the file taken; f->size and f->info are filled. */
void bc_closer_finish(struct bc_closer *c, struct bc_segfile *f);

/*
 * Ends the work and frees everything, including a file that is taken. now: drop what is queued, see bc_store_abort().
 * Returns the first error of publishing. Takes NULL.
 */
int bc_closer_end(struct bc_closer *c, bool now);

/* Any thread. */
void bc_closer_stats(struct bc_closer *c, struct bc_store_stats *ret);

#endif
