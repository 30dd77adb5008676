/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_subject.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>
#include <zstd.h>

#include "bc_bytes.h"
#include "bc_index_piece.h"
#include "bc_index_priv.h"

#define MAGIC "braidcap beside\n"
#define MAGIC_LEN 16U
#define BODY (BC_SUBJECT_SIZE - BC_INDEX_PIECE_OVERHEAD)

static int bad(struct bc_err *err, const char *what)
{
	return bc_err_set(err, -EBADMSG, "the index is damaged: %s", what);
}

bool bc_index_beside_is_name(const char *path)
{
	const size_t len = strlen(path), ext = sizeof(BC_INDEX_BESIDE_EXT) - 1;

	return len > ext && !strcmp(path + len - ext, BC_INDEX_BESIDE_EXT);
}

uint64_t bc_subject_edge(const uint8_t *p, size_t len)
{
	return XXH64(p, len, 0);
}

uint64_t bc_subject_object(const char *etag)
{
	const uint64_t h = XXH64(etag, strlen(etag), 0);

	return h ? h : 1;
}

void bc_subject_put(uint8_t dst[BC_SUBJECT_SIZE], const struct bc_subject *s)
{
	uint8_t plain[BODY] = { 0 }, bytes[2 * BC_SUBJECT_SIZE], *p = plain;
	struct bc_index_bytes b = { .p = bytes, .cap = sizeof(bytes) };

	memcpy(p, MAGIC, MAGIC_LEN);
	p = bc_put_le64(p + MAGIC_LEN, s->bytes);
	p = bc_put_le64(p, s->mtime_ns);
	p = bc_put_le64(p, s->begin);
	p = bc_put_le64(p, s->end);
	p = bc_put_le64(p, s->plain_bytes);
	p = bc_put_le32(p, s->way);
	p = bc_put_le32(p, s->n_blocks);
	p = bc_put_le32(p, s->n_pieces);
	p = bc_put_le32(p, s->piece_bytes);
	*p++ = s->header_len;
	memcpy(p, s->header, BC_SUBJECT_HEADER_MAX);
	bc_put_le64(p + BC_SUBJECT_HEADER_MAX, s->object);
	bc_index_put_piece(&b, NULL, &(struct bc_page){ .kind = BC_INDEX_SUBJECT, .items = 1, .plain = plain, .plain_len = sizeof(plain) });
	memcpy(dst, bytes, BC_SUBJECT_SIZE);
}

static void take(const uint8_t *p, struct bc_subject *ret)
{
	*ret = (struct bc_subject){
		.bytes = bc_get64(p, false), .mtime_ns = bc_get64(p + 8, false), .begin = bc_get64(p + 16, false),
		.end = bc_get64(p + 24, false), .plain_bytes = bc_get64(p + 32, false), .way = bc_get_le32(p + 40),
		.n_blocks = bc_get_le32(p + 44), .n_pieces = bc_get_le32(p + 48), .piece_bytes = bc_get_le32(p + 52),
		.header_len = p[56], .object = bc_get64(p + 57 + BC_SUBJECT_HEADER_MAX, false),
	};
	memcpy(ret->header, p + 57, BC_SUBJECT_HEADER_MAX);
}

static bool is_possible(const struct bc_subject *s)
{
	if (s->way > BC_SUBJECT_STREAM || s->header_len > BC_SUBJECT_HEADER_MAX || s->plain_bytes > INT64_MAX)
		return false;
	if (s->way == BC_SUBJECT_PLAIN && s->plain_bytes != s->bytes)
		return false;
	return s->n_blocks <= BC_SUBJECT_BLOCKS_MOST && s->piece_bytes <= BC_SUBJECT_FRAME_BYTES && s->n_pieces <= s->piece_bytes / BC_INDEX_PIECE_OVERHEAD &&
	       s->n_blocks <= s->n_pieces * (uint64_t)BC_SUBJECT_IN_PIECE;
}

int bc_subject_get(const uint8_t *bytes, size_t len, struct bc_subject *ret, struct bc_err *err)
{
	struct bc_index_piece k;
	struct bc_subject s;
	int r = bc_index_piece_open(bytes, len, &k, err);

	if (r)
		return r;
	if (k.kind != BC_INDEX_SUBJECT || k.packing != BC_PACKING_STORED || k.total != BC_SUBJECT_SIZE || k.body_len != BODY ||
	    memcmp(k.body, MAGIC, MAGIC_LEN))
		return bad(err, "it does not say of which file it is");
	take(k.body + MAGIC_LEN, &s);
	if (!is_possible(&s))
		return bad(err, "what it says of its file is not possible");
	*ret = s;
	return 0;
}

_Static_assert(BC_SUBJECT_IN_PIECE * 2 * 5 <= BC_INDEX_PLAIN_MAX, "a number of 32 bits has up to 5 bytes");

int bc_subject_put_blocks(struct bc_index_bytes *bytes, const struct bc_subject_block *block, uint32_t n)
{
	uint8_t *plain = malloc(BC_INDEX_PLAIN_MAX), *p = plain;
	struct bc_packer *packer = bc_packer_new();
	int r = -ENOMEM;

	for (uint32_t i = 0; plain && i < n; i++) {
		p = bc_put_varint(p, block[i].file_len);
		p = bc_put_varint(p, block[i].plain_len);
	}
	if (plain && packer)
		r = bc_index_put_piece(bytes, packer, &(struct bc_page){
			.kind = BC_INDEX_FRAME, .items = n, .plain = plain, .plain_len = (uint32_t)(p - plain),
		});
	bc_packer_free(packer);
	free(plain);
	return r;
}

/* The numbers of a piece; plain has room for BC_INDEX_PLAIN_MAX. */
static bool take_blocks(const struct bc_index_piece *k, uint8_t *plain, struct bc_subject_block *ret)
{
	const uint8_t *p = plain, *end = plain + k->plain_len;

	if (k->packing == BC_PACKING_STORED)
		memcpy(plain, k->body, k->plain_len);
	else if (ZSTD_decompress(plain, k->plain_len, k->body, k->body_len) != k->plain_len)
		return false;
	for (uint32_t i = 0; i < k->items; i++) {
		uint64_t file_len, plain_len;

		if (!bc_take_varint(&p, end, &file_len) || !bc_take_varint(&p, end, &plain_len) || file_len > UINT32_MAX || plain_len > UINT32_MAX)
			return false;
		ret[i] = (struct bc_subject_block){ (uint32_t)file_len, (uint32_t)plain_len };
	}
	return p == end;
}

int bc_subject_get_blocks(const struct bc_subject *s, const uint8_t *bytes, struct bc_subject_block *ret, struct bc_err *err)
{
	uint8_t *plain = malloc(BC_INDEX_PLAIN_MAX);
	uint32_t at = 0, n = 0;
	int r = plain ? 0 : bc_err_set(err, -ENOMEM, "no memory for an index");

	for (uint32_t i = 0; !r && i < s->n_pieces; i++) {
		struct bc_index_piece k;

		r = bc_index_piece_open(bytes + at, s->piece_bytes - at, &k, err);
		if (r)
			break;
		if (k.kind != BC_INDEX_FRAME || k.items > s->n_blocks - n || !take_blocks(&k, plain, ret + n))
			r = bad(err, "the blocks of its file do not add up");
		n += k.items;
		at += k.total;
	}
	free(plain);
	return r ? r : n == s->n_blocks && at == s->piece_bytes ? 0 : bad(err, "the blocks of its file do not add up");
}
