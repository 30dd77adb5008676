/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What can be written to object storage. Errors are those of bc_object.h. Each body goes with its SHA-256, which is signed, so
 * that the store refuses what has changed on the way; and with its MD5, which its ETag tells as a rule.
 */
#ifndef BC_OBJECT_WRITE_H
#define BC_OBJECT_WRITE_H

#include "bc_object.h"

#define BC_OBJECT_PART_MIN (5U << 20)	/* of all parts but the last */

/* An object as a whole; if_none_match: unless one is there. */
int bc_object_put(struct bc_object_client *c, const char *bucket, const char *key, const void *data, size_t len, bool if_none_match,
		  char ret_md5[33], bc_object_done done, void *ctx);

/* A part, numbered from 1. ret_md5 is written at once; answer.etag is what bc_object_complete() wants. */
int bc_object_put_part(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id, unsigned number,
		       const void *data, size_t len, char ret_md5[33], bc_object_done done, void *ctx);

/* These wait for their answer; other requests of the client go on meanwhile. A line is in err if they fail. */

int bc_object_begin(struct bc_object_client *c, const char *bucket, const char *key, char ret_id[BC_OBJECT_TOKEN_MAX], struct bc_err *err);

/*
 * Make an object of parts, in the order of their numbers; if_none_match: unless one is there, which not all stores know here: look
 * with bc_object_head() before. ret_etag can be "": look at the object. -ENOENT: there is no such upload, perhaps since an earlier
 * try succeeded.
 */
int bc_object_complete(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id,
		       const struct bc_object_part *parts, unsigned n, bool if_none_match, char ret_etag[BC_ETAG_MAX], struct bc_err *err);

/* Forget an upload and its parts. -ENOENT: there is none. */
int bc_object_abort(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id, struct bc_err *err);

/* The parts that the store has. */
int bc_object_parts(struct bc_object_client *c, const char *bucket, const char *key, const char *upload_id,
		    int (*part)(void *ctx, const struct bc_object_part *p), void *ctx, struct bc_err *err);

/* Uploads that were begun, and neither completed nor aborted. */
int bc_object_uploads(struct bc_object_client *c, const char *bucket, const char *prefix,
		      int (*upload)(void *ctx, const struct bc_object_upload *u), void *ctx, struct bc_err *err);

/* -EACCES under Object Lock. */
int bc_object_remove(struct bc_object_client *c, const char *bucket, const char *key, struct bc_err *err);

#endif
