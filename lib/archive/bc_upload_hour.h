/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the catalogue of an hour (bc_hour.h): the ends of its segments, read from their files here, put beside the objects. One that is
 * there is completed, and never replaced if it changed meanwhile.
 */
#ifndef BC_UPLOAD_HOUR_H
#define BC_UPLOAD_HOUR_H

#include "bc_object.h"

/* A segment that is on the store. Plain data. */
struct bc_upload_hour_file {
	char *name;		/* in the folder, and behind the hour's prefix */
	char *etag;
	uint64_t size, mtime_ns;	/* a file of another size or time is not the one */
};

struct bc_upload_hour_job {
	struct bc_object_client *client;
	const char *bucket, *prefix;	/* of the hour, with the final slash */
	int folder;
	const struct bc_upload_hour_file *file;		/* by name */
	uint32_t n;
};

/*
 * How many segments it tells of, 0: too few to be worth an object; or a negative errno of bc_object.h with a line in err: -EEXIST and
 * -ESTALE: somebody else has written it meanwhile.
 */
int bc_upload_hour(const struct bc_upload_hour_job *j, struct bc_err *err);

#endif
