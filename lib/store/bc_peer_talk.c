/* SPDX-License-Identifier: BSD-3-Clause */
/* What is said over a peer's connection: the link header, whether it acknowledges, packets. */
#include "bc_peer_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bc_plural.h"

/* Per step, so that a peer that never stops sending cannot stall us. */
#define READS_MAX 16
/* Per call, so that the peer's close is noticed in between. */
#define WRITE_MAX (256U * 1024)

/* How a TLS server begins to complain. */
#define TLS_ALERT 21
#define TLS_MAJOR 3

/* What it has acknowledged has passed. */
static void look_at_session(struct bc_peer *p)
{
	if (p->session.phase != BC_PEER_ACKING || bc_peer_queue_is_left(&p->queue))
		return;
	bc_peer_fate_pass(&p->fate, bc_spool_done(&p->queue.run));
	bc_counter_set(&p->acked, p->queue.run.acked);
}

/* What the other side says, and that it ends. False: the connection is gone. */
bool bc_peer_read(struct bc_peer *p, uint64_t now_ns)
{
	uint8_t bytes[4096];
	struct bc_err err = { .msg = "" };
	ptrdiff_t n = 1;
	int r = 0;

	for (int i = 0; i < READS_MAX && n > 0 && !r; i++) {
		n = bc_conn_read(p->conn, bytes, sizeof(bytes), &p->want, &err);
		if (n <= 0)
			break;
		p->alert |= n > 1 && !p->cfg.tls && bytes[0] == TLS_ALERT && bytes[1] == TLS_MAJOR;
		r = bc_peer_session_input(&p->session, p->queue.out, bytes, (size_t)n, &err);
	}
	look_at_session(p);
	p->flooded = n > 0;
	if (!r && (n > 0 || n == -EAGAIN))
		return true;
	if (!r && n == 0 && p->state == ENDING && (p->talk != ACKED || !bc_spool_held(p->queue.out))) {
		bc_peer_ended(p, now_ns);
		return false;
	}
	if (n == 0)
		bc_err_set(&err, -ECONNRESET, "the peer closed the connection");
	bc_err_prefix(&err, -ECONNRESET, "%s", bc_conn_address(p->conn));
	bc_peer_failed(p, err.msg, n == 0, now_ns);
	return false;
}

/*
 * The link header goes first, and by itself: a peer that refuses it, or expects TLS, ends the connection, and no packet
 * must be in it by then. One that acknowledges says so.
 */
static void begin_head(struct bc_peer *p)
{
	const uint8_t *link = NULL;
	size_t len = bc_spool_link(p->queue.out, &link);

	if (!len)
		len = p->queued_head = bc_spool_next_link(p->queue.out, &link);
	if (!len) {
		/* Without one there are no packets either. */
		if (bc_spool_waiting(p->queue.out))
			p->talk = PLAIN;
		return;
	}
	memcpy(p->message, link, len);
	bc_peer_us_link(&p->us, p->message, len);
	p->message[1] = BC_WIRE_ASKS;
	p->prefix = p->message;
	p->prefix_len = len;
	p->headed = true;
}

static void listen_to_it(struct bc_peer *p, uint64_t now_ns)
{
	p->talk = LISTEN;
	p->hold_ns = now_ns + (p->expected ? BC_PEER_HANDSHAKE_NS : bc_conn_confirm_ns(p->conn));
}

/* It has not answered. */
static void go_plain(struct bc_peer *p)
{
	p->talk = PLAIN;
	bc_peer_us_accepted(&p->us);
	if (p->queued_head)
		bc_spool_take(p->queue.out, p->queued_head);
	if (p->expected)
		bc_log(p->cfg.log, BC_WARN, "%s: it does not acknowledge what it has on disk: what is sent on a connection that "
		       "breaks may be lost", p->name);
	p->expected = false;
	atomic_store(&p->acknowledges, false);
}

/* It acknowledges: it is told who we are, and tells what it has. */
static void begin_session(struct bc_peer *p, uint64_t now_ns)
{
	p->talk = SESSION;
	bc_peer_us_accepted(&p->us);
	bc_spool_keep(p->queue.out, true);
	bc_peer_session_ask(&p->session, p->queue.node, p->queue.out, p->cfg.queue_bytes, p->message);
	p->prefix = p->message;
	p->prefix_len = BC_WIRE_SESSION_MESSAGE;
	p->hold_ns = now_ns + BC_PEER_HANDSHAKE_NS;
}

static void go_on_acked(struct bc_peer *p)
{
	const uint8_t *link = NULL;

	p->talk = ACKED;
	p->prefix_len = bc_spool_link(p->queue.out, &link);
	if (p->prefix_len)
		memcpy(p->message, link, p->prefix_len);
	bc_peer_us_link(&p->us, p->message, p->prefix_len);
	p->prefix = p->message;
	if (!atomic_exchange(&p->acknowledges, true))
		bc_log(p->cfg.log, BC_NOTICE, "%s: it acknowledges what it has on disk", p->name);
	p->expected = true;
}

/* What is said next, once all of what goes before the spool has gone. False: the connection is gone. */
static bool look_at_talk(struct bc_peer *p, uint64_t now_ns)
{
	enum bc_peer_phase phase = p->session.phase;

	if (p->prefix_len)
		return true;
	if (p->talk == HEAD && !p->headed)
		begin_head(p);
	else if (p->talk == HEAD)
		listen_to_it(p, now_ns);
	else if (p->talk == LISTEN && phase == BC_PEER_GREETED)
		begin_session(p, now_ns);
	else if (p->talk == LISTEN && now_ns >= p->hold_ns)
		go_plain(p);
	else if (p->talk == PLAIN && phase == BC_PEER_GREETED)
		p->again = p->expected = true;
	else if (p->talk == SESSION && phase == BC_PEER_ACKING)
		go_on_acked(p);
	else if (p->talk == SESSION && now_ns >= p->hold_ns) {
		bc_peer_failed(p, "it does not say what it has", false, now_ns);
		return false;
	}
	return true;
}

static void on_sent(struct bc_peer *p, size_t n)
{
	if (p->prefix_len) {
		p->prefix += n;
		p->prefix_len -= n;
	} else {
		bc_peer_us_sent(&p->us, n);
		bc_spool_take(p->queue.out, n);
	}
}

/* The bytes that may go now. */
static size_t next_bytes(struct bc_peer *p, const uint8_t **data)
{
	size_t len;

	if (p->stuck_len) {
		*data = p->stuck;
		return p->stuck_len;
	}
	if (p->prefix_len) {
		*data = p->prefix;
		return p->prefix_len;
	}
	if (p->talk != PLAIN && p->talk != ACKED)
		return 0;
	len = p->us.on ? bc_peer_us_next(&p->us, p->queue.out, data) : bc_spool_peek(p->queue.out, data);
	return p->again ? bc_spool_rest(p->queue.out) : len;
}

/* A write that TLS has begun goes on with the same bytes, which may move from memory into a file meanwhile. */
static void hold_stuck(struct bc_peer *p, const uint8_t *data, size_t len)
{
	if (!p->cfg.tls || p->stuck_len)
		return;
	p->stuck_len = len < sizeof(p->stuck) ? len : sizeof(p->stuck);
	memcpy(p->stuck, data, p->stuck_len);
}

/* What comes next cannot be read from its file: the rest of that file is lost, and a connection goes on behind it. */
static void pass_over_damage(struct bc_peer *p, uint64_t now_ns)
{
	char why[BC_ERR_MSG_MAX];
	uint64_t lost;

	snprintf(why, sizeof(why), "%s", p->queue.out->err.msg);
	lost = bc_spool_skip_file(p->queue.out);
	bc_log(p->cfg.log, BC_ERROR, "%s: %" PRIu64 " %s lost", why, lost, bc_plural(lost, "packet in it is", "packets in it are"));
	if (!bc_peer_queue_is_left(&p->queue))
		bc_peer_fate_lose(&p->fate, bc_spool_done(&p->queue.run));
	bc_peer_failed(p, why, false, now_ns);
}

/* One piece to the kernel. False: nothing went, or the connection is gone. */
static bool send_some(struct bc_peer *p, uint64_t now_ns)
{
	struct bc_err err = { .msg = "" };
	const uint8_t *data;
	size_t len;
	ptrdiff_t n;

	if (!look_at_talk(p, now_ns))
		return false;
	len = next_bytes(p, &data);
	if (!len && p->queue.out->unreadable)
		pass_over_damage(p, now_ns);
	if (!len)
		return false;
	n = bc_conn_write(p->conn, data, len < WRITE_MAX ? len : WRITE_MAX, &p->want, &err);
	p->blocked = n == -EAGAIN;
	if (n > 0) {
		p->stuck_len = 0;
		on_sent(p, (size_t)n);
	} else if (n == -EAGAIN) {
		hold_stuck(p, data, len);
	} else {
		bc_err_prefix(&err, (int)n, "%s", bc_conn_address(p->conn));
		bc_peer_failed(p, err.msg, false, now_ns);
	}
	return n > 0;
}

bool bc_peer_all_sent(const struct bc_peer *p)
{
	return !p->prefix_len && !bc_spool_waiting(p->queue.out);
}

/* Nothing more is to go over this connection. */
static bool ends(struct bc_peer *p)
{
	if (bc_peer_queue_is_left(&p->queue) && !bc_spool_held(p->queue.out))
		p->again = true;
	if (p->again)
		return !p->stuck_len && !bc_spool_rest(p->queue.out);
	return atomic_load(&p->end) && bc_peer_all_sent(p) && !bc_peer_queue_is_left(&p->queue);
}

void bc_peer_talk(struct bc_peer *p, uint64_t now_ns)
{
	if (!bc_peer_read(p, now_ns))
		return;
	if (p->talk == PLAIN)
		bc_peer_look_at_acks(p, now_ns);
	if (!p->logged_up && now_ns - p->up_ns >= BC_PEER_STABLE_NS)
		bc_peer_log_connected(p);
	if (now_ns - p->up_ns >= BC_PEER_STABLE_NS)
		p->backoff_ns = BC_PEER_BACKOFF_MIN_NS;
	for (int i = 0; i < 16 && send_some(p, now_ns); i++)
		continue;
	if (p->state == UP && ends(p) && bc_conn_end(p->conn, &p->want) != -EAGAIN) {
		p->state = ENDING;
		p->until_ns = now_ns + BC_PEER_HANDSHAKE_NS;
	}
}
