/* SPDX-License-Identifier: BSD-3-Clause */
/* An object as a blob: its end is read once, what is wanted is fetched ahead, and so is what follows a reader that goes on. */
#include "bc_depot_hour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_hour.h"

/* On their way for one object, and each one at the most. */
#define PIECES 16U
#define PIECES_BYTES (8U * 1024 * 1024)
#define PIECE (1024U * 1024)
/* Of a reader that goes on, the first one. */
#define STRIDE (128U * 1024)
/* What another request is worth, between these; the first, until it was measured. */
#define GAP (128U * 1024)
#define GAP_LEAST (16U * 1024)
#define GAP_MOST (1024U * 1024)

struct piece {
	struct bc_blob_range is;
	struct bc_fetch *fetch;
};

struct object {
	struct bc_blob blob;
	struct bc_depot *depot;
	struct bc_known known;
	uint8_t head[BC_SUBJECT_SIZE];	/* its first bytes, as far as a catalogue tells them */
	size_t head_len;
	struct bc_fetch *tail_fetch;	/* on its way */
	uint8_t *tail;			/* the bytes from tail_at on; NULL: not read yet */
	uint64_t tail_at;
	bool hearsay;			/* head and tail are a catalogue's */
	struct bc_blob_range *range;	/* what is wanted and was not asked for */
	uint32_t n_ranges, next_range;
	bool goes_on;			/* all from go_at on is wanted */
	uint64_t go_at;
	uint32_t stride, depth;		/* then: of a piece; how many */
	uint64_t expect;		/* where a reader that goes on reads next */
	struct piece piece[PIECES];	/* asked for, n of them from the first on */
	uint32_t first, n;
	uint64_t n_bytes;		/* of these */
};

static const char *etag_of(const struct object *o)
{
	return *o->known.etag ? o->known.etag : NULL;
}

static int no_memory(const struct object *o, struct bc_err *err)
{
	return bc_err_set(err, -ENOMEM, "no memory to read an object");
}

/* Is it the answer to what was asked for? */
static int check(const struct object *o, const struct bc_fetched *got, uint64_t at, size_t len, struct bc_err *err)
{
	if (got->from == at && got->len == len && got->size == o->known.bytes)
		return 0;
	return bc_err_set(err, -ESTALE, "the object has changed while it was read");
}

static bool must_wait(const struct object *o, const struct bc_fetch *t)
{
	return o->blob.hurried && !bc_fetch_is_done(t);
}

static int read_tail(struct object *o, struct bc_err *err)
{
	const size_t len = (size_t)(o->known.bytes - o->tail_at);
	struct bc_fetched got;
	int r;

	o->tail = malloc(len);
	if (!o->tail)
		return no_memory(o, err);
	if (!o->tail_fetch && bc_depot_tail_get(o->depot, &o->known, o->tail, len) == len)
		return 0;
	if (!o->tail_fetch)
		o->tail_fetch = bc_fetch_start(bc_depot_fetcher(o->depot), &o->known.name, etag_of(o), o->tail_at, len, false);
	if (o->tail_fetch && must_wait(o, o->tail_fetch)) {
		free(o->tail);
		o->tail = NULL;
		return -EAGAIN;
	}
	r = o->tail_fetch ? bc_fetch_wait(o->tail_fetch, &got, err) : no_memory(o, err);
	if (!r)
		r = check(o, &got, o->tail_at, len, err);
	if (r) {
		free(o->tail);
		o->tail = NULL;
	} else {
		memcpy(o->tail, got.data, len);
		bc_depot_tail_put(o->depot, &o->known, o->tail, len);
	}
	bc_fetch_free(o->tail_fetch);
	o->tail_fetch = NULL;
	return r;
}

/* The next bytes to ask for, up to the tail. False: there are none. */
static bool next_piece(struct object *o, struct bc_blob_range *ret)
{
	while (o->next_range < o->n_ranges) {
		struct bc_blob_range *g = &o->range[o->next_range];

		if (g->at >= o->tail_at || !g->len) {
			o->next_range++;
			continue;
		}
		*ret = (struct bc_blob_range){ .at = g->at, .len = g->len < PIECE ? g->len : PIECE };
		if (ret->len > o->tail_at - ret->at)
			ret->len = (uint32_t)(o->tail_at - ret->at);
		g->at += ret->len;
		g->len -= ret->len;
		return true;
	}
	if (!o->goes_on || o->go_at >= o->tail_at)
		return false;
	*ret = (struct bc_blob_range){ .at = o->go_at, .len = o->stride };
	if (ret->len > o->tail_at - ret->at)
		ret->len = (uint32_t)(o->tail_at - ret->at);
	o->go_at += ret->len;
	return true;
}

static void ask(struct object *o)
{
	const uint32_t most = o->goes_on ? o->depth : PIECES;
	struct bc_blob_range next;

	while (o->n < most && o->n_bytes < PIECES_BYTES && next_piece(o, &next)) {
		struct piece *p = &o->piece[(o->first + o->n) % PIECES];

		*p = (struct piece){ .is = next };
		p->fetch = bc_fetch_start(bc_depot_fetcher(o->depot), &o->known.name, etag_of(o), next.at, next.len, false);
		o->n++;
		o->n_bytes += next.len;
	}
}

static void drop_first(struct object *o)
{
	struct piece *p = &o->piece[o->first];

	bc_fetch_free(p->fetch);
	o->n_bytes -= p->is.len;
	o->first = (o->first + 1) % PIECES;
	o->n--;
}

/* Nothing is wanted any more. */
static void forget(struct object *o)
{
	while (o->n)
		drop_first(o);
	free(o->range);
	o->range = NULL;
	o->n_ranges = o->next_range = 0;
	o->goes_on = false;
}

static void want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n)
{
	struct object *o = (struct object *)b;

	forget(o);
	o->range = n ? malloc(n * sizeof(*range)) : NULL;
	if (!o->range)
		return;
	memcpy(o->range, range, n * sizeof(*range));
	o->n_ranges = n;
	ask(o);
}

/* What is read was not wanted: the same, or what follows what was read. */
static void turn_to(struct object *o, uint64_t at, size_t len)
{
	if (at != o->expect) {
		want(&o->blob, &(struct bc_blob_range){ .at = at, .len = len < UINT32_MAX ? (uint32_t)len : UINT32_MAX }, 1);
		return;
	}
	forget(o);
	o->goes_on = true;
	o->go_at = at;
	o->stride = STRIDE;
	o->depth = 1;
	ask(o);
}

static bool covers(const struct object *o, uint64_t at)
{
	const struct bc_blob_range *g = &o->piece[o->first].is;

	return o->n && at >= g->at && at < g->at + g->len;
}

/* Up to the end of the first piece. */
static ptrdiff_t read_piece(struct object *o, uint8_t *to, size_t len, uint64_t at, struct bc_err *err)
{
	const struct piece *p = &o->piece[o->first];
	const uint64_t end = p->is.at + p->is.len;
	struct bc_fetched got;
	int r;

	if (p->fetch && must_wait(o, p->fetch))
		return -EAGAIN;
	r = p->fetch ? bc_fetch_wait(p->fetch, &got, err) : no_memory(o, err);

	if (!r)
		r = check(o, &got, p->is.at, p->is.len, err);
	if (r)
		return r;
	if (len > end - at)
		len = (size_t)(end - at);
	memcpy(to, got.data + (at - p->is.at), len);
	if (at + len == end) {
		drop_first(o);
		o->depth = 2 * o->depth < PIECES ? 2 * o->depth : PIECES;
		o->stride = 2 * o->stride < PIECE ? 2 * o->stride : PIECE;
		ask(o);
	}
	return (ptrdiff_t)len;
}

static ptrdiff_t read_some(struct object *o, uint8_t *to, size_t len, uint64_t at, struct bc_err *err)
{
	int r = 0;

	if (at >= o->tail_at) {
		r = o->tail ? 0 : read_tail(o, err);
		if (r)
			return r;
		memcpy(to, o->tail + (at - o->tail_at), len);
		return (ptrdiff_t)len;
	}
	if (at < o->head_len) {
		len = len < o->head_len - at ? len : o->head_len - (size_t)at;
		memcpy(to, o->head + at, len);
		return (ptrdiff_t)len;
	}
	if (!covers(o, at))
		turn_to(o, at, len);
	if (!covers(o, at))
		return no_memory(o, err);
	return read_piece(o, to, len, at, err);
}

static ptrdiff_t object_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	struct object *o = (struct object *)b;
	size_t done = 0;

	if (at >= b->bytes)
		return 0;
	if (len > b->bytes - at)
		len = (size_t)(b->bytes - at);
	while (done < len) {
		ptrdiff_t n = read_some(o, (uint8_t *)to + done, len - done, at + done, err);

		if (n == -EAGAIN && o->blob.hurried && done)
			break;
		if (n < 0)
			return n;
		done += (size_t)n;
		o->expect = at + done;
	}
	return (ptrdiff_t)done;
}

static void object_close(struct bc_blob *b)
{
	struct object *o = (struct object *)b;

	forget(o);
	bc_fetch_free(o->tail_fetch);
	free(o->tail);
	free(o);
}

static void doubt(struct bc_blob *b)
{
	struct object *o = (struct object *)b;

	if (!o->hearsay)
		return;
	forget(o);
	free(o->tail);
	o->tail = NULL;
	o->tail_at = o->known.bytes - bc_tail_len(&o->known);
	o->head_len = 0;
	o->hearsay = false;
}

static const struct bc_blob_ops ops = { .read = object_read, .want = want, .doubt = doubt, .close = object_close };

/* Of an object of which nothing is known, the end tells what it is. */
static int look(struct object *o, struct bc_err *err)
{
	struct bc_fetch *t = bc_fetch_start(bc_depot_fetcher(o->depot), &o->known.name, NULL, 0, BC_TAIL_MOST, true);
	struct bc_fetched got;
	int r = t ? bc_fetch_wait(t, &got, err) : no_memory(o, err);

	if (!r && (got.from > got.size || got.size - got.from != got.len))
		r = bc_err_set(err, -EBADMSG, "%s: the store does not send the object's end", o->known.name.key);
	if (!r) {
		o->known.bytes = got.size;
		memcpy(o->known.etag, got.etag, sizeof(o->known.etag));
		o->tail_at = got.from;
		o->tail = malloc(got.len + 1);
		if (o->tail)
			memcpy(o->tail, got.data, got.len);
		else
			r = no_memory(o, err);
	}
	bc_fetch_free(t);
	/* It is empty. */
	return r == -ERANGE ? 0 : r;
}

/* Its end, if a catalogue of its hour has it; that may be a shorter one, and has the first bytes of an index before it. */
static void take_from_hour(struct object *o)
{
	size_t len = 0;

	o->tail = o->tail_fetch ? NULL : bc_depot_hours_tail(bc_depot_hours(o->depot), &o->known, &len);
	if (!o->tail)
		return;
	o->head_len = bc_hour_head_len(o->known.name.key, o->known.bytes, len);
	memcpy(o->head, o->tail, o->head_len);
	memmove(o->tail, o->tail + o->head_len, len - o->head_len);
	o->tail_at = o->known.bytes - (len - o->head_len);
	o->hearsay = true;
}

int bc_depot_object_open(struct bc_depot *r, const struct bc_known *k, struct bc_fetch *tail, struct bc_blob **ret, struct bc_err *err)
{
	struct object *o = calloc(1, sizeof(*o));
	uint64_t gap = bc_fetcher_gap(bc_depot_fetcher(r));
	int e = 0;

	if (!o) {
		bc_fetch_free(tail);
		return bc_err_set(err, -ENOMEM, "no memory to read an object");
	}
	o->depot = r;
	o->known = *k;
	o->tail_fetch = tail;
	o->tail_at = k->bytes - bc_tail_len(k);
	if (*k->etag)
		take_from_hour(o);
	else
		e = look(o, err);
	if (e) {
		object_close(&o->blob);
		return e;
	}
	gap = !gap ? GAP : gap < GAP_LEAST ? GAP_LEAST : gap > GAP_MOST ? GAP_MOST : gap;
	o->blob = (struct bc_blob){ .ops = &ops, .bytes = o->known.bytes, .etag = etag_of(o), .gap = (uint32_t)gap, .run = PIECE };
	*ret = &o->blob;
	return 0;
}
