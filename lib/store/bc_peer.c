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
#include "bc_spool.h"
#include "bc_thread.h"
#include "bc_time.h"

/*
 * Wait between attempts: the first and the longest; it doubles in between, with jitter so that many nodes do not
 * reconnect at once.
 */
#define BACKOFF_MIN_NS (100 * BC_NS_PER_MS)
#define BACKOFF_MAX_NS (30 * BC_NS_PER_S)
/* For TCP and TLS to come up. */
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
#define TLS_MAJOR 3

enum state {
	WAITING,	/* for the next attempt */
	CONNECTING,
	CONFIRMING,	/* connected, until the other side would have refused us */
	UP,
	ENDING,		/* all is sent: the other side's end is awaited */
	OVER,
};

struct bc_peer {
	char *name, *host, *source;
	struct bc_peer_config cfg;
	struct bc_spool spool;
	struct bc_peer_fate fate;
	int wake;			/* eventfd */
	pthread_t thread;
	bool started;
	/* Orders: any thread sets them, the peer's thread obeys. */
	_Atomic bool stop, end;
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
	const uint8_t *prefix;		/* the link header that goes before the spool, or what is left of it */
	size_t prefix_len;
	bool headed;			/* the connection's first message was begun */
	size_t head_left;		/* of it, if it is a link header */
	uint64_t hold_ns;		/* nothing is sent before: the other side may refuse the link header */
	uint64_t base;			/* in the queue: where this connection began */
	uint64_t mark, mark_ns;		/* what had been acknowledged when */
	unsigned n_short;		/* connections in a row that did not last */
	bool alert;			/* it answered in TLS, which we do not speak with it */
	bool blocked;			/* the last write could not go on */
	bool flooded;			/* more may be read that poll(2) does not see */
	short want;			/* what the connection waits for */

	uint8_t message[BC_WIRE_MESSAGE_MAX];	/* IPIP: the one under way */

	/* The peer's thread writes, all read. */
	_Atomic bool done, up;
	bc_counter_t connects, unacked;
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
	p->prefix_len = 0;
	p->headed = false;
	p->head_left = 0;
	p->hold_ns = 0;
	p->alert = false;
	p->blocked = false;
	p->flooded = false;
	bc_spool_rewind(&p->spool);
}

/* Up to where the queue's bytes are acknowledged; at least so far, as TLS adds some of its own. */
static uint64_t acknowledged(const struct bc_peer *p)
{
	uint64_t taken = p->spool.taken, unacked = bc_conn_unacked(p->conn);
	uint64_t acked = unacked < taken - p->base ? taken - unacked : p->base;
	uint64_t gone = bc_spool_gone(&p->spool);

	return acked < gone ? acked : gone;
}

/* What was acknowledged long enough ago has passed. */
static void look_at_acks(struct bc_peer *p, uint64_t now_ns)
{
	if (now_ns - p->mark_ns < p->cfg.doubt_ns)
		return;
	if (!p->cfg.doubt_ns)
		p->mark = acknowledged(p);
	bc_peer_fate_pass(&p->fate, p->mark);
	p->mark = acknowledged(p);
	p->mark_ns = now_ns;
}

/* The connection has ended, in order or not: what it had not passed on is lost. */
static void lose_sent(struct bc_peer *p, bool in_order)
{
	uint64_t gone = bc_spool_gone(&p->spool), lost;
	uint32_t unacked = bc_conn_unacked(p->conn);

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
	close_connection(p);
	back_off(p, now_ns);
}

static void begin_connect(struct bc_peer *p, uint64_t now_ns)
{
	const struct bc_conn_target target = { .host = p->host, .port = p->cfg.port, .source = p->source };
	struct bc_err err;
	int r = bc_conn_connect(&target, p->attempt++, p->cfg.tls, &p->conn, &err);

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

/* What the other side says is nothing to us, but that it ends. False: the connection is gone. */
static bool discard_input(struct bc_peer *p, uint64_t now_ns)
{
	uint8_t scratch[4096];
	struct bc_err err = { .msg = "" };
	ptrdiff_t n = 1;

	for (int i = 0; i < READS_MAX && n > 0; i++) {
		n = bc_conn_read(p->conn, scratch, sizeof(scratch), &p->want, &err);
		p->alert |= n > 1 && !p->cfg.tls && scratch[0] == TLS_ALERT && scratch[1] == TLS_MAJOR;
	}
	p->flooded = n > 0;
	if (n > 0 || n == -EAGAIN)
		return true;
	if (p->state == ENDING && n == 0) {
		lose_sent(p, true);
		p->state = OVER;
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
	p->base = p->mark = bc_spool_gone(&p->spool);
	p->mark_ns = now_ns;
	p->prefix_len = bc_spool_link(&p->spool, &p->prefix);
	bc_counter_add(&p->connects, 1);
	atomic_store(&p->up, true);
	/* One that may be turned away again at once says so only when it lasts. */
	if (p->backoff_ns <= 2 * BACKOFF_MIN_NS)
		log_connected(p);
}

/*
 * The link header goes first, and by itself: a peer that refuses it, or expects TLS, ends the connection, and no packet
 * must be in it by then.
 */
static void begin_head(struct bc_peer *p)
{
	p->head_left = p->prefix_len ? p->prefix_len : bc_spool_next_link(&p->spool);
	p->headed = true;
}

static void on_sent(struct bc_peer *p, size_t n, uint64_t now_ns)
{
	if (p->prefix_len) {
		p->prefix += n;
		p->prefix_len -= n;
	} else {
		bc_spool_take(&p->spool, n);
	}
	if (p->head_left) {
		p->head_left -= n;
		if (!p->head_left)
			p->hold_ns = now_ns + bc_conn_confirm_ns(p->conn);
	}
}

/* One piece to the kernel. False: nothing went, or the connection is gone. */
static bool send_some(struct bc_peer *p, uint64_t now_ns)
{
	struct bc_err err = { .msg = "" };
	const uint8_t *data = p->prefix;
	size_t len = p->prefix_len ? p->prefix_len : bc_spool_peek(&p->spool, &data);
	ptrdiff_t n;

	if (!len || now_ns < p->hold_ns)
		return false;
	if (!p->headed)
		begin_head(p);
	if (p->head_left && len > p->head_left)
		len = p->head_left;
	n = bc_conn_write(p->conn, data, len < WRITE_MAX ? len : WRITE_MAX, &p->want, &err);
	p->blocked = n == -EAGAIN;
	if (n > 0) {
		on_sent(p, (size_t)n, now_ns);
	} else if (n != -EAGAIN) {
		bc_err_prefix(&err, (int)n, "%s", bc_conn_address(p->conn));
		on_failure(p, err.msg, false, now_ns);
	}
	return n > 0;
}

static bool all_sent(const struct bc_peer *p)
{
	return !p->prefix_len && !bc_spool_waiting(&p->spool);
}

static void on_up(struct bc_peer *p, uint64_t now_ns)
{
	if (!discard_input(p, now_ns))
		return;
	look_at_acks(p, now_ns);
	if (!p->logged_up && now_ns - p->up_ns >= STABLE_NS)
		log_connected(p);
	if (now_ns - p->up_ns >= STABLE_NS)
		p->backoff_ns = BACKOFF_MIN_NS;
	for (int i = 0; i < 16 && send_some(p, now_ns); i++)
		continue;
	if (p->state == UP && atomic_load(&p->end) && all_sent(p) && bc_conn_end(p->conn, &p->want) != -EAGAIN)
		p->state = ENDING;
}

static void step(struct bc_peer *p, uint64_t now_ns)
{
	p->want = 0;
	switch (p->state) {
	case WAITING:
		if (atomic_load(&p->end) && !bc_spool_waiting(&p->spool))
			p->state = OVER;
		else if (now_ns >= p->until_ns)
			begin_connect(p, now_ns);
		break;
	case CONNECTING:
		handshake_step(p, now_ns);
		break;
	case CONFIRMING:
		if (discard_input(p, now_ns) && now_ns >= p->until_ns)
			on_connected(p, now_ns);
		break;
	case UP:
		on_up(p, now_ns);
		break;
	case ENDING:
		discard_input(p, now_ns);
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

/* How long there is nothing to do unless somebody calls. */
static int timeout_ms(const struct bc_peer *p)
{
	uint64_t now = bc_mono_ns(), until = now + 10 * BC_NS_PER_S;

	if (p->state == WAITING || p->state == CONNECTING || p->state == CONFIRMING)
		until = earlier(until, p->until_ns);
	if (p->state == UP && !p->logged_up)
		until = earlier(until, p->up_ns + STABLE_NS);
	if (p->state == UP && now < p->hold_ns)
		until = earlier(until, p->hold_ns);
	else if (p->state == UP && bc_peer_fate_known(&p->fate) != bc_spool_gone(&p->spool))
		until = earlier(until, p->cfg.doubt_ns ? p->mark_ns + p->cfg.doubt_ns : now + ACK_NS);
	if (atomic_load(&p->end))
		until = earlier(until, atomic_load(&p->end_by_ns));
	if (p->flooded || (p->state == UP && !p->blocked && !all_sent(p) && now >= p->hold_ns))
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
		if (p->state != OVER)
			wait_for_work(p);
	}
	/* In time or not, it has the peer's acknowledgement. */
	if (p->conn)
		bc_peer_fate_pass(&p->fate, acknowledged(p));
	close_connection(p);
	atomic_store(&p->done, true);
	return NULL;
}

/* IPIP knows no connection: what the kernel does not take is tried again. */
static void send_datagrams(struct bc_peer *p)
{
	struct bc_err err;
	size_t len;
	int r = 0;

	while (!r && !atomic_load(&p->stop) && (len = bc_spool_copy(&p->spool, p->message))) {
		r = bc_ipip_send(p->ipip, p->message + BC_WIRE_HEADER, len - BC_WIRE_HEADER, &err);
		if (!r) {
			bc_spool_take(&p->spool, len);
			bc_peer_fate_pass(&p->fate, bc_spool_gone(&p->spool));
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
		if (atomic_load(&p->end) && (!bc_spool_waiting(&p->spool) || now_ns >= atomic_load(&p->end_by_ns)))
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

int bc_peer_new(const struct bc_peer_config *cfg, struct bc_peer **ret, struct bc_err *err)
{
	struct bc_peer *p = aligned_alloc(BC_CACHE_LINE, (sizeof(*p) + 63) / 64 * 64);
	int r = 0;

	if (!p)
		return bc_err_set(err, -ENOMEM, "%s: no memory for a peer", cfg->name);
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	bc_peer_fate_init(&p->fate);
	p->backoff_ns = BACKOFF_MIN_NS;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (copy_string(cfg->name, &p->name) || copy_string(cfg->host, &p->host) || copy_string(cfg->source, &p->source) ||
	    bc_spool_init(&p->spool, cfg->queue_bytes) || p->wake < 0)
		r = bc_err_set(err, -ENOMEM, "%s: no memory for a queue of %zu bytes", cfg->name, cfg->queue_bytes);
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
	bc_spool_fini(&p->spool);
	bc_peer_fate_fini(&p->fate);
	if (p->wake >= 0)
		close(p->wake);
	free(p->name);
	free(p->host);
	free(p->source);
	free(p);
}

int bc_peer_put(struct bc_peer *p, const void *data, size_t len)
{
	int r = bc_spool_put(&p->spool, data, len);

	if (!r)
		wake(p);
	return r;
}

uint64_t bc_peer_passed(const struct bc_peer *p)
{
	return bc_spool_gone(&p->spool);
}

uint64_t bc_peer_known(const struct bc_peer *p)
{
	return bc_peer_fate_known(&p->fate);
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
		.queued_bytes = bc_spool_waiting(&p->spool),
		.queue_bytes = p->cfg.queue_bytes,
		.unacked_bytes = bc_counter_get(&p->unacked),
	};
}
