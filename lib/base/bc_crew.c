/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_crew.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "bc_thread.h"
#include "bc_time.h"

#define NEVER UINT64_MAX

/* When a task is to be run by itself. Apart from the tasks, as all are looked through. */
struct timer {
	uint64_t due_ns;
	struct bc_task *task;
};

struct bc_crew {
	pthread_mutex_t lock;		/* of all below */
	pthread_cond_t work, over;
	struct bc_task *head, **tail;	/* to be run */
	struct timer *timer;		/* one for each task */
	uint32_t n_tasks, cap;
	uint64_t next_ns;		/* no timer is due before */
	uint64_t watched_ns;		/* a thread that waits wakes up then */
	uint32_t n_waiting;
	bool quit;
	uint32_t n_threads;
	pthread_t thread[];
};

static void append(struct bc_crew *c, struct bc_task *t)
{
	t->state = BC_TASK_QUEUED;
	t->next = NULL;
	*c->tail = t;
	c->tail = &t->next;
	c->timer[t->place].due_ns = NEVER;
}

static void enqueue(struct bc_crew *c, struct bc_task *t)
{
	append(c, t);
	if (c->n_waiting)
		pthread_cond_signal(&c->work);
}

static void run_timers(struct bc_crew *c, uint64_t now_ns)
{
	c->next_ns = NEVER;
	for (uint32_t i = 0; i < c->n_tasks; i++) {
		if (c->timer[i].due_ns <= now_ns)
			enqueue(c, c->timer[i].task);
		else if (c->timer[i].due_ns < c->next_ns)
			c->next_ns = c->timer[i].due_ns;
	}
}

static struct bc_task *take(struct bc_crew *c)
{
	struct bc_task *t;
	uint64_t now_ns;

	if (c->next_ns != NEVER && (now_ns = bc_mono_ns()) >= c->next_ns)
		run_timers(c, now_ns);
	t = c->head;
	if (!t)
		return NULL;
	c->head = t->next;
	if (!c->head)
		c->tail = &c->head;
	return t;
}

/* One thread that waits looks after the timers. */
static void wait_for_work(struct bc_crew *c)
{
	c->n_waiting++;
	if (c->next_ns < c->watched_ns) {
		uint64_t ns = c->watched_ns = c->next_ns;
		struct timespec until = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

		pthread_cond_clockwait(&c->work, &c->lock, CLOCK_MONOTONIC, &until);
		c->watched_ns = NEVER;
	} else {
		pthread_cond_wait(&c->work, &c->lock);
	}
	c->n_waiting--;
}

static void end_task(struct bc_crew *c, struct bc_task *t)
{
	c->timer[t->place] = c->timer[--c->n_tasks];
	c->timer[t->place].task->place = t->place;
	t->state = BC_TASK_ENDED;
	pthread_cond_broadcast(&c->over);
}

static void set_timer(struct bc_crew *c, struct bc_task *t, uint64_t ns)
{
	uint64_t due_ns = ns == BC_TASK_WOKEN ? NEVER : bc_mono_ns() + ns;

	t->state = BC_TASK_IDLE;
	c->timer[t->place].due_ns = due_ns;
	if (due_ns < c->next_ns)
		c->next_ns = due_ns;
}

/* The lock is given up meanwhile. */
static void run(struct bc_crew *c, struct bc_task *t)
{
	uint64_t ns;

	t->state = BC_TASK_RUNS;
	/* Who waits for the next timer may have become this thread. */
	if (c->n_waiting && c->next_ns < c->watched_ns)
		pthread_cond_signal(&c->work);
	pthread_mutex_unlock(&c->lock);
	ns = t->run(t->ctx);
	pthread_mutex_lock(&c->lock);
	if (ns == BC_TASK_OVER)
		end_task(c, t);
	else if (!ns || t->state == BC_TASK_RUNS_WOKEN)
		enqueue(c, t);
	else
		set_timer(c, t, ns);
}

static void *serve(void *arg)
{
	struct bc_crew *c = arg;

	pthread_mutex_lock(&c->lock);
	while (!c->quit) {
		struct bc_task *t = take(c);

		if (t)
			run(c, t);
		else
			wait_for_work(c);
	}
	pthread_mutex_unlock(&c->lock);
	return NULL;
}

int bc_crew_new(const char *name, uint32_t threads, struct bc_crew **ret)
{
	struct bc_crew *c = calloc(1, sizeof(*c) + threads * sizeof(c->thread[0]));
	int r = 0;

	if (!c)
		return -ENOMEM;
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->work, NULL);
	pthread_cond_init(&c->over, NULL);
	c->tail = &c->head;
	c->next_ns = c->watched_ns = NEVER;
	for (uint32_t i = 0; !r && i < threads; i++) {
		r = bc_thread_start(&c->thread[i], name, serve, c);
		c->n_threads += !r;
	}
	if (r) {
		bc_crew_free(c);
		return r;
	}
	*ret = c;
	return 0;
}

void bc_crew_free(struct bc_crew *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->quit = true;
	pthread_cond_broadcast(&c->work);
	pthread_mutex_unlock(&c->lock);
	for (uint32_t i = 0; i < c->n_threads; i++)
		pthread_join(c->thread[i], NULL);
	pthread_cond_destroy(&c->over);
	pthread_cond_destroy(&c->work);
	pthread_mutex_destroy(&c->lock);
	free(c->timer);
	free(c);
}

static bool make_room(struct bc_crew *c)
{
	uint32_t cap = c->cap ? 2 * c->cap : 4;
	struct timer *timer = c->n_tasks < c->cap ? c->timer : realloc(c->timer, cap * sizeof(*timer));

	if (!timer)
		return false;
	c->cap = c->n_tasks < c->cap ? c->cap : cap;
	c->timer = timer;
	return true;
}

int bc_task_start(struct bc_task *t, struct bc_crew *c)
{
	bool room;

	pthread_mutex_lock(&c->lock);
	room = make_room(c);
	if (room) {
		t->crew = c;
		t->place = c->n_tasks++;
		c->timer[t->place].task = t;
		enqueue(c, t);
	}
	pthread_mutex_unlock(&c->lock);
	return room ? 0 : -ENOMEM;
}

void bc_task_wake(struct bc_task *t)
{
	struct bc_crew *c = t->crew;
	bool signal = false;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	if (t->state == BC_TASK_IDLE) {
		append(c, t);
		signal = c->n_waiting > 0;
	} else if (t->state == BC_TASK_RUNS) {
		t->state = BC_TASK_RUNS_WOKEN;
	}
	pthread_mutex_unlock(&c->lock);
	/* Not under the lock, which the woken thread takes first: it would sleep once more. */
	if (signal)
		pthread_cond_signal(&c->work);
}

void bc_task_join(struct bc_task *t)
{
	struct bc_crew *c = t->crew;

	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	while (t->state != BC_TASK_ENDED)
		pthread_cond_wait(&c->over, &c->lock);
	pthread_mutex_unlock(&c->lock);
}
