/* SPDX-License-Identifier: BSD-3-Clause */
/* A part is read: its blocks and templates at once, its rows page by page. Everything is checked before it is given out. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "bc_bytes.h"
#include "bc_index.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

struct bc_index_reader {
	struct bc_index_part part;
	uint32_t codec;
	const uint8_t *bytes;
	size_t len;
	struct bc_index_block *block;
	struct bc_index_template *tmpl;
	uint32_t n_blocks, n_templates;
	uint64_t n_rows;
	struct bc_index_piece *page;	/* those of rows */
	uint32_t n_pages;
	uint8_t *plain;			/* of a piece */
};

/* Columns of a page that is unpacked. */
struct columns {
	const uint8_t *at[ROW_COLUMNS], *end[ROW_COLUMNS];
	bool bad;
};

static int bad(struct bc_err *err, const char *what)
{
	return bc_err_set(err, -EBADMSG, "the index is damaged: %s", what);
}

static int unpack(const struct bc_index_piece *k, uint8_t *plain, struct bc_err *err)
{
	if (k->packing == BC_PACKING_STORED)
		memcpy(plain, k->body, k->plain_len);
	else if (ZSTD_decompress(plain, k->plain_len, k->body, k->body_len) != k->plain_len)
		return bad(err, "a piece cannot be unpacked");
	return 0;
}

static bool split(const uint8_t *plain, uint32_t len, uint32_t n, struct columns *ret)
{
	uint32_t at = 4 * n;

	ret->bad = false;
	if (len < at)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t bytes = bc_get_le32(plain + 4 * i);

		if (bytes > len - at)
			return false;
		ret->at[i] = plain + at;
		ret->end[i] = plain + at + bytes;
		at += bytes;
	}
	return at == len;
}

/* 0 where the column has ended; bad tells. */
static uint64_t number(struct columns *c, uint32_t column)
{
	uint64_t v = 0;

	if (!bc_take_varint(&c->at[column], c->end[column], &v))
		c->bad = true;
	return v;
}

static uint32_t number32(struct columns *c, uint32_t column)
{
	uint64_t v = number(c, column);

	c->bad |= v > UINT32_MAX;
	return (uint32_t)v;
}

/* NULL where the column has ended. */
static const uint8_t *bytes_of(struct columns *c, uint32_t column, uint32_t n)
{
	const uint8_t *p = c->at[column];

	if ((size_t)(c->end[column] - p) < n) {
		c->bad = true;
		return NULL;
	}
	c->at[column] += n;
	return p;
}

static bool take_blocks(struct bc_index_reader *r, const struct bc_index_piece *k)
{
	uint64_t file_at = r->n_blocks ? r->block[r->n_blocks - 1].file_at + r->block[r->n_blocks - 1].file_len : r->part.blocks_at;
	uint64_t plain_at = r->n_blocks ? r->block[r->n_blocks - 1].plain_at + r->block[r->n_blocks - 1].plain_len : r->part.plain_at;
	uint64_t min_ns = 0;
	struct columns c;

	if (k->items > r->part.n_blocks - r->n_blocks || !split(r->plain, k->plain_len, BLOCK_COLUMNS, &c))
		return false;
	for (uint32_t i = 0; i < k->items; i++) {
		struct bc_index_block *b = &r->block[r->n_blocks++];

		*b = (struct bc_index_block){ .file_at = file_at, .plain_at = plain_at };
		b->file_len = number32(&c, BLOCK_FILE_LEN);
		b->plain_len = number32(&c, BLOCK_PLAIN_LEN);
		b->packets = number32(&c, BLOCK_PACKETS);
		b->flags = number32(&c, BLOCK_FLAGS);
		file_at += b->file_len;
		plain_at += b->plain_len;
		if (!b->packets)
			continue;
		min_ns += (uint64_t)bc_unzigzag(number(&c, BLOCK_MIN));
		b->min_ns = min_ns;
		b->max_ns = min_ns + number(&c, BLOCK_SPAN);
		if (b->max_ns < b->min_ns)
			return false;
		/* Earlier versions of this program went on from the piece before: what they wrote is as good as damaged. */
		if (!(b->flags & BC_INDEX_BLOCK_NO_TIME) && (b->min_ns < r->part.min_ns || b->max_ns > r->part.max_ns))
			return false;
	}
	return !c.bad;
}

static bool template_is_possible(const struct bc_index_template *t)
{
	const uint32_t len = t->len;

	if (len > BC_TUPLE_MAX || (t->addr_len != 0 && t->addr_len != 4 && t->addr_len != 16))
		return false;
	for (int i = 0; i < 2 && t->addr_len; i++)
		if (t->addr_at[i] + (uint32_t)t->addr_len > len)
			return false;
	return (!t->port_at || t->port_at + 4U <= len) && (!t->flags_at || t->flags_at < len);
}

static bool take_templates(struct bc_index_reader *r, const struct bc_index_piece *k)
{
	const uint8_t *p = r->plain, *end = p + k->plain_len;

	if (k->items > r->part.n_templates - r->n_templates)
		return false;
	for (uint32_t i = 0; i < k->items; i++) {
		struct bc_index_template *t = &r->tmpl[r->n_templates++];

		if (end - p < (ptrdiff_t)BC_TEMPLATE_FIXED)
			return false;
		*t = (struct bc_index_template){
			.linktype = (uint16_t)(p[0] | p[1] << 8), .len = p[2], .addr_len = p[3], .addr_at = { p[4], p[5] },
			.port_at = p[6], .flags_at = p[7], .proto = p[8],
		};
		p += BC_TEMPLATE_FIXED;
		if (!template_is_possible(t) || end - p < 2 * t->len)
			return false;
		memcpy(t->mask, p, t->len);
		memcpy(t->value, p + t->len, t->len);
		p += 2 * t->len;
	}
	return p == end;
}

static int take_piece(struct bc_index_reader *r, const struct bc_index_piece *k, struct bc_err *err)
{
	int rc = 0;

	if (k->kind == BC_INDEX_ROWS) {
		r->page[r->n_pages++] = *k;
		r->n_rows += k->items;
		return k->items <= BC_INDEX_ROWS_MAX ? 0 : bad(err, "a page has too many rows");
	}
	rc = unpack(k, r->plain, err);
	if (rc)
		return rc;
	if (k->kind == BC_INDEX_BLOCKS)
		return take_blocks(r, k) ? 0 : bad(err, "its blocks do not add up");
	if (k->kind == BC_INDEX_TEMPLATES)
		return take_templates(r, k) ? 0 : bad(err, "its templates do not add up");
	return bad(err, "a piece of a part is of an unknown kind");
}

static int take_pieces(struct bc_index_reader *r, struct bc_err *err)
{
	size_t at = 0;

	for (uint32_t i = 0; i < r->part.n_pieces; i++) {
		struct bc_index_piece k;
		int rc = at <= r->len ? bc_index_piece_open(r->bytes + at, r->len - at, &k, err) : bad(err, "a part ends too early");

		if (!rc)
			rc = take_piece(r, &k, err);
		if (rc)
			return rc;
		at += k.total + bc_index_gap(r->codec);
	}
	return r->n_blocks == r->part.n_blocks && r->n_templates == r->part.n_templates && r->n_rows == r->part.n_rows ?
	       0 : bad(err, "a part has not what the directory says");
}

/* The blocks lie where the directory says, before the part. */
static int check_blocks(const struct bc_index_reader *r, struct bc_err *err)
{
	const struct bc_index_block *last = r->n_blocks ? &r->block[r->n_blocks - 1] : NULL;
	const uint64_t bytes = last ? last->file_at + last->file_len - r->part.blocks_at : 0;

	if (r->part.at < r->part.blocks_at || bytes > r->part.at - r->part.blocks_at)
		return bad(err, "its blocks are not in the file");
	return 0;
}

int bc_index_part_open(const struct bc_index_part *part, uint32_t codec, const uint8_t *bytes, size_t len,
		       struct bc_index_reader **ret, struct bc_err *err)
{
	struct bc_index_reader *r;
	int rc;

	if (part->n_blocks > BC_INDEX_BLOCKS_MAX || part->n_templates > BC_INDEX_TEMPLATES_MAX || len < bc_index_part_bytes(part, codec) ||
	    part->n_pieces > len / BC_INDEX_PIECE_OVERHEAD)
		return bad(err, "a part is not possible");
	r = calloc(1, sizeof(*r));
	if (!r)
		return bc_err_set(err, -ENOMEM, "no memory for an index");
	r->part = *part;
	r->codec = codec;
	r->bytes = bytes;
	r->len = len;
	r->block = calloc(part->n_blocks + 1ULL, sizeof(*r->block));
	r->tmpl = calloc(part->n_templates + 1ULL, sizeof(*r->tmpl));
	r->page = calloc(part->n_pieces + 1ULL, sizeof(*r->page));
	r->plain = malloc(BC_INDEX_PLAIN_MAX);
	rc = r->block && r->tmpl && r->page && r->plain ? take_pieces(r, err) : bc_err_set(err, -ENOMEM, "no memory for an index");
	if (!rc)
		rc = check_blocks(r, err);
	if (rc) {
		bc_index_part_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void bc_index_part_close(struct bc_index_reader *r)
{
	if (!r)
		return;
	free(r->block);
	free(r->tmpl);
	free(r->page);
	free(r->plain);
	free(r);
}

const struct bc_index_block *bc_index_blocks(const struct bc_index_reader *r)
{
	return r->block;
}

const struct bc_index_template *bc_index_templates(const struct bc_index_reader *r)
{
	return r->tmpl;
}

uint32_t bc_index_pages(const struct bc_index_reader *r)
{
	return r->n_pages;
}

/* As many bytes as are the same come from the row before, the rest from the column. */
static void take_address(struct columns *c, uint32_t same_column, const uint8_t *before, uint8_t addr_len, uint8_t *ret)
{
	const uint8_t *same = bytes_of(c, same_column, 1), *rest;

	if (!same || *same > addr_len) {
		c->bad = true;
		return;
	}
	rest = bytes_of(c, same_column + 1, addr_len - *same);
	if (!rest)
		return;
	memcpy(ret, before, *same);
	memcpy(ret + *same, rest, addr_len - *same);
}

/* Where its runs are, and that they are blocks of the part, ascending. Returns its first and last block. */
static bool take_runs(const struct bc_index_reader *r, struct columns *c, const uint8_t *plain, struct bc_index_row *row,
		      uint32_t *ret_first, uint32_t *ret_last)
{
	uint64_t block = 0;

	row->n_runs = number32(c, ROW_RUNS);
	row->runs_at = (uint32_t)(c->at[ROW_RUN_BYTES] - plain);
	if (!row->n_runs)
		return false;
	for (uint32_t i = 0; i < row->n_runs && !c->bad; i++) {
		block += number32(c, ROW_RUN_BYTES);
		if (!i)
			*ret_first = (uint32_t)block;
		block += number32(c, ROW_RUN_BYTES);
		*ret_last = (uint32_t)block++;
		if (block > r->n_blocks)
			return false;
	}
	return !c->bad;
}

static bool fits(const struct bc_index_reader *r, uint32_t from, uint8_t addr_len)
{
	return !from || (from <= r->n_templates && r->tmpl[from - 1].addr_len == addr_len);
}

static bool take_row(const struct bc_index_reader *r, struct columns *c, uint8_t addr_len, const struct bc_index_row *before,
		     const uint8_t *plain, struct bc_index_row *row)
{
	uint32_t first = 0, last = 0;
	const uint8_t *p;

	*row = (struct bc_index_row){ .addr_len = addr_len };
	row->from_low = number32(c, ROW_FROM_LOW);
	row->from_high = number32(c, ROW_FROM_HIGH);
	if (!fits(r, row->from_low, addr_len) || !fits(r, row->from_high, addr_len))
		return false;
	take_address(c, ROW_LOW_SAME, before->low, addr_len, row->low);
	take_address(c, ROW_HIGH_SAME, before->high, addr_len, row->high);
	p = bytes_of(c, ROW_LOW_PORT, 2);
	row->low_port = p ? bc_get_be16(p) : 0;
	p = bytes_of(c, ROW_HIGH_PORT, 2);
	row->high_port = p ? bc_get_be16(p) : 0;
	row->packets = number(c, ROW_PACKETS);
	row->bytes = number(c, ROW_BYTES);
	p = bytes_of(c, ROW_FLAGS_OR, 1);
	row->flags_or = p ? *p : 0;
	p = bytes_of(c, ROW_FLAGS_AND, 1);
	row->flags_and = p ? *p : 0;
	if (!take_runs(r, c, plain, row, &first, &last))
		return false;
	row->first_ns = r->block[first].min_ns + (uint64_t)bc_unzigzag(number(c, ROW_FIRST)) * BC_INDEX_TIME_UNIT;
	row->last_ns = r->block[last].max_ns - (uint64_t)bc_unzigzag(number(c, ROW_LAST)) * BC_INDEX_TIME_UNIT;
	return !c->bad;
}

int bc_index_page(const struct bc_index_reader *r, uint32_t i, struct bc_index_page *ret, struct bc_err *err)
{
	static const struct bc_index_row none = { 0 };
	const struct bc_index_piece *k = &r->page[i];
	struct columns c;
	int rc = unpack(k, ret->plain, err);

	if (rc)
		return rc;
	if ((k->extra != 0 && k->extra != 4 && k->extra != 16) || !split(ret->plain, k->plain_len, ROW_COLUMNS, &c))
		return bad(err, "a page of rows has other columns");
	ret->n = k->items;
	ret->plain_len = k->plain_len;
	for (uint32_t n = 0; n < k->items; n++)
		if (!take_row(r, &c, k->extra, n ? &ret->row[n - 1] : &none, ret->plain, &ret->row[n]))
			return bad(err, "a row is not possible");
	return 0;
}

bool bc_index_page_may_hold(const struct bc_index_reader *r, uint32_t i, const uint8_t *addr, size_t addr_len)
{
	const struct bc_index_piece *k = &r->page[i];

	return !k->lead_len || bc_index_filter_has(k->lead, k->lead_len, bc_index_filter_hash(addr, addr_len));
}

void bc_index_run_begin(const struct bc_index_row *row, struct bc_index_run *run)
{
	*run = (struct bc_index_run){ .at = row->runs_at };
}

bool bc_index_run_next(const struct bc_index_page *page, uint32_t *left, struct bc_index_run *run)
{
	const uint8_t *p = page->plain + run->at, *end = page->plain + page->plain_len;
	uint64_t gap, more;

	if (!*left || !bc_take_varint(&p, end, &gap) || !bc_take_varint(&p, end, &more))
		return false;
	--*left;
	run->first += run->n + (uint32_t)gap;
	run->n = (uint32_t)more + 1;
	run->at = (uint32_t)(p - page->plain);
	return true;
}
