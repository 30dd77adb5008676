/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index of the segment that is written, from the writer's side: where each block lies in the file is told to the indexer, its
 * parts are put between chunks and behind the last one, directory and footer at the end. The index goes before packets do: what has no
 * room, or comes too late, ends the index and nothing else. All calls take NULL and then do nothing. The committer's thread.
 */
#ifndef BC_SEGMENT_INDEX_H
#define BC_SEGMENT_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_chunk.h"
#include "bc_codec.h"
#include "bc_err.h"
#include "bc_index_parts.h"
#include "bc_indexer.h"
#include "bc_store.h"

struct bc_segment_index_config {
	struct bc_indexer *indexer;	/* not owned */
	enum bc_codec codec;		/* none or lz4 */
	uint32_t block_max;
	/* All bytes or none, tried once. */
	int (*write)(void *ctx, const uint8_t *data, size_t len);
	void *write_ctx;
	/* The segment has ended: may it wait a few milliseconds more for its index? */
	bool (*patient)(void *ctx);
	void *patient_ctx;
};

struct bc_segment_index;

/* 0 and *ret, or a negative errno with a line in err. */
int bc_segment_index_new(const struct bc_segment_index_config *cfg, struct bc_segment_index **ret, struct bc_err *err);
void bc_segment_index_free(struct bc_segment_index *x);

/* A segment begins with these bytes of its own, of which len before compression are pcapng. */
void bc_segment_index_begin(struct bc_segment_index *x, const uint8_t *data, size_t bytes, size_t len);
/* More such bytes, and a chunk, were written. */
void bc_segment_index_own(struct bc_segment_index *x, const uint8_t *data, size_t bytes, size_t len);
void bc_segment_index_chunk(struct bc_segment_index *x, struct bc_chunk *k, uint64_t packets);

/* Padding was written, in which nothing is to be read. */
void bc_segment_index_padding(struct bc_segment_index *x, size_t bytes);

/* Now and then: parts that are ready are written. */
void bc_segment_index_poll(struct bc_segment_index *x);
/* And so it is to be called again soon. */
bool bc_segment_index_busy(const struct bc_segment_index *x);

/* The segment's last packets are written: the rest of its index, but for the footer. May be called again. */
void bc_segment_index_end(struct bc_segment_index *x);
/* The footer for a place that is as far behind the file's end, into dst; returns its bytes, 0 without an index. */
size_t bc_segment_index_footer(struct bc_segment_index *x, size_t behind, const struct bc_segment_info *info,
			       uint8_t dst[BC_INDEX_FOOTER_FRAMED]);

/* The file is not as it was told to be: the segment has no index. */
void bc_segment_index_drop(struct bc_segment_index *x);
/* The segment is over; closed: it was ended, with all of its index. */
void bc_segment_index_over(struct bc_segment_index *x, const struct bc_segment_info *info, bool closed);

#endif
