/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The segment that an output writes, from its begin to its end, however that comes: store, segment writer and delivery
 * agree on what it holds. A call that fails leaves the segment as it was, or ends it, and then the next packets begin
 * another one. Errors are negative errnos of bc_store.h. One thread.
 */
#ifndef BC_OPEN_SEGMENT_H
#define BC_OPEN_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_acks.h"
#include "bc_chunk.h"
#include "bc_codec.h"
#include "bc_delivery.h"
#include "bc_err.h"
#include "bc_log.h"
#include "bc_section.h"
#include "bc_store.h"
#include "bc_tally.h"

struct bc_indexer;

struct bc_open_segment_config {
	struct bc_section section;
	enum bc_codec codec;
	int level;
	unsigned stream_workers;	/* threads of a stream codec */
	uint32_t block_max;		/* the largest block that a lane makes */
	const struct bc_age_recipients *encrypt;	/* as bc_segment_writer_config has them */
	bc_counter_t *padding;
	struct bc_store *store;		/* not owned */
	struct bc_delivery *delivery;	/* accounts for its packets; not owned */
	struct bc_acks *acks;		/* finds out which of them can be acknowledged; not owned; NULL: nothing is */
	const char *name;		/* the output's, for the log; not owned */
	const struct bc_log *log;	/* may be NULL */
	/* A call of the store returned r, 0 or an error: true, after a while, if it is to be repeated. */
	bool (*again)(void *ctx, int r);
	void *again_ctx;
	/* Called before a segment may be published, with its packets by source; may be NULL. */
	void (*ended)(void *ctx, const uint64_t *from);
	void *ended_ctx;
	/* The filter in force, for the interface descriptions; called at each segment's begin; may be NULL. */
	const char *(*filter)(void *ctx);
	void *filter_ctx;
	struct bc_indexer *indexer;	/* not owned; NULL: no index */
	/* May the end of a segment wait a few milliseconds more for its index? */
	bool (*patient)(void *ctx);
	void *patient_ctx;
};

struct bc_open_segment;

/* 0 and *ret, or a negative errno with a line in err. free takes NULL. No segment is begun. */
int bc_open_segment_new(const struct bc_open_segment_config *cfg, struct bc_open_segment **ret, struct bc_err *err);
void bc_open_segment_free(struct bc_open_segment *s);

/* The store has begun a segment. described: its beginning was written too, and it is not over. */
bool bc_open_segment_begun(const struct bc_open_segment *s);
bool bc_open_segment_described(const struct bc_open_segment *s);

/* Is something left to be done for it that no chunk brings about? */
bool bc_open_segment_restless(const struct bc_open_segment *s);

/*
 * Write a chunk and what goes before it, after a new segment's beginning if there is none; t is what it carries.
 * -ECOMM, -ESTALE: the segment has ended, and the chunk belongs to the next one.
 */
int bc_open_segment_write(struct bc_open_segment *s, struct bc_chunk *k, const struct bc_tally *t);

/* Bytes that the store did not take are held back. retry: these, or the end that it did not take. 0, or why not. */
bool bc_open_segment_holds(const struct bc_open_segment *s);
int bc_open_segment_retry(struct bc_open_segment *s);

/* So many lost packets were told to the segments, or had no place there. */
uint64_t bc_open_segment_lost_told(const struct bc_open_segment *s);

/*
 * unsettled: something was taken that is not confirmed. settle: all that was taken goes to the store, and from there
 * into the file; only then is it written. settled_ns: when that was tried last, monotonic time.
 */
bool bc_open_segment_unsettled(const struct bc_open_segment *s);
int bc_open_segment_settle(struct bc_open_segment *s);
uint64_t bc_open_segment_settled_ns(const struct bc_open_segment *s);

/* The store alone settles. r: why a stream codec's bytes did not all reach it, or 0; returned unless there is worse. */
int bc_open_segment_settle_store(struct bc_open_segment *s, int r);

/* Begin to bring to the disk what was written since this was called last. */
void bc_open_segment_sync(struct bc_open_segment *s);

/* What the system had taken may not have reached the disk: then the segment ends. */
void bc_open_segment_check(struct bc_open_segment *s);

/* Write what is ready of its index. */
void bc_open_segment_index(struct bc_open_segment *s);

/*
 * Its last chunk has come. Packets wait for space like any block, unless there will be none (last_try): then they may
 * have what is reserved for the end. 0, or why the end is still pending.
 */
int bc_open_segment_end(struct bc_open_segment *s, bool last_try);
bool bc_open_segment_end_pending(const struct bc_open_segment *s);

#endif
