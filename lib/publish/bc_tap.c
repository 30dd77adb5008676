/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tap.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_counter.h"
#include "bc_log_limit.h"
#include "bc_plural.h"
#include "bc_tap_client.h"
#include "bc_tap_priv.h"
#include "bc_thread.h"
#include "bc_time.h"

#define QUEUE_BYTES (32U << 20)	/* before the thread, as they are decompressed */
#define QUEUE_AT_A_TIME (1U << 20)	/* of it, before it is the clients' turn */
#define LOOK_MS 1000		/* when nothing happens: at handshakes that take too long */
#define LOOK_END_MS 50		/* at the end: at clients that take nothing */
#define LINGERS 10
#define NICE 10			/* this thread may be late; the threads that write to the disk may not */

struct bc_tap {
	struct bc_tap_config cfg;
	int listener, wake;
	pthread_t thread;

	pthread_mutex_t lock;			/* protects the next seven, against all threads */
	struct bc_tap_item *head, **tail;
	size_t bytes;				/* in the queue */
	bool ending, stop;
	struct bc_tap_client *client[BC_TAP_CLIENTS_MAX];	/* the thread changes it */
	uint32_t n_clients;

	_Atomic uint32_t up;			/* clients that packets are sent to */
	_Atomic uint64_t overflowed;
	_Atomic bool over;
	bc_counter_t connected, refused, unfit;	/* the thread writes these three */
	bc_counter_t sent, slow;		/* and these, of clients that are gone: under the lock */

	/* The thread's. */
	struct bc_tap_stream stream;
	struct bc_log_limit limit;		/* of lines that clients cause */
	uint64_t end_ns;			/* when the end began (bc_mono_ns()); 0: it has not */
};

static size_t work_of(const struct bc_tap_item *i)
{
	return i->len > i->dense ? i->len : i->dense;
}

void bc_tap_put(struct bc_tap *t, struct bc_tap_item *i)
{
	bool room, first;

	i->next = NULL;
	pthread_mutex_lock(&t->lock);
	room = i->what != BC_TAP_CHUNK || t->bytes + work_of(i) <= QUEUE_BYTES;
	first = !t->head;
	if (room) {
		*t->tail = i;
		t->tail = &i->next;
		t->bytes += work_of(i);
	}
	pthread_mutex_unlock(&t->lock);
	if (!room) {
		bc_tap_overflowed(t, i->packets);
		free(i);
	} else if (first) {
		eventfd_write(t->wake, 1);
	}
}

void bc_tap_overflowed(struct bc_tap *t, uint32_t packets)
{
	atomic_fetch_add_explicit(&t->overflowed, packets, memory_order_relaxed);
}

bool bc_tap_wanted(const struct bc_tap *t)
{
	return atomic_load_explicit(&t->up, memory_order_relaxed) > 0;
}

static void take_chunk(struct bc_tap *t, const struct bc_tap_item *i)
{
	struct bc_tap_form *f = &t->stream.form;

	if (!bc_tap_wanted(t))
		return;
	if (!bc_tap_form_chunk(f, i->input, i->lz4, i->data, i->len, i->dense)) {
		bc_tap_overflowed(t, i->packets);
		return;
	}
	bc_counter_set(&t->unfit, f->unfit);
	if (f->packets)
		bc_tap_log_put(&t->stream.log, f->out.data, f->out.len, f->packets, f->head.len);
}

static void take(struct bc_tap *t, struct bc_tap_item *i)
{
	if (i->what == BC_TAP_TEXT)
		bc_tap_form_text(&t->stream.form, i->input, i->data, i->len);
	else if (i->what == BC_TAP_CHUNK)
		take_chunk(t, i);
	else
		bc_tap_input_fini(i->input);
	if (i->what == BC_TAP_LAST)
		free(i->input);
	free(i);
}

/* The oldest item, or NULL. */
static struct bc_tap_item *next_item(struct bc_tap *t)
{
	struct bc_tap_item *i;

	pthread_mutex_lock(&t->lock);
	i = t->head;
	if (i) {
		t->head = i->next;
		t->bytes -= work_of(i);
		if (!t->head)
			t->tail = &t->head;
	}
	pthread_mutex_unlock(&t->lock);
	return i;
}

/* True: the queue is empty now. */
static bool take_some(struct bc_tap *t, size_t most)
{
	struct bc_tap_item *i;
	size_t done = 0;

	while (done < most) {
		i = next_item(t);
		if (!i)
			return true;
		done += work_of(i);
		take(t, i);
	}
	return false;
}

static void turn_away(struct bc_tap *t, const char *address, const char *why)
{
	bc_counter_add(&t->refused, 1);
	bc_log_limited(t->cfg.log, &t->limit, BC_WARN, NULL, "%s: %s is turned away: %s", t->cfg.listen.text, address, why);
}

static void add_client(struct bc_tap *t, int fd, const char *address)
{
	struct bc_tap_client *c;
	struct bc_err err;

	if (bc_tap_client_new(fd, t->cfg.tls, &c, &err)) {
		turn_away(t, address, err.msg);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->client[t->n_clients++] = c;
	pthread_mutex_unlock(&t->lock);
}

static void accept_clients(struct bc_tap *t)
{
	struct sockaddr_storage from;
	socklen_t len = sizeof(from);
	char address[BC_TAP_ADDRESS_MAX];
	int fd = accept4(t->listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
		bc_log_limited(t->cfg.log, &t->limit, BC_ERROR, NULL, "%s: cannot accept connections: %s", t->cfg.listen.text,
			       strerror(errno));
		/* poll reports again at once what still waits: pause, to avoid a busy loop. */
		usleep(5000);
	}
	if (fd < 0)
		return;
	bc_listen_text((struct sockaddr *)&from, address, sizeof(address));
	if (t->n_clients < t->cfg.clients) {
		add_client(t, fd, address);
		return;
	}
	turn_away(t, address, "as many clients as are allowed (clients=) are connected");
	close(fd);
}

/* Client number i, for the reason why; r is 0 where nothing went wrong. */
static void remove_client(struct bc_tap *t, uint32_t i, int r, const char *why)
{
	struct bc_tap_client *c = t->client[i];
	struct bc_tap_client_stats st;

	bc_tap_client_stats(c, &st);
	pthread_mutex_lock(&t->lock);
	bc_counter_add(&t->sent, st.sent);
	bc_counter_add(&t->slow, st.client_slow);
	t->client[i] = t->client[--t->n_clients];
	pthread_mutex_unlock(&t->lock);
	if (bc_tap_client_up(c)) {
		bc_log_limited(t->cfg.log, &t->limit, BC_INFO, NULL, "%s: %s: %s; it was sent %" PRIu64 " packet%s, and missed %" PRIu64,
			       t->cfg.listen.text, st.address, why, st.sent, bc_plural(st.sent, "", "s"), st.client_slow);
		if (atomic_fetch_sub(&t->up, 1) == 1)
			bc_tap_log_clear(&t->stream.log);
	} else if (r) {
		turn_away(t, st.address, why);
	}
	bc_tap_client_free(c);
}

static void serve(struct bc_tap *t, uint32_t i)
{
	struct bc_tap_client *c = t->client[i];
	const bool was_up = bc_tap_client_up(c);
	struct bc_err err = { "" };
	int r = bc_tap_client_go(c, &t->stream, &err);

	if (!was_up && bc_tap_client_up(c)) {
		struct bc_tap_client_stats st;

		bc_tap_client_stats(c, &st);
		bc_counter_add(&t->connected, 1);
		atomic_fetch_add(&t->up, 1);
		bc_log_limited(t->cfg.log, &t->limit, BC_INFO, NULL, "%s: %s has connected", t->cfg.listen.text, st.address);
	}
	if (r)
		remove_client(t, i, r, err.msg);
	else if (t->end_ns && (bc_tap_client_finished(c, &t->stream) || !bc_tap_client_up(c)))
		remove_client(t, i, 0, "the capture is over");
}

/* Nothing more comes. */
static void begin_end(struct bc_tap *t)
{
	close(t->listener);
	t->listener = -1;
	t->end_ns = bc_mono_ns();
}

/* Who takes nothing any more is not waited for. */
static void end_some(struct bc_tap *t)
{
	const uint64_t now = bc_mono_ns(), linger = t->cfg.linger_ms * BC_NS_PER_MS;

	for (uint32_t i = t->n_clients; i-- > 0;) {
		uint64_t took = bc_tap_client_took_ns(t->client[i]);

		if (now - (took > t->end_ns ? took : t->end_ns) < linger && now - t->end_ns < LINGERS * linger)
			continue;
		bc_tap_client_give_up(t->client[i], &t->stream);
		remove_client(t, i, 0, "the capture is over, and it did not take the rest");
	}
	if (!t->n_clients)
		atomic_store(&t->over, true);
}

/* For clients, or something to send them; not at all while the queue is not empty. */
static void wait_for_work(struct bc_tap *t, bool idle)
{
	struct pollfd p[2 + BC_TAP_CLIENTS_MAX] = {
		{ .fd = t->wake, .events = POLLIN }, { .fd = t->listener, .events = POLLIN },
	};
	int ms = !idle ? 0 : t->end_ns ? LOOK_END_MS : LOOK_MS;
	eventfd_t times;

	for (uint32_t i = 0; i < t->n_clients; i++)
		p[2 + i].fd = bc_tap_client_poll(t->client[i], &p[2 + i].events);
	poll(p, 2 + t->n_clients, ms);
	if (p[0].revents)
		eventfd_read(t->wake, &times);
	if (p[1].revents)
		accept_clients(t);
}

/* What it was asked to do. */
static bool asked(struct bc_tap *t, const bool *what)
{
	bool yes;

	pthread_mutex_lock(&t->lock);
	yes = *what;
	pthread_mutex_unlock(&t->lock);
	return yes;
}

static void *run(void *arg)
{
	struct bc_tap *t = arg;
	bool idle = true;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	while (!asked(t, &t->stop)) {
		bool ending;

		wait_for_work(t, idle);
		/* Asked first: what was put before it is taken. */
		ending = asked(t, &t->ending);
		idle = take_some(t, QUEUE_AT_A_TIME);
		if (ending && idle && !t->end_ns)
			begin_end(t);
		/* From the last one on: who goes is replaced by it. */
		for (uint32_t i = t->n_clients; i-- > 0;)
			serve(t, i);
		if (t->end_ns)
			end_some(t);
	}
	return NULL;
}

static void release(struct bc_tap *t)
{
	take_some(t, SIZE_MAX);
	for (uint32_t i = 0; i < t->n_clients; i++)
		bc_tap_client_free(t->client[i]);
	bc_tap_log_clear(&t->stream.log);
	bc_tap_form_fini(&t->stream.form);
	if (t->listener >= 0)
		close(t->listener);
	if (t->wake >= 0)
		close(t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int start(struct bc_tap *t, struct bc_err *err)
{
	int r;

	if (t->wake < 0 || bc_tap_form_init(&t->stream.form, t->cfg.format))
		return bc_err_set(err, -ENOMEM, "%s: no memory", t->cfg.listen.text);
	t->listener = bc_listen_open(&t->cfg.listen, err);
	if (t->listener < 0)
		return t->listener;
	r = bc_thread_start(&t->thread, "bc-tap", run, t);
	return r ? bc_err_set(err, r, "%s: no thread: %s", t->cfg.listen.text, strerror(-r)) : 0;
}

int bc_tap_new(const struct bc_tap_config *cfg, struct bc_tap **ret, struct bc_err *err)
{
	struct bc_tap *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->listen.text);
	t->cfg = *cfg;
	t->listener = -1;
	t->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	t->tail = &t->head;
	t->stream.log.limit = cfg->buffer_bytes;
	pthread_mutex_init(&t->lock, NULL);
	r = start(t, err);
	if (r) {
		release(t);
		return r;
	}
	*ret = t;
	return 0;
}

/* Have the thread see it. */
static void tell(struct bc_tap *t, bool *what)
{
	pthread_mutex_lock(&t->lock);
	*what = true;
	pthread_mutex_unlock(&t->lock);
	eventfd_write(t->wake, 1);
}

void bc_tap_end(struct bc_tap *t)
{
	if (t)
		tell(t, &t->ending);
}

bool bc_tap_over(struct bc_tap *t)
{
	return !t || atomic_load(&t->over);
}

void bc_tap_free(struct bc_tap *t)
{
	if (!t)
		return;
	tell(t, &t->stop);
	pthread_join(t->thread, NULL);
	bc_tls_free(t->cfg.tls);
	release(t);
}

int bc_tap_reload(struct bc_tap *t, struct bc_err *err)
{
	return t && t->cfg.tls ? bc_tls_reload(t->cfg.tls, err) : 0;
}

void bc_tap_stats(struct bc_tap *t, struct bc_tap_stats *ret)
{
	*ret = (struct bc_tap_stats){
		.address = t->cfg.listen.text,
		.format = bc_format_name(t->cfg.format),
		.tls = t->cfg.tls != NULL,
		.connected = bc_counter_get(&t->connected),
		.refused = bc_counter_get(&t->refused),
		.overflowed = atomic_load_explicit(&t->overflowed, memory_order_relaxed),
		.unfit = bc_counter_get(&t->unfit),
	};
	pthread_mutex_lock(&t->lock);
	ret->sent = bc_counter_get(&t->sent);
	ret->client_slow = bc_counter_get(&t->slow);
	for (uint32_t i = 0; i < t->n_clients; i++) {
		struct bc_tap_client_stats st;

		bc_tap_client_stats(t->client[i], &st);
		ret->sent += st.sent;
		ret->client_slow += st.client_slow;
	}
	pthread_mutex_unlock(&t->lock);
}

uint32_t bc_tap_clients(struct bc_tap *t, struct bc_tap_client_stats *ret, uint32_t max)
{
	uint32_t n;

	pthread_mutex_lock(&t->lock);
	n = t->n_clients;
	for (uint32_t i = 0; i < n && i < max; i++)
		bc_tap_client_stats(t->client[i], &ret[i]);
	pthread_mutex_unlock(&t->lock);
	return n;
}
