/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of this room share of a depot. */
#ifndef BC_DEPOT_PRIV_H
#define BC_DEPOT_PRIV_H

#include "bc_fetch.h"
#include "bc_depot.h"
#include "bc_index_subject.h"
#include "bc_tail_cache.h"

/*
 * So much of an object's end is read at once: an index takes about this share of a segment, and what a search looks at first
 * stands at its end.
 */
#define BC_TAIL_MOST (256U * 1024)
#define BC_TAIL_LEAST (16U * 1024)
#define BC_TAIL_SHARE 128U

/* What is known of an object. */
struct bc_known {
	struct bc_object_name name;
	char etag[BC_ETAG_MAX];
	uint64_t bytes;
};

/* Connect, if that was not done: 0, or a negative errno with a line in err. */
int bc_depot_connect(struct bc_depot *d, struct bc_err *err);

struct bc_fetcher *bc_depot_fetcher(struct bc_depot *d);
struct bc_depot_hours *bc_depot_hours(struct bc_depot *d);
const struct bc_object_settings *bc_depot_store(const struct bc_depot *d);
/* Whether bc_depot_stop() was called. */
const _Atomic bool *bc_depot_stopped(const struct bc_depot *d);

/* Remember what a list said of an object. 0 or -ENOMEM. */
int bc_depot_learn(struct bc_depot *d, const char *name, uint64_t bytes, const char *etag);

/* How much of its end. An index beside another is nothing else. */
static inline size_t bc_tail_len(const struct bc_known *k)
{
	uint64_t len = bc_index_beside_is_name(k->name.key) ? k->bytes : k->bytes / BC_TAIL_SHARE;

	len = len < BC_TAIL_LEAST ? BC_TAIL_LEAST : len > BC_TAIL_MOST ? BC_TAIL_MOST : len;
	return (size_t)(len < k->bytes ? len : k->bytes);
}

/* The end of an object from the cache: its length; 0: it is not there. */
size_t bc_depot_tail_get(struct bc_depot *d, const struct bc_known *k, uint8_t *to, size_t cap);
void bc_depot_tail_put(struct bc_depot *d, const struct bc_known *k, const uint8_t *data, size_t len);

/* bc_depot_object.c: tail: its end, which is being fetched; NULL: it is asked for when it is wanted. Taken over. */
int bc_depot_object_open(struct bc_depot *d, const struct bc_known *k, struct bc_fetch *tail, struct bc_blob **ret, struct bc_err *err);

#endif
