/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ends of objects that were read before, in a local folder of bounded size. What is in it is believed no more than
 * what a store sends; a file that is not whole, or of another user, is as none. Any thread.
 */
#ifndef BC_TAIL_CACHE_H
#define BC_TAIL_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

#define BC_TAIL_CACHE_BYTES (256ULL * 1024 * 1024)

struct bc_tail_cache;

/*
 * folder: NULL: $XDG_CACHE_HOME/braidcap, or ~/.cache/braidcap. It is made where it is not there, for the user alone, and
 * refused where others may write it. most: bytes of files; the least lately used go first. 0 and *ret, or a negative
 * errno with a line in err. free takes NULL.
 */
int bc_tail_cache_open(const char *folder, uint64_t most, struct bc_tail_cache **ret, struct bc_err *err);
void bc_tail_cache_free(struct bc_tail_cache *c);

/* What was put under a key, which names the object and what it was: its length, up to cap. 0: there is none. */
size_t bc_tail_cache_get(struct bc_tail_cache *c, const char *key, uint8_t *to, size_t cap);

/* Is there a file that may have it? */
bool bc_tail_cache_may_have(struct bc_tail_cache *c, const char *key);

/* Fails in silence. */
void bc_tail_cache_put(struct bc_tail_cache *c, const char *key, const uint8_t *data, size_t len);

#endif
