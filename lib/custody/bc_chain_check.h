/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares a folder with its chain of custody: what is missing, changed, reordered, or not in it. All of it is hostile input. */
#ifndef BC_CHAIN_CHECK_H
#define BC_CHAIN_CHECK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_chain_key.h"
#include "bc_stamps_check.h"

enum bc_chain_fault {
	BC_CHAIN_DAMAGED,	/* a line is no record */
	BC_CHAIN_LINK,		/* a record does not follow the one before it: some are gone, exchanged or altered */
	BC_CHAIN_NOT_SIGNED,	/* by another key, or not at all */
	BC_CHAIN_CHANGED,	/* the file is not what was recorded */
	BC_CHAIN_MISSING,	/* the file is gone, and older ones are there */
	BC_CHAIN_UNREADABLE,
	BC_CHAIN_ENCRYPTED,	/* it is there encrypted, and none of the keys fits */
	BC_CHAIN_ADDED,		/* a segment without a record */
	BC_CHAIN_CUT,		/* the last line is not whole */
	BC_CHAIN_FAULTS
};

/* "is not what was recorded": what is said behind a file's name, or "record N". */
const char *bc_chain_fault_text(enum bc_chain_fault fault);

struct bc_age_identities;

struct bc_chain_result {
	uint64_t records;
	uint64_t whole;			/* files that are as they were */
	uint64_t found;			/* of these: recorded only when a later capture began */
	uint64_t removed;		/* older than all that are there, as retention removes them; no fault */
	uint64_t faults;
	bool running;			/* a process adds to it: what is newer than its last record is no fault */
	uint8_t head[BC_CHAIN_HASH];	/* of the last record; zeros without one */
};

/* What is wanted. */
struct bc_chain_asked {
	const struct bc_chain_key *key;
	const struct bc_age_identities *identities;	/* of bc_age_key.h: a file that is gone may be there encrypted, as FILE.age; NULL: none */
	const struct bc_stamps_asked *stamps;		/* also check the time stamps, whose faults count, too; NULL: not */
	/* Each fault, with the file's name, "" for the chain itself, and the record's number, UINT64_MAX without one. */
	void (*tell)(void *ctx, enum bc_chain_fault fault, uint64_t number, const char *name);
	void *ctx;
};

/*
 * Reads every file that is there. 0 and *ret; or a negative errno with a line in err: there is no chain, or it cannot be read.
 */
int bc_chain_check(const char *folder, const struct bc_chain_asked *asked, struct bc_chain_result *ret, struct bc_err *err);

#endif
