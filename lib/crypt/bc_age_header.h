/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The header of a file of age (age-encryption.org/v1): the file's key, wrapped for each recipient. What is read is hostile input. Any
 * thread.
 */
#ifndef BC_AGE_HEADER_H
#define BC_AGE_HEADER_H

#include "bc_age_key.h"

#define BC_AGE_MAGIC "age-encryption.org/v1\n"
#define BC_AGE_MAGIC_LEN (sizeof(BC_AGE_MAGIC) - 1)
#define BC_AGE_FILE_KEY 16		/* bytes */
#define BC_AGE_HEADER_MAX 65536U	/* longer ones are refused; ours have at most 6 KiB */

/* HKDF-SHA-256 (RFC 5869) of 32 bytes. 0, or -EIO: OpenSSL has none. */
int bc_age_hkdf(const uint8_t *secret, size_t secret_len, const uint8_t *salt, size_t salt_len, const char *info, uint8_t ret[32]);

/* A new file key for them, 1 or more. 0, the header and its length; or -EINVAL: a recipient's key is none; -EIO; with a line in err. */
int bc_age_header_make(const struct bc_age_recipients *to, uint8_t ret_file_key[BC_AGE_FILE_KEY], char ret[BC_AGE_HEADER_MAX], size_t *ret_len,
		       struct bc_err *err);

/*
 * head: len bytes from the begin of the file, all of it or BC_AGE_HEADER_MAX at least. 0, the file's key and the header's length; or, with a
 * line in err: -EACCES: it is for none of these identities; -ENODATA: it ends before; -EBADMSG: it is damaged, or something else.
 */
int bc_age_header_read(const uint8_t *head, size_t len, const struct bc_age_identities *ids, uint8_t ret_file_key[BC_AGE_FILE_KEY],
		       size_t *ret_len, struct bc_err *err);

#endif
