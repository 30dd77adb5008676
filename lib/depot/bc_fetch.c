/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bc_object_read.h"
#include "bc_thread.h"
#include "bc_time.h"

/* How long the thread waits for the network before it looks around, if nobody wakes it. */
#define ROUND_MS 1000
/* An old measurement counts for so much less with each new one. */
#define AGEING 0.98

enum state { WAITS, SENT, DONE };

struct bc_fetch {
	struct bc_fetcher *fetcher;
	struct bc_fetch *next;		/* of those that wait; under the lock */
	enum state state;		/* under the lock */
	bool forgotten;			/* under the lock: nobody wants it any more */
	struct bc_object_name name;
	char if_match[BC_ETAG_MAX];
	uint64_t from, begun_ns;
	size_t len;
	bool suffix;
	/* The answer, written before DONE. */
	int code;
	struct bc_err err;
	struct bc_fetched got;
	uint8_t data[];
};

/* Sums for a line through the times of requests over their bytes: the time of none is the latency. */
struct fit {
	double n, x, y, xx, xy;
};

struct bc_fetcher {
	struct bc_object_client *client;	/* the thread's */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct bc_fetch *first, **last;		/* under the lock: those that wait */
	uint32_t in_flight;			/* the thread's */
	struct fit fit;				/* under the lock */
	bool quit, stop;			/* under the lock */
};

static void measure(struct fit *m, double bytes, double seconds)
{
	m->n = AGEING * m->n + 1;
	m->x = AGEING * m->x + bytes;
	m->y = AGEING * m->y + seconds;
	m->xx = AGEING * m->xx + bytes * bytes;
	m->xy = AGEING * m->xy + bytes * seconds;
}

uint64_t bc_fetcher_gap(struct bc_fetcher *f)
{
	double slope, latency, d;
	struct fit m;

	pthread_mutex_lock(&f->lock);
	m = f->fit;
	pthread_mutex_unlock(&f->lock);
	d = m.n * m.xx - m.x * m.x;
	/* All of one length tell nothing. */
	if (m.n < 4 || d <= 1e-6 * m.n * m.xx)
		return 0;
	slope = (m.n * m.xy - m.x * m.y) / d;
	latency = (m.y - slope * m.x) / m.n;
	return slope > 0 && latency > 0 ? (uint64_t)(latency / slope) : 0;
}

/* The thread, from bc_object_run(). */
static void answered(void *ctx, const struct bc_object_answer *a)
{
	struct bc_fetch *t = ctx;
	struct bc_fetcher *f = t->fetcher;
	bool forgotten;

	t->code = a->code;
	if (a->code)
		bc_err_set(&t->err, a->code, "%s", a->error);
	t->got = (struct bc_fetched){ .data = t->data, .len = a->bytes, .from = a->from, .size = a->size };
	strncpy(t->got.etag, a->etag, sizeof(t->got.etag) - 1);
	f->in_flight--;
	pthread_mutex_lock(&f->lock);
	if (!a->code && a->attempts == 1)
		measure(&f->fit, (double)a->bytes, (double)(bc_mono_ns() - t->begun_ns) / (double)BC_NS_PER_S);
	forgotten = t->forgotten;
	t->state = DONE;
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
	if (forgotten)
		free(t);
}

static void send_one(struct bc_fetcher *f, struct bc_fetch *t)
{
	const char *etag = *t->if_match ? t->if_match : NULL;
	int r;

	t->begun_ns = bc_mono_ns();
	f->in_flight++;
	if (t->suffix)
		r = bc_object_get_tail(f->client, t->name.bucket, t->name.key, t->len, t->data, answered, t);
	else
		r = bc_object_get(f->client, t->name.bucket, t->name.key, t->from, t->len, etag, t->data, answered, t);
	if (r)
		answered(t, &(struct bc_object_answer){ .code = r, .error = strerror(-r), .etag = "" });
}

/* With the lock, which is released meanwhile. */
static void send_waiting(struct bc_fetcher *f)
{
	while (f->first && f->in_flight < BC_FETCH_IN_FLIGHT) {
		struct bc_fetch *t = f->first;

		f->first = t->next;
		if (!f->first)
			f->last = &f->first;
		t->state = SENT;
		pthread_mutex_unlock(&f->lock);
		send_one(f, t);
		pthread_mutex_lock(&f->lock);
	}
}

static void *work(void *arg)
{
	struct bc_fetcher *f = arg;

	bc_thread_shed();
	pthread_mutex_lock(&f->lock);
	while (!f->quit) {
		send_waiting(f);
		if (!f->in_flight && !f->quit && !f->first)
			pthread_cond_wait(&f->work, &f->lock);
		pthread_mutex_unlock(&f->lock);
		if (f->in_flight)
			bc_object_run(f->client, ROUND_MS);
		pthread_mutex_lock(&f->lock);
	}
	pthread_mutex_unlock(&f->lock);
	bc_object_cancel(f->client);
	return NULL;
}

int bc_fetcher_new(const struct bc_object_settings *s, struct bc_fetcher **ret, struct bc_err *err)
{
	const struct bc_object_config cfg = { .settings = *s, .connections = BC_FETCH_IN_FLIGHT };
	struct bc_fetcher *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory for requests");
	r = bc_object_client_new(&cfg, &f->client, err);
	if (r) {
		free(f);
		return r;
	}
	f->last = &f->first;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->work, NULL);
	pthread_cond_init(&f->done, NULL);
	r = bc_thread_start(&f->thread, "bc-fetch", work, f);
	if (r) {
		bc_err_set(err, r, "cannot start a thread: %s", strerror(-r));
		bc_object_client_free(f->client);
		free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void bc_fetcher_free(struct bc_fetcher *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->quit = true;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	bc_object_wake(f->client);
	pthread_join(f->thread, NULL);
	bc_object_client_free(f->client);
	pthread_mutex_destroy(&f->lock);
	pthread_cond_destroy(&f->work);
	pthread_cond_destroy(&f->done);
	free(f);
}

void bc_fetcher_stop(struct bc_fetcher *f)
{
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_broadcast(&f->done);
	pthread_mutex_unlock(&f->lock);
}

struct bc_fetch *bc_fetch_start(struct bc_fetcher *f, const struct bc_object_name *name, const char *etag, uint64_t from, size_t len,
				bool suffix)
{
	struct bc_fetch *t = malloc(sizeof(*t) + len);

	if (!t)
		return NULL;
	memset(t, 0, sizeof(*t));
	t->fetcher = f;
	t->name = *name;
	t->from = from;
	t->len = len;
	t->suffix = suffix;
	if (etag)
		strncpy(t->if_match, etag, sizeof(t->if_match) - 1);
	pthread_mutex_lock(&f->lock);
	*f->last = t;
	f->last = &t->next;
	pthread_cond_signal(&f->work);
	pthread_mutex_unlock(&f->lock);
	bc_object_wake(f->client);
	return t;
}

bool bc_fetch_is_done(const struct bc_fetch *t)
{
	bool done;

	pthread_mutex_lock(&t->fetcher->lock);
	done = t->state == DONE || t->fetcher->stop;
	pthread_mutex_unlock(&t->fetcher->lock);
	return done;
}

int bc_fetch_wait(struct bc_fetch *t, struct bc_fetched *ret, struct bc_err *err)
{
	struct bc_fetcher *f = t->fetcher;
	bool done;

	pthread_mutex_lock(&f->lock);
	while (t->state != DONE && !f->stop)
		pthread_cond_wait(&f->done, &f->lock);
	done = t->state == DONE;
	pthread_mutex_unlock(&f->lock);
	if (!done)
		return bc_err_set(err, -ECANCELED, "ended before it was read");
	if (t->code) {
		if (err)
			*err = t->err;
		return t->code;
	}
	*ret = t->got;
	return 0;
}

/* With the lock. */
static void take_out(struct bc_fetcher *f, struct bc_fetch *t)
{
	struct bc_fetch **at = &f->first;

	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	if (!t->next)
		f->last = at;
}

void bc_fetch_free(struct bc_fetch *t)
{
	bool sent;

	if (!t)
		return;
	pthread_mutex_lock(&t->fetcher->lock);
	if (t->state == WAITS)
		take_out(t->fetcher, t);
	sent = t->state == SENT;
	t->forgotten = sent;
	pthread_mutex_unlock(&t->fetcher->lock);
	if (!sent)
		free(t);
}

void bc_fetcher_count(const struct bc_fetcher *f, uint64_t *ret_requests, uint64_t *ret_bytes)
{
	struct bc_object_stats s;

	bc_object_stats(f->client, &s);
	*ret_requests = s.requests;
	*ret_bytes = s.got_bytes;
}

const char *bc_fetcher_where(const struct bc_fetcher *f)
{
	return bc_object_where(f->client);
}
