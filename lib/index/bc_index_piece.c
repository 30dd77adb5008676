/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "bc_bytes.h"
#include "bc_index_priv.h"

#define LEVEL 1	/* 3 takes twice the time for 1 % less */

struct bc_packer {
	ZSTD_CCtx *zstd;
};

struct bc_packer *bc_packer_new(void)
{
	struct bc_packer *k = calloc(1, sizeof(*k));

	if (k)
		k->zstd = ZSTD_createCCtx();
	if (k && !k->zstd) {
		free(k);
		return NULL;
	}
	return k;
}

void bc_packer_free(struct bc_packer *k)
{
	if (!k)
		return;
	ZSTD_freeCCtx(k->zstd);
	free(k);
}

int bc_index_reserve(struct bc_index_bytes *b, size_t len)
{
	size_t cap = (b->len + len) * 2;
	uint8_t *p;

	if (b->cap - b->len >= len)
		return 0;
	p = realloc(b->p, cap);
	if (!p)
		return -ENOMEM;
	b->p = p;
	b->cap = cap;
	return 0;
}

/* The plain bytes at dst, packed if they get smaller. */
static uint32_t pack(struct bc_packer *k, uint8_t *dst, const struct bc_page *page, uint8_t *ret_packing)
{
	size_t n = k && page->plain_len ? ZSTD_compressCCtx(k->zstd, dst, ZSTD_compressBound(page->plain_len), page->plain,
							     page->plain_len, LEVEL) : 0;

	*ret_packing = BC_PACKING_ZSTD;
	if (n && !ZSTD_isError(n) && n < page->plain_len)
		return (uint32_t)n;
	*ret_packing = BC_PACKING_STORED;
	if (page->plain_len)
		memcpy(dst, page->plain, page->plain_len);
	return page->plain_len;
}

int bc_index_put_piece(struct bc_index_bytes *b, struct bc_packer *k, const struct bc_page *page)
{
	uint32_t body, total, used;
	uint8_t *at, packing;
	uint64_t seed;

	if (bc_index_reserve(b, BC_PIECE_HEAD + page->lead_len + ZSTD_compressBound(page->plain_len) + 8))
		return -ENOMEM;
	at = b->p + b->len;
	if (page->lead_len)
		memcpy(at + BC_PIECE_HEAD, page->lead, page->lead_len);
	body = pack(k, at + BC_PIECE_HEAD + page->lead_len, page, &packing);
	used = BC_PIECE_HEAD + page->lead_len + body;
	total = (used + 3) / 4 * 4 + 4;
	memset(at + used, 0, total - used);
	bc_put_le32(at, BC_INDEX_BLOCK_TYPE);
	bc_put_le32(at + 4, total);
	at[8] = BC_INDEX_VERSION;
	at[9] = (uint8_t)page->kind;
	at[10] = packing;
	at[11] = page->extra;
	bc_put_le32(at + 12, page->lead_len);
	bc_put_le32(at + 16, body);
	bc_put_le32(at + 20, page->plain_len);
	bc_put_le32(at + 24, page->items);
	bc_put_le32(at + 28, 0);
	seed = XXH64(at + 8, BC_PIECE_HASHED, 0);
	bc_put_le64(at + 32, XXH64(at + BC_PIECE_HEAD, page->lead_len + body, seed));
	bc_put_le32(at + total - 4, total);
	b->len += total;
	return 0;
}

uint32_t bc_index_join(uint8_t *plain, uint8_t *const *column, const uint32_t *len, uint32_t n)
{
	uint8_t *at = plain + 4 * n;

	for (uint32_t i = 0; i < n; i++) {
		bc_put_le32(plain + 4 * i, len[i]);
		memcpy(at, column[i], len[i]);
		at += len[i];
	}
	return (uint32_t)(at - plain);
}

static uint8_t *put_part(uint8_t *p, const struct bc_index_part *a)
{
	p = bc_put_le64(p, a->at);
	p = bc_put_le32(p, a->bytes);
	p = bc_put_le32(p, a->n_pieces);
	p = bc_put_le64(p, a->blocks_at);
	p = bc_put_le64(p, a->plain_at);
	p = bc_put_le64(p, a->min_ns);
	p = bc_put_le64(p, a->max_ns);
	p = bc_put_le64(p, a->packets);
	p = bc_put_le32(p, a->n_blocks);
	p = bc_put_le32(p, a->n_templates);
	p = bc_put_le32(p, a->n_rows);
	p = bc_put_le32(p, a->n_unindexed);
	p = bc_put_le32(p, a->flags);
	p = bc_put_le32(p, a->filter_bytes);
	return bc_put_le64(p, a->filter_at);
}

int bc_index_put_directory(struct bc_index_bytes *bytes, const struct bc_index_part *parts, uint32_t n)
{
	uint8_t *plain = malloc(n * BC_DIRECTORY_ENTRY + 1), *p = plain;
	int r;

	if (!plain)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++)
		p = put_part(p, &parts[i]);
	r = bc_index_put_piece(bytes, NULL, &(struct bc_page){
		.kind = BC_INDEX_DIRECTORY, .items = n, .plain = plain, .plain_len = n * BC_DIRECTORY_ENTRY,
	});
	free(plain);
	return r;
}

void bc_index_put_footer(uint8_t dst[BC_INDEX_FOOTER_SIZE], const struct bc_index_footer *f)
{
	uint8_t plain[BC_INDEX_FOOTER_SIZE - BC_INDEX_PIECE_OVERHEAD] = { 0 }, bytes[2 * BC_INDEX_FOOTER_SIZE];
	struct bc_index_bytes b = { .p = bytes, .cap = sizeof(bytes) };
	uint8_t *p = plain;

	memcpy(p, BC_FOOTER_MAGIC, BC_FOOTER_MAGIC_LEN);
	p = bc_put_le64(p + BC_FOOTER_MAGIC_LEN, f->at);
	p = bc_put_le64(p, f->directory_at);
	p = bc_put_le32(p, f->directory_bytes);
	p = bc_put_le32(p, f->n_parts);
	p = bc_put_le64(p, f->first_ns);
	p = bc_put_le64(p, f->min_ns);
	p = bc_put_le64(p, f->max_ns);
	p = bc_put_le64(p, f->packets);
	p = bc_put_le64(p, f->plain_bytes);
	bc_put_le32(p, f->codec);
	bc_index_put_piece(&b, NULL, &(struct bc_page){
		.kind = BC_INDEX_FOOTER, .items = 1, .plain = plain, .plain_len = sizeof(plain),
	});
	memcpy(dst, bytes, BC_INDEX_FOOTER_SIZE);
}
