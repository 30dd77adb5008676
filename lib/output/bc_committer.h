/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The committer: one I/O thread for each output. It collects finished chunks from the lanes in the order of their
 * numbers, puts the segments' beginnings and ends around them, writes them to the store, and enters in the ledger
 * what became of each packet.
 */
#ifndef BC_COMMITTER_H
#define BC_COMMITTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_ack.h"
#include "bc_bufpool.h"
#include "bc_chunk.h"
#include "bc_chunker.h"
#include "bc_codec.h"
#include "bc_counter.h"
#include "bc_crew.h"
#include "bc_err.h"
#include "bc_ledger.h"
#include "bc_link.h"
#include "bc_log.h"
#include "bc_mirror.h"
#include "bc_section.h"
#include "bc_store.h"

struct bc_indexer;

struct bc_committer_config {
	struct bc_section section;
	uint32_t n_lanes;
	struct bc_link *lane[BC_MAX_LANES];	/* finished chunks of each lane; not owned */
	/* The committer's, zeroed by the caller, to whom it belongs: the lanes wake it, once for some chunks. */
	struct bc_task *task;
	struct bc_crew *crew;			/* whose threads commit, and end after the join; NULL: a thread of its own. Not owned */
	_Atomic uint64_t *awaited;		/* written here: the number of the chunk that comes next, for the lanes; not owned */
	struct bc_link *free_chunks;		/* chunks back to the merge; not owned */
	struct bc_bufpool *pool, *small;	/* where chunks' buffers go back to; not owned */
	struct bc_store *store;			/* not owned; used by the committer's thread until it is joined */
	struct bc_ledger *ledger;		/* the committer writes ledger->output[section.output]; not owned */
	struct bc_ack *const *ack;		/* by source, as bc_acks.h has them; not owned; NULL: none has numbers */
	enum bc_codec codec;
	int level;
	unsigned stream_workers;		/* threads of a stream codec */
	uint32_t block_max;			/* the largest block that a lane makes */
	const struct bc_age_recipients *encrypt;	/* as bc_segment_writer_config has them */
	bc_counter_t *padding;
	uint64_t flush_ns;			/* how often what was written is brought to disk */
	/* A segment is begun only when this file exists; all waits in the buffers meanwhile. NULL: at once. Not owned. */
	const char *watchfile;
	/* The store has a command behind it: packets count as written only when bc_committer_result() says so. */
	bool piped;
	/* Called before a segment may be published, with its packets by source; may be NULL. */
	void (*ended)(void *ctx, const uint64_t *from);
	void *ended_ctx;
	/* Called by the committer's thread when it is done, which bc_committer_done() tells by then; may be NULL. */
	void (*over)(void *ctx);
	void *over_ctx;
	struct bc_mirror *mirror[BC_MIRRORS];	/* each gets every chunk, also what the disk refuses; not owned; NULL: none */
	struct bc_indexer *indexer;	/* NULL: segments have no index; not owned */
	struct bc_bufpool *notes;	/* of chunks' notes for it; not owned; NULL: there are none */
	const struct bc_log *log;		/* may be NULL */
	/* The filter in force, for the interface descriptions; called at each segment's begin; may be NULL. */
	const char *(*filter)(void *ctx);
	void *filter_ctx;
};

struct bc_committer;

int bc_committer_new(const struct bc_committer_config *cfg, struct bc_committer **ret, struct bc_err *err);
/* Begin to commit. 0 or a negative errno. */
int bc_committer_start(struct bc_committer *c);

/*
 * Any thread: the capture is asked to end, so that a watchfile is no longer waited for: what the buffers hold is
 * written. Takes NULL.
 */
void bc_committer_stopping(struct bc_committer *c);
/* Any thread: no more packets will come from the sources; a full disk is then waited for only a little longer. */
void bc_committer_draining(struct bc_committer *c);
/*
 * Of a folder or a file, any one thread: for each segment for which bc_store_finish() returned 0, in their order, what
 * became of it; file_bytes as bc_store_published has them. err: why its packets are lost, or 0. Nothing is waited for
 * after an abort.
 */
void bc_committer_result(struct bc_committer *c, uint64_t file_bytes, int err);
/*
 * As bc_store_publishing of the store, whose thread calls. Returns what the file of bc_ack_file.h is to say when this
 * returns, for free(); NULL: what it says.
 */
uint8_t *bc_committer_publishing(struct bc_committer *c, uint32_t n, const bool *on_disk, size_t *ret_len);
/* Any thread: end at once, leave the segment as it is. What was not written is not counted as written. */
void bc_committer_abort(struct bc_committer *c);
/* Wait for the thread's end: the last chunk's, or an abort's. */
void bc_committer_join(struct bc_committer *c);
/* Has the thread ended by itself? Any thread. */
bool bc_committer_done(const struct bc_committer *c);
/* Why packets wait, or are lost, at this moment: bc_patience_trouble(). Takes NULL. Any thread. */
const char *bc_committer_trouble(const struct bc_committer *c);
/* The reader of a pipe is gone: nothing more can be written. Any thread. */
bool bc_committer_reader_gone(const struct bc_committer *c);

/* After join, or without start. Takes NULL. */
void bc_committer_free(struct bc_committer *c);

#endif
