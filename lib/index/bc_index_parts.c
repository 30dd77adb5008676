/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"

#define LZ4_STORED 0x80000000U
#define LZ4_LENGTH 4U		/* bytes before a block's; as many are its checksum's */

void bc_index_parts_clear(struct bc_index_parts *p)
{
	for (uint32_t i = 0; i < p->n; i++)
		free(p->filter[i].p);
	p->n = 0;
}

void bc_index_parts_fini(struct bc_index_parts *p)
{
	bc_index_parts_clear(p);
	free(p->part);
	free(p->filter);
	free(p->out.p);
}

/* As it lies in the file: in a stored block of its own, where there are blocks. */
static uint8_t *put_piece(const struct bc_index_parts *p, uint8_t *dst, const uint8_t *piece, uint32_t len)
{
	if (!p->codec) {
		memcpy(dst, piece, len);
		return dst + len;
	}
	bc_put_le32(dst, len | LZ4_STORED);
	memcpy(dst + LZ4_LENGTH, piece, len);
	return bc_put_le32(dst + LZ4_LENGTH + len, XXH32(piece, len, 0));
}

/* The place of a piece that is put at the file's end. */
static uint64_t place_at(const struct bc_index_parts *p, uint64_t file_at)
{
	return file_at + (p->codec ? LZ4_LENGTH : 0);
}

/* Behind what is in out. */
static int put_pieces(struct bc_index_parts *p, const struct bc_index_bytes *pieces)
{
	size_t gaps = (pieces->len / BC_INDEX_PIECE_OVERHEAD + 1) * bc_index_gap(p->codec);
	uint8_t *at;

	if (bc_index_reserve(&p->out, pieces->len + gaps))
		return -ENOMEM;
	at = p->out.p + p->out.len;
	for (size_t from = 0; from < pieces->len;) {
		uint32_t total = bc_get_le32(pieces->p + from + 4);

		at = put_piece(p, at, pieces->p + from, total);
		from += total;
	}
	p->out.len = (size_t)(at - p->out.p);
	return 0;
}

static int reserve(struct bc_index_parts *p)
{
	if (!p->part)
		p->part = calloc(BC_INDEX_PARTS_MAX, sizeof(*p->part));
	if (!p->filter)
		p->filter = calloc(BC_INDEX_PARTS_MAX, sizeof(*p->filter));
	return !p->part || !p->filter ? -ENOMEM : p->n == BC_INDEX_PARTS_MAX ? -E2BIG : 0;
}

int bc_index_parts_add(struct bc_index_parts *p, const struct bc_index_part *part, const struct bc_index_bytes *pieces,
		       struct bc_index_bytes *filter, uint64_t file_at)
{
	int r = reserve(p);

	p->out.len = 0;
	if (!r)
		r = put_pieces(p, pieces);
	if (r) {
		free(filter->p);
		return r;
	}
	p->part[p->n] = *part;
	p->part[p->n].at = place_at(p, file_at);
	p->filter[p->n++] = *filter;
	return 0;
}

int bc_index_parts_directory(struct bc_index_parts *p, uint64_t file_at, struct bc_index_footer *f)
{
	struct bc_index_bytes directory = { .p = NULL };
	int r = 0;

	p->out.len = 0;
	for (uint32_t i = 0; i < p->n && !r; i++) {
		const struct bc_index_part *a = &p->part[i];

		p->part[i].filter_at = p->filter[i].len ? place_at(p, file_at + p->out.len) : 0;
		r = put_pieces(p, &p->filter[i]);
		if (a->max_ns && (!f->max_ns || a->min_ns < f->min_ns))
			f->min_ns = a->min_ns;
		if (a->max_ns > f->max_ns)
			f->max_ns = a->max_ns;
	}
	if (!r)
		r = bc_index_put_directory(&directory, p->part, p->n);
	f->n_parts = p->n;
	f->directory_at = place_at(p, file_at + p->out.len);
	f->directory_bytes = (uint32_t)directory.len;
	if (!r)
		r = put_pieces(p, &directory);
	free(directory.p);
	return r;
}

size_t bc_index_parts_footer(const struct bc_index_parts *p, struct bc_index_footer *f, uint64_t file_at,
			     uint8_t dst[BC_INDEX_FOOTER_FRAMED])
{
	uint8_t piece[BC_INDEX_FOOTER_SIZE];

	f->codec = p->codec;
	f->at = place_at(p, file_at);
	bc_index_put_footer(piece, f);
	return (size_t)(put_piece(p, dst, piece, sizeof(piece)) - dst);
}
