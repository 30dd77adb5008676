/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes one compressed segment into a store with one thread, for offline tools. */
#ifndef BC_ENCODE_H
#define BC_ENCODE_H

#include "bc_codec.h"
#include "bc_store.h"

struct bc_encode;
struct bc_age_writer;

/* Writes into store, which outlives it and has begun a segment. 0 or a negative errno with a line in err. */
/* level as bc_codec_levels() has it. age: encrypts it, and has begun a file, whose head is written; outlives it; NULL: in clear. */
int bc_encode_new(enum bc_codec codec, int level, struct bc_store *store, struct bc_age_writer *age, struct bc_encode **ret, struct bc_err *err);

/* One whole item. A compressed block begins with an item, if items are shorter than blocks. 0 or a negative errno. */
int bc_encode_put(struct bc_encode *e, const uint8_t *item, size_t len);

/* Have all that was put so far written in such a way that a reader of the unfinished segment gets it, if it is in clear. 0 or a negative errno. */
int bc_encode_flush(struct bc_encode *e);

/* What is still buffered, and the closing bytes. After a failed put of a block codec it may still succeed, without that block. */
int bc_encode_end(struct bc_encode *e);

/* Takes NULL. */
void bc_encode_free(struct bc_encode *e);

#endif
