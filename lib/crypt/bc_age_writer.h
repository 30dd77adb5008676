/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file of age that grows: what is written is sealed block by block, and comes out as the bytes of the file, in their order. It can be
 * given an end at any edge of a block, over which what follows is written. One thread.
 *
 * No pair of key and nonce ever seals two different plaintexts:
 * - Each file has a random key of its own, from bc_age_writer_begin(). A nonce is a block's number and whether it is the last.
 * - (n, not last) is sealed once: the number then goes up by one, and is never set back. A write that fails is repeated with the bytes that
 *   came out, which this writer does not make again.
 * - (n, last) is sealed by _end_so_far(), always with the same plaintext, which _new() was given, so that all that it ever seals with one nonce
 *   is equal; or by _end(), once, which refuses a number that _end_so_far() has used, and nothing is sealed behind it.
 */
#ifndef BC_AGE_WRITER_H
#define BC_AGE_WRITER_H

#include "bc_age_blocks.h"

struct bc_age_writer;

/* The most that any call but _begin() puts out for len bytes. */
#define BC_AGE_WRITER_BOUND(len) (((len) / BC_AGE_BLOCK + 1) * (BC_AGE_BLOCK + BC_AGE_TAG))
#define BC_AGE_WRITER_HEAD (BC_AGE_HEADER_MAX + BC_AGE_NONCE)

/* to is copied. end: 1 to 64 bytes, for _end_so_far(); copied. 0 and *ret, or -ENOMEM. free takes NULL, and forgets keys and plaintext. */
int bc_age_writer_new(const struct bc_age_recipients *to, const uint8_t *end, size_t end_len, struct bc_age_writer **ret);
void bc_age_writer_free(struct bc_age_writer *w);

/* A new file: its header to dst, of BC_AGE_WRITER_HEAD bytes. 0, or as bc_age_header_make(). */
int bc_age_writer_begin(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len, struct bc_err *err);

/* The same with the header and key of a file that is there, for whoever could read that one; the blocks get another key. */
int bc_age_writer_begin_like(struct bc_age_writer *w, const uint8_t *header, size_t len, const uint8_t file_key[BC_AGE_FILE_KEY], uint8_t *dst,
			     size_t *ret_len);

/*
 * The calls below put out *ret_len bytes, 0 or more, to dst, which has BC_AGE_WRITER_BOUND() of them. 0, or a negative errno, after which only
 * begin and free may be called: -EIO: OpenSSL does not; -EINVAL: see there.
 */
int bc_age_writer_put(struct bc_age_writer *w, const uint8_t *data, size_t len, uint8_t *dst, size_t *ret_len);

/* So many bytes are missing to the edge of a block; 0: it is one. */
size_t bc_age_writer_gap(const struct bc_age_writer *w);

/* All that was put, of which the last block is full (-EINVAL: it is not). */
int bc_age_writer_flush(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len);

/* After a flush: an end for the file, for the place behind its bytes, where what comes next belongs as well. */
int bc_age_writer_end_so_far(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len);

/* The block that fills had such an end: it must become full, and something follow, before the file can end. */
bool bc_age_writer_must_go_on(const struct bc_age_writer *w);

/* The last block, with something in it unless the file is empty (-EINVAL: it is not so, or must go on). */
int bc_age_writer_end(struct bc_age_writer *w, uint8_t *dst, size_t *ret_len);

/* What was put out is gone: the file can have no end. Nothing more is sealed with its key, and only begin and free may be called. */
void bc_age_writer_give_up(struct bc_age_writer *w);

#endif
