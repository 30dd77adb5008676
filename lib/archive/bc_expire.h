/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Keeps a folder of published segments within limits: the oldest are removed, older ones recompressed. Only what is
 * certainly ours and is not being written is touched: see bc_series.h and docs/retention.md. A segment's time is that
 * of its last change. Where segments are uploaded, space is made of those first that are on object storage.
 */
#ifndef BC_EXPIRE_H
#define BC_EXPIRE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_retention_rules.h"

enum bc_expire_deed {
	BC_EXPIRE_REMOVED,
	BC_EXPIRE_RECOMPRESSED,
	BC_EXPIRE_LEFT,		/* it has a segment's name, but is not ours, or is in use */
	BC_EXPIRE_FAILED,
};

/* One file, as reported to the caller. In a dry run: what would be done. */
struct bc_expire_act {
	enum bc_expire_deed deed;
	const char *file;	/* without the folder */
	uint64_t bytes;		/* on disk; of a recompressed one, before */
	uint64_t bytes_after;	/* of a recompressed one; 0 in a dry run */
	const char *why;	/* in words */
};

struct bc_expire_config {
	const char *folder;
	struct bc_retention_rules keep;
	bool dry_run;
	const _Atomic bool *cancel;	/* set by any thread: end soon; may be NULL */
	void (*act)(void *ctx, const struct bc_expire_act *act);	/* may be NULL */
	void *ctx;
};

/* Sums. Plain data. */
struct bc_expired {
	uint64_t removed, removed_bytes;
	uint64_t recompressed, saved_bytes;
	uint64_t left;		/* not ours, or in use */
	uint64_t failed;
	uint64_t not_uploaded;	/* of the removed: they were still to be uploaded */
	uint64_t kept, kept_bytes;
	uint64_t oldest_ns;	/* UTC of the oldest packet in what is kept; 0: there is none */
};

/*
 * Remembers what was found out about a folder's files, so that the next scan of it reads only new ones. One thread at a
 * time.
 */
struct bc_expire;

/* NULL without memory. free takes NULL. */
struct bc_expire *bc_expire_new(void);
void bc_expire_free(struct bc_expire *e);

/*
 * Could so much space ever be free there? What the folder's file system has not got at all would cost every segment. 0, or -EINVAL
 * with a line in err.
 */
int bc_expire_check(const char *folder, const struct bc_retention_rules *keep, struct bc_err *err);

/* 0 and *ret; or a negative errno with a line in err, and nothing was done: the folder cannot be read, or bc_expire_check(). What fails for one file is told and counted. */
int bc_expire_run(struct bc_expire *e, const struct bc_expire_config *cfg, struct bc_expired *ret, struct bc_err *err);

#endif
