/* SPDX-License-Identifier: BSD-3-Clause */
/* A piece of the index is written: pages are packed, sealed with a checksum, and put into a pcapng block. */
#ifndef BC_INDEX_PIECE_H
#define BC_INDEX_PIECE_H

#include "bc_flow_table.h"

/* Packs pages, with working memory of its own. NULL without memory; free takes NULL. */
struct bc_packer;
struct bc_packer *bc_packer_new(void);
void bc_packer_free(struct bc_packer *k);

struct bc_page {
	enum bc_index_kind kind;
	uint8_t extra;
	uint32_t items;
	const uint8_t *lead;
	uint32_t lead_len;
	const uint8_t *plain;
	uint32_t plain_len;
};

/* Append it as a piece; k NULL: not packed. 0 or -ENOMEM. */
int bc_index_put_piece(struct bc_index_bytes *b, struct bc_packer *k, const struct bc_page *page);

/* n columns into plain (BC_INDEX_PLAIN_MAX bytes): their lengths, then they themselves. Returns the bytes. They fit. */
uint32_t bc_index_join(uint8_t *plain, uint8_t *const *column, const uint32_t *len, uint32_t n);

#endif
