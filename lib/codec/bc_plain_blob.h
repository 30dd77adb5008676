/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a file of any codec has before compression, read by ranges. Where there is a map of its blocks, only the blocks of these
 * are read; else it is decompressed from its begin, as far as the ranges reach, which should follow each other. One thread.
 */
#ifndef BC_PLAIN_BLOB_H
#define BC_PLAIN_BLOB_H

#include "bc_blob.h"
#include "bc_lz4_map.h"

/*
 * file is borrowed, and so is map, which may be NULL; plain_bytes: all of it, as somebody says. 0 and *ret, or -ENOMEM. A read then
 * says -EBADMSG where the file is not what the map or the number says.
 */
int bc_plain_blob_open(struct bc_blob *file, const struct bc_lz4_map *map, uint64_t plain_bytes, struct bc_blob **ret, struct bc_err *err);

/* Bytes of the file that were read so far. */
uint64_t bc_plain_blob_taken(const struct bc_blob *b);

#endif
