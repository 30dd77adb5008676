/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes that every reader of a segment passes over, of any length, between two of its items: a pcapng block for local use, in LZ4 as blocks of
 * the frame that is open; in a frame of zstd, behind a flush, blocks of nothing. Pure.
 */
#ifndef BC_PADDING_H
#define BC_PADDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_codec.h"
#include "bc_format.h"

/* Has a file of that kind a place for them? */
bool bc_padding_possible(enum bc_format format, enum bc_codec codec);

/* The fewest, and a length of which there can be padding for a gap of so many bytes that comes back every period, which is longer. */
size_t bc_padding_min(enum bc_codec codec);
size_t bc_padding_for(enum bc_codec codec, size_t gap, size_t period);

/* len of them, bc_padding_min() at least; not compressed: a multiple of 4. */
void bc_padding_make(enum bc_codec codec, uint8_t *dst, size_t len);

#define BC_PADDING_END_MAX 16

/* What may be the end of such a file behind padding, the same each time; returns its length. A frame of zstd has no checksum then. */
size_t bc_padding_end(enum bc_codec codec, uint8_t dst[BC_PADDING_END_MAX]);

#endif
