/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_collector.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_clients.h"
#include "bc_log_limit.h"
#include "bc_thread.h"

#define EVENTS 64
#define TIMER_NS (50 * BC_NS_PER_MS)	/* between looks at what no event tells of */
#define IDLE_MS 1000
/* That look is not taken more often than so many ns for each client: with thousands of them it would take all the time. */
#define TIMER_REST_NS 4000U
#define REST_CLIENTS 256U	/* fewer are looked at whenever there is reason to */

struct bc_collector {
	struct bc_collector_config cfg;
	pthread_t thread;
	bool started;
	int epoll;
	struct bc_watch wake;
	struct bc_watch *listener;
	struct bc_clients *clients;
	bc_counter_t refused;
	_Atomic bool stop, quit, done;
	_Atomic(struct bc_collector_allow *) next;	/* control sets, the thread takes it; NULL: none */
	struct bc_collector_allow *allow;	/* the thread's: what cfg.allow is of; NULL: the caller's */

	/* The thread. */
	struct bc_log_limit limit;	/* of lines that unknown peers cause */
	uint64_t timer_ns;		/* when it last ran */
	bool due;			/* it has reason to */
	bool stopping;
};

static void accept_some(struct bc_collector *c, int listener)
{
	for (int i = 0; i < EVENTS; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		const struct bc_allow *a;
		char text[BC_ADDRESS_MAX];

		if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			bc_log_limited(c->cfg.log, &c->limit, BC_ERROR, NULL, "cannot accept connections: %s",
				       strerror(errno));
			/* epoll reports again at once what still waits: pause, to avoid a busy loop. */
			usleep(5000);
		}
		if (fd < 0)
			return;
		a = bc_allow_find(c->cfg.allow, c->cfg.n_allow, (struct sockaddr *)&from);
		if (a) {
			bc_clients_accept(c->clients, fd, a);
			continue;
		}
		bc_counter_add(&c->refused, 1);
		bc_listen_text((struct sockaddr *)&from, text, sizeof(text));
		bc_log_limited(c->cfg.log, &c->limit, BC_WARN, NULL, "%s: not allowed: the connection is refused",
			       text);
		close(fd);
	}
}

/* True if the thread was woken. */
static bool dispatch(struct bc_collector *c, struct bc_watch *w)
{
	eventfd_t times;

	if (w->kind == BC_WATCH_LISTENER && w->fd >= 0)
		accept_some(c, w->fd);
	else if (w->kind == BC_WATCH_CLIENT)
		bc_clients_on_event(c->clients, w);
	return w->kind == BC_WATCH_WAKE && eventfd_read(w->fd, &times) == 0;
}

static void stop_listening(struct bc_collector *c)
{
	for (uint32_t i = 0; i < c->cfg.n_listen; i++)
		if (c->listener[i].fd >= 0) {
			close(c->listener[i].fd);
			c->listener[i].fd = -1;
		}
}

static void begin_stop(struct bc_collector *c)
{
	c->stopping = true;
	bc_clients_stop(c->clients, bc_mono_ns());
	stop_listening(c);
}

static uint64_t rest_ns(const struct bc_collector *c)
{
	return c->cfg.n_clients > REST_CLIENTS ? (uint64_t)c->cfg.n_clients * TIMER_REST_NS : 0;
}

static int timeout_ms(const struct bc_collector *c)
{
	if (c->due || bc_clients_unread(c->clients))
		return (int)((rest_ns(c) + BC_NS_PER_MS - 1) / BC_NS_PER_MS);
	return bc_clients_need_timer(c->clients) ? (int)(TIMER_NS / BC_NS_PER_MS) : IDLE_MS;
}

static void run_timer(struct bc_collector *c)
{
	uint64_t now_ns = bc_mono_ns();
	bool due = c->due || bc_clients_unread(c->clients);

	if (now_ns - c->timer_ns < (due ? rest_ns(c) : TIMER_NS))
		return;
	c->timer_ns = now_ns;
	c->due = false;
	bc_clients_on_timer(c->clients, now_ns);
}

static void take_list(struct bc_collector *c)
{
	struct bc_collector_allow *list = atomic_exchange(&c->next, NULL);

	if (!list)
		return;
	bc_clients_allow(c->clients, list);
	c->cfg.allow = list->entry;
	c->cfg.n_allow = list->n;
	free(c->allow);
	c->allow = list;
	c->due = true;
}

static void *run(void *arg)
{
	struct bc_collector *c = arg;
	struct epoll_event e[EVENTS];
	bool quit = false;

	while (!quit && !(atomic_load(&c->done) && !bc_clients_ending(c->clients))) {
		int n = epoll_wait(c->epoll, e, EVENTS, timeout_ms(c));

		/* First, too: who comes after the list was changed is judged by it. */
		take_list(c);
		/* Read first: what was to be done when it was set is done once more. */
		quit = atomic_load(&c->quit);
		for (int i = 0; i < n; i++)
			c->due |= dispatch(c, e[i].data.ptr);
		if (!c->stopping && atomic_load(&c->stop)) {
			begin_stop(c);
			c->due = true;
		}
		run_timer(c);
		bc_clients_free_closed(c->clients);
		/* Acknowledgements still go out while what came is being written. */
		if (c->stopping && bc_clients_ended(c->clients))
			atomic_store(&c->done, true);
	}
	atomic_store(&c->done, true);
	return NULL;
}

static int listen_on_all(struct bc_collector *c, struct bc_err *err)
{
	for (uint32_t i = 0; i < c->cfg.n_listen; i++) {
		struct epoll_event e = { .events = EPOLLIN, .data.ptr = &c->listener[i] };
		int fd = bc_listen_open(&c->cfg.listen[i], err);

		if (fd < 0)
			return fd;
		c->listener[i].fd = fd;
		if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
			return bc_err_set(err, -errno, "%s: %s", c->cfg.listen[i].text, strerror(errno));
	}
	return 0;
}

static int open_epoll(struct bc_collector *c, struct bc_err *err)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = &c->wake };

	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	c->wake = (struct bc_watch){ .kind = BC_WATCH_WAKE, .fd = c->cfg.wake_fd };
	if (c->epoll < 0 || epoll_ctl(c->epoll, EPOLL_CTL_ADD, c->cfg.wake_fd, &e) < 0)
		return bc_err_set(err, -errno, "epoll: %s", strerror(errno));
	return 0;
}

int bc_collector_new(const struct bc_collector_config *cfg, struct bc_collector **ret, struct bc_err *err)
{
	struct bc_collector *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for the network");
	c->cfg = *cfg;
	c->listener = calloc(cfg->n_listen, sizeof(*c->listener));
	for (uint32_t i = 0; c->listener && i < cfg->n_listen; i++)
		c->listener[i] = (struct bc_watch){ .kind = BC_WATCH_LISTENER, .fd = -1 };
	r = open_epoll(c, err);
	if (!r && (!c->listener || bc_clients_new(&c->cfg, c->epoll, &c->clients)))
		r = bc_err_set(err, -ENOMEM, "no memory for the network");
	if (!r)
		r = listen_on_all(c, err);
	if (r) {
		bc_collector_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

int bc_collector_start(struct bc_collector *c)
{
	int r = bc_thread_start(&c->thread, "bc-collect", run, c);

	c->started = r == 0;
	return r;
}

void bc_collector_allow(struct bc_collector *c, struct bc_collector_allow *list)
{
	free(atomic_exchange(&c->next, list));
	eventfd_write(c->cfg.wake_fd, 1);
}

void bc_collector_stop(struct bc_collector *c)
{
	atomic_store(&c->stop, true);
	eventfd_write(c->cfg.wake_fd, 1);
}

bool bc_collector_done(const struct bc_collector *c)
{
	return atomic_load(&c->done);
}

void bc_collector_free(struct bc_collector *c)
{
	if (!c)
		return;
	if (c->started) {
		atomic_store(&c->quit, true);
		bc_collector_stop(c);
		pthread_join(c->thread, NULL);
	}
	if (c->listener)
		stop_listening(c);
	bc_clients_free(c->clients);
	if (c->epoll >= 0)
		close(c->epoll);
	free(c->listener);
	free(atomic_exchange(&c->next, NULL));
	free(c->allow);
	free(c);
}

void bc_collector_client(struct bc_collector *c, uint32_t client, struct bc_collector_client *ret)
{
	bc_clients_status(c->clients, client, ret);
}

uint64_t bc_collector_refused(const struct bc_collector *c)
{
	return bc_counter_get(&c->refused);
}
