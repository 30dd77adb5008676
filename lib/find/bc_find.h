/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A search: the packets under some paths that an expression matches, in one order of time, into a file, a folder or a
 * stream.
 */
#ifndef BC_FIND_H
#define BC_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_find_list.h"
#include "bc_find_plan.h"
#include "bc_find_writer.h"
#include "bc_log.h"

struct bc_find_config {
	const char *expression;		/* pcap-filter(7); "": every packet */
	char *const *paths;		/* of files and folders, objects and prefixes */
	uint32_t n_paths;
	uint64_t from_ns, to_ns;	/* packets from from_ns on and before to_ns; 0 and UINT64_MAX: all */
	uint64_t limit_packets, limit_bytes;	/* so many at the most; 0: no limit. Bytes are those of packets */
	uint64_t limit_file_bytes;	/* what fills the segment, or the one file, to so many before compression is the last; 0: no limit */
	bool no_index;			/* read everything, as if there were no indexes */
	struct bc_depot *depot;	/* stopped with the search; NULL: paths are local ones */
	unsigned threads;		/* that read; as bc_find_order_new() has it */
	struct bc_find_dest dest;
	const struct bc_log *log;	/* thread safe */
	bc_find_written written;	/* may be NULL */
	void *ctx;
};

/* How far it is. Plain data. */
struct bc_find_progress {
	uint32_t listed, looked;	/* files; segments are found while looked < listed */
	uint32_t segments;		/* with packets */
	uint64_t bytes, read_bytes;	/* of the segments' files; read from them so far */
	uint64_t done_bytes;		/* of bytes: read, or found not to be needed */
	uint32_t way[BC_FIND_WAYS];	/* segments, by how they are read; those that were come to */
	uint32_t bad_index;		/* of these, with an index that is damaged */
	uint64_t rows, rows_wanted;	/* flows in the indexes that were asked; that may have such packets */
	uint64_t read_packets;
	uint64_t packets, packet_bytes;	/* found and written */
	uint64_t unparsed;		/* of these, as bc_find_writer_unparsed() counts them */
	uint64_t first_ns, last_ns;	/* of these; 0 without one */
	uint32_t damaged;		/* files and folders that could not be read, or not to their end */
	uint32_t left_out;		/* files in folders that are no captures */
	bool limited;			/* a limit ended it */
	bool stopped;			/* bc_find_stop() ended it, or a reader that is gone */
};

struct bc_find;

/* What cfg points at outlives it. 0 and *ret, or -ENOMEM. free takes NULL. */
int bc_find_new(const struct bc_find_config *cfg, struct bc_find **ret, struct bc_err *err);
void bc_find_free(struct bc_find *f);

/*
 * All of it, once. 0, or a negative errno with a line in err: -EINVAL: the expression is not libpcap's, a path or the
 * destination is not to be used: nothing was written then; else what it met, and what was found before is written. What
 * is wrong with single files goes to the log, and into damaged.
 */
int bc_find_run(struct bc_find *f, struct bc_err *err);

/*
 * Instead of the run, once: what it would read. each is called with each segment's plan as it is made, and may be NULL.
 * Results as those of the run.
 */
struct bc_find_sums {
	uint32_t segments[BC_FIND_WAYS];
	uint64_t bytes[BC_FIND_WAYS];	/* of their files */
	uint64_t to_read;		/* of these bytes */
	uint64_t index_bytes;		/* read for the plan */
	uint64_t rows, rows_wanted, blocks, blocks_wanted;
	uint32_t damaged;		/* indexes */
};
typedef void (*bc_find_explained)(void *ctx, const struct bc_find_segment *segment, const struct bc_find_plan *plan);
int bc_find_explain(struct bc_find *f, bc_find_explained each, void *ctx, struct bc_find_sums *ret, struct bc_err *err);

/*
 * Any thread. The run ends soon, with a valid file of what was found so far; cancel: and does not wait for a stream's
 * reader.
 */
void bc_find_stop(struct bc_find *f);
void bc_find_cancel(struct bc_find *f);

/* Any thread. */
void bc_find_get_progress(const struct bc_find *f, struct bc_find_progress *ret);

#endif
