/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_extcap_relay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_filter.h"
#include "bc_reader.h"

struct bytes {
	uint8_t *data;
	size_t at, len, cap;	/* data[at] to data[len] are of use */
};

/* A link type of the stream, and the filter for it. */
struct kind {
	uint16_t linktype;
	struct bc_filter *filter;
};

struct bc_extcap_relay {
	const char *filter;
	struct bc_reader *reader;
	struct bytes in, out;
	struct kind *kind;
	unsigned n_kinds;
};

struct bc_extcap_relay *bc_extcap_relay_new(const char *filter)
{
	struct bc_extcap_relay *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->filter = filter;
	r->reader = bc_reader_new();
	if (r->reader)
		return r;
	free(r);
	return NULL;
}

void bc_extcap_relay_free(struct bc_extcap_relay *r)
{
	if (!r)
		return;
	bc_reader_free(r->reader);
	for (unsigned i = 0; i < r->n_kinds; i++)
		bc_filter_destroy(r->kind[i].filter);
	free(r->kind);
	free(r->in.data);
	free(r->out.data);
	free(r);
}

static int append(struct bytes *b, const uint8_t *data, size_t len, struct bc_err *err)
{
	uint8_t *p;

	if (b->at) {
		memmove(b->data, b->data + b->at, b->len - b->at);
		b->len -= b->at;
		b->at = 0;
	}
	if (b->cap - b->len < len) {
		p = realloc(b->data, (b->len + len) * 2);
		if (!p)
			return bc_err_set(err, -ENOMEM, "no memory");
		b->data = p;
		b->cap = (b->len + len) * 2;
	}
	memcpy(b->data + b->len, data, len);
	b->len += len;
	return 0;
}

/* The filter for a link type, which is compiled when the first packet of that type comes. */
static int find_filter(struct bc_extcap_relay *r, uint16_t linktype, const struct bc_filter **ret, struct bc_err *err)
{
	struct kind *k = r->kind;
	int e;

	for (unsigned i = 0; i < r->n_kinds; i++)
		if (k[i].linktype == linktype) {
			*ret = k[i].filter;
			return 0;
		}
	k = realloc(k, (r->n_kinds + 1) * sizeof(*k));
	if (!k)
		return bc_err_set(err, -ENOMEM, "no memory");
	r->kind = k;
	k += r->n_kinds;
	k->linktype = linktype;
	e = bc_filter_compile(r->filter, linktype, BC_FILTER_MAX_SNAPLEN, 0, &k->filter, err);
	if (e)
		return e;
	r->n_kinds++;
	*ret = k->filter;
	return 0;
}

/* 1: it is wanted, 0: it is not; or a negative errno. */
static int wanted(struct bc_extcap_relay *r, const struct bc_record *rec, struct bc_err *err)
{
	const struct bc_filter *f = NULL;
	int e;

	if (!r->filter)
		return 1;
	e = find_filter(r, bc_reader_iface(r->reader, rec->iface)->linktype, &f, err);
	return e ? e : bc_filter_match_bytes(f, rec->data, rec->caplen, rec->wirelen) != 0;
}

/* One item of what came in. 1: there was one; 0: more is needed; or a negative errno. */
static int take_item(struct bc_extcap_relay *r, struct bc_err *err)
{
	const uint8_t *data = r->in.data + r->in.at;
	struct bc_record rec;
	size_t consumed, need;
	int e = bc_reader_next(r->reader, data, r->in.len - r->in.at, &consumed, &need, &rec, err);

	if (e < 0)
		return bc_err_prefix(err, e, "what comes is no capture file");
	if (e == BC_READ_MORE)
		return 0;
	e = e == BC_READ_RECORD ? wanted(r, &rec, err) : 1;
	if (e > 0)
		e = append(&r->out, data, consumed, err);
	r->in.at += consumed;
	return e < 0 ? e : 1;
}

int bc_extcap_relay_put(struct bc_extcap_relay *r, const uint8_t *data, size_t len, struct bc_err *err)
{
	int e = append(&r->in, data, len, err);

	while (!e && r->in.at < r->in.len) {
		e = take_item(r, err);
		if (e <= 0)
			return e;
		e = 0;
	}
	return e;
}

const uint8_t *bc_extcap_relay_get(const struct bc_extcap_relay *r, size_t *ret_len)
{
	*ret_len = r->out.len - r->out.at;
	return r->out.data ? r->out.data + r->out.at : NULL;
}

void bc_extcap_relay_passed(struct bc_extcap_relay *r, size_t len)
{
	r->out.at += len;
}
