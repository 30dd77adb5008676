/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients and their bytes: what events and the timer bring about. */
#include "bc_clients_priv.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#define READ_BUDGET (128U * 1024)	/* of one client, before it is another's turn */
#define STOP_NS (3 * BC_NS_PER_S)	/* for what the sockets hold at a stop */
#define TRIM_NS (10 * BC_NS_PER_S)	/* of silence, before the memory of a receive ring is given back */

/* The spare byte of its first message says whether a node wants acknowledgements. */
static void look_at_begin(const struct client *k, struct session *s, const uint8_t *data, size_t n)
{
	if (s->received < 2 && s->received + n >= 2)
		s->hello_due = k->ack && data[1 - s->received] == BC_WIRE_ASKS;
	s->received += n;
}

/* Nothing waits in the socket. */
static void wait_for_bytes(struct bc_clients *c, struct client *k, struct session *s, short events)
{
	s->reads = events;
	if (c->stop_ns)
		bc_clients_end_cleanly(c, k, "the collection ends");
	else
		bc_clients_update_events(c, s);
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
			bc_clients_update_events(c, s);
			return;
		}
		n = bc_conn_read(s->conn, at, room < READ_BUDGET ? room : READ_BUDGET, &events, &err);
		if (n == -EAGAIN) {
			wait_for_bytes(c, k, s, events);
			return;
		}
		if (n == 0)
			bc_clients_end_cleanly(c, k, "closed by the peer");
		else if (n < 0)
			bc_clients_end_session(c, k, false, err.msg);
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
		bc_clients_shake_hands(c, k, s);
	else if (s->phase == CANDIDATE)
		bc_clients_candidate(c, k, s);
	else if (s->phase == RECEIVING && !s->ring_full)
		receive(c, k, s);
	if (!s->closed && (s->hello_due || s->out_len))
		bc_clients_answer(c, k);
}

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
		bc_clients_end_session(c, k, false, k->recv_ring->src.why.msg);
		return;
	}
	trim_when_quiet(k, s, now_ns);
	if (s->deadline_ns && bc_recv_ring_headed(k->recv_ring))
		s->deadline_ns = 0;
	if (s->deadline_ns && now_ns > s->deadline_ns)
		bc_clients_end_session(c, k, false, "it sent no link header in time");
	else if (c->stop_ns && now_ns - c->stop_ns > STOP_NS)
		bc_clients_end_session(c, k, false, "the collection ends, and it still sends");
	else if (s->unread || s->deaf || s->ring_full || c->stop_ns)
		receive(c, k, s);
}

static void check_handshake(struct bc_clients *c, struct client *k, struct session *s, uint64_t now_ns)
{
	if (c->stop_ns)
		bc_clients_refuse(c, k, s, "the collection ends");
	else if (now_ns > s->deadline_ns)
		bc_clients_refuse(c, k, s, s->phase == CANDIDATE ? "it sent no link header in time" :
			       "it did not finish its handshake in time");
	else if (s->phase == CANDIDATE && !s->events)
		bc_clients_candidate(c, k, s);
	else if (s->phase == HANDSHAKE && s->deaf)
		bc_clients_shake_hands(c, k, s);
}

static void on_timer(struct bc_clients *c, struct client *k, uint64_t now_ns)
{
	for (int i = 0; i < BC_CLIENTS_HANDSHAKES_MAX; i++)
		if (k->handshaking[i])
			check_handshake(c, k, k->handshaking[i], now_ns);
	if (k->waiting && c->stop_ns)
		bc_clients_refuse(c, k, k->waiting, "the collection ends");
	if (k->receiving)
		check_receiving(c, k, now_ns);
	bc_clients_answer(c, k);
	if (k->draining && bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE)
		bc_clients_drained(c, k);
	if (k->waiting && !k->draining && !k->receiving)
		bc_clients_receive_from(c, k, k->waiting);
}

static bool needs_timer(const struct client *k)
{
	if (k->waiting || k->draining || (k->receiving && (k->receiving->deadline_ns || k->receiving->ring_full || k->receiving->deaf)))
		return true;
	for (int s = 0; s < BC_CLIENTS_HANDSHAKES_MAX; s++)
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

	for (int i = 0; i < BC_CLIENTS_HANDSHAKES_MAX; i++)
		if (k->handshaking[i])
			bc_clients_refuse(c, k, k->handshaking[i], why);
	if (k->waiting)
		bc_clients_refuse(c, k, k->waiting, why);
	if (k->receiving)
		bc_clients_end_cleanly(c, k, why);
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
		for (int s = 0; s < BC_CLIENTS_HANDSHAKES_MAX; s++)
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
