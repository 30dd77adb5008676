/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Stored files by name, wherever they lie: local paths, and s3://BUCKET/KEY on object storage. Nothing is connected before
 * the first name that asks for it. Any thread, unless it says otherwise.
 */
#ifndef BC_DEPOT_H
#define BC_DEPOT_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_log.h"

struct bc_object_settings;
struct bc_age_identities;

struct bc_depot_config {
	const struct bc_object_settings *store;	/* of bc_object_place.h; NULL: what the environment says */
	const char *cache;		/* folder for the ends of objects; NULL: bc_tail_cache_open() chooses */
	bool no_cache;
	bool hours;			/* catalogues of hours (bc_hour.h) may tell the ends of objects */
	const struct bc_age_identities *identities;	/* of bc_age_key.h: what is encrypted is read with these; NULL: not */
	const struct bc_log *log;	/* thread safe */
};

struct bc_depot;

/* What cfg points at outlives it. 0 and *ret, or -ENOMEM. free takes NULL; all blobs have been closed. */
int bc_depot_new(const struct bc_depot_config *cfg, struct bc_depot **ret, struct bc_err *err);
void bc_depot_free(struct bc_depot *d);

/* Whoever waits for a store, now or later, gets -ECANCELED. Takes NULL. */
void bc_depot_stop(struct bc_depot *d);

/* Is it the name of an object, or of a prefix, and not a path? */
bool bc_depot_is_name(const char *name);

/*
 * The file of that name; of one that ends in ".age", and is encrypted, what is in it. 0 and *ret, or a negative errno with a line in err:
 * as bc_blob_open_file(), of bc_object.h, or of bc_age_blob_wrap(); -EACCES: it is encrypted, and no identity fits. d: NULL: only paths.
 */
int bc_depot_open(struct bc_depot *d, const char *name, struct bc_blob **ret, struct bc_err *err);

/* An object that was found. A negative errno ends the list. */
struct bc_depot_entry {
	const char *name;		/* good until the callback returns */
	uint64_t bytes;
	uint64_t modified_ns;		/* UTC; 0: not told */
};
typedef int (*bc_depot_each)(void *ctx, const struct bc_depot_entry *e);

/*
 * The object of that name, or all below it as a prefix, but for indexes that lie beside others (bc_depot_known()), in the order of
 * their keys; of keys .../YYYY/MM/DD/HH/SEGMENT those
 * of hours that can have packets from from_ns on and before to_ns (0 and UINT64_MAX: all). 0; or a negative errno with a
 * line in err: -ENOENT: there are none; of bc_object.h; or what each returned.
 */
int bc_depot_list(struct bc_depot *d, const char *name, uint64_t from_ns, uint64_t to_ns, bc_depot_each each, void *ctx, struct bc_err *err);

/* The name of an object that a list has told of, or has passed over as an index beside another, as long as the depot; NULL: none has. */
const char *bc_depot_known(struct bc_depot *d, const char *name);

/* The same of the index beside the object of that name: NAME.bcidx. */
const char *bc_depot_beside(struct bc_depot *d, const char *name);

/*
 * These names will be opened in this order, to look at their ends, which are fetched ahead. They stay as they are until
 * this is called again; 0 of them end it. One thread, which also opens them.
 */
void bc_depot_expect(struct bc_depot *d, const char *const *names, uint32_t n);

/* What was asked of stores so far. d: NULL: nothing. */
void bc_depot_count(struct bc_depot *d, uint64_t *ret_requests, uint64_t *ret_bytes);

#endif
