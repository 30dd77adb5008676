/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The index over any bytes. The first byte says what is read: a footer with its directory, a part, or what an index beside its file
 * begins with. Pieces get right checksums first, so that what is behind them is reached.
 */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_index.h"
#include "bc_index_subject.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void seal(uint8_t *bytes, size_t len)
{
	for (size_t at = 0; len - at >= BC_INDEX_PIECE_OVERHEAD;) {
		uint32_t total = bc_get_le32(bytes + at + 4), lead = bc_get_le32(bytes + at + 12), body = bc_get_le32(bytes + at + 16);

		if (total < BC_INDEX_PIECE_OVERHEAD || total > len - at || lead > total - BC_INDEX_PIECE_OVERHEAD ||
		    body > total - BC_INDEX_PIECE_OVERHEAD - lead)
			return;
		bc_put_le32(bytes + at, BC_INDEX_BLOCK_TYPE);
		bc_put_le64(bytes + at + 32, XXH64(bytes + at + 40, lead + body, XXH64(bytes + at + 8, 24, 0)));
		at += total;
	}
}

static void read_page(const struct bc_index_reader *r, struct bc_index_page *page, uint32_t i)
{
	const struct bc_index_template *t = bc_index_templates(r);

	bc_index_page_may_hold(r, i, (const uint8_t *)"abcd", 4);
	if (bc_index_page(r, i, page, NULL))
		return;
	for (uint32_t k = 0; k < page->n; k++) {
		const struct bc_index_row *row = &page->row[k];
		uint32_t left = row->n_runs;
		struct bc_index_pattern p;
		struct bc_index_run run;

		if (row->from_low)
			bc_index_pattern(&t[row->from_low - 1], row, false, &p);
		if (row->from_high)
			bc_index_pattern(&t[row->from_high - 1], row, true, &p);
		bc_index_run_begin(row, &run);
		while (bc_index_run_next(page, &left, &run))
			;
		if (left)
			abort();
	}
}

static void read_part(const uint8_t *input, size_t len)
{
	struct bc_index_part part = { .at = 1 << 20, .bytes = (uint32_t)len, .max_ns = UINT64_MAX };
	struct bc_index_reader *r;
	struct bc_index_page *page;
	uint8_t *bytes;

	if (len < 8)
		return;
	part.n_pieces = input[0];
	part.n_blocks = input[1] | input[2] << 8;
	part.n_templates = input[3] | input[4] << 8;
	part.n_rows = input[5] | input[6] << 8;
	part.bytes -= 8;
	bytes = malloc(len);
	memcpy(bytes, input + 8, len - 8);
	seal(bytes, len - 8);
	if (!bc_index_part_open(&part, 0, bytes, len - 8, &r, NULL)) {
		page = malloc(sizeof(*page));
		for (uint32_t i = 0; i < bc_index_pages(r); i++)
			read_page(r, page, i);
		free(page);
		bc_index_part_close(r);
	}
	free(bytes);
}

static void read_footer(const uint8_t *input, size_t len)
{
	static struct bc_index_part parts[BC_INDEX_PARTS_MAX];
	struct bc_index_footer f = { .at = 1 << 30, .directory_at = 1 << 29, .codec = 1 };
	uint8_t *bytes = malloc(len + 1);

	memcpy(bytes, input, len);
	bc_index_footer_find(bytes, len, len, &f, NULL);
	if (len && f.n_parts <= BC_INDEX_PARTS_MAX) {
		f.n_parts = bytes[0];
		seal(bytes + 1, len - 1);
		bc_index_directory(&f, bytes + 1, len - 1, parts, NULL);
	}
	free(bytes);
}

static void read_subject(const uint8_t *input, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	struct bc_subject_block *block;
	struct bc_subject s;

	memcpy(bytes, input, len);
	seal(bytes, len);
	if (!bc_subject_get(bytes, len, &s, NULL) && s.piece_bytes <= len - BC_SUBJECT_SIZE) {
		block = calloc(s.n_blocks + 1ULL, sizeof(*block));
		bc_subject_get_blocks(&s, bytes + BC_SUBJECT_SIZE, block, NULL);
		free(block);
	}
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	if (!len)
		return 0;
	if (input[0] == 2)
		read_subject(input + 1, len - 1);
	else if (input[0] & 1)
		read_part(input + 1, len - 1);
	else
		read_footer(input + 1, len - 1);
	return 0;
}
