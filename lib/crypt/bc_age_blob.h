/* SPDX-License-Identifier: BSD-3-Clause */
/* What is in a file of age, read by ranges: of each range only its blocks are read and decrypted. One thread. */
#ifndef BC_AGE_BLOB_H
#define BC_AGE_BLOB_H

#include "bc_age_header.h"
#include "bc_blob.h"

/* Does it begin as a file of age does? 1, 0, or a negative errno with a line in err. */
int bc_age_is_encrypted(struct bc_blob *file, struct bc_err *err);

/*
 * *blob is a file of age, and becomes what is in it, which then also closes the file; after an error it is as it was. Its last block is read
 * now, so that what is cut off is seen. 0, or a negative errno with a line in err: as bc_age_header_read(); -ENODATA: it is cut off; what
 * reading says. A read later says -EBADMSG for a block that is damaged, or is not where it was.
 */
int bc_age_blob_wrap(struct bc_blob **blob, const struct bc_age_identities *ids, struct bc_err *err);

/*
 * The same of a file whose end is missing, or is not known to be there: all blocks are read as ones that others follow. A read of what is
 * behind the last of them that is whole, or of block 0 if none is, says -ENODATA with a line that says where it is cut off; bytes is more than there can be.
 */
int bc_age_blob_wrap_torn(struct bc_blob **blob, const struct bc_age_identities *ids, struct bc_err *err);

/* The same with the file's key, behind a header of so many bytes. */
int bc_age_blob_wrap_key(struct bc_blob **blob, const uint8_t file_key[BC_AGE_FILE_KEY], size_t header, struct bc_err *err);

#endif
