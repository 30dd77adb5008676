/* SPDX-License-Identifier: BSD-3-Clause */
/* Whole files encrypted for recipients (age-encryption.org/v1), and back. Any thread. */
#ifndef BC_AGE_FILE_H
#define BC_AGE_FILE_H

#include "bc_age_header.h"

#define BC_AGE_EXT ".age"

/*
 * path becomes path.age beside it, with its mode, time and, as far as that is allowed, owner, in steps: it is written to a temporary file
 * (".encrypt-NAME"), brought to disk, read back, decrypted and compared, and given its name, which never replaces another file.
 * remove: NULL: path stays. Otherwise path goes then; before it an index of it, whose name is path and this. A run that ends between leaves
 * path.age also under the temporary name, and the next one removes what that one left.
 * 0 and *ret_bytes, of the new file; or a negative errno with a line in err, and path as it was: -EEXIST: path.age is there; -EBUSY: another
 * process is at it; -EBADMSG: what was written is not what was read back; -ESTALE: path was changed or replaced meanwhile.
 */
int bc_age_encrypt_file(const char *path, const struct bc_age_recipients *to, const char *remove, uint64_t *ret_bytes, struct bc_err *err);

/*
 * What is in path, to fd, and its size. 0; or a negative errno with a line in err, and what was whole before that was written: as
 * bc_age_blob_wrap() and its reads; -ENODATA: its end is missing.
 */
int bc_age_decrypt_file(const char *path, const struct bc_age_identities *ids, int fd, uint64_t *ret_bytes, struct bc_err *err);

/*
 * The same to a new file: out, which gets path's mode less the umask, is written under a temporary name (".decrypt-NAME") and has its own only
 * when it is whole and on disk. -EEXIST: it is there already; nothing is left behind then, or after any other error. Beside no other thread that
 * makes files: for a moment the umask is 0077.
 */
int bc_age_decrypt_to(const char *path, const struct bc_age_identities *ids, const char *out, struct bc_err *err);

#endif
