/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The blocks of a file of age: 64 KiB each but the last, sealed one by one with ChaCha20-Poly1305 (RFC 8439), whose nonce is the
 * block's number and whether it is the last. One thread at a time.
 */
#ifndef BC_AGE_BLOCKS_H
#define BC_AGE_BLOCKS_H

#include "bc_age_header.h"

#define BC_AGE_BLOCK 65536U
#define BC_AGE_TAG 16U
#define BC_AGE_NONCE 16U	/* bytes between header and blocks */

struct bc_age_blocks;

/* Of the file with that key and nonce. 0 and *ret, or -ENOMEM. free takes NULL, and forgets the key. */
int bc_age_blocks_new(const uint8_t file_key[BC_AGE_FILE_KEY], const uint8_t nonce[BC_AGE_NONCE], struct bc_age_blocks **ret);
void bc_age_blocks_free(struct bc_age_blocks *b);

/* len bytes, BC_AGE_BLOCK at most, to len + BC_AGE_TAG. A number is sealed once. 0, or -EIO: OpenSSL does not. */
int bc_age_seal(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *plain, size_t len, uint8_t *ret);

/* Back, of len bytes, BC_AGE_TAG at least. 0; or -EBADMSG: they are not what was sealed as that; ret is then anything. */
int bc_age_open(struct bc_age_blocks *b, uint64_t number, bool last, const uint8_t *sealed, size_t len, uint8_t *ret);

#endif
