/* SPDX-License-Identifier: BSD-3-Clause */
/* What write(2) and rename(2) leave to their callers. Negative errno. */
#ifndef BC_FILE_H
#define BC_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "bc_err.h"

struct stat;

/* All of it, in as many calls as it takes: 0; or a negative errno, and any part of it was written. fd blocks. */
int bc_write_all(int fd, const void *data, size_t len);

/*
 * Give a file another name, and never take that name from another file: -EEXIST then. Both are relative to their folders. Where the
 * file system knows no RENAME_NOREPLACE (NFS) it is link and unlink. 0; or a negative errno, and it has the old name; or a positive
 * one: it has both, since the old name could not be removed.
 */
int bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to);

/*
 * A temporary file of a name that only we use: made, or taken over and emptied where a crash left it behind, and locked, so that no
 * two processes write it. What another user owns there, or what has another name, too, is not written: it loses this name. A descriptor
 * for reading and writing; -EBUSY: another is at it; or another negative errno.
 */
int bc_open_temporary(int folder, const char *name);

/*
 * A file with a key, for reading: a regular one only, and no FIFO is waited for. secret: none that others may read or change. NULL with a
 * line in err.
 */
FILE *bc_file_open_key(const char *path, bool secret, struct bc_err *err);

/* When it was last written, UTC in ns; 0: before 1970. */
uint64_t bc_file_mtime_ns(const struct stat *st);

/* The open descriptor that path names (/dev/stdin, /dev/stdout, /dev/fd/N, /proc/self/fd/N), or -1. */
int bc_file_descriptor(const char *path);
/* Is path written into as it is, and not replaced by a file: such a descriptor, a named pipe, a character device? */
bool bc_file_is_stream(const char *path);

#endif
