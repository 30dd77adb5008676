/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Turns what a killed capture (or a power failure) left behind into a complete segment. What is recovered is
 * written to a new file and published by the store (bc_store.h); the leftover is removed only when that has succeeded,
 * so that at each moment the packets are on disk at least once. docs/segments.md has the whole procedure.
 */
#ifndef BC_RECOVER_H
#define BC_RECOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_scan.h"
#include "bc_store.h"

struct bc_age_identities;

struct bc_recover_config {
	bool dry_run;		/* read and report, change nothing */
	bool utc;		/* name the new segment in UTC, otherwise in local time */
	uint32_t pid;		/* stands in the new segment's temporary name */
	const struct bc_log *log;	/* may be NULL */
	const struct bc_age_identities *identities;	/* of who may read encrypted ones; NULL: none are read */
	/* In a dry run told of each item before the first damage; may be NULL. */
	bc_scan_item item;
	void *ctx;
};

enum bc_recover_outcome {
	BC_RECOVER_NONE,	/* nothing was changed: a failure, or a dry run that found nothing to do */
	BC_RECOVER_PUBLISHED,	/* path has it, the leftover is gone. Dry run: it would be so, path is "" */
	BC_RECOVER_REMOVED,	/* not one byte was in it, and it is gone. Dry run: it would be so */
	BC_RECOVER_REPEATED,	/* all of its packets are in other segments, too, and it is gone. Dry run: it would be so */
};

/* Plain data. */
struct bc_recovered {
	enum bc_recover_outcome outcome;
	struct bc_scan scan;		/* what was found, how much is kept and lost, and why it stopped there */
	uint64_t repeated;		/* of scan.records: they are in other segments, too, and left out */
	uint64_t file_bytes;		/* of the new segment */
	char path[BC_STORE_PATH_MAX];	/* the new segment; "" without one */
};

/*
 * path is a leftover temporary file. All items before the first damage go into a new segment in the same folder, of the
 * format and compression that the name's extension says, or of those found in it under another extension, named by the first
 * packet's time and the leftover's number. Of an encrypted one those packets are left out that bc_repeats_look() finds in published segments.
 * 0 and *ret, or a negative errno, a line in err, and the leftover untouched:
 *   -EINVAL  no temporary name, a compression that is not written here, or no regular file;
 *   -EBUSY   a capture that is alive holds it (flock), for half a second and longer;
 *   -EMLINK  it has a second name, hence was published, but for the removal of this name;
 *   -ENODATA no packet can be recovered from it;
 *   -ENOKEY  it is encrypted, and there are no identities; -EACCES: none of them fits. What is made of it is encrypted for the same recipients;
 *   else what reading or writing it met, for example -ENOSPC: free some space and call again.
 * If only the removal of the leftover failed, that is logged, and 0 returned. ret is filled as far as things went.
 * Any thread; two calls for one file keep apart by the lock.
 */
int bc_recover(const char *path, const struct bc_recover_config *cfg, struct bc_recovered *ret, struct bc_err *err);

#endif
