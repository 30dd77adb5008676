/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_wire.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

#define MAGIC_NS 0xa1b23c4dU
#define MAGIC_US 0xa1b2c3d4U
#define RECORD_FRACTION 4U	/* in a packet's record */

bool bc_wire_link_is_ns(const uint8_t *message, size_t len)
{
	return len == BC_WIRE_HEADER + BC_PCAP_FILE_HEADER && message[0] == BC_WIRE_LINK &&
	       bc_get_le32(message + BC_WIRE_HEADER) == MAGIC_NS;
}

void bc_wire_to_us(uint8_t *message, size_t len)
{
	uint8_t *fraction = message + BC_WIRE_HEADER + RECORD_FRACTION;

	if (bc_wire_link_is_ns(message, len))
		bc_put_le32(message + BC_WIRE_HEADER, MAGIC_US);
	else if (message[0] == BC_WIRE_PACKET && len >= BC_WIRE_HEADER + BC_PCAP_RECORD_HEADER)
		bc_put_le32(fraction, bc_get_le32(fraction) / 1000);
}

struct bc_wire {
	uint32_t max_caplen;
	bool has_packets;		/* one was read */
	bool has_session;
	struct bc_wire_session session;
	struct bc_reader *reader;	/* of the link header in force; NULL before the first */
	uint32_t ifaces;
	bool pcapng;
	uint8_t *link;
	size_t link_len;
};

struct bc_wire *bc_wire_new(uint32_t max_caplen)
{
	struct bc_wire *w = calloc(1, sizeof(*w));

	if (w)
		w->max_caplen = max_caplen ? max_caplen : UINT32_MAX;
	return w;
}

void bc_wire_free(struct bc_wire *w)
{
	if (!w)
		return;
	bc_reader_free(w->reader);
	free(w->link);
	free(w);
}

/* All blocks of a link header: interfaces and what surrounds them. The number of interfaces, or a negative errno. */
static int parse_link(struct bc_reader *r, const uint8_t *payload, size_t len, struct bc_err *err)
{
	struct bc_record rec;
	int ifaces = 0;

	for (size_t at = 0; at < len;) {
		size_t consumed, need;
		int what = bc_reader_next(r, payload + at, len - at, &consumed, &need, &rec, err);

		if (what < 0)
			return bc_err_prefix(err, what, "link header");
		if (what == BC_READ_MORE)
			return bc_err_set(err, -EBADMSG, "link header: truncated within a block");
		if (what == BC_READ_RECORD)
			return bc_err_set(err, -EBADMSG, "link header: it contains a packet");
		ifaces += what == BC_READ_IFACE;
		at += consumed;
	}
	return ifaces ? ifaces : bc_err_set(err, -EBADMSG, "link header: it has no interface");
}

static int take_link(struct bc_wire *w, const uint8_t *payload, size_t len, struct bc_err *err)
{
	struct bc_reader *r;
	uint8_t *link;
	int n;

	if (w->reader && len == w->link_len && !memcmp(payload, w->link, len))
		return BC_WIRE_READ_SAME;
	r = bc_reader_new();
	link = malloc(len ? len : 1);
	n = r && link ? parse_link(r, payload, len, err) : bc_err_set(err, -ENOMEM, "no memory for a link header");
	if (n < 0) {
		bc_reader_free(r);
		free(link);
		return n;
	}
	memcpy(link, payload, len);
	bc_reader_free(w->reader);
	free(w->link);
	w->reader = r;
	w->ifaces = (uint32_t)n;
	w->link = link;
	w->link_len = len;
	w->pcapng = len >= 4 && bc_get_le32(link) == BC_PCAPNG_SHB;
	return BC_WIRE_READ_LINK;
}

/* The reader knows other blocks with packets too, which have no time or are obsolete. */
static bool is_epb(const uint8_t *payload, size_t len)
{
	uint32_t type = len >= 4 ? bc_get_le32(payload) : 0;

	return type == BC_PCAPNG_EPB || type == __builtin_bswap32(BC_PCAPNG_EPB);
}

static int take_packet(struct bc_wire *w, const uint8_t *payload, size_t len, struct bc_record *rec, struct bc_err *err)
{
	struct bc_record got;
	size_t consumed = 0, need;
	int what;

	if (!w->reader)
		return bc_err_set(err, -EBADMSG, "a packet came before the link header");
	if (!len || (w->pcapng && !is_epb(payload, len)))
		return bc_err_set(err, -EBADMSG, "a packet message contains no packet");
	what = bc_reader_next(w->reader, payload, len, &consumed, &need, &got, err);
	if (what < 0)
		return what;
	if (what != BC_READ_RECORD || consumed != len)
		return bc_err_set(err, -EBADMSG, "the lengths of a packet and its message differ");
	if (got.caplen > w->max_caplen)
		return bc_err_set(err, -EBADMSG, "a packet of %u bytes arrived, but the limit is %u", got.caplen,
				  w->max_caplen);
	*rec = got;
	return BC_WIRE_READ_PACKET;
}

static int take_session(struct bc_wire *w, const uint8_t *payload, size_t len, struct bc_err *err)
{
	if (BC_WIRE_HEADER + len != BC_WIRE_SESSION_MESSAGE)
		return bc_err_set(err, -EBADMSG, "a session message of %zu bytes, not %u", len,
				  BC_WIRE_SESSION_MESSAGE - BC_WIRE_HEADER);
	memcpy(w->session.node, payload, BC_WIRE_ID);
	w->session.epoch = bc_get_be64(payload + BC_WIRE_ID);
	w->session.first = bc_get_be64(payload + BC_WIRE_ID + 8);
	w->session.window = bc_get_be64(payload + BC_WIRE_ID + 16);
	w->has_session = true;
	return BC_WIRE_READ_SESSION;
}

/* A TLS client begins with a handshake record of version 3. */
static int unknown_type(const uint8_t *buf, struct bc_err *err)
{
	if (buf[0] == 22 && buf[1] == 3)
		return bc_err_set(err, -EBADMSG, "it speaks TLS, which is not set up here");
	if (buf[0] == BC_WIRE_SESSION)
		return bc_err_set(err, -EBADMSG, "a session message came behind a packet or another one");
	return bc_err_set(err, -EBADMSG, "unknown message type %u", buf[0]);
}

static bool is_known(const struct bc_wire *w, uint8_t type)
{
	return type <= BC_WIRE_PACKET || (type == BC_WIRE_SESSION && !w->has_packets && !w->has_session);
}

int bc_wire_next(struct bc_wire *w, const uint8_t *buf, size_t len, size_t *consumed, size_t *need, struct bc_record *rec,
		 struct bc_err *err)
{
	size_t total = bc_wire_length(buf, len);
	int r;

	if (total && !is_known(w, buf[0]))
		return unknown_type(buf, err);
	if (!total || len < total) {
		*consumed = 0;
		*need = total ? total : BC_WIRE_HEADER;
		return BC_WIRE_READ_MORE;
	}
	if (buf[0] == BC_WIRE_LINK)
		r = take_link(w, buf + BC_WIRE_HEADER, total - BC_WIRE_HEADER, err);
	else if (buf[0] == BC_WIRE_SESSION)
		r = take_session(w, buf + BC_WIRE_HEADER, total - BC_WIRE_HEADER, err);
	else
		r = take_packet(w, buf + BC_WIRE_HEADER, total - BC_WIRE_HEADER, rec, err);
	if (r < 0)
		return r;
	w->has_packets |= r == BC_WIRE_READ_PACKET;
	*consumed = total;
	return r;
}

const struct bc_wire_session *bc_wire_session(const struct bc_wire *w)
{
	return w->has_session ? &w->session : NULL;
}

uint32_t bc_wire_ifaces(const struct bc_wire *w)
{
	return w->ifaces;
}

const struct bc_iface *bc_wire_iface(const struct bc_wire *w, uint32_t i)
{
	return bc_reader_iface(w->reader, i);
}

bool bc_wire_is_pcapng(const struct bc_wire *w)
{
	return w->pcapng;
}

const uint8_t *bc_wire_link(const struct bc_wire *w, size_t *len)
{
	*len = w->link_len;
	return w->link;
}

static const uint8_t hello_magic[4] = { 'B', 'C', 'A', '1' };

void bc_wire_put_hello(uint8_t *dst, const struct bc_wire_hello *h)
{
	dst = bc_wire_header(dst, BC_WIRE_HELLO, BC_WIRE_HELLO_MESSAGE - BC_WIRE_HEADER);
	memcpy(dst, hello_magic, sizeof(hello_magic));
	dst = bc_put_be32(dst + sizeof(hello_magic), h->flags);
	memcpy(dst, h->collector, BC_WIRE_ID);
}

void bc_wire_put_session(uint8_t *dst, const struct bc_wire_session *s)
{
	dst = bc_wire_header(dst, BC_WIRE_SESSION, BC_WIRE_SESSION_MESSAGE - BC_WIRE_HEADER);
	memcpy(dst, s->node, BC_WIRE_ID);
	dst = bc_put_be64(dst + BC_WIRE_ID, s->epoch);
	dst = bc_put_be64(dst, s->first);
	bc_put_be64(dst, s->window);
}

void bc_wire_put_ack(uint8_t *dst, const struct bc_wire_ack *a)
{
	dst = bc_wire_header(dst, BC_WIRE_ACK, BC_WIRE_ACK_MESSAGE - BC_WIRE_HEADER);
	dst = bc_put_be64(dst, a->epoch);
	bc_put_be64(dst, a->next);
}

static int not_an_answer(const uint8_t *buf, struct bc_err *err)
{
	return bc_err_set(err, -EBADMSG, "it sends what is no answer (%02x%02x%02x%02x)", buf[0], buf[1], buf[2], buf[3]);
}

static bool is_answer(uint8_t type, size_t total)
{
	return (type == BC_WIRE_HELLO && total == BC_WIRE_HELLO_MESSAGE) ||
	       (type == BC_WIRE_ACK && total == BC_WIRE_ACK_MESSAGE);
}

int bc_wire_answer(const uint8_t *buf, size_t len, size_t *consumed, struct bc_wire_answer *ret, struct bc_err *err)
{
	size_t total = bc_wire_length(buf, len);
	const uint8_t *payload = buf + BC_WIRE_HEADER;

	if (!total)
		return 0;
	if (!is_answer(buf[0], total))
		return not_an_answer(buf, err);
	if (len < total)
		return 0;
	if (buf[0] == BC_WIRE_HELLO && memcmp(payload, hello_magic, sizeof(hello_magic)))
		return not_an_answer(payload, err);
	*ret = (struct bc_wire_answer){ .type = buf[0] };
	if (buf[0] == BC_WIRE_HELLO) {
		ret->hello.flags = bc_get_be32(payload + sizeof(hello_magic));
		memcpy(ret->hello.collector, payload + sizeof(hello_magic) + 4, BC_WIRE_ID);
	} else {
		ret->ack = (struct bc_wire_ack){ .epoch = bc_get_be64(payload), .next = bc_get_be64(payload + 8) };
	}
	*consumed = total;
	return 1;
}
