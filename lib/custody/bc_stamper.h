/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Has chains of custody stamped by a time stamping authority, on a thread of its own: the last record of each chain, and with it all
 * before it, which its hash covers. Nothing waits for it; what failed is tried again, later and later.
 */
#ifndef BC_STAMPER_H
#define BC_STAMPER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_chain_record.h"
#include "bc_err.h"
#include "bc_log.h"

struct bc_stamper;
struct bc_stamper_folder;

/*
 * url: bc_tsa_url_check(); seconds: between two stamps of a chain, at least. log may be NULL, else outlives it. 0 and *ret, or a
 * negative errno with a line in err. Nobody is asked yet.
 */
int bc_stamper_new(const char *url, uint32_t seconds, const struct bc_log *log, struct bc_stamper **ret, struct bc_err *err);

/* Of a folder whose chain the caller has locked. Once for each. 0 and *ret, which lives as long as s; or a negative errno with a line in err. */
int bc_stamper_add(struct bc_stamper *s, const char *folder, struct bc_stamper_folder **ret, struct bc_err *err);

/* The chain has so many records, and this is the hash of the last: as bc_chain_head() has them. Any thread; never waits. */
void bc_stamper_head(struct bc_stamper_folder *f, uint64_t records, const uint8_t head[BC_CHAIN_HASH]);

struct bc_stamper_stats {
	uint64_t stamped;	/* records that a stamp covers */
	uint64_t waiting;	/* records that none covers */
	uint64_t failed;	/* requests without a good answer, of this run */
};

/* Any thread. */
void bc_stamper_stats(struct bc_stamper_folder *f, struct bc_stamper_stats *ret);

/*
 * There will be no more records, so that the last ones are stamped at once. Has all been done that can be done now: each is, or the
 * authority did not answer, or so much time has passed since this was first asked?
 */
bool bc_stamper_finish(struct bc_stamper *s, uint64_t patience_ns);

/* Ends the thread, and what it is at; a line in the log tells what has no stamp. Numbers stay readable. */
void bc_stamper_close(struct bc_stamper *s);
/* After close. Takes NULL. */
void bc_stamper_free(struct bc_stamper *s);

#endif
