/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_find_input.h"
#include "bc_depot.h"

#define BATCH_PACKETS 4096U
/* So many packets are looked at for a batch that has any, and between two looks at whether it is all over. */
#define ROUND_PACKETS 8192U

struct bc_find_stream {
	const char *path;
	struct bc_find_shared *shared;
	struct bc_find_input *in;
	uint64_t bytes;			/* of the file */
	uint64_t told_bytes, done_bytes;	/* in the shared numbers */
	bool planned;			/* its index says what is read */
	uint64_t given, skip;		/* packets that were wanted; those that are not to be given again */
	uint32_t n_ifaces;
	const struct bc_find_iface **iface;	/* by the file's numbers */
	struct bc_find_batch beside;	/* what stands beside packets, before the next one that is wanted */
	bool beside_lost;		/* of that, some was left out */
	bool over;
};

void bc_find_batch_free(struct bc_find_batch *b)
{
	free(b->packet);
	free(b->bytes);
	*b = (struct bc_find_batch){ .n = 0 };
}

static int make_room(struct bc_find_batch *b, uint32_t len)
{
	if (b->n == b->packet_cap) {
		uint32_t cap = b->packet_cap ? 4 * b->packet_cap : 64;
		struct bc_find_packet *grown = realloc(b->packet, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		b->packet = grown;
		b->packet_cap = cap;
	}
	if (b->byte_cap - b->len < len) {
		uint32_t cap = 2 * b->byte_cap > b->len + len ? 2 * b->byte_cap : b->len + len;
		uint8_t *grown = realloc(b->bytes, cap);

		if (!grown)
			return -ENOMEM;
		b->bytes = grown;
		b->byte_cap = cap;
	}
	return 0;
}

/* Behind what is in b; p says how long data and options are. */
static int put(struct bc_find_batch *b, const struct bc_find_packet *p, const uint8_t *data, const uint8_t *options)
{
	int r = make_room(b, p->caplen + p->opt_len);

	if (r)
		return r;
	b->packet[b->n] = *p;
	b->packet[b->n++].at = b->len;
	memcpy(b->bytes + b->len, data, p->caplen);
	if (p->opt_len && options)
		memcpy(b->bytes + b->len + p->caplen, options, p->opt_len);
	b->len += p->caplen + p->opt_len;
	return 0;
}

/* It waits for a packet that is wanted. */
static void keep(void *ctx, const struct bc_record *rec)
{
	const struct bc_find_packet p = { .keep = rec->keep, .caplen = rec->kept_len };
	struct bc_find_stream *s = ctx;
	bool fits = s->beside.n < BC_CARRY_MAX && rec->kept_len <= BC_CARRY_BYTES_MAX - s->beside.len;

	if ((!fits || put(&s->beside, &p, rec->kept, NULL)) && !s->beside_lost) {
		s->beside_lost = true;
		bc_log(s->shared->log, BC_WARN, "%s: too much stands beside its packets: some secrets, names or comments are left out", s->path);
	}
}

/* What waits goes before the packet, with its time. */
static int put_beside(struct bc_find_stream *s, struct bc_find_batch *b, uint64_t ts_ns)
{
	struct bc_find_batch *k = &s->beside;
	int r = 0;

	for (uint32_t i = 0; !r && i < k->n; i++) {
		k->packet[i].ts_ns = ts_ns;
		r = put(b, &k->packet[i], k->bytes + k->packet[i].at, NULL);
	}
	k->n = k->len = 0;
	return r;
}

static int put_packet(struct bc_find_stream *s, struct bc_find_batch *b, const struct bc_record *rec)
{
	const struct bc_find_packet p = {
		.ts_ns = rec->ts_ns, .dropcount = rec->dropcount, .iface = s->iface[rec->iface], .caplen = rec->caplen, .wirelen = rec->wirelen,
		.opt_len = rec->kept_len,
	};
	int r = put_beside(s, b, rec->ts_ns);

	return r ? r : put(b, &p, rec->data, rec->kept);
}

/* Is it no fault of what is in the file? Then reading it in another way would not help. */
static bool is_of_store(const struct bc_find_stream *s, int code)
{
	return bc_depot_is_name(s->path) && code != -EBADMSG && code != -ENODATA;
}

/* Ask the index what to read. 0, or a negative errno: the file cannot be read at all. */
static int plan(struct bc_find_stream *s, struct bc_err *err)
{
	struct bc_find_shared *h = s->shared;
	struct bc_find_plan p;
	int r;

	if (h->no_index)
		return 0;
	r = bc_find_input_plan(s->in, h->ifaces, h->from_ns, h->to_ns, &p, err);
	if (r && is_of_store(s, r))
		return r;
	if (r) {
		atomic_fetch_add_explicit(&h->bad_index, 1, memory_order_relaxed);
		bc_log(h->log, BC_WARN, "%s: all of it is read", err->msg);
	}
	s->planned = p.way != BC_FIND_WHOLE;
	atomic_fetch_add_explicit(&h->way[p.way], 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->rows, p.rows, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->rows_wanted, p.rows_wanted, memory_order_relaxed);
	return 0;
}

void bc_find_stream_free(struct bc_find_stream *s)
{
	if (!s)
		return;
	bc_find_input_close(s->in);
	bc_find_batch_free(&s->beside);
	free(s->iface);
	free(s);
}

static int open_input(struct bc_find_stream *s, struct bc_err *err)
{
	int r = bc_find_input_open(s->shared->depot, s->path, BC_FIND_WINDOW, &s->in, err);

	if (!r)
		bc_find_input_keep(s->in, keep, s);
	return r;
}

int bc_find_stream_new(const char *path, uint64_t bytes, struct bc_find_shared *shared, struct bc_find_stream **ret, struct bc_err *err)
{
	struct bc_find_stream *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "%s: no memory", path);
	s->path = path;
	s->bytes = bytes;
	s->shared = shared;
	r = open_input(s, err);
	if (!r)
		r = plan(s, err);
	if (r) {
		bc_find_stream_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

/* What its index said was wrong: read all of it, without what was given. 0, or a negative errno. */
static int read_whole(struct bc_find_stream *s, struct bc_err *err)
{
	struct bc_find_shared *h = s->shared;

	atomic_fetch_add_explicit(&h->bad_index, 1, memory_order_relaxed);
	bc_log(h->log, BC_WARN, "%s: all of the file is read", err->msg);
	bc_find_input_close(s->in);
	s->in = NULL;
	free(s->iface);
	s->iface = NULL;
	s->n_ifaces = 0;
	s->planned = false;
	s->skip = s->given;
	s->given = 0;
	s->told_bytes = 0;
	s->beside.n = s->beside.len = 0;
	return open_input(s, err);
}

static int learn_ifaces(struct bc_find_stream *s, struct bc_err *err)
{
	uint32_t n = bc_find_input_ifaces(s->in);
	const struct bc_find_iface **grown = realloc(s->iface, n * sizeof(*grown));

	if (!grown)
		return bc_err_set(err, -ENOMEM, "no memory for interfaces");
	s->iface = grown;
	for (; s->n_ifaces < n; s->n_ifaces++) {
		int r = bc_find_ifaces_add(s->shared->ifaces, bc_find_input_iface(s->in, s->n_ifaces), bc_find_nth_alike(s->in, s->n_ifaces),
					   &s->iface[s->n_ifaces], err);

		if (r)
			return r;
		if (s->iface[s->n_ifaces]->unfit)
			atomic_fetch_add_explicit(&s->shared->unfit, 1, memory_order_relaxed);
	}
	return 0;
}

static bool is_wanted(const struct bc_find_stream *s, const struct bc_record *rec)
{
	const struct bc_find_iface *iface = s->iface[rec->iface];

	if (rec->ts_ns < s->shared->from_ns || rec->ts_ns >= s->shared->to_ns || iface->unfit)
		return false;
	return bc_filter_match_bytes(iface->filter, rec->data, rec->caplen, rec->wirelen);
}

/* A packet that was read: into b, if it is wanted. 1, or a negative errno. */
static int take(struct bc_find_stream *s, struct bc_find_batch *b, const struct bc_record *rec, struct bc_err *err)
{
	int r = rec->iface < s->n_ifaces ? 0 : learn_ifaces(s, err);

	if (!r && is_wanted(s, rec)) {
		/* What was given before had its secrets and places. */
		if (s->given++ < s->skip)
			s->beside.n = s->beside.len = 0;
		else if (put_packet(s, b, rec))
			r = bc_err_set(err, -ENOMEM, "no memory for packets");
	}
	return r ? bc_err_prefix(err, r, "%s", s->path) : 1;
}

/* Look at a round of packets: 1: more may follow; 0: the end; or a negative errno. */
static int read_round(struct bc_find_stream *s, struct bc_find_batch *b, uint32_t max_bytes, struct bc_err *err)
{
	struct bc_record rec;
	uint32_t n = 0;
	int r = 1;

	while (r > 0 && n < ROUND_PACKETS && b->n < BATCH_PACKETS && b->len < max_bytes) {
		r = bc_find_input_next(s->in, &rec, err);
		if (r <= 0)
			break;
		n++;
		r = take(s, b, &rec, err);
	}
	atomic_fetch_add_explicit(&s->shared->read_packets, n, memory_order_relaxed);
	return r;
}

static void tell_bytes(struct bc_find_stream *s, bool over)
{
	uint64_t taken = s->in ? bc_find_input_taken(s->in) : s->told_bytes, done = s->done_bytes;

	atomic_fetch_add_explicit(&s->shared->read_bytes, taken - s->told_bytes, memory_order_relaxed);
	s->told_bytes = taken;
	if (over || taken > done)
		s->done_bytes = over || taken > s->bytes ? s->bytes : taken;
	if (s->done_bytes > done)
		atomic_fetch_add_explicit(&s->shared->done_bytes, s->done_bytes - done, memory_order_relaxed);
}

bool bc_find_stream_fill(struct bc_find_stream *s, struct bc_find_batch *b, uint32_t max_bytes)
{
	struct bc_err err = { "" };
	int r = 1;

	b->n = 0;
	b->len = 0;
	while (r > 0 && !s->over && !b->n) {
		r = atomic_load_explicit(&s->shared->stop, memory_order_relaxed) ? 0 : read_round(s, b, max_bytes, &err);
		if (r < 0 && s->planned && r != -ENOMEM && !is_of_store(s, r) && !(r = read_whole(s, &err)))
			r = 1;
		tell_bytes(s, r <= 0);
	}
	if (r < 0 && r != -ECANCELED) {
		atomic_fetch_add_explicit(&s->shared->damaged, 1, memory_order_relaxed);
		bc_log(s->shared->log, BC_ERROR, "%s: everything before it is taken", err.msg);
	}
	s->over = s->over || r <= 0;
	return !s->over;
}
