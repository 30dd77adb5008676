/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How long a client may take: for a request in all, however slowly its bytes come, for taking what it was sent, and between two
 * requests. A thread shuts sockets down whose time is over; libmicrohttpd, which only knows silence, then ends the connection.
 */
#include <poll.h>
#include <stdlib.h>

#include "bc_http_priv.h"
#include "bc_thread.h"
#include "bc_time.h"

#define LOOK_NS (500 * BC_NS_PER_MS)

struct bc_http_connection *bc_http_arrived(struct bc_http *h, int fd)
{
	struct bc_http_connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->deadline_mono_ns = bc_mono_ns() + BC_HTTP_PATIENCE_NS;
	pthread_mutex_lock(&h->lock);
	c->next = h->connections;
	h->connections = c;
	pthread_mutex_unlock(&h->lock);
	return c;
}

void bc_http_left(struct bc_http *h, struct bc_http_connection *c)
{
	pthread_mutex_lock(&h->lock);
	for (struct bc_http_connection **p = &h->connections; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	pthread_mutex_unlock(&h->lock);
	free(c);
}

void bc_http_patience(struct bc_http *h, struct bc_http_connection *c, uint64_t ns)
{
	if (!c)
		return;
	pthread_mutex_lock(&h->lock);
	c->deadline_mono_ns = ns == UINT64_MAX ? ns : bc_mono_ns() + ns;
	pthread_mutex_unlock(&h->lock);
}

struct bc_http_connection *bc_http_connection_of(struct MHD_Connection *c)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

bool bc_request_gone(const struct bc_request *q)
{
	const struct bc_http_connection *c = bc_http_connection_of(q->connection);
	struct pollfd p = { .fd = c ? c->fd : -1, .events = POLLRDHUP };

	return poll(&p, 1, 0) > 0;
}

/* The socket is closed only after bc_http_left(): no other file has its number. */
static void *look(void *arg)
{
	struct bc_http *h = arg;

	while (!bc_http_over(h)) {
		uint64_t now_ns = bc_mono_ns();

		pthread_mutex_lock(&h->lock);
		for (const struct bc_http_connection *c = h->connections; c; c = c->next)
			if (c->deadline_mono_ns <= now_ns)
				shutdown(c->fd, SHUT_RDWR);
		pthread_mutex_unlock(&h->lock);
		bc_http_sleep(h, LOOK_NS);
	}
	return NULL;
}

int bc_http_warden_start(struct bc_http *h)
{
	int r = bc_thread_start(&h->warden, "bc-http-warden", look, h);

	h->has_warden = !r;
	return r;
}

void bc_http_warden_stop(struct bc_http *h)
{
	pthread_mutex_lock(&h->lock);
	atomic_store(&h->over, true);
	pthread_cond_broadcast(&h->ending);
	pthread_mutex_unlock(&h->lock);
	if (h->has_warden)
		pthread_join(h->warden, NULL);
	h->has_warden = false;
}

bool bc_http_over(const struct bc_http *h)
{
	return atomic_load(&h->over);
}

void bc_http_sleep(struct bc_http *h, uint64_t ns)
{
	uint64_t until_ns = bc_mono_ns() + ns;
	const struct timespec until = { .tv_sec = (time_t)(until_ns / BC_NS_PER_S), .tv_nsec = (long)(until_ns % BC_NS_PER_S) };

	pthread_mutex_lock(&h->lock);
	while (!bc_http_over(h) && !pthread_cond_timedwait(&h->ending, &h->lock, &until))
		;
	pthread_mutex_unlock(&h->lock);
}
