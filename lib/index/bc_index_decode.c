/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of any bytes, footer and directory. What a part is made of is in bc_index_part.c. */
#include <errno.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_index.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

static uint64_t get_le64(const uint8_t *p)
{
	return bc_get64(p, false);
}

static int bad(struct bc_err *err, const char *what)
{
	return bc_err_set(err, -EBADMSG, "the index is damaged: %s", what);
}

int bc_index_piece_open(const uint8_t *bytes, size_t len, struct bc_index_piece *ret, struct bc_err *err)
{
	struct bc_index_piece k;
	uint32_t total;

	if (len < BC_INDEX_PIECE_OVERHEAD || bc_get_le32(bytes) != BC_INDEX_BLOCK_TYPE)
		return bad(err, "a piece does not begin as one");
	total = bc_get_le32(bytes + 4);
	if (total < BC_INDEX_PIECE_OVERHEAD || total > BC_INDEX_PIECE_MAX || total % 4 || total > len)
		return bad(err, "a piece has an impossible length");
	if (bytes[8] != BC_INDEX_VERSION)
		return bc_err_set(err, -EBADMSG, "the index has version %u, this program knows %u", bytes[8], BC_INDEX_VERSION);
	k = (struct bc_index_piece){
		.kind = bytes[9], .packing = bytes[10], .extra = bytes[11], .total = total, .items = bc_get_le32(bytes + 24),
		.lead = bytes + BC_PIECE_HEAD, .lead_len = bc_get_le32(bytes + 12), .body_len = bc_get_le32(bytes + 16),
		.plain_len = bc_get_le32(bytes + 20),
	};
	if (k.lead_len > total - BC_INDEX_PIECE_OVERHEAD || k.body_len > total - BC_INDEX_PIECE_OVERHEAD - k.lead_len)
		return bad(err, "a piece is longer than its block");
	if (k.plain_len > BC_INDEX_PLAIN_MAX || k.packing > BC_PACKING_ZSTD ||
	    (k.packing == BC_PACKING_STORED && k.plain_len != k.body_len))
		return bad(err, "a piece is packed in an unknown way");
	k.body = k.lead + k.lead_len;
	if (get_le64(bytes + 32) != XXH64(k.lead, k.lead_len + k.body_len, XXH64(bytes + 8, BC_PIECE_HASHED, 0)))
		return bad(err, "the checksum of a piece is wrong");
	*ret = k;
	return 0;
}

static void get_footer(const uint8_t *p, struct bc_index_footer *ret)
{
	*ret = (struct bc_index_footer){
		.at = get_le64(p), .directory_at = get_le64(p + 8), .directory_bytes = bc_get_le32(p + 16),
		.n_parts = bc_get_le32(p + 20), .first_ns = get_le64(p + 24), .min_ns = get_le64(p + 32), .max_ns = get_le64(p + 40),
		.packets = get_le64(p + 48), .plain_bytes = get_le64(p + 56), .codec = bc_get_le32(p + 64),
	};
}

/* Bytes behind the footer: of an LZ4 file its block's checksum and the frame's end mark. */
static uint32_t behind(uint32_t codec)
{
	return codec ? 8 : 0;
}

static int try_footer(const uint8_t *tail, size_t len, uint64_t file_bytes, uint32_t codec, struct bc_index_footer *ret,
		      struct bc_err *err)
{
	struct bc_index_piece k;
	struct bc_index_footer f;
	const uint8_t *at;

	if (len < BC_INDEX_FOOTER_SIZE + behind(codec))
		return -ENODATA;
	at = tail + len - BC_INDEX_FOOTER_SIZE - behind(codec);
	if (bc_get_le32(at) != BC_INDEX_BLOCK_TYPE || bc_get_le32(at + 4) != BC_INDEX_FOOTER_SIZE)
		return -ENODATA;
	if (bc_index_piece_open(at, BC_INDEX_FOOTER_SIZE, &k, err))
		return -EBADMSG;
	if (k.kind != BC_INDEX_FOOTER || k.packing != BC_PACKING_STORED ||
	    k.body_len != BC_INDEX_FOOTER_SIZE - BC_INDEX_PIECE_OVERHEAD || memcmp(k.body, BC_FOOTER_MAGIC, BC_FOOTER_MAGIC_LEN))
		return bad(err, "its footer is none");
	get_footer(k.body + BC_FOOTER_MAGIC_LEN, &f);
	if (f.codec != codec || f.at != file_bytes - BC_INDEX_FOOTER_SIZE - behind(codec))
		return bc_err_set(err, -EBADMSG, "the index is of another file: this one was cut, or compressed anew");
	if (f.directory_at > f.at || f.directory_bytes > f.at - f.directory_at || f.directory_bytes < BC_INDEX_PIECE_OVERHEAD ||
	    f.n_parts > BC_INDEX_PARTS_MAX)
		return bad(err, "its directory is not in the file");
	*ret = f;
	return 0;
}

int bc_index_footer_find(const uint8_t *tail, size_t len, uint64_t file_bytes, struct bc_index_footer *ret, struct bc_err *err)
{
	int r = len <= file_bytes ? try_footer(tail, len, file_bytes, 0, ret, err) : -ENODATA;

	if (r == -ENODATA && len <= file_bytes)
		r = try_footer(tail, len, file_bytes, 1, ret, err);
	return r == -ENODATA ? bc_err_set(err, r, "there is no index in it") : r;
}

static void get_part(const uint8_t *p, struct bc_index_part *ret)
{
	*ret = (struct bc_index_part){
		.at = get_le64(p), .bytes = bc_get_le32(p + 8), .n_pieces = bc_get_le32(p + 12), .blocks_at = get_le64(p + 16),
		.plain_at = get_le64(p + 24), .min_ns = get_le64(p + 32), .max_ns = get_le64(p + 40), .packets = get_le64(p + 48),
		.n_blocks = bc_get_le32(p + 56), .n_templates = bc_get_le32(p + 60), .n_rows = bc_get_le32(p + 64),
		.n_unindexed = bc_get_le32(p + 68), .flags = bc_get_le32(p + 72), .filter_bytes = bc_get_le32(p + 76),
		.filter_at = get_le64(p + 80),
	};
}

/* Is [at, at + bytes) before end? */
static bool within(uint64_t at, uint64_t bytes, uint64_t end)
{
	return bytes <= end && at <= end - bytes;
}

/* A part is behind what it tells of, and behind the part before, which may lie among its blocks. */
static bool part_is_possible(const struct bc_index_footer *f, const struct bc_index_part *a, const struct bc_index_part *before)
{
	return (!before || (a->blocks_at >= before->blocks_at && a->at >= before->at + bc_index_part_bytes(before, f->codec))) &&
	       a->at >= a->blocks_at && within(a->at, bc_index_part_bytes(a, f->codec), f->directory_at) &&
	       a->n_pieces <= a->bytes / BC_INDEX_PIECE_OVERHEAD && a->n_blocks <= BC_INDEX_BLOCKS_MAX &&
	       a->n_unindexed <= a->n_blocks && a->n_templates <= BC_INDEX_TEMPLATES_MAX &&
	       (!a->filter_bytes || within(a->filter_at, a->filter_bytes, f->directory_at)) &&
	       (!a->filter_bytes || a->filter_bytes >= BC_INDEX_PIECE_OVERHEAD) && a->filter_bytes <= BC_INDEX_PIECE_MAX;
}

uint64_t bc_index_part_bytes(const struct bc_index_part *part, uint32_t codec)
{
	return part->n_pieces ? part->bytes + (part->n_pieces - 1ULL) * bc_index_gap(codec) : 0;
}

int bc_index_directory(const struct bc_index_footer *f, const uint8_t *bytes, size_t len, struct bc_index_part *ret,
		       struct bc_err *err)
{
	struct bc_index_piece k;
	int r = bc_index_piece_open(bytes, len, &k, err);

	if (r)
		return r;
	if (k.kind != BC_INDEX_DIRECTORY || k.packing != BC_PACKING_STORED || k.items != f->n_parts ||
	    k.body_len != f->n_parts * BC_DIRECTORY_ENTRY)
		return bad(err, "its directory is none");
	for (uint32_t i = 0; i < f->n_parts; i++) {
		get_part(k.body + i * BC_DIRECTORY_ENTRY, &ret[i]);
		if (!part_is_possible(f, &ret[i], i ? &ret[i - 1] : NULL))
			return bad(err, "a part is not in the file");
	}
	return 0;
}

bool bc_index_filter_may_hold(const struct bc_index_piece *filter, const uint8_t *addr, size_t addr_len)
{
	return filter->kind != BC_INDEX_FILTER || filter->packing != BC_PACKING_STORED ||
	       bc_index_filter_has(filter->body, filter->body_len, bc_index_filter_hash(addr, addr_len));
}

void bc_index_pattern_of(const struct bc_index_template *t, struct bc_index_pattern *ret)
{
	ret->linktype = t->linktype;
	ret->len = t->len;
	memcpy(ret->value, t->value, t->len);
	memcpy(ret->mask, t->mask, t->len);
}

static void put(struct bc_index_pattern *p, uint32_t at, const void *bytes, uint32_t n)
{
	memcpy(p->value + at, bytes, n);
	memset(p->mask + at, 0xff, n);
}

void bc_index_pattern(const struct bc_index_template *t, const struct bc_index_row *row, bool from_high,
		      struct bc_index_pattern *ret)
{
	const uint16_t from = from_high ? row->high_port : row->low_port, to = from_high ? row->low_port : row->high_port;
	uint8_t ports[4];

	bc_index_pattern_of(t, ret);
	if (t->addr_len) {
		put(ret, t->addr_at[0], from_high ? row->high : row->low, t->addr_len);
		put(ret, t->addr_at[1], from_high ? row->low : row->high, t->addr_len);
	}
	if (t->port_at) {
		bc_put_be16(bc_put_be16(ports, from), to);
		put(ret, t->port_at, ports, 4);
	}
	if (t->flags_at) {
		ret->mask[t->flags_at] = (uint8_t)(~row->flags_or | row->flags_and);
		ret->value[t->flags_at] = row->flags_and;
	}
}
