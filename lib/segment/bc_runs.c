/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_runs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_reader.h"

#define WINDOW (1024U * 1024)
#define SLACK 32U	/* bytes that may be read behind a packet */

/* What may share a run. */
enum kind { KIND_NONE, KIND_PACKET, KIND_BESIDE, KIND_INDEX };

struct item {
	int is;			/* enum bc_read, or a negative errno */
	enum kind kind;
	size_t len;
	struct bc_record rec;
};

struct bc_runs {
	struct bc_decoder *decoder;
	struct bc_reader *reader;
	uint8_t *buf;			/* [begin, end) are decoded and not given out */
	size_t cap, begin, end;
	uint64_t offset;		/* of begin in the decoded file */
	bool eof;
	int failed;			/* a negative errno: what is decoded is all there is */
	struct bc_err why;
	struct item next;		/* read, and not in a run yet */
	bool has_next;
	bool introduced;		/* the next record is the first of its interface */
	struct bc_flow_packets *packet;
	uint32_t n_packets, cap_packets;
};

void bc_runs_free(struct bc_runs *r)
{
	if (!r)
		return;
	bc_decoder_close(r->decoder);
	bc_reader_free(r->reader);
	free(r->buf);
	free(r->packet);
	free(r);
}

int bc_runs_new(struct bc_decoder *decoder, bool erf, struct bc_runs **ret)
{
	struct bc_runs *r = calloc(1, sizeof(*r));

	if (!r) {
		bc_decoder_close(decoder);
		return -ENOMEM;
	}
	r->decoder = decoder;
	r->reader = erf ? bc_reader_new_erf() : bc_reader_new();
	r->cap = WINDOW;
	r->buf = malloc(WINDOW + SLACK);
	if (!r->reader || !r->buf) {
		bc_runs_free(r);
		return -ENOMEM;
	}
	*ret = r;
	return 0;
}

static int damaged(const struct bc_runs *r, const char *what, struct bc_err *err)
{
	if (!r->offset && !bc_reader_is_known(r->reader))
		return bc_err_set(err, -ENOTSUP, "it is no capture file");
	return bc_err_set(err, -EBADMSG, "it is damaged: at offset %" PRIu64 "%s: %s", r->offset,
			  bc_decoder_codec(r->decoder) == BC_CODEC_NONE ? "" : " of the decompressed data", what);
}

/* At least need bytes from begin on, and as many as there is room for, or all to the end. */
static int fill(struct bc_runs *r, size_t need, struct bc_err *err)
{
	memmove(r->buf, r->buf + r->begin, r->end - r->begin);
	r->end -= r->begin;
	r->begin = 0;
	if (need > r->cap) {
		uint8_t *grown = realloc(r->buf, need + SLACK);

		if (!grown)
			return bc_err_set(err, -ENOMEM, "no memory for a packet");
		r->buf = grown;
		r->cap = need;
	}
	while (!r->eof && !r->failed && r->end < r->cap) {
		ptrdiff_t n = bc_decoder_read(r->decoder, r->buf + r->end, r->cap - r->end, &r->why);

		r->failed = n < 0 ? (int)n : 0;
		r->eof = n == 0;
		r->end += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int add_packet(struct bc_runs *r, const struct bc_record *rec)
{
	const uint16_t linktype = bc_reader_iface(r->reader, rec->iface)->linktype;
	uint32_t len = bc_tuple_bytes(linktype, rec->data, rec->caplen);

	if (r->n_packets == r->cap_packets) {
		uint32_t cap = r->cap_packets ? 2 * r->cap_packets : 4096;
		struct bc_flow_packets *grown = realloc(r->packet, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		r->packet = grown;
		r->cap_packets = cap;
	}
	r->packet[r->n_packets++] = (struct bc_flow_packets){
		.data = rec->data, .first_ns = rec->ts_ns, .last_ns = rec->ts_ns, .bytes = rec->wirelen, .packets = 1, .blocks = 1,
		.linktype = linktype, .shape = bc_tuple_shape_of(linktype, rec->data, rec->caplen), .len = (uint8_t)len,
		.cut = len < rec->caplen,
	};
	return 0;
}

static enum kind kind_of(int item, const uint8_t *p, size_t len)
{
	struct bc_index_piece piece;

	if (item == BC_READ_RECORD)
		return KIND_PACKET;
	return item == BC_READ_SKIP && !bc_index_piece_open(p, len, &piece, NULL) && piece.total == len ? KIND_INDEX : KIND_BESIDE;
}

/* The next item behind len bytes of a run. 1; 0: *need more bytes from the run's begin on; or a negative errno. */
static int parse(struct bc_runs *r, size_t len, size_t *need, struct bc_err *err)
{
	const uint8_t *p = r->buf + r->begin + len;
	struct item *k = &r->next;
	struct bc_err why;

	k->is = bc_reader_next(r->reader, p, r->end - r->begin - len, &k->len, need, &k->rec, &why);
	if (k->is == -EBADMSG)
		return damaged(r, why.msg, err);
	if (k->is < 0)
		return bc_err_set(err, k->is, "%s", why.msg);
	if (k->is == BC_READ_MORE)
		return 0;
	/* ERF introduces the interface of a record with an item of no bytes. */
	r->introduced |= !k->len;
	r->has_next = k->len > 0;
	k->kind = kind_of(k->is, p, k->len);
	return 1;
}

static bool fits(const struct bc_run *run, enum kind have, const struct item *k)
{
	return have == KIND_NONE || (have == k->kind && k->kind != KIND_INDEX && run->len + k->len <= BC_RUNS_BYTES);
}

static int take(struct bc_runs *r, struct bc_run *run)
{
	const struct item *k = &r->next;
	int e = k->kind == KIND_PACKET ? add_packet(r, &k->rec) : 0;

	run->beside |= k->kind == KIND_BESIDE || r->introduced;
	run->index |= k->kind == KIND_INDEX;
	run->clamped |= k->kind == KIND_PACKET && k->rec.clamped && k->rec.ts_ns;
	run->len += k->len;
	r->introduced = false;
	r->has_next = false;
	return e;
}

/* There is no whole item for an empty run. 1: there may be now; 0: the file has ended; or a negative errno. */
static int more(struct bc_runs *r, size_t need, struct bc_err *err)
{
	int e;

	if (r->failed == -EBADMSG || r->failed == -ENODATA)
		return damaged(r, r->why.msg, err);
	if (r->failed)
		return bc_err_set(err, r->failed, "%s", r->why.msg);
	if (r->eof && r->begin == r->end)
		return 0;
	if (r->eof)
		return damaged(r, "the file ends inside a record", err);
	e = fill(r, need, err);
	return e ? e : 1;
}

int bc_runs_next(struct bc_runs *r, struct bc_run *ret, struct bc_err *err)
{
	struct bc_run run = { .len = 0 };
	enum kind have = KIND_NONE;
	size_t need = 0;
	int e = 1;

	r->n_packets = 0;
	while (e > 0) {
		e = r->has_next ? 1 : parse(r, run.len, &need, err);
		if (!e && !run.len)
			e = more(r, need, err);
		if (e <= 0 || !r->has_next)
			continue;
		if (!fits(&run, have, &r->next))
			break;
		have = r->next.kind;
		if (take(r, &run))
			e = bc_err_set(err, -ENOMEM, "no memory for packets");
	}
	if (e < 0 || !run.len)
		return e;
	run.bytes = r->buf + r->begin;
	run.packet = r->packet;
	run.n_packets = r->n_packets;
	r->begin += run.len;
	r->offset += run.len;
	*ret = run;
	return 1;
}

enum bc_codec bc_runs_codec(const struct bc_runs *r)
{
	return bc_decoder_codec(r->decoder);
}
