/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_action.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "bc_time.h"
#include "bc_view_value.h"

/* How long a client waits for the control thread. */
#define WAIT_NS (3 * BC_NS_PER_S)

enum progress { WAITING, UNDER_WAY, DONE, ABANDONED };

/* Owned by the client's thread. One that it abandons while UNDER_WAY is freed by the control thread. */
struct request {
	struct request *next;
	const struct bc_tel_command *command;
	enum progress progress;
	json_t *reply;		/* when DONE */
	char param[BC_ACTION_REQUEST_MAX + 1];
};

struct bc_action_queue {
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t done;
	bool open;
	struct request *first;
	struct request *later;	/* under way: to be called again in the next round */
};

json_t *bc_action_ended(void)
{
	return bc_view_error("there is no capture: it has ended, or has not started");
}

struct bc_action_queue *bc_action_queue_new(void)
{
	struct bc_action_queue *q = calloc(1, sizeof(*q));
	pthread_condattr_t attr;

	if (!q)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->done, &attr);
	pthread_condattr_destroy(&attr);
	return q;
}

void bc_action_queue_free(struct bc_action_queue *q)
{
	pthread_cond_destroy(&q->done);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

void bc_action_queue_open(struct bc_action_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->open = true;
	pthread_mutex_unlock(&q->lock);
}

static void append(struct request **end, struct request *r)
{
	while (*end)
		end = &(*end)->next;
	*end = r;
}

/* Those that are under way come first. With the lock held, as the next two. */
static void begin_round(struct bc_action_queue *q)
{
	append(&q->later, q->first);
	q->first = q->later;
	q->later = NULL;
}

static struct request *take(struct bc_action_queue *q)
{
	struct request *r = q->first;

	if (!r)
		return NULL;
	q->first = r->next;
	r->next = NULL;
	return r;
}

static void answer(struct bc_action_queue *q, struct request *r, json_t *reply)
{
	if (r->progress == ABANDONED) {
		json_decref(reply);
		free(r);
		return;
	}
	r->reply = reply;
	r->progress = DONE;
	pthread_cond_broadcast(&q->done);
}

void bc_action_queue_close(struct bc_action_queue *q)
{
	struct request *r;

	pthread_mutex_lock(&q->lock);
	q->open = false;
	begin_round(q);
	while ((r = take(q)))
		answer(q, r, bc_action_ended());
	pthread_mutex_unlock(&q->lock);
}

static void take_out(struct bc_action_queue *q, const struct request *r)
{
	for (struct request **at = &q->first; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			return;
		}
}

/* Wait, with the lock held, and return what became of the request. Its memory no longer belongs to the caller. */
static json_t *await(struct bc_action_queue *q, struct request *r)
{
	uint64_t until_ns = bc_mono_ns() + WAIT_NS;
	struct timespec until = { (time_t)(until_ns / BC_NS_PER_S), (long)(until_ns % BC_NS_PER_S) };
	json_t *reply;

	while (r->progress != DONE && !pthread_cond_timedwait(&q->done, &q->lock, &until))
		;
	if (r->progress == UNDER_WAY) {
		r->progress = ABANDONED;
		return bc_view_error("it is under way, and takes longer than 3 s");
	}
	if (r->progress == WAITING) {
		take_out(q, r);
		reply = bc_view_error("the control thread did not come to it within 3 s: nothing was done");
	} else {
		reply = r->reply;
	}
	free(r);
	return reply;
}

json_t *bc_action_ask(struct bc_action_queue *q, const struct bc_tel_command *c, const char *param)
{
	struct request *r = calloc(1, sizeof(*r));
	json_t *reply;

	if (!r)
		return NULL;
	r->command = c;
	if (param)
		strncpy(r->param, param, BC_ACTION_REQUEST_MAX);
	pthread_mutex_lock(&q->lock);
	if (q->open) {
		append(&q->first, r);
		reply = await(q, r);
	} else {
		free(r);
		reply = bc_action_ended();
	}
	pthread_mutex_unlock(&q->lock);
	return reply;
}

static json_t *act(const struct bc_group *g, const struct request *r)
{
	if (!r->command->while_stopping && g->pipeline[0]->stopping)
		return bc_view_error("the capture is coming to its end: it takes no more orders");
	return r->command->act(g, r->param);
}

void bc_action_run(struct bc_action_queue *q, const struct bc_group *g)
{
	struct request *r;

	pthread_mutex_lock(&q->lock);
	begin_round(q);
	while ((r = take(q))) {
		json_t *reply;

		if (r->progress == WAITING)
			r->progress = UNDER_WAY;
		pthread_mutex_unlock(&q->lock);
		reply = act(g, r);
		pthread_mutex_lock(&q->lock);
		if (json_is_null(reply))
			append(&q->later, r);
		else
			answer(q, r, reply);
	}
	pthread_mutex_unlock(&q->lock);
}
