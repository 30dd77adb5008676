/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes a chain of custody for folders of segments, on a thread of its own: a record of each segment that is published, and of those
 * that lie there without one when a folder is added. Nothing waits for it; what could not be recorded is tried again, and found at the next
 * start.
 */
#ifndef BC_SIGNER_H
#define BC_SIGNER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_chain_record.h"
#include "bc_err.h"
#include "bc_log.h"
#include "bc_stamper.h"

struct bc_keyring;
struct bc_signer;
struct bc_signer_folder;

/*
 * key: a file, see bc_chain_key_private(); keyring: has it, and outlives it. stamper: gets each chain's head; log: either may be NULL, else outlives it. 0 and *ret, or a
 * negative errno with a line in err.
 */
int bc_signer_new(const char *key, struct bc_keyring *keyring, struct bc_stamper *stamper, const struct bc_log *log, struct bc_signer **ret,
		  struct bc_err *err);

/* A folder that was added already is the same again. One thread adds. 0 and *ret, which lives as long as s; errors of bc_chain_open(). */
int bc_signer_add(struct bc_signer *s, const char *folder, struct bc_signer_folder **ret, struct bc_err *err);

/* A segment lies in the folder under its final name, the last part of path. Any thread; never waits. */
void bc_signer_published(struct bc_signer_folder *f, const char *path);

struct bc_signer_stats {
	uint64_t records;		/* in the chain */
	uint64_t waiting;		/* segments without one */
	uint64_t missed;		/* gone before they had one, or no memory for it */
	uint8_t head[BC_CHAIN_HASH];	/* of the last record; zeros: there is none */
	bool stamping;			/* the next are asked for */
	struct bc_stamper_stats stamps;
};

/* Any thread. */
void bc_signer_stats(struct bc_signer_folder *f, struct bc_signer_stats *ret);

/* Any thread: nothing waits but what failed. */
bool bc_signer_idle(struct bc_signer *s);

/* Ends the thread, and what it is at; a line in the log tells each chain's head. Numbers stay readable. */
void bc_signer_close(struct bc_signer *s);
/* After close. Takes NULL. */
void bc_signer_free(struct bc_signer *s);

#endif
