/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer's connection: when it is tried, how it comes up, and what its end means. */
#include "bc_peer_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Wait between attempts: the first and the longest; it doubles in between, with jitter so that many nodes do not
 * reconnect at once.
 */
#define BACKOFF_MAX_NS (30 * BC_NS_PER_S)
/* So many connections in a row that ended before they were stable are worth a hint. */
#define SHORT_MAX 3

/* The same words once. */
void bc_peer_log_failure(struct bc_peer *p, const char *why)
{
	if (!strcmp(p->logged, why))
		return;
	snprintf(p->logged, sizeof(p->logged), "%s", why);
	bc_log(p->cfg.log, BC_WARN, "%s: %s: retrying every %g to %g s until it works", p->name, why,
	       (double)BC_PEER_BACKOFF_MIN_NS / BC_NS_PER_S, (double)BACKOFF_MAX_NS / BC_NS_PER_S);
}

void bc_peer_log_connected(struct bc_peer *p)
{
	const char *who = p->conn ? bc_conn_cert_name(p->conn) : "";

	p->logged_up = true;
	p->logged[0] = '\0';
	if (p->conn)
		bc_log(p->cfg.log, BC_NOTICE, "%s: connected to %s%s%s%s", p->name, bc_conn_address(p->conn),
		       p->cfg.tls ? " by TLS" : "", who[0] ? ", certificate of " : "", who);
}

/* The next attempt comes later than the last, by some chance. */
void bc_peer_back_off(struct bc_peer *p, uint64_t now_ns)
{
	uint64_t ns = p->backoff_ns;

	p->until_ns = now_ns + ns / 2 + arc4random() % (ns / 2 + 1);
	p->backoff_ns = ns * 2 < BACKOFF_MAX_NS ? ns * 2 : BACKOFF_MAX_NS;
	p->state = WAITING;
}

void bc_peer_disconnect(struct bc_peer *p)
{
	bc_conn_close(p->conn);
	p->conn = NULL;
	atomic_store(&p->up, false);
	p->talk = HEAD;
	p->prefix_len = 0;
	p->headed = false;
	p->queued_head = 0;
	p->again = false;
	bc_peer_session_reset(&p->session);
	p->alert = false;
	p->blocked = false;
	p->stuck_len = 0;
	p->flooded = false;
	bc_spool_rewind(p->queue.out);
	bc_peer_queue_next(&p->queue);
	bc_peer_us_rewind(&p->us);
}

/* Up to where the queue's bytes are acknowledged; at least so far, as TLS adds some of its own. */
uint64_t bc_peer_acknowledged(const struct bc_peer *p)
{
	uint64_t taken = p->queue.out->taken, unacked = bc_conn_unacked(p->conn);
	uint64_t acked = unacked < taken - p->base ? taken - unacked : p->base;
	uint64_t sent = bc_spool_sent(p->queue.out);

	return acked < sent ? acked : sent;
}

/* What was acknowledged by its kernel long enough ago has passed. */
void bc_peer_look_at_acks(struct bc_peer *p, uint64_t now_ns)
{
	if (bc_peer_queue_is_left(&p->queue))
		return;
	if (now_ns - p->mark_ns < p->cfg.doubt_ns)
		return;
	if (!p->cfg.doubt_ns)
		p->mark = bc_peer_acknowledged(p);
	bc_peer_fate_pass(&p->fate, p->mark);
	p->mark = bc_peer_acknowledged(p);
	p->mark_ns = now_ns;
}

/* The connection has ended, in order or not: what it had not passed on is lost, unless it is kept. */
static void lose_sent(struct bc_peer *p, bool in_order)
{
	uint64_t gone = bc_spool_sent(p->queue.out), lost;
	uint32_t unacked = bc_conn_unacked(p->conn);

	if (p->talk == SESSION || p->talk == ACKED)
		return;
	if (bc_peer_queue_is_left(&p->queue)) {
		if (unacked || !in_order)
			bc_log(p->cfg.log, BC_WARN, "%s: the connection broke while what an earlier run left was sent: some of it may "
			       "not have arrived", p->name);
		return;
	}
	if (in_order || !p->cfg.doubt_ns)
		bc_peer_fate_pass(&p->fate, bc_peer_acknowledged(p));
	lost = gone - bc_peer_fate_known(&p->fate);
	bc_peer_fate_lose(&p->fate, gone);
	if (!lost && !unacked)
		return;
	bc_counter_add(&p->unacked, unacked);
	bc_log(p->cfg.log, BC_WARN, "%s: the connection broke with %" PRIu32 " bytes not acknowledged: packets in the last %" PRIu64
	       " bytes sent may not have arrived, and count as lost", p->name, unacked, lost);
}

/* One that did not last, again and again. */
static void count_short(struct bc_peer *p)
{
	if (++p->n_short == SHORT_MAX)
		bc_log(p->cfg.log, BC_WARN, "%s: %d connections in a row ended at once: it may require TLS (,tls), not allow this "
		       "address, or not accept the format (--format) or packets of this length (-s)", p->name, SHORT_MAX);
}

/* It has ended the connection, having seen no more than the link header. */
static void count_refused(struct bc_peer *p)
{
	if (p->state == UP && p->talk == LISTEN && !p->expected && bc_peer_us_refused(&p->us, p->message))
		bc_log(p->cfg.log, BC_WARN, "%s: it ends each connection at a link header with nanoseconds: it gets microseconds from now "
		       "on, as with --format pcap-us", p->name);
}

/* The connection is broken, or did not come up. in_order: the other side ended it as one does. */
void bc_peer_failed(struct bc_peer *p, const char *why, bool in_order, uint64_t now_ns)
{
	bool was_up = p->state == UP || p->state == ENDING, lasted = was_up && now_ns - p->up_ns >= BC_PEER_STABLE_NS;

	if (was_up)
		lose_sent(p, in_order);
	if (lasted) {
		p->backoff_ns = BC_PEER_BACKOFF_MIN_NS;
		p->logged[0] = '\0';
		p->n_short = 0;
	}
	bc_peer_log_failure(p, p->alert ? "it speaks TLS: add ,tls to its address" : why);
	if (!lasted && (was_up || p->state == CONFIRMING))
		count_short(p);
	count_refused(p);
	bc_peer_disconnect(p);
	bc_peer_back_off(p, now_ns);
}

void bc_peer_connect(struct bc_peer *p, uint64_t now_ns)
{
	const struct bc_conn_target target = { .host = p->host, .port = p->cfg.port, .source = p->source };
	struct bc_err err;
	int r;

	/* Resolving a name may take long. */
	bc_peer_queue_look_after(&p->queue, now_ns, true);
	r = bc_conn_connect(&target, p->attempt++, p->cfg.tls, &p->conn, &err);

	if (r) {
		bc_peer_failed(p, err.msg, false, bc_mono_ns());
		return;
	}
	p->state = CONNECTING;
	p->want = POLLOUT;
	p->until_ns = now_ns + BC_PEER_HANDSHAKE_NS;
}

void bc_peer_shake_hands(struct bc_peer *p, uint64_t now_ns)
{
	struct bc_err err = { .msg = "" };
	int r = bc_conn_handshake(p->conn, &p->want, &err);

	if (r == -EAGAIN && now_ns >= p->until_ns) {
		r = -ETIMEDOUT;
		bc_err_set(&err, r, "no answer within %llu s", (unsigned long long)(BC_PEER_HANDSHAKE_NS / BC_NS_PER_S));
	}
	if (r == -EAGAIN)
		return;
	if (r) {
		bc_err_prefix(&err, r, "%s", bc_conn_address(p->conn));
		bc_peer_failed(p, err.msg, false, now_ns);
		return;
	}
	p->state = CONFIRMING;
	p->until_ns = now_ns + bc_conn_confirm_ns(p->conn);
}

/* The other side has ended the connection, after we did. */
void bc_peer_ended(struct bc_peer *p, uint64_t now_ns)
{
	lose_sent(p, true);
	if (!p->again) {
		p->state = OVER;
		return;
	}
	bc_peer_disconnect(p);
	p->until_ns = now_ns;
	p->state = WAITING;
}

void bc_peer_connected(struct bc_peer *p, uint64_t now_ns)
{
	p->state = UP;
	p->up_ns = now_ns;
	p->logged_up = false;
	p->base = p->mark = bc_spool_sent(p->queue.out);
	p->mark_ns = now_ns;
	bc_spool_keep(p->queue.out, false);
	bc_counter_add(&p->connects, 1);
	atomic_store(&p->up, true);
	/* One that may be turned away again at once says so only when it lasts. */
	if (p->backoff_ns <= 2 * BC_PEER_BACKOFF_MIN_NS)
		bc_peer_log_connected(p);
}
