/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Bytes of objects, asked for by any thread, and fetched by one thread with many requests in flight. It measures what a
 * request costs.
 */
#ifndef BC_FETCH_H
#define BC_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_object.h"

#define BC_FETCH_IN_FLIGHT 32U

struct bc_fetcher;

/* Finds endpoint, keys and CA, and does not connect. 0 and *ret, or a negative errno with a line in err. */
int bc_fetcher_new(const struct bc_object_settings *s, struct bc_fetcher **ret, struct bc_err *err);
/* All fetches have been freed. Takes NULL. */
void bc_fetcher_free(struct bc_fetcher *f);

/* Any thread: whoever waits, now or later, gets -ECANCELED. */
void bc_fetcher_stop(struct bc_fetcher *f);

struct bc_fetch;

/*
 * Ask for len bytes from `from` on, or with suffix for the last len; fewer, where the object has no more. etag: what it
 * must still be; NULL: anything. NULL without memory.
 */
struct bc_fetch *bc_fetch_start(struct bc_fetcher *f, const struct bc_object_name *name, const char *etag, uint64_t from, size_t len,
				bool suffix);

/* Its bytes are good until it is freed. */
struct bc_fetched {
	const uint8_t *data;
	size_t len;
	uint64_t from;		/* the first one's place in the object */
	uint64_t size;		/* of the object */
	char etag[BC_ETAG_MAX];
};

/* Is there an answer? */
bool bc_fetch_is_done(const struct bc_fetch *t);

/* Wait for the answer. 0 and *ret; -ECANCELED; or an error of bc_object.h, with a line in err. One thread. */
int bc_fetch_wait(struct bc_fetch *t, struct bc_fetched *ret, struct bc_err *err);

/* Answered or not. Takes NULL. */
void bc_fetch_free(struct bc_fetch *t);

/* So many bytes take about as long as another request; 0: not known yet. Any thread. */
uint64_t bc_fetcher_gap(struct bc_fetcher *f);

/* Any thread. Requests with those made again; bytes as they came. */
void bc_fetcher_count(const struct bc_fetcher *f, uint64_t *ret_requests, uint64_t *ret_bytes);

/* Where the store is: for people, and to tell stores apart. */
const char *bc_fetcher_where(const struct bc_fetcher *f);

#endif
