/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * osmo-pcap's messages, as sent over TCP: a header of four bytes {type, spare, length in network byte order} and the
 * payload. A link header (type 0) carries a pcap file header, or the section and interface blocks of pcapng; each
 * packet (type 1) a pcap record, or one enhanced packet block. Types from 0x80 on are braidcap's own, by which a collector
 * acknowledges what it has on disk. docs/distributed.md has all of it in full.
 */
#ifndef BC_WIRE_H
#define BC_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_reader.h"

#define BC_WIRE_MAX_IFACES 1024U	/* that a link header has room for, if need be without their names */
#define BC_WIRE_HEADER 4U
#define BC_WIRE_PAYLOAD_MAX 65535U
#define BC_WIRE_MESSAGE_MAX (BC_WIRE_HEADER + BC_WIRE_PAYLOAD_MAX)

enum bc_wire_type {
	BC_WIRE_LINK,
	BC_WIRE_PACKET,
	BC_WIRE_HELLO = 0x80,	/* collector to node, the answer to a link header that asks for it */
	BC_WIRE_SESSION,	/* node to collector, the answer to that, before the first packet */
	BC_WIRE_ACK,		/* collector to node, after a session has begun */
};

/*
 * The spare byte of a connection's first link header: the node asks to be acknowledged. A collector that can answers with
 * BC_WIRE_HELLO; others ignore the byte.
 */
#define BC_WIRE_ASKS 1U

/* Writes BC_WIRE_HEADER bytes and returns where the len bytes of payload go. */
static inline uint8_t *bc_wire_header(uint8_t *dst, enum bc_wire_type type, uint16_t len)
{
	dst[0] = (uint8_t)type;
	dst[1] = 0;
	dst[2] = (uint8_t)(len >> 8);
	dst[3] = (uint8_t)len;
	return dst + BC_WIRE_HEADER;
}

/* Bytes of a packet that fit a message, with all that a record of the format may carry. */
#define BC_WIRE_SNAPLEN 65472U

/*
 * The whole length of the message of which len bytes stand at buf; 0 if these are fewer than BC_WIRE_HEADER. The message itself
 * need not be there. Nothing is checked.
 */
static inline size_t bc_wire_length(const uint8_t *buf, size_t len)
{
	return len < BC_WIRE_HEADER ? 0 : BC_WIRE_HEADER + ((size_t)buf[2] << 8 | buf[3]);
}

/* How a collector acknowledges. Packets are numbered within an epoch, one after the other; link headers have no number. */
#define BC_WIRE_ID 16U	/* random bytes */

struct bc_wire_hello {
	uint32_t flags;			/* 0; others are ignored */
	uint8_t collector[BC_WIRE_ID];	/* kept with what it has on disk */
};

struct bc_wire_session {
	uint8_t node[BC_WIRE_ID];	/* whose packets these are */
	uint64_t epoch;
	uint64_t first;			/* the number of the first packet that the node can still send */
	uint64_t window;		/* bytes that the node can hold until they are acknowledged */
};

struct bc_wire_ack {
	uint64_t epoch;
	uint64_t next;			/* all packets with smaller numbers are on disk */
};

#define BC_WIRE_HELLO_MESSAGE (BC_WIRE_HEADER + 24U)
#define BC_WIRE_SESSION_MESSAGE (BC_WIRE_HEADER + 40U)
#define BC_WIRE_ACK_MESSAGE (BC_WIRE_HEADER + 16U)

/* Write the whole message, of the length above. */
void bc_wire_put_hello(uint8_t *dst, const struct bc_wire_hello *h);
void bc_wire_put_session(uint8_t *dst, const struct bc_wire_session *s);
void bc_wire_put_ack(uint8_t *dst, const struct bc_wire_ack *a);

/* The longest of what a collector says. */
#define BC_WIRE_ANSWER_MAX BC_WIRE_HELLO_MESSAGE

/* One message of a collector to a node. */
struct bc_wire_answer {
	enum bc_wire_type type;		/* HELLO or ACK */
	struct bc_wire_hello hello;
	struct bc_wire_ack ack;
};

/*
 * Parse the answer at buf. 1: *ret is filled, and *consumed bytes were read; 0: the bytes end inside it; -EBADMSG: this
 * is none of the two; err says what.
 */
int bc_wire_answer(const uint8_t *buf, size_t len, size_t *consumed, struct bc_wire_answer *ret, struct bc_err *err);

/* Is it a link header of classic pcap as we send it, with nanoseconds? len bytes of a message stand there. */
bool bc_wire_link_is_ns(const uint8_t *message, size_t len);
/* Of a sender of classic pcap as we are one: a whole message with nanoseconds becomes the same with microseconds. */
void bc_wire_to_us(uint8_t *message, size_t len);

/* Reads one sender's messages. It does no I/O, and never reads outside the bytes given. Every field is hostile. */
struct bc_wire;

enum bc_wire_read {
	BC_WIRE_READ_MORE,	/* the bytes end inside a message: call again with more of them */
	BC_WIRE_READ_LINK,	/* a link header, the first or another than before: its interfaces are 0 to bc_wire_ifaces() - 1 */
	BC_WIRE_READ_SAME,	/* the current link header again: nothing changes */
	BC_WIRE_READ_PACKET,	/* *rec is filled */
	BC_WIRE_READ_SESSION,	/* once at most, and before packets: the node expects acknowledgements, see bc_wire_session() */
};

/* A packet with more than max_caplen bytes is malformed (0: no limit but a message's). NULL without memory; free takes NULL. */
struct bc_wire *bc_wire_new(uint32_t max_caplen);
void bc_wire_free(struct bc_wire *w);

/*
 * Parse the message at buf. *consumed is its length, and rec is set at BC_WIRE_READ_PACKET only; rec->iface counts through the
 * interfaces of the link header in force, rec->data points into buf. At BC_WIRE_READ_MORE *consumed is 0 and *need, more than len
 * and at most BC_WIRE_MESSAGE_MAX, is how many bytes from buf to come back with. What comes out does not depend on how much is
 * given at once.
 *
 * -EBADMSG: malformed, err says what; -ENOMEM. *consumed, *need and rec are then untouched, and w can only be freed. What was
 * read before stays good.
 */
int bc_wire_next(struct bc_wire *w, const uint8_t *buf, size_t len, size_t *consumed, size_t *need, struct bc_record *rec,
		 struct bc_err *err);

/* What the node said; NULL without BC_WIRE_READ_SESSION. */
const struct bc_wire_session *bc_wire_session(const struct bc_wire *w);

/*
 * Of the link header in force: its interfaces, at least one; whether it is pcapng; the payload itself, *len bytes, NULL before the
 * first. All that is returned is good until the next BC_WIRE_READ_LINK.
 */
uint32_t bc_wire_ifaces(const struct bc_wire *w);
const struct bc_iface *bc_wire_iface(const struct bc_wire *w, uint32_t i);
bool bc_wire_is_pcapng(const struct bc_wire *w);
const uint8_t *bc_wire_link(const struct bc_wire *w, size_t *len);

#endif
