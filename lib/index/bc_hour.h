/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The catalogue of an hour: the ends of its segments together, so that a search on object storage need not ask for each. Bytes only;
 * docs/formats.md describes them. It may be missing, or tell of segments that are gone or were replaced: an end is of an object only if
 * that has the name, the size and the ETag that stand with it.
 */
#ifndef BC_HOUR_H
#define BC_HOUR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

#define BC_HOUR_NAME ".catalogue"	/* of the object, beside its segments */
#define BC_HOUR_MOST (32U << 20)	/* bytes of it */
#define BC_HOUR_ENTRIES_MOST 65536U
#define BC_HOUR_TEXT_MOST 255U		/* of a name or an ETag */
#define BC_HOUR_TAIL_MOST 65536U

/* A segment. Plain data; who made it says whose the pointers are. */
struct bc_hour_entry {
	const char *name;	/* without folders */
	const char *etag;	/* as the store lists it */
	uint64_t bytes;		/* of the object */
	const uint8_t *tail;	/* its last bytes; of an index beside another object, before them its first ones, bc_hour_head_len() */
	uint32_t tail_len;
};

/* How many of the tail_len bytes are the first ones of an object of that name and size. */
size_t bc_hour_head_len(const char *name, uint64_t bytes, size_t tail_len);

/*
 * Do an entry's bytes end a file with an index, of that size, as far as these tell: footer and directory? What an entry says may be of
 * any other object.
 */
bool bc_hour_has_index(const struct bc_hour_entry *e);

/*
 * Its bytes, which the caller frees, of entries in any order, which it sorts by name; what exceeds a limit is left out, and of two of a
 * name one. 0, or -ENOMEM.
 */
int bc_hour_encode(struct bc_hour_entry *entry, uint32_t n, uint8_t **ret, size_t *ret_len);

struct bc_hour;

/* Of bytes that anybody may have written, borrowed until it is closed. 0 and *ret; -EBADMSG or -ENOMEM, with a line in err. close takes NULL. */
int bc_hour_open(const uint8_t *bytes, size_t len, struct bc_hour **ret, struct bc_err *err);
void bc_hour_close(struct bc_hour *h);

/* By name, i < count. Pointers are into its bytes. */
uint32_t bc_hour_count(const struct bc_hour *h);
const struct bc_hour_entry *bc_hour_at(const struct bc_hour *h, uint32_t i);
/* That of a name; NULL: there is none. */
const struct bc_hour_entry *bc_hour_find(const struct bc_hour *h, const char *name);

#endif
