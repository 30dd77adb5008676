/* SPDX-License-Identifier: BSD-3-Clause */
/* The parts of a segment's index, as they and what follows them go into its file: pieces in blocks, directory, footer. */
#ifndef BC_INDEX_PARTS_H
#define BC_INDEX_PARTS_H

#include "bc_flow_table.h"

/* What a footer takes in the file at most: in LZ4 it is a block. */
#define BC_INDEX_FOOTER_FRAMED (BC_INDEX_FOOTER_SIZE + 8)

/* All 0 at first, but for codec, as in bc_index_footer. */
struct bc_index_parts {
	uint32_t codec;
	uint32_t n;
	struct bc_index_part *part;
	struct bc_index_bytes *filter;
	struct bc_index_bytes out;	/* what is to be written next */
};

/* For another file. */
void bc_index_parts_clear(struct bc_index_parts *p);
void bc_index_parts_fini(struct bc_index_parts *p);

/* A part's pieces into out, for the file's end at file_at; takes filter in any case. 0, -ENOMEM, or -E2BIG: there are too many. */
int bc_index_parts_add(struct bc_index_parts *p, const struct bc_index_part *part, const struct bc_index_bytes *pieces,
		       struct bc_index_bytes *filter, uint64_t file_at);

/* The filters and the directory into out, for the file's end at file_at; fills what f says of parts. 0 or -ENOMEM. */
int bc_index_parts_directory(struct bc_index_parts *p, uint64_t file_at, struct bc_index_footer *f);

/* The footer for the file's end at file_at into dst; returns its bytes. In LZ4 only the end mark may follow it. */
size_t bc_index_parts_footer(const struct bc_index_parts *p, struct bc_index_footer *f, uint64_t file_at,
			     uint8_t dst[BC_INDEX_FOOTER_FRAMED]);

#endif
