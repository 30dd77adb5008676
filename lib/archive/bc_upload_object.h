/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes one file an object: whole if it is small, else in parts, several at a time, going on where an earlier try ended. What
 * is there already is never overwritten, unless that is asked for. Each part's SHA-256 is checked by the store, and its MD5 compared with the store's ETag;
 * at the end size and ETag of the object are.
 */
#ifndef BC_UPLOAD_OBJECT_H
#define BC_UPLOAD_OBJECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_object.h"

#define BC_UPLOAD_PART (8U << 20)	/* the size of a part; of larger files so much that 10,000 do */
#define BC_UPLOAD_PARTS_AT_ONCE 4U

struct bc_upload_job {
	struct bc_object_client *client;	/* nobody else uses it meanwhile */
	const char *bucket, *key;
	int fd;				/* the file, which does not change; read from its begin */
	uint64_t size;
	const uint8_t *head;		/* stands for the file's first head_len bytes, less than a part */
	size_t head_len;
	bool replace;			/* another object of that key gives way */
	const char *begun;		/* the multipart upload to go on with; NULL: none */
	/* A multipart upload was begun, or, with "", is no more. Before its first part is sent. */
	void (*begin)(void *ctx, const char *id);
	void *ctx;
	const _Atomic bool *stop;	/* set by any thread, with bc_object_wake(): end soon */
};

struct bc_upload_result {
	bool was_there;			/* the same object */
	uint64_t sent;			/* bytes */
	uint64_t resumed;		/* bytes that an earlier try had brought there */
	char etag[BC_ETAG_MAX];
};

/*
 * 0: it is there, all of it, and *ret. A negative errno of bc_object.h with a line in err: -EEXIST, another object has that key;
 * -ECANCELED: stop; -EBADMSG: the checksum differs; -ESTALE: the file is not so long any more. What was begun can be gone on with.
 */
int bc_upload_object(const struct bc_upload_job *j, struct bc_upload_result *ret, struct bc_err *err);

#endif
