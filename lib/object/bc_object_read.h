/* SPDX-License-Identifier: BSD-3-Clause */
/* What can be read from object storage. Errors are those of bc_object.h. */
#ifndef BC_OBJECT_READ_H
#define BC_OBJECT_READ_H

#include "bc_object.h"

/* Size, ETag and time of an object. done is called from bc_object_run(). */
int bc_object_head(struct bc_object_client *c, const char *bucket, const char *key, bc_object_done done, void *ctx);

/*
 * len bytes from from, fewer at the object's end, into the caller's memory. if_match: the ETag that it must still have, NULL for
 * any. answer: from, bytes, and size of the whole object.
 */
int bc_object_get(struct bc_object_client *c, const char *bucket, const char *key, uint64_t from, size_t len, const char *if_match,
		  void *into, bc_object_done done, void *ctx);

/* The last len bytes, or the whole object if it has fewer. */
int bc_object_get_tail(struct bc_object_client *c, const char *bucket, const char *key, size_t len, void *into, bc_object_done done, void *ctx);

struct bc_object_list {
	const char *bucket;
	const char *prefix;	/* "" for all */
	const char *delimiter;	/* NULL: none */
	const char *after;	/* keys behind this one; NULL: from the first */
	uint64_t most;		/* entries, then -E2BIG; 0: no limit */
};

/*
 * All pages, one after another, to the end; other requests of the client go on meanwhile. 0; an error of bc_object.h; or what a
 * callback returned. A line is in err but in the last case.
 */
int bc_object_list(struct bc_object_client *c, const struct bc_object_list *l, const struct bc_object_list_ops *ops, void *ctx,
		   struct bc_err *err);

/* Is the bucket there, and do the keys fit? It asks for a list of nothing. A key that may only write gets -EACCES. */
int bc_object_check(struct bc_object_client *c, const char *bucket, struct bc_err *err);

#endif
