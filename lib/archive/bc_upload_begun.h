/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which multipart upload of a key to go on with. A key is one segment's, so all that were begun for it and are on the store are
 * ours: of a try that ended, or whose answer was lost, so that nobody knows its id.
 */
#ifndef BC_UPLOAD_BEGUN_H
#define BC_UPLOAD_BEGUN_H

#include "bc_object.h"

/*
 * The one that is known, if the store has it, else any other; "": there is none. The others are aborted, as far as the keys allow.
 * known: its id, or "". Where the store may not be asked it is taken at its word. 0 and ret_id, or a negative errno of bc_object.h
 * with a line in err.
 */
int bc_upload_begun(struct bc_object_client *c, const char *bucket, const char *key, const char *known, char ret_id[BC_OBJECT_TOKEN_MAX],
		    struct bc_err *err);

#endif
