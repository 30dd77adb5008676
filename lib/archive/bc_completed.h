/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Moves a published segment to another folder, also across file systems, so that it is complete in one of them at each
 * moment.
 */
#ifndef BC_COMPLETED_H
#define BC_COMPLETED_H

#include "bc_err.h"
#include "bc_store.h"

struct bc_completed;

/* The folder must be there and be writable. 0 and *ret, or a negative errno with a line in err. */
int bc_completed_open(const char *folder, struct bc_completed **ret, struct bc_err *err);
/* Takes NULL. */
void bc_completed_close(struct bc_completed *c);

/*
 * One thread at a time. Within a file system by a rename; otherwise the bytes are copied to ".moving-NAME", which no pattern for
 * segments takes, brought to disk, given their name, and only then is the original removed. A name that is taken is never
 * replaced: -1, -2, ... goes before the extension. Mode and time of last change are kept.
 *
 * 0: it is there, under ret; and so it is when only the original could not be removed, or a folder not be synced, which err
 * tells then (otherwise err->msg is ""). A negative errno with a line in err: it is where it was, and nothing was left elsewhere.
 */
int bc_completed_move(struct bc_completed *c, const char *path, char ret[BC_STORE_PATH_MAX], struct bc_err *err);

#endif
