/* SPDX-License-Identifier: BSD-3-Clause */
/* Names on object storage: s3://BUCKET/KEY, and how they stand in a URL. Pure. */
#ifndef BC_OBJECT_NAME_H
#define BC_OBJECT_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "bc_err.h"

#define BC_BUCKET_MAX 256	/* with the final zero; S3 allows 63 bytes, older buckets and Ceph 255 */
#define BC_KEY_MAX 1025		/* with the final zero: S3 allows 1024 bytes */
#define BC_ENCODED_KEY_MAX (3 * BC_KEY_MAX)

/* The hour in the keys of segments: "YYYY/MM/DD/HH/". */
#define BC_OBJECT_HOUR_LEN 14U

struct bc_object_name {
	char bucket[BC_BUCKET_MAX];
	char key[BC_KEY_MAX];	/* or a prefix; "" for the whole bucket */
};

/* Does text begin with s3:// ? */
bool bc_object_is_name(const char *text);

/*
 * "s3://BUCKET", "s3://BUCKET/KEY", "s3://BUCKET/PREFIX/". 0, or -EINVAL with a line in err that begins with what; *ret is
 * then untouched. No escapes: what stands there is the key. Control characters, "//", "." and ".." between slashes are refused.
 */
int bc_object_name_parse(const char *what, const char *text, struct bc_object_name *ret, struct bc_err *err);

/* Does text begin with what has the form of an hour? */
bool bc_object_is_hour(const char *text);

/*
 * Percent-encoding as SigV4 wants it: all but A-Z a-z 0-9 - . _ ~, and but / with keep_slash. The length, without the final
 * zero, or -ENAMETOOLONG if it does not fit into cap; ret holds no whole text then.
 */
int bc_uri_encode(const char *text, bool keep_slash, char *ret, size_t cap);

/* The reverse, also of + for a space, in place. False: a broken escape or a zero byte. */
bool bc_uri_decode(char *text);

#endif
