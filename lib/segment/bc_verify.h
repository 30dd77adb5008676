/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a published segment what it promises to be: complete, readable to its last byte, in timestamp order? */
#ifndef BC_VERIFY_H
#define BC_VERIFY_H

#include "bc_scan.h"

/*
 * Reads all of path, decompressing and parsing every block. Changes nothing. 0: whole; ret->backwards still says how many
 * packets went back in time, which the caller holds against the number of late ones. -EBADMSG: not whole, and err says
 * why and where; -ENODATA: not even a header in it; else the file could not be read. *ret is filled in every case.
 */
int bc_verify(const char *path, struct bc_scan *ret, struct bc_err *err);

/* The same, which now and then tells watch (may be NULL) how many bytes of the file have been read. */
int bc_verify_watched(const char *path, void (*watch)(void *ctx, uint64_t read_bytes), void *ctx, struct bc_scan *ret, struct bc_err *err);

struct bc_depot;

/* The same of an object. */
int bc_verify_object(struct bc_depot *depot, const char *name, struct bc_scan *ret, struct bc_err *err);

#endif
