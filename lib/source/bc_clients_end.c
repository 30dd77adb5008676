/* SPDX-License-Identifier: BSD-3-Clause */
/* How a client's connection ends, and what remains to be done then. */
#include "bc_clients_priv.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

void bc_clients_notify(struct bc_clients *c, const struct client *k, bool connected)
{
	if (c->cfg->event)
		c->cfg->event(c->cfg->ctx, (uint32_t)(k - c->client), connected);
}

void bc_clients_set_events(struct bc_clients *c, struct session *s, short events)
{
	struct epoll_event e = { .events = 0, .data.ptr = &s->watch };

	s->deaf = false;
	if (events == s->events)
		return;
	/*
	 * The event bits of poll(2) and epoll(7) are the same. A session that waits for nothing is taken out of the
	 * set: otherwise epoll would report its hangup again and again.
	 */
	e.events = (uint32_t)events;
	s->deaf = epoll_ctl(c->epoll, !s->events ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, s->watch.fd, &e) < 0;
	c->timed |= s->deaf;
	if (!s->deaf)
		s->events = events;
}

/* While its ring is full nothing is read, and an answer that waits for POLLIN waits too. */
void bc_clients_update_events(struct bc_clients *c, struct session *s)
{
	bc_clients_set_events(c, s, s->ring_full ? s->writes & POLLOUT : s->reads | s->writes);
}

/* An event already returned by epoll may still point to it, so it is freed later. */
static void close_session(struct bc_clients *c, struct session *s)
{
	short events;

	bc_clients_set_events(c, s, 0);
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

static void count_failure(struct bc_clients *c, struct client *k)
{
	pthread_mutex_lock(&c->lock);
	k->status.failures++;
	pthread_mutex_unlock(&c->lock);
}

void bc_clients_leave_handshake(struct client *k, const struct session *s)
{
	for (int i = 0; i < BC_CLIENTS_HANDSHAKES_MAX; i++)
		if (k->handshaking[i] == s)
			k->handshaking[i] = NULL;
}

/* End a connection that is not receiving yet. */
void bc_clients_refuse(struct bc_clients *c, struct client *k, struct session *s, const char *why)
{
	BC_CLIENTS_LOG(c, k, BC_WARN, "%s: %s: the connection is refused", bc_conn_address(s->conn), why);
	count_failure(c, k);
	bc_clients_leave_handshake(k, s);
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
void bc_clients_end_session(struct bc_clients *c, struct client *k, bool clean, const char *why)
{
	close_session(c, k->receiving);
	end_receiving(c, k, clean, why);
}

/* The same in good order: a node that gets acknowledgements still gets the last one. */
void bc_clients_end_cleanly(struct bc_clients *c, struct client *k, const char *why)
{
	struct session *s = k->receiving;

	if (!s->greeted) {
		bc_clients_end_session(c, k, true, why);
		return;
	}
	s->phase = ENDING;
	s->reads = 0;
	s->ring_full = false;
	bc_clients_update_events(c, s);
	k->ending = s;
	end_receiving(c, k, true, why);
}

void bc_clients_close_ending(struct bc_clients *c, struct client *k)
{
	if (k->ending)
		close_session(c, k->ending);
	k->ending = NULL;
}

/* The source has taken the last byte. */
void bc_clients_drained(struct bc_clients *c, struct client *k)
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
	bc_clients_notify(c, k, false);
	BC_CLIENTS_LOG(c, k, k->clean ? BC_NOTICE : BC_WARN, "%s: disconnected: %s", k->status.address,
		       k->status.reason);
}
