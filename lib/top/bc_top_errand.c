/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_errand.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_thread.h"

struct bc_top_errand {
	bc_top_question question;
	int bell;		/* its own descriptor */
	pthread_mutex_t lock;
	enum { IDLE, UNDER_WAY, ANSWERED } state;	/* this and over under the lock */
	bool over;		/* the thread frees it */
	/* Who asks has these, but the thread while it is under way. */
	void *ctx;
	char prefix[BC_TOP_PREFIX_MAX];
	json_t *last, *answer;
};

struct bc_top_errand *bc_top_errand_new(bc_top_question question, int bell)
{
	struct bc_top_errand *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->question = question;
	e->bell = fcntl(bell, F_DUPFD_CLOEXEC, 0);
	if (e->bell < 0) {
		free(e);
		return NULL;
	}
	pthread_mutex_init(&e->lock, NULL);
	return e;
}

static void destroy(struct bc_top_errand *e)
{
	json_decref(e->last);
	json_decref(e->answer);
	close(e->bell);
	pthread_mutex_destroy(&e->lock);
	free(e);
}

void bc_top_errand_free(struct bc_top_errand *e)
{
	bool idle;

	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->over = true;
	idle = e->state != UNDER_WAY;
	pthread_mutex_unlock(&e->lock);
	if (idle)
		destroy(e);
}

static void *run(void *arg)
{
	struct bc_top_errand *e = arg;
	json_t *answer = e->question(e->ctx, e->prefix, e->last);
	bool over;

	pthread_mutex_lock(&e->lock);
	e->answer = answer;
	e->state = ANSWERED;
	over = e->over;
	if (!over)
		eventfd_write(e->bell, 1);
	pthread_mutex_unlock(&e->lock);
	if (over)
		destroy(e);
	return NULL;
}

static void set_state(struct bc_top_errand *e, int state)
{
	pthread_mutex_lock(&e->lock);
	e->state = state;
	pthread_mutex_unlock(&e->lock);
}

bool bc_top_errand_start(struct bc_top_errand *e, void *ctx, const char *prefix, json_t *last)
{
	pthread_t thread;
	bool idle;

	pthread_mutex_lock(&e->lock);
	idle = e->state == IDLE;
	pthread_mutex_unlock(&e->lock);
	if (!idle) {
		json_decref(last);
		return false;
	}
	e->ctx = ctx;
	snprintf(e->prefix, sizeof(e->prefix), "%s", prefix);
	json_decref(e->last);
	e->last = last;
	set_state(e, UNDER_WAY);
	if (bc_thread_start(&thread, "bc-top", run, e)) {
		set_state(e, IDLE);
		return false;
	}
	pthread_detach(thread);
	return true;
}

bool bc_top_errand_take(struct bc_top_errand *e, char prefix[BC_TOP_PREFIX_MAX], json_t **ret)
{
	bool answered;

	pthread_mutex_lock(&e->lock);
	answered = e->state == ANSWERED;
	if (answered)
		e->state = IDLE;
	pthread_mutex_unlock(&e->lock);
	if (!answered)
		return false;
	snprintf(prefix, BC_TOP_PREFIX_MAX, "%s", e->prefix);
	*ret = e->answer;
	e->answer = NULL;
	return true;
}
