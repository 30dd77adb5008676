/* SPDX-License-Identifier: BSD-3-Clause */
/* How a client's connection begins: its handshake, and whether it takes the place of an older one. */
#include "bc_clients_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_pcap.h"

#define KEEPALIVE_IDLE_S 60		/* keepalive: a client that is silent for so long is probed, */
#define KEEPALIVE_INTERVAL_S 10		/* at this interval, */
#define KEEPALIVE_PROBES 6		/* until so many probes are unanswered */

void bc_clients_receive_from(struct bc_clients *c, struct client *k, struct session *s)
{
	const char *cert = bc_conn_cert_name(s->conn);

	bc_clients_close_ending(c, k);
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
	BC_CLIENTS_LOG(c, k, BC_NOTICE, "%s: connected%s%s%s", k->status.address, s->tls ? " by TLS" : "",
		       cert[0] ? ", as " : "", cert);
	bc_clients_notify(c, k, true);
	s->connection = bc_recv_ring_open(k->recv_ring);
	s->unread = c->unread = true;
}

/* The newest connection of a client is the one that counts. */
static void take_over(struct bc_clients *c, struct client *k, struct session *s)
{
	bc_clients_leave_handshake(k, s);
	if (k->waiting)
		bc_clients_refuse(c, k, k->waiting, "a newer connection has come");
	if (k->receiving)
		bc_clients_end_session(c, k, true, "a newer connection has come");
	k->waiting = s;
	s->phase = WAITING;
	s->deadline_ns = 0;
	bc_clients_set_events(c, s, 0);
	if (bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE && !k->draining)
		bc_clients_receive_from(c, k, s);
}

/* A message of type 0 that is long enough for a link header. */
static bool begins_a_link_header(const uint8_t *b)
{
	return b[0] == BC_WIRE_LINK && bc_wire_length(b, BC_WIRE_HEADER) >= BC_WIRE_HEADER + BC_PCAP_FILE_HEADER;
}

/* A connection that sends nothing, or another protocol, does not replace an older one. */
void bc_clients_candidate(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_err err = { "it closed the connection before it sent anything" };
	short events = 0;
	uint8_t b[BC_WIRE_HEADER];
	ptrdiff_t n = bc_conn_peek(s->conn, b, sizeof(b), &events, &err);

	if (n == -EAGAIN)
		bc_clients_set_events(c, s, events);
	else if (n <= 0)
		bc_clients_refuse(c, k, s, err.msg);
	else if (b[0] == BC_WIRE_LINK && n < BC_WIRE_HEADER)
		bc_clients_set_events(c, s, 0);	/* the timer looks again */
	else if (begins_a_link_header(b))
		take_over(c, k, s);
	else
		bc_clients_refuse(c, k, s, "it does not begin with a link header");
}

static void on_established(struct bc_clients *c, struct client *k, struct session *s)
{
	if (c->cfg->bind_names && s->tls && !bc_conn_cert_is(s->conn, k->name)) {
		char why[256];

		snprintf(why, sizeof(why), "its certificate is made out to '%.160s'", bc_conn_cert_name(s->conn));
		bc_clients_refuse(c, k, s, why);
	} else if (k->waiting || k->receiving) {
		s->phase = CANDIDATE;
		bc_clients_candidate(c, k, s);
	} else {
		take_over(c, k, s);
	}
}

void bc_clients_shake_hands(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_err err;
	short events = 0;
	int r = bc_conn_handshake(s->conn, &events, &err);

	if (r == -EAGAIN)
		bc_clients_set_events(c, s, events);
	else if (r < 0)
		bc_clients_refuse(c, k, s, err.msg);
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

	for (int i = 0; i < BC_CLIENTS_HANDSHAKES_MAX; i++) {
		if (!k->handshaking[i])
			return &k->handshaking[i];
		if (k->handshaking[i]->deadline_ns < (*oldest)->deadline_ns)
			oldest = &k->handshaking[i];
	}
	bc_clients_refuse(c, k, *oldest, "too many handshakes at a time");
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
		BC_CLIENTS_LOG(c, k, BC_WARN, "cannot take a connection: %s", err.msg);
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
	bc_clients_shake_hands(c, k, s);
}
