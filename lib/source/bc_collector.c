/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_collector.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_conn.h"
#include "bc_log_limit.h"
#include "bc_thread.h"

#define EVENTS 64
#define SHAKING_MAX 4			/* handshakes of one client at a time */
#define READ_BUDGET (128U * 1024)	/* of one peer, before it is another's turn */
#define TEND_NS (50 * BC_NS_PER_MS)	/* between looks at deadlines */
#define IDLE_MS 1000
#define STOP_NS (3 * BC_NS_PER_S)	/* for what the sockets hold at a stop */
#define KEEP_IDLE_S 60			/* a peer that is silent for so long is asked whether it is there, */
#define KEEP_EVERY_S 10			/* so often, */
#define KEEP_TIMES 6			/* and so many times in vain */

enum kind { LISTENER, WAKE, SESSION };

/* What epoll's events point to. */
struct watch {
	enum kind kind;
	int fd;
};

enum phase {
	SHAKING,	/* TLS */
	WAITING,	/* for the receive ring */
	UP,
};

/* A connection. */
struct session {
	struct watch watch;
	struct session *next_dead;
	struct bc_conn *conn;
	uint32_t client;
	enum phase phase;
	bool tls;
	short asked;		/* of epoll; 0: it is not in the set */
	bool dead;
	bool hungry;		/* bytes may wait where epoll does not see them */
	bool starved;		/* the receive ring is full */
	uint64_t deadline_ns;	/* 0: none */
};

struct client {
	const char *name;
	struct bc_recv_ring *recv_ring;
	struct session *shaking[SHAKING_MAX];
	struct session *next;	/* waits until the source is done with the one before */
	struct session *up;
	bool ending;		/* the receive ring is ENDED, and the source not done yet */
	bool clean;		/* the end was in good order */
	struct bc_log_limit limit;
	bc_counter_t bytes;
	struct bc_collector_client told;	/* under the lock */
};

struct bc_collector {
	struct bc_collector_config cfg;
	pthread_t thread;
	pthread_mutex_t lock;	/* of what is told of the clients */
	bool started;
	int epoll;
	struct watch wake;
	struct watch *listener;
	struct client *client;
	struct session *dead;	/* freed when no event can name it any more */
	struct bc_log_limit limit;
	bc_counter_t refused;
	uint64_t tended_ns;
	uint64_t stop_ns;	/* when the stop was seen; 0: it was not */
	bool hungry;		/* a session is */
	_Atomic bool stop, quit, done;
};

static void say(struct bc_collector *c, struct client *k, enum bc_level level, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Of a client, or (NULL) of strangers. */
static void say(struct bc_collector *c, struct client *k, enum bc_level level, const char *fmt, ...)
{
	struct bc_err line;
	uint64_t untold;
	va_list ap;

	if (!bc_log_limit(k ? &k->limit : &c->limit, bc_mono_ns(), &untold))
		return;
	if (untold)
		bc_log(c->cfg.log, level, "%s%s%llu lines like this were left out", k ? k->name : "", k ? ": " : "",
		       (unsigned long long)untold);
	va_start(ap, fmt);
	vsnprintf(line.msg, sizeof(line.msg), fmt, ap);
	va_end(ap);
	bc_log(c->cfg.log, level, "%s%s%s", k ? k->name : "", k ? ": " : "", line.msg);
}

static void tell(struct bc_collector *c, const struct client *k, bool connected)
{
	if (c->cfg.event)
		c->cfg.event(c->cfg.ctx, (uint32_t)(k - c->client), connected);
}

static void ask(struct bc_collector *c, struct session *s, short events)
{
	struct epoll_event e = { .events = 0, .data.ptr = &s->watch };

	if (events == s->asked)
		return;
	/* poll(2)'s words and epoll's are the same. A session that waits for nothing is taken out: else its end would come for ever. */
	e.events = (uint32_t)events;
	epoll_ctl(c->epoll, !s->asked ? EPOLL_CTL_ADD : events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL, s->watch.fd, &e);
	s->asked = events;
}

static void bury(struct bc_collector *c, struct session *s)
{
	ask(c, s, 0);
	bc_conn_close(s->conn);
	s->dead = true;
	s->next_dead = c->dead;
	c->dead = s;
}

static void free_dead(struct bc_collector *c)
{
	while (c->dead) {
		struct session *next = c->dead->next_dead;

		free(c->dead);
		c->dead = next;
	}
}

/* --- The end of connections. --- */

static void count_failure(struct bc_collector *c, struct client *k)
{
	pthread_mutex_lock(&c->lock);
	k->told.failures++;
	pthread_mutex_unlock(&c->lock);
}

/* Of one that never came up. */
static void give_up(struct bc_collector *c, struct client *k, struct session *s, const char *why)
{
	say(c, k, BC_WARN, "%s: %s: the connection is refused", bc_conn_address(s->conn), why);
	count_failure(c, k);
	for (int i = 0; i < SHAKING_MAX; i++)
		if (k->shaking[i] == s)
			k->shaking[i] = NULL;
	if (k->next == s)
		k->next = NULL;
	bury(c, s);
}

static void hang_up(struct bc_collector *c, struct client *k, bool clean, const char *why)
{
	pthread_mutex_lock(&c->lock);
	snprintf(k->told.reason, sizeof(k->told.reason), "%.255s", why);
	pthread_mutex_unlock(&c->lock);
	k->clean = clean;
	k->ending = true;
	bury(c, k->up);
	k->up = NULL;
	bc_recv_ring_end(k->recv_ring);
}

/* The source has taken the last byte. */
static void ended(struct bc_collector *c, struct client *k)
{
	const char *why = k->recv_ring->src.why.msg;

	k->ending = false;
	pthread_mutex_lock(&c->lock);
	if (why[0] && strcmp(k->told.reason, why)) {
		size_t n = strlen(k->told.reason);

		snprintf(k->told.reason + n, sizeof(k->told.reason) - n, "; %.200s", why);
		k->clean = false;
	}
	k->told.connected = false;
	k->told.since_ns = bc_utc_ns();
	k->told.failures += !k->clean;
	pthread_mutex_unlock(&c->lock);
	tell(c, k, false);
	say(c, k, k->clean ? BC_NOTICE : BC_WARN, "%s: disconnected: %s", k->told.address, k->told.reason);
}

/* --- Their beginning. --- */

static void come_up(struct bc_collector *c, struct client *k, struct session *s)
{
	const char *cert = bc_conn_cert_name(s->conn);

	k->next = NULL;
	k->up = s;
	s->phase = UP;
	s->deadline_ns = bc_mono_ns() + c->cfg.handshake_ns;
	pthread_mutex_lock(&c->lock);
	k->told.connected = true;
	k->told.tls = s->tls;
	k->told.since_ns = bc_utc_ns();
	k->told.connections++;
	snprintf(k->told.address, sizeof(k->told.address), "%s", bc_conn_address(s->conn));
	snprintf(k->told.cert, sizeof(k->told.cert), "%.127s", cert);
	pthread_mutex_unlock(&c->lock);
	say(c, k, BC_NOTICE, "%s: connected%s%s%s", k->told.address, s->tls ? " by TLS" : "", cert[0] ? ", as " : "", cert);
	tell(c, k, true);
	bc_recv_ring_open(k->recv_ring);
	s->hungry = c->hungry = true;
}

/* The handshake is done: the newest connection of a client is the one that counts. */
static void join(struct bc_collector *c, struct client *k, struct session *s)
{
	for (int i = 0; i < SHAKING_MAX; i++)
		if (k->shaking[i] == s)
			k->shaking[i] = NULL;
	if (c->cfg.bind_names && s->tls && !bc_conn_cert_is(s->conn, k->name)) {
		char why[256];

		snprintf(why, sizeof(why), "its certificate is made out to '%.160s'", bc_conn_cert_name(s->conn));
		give_up(c, k, s, why);
		return;
	}
	if (k->next)
		give_up(c, k, k->next, "a newer connection has come");
	if (k->up)
		hang_up(c, k, true, "a newer connection has come");
	k->next = s;
	s->phase = WAITING;
	s->deadline_ns = 0;
	ask(c, s, 0);
	if (bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE && !k->ending)
		come_up(c, k, s);
}

static void shake(struct bc_collector *c, struct client *k, struct session *s)
{
	struct bc_err err;
	short events = 0;
	int r = bc_conn_handshake(s->conn, &events, &err);

	if (r == -EAGAIN)
		ask(c, s, events);
	else if (r < 0)
		give_up(c, k, s, err.msg);
	else
		join(c, k, s);
}

static void keep_alive(int fd)
{
	int one = 1, idle = KEEP_IDLE_S, every = KEEP_EVERY_S, times = KEEP_TIMES;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every, sizeof(every));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &times, sizeof(times));
}

/* The place for one more handshake; the oldest gives way. */
static struct session **shaking_place(struct bc_collector *c, struct client *k)
{
	struct session **oldest = &k->shaking[0];

	for (int i = 0; i < SHAKING_MAX; i++) {
		if (!k->shaking[i])
			return &k->shaking[i];
		if (k->shaking[i]->deadline_ns < (*oldest)->deadline_ns)
			oldest = &k->shaking[i];
	}
	give_up(c, k, *oldest, "too many handshakes at a time");
	return oldest;
}

static void welcome(struct bc_collector *c, int fd, const struct bc_allow *a)
{
	struct client *k = &c->client[a->client];
	struct session *s = calloc(1, sizeof(*s));
	struct bc_err err = { "no memory" };
	bool tls = a->tls || c->cfg.tls_all;
	int r = s ? bc_conn_accept(fd, tls ? c->cfg.tls : NULL, &s->conn, &err) : -ENOMEM;

	if (r < 0) {
		say(c, k, BC_WARN, "a connection cannot be taken: %s", err.msg);
		free(s);
		close(fd);
		return;
	}
	keep_alive(fd);
	s->watch = (struct watch){ .kind = SESSION, .fd = fd };
	s->client = a->client;
	s->tls = tls;
	s->deadline_ns = bc_mono_ns() + c->cfg.handshake_ns;
	*shaking_place(c, k) = s;
	shake(c, k, s);
}

static void accept_some(struct bc_collector *c, int listener)
{
	for (int i = 0; i < EVENTS; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		const struct bc_allow *a;
		char text[BC_ADDRESS_MAX];

		if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
			say(c, NULL, BC_ERROR, "no connection can be accepted: %s", strerror(errno));
			/* What waits is told of at once again: do not ask for it in a tight loop. */
			usleep(5000);
		}
		if (fd < 0)
			return;
		a = bc_allow_find(c->cfg.allow, c->cfg.n_allow, (struct sockaddr *)&from);
		if (a) {
			welcome(c, fd, a);
			continue;
		}
		bc_counter_add(&c->refused, 1);
		bc_listen_text((struct sockaddr *)&from, text, sizeof(text));
		say(c, NULL, BC_WARN, "%s: is not allowed: the connection is refused", text);
		close(fd);
	}
}

/* --- Bytes. --- */

static void take_bytes(struct bc_collector *c, struct client *k, struct session *s)
{
	uint32_t taken = 0;
	short events = POLLIN;
	struct bc_err err;

	s->hungry = false;
	while (taken < READ_BUDGET) {
		size_t room;
		uint8_t *at = bc_recv_ring_room(k->recv_ring, &room);
		ptrdiff_t n;

		s->starved = !room;
		if (!room) {
			ask(c, s, 0);
			return;
		}
		n = bc_conn_read(s->conn, at, room < READ_BUDGET ? room : READ_BUDGET, &events, &err);
		if (n == -EAGAIN) {
			if (c->stop_ns)
				hang_up(c, k, true, "the collection ends");
			else
				ask(c, s, events);
			return;
		}
		if (n <= 0) {
			hang_up(c, k, n == 0, n ? err.msg : "closed by the peer");
			return;
		}
		bc_recv_ring_put(k->recv_ring, (size_t)n);
		bc_counter_add(&k->bytes, (uint64_t)n);
		taken += (uint32_t)n;
	}
	s->hungry = c->hungry = true;
}

static void serve(struct bc_collector *c, struct session *s)
{
	struct client *k = &c->client[s->client];

	if (s->dead)
		return;
	if (s->phase == SHAKING)
		shake(c, k, s);
	else if (s->phase == UP && !s->starved)
		take_bytes(c, k, s);
}

/* --- What no event tells of. --- */

static void tend_up(struct bc_collector *c, struct client *k, uint64_t now_ns)
{
	struct session *s = k->up;

	if (bc_recv_ring_refused(k->recv_ring)) {
		hang_up(c, k, false, k->recv_ring->src.why.msg);
		return;
	}
	if (s->deadline_ns && bc_recv_ring_headed(k->recv_ring))
		s->deadline_ns = 0;
	if (s->deadline_ns && now_ns > s->deadline_ns)
		hang_up(c, k, false, "it sent no link header in time");
	else if (c->stop_ns && now_ns - c->stop_ns > STOP_NS)
		hang_up(c, k, false, "the collection ends, and it still sends");
	else if (s->hungry || s->starved || c->stop_ns)
		take_bytes(c, k, s);
}

static void tend(struct bc_collector *c, struct client *k, uint64_t now_ns)
{
	for (int i = 0; i < SHAKING_MAX; i++)
		if (k->shaking[i] && (c->stop_ns || now_ns > k->shaking[i]->deadline_ns))
			give_up(c, k, k->shaking[i], c->stop_ns ? "the collection ends" : "it did not finish its handshake in time");
	if (k->next && c->stop_ns)
		give_up(c, k, k->next, "the collection ends");
	if (k->up)
		tend_up(c, k, now_ns);
	if (k->ending && bc_recv_ring_state(k->recv_ring) == BC_RECV_RING_IDLE)
		ended(c, k);
	if (k->next && !k->ending && !k->up)
		come_up(c, k, k->next);
}

static void tend_all(struct bc_collector *c)
{
	c->tended_ns = bc_mono_ns();
	c->hungry = false;
	for (uint32_t i = 0; i < c->cfg.n_clients; i++)
		tend(c, &c->client[i], c->tended_ns);
}

static void stop_listening(struct bc_collector *c)
{
	for (uint32_t i = 0; i < c->cfg.n_listen; i++)
		if (c->listener[i].fd >= 0) {
			close(c->listener[i].fd);
			c->listener[i].fd = -1;
		}
}

/* Has every connection ended, to its last byte? */
static bool all_over(const struct bc_collector *c)
{
	for (uint32_t i = 0; i < c->cfg.n_clients; i++)
		if (c->client[i].up || c->client[i].ending)
			return false;
	return true;
}

/* Until when nothing needs to be looked at that no event tells of. */
static int timeout_ms(const struct bc_collector *c)
{
	if (c->hungry)
		return 0;
	for (uint32_t i = 0; i < c->cfg.n_clients; i++) {
		const struct client *k = &c->client[i];

		if (c->stop_ns || k->next || k->ending || (k->up && (k->up->deadline_ns || k->up->starved)))
			return TEND_NS / BC_NS_PER_MS;
		for (int s = 0; s < SHAKING_MAX; s++)
			if (k->shaking[s])
				return TEND_NS / BC_NS_PER_MS;
	}
	return IDLE_MS;
}

static void *run(void *arg)
{
	struct bc_collector *c = arg;
	struct epoll_event e[EVENTS];

	for (;;) {
		int n = epoll_wait(c->epoll, e, EVENTS, timeout_ms(c));
		bool woken = false;

		for (int i = 0; i < n; i++) {
			struct watch *w = e[i].data.ptr;
			eventfd_t times;

			if (w->kind == LISTENER && w->fd >= 0)
				accept_some(c, w->fd);
			else if (w->kind == SESSION)
				serve(c, (struct session *)w);
			else if (w->kind == WAKE)
				woken = eventfd_read(w->fd, &times) == 0;
		}
		if (!c->stop_ns && atomic_load(&c->stop)) {
			c->stop_ns = bc_mono_ns();
			stop_listening(c);
			woken = true;
		}
		if (woken || c->hungry || bc_mono_ns() - c->tended_ns >= TEND_NS)
			tend_all(c);
		free_dead(c);
		if ((c->stop_ns && all_over(c)) || atomic_load(&c->quit))
			break;
	}
	atomic_store(&c->done, true);
	return NULL;
}

/* --- From outside. --- */

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

static void name_clients(struct bc_collector *c)
{
	for (uint32_t i = 0; i < c->cfg.n_allow; i++)
		c->client[c->cfg.allow[i].client].name = c->cfg.allow[i].name;
	for (uint32_t i = 0; i < c->cfg.n_clients; i++)
		c->client[i].recv_ring = c->cfg.recv_ring[i];
}

int bc_collector_new(const struct bc_collector_config *cfg, struct bc_collector **ret, struct bc_err *err)
{
	struct bc_collector *c = calloc(1, sizeof(*c));
	struct epoll_event e = { .events = EPOLLIN };
	int r = 0;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for the network");
	c->cfg = *cfg;
	pthread_mutex_init(&c->lock, NULL);
	c->listener = calloc(cfg->n_listen, sizeof(*c->listener));
	c->client = calloc(cfg->n_clients, sizeof(*c->client));
	c->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (c->epoll < 0)
		r = bc_err_set(err, -errno, "epoll: %s", strerror(errno));
	else if (!c->listener || !c->client)
		r = bc_err_set(err, -ENOMEM, "no memory for the network");
	for (uint32_t i = 0; c->listener && i < cfg->n_listen; i++)
		c->listener[i] = (struct watch){ .kind = LISTENER, .fd = -1 };
	c->wake = (struct watch){ .kind = WAKE, .fd = cfg->wake_fd };
	e.data.ptr = &c->wake;
	if (!r && epoll_ctl(c->epoll, EPOLL_CTL_ADD, cfg->wake_fd, &e) < 0)
		r = bc_err_set(err, -errno, "epoll: %s", strerror(errno));
	if (!r)
		r = listen_on_all(c, err);
	if (r) {
		bc_collector_free(c);
		return r;
	}
	name_clients(c);
	*ret = c;
	return 0;
}

int bc_collector_start(struct bc_collector *c)
{
	int r = bc_thread_start(&c->thread, "bc-collect", run, c);

	c->started = r == 0;
	return r;
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

static void free_session(struct session *s)
{
	if (s)
		bc_conn_close(s->conn);
	free(s);
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
	for (uint32_t i = 0; c->client && i < c->cfg.n_clients; i++) {
		free_session(c->client[i].up);
		free_session(c->client[i].next);
		for (int s = 0; s < SHAKING_MAX; s++)
			free_session(c->client[i].shaking[s]);
	}
	if (c->epoll >= 0)
		close(c->epoll);
	pthread_mutex_destroy(&c->lock);
	free(c->listener);
	free(c->client);
	free(c);
}

void bc_collector_client(struct bc_collector *c, uint32_t client, struct bc_collector_client *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->client[client].told;
	pthread_mutex_unlock(&c->lock);
	ret->bytes = bc_counter_get(&c->client[client].bytes);
}

uint64_t bc_collector_refused(const struct bc_collector *c)
{
	return bc_counter_get(&c->refused);
}
