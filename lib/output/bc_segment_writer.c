/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_segment_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_plural.h"
#include "bc_sealer.h"
#include "bc_segment_index.h"
#include "bc_time.h"

#define TEXT_MIN 4096

/* What has been written: of the segment, and what all segments were told of losses and of the inputs. */
struct content {
	bool begun;
	uint32_t ifaces;		/* described */
	uint64_t lost_told;
	uint32_t carried;		/* entries of what the inputs say, written at their place */
	struct bc_segment_info info;
};

struct bc_segment_writer {
	struct bc_segment_writer_config cfg;
	struct content now, mark;
	bool closed;			/* the end is in out */
	bool ended;			/* all of the segment is written */

	struct bc_lz4 *lz4;		/* for the segments' own bytes */
	struct bc_stream *stream;	/* NULL: a block codec */
	struct bc_sealer *sealer;	/* NULL: not encrypted */
	uint8_t *out;			/* what the stream codec or the sealer put out, and is not written yet */
	size_t out_len, out_cap;
	uint8_t *text;			/* the segments' own bytes, plain; text_cap of them */
	size_t text_cap;
	uint8_t *coded;			/* and as blocks */
};

static int to_out(void *ctx, const uint8_t *data, size_t len)
{
	struct bc_segment_writer *w = ctx;

	if (w->out_cap - w->out_len < len) {
		size_t cap = (w->out_len + len) * 2;
		uint8_t *p = realloc(w->out, cap);

		if (!p)
			return -ENOMEM;
		w->out = p;
		w->out_cap = cap;
	}
	memcpy(w->out + w->out_len, data, len);
	w->out_len += len;
	return 0;
}

/* Of the stream codec. */
static int to_file(void *ctx, const uint8_t *data, size_t len)
{
	struct bc_segment_writer *w = ctx;

	return w->sealer ? bc_sealer_put(w->sealer, data, len) : to_out(w, data, len);
}

/* Make room for plain bytes of the segment's own, and for the blocks they become. */
static int reserve_text(struct bc_segment_writer *w, size_t len)
{
	uint8_t *text, *coded;

	if (len <= w->text_cap)
		return 0;
	text = realloc(w->text, len);
	if (text)
		w->text = text;
	coded = realloc(w->coded, len + (len / 4096 + 2) * (BC_LZ4_BLOCK_OVERHEAD + BC_LZ4_HEADER_MAX) + BC_INDEX_FOOTER_FRAMED);
	if (coded)
		w->coded = coded;
	if (!text || !coded)
		return -ENOMEM;
	w->text_cap = len;
	return 0;
}

/* len bytes of text into coded, behind the at bytes that are there; returns the new end. */
static size_t encode_text(struct bc_segment_writer *w, size_t len, size_t at)
{
	bool stored;

	if (w->cfg.codec == BC_CODEC_NONE) {
		memcpy(w->coded + at, w->text, len);
		return at + len;
	}
	for (size_t done = 0; done < len;) {
		size_t n = len - done < w->cfg.block_max ? len - done : w->cfg.block_max;

		at += bc_lz4_block(w->lz4, w->text + done, n, w->coded + at, 1, &stored);
		done += n;
	}
	return at;
}

static int write_bytes(struct bc_segment_writer *w, const uint8_t *data, size_t len)
{
	if (w->sealer)
		return bc_sealer_put(w->sealer, data, len);
	return len ? w->cfg.write(w->cfg.write_ctx, data, len, false) : 0;
}

static int write_out(struct bc_segment_writer *w, bool end)
{
	/* What is held is given once more as it is: it is never encrypted again. */
	int r = w->out_len || end ? w->cfg.write(w->cfg.write_ctx, w->out, w->out_len, end) : 0;

	if (!r)
		w->out_len = 0;
	return r;
}

static const char *filter_of(const struct bc_segment_writer *w)
{
	return w->cfg.filter ? w->cfg.filter(w->cfg.filter_ctx) : NULL;
}

static int write_begin(struct bc_segment_writer *w, size_t len)
{
	size_t at = 0;
	int r;

	w->out_len = 0;
	r = w->sealer ? bc_sealer_begin(w->sealer) : 0;
	if (r)
		return r;
	if (w->stream) {
		r = bc_stream_begin(w->stream);
		return r ? r : bc_stream_feed(w->stream, w->text, len);
	}
	if (w->cfg.codec == BC_CODEC_LZ4)
		at = bc_lz4_header(w->coded, w->cfg.block_max);
	at = encode_text(w, len, at);
	r = write_bytes(w, w->coded, at);
	if (!r)
		bc_segment_index_begin(w->cfg.index, w->coded, at, len);
	return r;
}

int bc_segment_writer_begin(struct bc_segment_writer *w, uint64_t begin_ns, int32_t linktype)
{
	struct bc_section *s = &w->cfg.section;
	const uint32_t ifaces = bc_iface_count(s->ifaces), carried = bc_carry_count(s->carry), here = w->now.carried;
	const char *filter = filter_of(w);
	size_t len, blocks;
	int r;

	s->linktype = linktype;
	s->n_carried = carried;
	len = bc_section_begin(s, ifaces, filter, NULL, 0);
	blocks = bc_section_carried(s, 0, carried, here, NULL, 0);
	r = reserve_text(w, len + blocks);
	if (r)
		return r;
	len = bc_section_begin(s, ifaces, filter, w->text, len);
	len += bc_section_carried(s, 0, carried, here, w->text + len, blocks);
	r = write_begin(w, len);
	if (r)
		return r;
	w->now.begun = true;
	w->now.ifaces = ifaces;
	w->now.carried = carried;
	w->now.info = (struct bc_segment_info){ .begin_ns = begin_ns, .bytes = len };
	return 0;
}

bool bc_segment_writer_begun(const struct bc_segment_writer *w)
{
	return w->now.begun;
}

const struct bc_segment_info *bc_segment_writer_info(const struct bc_segment_writer *w)
{
	return &w->now.info;
}

static int insert_text(struct bc_segment_writer *w, size_t len)
{
	size_t bytes;
	int r;

	if (w->stream)
		return bc_stream_feed(w->stream, w->text, len);
	bytes = encode_text(w, len, 0);
	r = write_bytes(w, w->coded, bytes);
	if (!r)
		bc_segment_index_own(w->cfg.index, w->coded, bytes, len);
	return r;
}

int bc_segment_writer_describe(struct bc_segment_writer *w, uint32_t n)
{
	const struct bc_section *s = &w->cfg.section;
	const char *filter;
	size_t len;
	int r;

	if (n <= w->now.ifaces)
		return 0;
	filter = filter_of(w);
	len = bc_section_more(s, w->now.ifaces, n, filter, NULL, 0);
	r = reserve_text(w, len);
	if (r || !len)
		return r;
	r = insert_text(w, bc_section_more(s, w->now.ifaces, n, filter, w->text, len));
	if (!r)
		w->now.ifaces = n;
	return r;
}

int bc_segment_writer_carry(struct bc_segment_writer *w)
{
	const struct bc_section *s = &w->cfg.section;
	const uint32_t from = w->now.carried, to = bc_carry_count(s->carry);
	size_t len;
	int r;

	if (to <= from)
		return 0;
	len = bc_section_carried(s, from, to, from, NULL, 0);
	r = reserve_text(w, len);
	if (!r && len)
		r = insert_text(w, bc_section_carried(s, from, to, from, w->text, len));
	if (!r)
		w->now.carried = to;
	return r;
}

int bc_segment_writer_tell_loss(struct bc_segment_writer *w, uint64_t lost, enum bc_loss loss, uint64_t ts_ns)
{
	const struct bc_section *s = &w->cfg.section;
	char note[128];
	size_t len;
	int r;

	if (lost == w->now.lost_told)
		return 0;
	len = bc_section_stats(s, w->now.ifaces, ts_ns, NULL, NULL, 0);
	r = reserve_text(w, len);
	if (!len)
		w->now.lost_told = lost;
	if (r || !len)
		return r;
	snprintf(note, sizeof(note), "%" PRIu64 " %s lost here: %s", lost - w->now.lost_told,
		 bc_plural(lost - w->now.lost_told, "packet was", "packets were"), bc_loss_name(loss));
	r = insert_text(w, bc_section_stats(s, w->now.ifaces, ts_ns, note, w->text, len));
	if (!r)
		w->now.lost_told = lost;
	return r;
}

int bc_segment_writer_tell_step(struct bc_segment_writer *w, int64_t stepped_ns, uint64_t ts_ns)
{
	const struct bc_section *s = &w->cfg.section;
	size_t len = bc_section_stats(s, w->now.ifaces, ts_ns, NULL, NULL, 0);
	char note[128];
	int r = reserve_text(w, len);

	if (r || !len)
		return r;
	snprintf(note, sizeof(note), "the system clock was stepped by %+.3f s here", (double)stepped_ns / (double)BC_NS_PER_S);
	return insert_text(w, bc_section_stats(s, w->now.ifaces, ts_ns, note, w->text, len));
}

int bc_segment_writer_insert(struct bc_segment_writer *w, const uint8_t *items, size_t len)
{
	int r = reserve_text(w, len);

	if (r)
		return r;
	memcpy(w->text, items, len);
	return insert_text(w, len);
}

uint64_t bc_segment_writer_lost_told(const struct bc_segment_writer *w)
{
	return w->now.lost_told;
}

int bc_segment_writer_chunk(struct bc_segment_writer *w, struct bc_chunk *k, uint64_t packets)
{
	struct bc_segment_info *info = &w->now.info;
	int r;

	if (!w->stream)
		r = write_bytes(w, k->data, k->len);
	else
		r = k->len ? bc_stream_feed(w->stream, k->data, k->len) : 0;
	if (r)
		return r;
	if (packets && !info->packets)
		info->first_ns = k->first_ns;
	if (packets)
		info->last_ns = k->last_ns;
	info->packets += packets;
	info->bytes += k->dense;
	bc_segment_index_chunk(w->cfg.index, k, packets);
	return 0;
}

int bc_segment_writer_push(struct bc_segment_writer *w)
{
	return write_out(w, false);
}

/* Padding up to the edge of a block, or one block more. */
static int pad(struct bc_segment_writer *w, bool more)
{
	size_t len = 0;
	int r = w->stream ? bc_stream_flush(w->stream) : 0;

	if (!r)
		r = bc_sealer_pad(w->sealer, more, &len);
	if (!r)
		bc_segment_index_padding(w->cfg.index, len);
	return r;
}

int bc_segment_writer_flush(struct bc_segment_writer *w)
{
	int r;

	if (w->sealer) {
		r = write_out(w, false);
		r = r ? r : pad(w, false);
		r = r ? r : bc_sealer_flush(w->sealer);
	} else {
		r = w->stream ? bc_stream_flush(w->stream) : 0;
	}
	return r ? r : write_out(w, false);
}

size_t bc_segment_writer_end_so_far(struct bc_segment_writer *w, uint8_t dst[BC_SEGMENT_END_MAX])
{
	return w->sealer && !w->out_len ? bc_sealer_end_so_far(w->sealer, dst) : 0;
}

bool bc_segment_writer_holds(const struct bc_segment_writer *w)
{
	return w->out_len > 0;
}

int bc_segment_writer_raw(struct bc_segment_writer *w, const uint8_t *data, size_t len)
{
	int r = w->out_len ? -ENOSPC : bc_sealer_put(w->sealer, data, len);

	return r ? r : write_out(w, false);
}

/* The statistics into text; 0 where the format has none, or there is no memory for them. */
static size_t stats_text(struct bc_segment_writer *w)
{
	size_t len = bc_section_stats(&w->cfg.section, w->now.ifaces, bc_utc_ns(), NULL, NULL, 0);

	if (!len || reserve_text(w, len))
		return 0;
	return bc_section_stats(&w->cfg.section, w->now.ifaces, bc_utc_ns(), NULL, w->text, len);
}

/* A block codec's last bytes into coded. */
static size_t encode_end(struct bc_segment_writer *w)
{
	size_t at = encode_text(w, stats_text(w), 0);

	at += bc_segment_index_footer(w->cfg.index, at, &w->now.info, w->coded + at);
	if (w->cfg.codec == BC_CODEC_LZ4) {
		bc_lz4_end(w->coded + at);
		at += BC_LZ4_END_SIZE;
	}
	return at;
}

static int end_stream(struct bc_segment_writer *w)
{
	size_t stats = stats_text(w);
	int r = stats ? bc_stream_feed(w->stream, w->text, stats) : 0;

	return r ? r : bc_stream_end(w->stream);
}

static int end_sealed(struct bc_segment_writer *w)
{
	size_t at = 0;
	int r;

	if (w->stream) {
		r = end_stream(w);
	} else {
		at = encode_end(w);
		r = at ? bc_sealer_put(w->sealer, w->coded, at) : bc_sealer_pad_least(w->sealer);
	}
	return r ? r : bc_sealer_end(w->sealer);
}

static int end_held(struct bc_segment_writer *w)
{
	int r = 0;

	if (!w->closed)
		r = w->sealer ? end_sealed(w) : end_stream(w);
	w->closed = !r;
	r = r ? r : write_out(w, true);
	w->ended = !r && !w->stream;
	return r;
}

int bc_segment_writer_end(struct bc_segment_writer *w)
{
	size_t at;
	int r = 0;

	if (w->sealer && !w->closed && bc_sealer_must_go_on(w->sealer)) {
		r = pad(w, true);
		/* The index waits for nothing that is held. */
		if (!r)
			write_out(w, false);
	}
	if (!r && w->now.info.packets)
		bc_segment_index_end(w->cfg.index);
	if (r || w->stream || w->sealer)
		return r ? r : end_held(w);
	at = encode_end(w);
	r = w->cfg.write(w->cfg.write_ctx, w->coded, at, true);
	w->ended = !r;
	return r;
}

bool bc_segment_writer_closed(const struct bc_segment_writer *w)
{
	return w->closed;
}

void bc_segment_writer_over(struct bc_segment_writer *w)
{
	bc_segment_index_over(w->cfg.index, &w->now.info, w->ended);
	w->now = w->mark = (struct content){ .lost_told = w->now.lost_told, .carried = w->now.carried };
	w->closed = w->ended = false;
	w->out_len = 0;
}

void bc_segment_writer_mark(struct bc_segment_writer *w)
{
	w->mark = w->now;
}

void bc_segment_writer_cut(struct bc_segment_writer *w)
{
	w->now = w->mark;
	bc_segment_index_drop(w->cfg.index);
}

int bc_segment_writer_new(const struct bc_segment_writer_config *cfg, struct bc_segment_writer **ret,
			  struct bc_err *err)
{
	struct bc_segment_writer *w = calloc(1, sizeof(*w));
	int r = 0;

	if (!w)
		return bc_err_set(err, -ENOMEM, "no memory for the committer");
	w->cfg = *cfg;
	/* A format without a header still has a frame's beginning and end. */
	if (reserve_text(w, TEXT_MIN))
		r = bc_err_set(err, -ENOMEM, "no memory for the committer");
	else if (bc_codec_is_stream(cfg->codec))
		r = bc_stream_new(cfg->codec, cfg->level, cfg->stream_workers, to_file, w, &w->stream, err);
	else if (!(w->lz4 = bc_lz4_new(BC_LZ4_ANY)))
		r = bc_err_set(err, -ENOMEM, "no memory for the committer");
	/* It would be other bytes at each end so far; and what is encrypted is known to be as it was. */
	if (!r && cfg->encrypt && w->stream)
		bc_stream_unchecked(w->stream);
	if (!r && cfg->encrypt) {
		r = bc_sealer_new(cfg->encrypt, cfg->codec, to_out, w, cfg->padding, &w->sealer);
		if (r)
			bc_err_set(err, r, "%s", r == -ENOMEM ? "no memory for encryption" : "OpenSSL cannot encrypt for these recipients here");
	}
	if (r) {
		bc_segment_writer_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

void bc_segment_writer_free(struct bc_segment_writer *w)
{
	if (!w)
		return;
	bc_stream_free(w->stream);
	bc_sealer_free(w->sealer);
	bc_lz4_free(w->lz4);
	free(w->out);
	free(w->text);
	free(w->coded);
	free(w);
}
