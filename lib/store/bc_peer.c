/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_peer.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_conn.h"
#include "bc_ipip.h"
#include "bc_peer_fate.h"
#include "bc_peer_queue.h"
#include "bc_peer_session.h"
#include "bc_peer_us.h"
#include "bc_thread.h"
#include "bc_time.h"

/*
 * Wait between attempts: the first and the longest; it doubles in between, with jitter so that many nodes do not
 * reconnect at once.
 */
#define BACKOFF_MIN_NS (100 * BC_NS_PER_MS)
#define BACKOFF_MAX_NS (30 * BC_NS_PER_S)
/* For TCP and TLS to come up, and for a peer that acknowledges to answer. */
#define HANDSHAKE_NS (10 * BC_NS_PER_S)
/* A connection that lasted for less is an attempt that failed. */
#define STABLE_NS (5 * BC_NS_PER_S)
/* So many connections in a row that ended before that are worth a hint. */
#define SHORT_MAX 3
/* Between looks at what was acknowledged. */
#define ACK_NS (20 * BC_NS_PER_MS)
/* Per step, so that a peer that never stops sending cannot stall us. */
#define READS_MAX 16
/* Per call, so that the peer's close is noticed in between. */
#define WRITE_MAX (256U * 1024)

/* How a TLS server begins to complain. */
#define TLS_ALERT 21
/* What OpenSSL may have begun to send when a write cannot go on. */
#define TLS_RECORD_MAX 16384U
#define TLS_MAJOR 3

/* What goes out while the connection is UP. */
enum talk {
	HEAD,		/* the first link header, by itself, which asks whether the peer acknowledges */
	LISTEN,		/* nothing: it may answer, or refuse the link header */
	PLAIN,		/* packets, to one that does not acknowledge */
	SESSION,	/* who we are: it tells then what it has */
	ACKED,		/* packets, to one that acknowledges */
};

enum state {
	WAITING,	/* for the next attempt */
	CONNECTING,
	CONFIRMING,	/* connected, until the other side would have refused us */
	UP,
	ENDING,		/* nothing more is sent: the other side's end is awaited */
	OVER,
};

struct bc_peer {
	char *name, *host, *source, *spool;
	struct bc_peer_config cfg;
	struct bc_peer_queue queue;
	struct bc_peer_fate fate;
	struct bc_peer_session session;
	int wake;			/* eventfd */
	pthread_t thread;
	bool started;
	/* Orders: any thread sets them, the peer's thread obeys. */
	_Atomic bool stop, end, last;
	_Atomic uint64_t end_by_ns;

	/* The peer's thread. */
	enum state state;
	struct bc_conn *conn;
	struct bc_ipip *ipip;
	unsigned attempt;
	uint64_t backoff_ns;
	uint64_t until_ns;		/* WAITING, CONNECTING, CONFIRMING: their end */
	uint64_t up_ns;			/* when the connection came up */
	bool logged_up;
	char logged[BC_ERR_MSG_MAX];	/* what was last said to be wrong; "" when nothing is */
	enum talk talk;
	const uint8_t *prefix;		/* a message that goes before the spool, or what is left of it */
	size_t prefix_len;
	bool headed;			/* the connection's first link header was begun */
	size_t queued_head;		/* it is the spool's next message too, of this length */
	uint64_t hold_ns;		/* LISTEN, SESSION: their end */
	bool expected;			/* it acknowledges: it has done so before */
	bool again;			/* the connection ends so that another begins */
	uint64_t base;			/* in the queue: where this connection began */
	uint64_t mark, mark_ns;		/* what had been acknowledged when */
	unsigned n_short;		/* connections in a row that did not last */
	struct bc_peer_us us;
	bool alert;			/* it answered in TLS, which we do not speak with it */
	bool blocked;			/* the last write could not go on */
	size_t stuck_len;		/* TLS: with so many bytes of stuck it goes on */
	bool flooded;			/* more may be read that poll(2) does not see */
	short want;			/* what the connection waits for */

	uint8_t stuck[TLS_RECORD_MAX];
	uint8_t message[BC_WIRE_MESSAGE_MAX];	/* the first link header or the session, while it is sent */

	/* The peer's thread writes, all read. */
	_Atomic bool done, up, acknowledges;
	bc_counter_t connects, unacked, acked;
};

static void wake(struct bc_peer *p)
{
	const uint64_t one = 1;

	/* A full counter wakes as well. */
	(void)!write(p->wake, &one, sizeof(one));
}

/* The same words once. */
static void log_failure(struct bc_peer *p, const char *why)
{
	if (!strcmp(p->logged, why))
		return;
	snprintf(p->logged, sizeof(p->logged), "%s", why);
	bc_log(p->cfg.log, BC_WARN, "%s: %s: retrying every %g to %g s until it works", p->name, why,
	       (double)BACKOFF_MIN_NS / BC_NS_PER_S, (double)BACKOFF_MAX_NS / BC_NS_PER_S);
}

static void log_connected(struct bc_peer *p)
{
	const char *who = p->conn ? bc_conn_cert_name(p->conn) : "";

	p->logged_up = true;
	p->logged[0] = '\0';
	if (p->conn)
		bc_log(p->cfg.log, BC_NOTICE, "%s: connected to %s%s%s%s", p->name, bc_conn_address(p->conn),
		       p->cfg.tls ? " by TLS" : "", who[0] ? ", certificate of " : "", who);
}

/* The next attempt comes later than the last, by some chance. */
static void back_off(struct bc_peer *p, uint64_t now_ns)
{
	uint64_t ns = p->backoff_ns;

	p->until_ns = now_ns + ns / 2 + arc4random() % (ns / 2 + 1);
	p->backoff_ns = ns * 2 < BACKOFF_MAX_NS ? ns * 2 : BACKOFF_MAX_NS;
	p->state = WAITING;
}

static void close_connection(struct bc_peer *p)
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
static uint64_t acknowledged(const struct bc_peer *p)
{
	uint64_t taken = p->queue.out->taken, unacked = bc_conn_unacked(p->conn);
	uint64_t acked = unacked < taken - p->base ? taken - unacked : p->base;
	uint64_t sent = bc_spool_sent(p->queue.out);

	return acked < sent ? acked : sent;
}

/* What was acknowledged by its kernel long enough ago has passed. */
static void look_at_acks(struct bc_peer *p, uint64_t now_ns)
{
	if (bc_peer_queue_is_left(&p->queue))
		return;
	if (now_ns - p->mark_ns < p->cfg.doubt_ns)
		return;
	if (!p->cfg.doubt_ns)
		p->mark = acknowledged(p);
	bc_peer_fate_pass(&p->fate, p->mark);
	p->mark = acknowledged(p);
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
		bc_peer_fate_pass(&p->fate, acknowledged(p));
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
static void on_failure(struct bc_peer *p, const char *why, bool in_order, uint64_t now_ns)
{
	bool was_up = p->state == UP || p->state == ENDING, lasted = was_up && now_ns - p->up_ns >= STABLE_NS;

	if (was_up)
		lose_sent(p, in_order);
	if (lasted) {
		p->backoff_ns = BACKOFF_MIN_NS;
		p->logged[0] = '\0';
		p->n_short = 0;
	}
	log_failure(p, p->alert ? "it speaks TLS: add ,tls to its address" : why);
	if (!lasted && (was_up || p->state == CONFIRMING))
		count_short(p);
	count_refused(p);
	close_connection(p);
	back_off(p, now_ns);
}

static void begin_connect(struct bc_peer *p, uint64_t now_ns)
{
	const struct bc_conn_target target = { .host = p->host, .port = p->cfg.port, .source = p->source };
	struct bc_err err;
	int r;

	/* Resolving a name may take long. */
	bc_peer_queue_look_after(&p->queue, now_ns, true);
	r = bc_conn_connect(&target, p->attempt++, p->cfg.tls, &p->conn, &err);

	if (r) {
		on_failure(p, err.msg, false, bc_mono_ns());
		return;
	}
	p->state = CONNECTING;
	p->want = POLLOUT;
	p->until_ns = now_ns + HANDSHAKE_NS;
}

static void handshake_step(struct bc_peer *p, uint64_t now_ns)
{
	struct bc_err err = { .msg = "" };
	int r = bc_conn_handshake(p->conn, &p->want, &err);

	if (r == -EAGAIN && now_ns >= p->until_ns) {
		r = -ETIMEDOUT;
		bc_err_set(&err, r, "no answer within %llu s", (unsigned long long)(HANDSHAKE_NS / BC_NS_PER_S));
	}
	if (r == -EAGAIN)
		return;
	if (r) {
		bc_err_prefix(&err, r, "%s", bc_conn_address(p->conn));
		on_failure(p, err.msg, false, now_ns);
		return;
	}
	p->state = CONFIRMING;
	p->until_ns = now_ns + bc_conn_confirm_ns(p->conn);
}

/* The other side has ended the connection, after we did. */
static void on_end(struct bc_peer *p, uint64_t now_ns)
{
	lose_sent(p, true);
	if (!p->again) {
		p->state = OVER;
		return;
	}
	close_connection(p);
	p->until_ns = now_ns;
	p->state = WAITING;
}

/* What it has acknowledged has passed. */
static void look_at_session(struct bc_peer *p)
{
	if (p->session.phase != BC_PEER_ACKING || bc_peer_queue_is_left(&p->queue))
		return;
	bc_peer_fate_pass(&p->fate, bc_spool_done(&p->queue.run));
	bc_counter_set(&p->acked, p->queue.run.acked);
}

/* What the other side says, and that it ends. False: the connection is gone. */
static bool read_input(struct bc_peer *p, uint64_t now_ns)
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
		on_end(p, now_ns);
		return false;
	}
	if (n == 0)
		bc_err_set(&err, -ECONNRESET, "the peer closed the connection");
	bc_err_prefix(&err, -ECONNRESET, "%s", bc_conn_address(p->conn));
	on_failure(p, err.msg, n == 0, now_ns);
	return false;
}

static void on_connected(struct bc_peer *p, uint64_t now_ns)
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
	if (p->backoff_ns <= 2 * BACKOFF_MIN_NS)
		log_connected(p);
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
	p->hold_ns = now_ns + (p->expected ? HANDSHAKE_NS : bc_conn_confirm_ns(p->conn));
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
	p->hold_ns = now_ns + HANDSHAKE_NS;
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
		on_failure(p, "it does not say what it has", false, now_ns);
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
	bc_log(p->cfg.log, BC_ERROR, "%s: %" PRIu64 " packets in it are lost", why, lost);
	if (!bc_peer_queue_is_left(&p->queue))
		bc_peer_fate_lose(&p->fate, bc_spool_done(&p->queue.run));
	on_failure(p, why, false, now_ns);
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
		on_failure(p, err.msg, false, now_ns);
	}
	return n > 0;
}

static bool all_sent(const struct bc_peer *p)
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
	return atomic_load(&p->end) && all_sent(p) && !bc_peer_queue_is_left(&p->queue);
}

static void on_up(struct bc_peer *p, uint64_t now_ns)
{
	if (!read_input(p, now_ns))
		return;
	if (p->talk == PLAIN)
		look_at_acks(p, now_ns);
	if (!p->logged_up && now_ns - p->up_ns >= STABLE_NS)
		log_connected(p);
	if (now_ns - p->up_ns >= STABLE_NS)
		p->backoff_ns = BACKOFF_MIN_NS;
	for (int i = 0; i < 16 && send_some(p, now_ns); i++)
		continue;
	if (p->state == UP && ends(p) && bc_conn_end(p->conn, &p->want) != -EAGAIN) {
		p->state = ENDING;
		p->until_ns = now_ns + HANDSHAKE_NS;
	}
}

static void step(struct bc_peer *p, uint64_t now_ns)
{
	p->want = 0;
	switch (p->state) {
	case WAITING:
		if (atomic_load(&p->end) && !bc_spool_waiting(p->queue.out))
			p->state = OVER;
		else if (now_ns >= p->until_ns)
			begin_connect(p, now_ns);
		break;
	case CONNECTING:
		handshake_step(p, now_ns);
		break;
	case CONFIRMING:
		if (read_input(p, now_ns) && now_ns >= p->until_ns)
			on_connected(p, now_ns);
		break;
	case UP:
		on_up(p, now_ns);
		break;
	case ENDING:
		if (read_input(p, now_ns) && p->again && now_ns >= p->until_ns)
			on_end(p, now_ns);
		break;
	case OVER:
		break;
	}
	if (atomic_load(&p->end) && now_ns >= atomic_load(&p->end_by_ns))
		p->state = OVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The same while the connection is up. */
static uint64_t up_until(const struct bc_peer *p, uint64_t now)
{
	uint64_t until = UINT64_MAX;

	if (!p->logged_up)
		until = p->up_ns + STABLE_NS;
	if (p->talk == LISTEN || p->talk == SESSION)
		until = earlier(until, p->hold_ns);
	if (p->talk == PLAIN && bc_peer_fate_known(&p->fate) != bc_spool_sent(&p->queue.run))
		until = earlier(until, p->cfg.doubt_ns ? p->mark_ns + p->cfg.doubt_ns : now + ACK_NS);
	if (!p->blocked && !all_sent(p) && p->talk != LISTEN && p->talk != SESSION)
		until = now;
	return until;
}

/* How long there is nothing to do unless somebody calls. */
static int timeout_ms(const struct bc_peer *p)
{
	uint64_t now = bc_mono_ns(), until = now + 10 * BC_NS_PER_S;

	if (p->state != UP && (p->state != ENDING || p->again))
		until = earlier(until, p->until_ns);
	if (p->state == UP)
		until = earlier(until, up_until(p, now));
	until = earlier(until, bc_peer_queue_due_ns(&p->queue));
	if (atomic_load(&p->end))
		until = earlier(until, atomic_load(&p->end_by_ns));
	if (p->flooded)
		return 0;
	return until > now ? (int)((until - now) / BC_NS_PER_MS + 1) : 0;
}

static void wait_for_work(struct bc_peer *p)
{
	struct pollfd fds[2] = { { .fd = p->wake, .events = POLLIN }, { .fd = -1 } };
	uint64_t calls;

	if (p->conn) {
		fds[1].fd = bc_conn_fd(p->conn);
		fds[1].events = (short)(POLLIN | p->want);
	}
	if (poll(fds, 2, timeout_ms(p)) > 0 && fds[0].revents)
		(void)!read(p->wake, &calls, sizeof(calls));
}

static void *run_tcp(void *arg)
{
	struct bc_peer *p = arg;

	while (!atomic_load(&p->stop) && p->state != OVER) {
		step(p, bc_mono_ns());
		bc_peer_queue_look_after(&p->queue, bc_mono_ns(), false);
		if (p->state != OVER)
			wait_for_work(p);
	}
	/* In time or not, it has the peer's acknowledgement. */
	if (p->conn && p->talk == PLAIN && !bc_peer_queue_is_left(&p->queue))
		bc_peer_fate_pass(&p->fate, acknowledged(p));
	close_connection(p);
	bc_peer_queue_finish(&p->queue);
	atomic_store(&p->done, true);
	return NULL;
}

/* IPIP knows no connection: what the kernel does not take is tried again. */
static void send_datagrams(struct bc_peer *p)
{
	const uint8_t *message;
	struct bc_err err;
	size_t len;
	int r = 0;

	while (!r && !atomic_load(&p->stop) && bc_spool_peek(&p->queue.run, &message)) {
		len = bc_wire_length(message, BC_WIRE_HEADER);
		r = bc_ipip_send(p->ipip, message + BC_WIRE_HEADER, len - BC_WIRE_HEADER, &err);
		if (!r) {
			bc_spool_take(&p->queue.run, len);
			bc_peer_fate_pass(&p->fate, bc_spool_done(&p->queue.run));
			p->backoff_ns = BACKOFF_MIN_NS;
			p->logged[0] = '\0';
		}
	}
	p->state = UP;
	atomic_store(&p->up, !r);
	if (r) {
		log_failure(p, err.msg);
		back_off(p, bc_mono_ns());
	}
}

static void *run_ipip(void *arg)
{
	struct bc_peer *p = arg;

	p->state = UP;
	p->logged_up = true;
	while (!atomic_load(&p->stop) && p->state != OVER) {
		uint64_t now_ns = bc_mono_ns();

		if (p->state == UP || now_ns >= p->until_ns)
			send_datagrams(p);
		if (atomic_load(&p->end) && (!bc_spool_waiting(&p->queue.run) || now_ns >= atomic_load(&p->end_by_ns)))
			p->state = OVER;
		else
			wait_for_work(p);
	}
	atomic_store(&p->done, true);
	return NULL;
}

static int copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int open_queue(struct bc_peer *p, struct bc_err *err)
{
	const struct bc_peer_queue_config qc = {
		.name = p->name,
		.memory = p->cfg.queue_bytes,
		.folder = p->spool,
		.folder_bytes = p->cfg.spool_bytes,
		.log = p->cfg.log,
	};

	/* What is kept for long is worth waiting for an answer. */
	p->expected = p->spool != NULL;
	return bc_peer_queue_init(&p->queue, &qc, err);
}

int bc_peer_new(const struct bc_peer_config *cfg, struct bc_peer **ret, struct bc_err *err)
{
	struct bc_peer *p = aligned_alloc(BC_CACHE_LINE, (sizeof(*p) + 63) / 64 * 64);
	int r = 0;

	if (!p)
		return bc_err_set(err, -ENOMEM, "%s: no memory for a peer", cfg->name);
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	bc_peer_fate_init(&p->fate);
	bc_peer_session_reset(&p->session);
	p->backoff_ns = BACKOFF_MIN_NS;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (copy_string(cfg->name, &p->name) || copy_string(cfg->host, &p->host) || copy_string(cfg->source, &p->source) ||
	    copy_string(cfg->spool, &p->spool) || p->wake < 0)
		r = bc_err_set(err, -ENOMEM, "%s: no memory for a peer", cfg->name);
	if (!r)
		r = open_queue(p, err);
	if (!r && cfg->proto == BC_PEER_IPIP)
		r = bc_err_prefix(err, bc_ipip_open(cfg->host, cfg->source, &p->ipip, err), "%s", cfg->name);
	if (r) {
		bc_peer_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int bc_peer_start(struct bc_peer *p)
{
	int r = bc_thread_start(&p->thread, "bc-peer", p->cfg.proto == BC_PEER_IPIP ? run_ipip : run_tcp, p);

	p->started = r == 0;
	return r;
}

void bc_peer_free(struct bc_peer *p)
{
	if (!p)
		return;
	atomic_store(&p->stop, true);
	if (p->started) {
		wake(p);
		pthread_join(p->thread, NULL);
	}
	bc_ipip_close(p->ipip);
	bc_peer_queue_fini(&p->queue);
	bc_peer_fate_fini(&p->fate);
	if (p->wake >= 0)
		close(p->wake);
	free(p->name);
	free(p->host);
	free(p->source);
	free(p->spool);
	free(p);
}

int bc_peer_put(struct bc_peer *p, const void *data, size_t len)
{
	int r = bc_spool_put(&p->queue.run, data, len);

	if (!r)
		wake(p);
	return r;
}

uint64_t bc_peer_passed(const struct bc_peer *p)
{
	return atomic_load(&p->queue.run.freed);
}

bool bc_peer_holds(const struct bc_peer *p)
{
	return p->spool || atomic_load(&p->acknowledges);
}

void bc_peer_last(struct bc_peer *p)
{
	atomic_store(&p->last, true);
}

bool bc_peer_is_last(const struct bc_peer *p)
{
	return atomic_load(&p->last);
}

uint64_t bc_peer_known(const struct bc_peer *p)
{
	return bc_peer_fate_known(&p->fate);
}

bool bc_peer_kept(const struct bc_peer *p, uint64_t to)
{
	return to > bc_spool_done(&p->queue.run) && to <= atomic_load(&p->queue.kept);
}

bool bc_peer_lost(struct bc_peer *p, uint64_t from, uint64_t to)
{
	return bc_peer_fate_lost(&p->fate, from, to);
}

void bc_peer_end(struct bc_peer *p, uint64_t timeout_ns)
{
	atomic_store(&p->end_by_ns, bc_mono_ns() + timeout_ns);
	atomic_store(&p->end, true);
	wake(p);
}

bool bc_peer_done(const struct bc_peer *p)
{
	return atomic_load(&p->done);
}

void bc_peer_stats(const struct bc_peer *p, struct bc_peer_stats *ret)
{
	*ret = (struct bc_peer_stats){
		.up = atomic_load(&p->up),
		.connects = bc_counter_get(&p->connects),
		.acknowledges = atomic_load(&p->acknowledges),
		.queued_bytes = bc_spool_waiting(&p->queue.run),
		.held_bytes = bc_spool_held(&p->queue.run),
		.memory_bytes = atomic_load(&p->queue.run.put) - atomic_load(&p->queue.run.freed),
		.spool_bytes = atomic_load(&p->queue.folder_bytes),
		.since_ns = atomic_load(&p->queue.since_ns),
		.acked = bc_counter_get(&p->acked),
		.queue_bytes = p->cfg.queue_bytes,
		.unacked_bytes = bc_counter_get(&p->unacked),
	};
}
