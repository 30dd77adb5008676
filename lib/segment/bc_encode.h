/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes one compressed segment into a store with one thread, for offline tools. */
#ifndef BC_ENCODE_H
#define BC_ENCODE_H

#include "bc_codec.h"
#include "bc_store.h"

struct bc_encode;

/* Writes into store, which outlives it and has begun a segment. 0 or a negative errno with a line in err. */
int bc_encode_new(enum bc_codec codec, struct bc_store *store, struct bc_encode **ret, struct bc_err *err);

/* One whole item. A compressed block begins with an item, if items are shorter than blocks. 0 or a negative errno. */
int bc_encode_put(struct bc_encode *e, const uint8_t *item, size_t len);

/* What is still buffered, and the closing bytes. */
int bc_encode_end(struct bc_encode *e);

/* Takes NULL. */
void bc_encode_free(struct bc_encode *e);

#endif
