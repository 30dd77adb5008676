/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Brings the published segments of folders to object storage, on threads of its own: those that lie there
 * already when a folder is added, and each that is published later. An outage costs nothing but space in the folders: it goes on
 * when the store does. What is there safely is noted in each folder's ".uploads" (bc_upload_log.h).
 */
#ifndef BC_UPLOADER_H
#define BC_UPLOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_object_place.h"

#define BC_UPLOAD_CONNECTIONS 8U

struct bc_uploader_config {
	struct bc_object_settings store;
	uint32_t connections;		/* of all threads together; 0: BC_UPLOAD_CONNECTIONS */
	uint64_t bytes_per_s;		/* of all together; 0: no limit */
	bool behind;			/* its threads have a low priority: others have more urgent work */
	const struct bc_log *log;	/* may be NULL; outlives it */
};

struct bc_uploader;

/*
 * Finds endpoint and credentials; does not connect, and starts no thread before a folder is added. 0 and *ret, or a negative errno with a line in err. Strings are copied or used
 * before it returns.
 */
int bc_uploader_new(const struct bc_uploader_config *cfg, struct bc_uploader **ret, struct bc_err *err);

struct bc_upload_folder;

/* Strings are copied. */
struct bc_upload_dest {
	const char *folder;	/* it is there */
	const char *url;	/* "s3://BUCKET/PREFIX/", checked */
	const char *node;	/* bc_upload_node_ok() */
	bool utc;		/* the names of segments have UTC */
};

/*
 * A folder that was added already is the same again, with what was said of it first, until it is removed as often. One thread adds.
 * 0 and *ret; -EBUSY: another process uploads from it; or another negative errno; with a line in err.
 */
int bc_uploader_add(struct bc_uploader *u, const struct bc_upload_dest *d, struct bc_upload_folder **ret, struct bc_err *err);
/* What waits there is left for another time; what is under way is ended. Any thread but the uploader's. Takes NULL. */
void bc_uploader_remove(struct bc_uploader *u, struct bc_upload_folder *f);

/* A segment lies in the folder under its final name. Any thread; never waits. */
void bc_uploader_published(struct bc_upload_folder *f, const char *path);

struct bc_upload_stats {
	uint64_t waiting, waiting_bytes;	/* segments, and indexes beside them */
	uint64_t uploaded, uploaded_bytes;	/* segments, since the beginning; with those that were found there */
	uint64_t indexes, index_bytes;		/* likewise: of those beside segments */
	uint64_t resumed_bytes;			/* of these, what an earlier try had brought there */
	uint64_t failed;			/* of those that wait: the store refuses them, or has others of their names */
	uint64_t missed;			/* gone from the folder before they were uploaded */
	uint64_t oldest_ns;			/* UTC: since when the oldest waits; 0: none does */
	bool down;				/* the store cannot be reached, or refuses us */
};

/* Any thread. */
void bc_uploader_stats(struct bc_upload_folder *f, struct bc_upload_stats *ret);

/*
 * Nothing more is published, so that what waits for that is done, too. Has all been done that can be done now: nothing waits, but for
 * what failed; or has the store been down for patience_ns? To be asked again and again. Any thread.
 */
bool bc_uploader_finish(struct bc_uploader *u, uint64_t patience_ns);

/* Ends the threads, and what is under way; it can be gone on with later. Numbers stay readable. */
void bc_uploader_close(struct bc_uploader *u);
/* After bc_uploader_close(). Takes NULL; folders that are left are removed. */
void bc_uploader_free(struct bc_uploader *u);

#endif
