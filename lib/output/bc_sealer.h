/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A segment's bytes on their way into a file of age: sealed in blocks, which padding fills when all that came is to be in the file. What keys and
 * nonces are used for is said in bc_age_writer.h. One thread.
 */
#ifndef BC_SEALER_H
#define BC_SEALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_age_key.h"
#include "bc_codec.h"
#include "bc_counter.h"
#include "bc_err.h"
#include "bc_padding.h"

struct bc_sealer;

/* Of what is sealed and the end of a file so far. */
#define BC_SEALER_END_MAX (BC_PADDING_END_MAX + 16)

/* out takes what is sealed: 0, or a negative errno. padding, which may be NULL, counts bytes of it. 0 and *ret, or -ENOMEM, or -EIO: OpenSSL cannot encrypt. free takes NULL. */
int bc_sealer_new(const struct bc_age_recipients *to, enum bc_codec codec, int (*out)(void *ctx, const uint8_t *data, size_t len), void *ctx,
		  bc_counter_t *padding, struct bc_sealer **ret);
void bc_sealer_free(struct bc_sealer *s);

/* Another segment. 0, or -EIO. */
int bc_sealer_begin(struct bc_sealer *s);

/* The calls below: 0, or -ESTALE: this segment cannot go on, for want of memory; so it is until the next begins. */
int bc_sealer_put(struct bc_sealer *s, const uint8_t *data, size_t len);

/*
 * Pad up to the edge of a block; at an edge nothing is done, unless a block more is wanted. The bytes put before are whole items, and a codec's
 * are flushed. *ret_len: so many bytes of padding.
 */
int bc_sealer_pad(struct bc_sealer *s, bool more, size_t *ret_len);
/* The fewest bytes of padding, whatever is behind them. */
int bc_sealer_pad_least(struct bc_sealer *s);

/* At an edge: all goes out. */
int bc_sealer_flush(struct bc_sealer *s);

/* Behind that: what makes the file whole so far, for the place where the next bytes will go. Returns its length; 0: there is none. */
size_t bc_sealer_end_so_far(struct bc_sealer *s, uint8_t dst[BC_SEALER_END_MAX]);

/* Before the end a block more of padding is to come, with bytes behind it. */
bool bc_sealer_must_go_on(const struct bc_sealer *s);
int bc_sealer_end(struct bc_sealer *s);

#endif
