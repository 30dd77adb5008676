/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_plain_blob.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_decoder.h"

#define SKIP (64U * 1024)	/* decompressed at once, to be passed over */

struct plain {
	struct bc_blob blob;
	struct bc_blob *file;
	/* With a map: */
	const struct bc_lz4_map *map;
	uint64_t *file_at, *plain_at;	/* of its blocks, and where the last one ends */
	struct bc_lz4_block_decoder *blocks;
	uint8_t *packed, *buf;		/* buf: block number held, or what is passed over */
	uint32_t held;
	/* Without one: */
	struct bc_decoder *decoder;
	uint64_t at;			/* decompressed so far */
	uint64_t taken;
};

static int bad(struct bc_err *err, uint64_t at)
{
	return bc_err_set(err, -EBADMSG, "what is decompressed at offset %" PRIu64 " is not what its index says", at);
}

/* The block that has the byte at this place, which is not behind the last one. */
static uint32_t block_of(const struct plain *p, uint64_t at)
{
	uint32_t lo = 0, hi = p->map->n;

	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (p->plain_at[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

static int hold(struct plain *p, uint32_t i, struct bc_err *err)
{
	const struct bc_lz4_map_block *b = &p->map->block[i];
	ptrdiff_t n;

	if (p->held == i)
		return 0;
	p->held = UINT32_MAX;
	n = bc_blob_read(p->file, p->packed, b->file_len, p->file_at[i], err);
	if (n < 0)
		return (int)n;
	p->taken += (uint64_t)n;
	if ((size_t)n < b->file_len ||
	    bc_lz4_block_decode(p->blocks, p->packed, b->file_len, p->buf, BC_LZ4_MAP_BLOCK) != (ptrdiff_t)b->plain_len)
		return bad(err, p->plain_at[i]);
	p->held = i;
	return 0;
}

static ptrdiff_t read_by_map(struct plain *p, uint8_t *to, size_t len, uint64_t at, struct bc_err *err)
{
	size_t done = 0;

	while (done < len) {
		uint32_t i = block_of(p, at + done);
		uint64_t in = at + done - p->plain_at[i];
		size_t n = (size_t)(p->map->block[i].plain_len - in);
		int r = hold(p, i, err);

		if (r)
			return r;
		n = n < len - done ? n : len - done;
		memcpy(to + done, p->buf + in, n);
		done += n;
	}
	return (ptrdiff_t)done;
}

static int rewind_to_begin(struct plain *p, struct bc_err *err)
{
	p->taken += p->decoder ? bc_decoder_offset(p->decoder) : 0;
	bc_decoder_close(p->decoder);
	p->decoder = NULL;
	p->at = 0;
	return bc_decoder_open_blob(p->file, &p->decoder, err);
}

/* The next bytes; all of them, or it is an error. */
static int decode(struct plain *p, uint8_t *to, size_t len, struct bc_err *err)
{
	while (len) {
		ptrdiff_t n = bc_decoder_read(p->decoder, to, len, err);

		if (n <= 0)
			return n < 0 ? (int)n : bad(err, p->at);
		to += n;
		len -= (size_t)n;
		p->at += (uint64_t)n;
	}
	return 0;
}

static ptrdiff_t read_in_order(struct plain *p, uint8_t *to, size_t len, uint64_t at, struct bc_err *err)
{
	int r = !p->decoder || at < p->at ? rewind_to_begin(p, err) : 0;

	while (!r && p->at < at)
		r = decode(p, p->buf, at - p->at < SKIP ? (size_t)(at - p->at) : SKIP, err);
	if (!r)
		r = decode(p, to, len, err);
	return r ? r : (ptrdiff_t)len;
}

static ptrdiff_t plain_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	struct plain *p = (struct plain *)b;

	if (at >= b->bytes)
		return 0;
	len = len < b->bytes - at ? len : (size_t)(b->bytes - at);
	return p->map ? read_by_map(p, to, len, at, err) : read_in_order(p, to, len, at, err);
}

/* Which of the file's bytes are wanted for these. */
static void plain_want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n)
{
	struct plain *p = (struct plain *)b;
	uint32_t k = 0;
	struct bc_blob_range *of = p->map ? malloc((n + 1ULL) * sizeof(*of)) : NULL;

	for (uint32_t i = 0; of && i < n; i++) {
		uint32_t first, last;

		if (!range[i].len || range[i].at >= b->bytes || range[i].len > b->bytes - range[i].at)
			continue;
		first = block_of(p, range[i].at);
		last = block_of(p, range[i].at + range[i].len - 1);
		if (p->file_at[last + 1] - p->file_at[first] <= UINT32_MAX)
			of[k++] = (struct bc_blob_range){ p->file_at[first], (uint32_t)(p->file_at[last + 1] - p->file_at[first]) };
	}
	if (of)
		bc_blob_want(p->file, of, k);
	free(of);
}

static void plain_close(struct bc_blob *b)
{
	struct plain *p = (struct plain *)b;

	bc_decoder_close(p->decoder);
	bc_lz4_block_decoder_free(p->blocks);
	free(p->file_at);
	free(p->plain_at);
	free(p->packed);
	free(p->buf);
	free(p);
}

static const struct bc_blob_ops plain_ops = { .read = plain_read, .want = plain_want, .close = plain_close };

/* Where the blocks are. False: no memory, or they are not plain_bytes together. */
static bool place_blocks(struct plain *p)
{
	const struct bc_lz4_map *m = p->map;
	uint64_t file_at = m->header_len, plain_at = 0;

	for (uint32_t i = 0; i < m->n; i++) {
		p->file_at[i] = file_at;
		p->plain_at[i] = plain_at;
		file_at += m->block[i].file_len;
		plain_at += m->block[i].plain_len;
		if (m->block[i].file_len > BC_LZ4_MAP_BLOCK + 8 || m->block[i].plain_len > BC_LZ4_MAP_BLOCK)
			return false;
	}
	p->file_at[m->n] = file_at;
	p->plain_at[m->n] = plain_at;
	return plain_at == p->blob.bytes;
}

static int init_map(struct plain *p, struct bc_err *err)
{
	const uint32_t n = p->map->n;

	p->file_at = malloc((n + 1ULL) * sizeof(*p->file_at));
	p->plain_at = malloc((n + 1ULL) * sizeof(*p->plain_at));
	p->packed = malloc(BC_LZ4_MAP_BLOCK + 8);
	p->blocks = bc_lz4_block_decoder_new(p->map->header, p->map->header_len);
	if (!p->file_at || !p->plain_at || !p->packed || !p->blocks)
		return bc_err_set(err, -ENOMEM, "no memory for an index");
	return place_blocks(p) ? 0 : bc_err_set(err, -EBADMSG, "the index is damaged: its blocks do not add up");
}

int bc_plain_blob_open(struct bc_blob *file, const struct bc_lz4_map *map, uint64_t plain_bytes, struct bc_blob **ret, struct bc_err *err)
{
	struct plain *p = calloc(1, sizeof(*p));
	int r = 0;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for an index");
	p->blob = (struct bc_blob){ .ops = &plain_ops, .bytes = plain_bytes, .gap = file->gap, .run = file->run };
	p->file = file;
	p->map = map;
	p->held = UINT32_MAX;
	p->buf = malloc(map ? BC_LZ4_MAP_BLOCK : SKIP);
	if (!p->buf)
		r = bc_err_set(err, -ENOMEM, "no memory for an index");
	if (!r && map)
		r = init_map(p, err);
	if (r)
		plain_close(&p->blob);
	else
		*ret = &p->blob;
	return r;
}

uint64_t bc_plain_blob_taken(const struct bc_blob *b)
{
	const struct plain *p = (const struct plain *)b;

	return p->taken + (p->decoder ? bc_decoder_offset(p->decoder) : 0);
}
