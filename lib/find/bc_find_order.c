/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_order.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_thread.h"

/* All batches together, and each one at the most and at least. */
#define BYTES (64U * 1024 * 1024)
#define BATCH_MOST (512U * 1024)
#define BATCH_LEAST (32U * 1024)

/* What waits behind the batch that is being given out. */
enum spare {
	SPARE_EMPTY,
	SPARE_FILLING,	/* a thread is at it, without the lock */
	SPARE_FULL,	/* there may be none in it, at the end */
};

/* A segment that is open. The giver is the thread that calls bc_find_order_next(). */
struct node {
	const struct bc_find_segment *segment;
	char *moved;			/* whoever fills: where it is now, if not where it was */
	struct bc_find_stream *stream;	/* whoever fills; NULL: not opened yet, or ended */
	struct bc_find_batch given, next;	/* the giver's; whoever fills, while it is SPARE_FILLING, else the giver's */
	uint32_t at;			/* giver: the next packet in given */
	uint64_t key;			/* giver: its place in time */
	enum spare spare;		/* under the lock */
	bool more;			/* under the lock: there may be some behind next */
};

struct bc_find_order {
	const struct bc_find_list *list;
	struct bc_find_shared *shared;
	struct node **heap;		/* giver: those that have a packet, the earliest first */
	uint32_t n_heap;
	bool giving;			/* giver: the first packet of the first was given out */
	uint32_t due;			/* giver: segments before this one are in the order */
	unsigned ahead;			/* so many more are open */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	struct node **open;		/* under the lock; in the list's order */
	uint32_t n_open, opened;	/* of the list's segments, so many were opened */
	bool quit;			/* under the lock */
	unsigned n_threads;
	pthread_t thread[BC_FIND_THREADS_MAX];
};

static bool is_before(const struct node *a, const struct node *b)
{
	return a->key != b->key ? a->key < b->key : a->segment->rank < b->segment->rank;
}

static void sift_down(struct bc_find_order *o)
{
	struct node *n = o->heap[0];
	uint32_t i = 0, child;

	while ((child = 2 * i + 1) < o->n_heap) {
		if (child + 1 < o->n_heap && is_before(o->heap[child + 1], o->heap[child]))
			child++;
		if (!is_before(o->heap[child], n))
			break;
		o->heap[i] = o->heap[child];
		i = child;
	}
	o->heap[i] = n;
}

static void push(struct bc_find_order *o, struct node *n)
{
	uint32_t i = o->n_heap++;

	while (i && is_before(n, o->heap[(i - 1) / 2])) {
		o->heap[i] = o->heap[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	o->heap[i] = n;
}

static int open_stream(struct bc_find_order *o, struct node *n, struct bc_err *err)
{
	int r = bc_find_stream_new(n->segment->path, n->segment->bytes, o->shared, &n->stream, err);

	if (r != -ENOENT)
		return r;
	n->moved = bc_find_recompressed(n->segment->path);
	return n->moved ? bc_find_stream_new(n->moved, n->segment->bytes, o->shared, &n->stream, err) : r;
}

/* Without the lock, by whoever set SPARE_FILLING. */
static bool fill(struct bc_find_order *o, struct node *n, uint32_t max_bytes)
{
	struct bc_err err;
	int r = 0;

	n->next.n = 0;
	if (!n->stream)
		r = open_stream(o, n, &err);
	if (r == 0 && bc_find_stream_fill(n->stream, &n->next, max_bytes))
		return true;
	/* What is gone now was removed by retention: it is as if it had been gone before. */
	if (r < 0 && r != -ENOENT && r != -ECANCELED) {
		atomic_fetch_add_explicit(&o->shared->damaged, 1, memory_order_relaxed);
		bc_log(o->shared->log, BC_ERROR, "%s: it is left out", err.msg);
	}
	bc_find_stream_free(n->stream);
	n->stream = NULL;
	return false;
}

/* With the lock, which is released meanwhile. */
static void fill_spare(struct bc_find_order *o, struct node *n)
{
	uint32_t share = BYTES / (o->n_open ? o->n_open : 1);
	bool more;

	share = share > BATCH_MOST ? BATCH_MOST : share < BATCH_LEAST ? BATCH_LEAST : share;
	n->spare = SPARE_FILLING;
	pthread_mutex_unlock(&o->lock);
	more = fill(o, n, share);
	pthread_mutex_lock(&o->lock);
	n->more = more;
	n->spare = SPARE_FULL;
	pthread_cond_broadcast(&o->done);
}

/* The first in time that has nothing in reserve. */
static struct node *find_work(const struct bc_find_order *o)
{
	for (uint32_t i = 0; i < o->n_open; i++)
		if (o->open[i]->spare == SPARE_EMPTY && o->open[i]->more)
			return o->open[i];
	return NULL;
}

static void *work(void *arg)
{
	struct bc_find_order *o = arg;

	pthread_mutex_lock(&o->lock);
	while (!o->quit) {
		struct node *n = find_work(o);

		if (n)
			fill_spare(o, n);
		else
			pthread_cond_wait(&o->work, &o->lock);
	}
	pthread_mutex_unlock(&o->lock);
	return NULL;
}

static void free_node(struct node *n)
{
	bc_find_stream_free(n->stream);
	bc_find_batch_free(&n->given);
	bc_find_batch_free(&n->next);
	free(n->moved);
	free(n);
}

/* With the lock. */
static void close_node(struct bc_find_order *o, struct node *n)
{
	uint32_t i = 0;

	while (o->open[i] != n)
		i++;
	memmove(&o->open[i], &o->open[i + 1], (--o->n_open - i) * sizeof(*o->open));
	free_node(n);
}

/* With the lock: have enough segments open behind the last one that is due. False: no memory. */
static bool open_ahead(struct bc_find_order *o)
{
	while (o->opened < o->list->n && o->opened < o->due + 1 + o->ahead) {
		struct node *n = calloc(1, sizeof(*n));

		if (!n)
			return false;
		n->segment = &o->list->at[o->opened++];
		n->more = true;
		o->open[o->n_open++] = n;
	}
	pthread_cond_broadcast(&o->work);
	return true;
}

/* Its next packets to be given out. False: there are none, and it is closed. */
static bool advance(struct bc_find_order *o, struct node *n)
{
	struct bc_find_batch given;
	bool some;

	pthread_mutex_lock(&o->lock);
	while (n->spare != SPARE_FULL) {
		if (n->spare == SPARE_EMPTY && n->more)
			fill_spare(o, n);
		else if (n->spare == SPARE_EMPTY)
			break;
		else
			pthread_cond_wait(&o->done, &o->lock);
	}
	given = n->given;
	n->given = n->next;
	n->next = given;
	n->at = 0;
	some = n->spare == SPARE_FULL && n->given.n > 0;
	n->spare = SPARE_EMPTY;
	if (!some)
		close_node(o, n);
	else
		pthread_cond_signal(&o->work);
	pthread_mutex_unlock(&o->lock);
	return some;
}

static void set_key(struct node *n)
{
	uint64_t ts_ns = n->given.packet[n->at].ts_ns;

	n->key = ts_ns > n->segment->first_ns ? ts_ns : n->segment->first_ns;
}

static void no_memory(struct bc_find_order *o)
{
	atomic_fetch_add_explicit(&o->shared->damaged, 1, memory_order_relaxed);
	bc_log(o->shared->log, BC_ERROR, "no memory for another segment: the search ends here");
	atomic_store_explicit(&o->shared->stop, true, memory_order_relaxed);
}

/* The segment that is due next comes into the order. */
static void admit(struct bc_find_order *o)
{
	struct node *n = NULL;
	bool ready;

	pthread_mutex_lock(&o->lock);
	ready = open_ahead(o);
	for (uint32_t i = 0; ready && i < o->n_open && !n; i++)
		if (o->open[i]->segment == &o->list->at[o->due])
			n = o->open[i];
	pthread_mutex_unlock(&o->lock);
	o->due++;
	if (n && advance(o, n)) {
		set_key(n);
		push(o, n);
	}
	if (!ready)
		no_memory(o);
}

/* Could the next segment have a packet that goes before those of the open ones? */
static bool is_due(const struct bc_find_order *o)
{
	return o->due < o->list->n && (!o->n_heap || o->list->at[o->due].first_ns <= o->heap[0]->key);
}

/* The packet that was given out last is done with. */
static void step(struct bc_find_order *o)
{
	struct node *n = o->heap[0];

	if (++n->at < n->given.n || advance(o, n))
		set_key(n);
	else
		o->heap[0] = o->heap[--o->n_heap];
	if (o->n_heap > 1)
		sift_down(o);
}

static bool is_stopped(const struct bc_find_order *o)
{
	return atomic_load_explicit(&o->shared->stop, memory_order_relaxed);
}

bool bc_find_order_ready(const struct bc_find_order *o)
{
	return o->n_heap && o->heap[0]->at + 1 < o->heap[0]->given.n && !is_due(o);
}

const struct bc_find_packet *bc_find_order_next(struct bc_find_order *o, const uint8_t **ret_data)
{
	const struct bc_find_packet *p;

	if (o->giving)
		step(o);
	o->giving = false;
	while (is_due(o) && !is_stopped(o))
		admit(o);
	if (!o->n_heap || is_stopped(o))
		return NULL;
	o->giving = true;
	p = &o->heap[0]->given.packet[o->heap[0]->at];
	*ret_data = o->heap[0]->given.bytes + p->at;
	return p;
}

int bc_find_order_new(const struct bc_find_list *list, struct bc_find_shared *shared, unsigned threads, struct bc_find_order **ret,
		      struct bc_err *err)
{
	struct bc_find_order *o = calloc(1, sizeof(*o));
	char name[BC_THREAD_NAME_MAX];
	int r = 0;

	if (!o)
		return bc_err_set(err, -ENOMEM, "no memory for a search");
	o->list = list;
	o->shared = shared;
	o->ahead = 2 * threads;
	pthread_mutex_init(&o->lock, NULL);
	pthread_cond_init(&o->work, NULL);
	pthread_cond_init(&o->done, NULL);
	o->heap = calloc(list->n + 1, sizeof(*o->heap));
	o->open = calloc(list->n + 1, sizeof(*o->open));
	if (!o->heap || !o->open)
		r = bc_err_set(err, -ENOMEM, "no memory for a search");
	while (!r && o->n_threads < threads) {
		snprintf(name, sizeof(name), "bc-find-%02u", o->n_threads % 100);
		r = bc_thread_start(&o->thread[o->n_threads], name, work, o);
		if (!r)
			o->n_threads++;
		else
			bc_err_set(err, r, "cannot start a thread: %s", strerror(-r));
	}
	if (r) {
		bc_find_order_free(o);
		return r;
	}
	*ret = o;
	return 0;
}

void bc_find_order_free(struct bc_find_order *o)
{
	if (!o)
		return;
	atomic_store_explicit(&o->shared->stop, true, memory_order_relaxed);
	pthread_mutex_lock(&o->lock);
	o->quit = true;
	pthread_cond_broadcast(&o->work);
	pthread_mutex_unlock(&o->lock);
	for (unsigned i = 0; i < o->n_threads; i++)
		pthread_join(o->thread[i], NULL);
	for (uint32_t i = 0; i < o->n_open; i++)
		free_node(o->open[i]);
	free(o->heap);
	free(o->open);
	pthread_mutex_destroy(&o->lock);
	pthread_cond_destroy(&o->work);
	pthread_cond_destroy(&o->done);
	free(o);
}
