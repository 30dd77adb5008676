/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_lz4_map.h"

#include <errno.h>
#include <lz4frame.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"

#define AROUND 8U		/* length and checksum of a block */
#define FLAG_LINKED_NOT 0x20	/* the blocks are independent */
#define FLAG_CHECKSUM 0x10
#define FLAG_SIZE 0x08
#define FLAG_CONTENT 0x04	/* a checksum of all, behind the end mark */
#define FLAG_DICTIONARY 0x01

struct bc_lz4_block_decoder {
	LZ4F_dctx *ctx;
	uint8_t header[BC_LZ4_HEADER_MAX];
	size_t header_len;
};

void bc_lz4_map_free(struct bc_lz4_map *m)
{
	free(m->block);
	*m = (struct bc_lz4_map){ .n = 0 };
}

int bc_lz4_map_add(struct bc_lz4_map *m, const struct bc_lz4_map_block *b)
{
	if (m->n == BC_LZ4_MAP_MOST)
		return -ENOTSUP;
	if (m->n == m->cap) {
		uint32_t cap = m->cap ? 2 * m->cap : 1024;
		struct bc_lz4_map_block *grown = realloc(m->block, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		m->block = grown;
		m->cap = cap;
	}
	m->block[m->n++] = *b;
	return 0;
}

struct bc_lz4_block_decoder *bc_lz4_block_decoder_new(const uint8_t *header, uint32_t header_len)
{
	struct bc_lz4_block_decoder *d = header_len <= BC_LZ4_HEADER_MAX ? calloc(1, sizeof(*d)) : NULL;

	if (!d)
		return NULL;
	memcpy(d->header, header, header_len);
	d->header_len = header_len;
	if (LZ4F_isError(LZ4F_createDecompressionContext(&d->ctx, LZ4F_VERSION))) {
		free(d);
		return NULL;
	}
	return d;
}

void bc_lz4_block_decoder_free(struct bc_lz4_block_decoder *d)
{
	if (!d)
		return;
	LZ4F_freeDecompressionContext(d->ctx);
	free(d);
}

/* All len bytes at src, as they follow what was given before; into dst, of which cap bytes are left. False: that cannot be. */
static bool feed(struct bc_lz4_block_decoder *d, const uint8_t *src, size_t len, uint8_t **dst, size_t *cap)
{
	while (len) {
		size_t took = len, made = *cap, hint = LZ4F_decompress(d->ctx, *dst, &made, src, &took, NULL);

		if (LZ4F_isError(hint) || (!took && !made))
			return false;
		src += took;
		len -= took;
		*dst += made;
		*cap -= made;
	}
	return true;
}

/* Each block is read as the first of a frame. */
ptrdiff_t bc_lz4_block_decode(struct bc_lz4_block_decoder *d, const uint8_t *src, size_t len, uint8_t *dst, size_t cap)
{
	uint8_t *to = dst;
	size_t left = cap;

	LZ4F_resetDecompressionContext(d->ctx);
	if (!feed(d, d->header, d->header_len, &to, &left) || to != dst || !feed(d, src, len, &to, &left))
		return -EBADMSG;
	return to - dst;
}

/* The header's length; 0: it is none of a frame that can be read by blocks. */
static uint32_t header_of(const uint8_t *p, size_t len)
{
	LZ4F_frameInfo_t info;
	LZ4F_dctx *ctx;
	size_t used = len, r;

	if (len < LZ4F_HEADER_SIZE_MIN || LZ4F_isError(LZ4F_createDecompressionContext(&ctx, LZ4F_VERSION)))
		return 0;
	r = LZ4F_getFrameInfo(ctx, &info, p, &used);
	LZ4F_freeDecompressionContext(ctx);
	if (LZ4F_isError(r) || info.frameType != LZ4F_frame || !(p[4] & FLAG_LINKED_NOT) || p[4] & FLAG_DICTIONARY ||
	    used > BC_LZ4_HEADER_MAX)
		return 0;
	return (uint32_t)used;
}

struct reading {
	struct bc_blob *file;
	struct bc_lz4_block_decoder *decoder;
	uint8_t *packed, *plain;
	struct bc_err *err;
};

static int read_at(struct reading *g, void *to, size_t len, uint64_t at)
{
	ptrdiff_t n = bc_blob_read(g->file, to, len, at, g->err);

	return n < 0 ? (int)n : (size_t)n < len ? bc_err_set(g->err, -EBADMSG, "its LZ4 frame ends too early") : 0;
}

/* The block at `at`, or the end mark: *ret_len 0. */
static int read_block(struct reading *g, struct bc_lz4_map *m, uint64_t at, uint32_t *ret_len)
{
	struct bc_lz4_map_block b;
	ptrdiff_t plain;
	int r = read_at(g, g->packed, 4, at);
	uint32_t len = r ? 0 : bc_get_le32(g->packed) & INT32_MAX;

	*ret_len = 0;
	if (r || !bc_get_le32(g->packed))
		return r;
	if (len > BC_LZ4_MAP_BLOCK)
		return bc_err_set(g->err, -EBADMSG, "a block of LZ4 is longer than may be");
	b.file_len = 4 + len + (m->header[4] & FLAG_CHECKSUM ? 4 : 0);
	r = read_at(g, g->packed, b.file_len, at);
	if (r)
		return r;
	plain = bc_lz4_block_decode(g->decoder, g->packed, b.file_len, g->plain, BC_LZ4_MAP_BLOCK);
	if (plain < 0)
		return bc_err_set(g->err, -EBADMSG, "a block of LZ4 cannot be decompressed");
	b.plain_len = (uint32_t)plain;
	*ret_len = b.file_len;
	return bc_lz4_map_add(m, &b);
}

static int read_blocks(struct reading *g, struct bc_lz4_map *m)
{
	uint64_t at = m->header_len;
	uint32_t len;
	int r;

	do {
		r = read_block(g, m, at, &len);
		at += len;
	} while (!r && len);
	at += 4 + (m->header[4] & FLAG_CONTENT ? 4 : 0);
	return r ? r : at == g->file->bytes ? 0 : -ENOTSUP;
}

int bc_lz4_map_make(struct bc_blob *file, struct bc_lz4_map *ret, struct bc_err *err)
{
	struct bc_lz4_map m = { .n = 0 };
	struct reading g = { .file = file, .err = err };
	ptrdiff_t n = bc_blob_read(file, m.header, sizeof(m.header), 0, err);
	int r = -ENOMEM;

	if (n < 0)
		return (int)n;
	m.header_len = header_of(m.header, (size_t)n);
	if (!m.header_len)
		return bc_err_set(err, -ENOTSUP, "it is not one LZ4 frame of independent blocks");
	g.decoder = bc_lz4_block_decoder_new(m.header, m.header_len);
	g.packed = malloc(BC_LZ4_MAP_BLOCK + AROUND);
	g.plain = malloc(BC_LZ4_MAP_BLOCK);
	if (g.decoder && g.packed && g.plain)
		r = read_blocks(&g, &m);
	bc_lz4_block_decoder_free(g.decoder);
	free(g.packed);
	free(g.plain);
	if (r)
		bc_lz4_map_free(&m);
	else
		*ret = m;
	return r;
}
