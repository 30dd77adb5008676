/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_clients.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bc_ack.h"
#include "bc_conn.h"
#include "bc_log_limit.h"
#include "bc_pcap.h"
#include "bc_wire.h"

#define HANDSHAKES_MAX 4		/* of one client at a time */
#define READ_BUDGET (128U * 1024)	/* of one client, before it is another's turn */
#define STOP_NS (3 * BC_NS_PER_S)	/* for what the sockets hold at a stop */
#define TRIM_NS (10 * BC_NS_PER_S)	/* of silence, before the memory of a receive ring is given back */
#define KEEPALIVE_IDLE_S 60		/* keepalive: a client that is silent for so long is probed, */
#define KEEPALIVE_INTERVAL_S 10		/* at this interval, */
#define KEEPALIVE_PROBES 6		/* until so many probes are unanswered */

enum phase {
	HANDSHAKE,	/* TLS */
	CANDIDATE,	/* beside an older connection, until its link header begins */
	WAITING,	/* for the receive ring */
	RECEIVING,
	ENDING,		/* has sent its last byte, and waits for the last acknowledgement */
};

/* A connection. */
struct session {
	struct bc_watch watch;	/* first: events point to it */
	struct session *next_closed;
	struct bc_conn *conn;
	uint32_t client;
	enum phase phase;
	bool tls;
	short events;		/* asked of epoll; 0: it is not in the set */
	short reads, writes;	/* what reading and writing wait for */
	uint64_t connection;	/* its number in the receive ring */
	uint64_t received;	/* bytes */
	uint64_t looked_at;	/* so many of them there were when the timer last looked, */
	uint64_t quiet_ns;	/* and since when */
	bool trimmed;		/* since then the receive ring's memory was given back */
	bool hello_due;		/* the node asked for acknowledgements */
	bool greeted;		/* and was told that it gets some */
	bool told;		/* an acknowledgement was sent: */
	uint64_t told_next;	/* its number */
	uint8_t out[BC_WIRE_ANSWER_MAX];	/* the answer being sent; out_len bytes are left */
	size_t out_len;
	bool closed;
	bool unread;		/* bytes may wait inside TLS, where epoll does not see them */
	bool ring_full;
	uint64_t deadline_ns;	/* 0: none */
};

struct client {
	const char *name;
	struct bc_recv_ring *recv_ring;
	struct bc_ack *ack;		/* NULL: nothing is acknowledged */
	struct session *handshaking[HANDSHAKES_MAX];
	struct session *waiting;	/* until the source is done with the one before */
	struct session *receiving;
	struct session *ending;
	bool draining;		/* the receive ring is ENDED, and the source not done yet */
	bool clean;		/* the end was in good order */
	bool allowed;		/* by the list in force, while that is looked at */
	struct bc_log_limit limit;
	bc_counter_t bytes;
	struct bc_collector_client status;	/* under the lock */
};

struct bc_clients {
	const struct bc_collector_config *cfg;
	int epoll;
	pthread_mutex_t lock;	/* of every client's status */
	struct client *client;
	uint32_t n;		/* clients that are known */
	struct session *closed;
	uint64_t stop_ns;	/* when the stop was asked for; 0: it was not */
	bool unread;		/* of a session */
	bool timed;		/* the timer may have something to look at */
};

#define LOG(c, k, level, ...) bc_log_limited((c)->cfg->log, &(k)->limit, level, (k)->name, __VA_ARGS__)

static void notify(struct bc_clients *c, const struct client *k, bool connected)
{
	if (c->cfg->event)
		c->cfg->event(c->cfg->ctx, (uint32_t)(k - c->client), connected);
}

static void set_events(struct bc_clients *c, struct session *s, short events)
{
	struct epoll_event e = { .events = 0, .data.ptr = &s->watch };

	if (events == s->events)
		return;
	/*
	 * The event bits of poll(2) and epoll(7) are the same. A session that waits for nothing is taken out of the
	 * set: otherwise epoll would report its hangup again and again.
	 */
	e.events = (uint32_t)events;
	epoll_ctl(c->epoll, !s->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, s->watch.fd, &e);
	s->events = events;
}

/* While its ring is full nothing is read, and an answer that waits for POLLIN waits too. */
static void update_events(struct bc_clients *c, struct session *s)
{
	set_events(c, s, s->ring_full ? s->writes & POLLOUT : s->reads | s->writes);
}

/* An event already returned by epoll may still point to it, so it is freed later. */
static void close_session(struct bc_clients *c, struct session *s)
{
	short events;

	set_events(c, s, 0);
	/* With TLS, tell the other side, as far as possible without waiting. */
	if (s->phase > HANDSHAKE)
		bc_conn_end(s->conn, &events);
	bc_conn_close(s->conn);
	s->closed = true;
	s->next_closed = c->closed;
	c->closed = s;
}

void bc_clients_free_closed(struct bc_clients *c)
{
	while (c->closed) {
		struct session *next = c->closed->next_closed;

		free(c->closed);
		c->closed = next;
	}
}

/* --- The end of connections. --- */

static void count_failure(struct bc_clients *c, struct client *k)
{
	pthread_mutex_lock(&c->lock);
	k->status.failures++;
	pthread_mutex_unlock(&c->lock);
}

static void leave_handshake(struct client *k, const struct session *s)
{
	for (int i = 0; i < HANDSHAKES_MAX; i++)
		if (k->handshaking[i] == s)
			k->handshaking[i] = NULL;
}

/* End a connection that is not receiving yet. */
static void refuse_session(struct bc_clients *c, struct client *k, struct session *s, const char *why)
{
	LOG(c, k, BC_WARN, "%s: %s: the connection is refused", bc_conn_address(s->conn), why);
	count_failure(c, k);
	leave_handshake(k, s);
	if (k->waiting == s)
		k->waiting = NULL;
	close_session(c, s);
}

/* Nothing more comes from the connection that is receiving; closing it is the caller's. */
static void end_receiving(struct bc_clients *c, struct client *k, bool clean, const char *why)
{
	pthread_mutex_lock(&c->lock);
	snprintf(k->status.reason, sizeof(k->status.reason), "%.255s", why);
	pthread_mutex_unlock(&c->lock);
	k->clean = clean;
	k->draining = true;
	k->receiving = NULL;
	bc_recv_ring_end(k->recv_ring);
}

/* End the connection that is receiving. */
static void end_session(struct bc_clients *c, struct client *k, bool clean, const char *why)
{
	close_session(c, k->receiving);
	end_receiving(c, k, clean, why);
}

/* The same in good order: a node that gets acknowledgements still gets the last one. */
static void end_session_cleanly(struct bc_clients *c, struct client *k, const char *why)
{
	struct session *s = k->receiving;

	if (!s->greeted) {
		end_session(c, k, true, why);
		return;
	}
	s->phase = ENDING;
	s->reads = 0;
	s->ring_full = false;
	update_events(c, s);
	k->ending = s;
	end_receiving(c, k, true, why);
}

static void close_ending(struct bc_clients *c, struct client *k)
{
	if (k->ending)
		close_session(c, k->ending);
	k->ending = NULL;
}

/* --- Answers. --- */

static void begin_telling(struct bc_clients *c, struct client *k, struct session *s)
{
	s->told = true;
	pthread_mutex_lock(&c->lock);
	k->status.acknowledged = true;
	pthread_mutex_unlock(&c->lock);
}

/* The next one, if there is one. True: nothing will follow it. */
static bool make_answer(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_ack_mark m;
	bool complete;

	if (s->hello_due) {
		struct bc_wire_hello h = { .flags = 0 };

		memcpy(h.centre, bc_ack_centre(k->ack), sizeof(h.centre));
		bc_wire_put_hello(s->out, &h);
		s->out_len = BC_WIRE_HELLO_MESSAGE;
		s->hello_due = false;
		s->greeted = true;
		return false;
	}
	if (!bc_ack_due(k->ack, s->connection, &m, &complete))
		return s->phase == ENDING && !k->draining;
	if (s->told && m.next == s->told_next)
		return complete;
	bc_wire_put_ack(s->out, &(struct bc_wire_ack){ .epoch = m.epoch, .next = m.next });
	s->out_len = BC_WIRE_ACK_MESSAGE;
	s->told_next = m.next;
	if (!s->told)
		begin_telling(c, k, s);
	return complete;
}

/* Send what is due, as far as the socket takes it. 1: and that was the last; 0; or an error. */
static int answer(struct bc_clients *c, struct client *k, struct session *s, struct bc_err *err)
{
	bool last = false;

	for (;;) {
		ptrdiff_t n;

		if (!s->out_len)
			last = make_answer(c, k, s);
		s->writes = 0;
		if (!s->out_len)
			break;
		n = bc_conn_write(s->conn, s->out, s->out_len, &s->writes, err);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return (int)n;
		s->out_len -= (size_t)n;
		memmove(s->out, s->out + n, s->out_len);
	}
	update_events(c, s);
	return last && !s->out_len;
}

static void answer_client(struct bc_clients *c, struct client *k)
{
	struct bc_err err;
	int r;

	if (!k->ack)
		return;
	r = k->receiving ? answer(c, k, k->receiving, &err) : 0;
	if (r < 0)
		end_session(c, k, false, err.msg);
	if (k->ending && answer(c, k, k->ending, &err))
		close_ending(c, k);
}

/* The spare byte of its first message says whether a node wants acknowledgements. */
static void look_at_begin(const struct client *k, struct session *s, const uint8_t *data, size_t n)
{
	if (s->received < 2 && s->received + n >= 2)
		s->hello_due = k->ack && data[1 - s->received] == BC_WIRE_ASKS;
	s->received += n;
}

/* The source has taken the last byte. */
static void on_drained(struct bc_clients *c, struct client *k)
{
	const char *why = k->recv_ring->src.why.msg;

	k->draining = false;
	bc_recv_ring_trim(k->recv_ring);
	pthread_mutex_lock(&c->lock);
	if (why[0] && strcmp(k->status.reason, why)) {
		size_t n = strlen(k->status.reason);

		snprintf(k->status.reason + n, sizeof(k->status.reason) - n, "; %.200s", why);
		k->clean = false;
	}
	k->status.connected = false;
	k->status.since_ns = bc_utc_ns();
	k->status.failures += !k->clean;
	pthread_mutex_unlock(&c->lock);
	notify(c, k, false);
	LOG(c, k, k->clean ? BC_NOTICE : BC_WARN, "%s: disconnected: %s", k->status.address, k->status.reason);
}

/* --- Their beginning. --- */

static void begin_receiving(struct bc_clients *c, struct client *k, struct session *s)
{
	const char *cert = bc_conn_cert_name(s->conn);

	close_ending(c, k);
	k->waiting = NULL;
	k->receiving = s;
	s->phase = RECEIVING;
	s->deadline_ns = bc_mono_ns() + c->cfg->handshake_ns;
	pthread_mutex_lock(&c->lock);
	k->status.connected = true;
	k->status.tls = s->tls;
	k->status.acknowledged = false;
	k->status.since_ns = bc_utc_ns();
	k->status.connections++;
	snprintf(k->status.address, sizeof(k->status.address), "%s", bc_conn_address(s->conn));
	snprintf(k->status.cert, sizeof(k->status.cert), "%.127s", cert);
	pthread_mutex_unlock(&c->lock);
	LOG(c, k, BC_NOTICE, "%s: connected%s%s%s", k->status.address, s->tls ? " by TLS" : "", cert[0] ? ", as " : "", cert);
	notify(c, k, true);
	s->connection = bc_recv_ring_open(k->recv_ring);
	s->unread = c->unread = true;
}

/* The newest connection of a client is the one that counts. */
static void take_over(struct bc_clients *c, struct client *k, struct session *s)
{
	leave_handshake(k, s);
	if (k->waiting)
		refuse_session(c, k, k->waiting, "a newer connection has come");
	if (k->receiving)
		end_session(c, k, true, "a newer connection has come");
	k->waiting = s;
	s->phase = WAITING;
	s->deadline_ns = 0;
	set_events(c, s, 0);
	if (bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE && !k->draining)
		begin_receiving(c, k, s);
}

/* A message of type 0 that is long enough for a link header. */
static bool begins_a_link_header(const uint8_t *b)
{
	return b[0] == BC_WIRE_LINK && bc_wire_length(b, BC_WIRE_HEADER) >= BC_WIRE_HEADER + BC_PCAP_FILE_HEADER;
}

/* A connection that sends nothing, or another protocol, does not replace an older one. */
static void candidate_step(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_err err = { "it closed the connection before it sent anything" };
	short events = 0;
	uint8_t b[BC_WIRE_HEADER];
	ptrdiff_t n = bc_conn_peek(s->conn, b, sizeof(b), &events, &err);

	if (n == -EAGAIN)
		set_events(c, s, events);
	else if (n <= 0)
		refuse_session(c, k, s, err.msg);
	else if (b[0] == BC_WIRE_LINK && n < BC_WIRE_HEADER)
		set_events(c, s, 0);	/* the timer looks again */
	else if (begins_a_link_header(b))
		take_over(c, k, s);
	else
		refuse_session(c, k, s, "it does not begin with a link header");
}

static void on_established(struct bc_clients *c, struct client *k, struct session *s)
{
	if (c->cfg->bind_names && s->tls && !bc_conn_cert_is(s->conn, k->name)) {
		char why[256];

		snprintf(why, sizeof(why), "its certificate is made out to '%.160s'", bc_conn_cert_name(s->conn));
		refuse_session(c, k, s, why);
	} else if (k->waiting || k->receiving) {
		s->phase = CANDIDATE;
		candidate_step(c, k, s);
	} else {
		take_over(c, k, s);
	}
}

static void handshake_step(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_err err;
	short events = 0;
	int r = bc_conn_handshake(s->conn, &events, &err);

	if (r == -EAGAIN)
		set_events(c, s, events);
	else if (r < 0)
		refuse_session(c, k, s, err.msg);
	else
		on_established(c, k, s);
}

static void set_keepalive(int fd)
{
	int one = 1, idle = KEEPALIVE_IDLE_S, interval = KEEPALIVE_INTERVAL_S, probes = KEEPALIVE_PROBES;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

/* Find room for one more handshake; the oldest is closed if necessary. */
static struct session **handshake_slot(struct bc_clients *c, struct client *k)
{
	struct session **oldest = &k->handshaking[0];

	for (int i = 0; i < HANDSHAKES_MAX; i++) {
		if (!k->handshaking[i])
			return &k->handshaking[i];
		if (k->handshaking[i]->deadline_ns < (*oldest)->deadline_ns)
			oldest = &k->handshaking[i];
	}
	refuse_session(c, k, *oldest, "too many handshakes at a time");
	return oldest;
}

void bc_clients_accept(struct bc_clients *c, int fd, const struct bc_allow *a)
{
	struct client *k = &c->client[a->client];
	struct session *s = calloc(1, sizeof(*s));
	struct bc_err err = { "no memory" };
	bool tls = a->tls || c->cfg->tls_all;
	int r = s ? bc_conn_accept(fd, tls ? c->cfg->tls : NULL, &s->conn, &err) : -ENOMEM;

	if (r < 0) {
		LOG(c, k, BC_WARN, "cannot take a connection: %s", err.msg);
		free(s);
		close(fd);
		return;
	}
	c->timed = true;
	set_keepalive(fd);
	s->watch = (struct bc_watch){ .kind = BC_WATCH_CLIENT, .fd = fd };
	s->client = a->client;
	s->tls = tls;
	s->deadline_ns = bc_mono_ns() + c->cfg->handshake_ns;
	*handshake_slot(c, k) = s;
	handshake_step(c, k, s);
}

/* --- Bytes. --- */

/* Nothing waits in the socket. */
static void wait_for_bytes(struct bc_clients *c, struct client *k, struct session *s, short events)
{
	s->reads = events;
	if (c->stop_ns)
		end_session_cleanly(c, k, "the collection ends");
	else
		update_events(c, s);
}

static void receive(struct bc_clients *c, struct client *k, struct session *s)
{
	uint32_t taken = 0;
	short events = POLLIN;
	struct bc_err err;

	s->unread = false;
	while (taken < READ_BUDGET) {
		size_t room;
		uint8_t *at = bc_recv_ring_room(k->recv_ring, &room);
		ptrdiff_t n;

		s->ring_full = !room;
		if (!room) {
			update_events(c, s);
			return;
		}
		n = bc_conn_read(s->conn, at, room < READ_BUDGET ? room : READ_BUDGET, &events, &err);
		if (n == -EAGAIN) {
			wait_for_bytes(c, k, s, events);
			return;
		}
		if (n == 0)
			end_session_cleanly(c, k, "closed by the peer");
		else if (n < 0)
			end_session(c, k, false, err.msg);
		if (n <= 0)
			return;
		look_at_begin(k, s, at, (size_t)n);
		bc_recv_ring_put(k->recv_ring, (size_t)n);
		bc_counter_add(&k->bytes, (uint64_t)n);
		taken += (uint32_t)n;
	}
	s->unread = c->unread = true;
}

void bc_clients_on_event(struct bc_clients *c, struct bc_watch *w)
{
	struct session *s = (struct session *)w;
	struct client *k = &c->client[s->client];

	c->timed = true;
	if (s->closed)
		return;
	if (s->phase == HANDSHAKE)
		handshake_step(c, k, s);
	else if (s->phase == CANDIDATE)
		candidate_step(c, k, s);
	else if (s->phase == RECEIVING && !s->ring_full)
		receive(c, k, s);
	if (!s->closed && (s->hello_due || s->out_len))
		answer_client(c, k);
}

/* --- What no event tells of. --- */

/* Thousands of clients that have sent much once, and are silent now, would keep a quarter of a megabyte each. */
static void trim_when_quiet(struct client *k, struct session *s, uint64_t now_ns)
{
	if (s->received != s->looked_at) {
		s->looked_at = s->received;
		s->quiet_ns = now_ns;
		s->trimmed = false;
	} else if (!s->trimmed && s->received && now_ns - s->quiet_ns >= TRIM_NS) {
		bc_recv_ring_trim(k->recv_ring);
		s->trimmed = true;
	}
}

static void check_receiving(struct bc_clients *c, struct client *k, uint64_t now_ns)
{
	struct session *s = k->receiving;

	if (bc_recv_ring_refused(k->recv_ring)) {
		end_session(c, k, false, k->recv_ring->src.why.msg);
		return;
	}
	trim_when_quiet(k, s, now_ns);
	if (s->deadline_ns && bc_recv_ring_headed(k->recv_ring))
		s->deadline_ns = 0;
	if (s->deadline_ns && now_ns > s->deadline_ns)
		end_session(c, k, false, "it sent no link header in time");
	else if (c->stop_ns && now_ns - c->stop_ns > STOP_NS)
		end_session(c, k, false, "the collection ends, and it still sends");
	else if (s->unread || s->ring_full || c->stop_ns)
		receive(c, k, s);
}

static void check_handshake(struct bc_clients *c, struct client *k, struct session *s, uint64_t now_ns)
{
	if (c->stop_ns)
		refuse_session(c, k, s, "the collection ends");
	else if (now_ns > s->deadline_ns)
		refuse_session(c, k, s, s->phase == CANDIDATE ? "it sent no link header in time" :
			       "it did not finish its handshake in time");
	else if (s->phase == CANDIDATE && !s->events)
		candidate_step(c, k, s);
}

static void on_timer(struct bc_clients *c, struct client *k, uint64_t now_ns)
{
	for (int i = 0; i < HANDSHAKES_MAX; i++)
		if (k->handshaking[i])
			check_handshake(c, k, k->handshaking[i], now_ns);
	if (k->waiting && c->stop_ns)
		refuse_session(c, k, k->waiting, "the collection ends");
	if (k->receiving)
		check_receiving(c, k, now_ns);
	answer_client(c, k);
	if (k->draining && bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE)
		on_drained(c, k);
	if (k->waiting && !k->draining && !k->receiving)
		begin_receiving(c, k, k->waiting);
}

static bool needs_timer(const struct client *k)
{
	if (k->waiting || k->draining || (k->receiving && (k->receiving->deadline_ns || k->receiving->ring_full)))
		return true;
	for (int s = 0; s < HANDSHAKES_MAX; s++)
		if (k->handshaking[s])
			return true;
	return false;
}

void bc_clients_on_timer(struct bc_clients *c, uint64_t mono_ns)
{
	c->unread = c->timed = false;
	for (uint32_t i = 0; i < c->n; i++) {
		on_timer(c, &c->client[i], mono_ns);
		c->timed |= needs_timer(&c->client[i]);
	}
}

bool bc_clients_unread(const struct bc_clients *c)
{
	return c->unread;
}

bool bc_clients_need_timer(const struct bc_clients *c)
{
	return c->timed || c->stop_ns;
}

bool bc_clients_ended(const struct bc_clients *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->client[i].receiving || c->client[i].draining)
			return false;
	return true;
}

bool bc_clients_ending(const struct bc_clients *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->client[i].ending)
			return true;
	return false;
}

void bc_clients_stop(struct bc_clients *c, uint64_t mono_ns)
{
	c->stop_ns = mono_ns;
}

/* --- From outside. --- */

static void know_clients(struct bc_clients *c, uint32_t n)
{
	for (; c->n < n; c->n++) {
		c->client[c->n].name = c->cfg->name[c->n];
		c->client[c->n].recv_ring = c->cfg->recv_ring[c->n];
		c->client[c->n].ack = c->cfg->ack ? c->cfg->ack[c->n] : NULL;
	}
}

static void disconnect(struct bc_clients *c, struct client *k)
{
	static const char why[] = "it is not allowed any more";

	for (int i = 0; i < HANDSHAKES_MAX; i++)
		if (k->handshaking[i])
			refuse_session(c, k, k->handshaking[i], why);
	if (k->waiting)
		refuse_session(c, k, k->waiting, why);
	if (k->receiving)
		end_session_cleanly(c, k, why);
}

void bc_clients_allow(struct bc_clients *c, const struct bc_collector_allow *list)
{
	know_clients(c, list->n_clients);
	for (uint32_t i = 0; i < c->n; i++)
		c->client[i].allowed = false;
	for (uint32_t i = 0; i < list->n; i++)
		c->client[list->entry[i].client].allowed = true;
	for (uint32_t i = 0; i < c->n; i++)
		if (!c->client[i].allowed)
			disconnect(c, &c->client[i]);
	c->timed = true;
}

int bc_clients_new(const struct bc_collector_config *cfg, int epoll, struct bc_clients **ret)
{
	struct bc_clients *c = calloc(1, sizeof(*c));

	if (c)
		c->client = calloc(cfg->max_clients, sizeof(*c->client));
	if (!c || !c->client) {
		free(c);
		return -ENOMEM;
	}
	c->cfg = cfg;
	c->epoll = epoll;
	pthread_mutex_init(&c->lock, NULL);
	know_clients(c, cfg->n_clients);
	*ret = c;
	return 0;
}

static void free_session(struct session *s)
{
	if (s)
		bc_conn_close(s->conn);
	free(s);
}

void bc_clients_free(struct bc_clients *c)
{
	if (!c)
		return;
	for (uint32_t i = 0; i < c->n; i++) {
		free_session(c->client[i].receiving);
		free_session(c->client[i].ending);
		free_session(c->client[i].waiting);
		for (int s = 0; s < HANDSHAKES_MAX; s++)
			free_session(c->client[i].handshaking[s]);
	}
	bc_clients_free_closed(c);
	pthread_mutex_destroy(&c->lock);
	free(c->client);
	free(c);
}

void bc_clients_status(struct bc_clients *c, uint32_t client, struct bc_collector_client *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->client[client].status;
	pthread_mutex_unlock(&c->lock);
	ret->bytes = bc_counter_get(&c->client[client].bytes);
}
