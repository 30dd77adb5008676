/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes out of a file that may be compressed by any codec, or by none, told apart by the first bytes. Concatenated
 * frames and members are read through; skippable frames are passed over; zeros after a frame, up to the end of the file,
 * are padding. A file that ends within its first magic counts as truncated, not as plain.
 *
 * Memory is bounded whatever the file says, by 128 MiB at the most: frames that want more, as those made with zstd --long=28,
 * are refused as corrupt, and err says so. A decoder is used by one thread at a time.
 */
#ifndef BC_DECODER_H
#define BC_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_codec.h"

struct bc_decoder;

/*
 * Takes fd (any readable descriptor, a pipe too) and closes it in bc_decoder_close, or at once on failure. 0 or
 * -ENOMEM. Nothing is read yet. An empty file decodes to nothing.
 */
int bc_decoder_open(int fd, struct bc_decoder **ret, struct bc_err *err);

/* The same from a blob, which is borrowed until bc_decoder_close(). */
int bc_decoder_open_blob(struct bc_blob *blob, struct bc_decoder **ret, struct bc_err *err);

/* Before the first read: the file ends after so many bytes, if not sooner. */
void bc_decoder_limit(struct bc_decoder *d, uint64_t bytes);

/*
 * Up to cap bytes into buf. Returns their number, 0 at the end of the file, or a negative errno: -EBADMSG
 * corrupt, -ENODATA the file ends inside a frame (truncated), -ENOMEM, else what read(2) said (-EAGAIN from a
 * non-blocking descriptor is passed on, and the call can be repeated; -EINTR is not, the read is tried again).
 * A read(2) is made only while there is nothing to return. What was decoded before an error is always returned
 * first; -EBADMSG, -ENODATA and -ENOMEM then stay. err names the offset in the compressed file.
 */
ptrdiff_t bc_decoder_read(struct bc_decoder *d, uint8_t *buf, size_t cap, struct bc_err *err);

/* What the file is compressed by; none before the first read, too. */
enum bc_codec bc_decoder_codec(const struct bc_decoder *d);

/* Bytes taken from the descriptor so far. */
uint64_t bc_decoder_offset(const struct bc_decoder *d);

/* Takes NULL. */
void bc_decoder_close(struct bc_decoder *d);

#endif
