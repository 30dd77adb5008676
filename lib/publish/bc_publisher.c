/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_publisher.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_counter.h"
#include "bc_publisher_priv.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_zmq.h"

#define LOOK_NS (100 * BC_NS_PER_MS)	/* for new subscriptions, when nothing else is to be done */
#define SAY_NS (10 * BC_NS_PER_S)	/* between two lines on the same trouble */
#define NICE 10				/* this thread may be late; the threads that write to the disk may not */
#define MESSAGE_MAX 1024		/* what a subscriber may send, which is topics */

struct bc_publisher {
	struct bc_publisher_config cfg;
	struct bc_zmq zmq;
	void *context;
	void *socket;			/* the thread's, once it runs */
	pthread_t thread;

	pthread_mutex_t lock;		/* protects the next six */
	pthread_cond_t work;
	struct bc_item *head, **tail;
	size_t bytes;			/* of their work */
	bool busy;			/* with an item that it has taken */
	bool stop;

	_Atomic uint64_t events, overflowed;
	bc_counter_t packets, stalls, subscriptions;	/* the thread writes */
	bool dropping;			/* the socket may drop; used by the thread only, as are those below */
	uint64_t stall_said_ns, overflow_said_ns;
	uint64_t overflow_said;
};

struct event {
	struct bc_item item;
	struct bc_publisher *publisher;
	size_t topic_len;		/* the topic is at the front of data */
	size_t len;			/* of data */
	uint8_t data[];
};

bool bc_client_name(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return n > 0 && n <= BC_CLIENT_MAX;
}

void bc_client_of_host(char name[BC_CLIENT_MAX + 1])
{
	if (gethostname(name, BC_CLIENT_MAX + 1) < 0 || !bc_client_name(name))
		snprintf(name, BC_CLIENT_MAX + 1, "braidcap");
}

bool bc_publisher_put(struct bc_publisher *p, struct bc_item *item, bool bounded)
{
	bool room;

	pthread_mutex_lock(&p->lock);
	room = !bounded || p->bytes + item->work <= p->cfg.queue_bytes;
	if (room) {
		*p->tail = item;
		p->tail = &item->next;
		p->bytes += item->work;
		pthread_cond_signal(&p->work);
	}
	pthread_mutex_unlock(&p->lock);
	if (!room)
		free(item);
	return room;
}

void bc_publisher_overflowed(struct bc_publisher *p, uint32_t packets)
{
	atomic_fetch_add_explicit(&p->overflowed, packets, memory_order_relaxed);
}

bool bc_publisher_wanted(const struct bc_publisher *p)
{
	return bc_counter_get(&p->subscriptions) > 0;
}

bool bc_publisher_idle(struct bc_publisher *p)
{
	bool idle;

	if (!p)
		return true;
	pthread_mutex_lock(&p->lock);
	idle = !p->head && !p->busy;
	pthread_mutex_unlock(&p->lock);
	return idle;
}

static void set_option(struct bc_publisher *p, int option, int value)
{
	p->zmq.setsockopt(p->socket, option, &value, sizeof(value));
}

static void may_drop(struct bc_publisher *p, bool drop)
{
	if (p->dropping != drop)
		set_option(p, ZMQ_XPUB_NODROP, !drop);
	p->dropping = drop;
}

/*
 * A message's first part, which decides who gets the message. A socket that may not drop tells us of a subscriber
 * whose queue is full; it is then allowed to, for this message, so that the others get theirs.
 */
static bool send_topic(struct bc_publisher *p, const void *topic, size_t len, int more)
{
	bool sent = p->zmq.send(p->socket, topic, len, ZMQ_DONTWAIT | more) >= 0;
	uint64_t now;

	if (sent || errno != EAGAIN)
		return sent;
	bc_counter_add(&p->stalls, 1);
	now = bc_mono_ns();
	if (now - p->stall_said_ns > SAY_NS) {
		bc_log(p->cfg.log, BC_WARN, "%s: a subscriber is too slow: %" PRIu32 " messages wait for it, and more are dropped for it",
		       p->cfg.endpoint, p->cfg.hwm);
		p->stall_said_ns = now;
	}
	may_drop(p, true);
	sent = p->zmq.send(p->socket, topic, len, ZMQ_DONTWAIT | more) >= 0;
	if (!sent || !more)
		may_drop(p, false);
	return sent;
}

static void end_message(struct bc_publisher *p, const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	zmq_msg_t m;

	if (p->zmq.msg_init_size(&m, a_len + b_len) == 0) {
		if (a_len)
			memcpy(p->zmq.msg_data(&m), a, a_len);
		if (b_len)
			memcpy((uint8_t *)p->zmq.msg_data(&m) + a_len, b, b_len);
		if (p->zmq.msg_send(&m, p->socket, ZMQ_DONTWAIT) < 0)
			p->zmq.msg_close(&m);
	} else {
		/* A multipart message must be completed. */
		p->zmq.send(p->socket, "", 0, ZMQ_DONTWAIT);
	}
	may_drop(p, false);
}

void bc_publisher_send_packet(struct bc_publisher *p, const char *topic, size_t topic_len, const uint8_t *header, size_t header_len,
			      const uint8_t *head, size_t head_len, const uint8_t *data, size_t len)
{
	if (!send_topic(p, topic, topic_len, ZMQ_SNDMORE))
		return;
	p->zmq.send(p->socket, header, header_len, ZMQ_DONTWAIT | ZMQ_SNDMORE);
	end_message(p, head, head_len, data, len);
	bc_counter_add(&p->packets, 1);
}

static void send_event(struct bc_item *item)
{
	const struct event *e = (const struct event *)item;
	bool text = e->len > e->topic_len;

	if (send_topic(e->publisher, e->data, e->topic_len, text ? ZMQ_SNDMORE : 0) && text)
		end_message(e->publisher, e->data + e->topic_len, e->len - e->topic_len, NULL, 0);
}

void bc_publisher_event(struct bc_publisher *p, const char *event, const char *client, const char *text)
{
	char topic[64 + BC_CLIENT_MAX];
	size_t topic_len, len = text ? strlen(text) : 0;
	struct event *e;

	if (!p)
		return;
	topic_len = (size_t)snprintf(topic, sizeof(topic), "event.v1.%s.%s", event, client);
	if (topic_len >= sizeof(topic))
		topic_len = sizeof(topic) - 1;
	e = malloc(sizeof(*e) + topic_len + len);
	if (!e)
		return;
	*e = (struct event){ .item = { .take = send_event, .work = topic_len + len }, .publisher = p, .topic_len = topic_len,
			     .len = topic_len + len };
	memcpy(e->data, topic, topic_len);
	if (len)
		memcpy(e->data + topic_len, text, len);
	atomic_fetch_add_explicit(&p->events, 1, memory_order_relaxed);
	bc_publisher_put(p, &e->item, false);
}

/* A message tells of each topic that is new (1) or no longer wanted (0): this byte, then the topic. */
static void look_for_subscribers(struct bc_publisher *p)
{
	uint64_t n = bc_counter_get(&p->subscriptions);
	uint8_t first;
	int more;
	size_t size = sizeof(more);

	while (p->zmq.recv(p->socket, &first, 1, ZMQ_DONTWAIT) >= 0) {
		p->zmq.getsockopt(p->socket, ZMQ_RCVMORE, &more, &size);
		if (first == 1)
			n++;
		else if (first == 0 && n)
			n--;
	}
	bc_counter_set(&p->subscriptions, n);
}

static void say_overflow(struct bc_publisher *p)
{
	uint64_t n = atomic_load_explicit(&p->overflowed, memory_order_relaxed), now;

	if (n == p->overflow_said)
		return;
	now = bc_mono_ns();
	if (p->overflow_said_ns && now - p->overflow_said_ns < SAY_NS)
		return;
	bc_log(p->cfg.log, BC_WARN, "%s: packets come faster than they can be published: %" PRIu64 " so far were not", p->cfg.endpoint, n);
	p->overflow_said = n;
	p->overflow_said_ns = now;
}

/* The oldest item. NULL: none came for a while, or none will come. */
static struct bc_item *next_item(struct bc_publisher *p, bool *ret_stop)
{
	uint64_t ns = bc_mono_ns() + LOOK_NS;
	struct timespec until = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };
	struct bc_item *i;

	pthread_mutex_lock(&p->lock);
	p->busy = false;
	if (!p->head && !p->stop)
		pthread_cond_clockwait(&p->work, &p->lock, CLOCK_MONOTONIC, &until);
	i = p->head;
	if (i) {
		p->head = i->next;
		p->bytes -= i->work;
		p->busy = true;
		if (!p->head)
			p->tail = &p->head;
	}
	*ret_stop = p->stop;
	pthread_mutex_unlock(&p->lock);
	return i;
}

static void *run(void *arg)
{
	struct bc_publisher *p = arg;
	struct bc_item *i;
	bool stop;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	do {
		i = next_item(p, &stop);
		look_for_subscribers(p);
		if (i)
			i->take(i);
		free(i);
		say_overflow(p);
	} while (i || !stop);
	return NULL;
}

/*
 * libzmq's threads, which begin here, block all signals: nobody could have them give up capabilities later on. Root
 * keeps its own.
 */
static void *open_socket(void *arg)
{
	struct bc_publisher *p = arg;

	if (geteuid() != 0)
		bc_thread_shed();
	p->context = p->zmq.ctx_new();
	p->socket = p->context ? p->zmq.socket(p->context, ZMQ_XPUB) : NULL;
	return (void *)(intptr_t)(p->socket ? 0 : errno);
}

static int start_zmq(struct bc_publisher *p)
{
	void *failed = NULL;
	pthread_t thread;
	int r = bc_thread_start(&thread, "bc-publish", open_socket, p);

	if (r)
		return r;
	pthread_join(thread, &failed);
	return -(int)(intptr_t)failed;
}

static int bind_socket(struct bc_publisher *p, struct bc_err *err)
{
	const int64_t message_max = MESSAGE_MAX;
	int r = bc_zmq_load(&p->zmq, err);

	if (r)
		return r;
	r = start_zmq(p);
	if (r)
		return bc_err_set(err, r, "%s: ZeroMQ: %s", p->cfg.endpoint, p->zmq.strerror(-r));
	set_option(p, ZMQ_IPV6, 1);
	set_option(p, ZMQ_SNDHWM, (int)p->cfg.hwm);
	set_option(p, ZMQ_LINGER, (int)p->cfg.linger_ms);
	set_option(p, ZMQ_XPUB_NODROP, 1);
	p->zmq.setsockopt(p->socket, ZMQ_MAXMSGSIZE, &message_max, sizeof(message_max));
	if (p->zmq.bind(p->socket, p->cfg.endpoint) < 0)
		return bc_err_set(err, errno == ENODEV || errno == EPROTONOSUPPORT ? -EINVAL : -errno,
				  "cannot serve applications at %s: %s: use tcp://ADDRESS:PORT or ipc://PATH",
				  p->cfg.endpoint, p->zmq.strerror(errno));
	return 0;
}

static void release(struct bc_publisher *p)
{
	if (p->socket)
		p->zmq.close(p->socket);
	if (p->context)
		p->zmq.ctx_term(p->context);
	pthread_cond_destroy(&p->work);
	pthread_mutex_destroy(&p->lock);
	free((char *)p->cfg.endpoint);
	free(p);
}

int bc_publisher_new(const struct bc_publisher_config *cfg, struct bc_publisher **ret, struct bc_err *err)
{
	struct bc_publisher *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for a publisher");
	p->cfg = *cfg;
	p->cfg.hwm = cfg->hwm ? cfg->hwm : BC_PUBLISH_HWM;
	p->cfg.queue_bytes = cfg->queue_bytes ? cfg->queue_bytes : BC_PUBLISH_QUEUE;
	p->cfg.endpoint = strdup(cfg->endpoint);
	p->tail = &p->head;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	r = p->cfg.endpoint ? bind_socket(p, err) : bc_err_set(err, -ENOMEM, "no memory for a publisher");
	if (!r) {
		r = bc_thread_start(&p->thread, "bc-publish", run, p);
		if (r)
			bc_err_set(err, r, "%s: no thread: %s", cfg->endpoint, strerror(-r));
	}
	if (r) {
		release(p);
		return r;
	}
	*ret = p;
	return 0;
}

void bc_publisher_free(struct bc_publisher *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->stop = true;
	pthread_cond_signal(&p->work);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	release(p);
}

void bc_publisher_stats(struct bc_publisher *p, struct bc_publisher_stats *ret)
{
	*ret = (struct bc_publisher_stats){
		.events = atomic_load_explicit(&p->events, memory_order_relaxed),
		.packets = bc_counter_get(&p->packets),
		.overflowed = atomic_load_explicit(&p->overflowed, memory_order_relaxed),
		.stalls = bc_counter_get(&p->stalls),
		.subscriptions = bc_counter_get(&p->subscriptions),
	};
}
