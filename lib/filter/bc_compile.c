/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_compile.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_filter_priv.h"
#include "bc_thread.h"
#include "bc_time.h"

struct part {
	uint16_t linktype;
	struct bpf_program program;
};

/* Of the thread: it frees what was abandoned while it was at work. */
enum state { AT_WORK, FINISHED, ABANDONED };

struct bc_compile {
	pthread_t thread;
	_Atomic uint32_t state;
	sem_t finished;
	_Atomic bool compiled;		/* before it is posted; ThreadSanitizer does not see the order that sem_clockwait() makes */
	bool done;			/* the caller has seen that */
	char *expression;
	int result;			/* written by the thread before it posts finished, as are all below */
	struct bc_err err;
	uint32_t n;
	struct part part[];
};

static struct part *find(struct bc_compile *c, uint16_t linktype)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (c->part[i].linktype == linktype)
			return &c->part[i];
	return NULL;
}

static void destroy(struct bc_compile *c)
{
	for (uint32_t i = 0; i < c->n; i++)
		pcap_freecode(&c->part[i].program);
	sem_destroy(&c->finished);
	free(c->expression);
	free(c);
}

static void *compile(void *arg)
{
	struct bc_compile *c = arg;

	for (uint32_t i = 0; i < c->n && !c->result && atomic_load(&c->state) == AT_WORK; i++)
		c->result = bc_filter_program(c->expression, c->part[i].linktype, BC_FILTER_MAX_SNAPLEN, &c->part[i].program,
					      &c->err);
	atomic_store(&c->compiled, true);
	sem_post(&c->finished);
	if (atomic_exchange(&c->state, FINISHED) == ABANDONED)
		destroy(c);
	return NULL;
}

static struct bc_compile *new_compile(const char *expression, const uint16_t *linktype, uint32_t n)
{
	struct bc_compile *c = calloc(1, sizeof(*c) + n * sizeof(c->part[0]));

	if (!c)
		return NULL;
	c->expression = strdup(expression);
	if (!c->expression) {
		free(c);
		return NULL;
	}
	for (uint32_t i = 0; i < n; i++)
		if (!find(c, linktype[i]))
			c->part[c->n++].linktype = linktype[i];
	sem_init(&c->finished, 0, 0);
	return c;
}

int bc_compile_begin(const char *expression, const uint16_t *linktype, uint32_t n, struct bc_compile **ret, struct bc_err *err)
{
	struct bc_compile *c = new_compile(expression, linktype, n);
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	r = bc_thread_start(&c->thread, "bc-filter", compile, c);
	if (r) {
		destroy(c);
		return bc_err_set(err, r, "cannot start a thread to compile a filter (%s)", strerror(-r));
	}
	*ret = c;
	return 0;
}

bool bc_compile_wait(struct bc_compile *c, uint64_t ns)
{
	uint64_t until_ns = bc_mono_ns() + ns;
	const struct timespec until = { .tv_sec = (time_t)(until_ns / BC_NS_PER_S), .tv_nsec = (long)(until_ns % BC_NS_PER_S) };
	int r = 0;

	while (!c->done && (r = sem_clockwait(&c->finished, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR)
		;
	c->done |= r == 0 && atomic_load(&c->compiled);
	return c->done;
}

int bc_compile_result(const struct bc_compile *c, struct bc_err *err)
{
	return c->result ? bc_err_set(err, c->result, "%s", c->err.msg) : 0;
}

void bc_compile_take(struct bc_compile *c, uint16_t linktype, struct bpf_program *ret)
{
	struct part *p = find(c, linktype);

	*ret = p->program;
	p->program = (struct bpf_program){ 0 };
}

void bc_compile_free(struct bc_compile *c)
{
	pthread_t thread;

	if (!c)
		return;
	thread = c->thread;
	if (!c->done && atomic_exchange(&c->state, ABANDONED) == AT_WORK) {
		pthread_detach(thread);
		return;
	}
	pthread_join(thread, NULL);
	destroy(c);
}
