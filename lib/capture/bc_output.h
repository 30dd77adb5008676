/* SPDX-License-Identifier: BSD-3-Clause */
/* One output from the merge's knife to the disk: chunker, lanes, committer, store, and the buffers between them. Control thread. */
#ifndef BC_OUTPUT_H
#define BC_OUTPUT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_post_publish.h"
#include "bc_chunker.h"
#include "bc_committer.h"
#include "bc_filters.h"
#include "bc_lane.h"
#include "bc_output_config.h"
#include "bc_retention.h"
#include "bc_seglog.h"
#include "bc_segstat.h"
#include "bc_signer.h"
#include "bc_store.h"
#include "bc_tender.h"
#include "bc_uploader.h"

/* Below this many buffers for each lane nothing moves. */
#define BC_LANE_BUFFERS_MIN 3

struct bc_keeper;
struct bc_tap;

/* Threads that many outputs share. Apart, as a committer may wait for a file that is to be published. */
struct bc_output_crews {
	struct bc_crew *commit;
	struct bc_crew *close;
};

struct bc_output_env {
	uint32_t index;			/* in the ledger */
	uint32_t writers;		/* lanes */
	struct bc_ledger *ledger;
	struct bc_ack *const *ack;	/* by source, outlives the output; NULL: nothing is acknowledged */
	const struct bc_iface_table *ifaces;
	const struct bc_carry *carry;
	const struct bc_log *log;
	uint64_t memory_bytes;		/* for this output's buffers */
	uint32_t chunk_bytes;
	uint32_t disk_step;		/* 0: the store's default */
	const struct bc_output_crews *crews;	/* whose threads do its work, one of many outputs, that opens no file ahead; NULL: threads of its own */
	uint32_t lane_ring;		/* packets before a lane */
	uint64_t flush_ns;
	uint64_t encrypted_flush_ns;	/* the same of encrypted outputs, where each takes space */
	uint64_t start_ns;		/* of the capture */
	const struct bc_steps *steps;	/* of the system clock; not owned */
	bool sparse;			/* without packets no segment; and where there is one lane, each has a link type of its own */
	bool live;			/* the first segment begins now, not with its first packet */
	bool huge;
	struct bc_lane_mode lane_mode;
	enum bc_segstat_form statistics;	/* of each segment into the log */
	const struct bc_filters *filters;	/* whose texts stand in the interface descriptions */
	struct bc_uploader *uploader;	/* of outputs that have an upload; outlives the output; NULL: nothing is uploaded */
	const char *node;		/* with it, or with a tender: whose the segments are */
	struct bc_signer *signer;	/* of folders; outlives the output; NULL: no chain of custody */
	struct bc_spawner *spawner;	/* of the output's commands; outlives the output; NULL: it has none */
	struct bc_keeper *keeper;	/* who has the rights to the output's folder, which is its place; outlives the output; NULL: this process */
	uint32_t place;
	struct bc_tender *tender[BC_TENDERS];	/* with a keeper: who does what is done with published segments; they outlive the output; NULL: nothing of that is to be done */
	struct bc_publisher *publisher;	/* NULL: none */
	const char *client;		/* under whose name the publisher is told of segments; NULL: it is not */
	bool mirror;			/* and of packets */
	struct bc_tap *tap;		/* gets the packets, too; outlives the output; NULL: none */
	bool mirror_ns;			/* with nanoseconds */
	struct bc_peer *peer;		/* of a remote peer; not yet started, outlives the output */
	uint64_t drain_ns;		/* for what a remote peer has not taken at the end */
	void (*over)(void *ctx);	/* called by the I/O thread when it ends; may be NULL */
	void *over_ctx;
	uint64_t patience_ns;		/* how long a remote peer that takes nothing holds up the sources; 0: not at all */
};

struct bc_output {
	struct bc_output_config cfg;	/* strings borrowed */
	uint32_t n_lanes;
	struct bc_chunker chunker;
	struct bc_link *to_lane[BC_MAX_LANES];
	struct bc_link *from_lane[BC_MAX_LANES];
	struct bc_lane *lane[BC_MAX_LANES];
	struct bc_link *free_chunks;
	struct bc_chunk *chunks;
	uint32_t *counts;		/* of the chunks */
	struct bc_bufpool *pool;
	struct bc_bufpool *small;		/* for chunks of few bytes; NULL: there are none */
	struct bc_slice_seen *seen;		/* of all chunks' slices, for the index; NULL: there is none */
	struct bc_bufpool *notes;		/* of packets, for the index; NULL: there are none */
	struct bc_indexer *indexer;		/* NULL: segments have no index */
	struct bc_committer *committer;
	bc_counter_t padding;			/* bytes of it in encrypted segments; the committer's */
	struct bc_store *store;
	pthread_mutex_t closing;		/* of store, against those who only look */
	struct bc_seglog *segments;
	struct bc_segstat *statistics;	/* NULL: nobody wants them */
	struct bc_post_publish *after;		/* NULL: published segments are left alone */
	struct bc_mirror *mirror[BC_MIRRORS];	/* a publisher's, a tap's */
	struct bc_retention *retention;	/* NULL: everything is kept, or tended */
	struct bc_tender_folder *tended[BC_TENDERS];	/* all NULL: what is done with published segments this process does */
	struct bc_uploader *uploader;	/* not owned */
	struct bc_upload_folder *upload;	/* NULL: segments are not uploaded */
	struct bc_signer_folder *custody;	/* NULL: no chain of custody; not owned */
	struct bc_output_account *account;
	const struct bc_log *log;
	const struct bc_filters *filters;
	uint32_t index;
	struct bc_task commit;		/* the committer's */
	_Atomic uint64_t awaited;	/* the chunk that the committer waits for: the committer writes, the lanes read */
};

/* What the names of its files end with: cfg's, or made in buf. */
#define BC_OUTPUT_EXT_MAX 32
const char *bc_output_ext(const struct bc_output_config *cfg, char buf[BC_OUTPUT_EXT_MAX]);

/* 0 and *ret; or a negative errno with a line in err, and nothing left behind. */
int bc_output_new(const struct bc_output_config *cfg, const struct bc_output_env *env, struct bc_output **ret,
		  struct bc_err *err);

/* The committer has been joined, or was never started. Waits until everything finished is published. Takes NULL. */
void bc_output_free(struct bc_output *o);

/* What the store did so far; zeros while and after it is closed. Any thread. */
void bc_output_store_stats(struct bc_output *o, struct bc_store_stats *ret);

/* Publish what is finished and close the store; the numbers stay readable, hooks go on. After the committer was joined. */
void bc_output_close(struct bc_output *o, bool abort);

/* No hook has anything left to do. */
bool bc_output_idle(struct bc_output *o);

/* What its limits did so far, what is in its chain of custody, and what of its uploads. False: it has none. Any thread. */
bool bc_output_expired(const struct bc_output *o, struct bc_expired *ret);
bool bc_output_custody(const struct bc_output *o, struct bc_signer_stats *ret);
bool bc_output_uploads(const struct bc_output *o, struct bc_upload_stats *ret);

/* After bc_output_close(): wait until it is, or, with now, end what hooks do. */
void bc_output_end_post_publish(struct bc_output *o, bool now);

#endif
