/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which blocks of a segment have to be read for a search, as its index tells. What the index does not know is read;
 * where there is none, or it is damaged, the whole segment is. One thread.
 */
#ifndef BC_FIND_PLAN_H
#define BC_FIND_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_blob.h"
#include "bc_err.h"
#include "bc_find_ifaces.h"

/* A block of the file. */
struct bc_find_block {
	uint64_t at;
	uint32_t len, plain_len;
};

enum bc_find_way {
	BC_FIND_WHOLE,		/* there is no index, or none that can be used */
	BC_FIND_BLOCKS,		/* some of its blocks */
	BC_FIND_NOT_THE_TIME,	/* none of it: its packets are before or after */
	BC_FIND_NOT_THE_FLOWS,	/* none of it: no flow in it is wanted */
	BC_FIND_WAYS
};

struct bc_find_plan {
	enum bc_find_way way;
	bool damaged;			/* its index is */
	bool packed;			/* blocks are those of LZ4, otherwise bytes as they are */
	struct bc_find_block *block;	/* of BC_FIND_BLOCKS, in the order of the file */
	uint32_t n, cap;
	uint64_t bytes;			/* of these */
	uint64_t index_bytes;		/* read for the plan */
	uint32_t parts, parts_by_time, parts_by_hosts;	/* of the index; ruled out by their times, their hosts alone */
	uint64_t rows, rows_wanted;	/* flows that were asked; that may have such packets */
	uint64_t blocks, blocks_wanted;	/* with packets */
	uint64_t blocks_unindexed;	/* of the time asked for: their packets may be in no flow */
};

struct bc_index_row;
struct bc_index_template;

/* A flow that may have such packets, and the templates of its part. A negative errno ends the plan. */
typedef int (*bc_find_row)(void *ctx, const struct bc_index_row *row, const struct bc_index_template *templates);

/*
 * blob is a segment. *ret is set in each case, for bc_find_plan_free(). 0; or a negative errno with a line in err, and
 * the way is WHOLE then: -EBADMSG: its index is damaged; else what reading it met, or -ENOMEM. each may be NULL; it is called as rows are found, also of an index that then turns out to be damaged.
 */
int bc_find_plan_make(struct bc_blob *blob, struct bc_find_ifaces *ifaces, uint64_t from_ns, uint64_t to_ns, bc_find_row each,
		      void *ctx, struct bc_find_plan *ret, struct bc_err *err);
void bc_find_plan_free(struct bc_find_plan *p);

#endif
