/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_segment_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_index_parts.h"
#include "bc_time.h"

#define LZ4_LENGTH 0x7fffffffU
#define LZ4_FRAME_HEADER 7U	/* what bc_lz4_header() makes */
#define AWAIT_NS (5 * BC_NS_PER_MS)
#define AWAIT_MAX_NS (2 * BC_NS_PER_S)

struct bc_segment_index {
	struct bc_segment_index_config cfg;
	bool open;			/* a segment is begun, and has an index so far */
	bool ended;			/* all but the footer is written */
	bool footer;			/* it was asked for */
	uint64_t file_at;		/* the file's end */
	uint64_t plain_at;
	uint64_t bytes;			/* of index */
	struct bc_index_parts parts;
	struct bc_index_footer end;	/* as far as it is known */
};

void bc_segment_index_drop(struct bc_segment_index *x)
{
	if (x)
		x->open = false;
}

/* How the writer's bytes are told: as the blocks that they are. */
static void tell_own(struct bc_segment_index *x, const uint8_t *data, size_t bytes, size_t len)
{
	bool lz4 = x->cfg.codec == BC_CODEC_LZ4;

	for (size_t at = 0; at < bytes && x->open;) {
		struct bc_index_block b = { .flags = BC_INDEX_BLOCK_META };

		b.file_len = lz4 ? (bc_get_le32(data + at) & LZ4_LENGTH) + BC_LZ4_BLOCK_OVERHEAD : (uint32_t)bytes;
		b.plain_len = lz4 && len > x->cfg.block_max ? x->cfg.block_max : (uint32_t)len;
		x->open = bc_indexer_block(x->cfg.indexer, &b);
		at += b.file_len;
		len -= b.plain_len;
		x->file_at += b.file_len;
		x->plain_at += b.plain_len;
	}
}

void bc_segment_index_begin(struct bc_segment_index *x, const uint8_t *data, size_t bytes, size_t len)
{
	uint32_t header;

	if (!x)
		return;
	header = x->cfg.codec == BC_CODEC_LZ4 ? LZ4_FRAME_HEADER : 0;
	bc_index_parts_clear(&x->parts);
	x->ended = x->footer = false;
	x->end = (struct bc_index_footer){ 0 };
	x->file_at = header;
	x->plain_at = x->bytes = 0;
	x->open = bc_indexer_begin(x->cfg.indexer, header);
	tell_own(x, data + header, bytes - header, len);
}

void bc_segment_index_own(struct bc_segment_index *x, const uint8_t *data, size_t bytes, size_t len)
{
	if (x && x->open && bytes)
		tell_own(x, data, bytes, len);
}

void bc_segment_index_padding(struct bc_segment_index *x, size_t bytes)
{
	const struct bc_index_block b = { .file_len = (uint32_t)bytes, .flags = BC_INDEX_BLOCK_PIECES };

	if (!x || !x->open || !bytes)
		return;
	if (!x->ended)
		x->open = bc_indexer_block(x->cfg.indexer, &b);
	x->file_at += bytes;
}

/* Slices first to last became one block of file_len bytes. */
static void tell_packets(struct bc_segment_index *x, struct bc_chunk *k, uint32_t first, uint32_t last, uint32_t file_len)
{
	struct bc_index_block b = { .file_len = file_len, .min_ns = UINT64_MAX };

	for (uint32_t i = first; i <= last; i++) {
		const struct bc_slice_seen *s = &k->seen[i];

		b.plain_len += k->slice[i].len;
		b.packets += s->packets;
		b.min_ns = s->min_ns < b.min_ns ? s->min_ns : b.min_ns;
		b.max_ns = s->max_ns > b.max_ns ? s->max_ns : b.max_ns;
	}
	x->open = bc_indexer_packets(x->cfg.indexer, k, first, last, &b);
	x->file_at += b.file_len;
	x->plain_at += b.plain_len;
}

void bc_segment_index_chunk(struct bc_segment_index *x, struct bc_chunk *k, uint64_t packets)
{
	const uint8_t *at = k->data;
	uint32_t block;

	if (!x || !x->open || !k->len)
		return;
	if (x->cfg.codec == BC_CODEC_NONE) {
		for (uint32_t i = 0; i < k->n_slices && x->open; i++)
			tell_packets(x, k, i, i, k->slice[i].len);
		return;
	}
	block = (bc_get_le32(at) & LZ4_LENGTH) + BC_LZ4_BLOCK_OVERHEAD;
	/* A chunk that was stored is one block, whatever its slices. */
	if (block == k->len) {
		tell_packets(x, k, 0, k->n_slices - 1, k->len);
		return;
	}
	for (uint32_t i = 0; i < k->n_slices && x->open; i++) {
		block = (bc_get_le32(at) & LZ4_LENGTH) + BC_LZ4_BLOCK_OVERHEAD;
		tell_packets(x, k, i, i, block);
		at += block;
	}
}

/* What the parts have put out. */
static void write_out(struct bc_segment_index *x)
{
	const struct bc_index_bytes *out = &x->parts.out;

	if (x->cfg.write(x->cfg.write_ctx, out->p, out->len)) {
		x->open = false;
		return;
	}
	x->file_at += out->len;
	x->bytes += out->len;
}

static void write_part(struct bc_segment_index *x, struct bc_indexer_part *a)
{
	if (x->open && !a->err && a->part.n_blocks) {
		x->open = !bc_index_parts_add(&x->parts, &a->part, &a->bytes, &a->filter, x->file_at);
		if (x->open)
			write_out(x);
	} else {
		x->open &= !a->err;
		free(a->filter.p);
	}
	free(a->bytes.p);
}

/* Its pieces lie among the blocks of the part that is being made. */
static void tell_pieces(struct bc_segment_index *x)
{
	const struct bc_index_block b = { .file_len = (uint32_t)x->parts.out.len, .flags = BC_INDEX_BLOCK_PIECES };

	if (x->open)
		x->open = bc_indexer_block(x->cfg.indexer, &b);
}

bool bc_segment_index_busy(const struct bc_segment_index *x)
{
	return x && bc_indexer_busy(x->cfg.indexer);
}

void bc_segment_index_poll(struct bc_segment_index *x)
{
	struct bc_indexer_part a;

	if (!x)
		return;
	bc_indexer_reclaim(x->cfg.indexer);
	while (x->open && !x->ended && bc_indexer_take(x->cfg.indexer, &a)) {
		write_part(x, &a);
		tell_pieces(x);
	}
}

/* All parts. False: there is no index. */
static bool finish_parts(struct bc_segment_index *x)
{
	uint64_t until_ns = bc_mono_ns() + AWAIT_MAX_NS;
	struct bc_indexer_part a;

	while (x->open) {
		if (bc_indexer_take(x->cfg.indexer, &a)) {
			write_part(x, &a);
			if (a.last)
				break;
			continue;
		}
		if (!x->cfg.patient(x->cfg.patient_ctx) ||
		    (!bc_indexer_waits(x->cfg.indexer) && bc_mono_ns() > until_ns))
			x->open = false;
		else
			bc_indexer_await(x->cfg.indexer, AWAIT_NS);
	}
	return x->open;
}

static void write_directory(struct bc_segment_index *x)
{
	x->open = !bc_index_parts_directory(&x->parts, x->file_at, &x->end);
	if (x->open)
		write_out(x);
}

void bc_segment_index_end(struct bc_segment_index *x)
{
	if (!x || !x->open || x->ended)
		return;
	x->open = bc_indexer_end(x->cfg.indexer);
	if (finish_parts(x))
		write_directory(x);
	x->ended = true;
}

size_t bc_segment_index_footer(struct bc_segment_index *x, size_t behind, const struct bc_segment_info *info,
			       uint8_t dst[BC_INDEX_FOOTER_FRAMED])
{
	if (!x || !x->open || !x->ended)
		return 0;
	x->end.first_ns = info->first_ns;
	x->end.packets = info->packets;
	x->end.plain_bytes = x->plain_at;
	x->footer = true;
	return bc_index_parts_footer(&x->parts, &x->end, x->file_at + behind, dst);
}

void bc_segment_index_over(struct bc_segment_index *x, const struct bc_segment_info *info, bool closed)
{
	struct bc_indexer_stats *s;

	if (!x)
		return;
	s = bc_indexer_stats(x->cfg.indexer);
	if (closed && x->open && x->footer) {
		bc_counter_add(&s->segments, 1);
		bc_counter_add(&s->bytes, x->bytes + BC_INDEX_FOOTER_SIZE);
	} else if (info->packets) {
		bc_counter_add(&s->dropped, info->packets);
	}
	x->open = false;
	bc_index_parts_clear(&x->parts);
}

int bc_segment_index_new(const struct bc_segment_index_config *cfg, struct bc_segment_index **ret, struct bc_err *err)
{
	struct bc_segment_index *x = calloc(1, sizeof(*x));

	if (!x)
		return bc_err_set(err, -ENOMEM, "no memory for the index");
	x->cfg = *cfg;
	x->parts.codec = cfg->codec == BC_CODEC_LZ4;
	*ret = x;
	return 0;
}

void bc_segment_index_free(struct bc_segment_index *x)
{
	if (!x)
		return;
	bc_index_parts_fini(&x->parts);
	free(x);
}
