/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Makes the catalogue of an hour (bc_hour.h) beside its objects. One that is there is completed, and never replaced if it changed
 * meanwhile.
 */
#ifndef BC_UPLOAD_HOUR_H
#define BC_UPLOAD_HOUR_H

#include "bc_hour.h"
#include "bc_object.h"

struct bc_upload_hour_job {
	struct bc_object_client *client;
	const char *bucket, *prefix;	/* of the hour, with the final slash */
	const struct bc_hour_entry *entry;	/* of objects that are there, no name twice */
	uint32_t n;
	bool is_there;			/* a catalogue is, as far as it is known */
};

/*
 * How many objects it tells of, of those of the job; 0: too few to be worth an object; or a negative errno of bc_object.h with a line
 * in err: -EEXIST and -ESTALE: others have written it again and again meanwhile.
 */
int bc_upload_hour(const struct bc_upload_hour_job *j, struct bc_err *err);

#endif
