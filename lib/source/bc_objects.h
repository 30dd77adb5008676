/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segments below a prefix of a store, one after another, in the order of their keys. One thread; only opening waits for the
 * store, and the list is made then.
 */
#ifndef BC_OBJECTS_H
#define BC_OBJECTS_H

#include <stddef.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_err.h"
#include "bc_log.h"

struct bc_object_settings;

/* How much of an object's name tells whose segments they are: without YYYY/MM/DD/HH/ and what follows, if these are there. With the slash. */
size_t bc_objects_series(const char *name);

struct bc_objects;

/*
 * Of the prefix, with its final slash, those of one series: right below it, or below its hours; all, if it is within hours itself. What
 * is not named as pcapng is left out. store outlives it. 0 and *ret, or a negative errno with a line in err; -ENOENT: there are none.
 * close takes NULL.
 */
int bc_objects_open(const char *prefix, const struct bc_object_settings *store, const struct bc_log *log, struct bc_objects **ret,
		    struct bc_err *err);
void bc_objects_close(struct bc_objects *o);

/*
 * 1, *ret, which the caller closes, and *ret_name, which lives as long as o; 0: there is no other; or a negative errno with a line in err:
 * the one after it may be asked for. Never waits: what is read may be -EAGAIN (bc_blob.h).
 */
int bc_objects_next(struct bc_objects *o, struct bc_blob **ret, const char **ret_name, struct bc_err *err);

#endif
