/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A ring of jobs. The feeding thread fills the next job and submits it; workers take jobs in their order and finish
 * them in any; the feeding thread collects them in order, waiting only when the ring is full or all is to go out.
 */
#include "bc_blocks.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "bc_thread.h"

struct job {
	struct bc_block b;
	uint8_t *in;		/* window_max bytes, then room for a block */
	bool done;		/* under the lock */
	int error;
};

struct worker {
	struct blocks *s;
	void *memory;
	pthread_t thread;
};

struct blocks {
	/* Constant. */
	const struct bc_block_codec *codec;
	struct bc_stream_out out;
	int level;
	size_t block_max;
	unsigned n_workers, n_jobs;
	struct worker *worker;
	struct job *job;

	/* The feeding thread's own. */
	unsigned started;	/* threads */
	uint64_t collected;	/* jobs */
	bool headed;
	uint32_t sum;		/* of what was collected */
	uint64_t len;

	pthread_mutex_t lock;
	pthread_cond_t work;		/* for the workers */
	pthread_cond_t finished;	/* for the feeding thread */
	uint64_t submitted;		/* written by the feeding thread, under the lock */
	uint64_t taken;
	bool stop;
};

static struct job *job_of(struct blocks *s, uint64_t n)
{
	return &s->job[n % s->n_jobs];
}

static void *work(void *arg)
{
	struct worker *w = arg;
	struct blocks *s = w->s;

	pthread_mutex_lock(&s->lock);
	while (!s->stop) {
		struct job *j;

		if (s->taken == s->submitted) {
			pthread_cond_wait(&s->work, &s->lock);
			continue;
		}
		j = job_of(s, s->taken++);
		pthread_mutex_unlock(&s->lock);
		j->error = s->codec->compress(w->memory, &j->b);
		pthread_mutex_lock(&s->lock);
		j->done = true;
		pthread_cond_signal(&s->finished);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* Only once there is work, so that they inherit the feeding thread's CPUs. One is enough to proceed. */
static int start_workers(struct blocks *s)
{
	int r = 0;

	while (r == 0 && s->started < s->n_workers) {
		r = bc_thread_start(&s->worker[s->started].thread, "bc-compress", work, &s->worker[s->started]);
		s->started += r == 0;
	}
	return s->started ? 0 : r;
}

/* The job being filled becomes the workers'. */
static int submit(struct blocks *s)
{
	int r = s->started ? 0 : start_workers(s);

	if (r < 0)
		return r;
	pthread_mutex_lock(&s->lock);
	s->submitted++;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

/* Has the oldest job come back? */
static bool is_done(struct blocks *s, bool wait)
{
	const struct job *j = job_of(s, s->collected);
	bool done;

	pthread_mutex_lock(&s->lock);
	while (wait && !j->done)
		pthread_cond_wait(&s->finished, &s->lock);
	done = j->done;
	pthread_mutex_unlock(&s->lock);
	return done;
}

static int put_header(struct blocks *s)
{
	uint8_t edge[BC_BLOCKS_EDGE];

	if (s->headed)
		return 0;
	s->headed = true;
	return s->out.sink(s->out.ctx, edge, s->codec->header(s->level, edge));
}

/* Put out the oldest job, which is done. */
static int collect(struct blocks *s)
{
	struct job *j = job_of(s, s->collected++);
	int r = j->error ? j->error : put_header(s);

	j->done = false;
	s->sum = s->codec->join(s->sum, &j->b);
	s->len += j->b.len;
	return r < 0 ? r : s->out.sink(s->out.ctx, j->b.out, j->b.out_len);
}

static int collect_done(struct blocks *s)
{
	int r = 0;

	while (r == 0 && s->collected < s->submitted && is_done(s, false))
		r = collect(s);
	return r;
}

static int collect_all(struct blocks *s)
{
	int r = 0;

	while (r == 0 && s->collected < s->submitted) {
		is_done(s, true);
		r = collect(s);
	}
	return r;
}

/* The job to be filled; there is always one. Its window is the end of what the job before it holds. */
static struct job *begin_job(struct blocks *s, const struct job *before)
{
	struct job *j = job_of(s, s->submitted);
	size_t n = before ? before->b.window + before->b.len : 0;

	if (n > s->codec->window_max)
		n = s->codec->window_max;
	if (n)
		memcpy(j->in + s->codec->window_max - n, before->b.in + before->b.len - n, n);
	j->b.in = j->in + s->codec->window_max;
	j->b.window = n;
	j->b.len = 0;
	return j;
}

/* What the job holds is on its way, and the next can be filled. */
static int next_job(struct blocks *s, struct job **j)
{
	int r = submit(s);

	if (r == 0 && s->submitted - s->collected == s->n_jobs) {
		is_done(s, true);
		r = collect(s);
	}
	if (r == 0)
		*j = begin_job(s, *j);
	return r;
}

static int feed(struct blocks *s, const uint8_t *data, size_t len)
{
	struct job *j = job_of(s, s->submitted);
	int r = 0;

	while (r == 0 && len > 0) {
		size_t n = s->block_max - j->b.len < len ? s->block_max - j->b.len : len;

		memcpy(j->in + s->codec->window_max + j->b.len, data, n);
		j->b.len += n;
		data += n;
		len -= n;
		if (j->b.len == s->block_max)
			r = next_job(s, &j);
	}
	return r < 0 ? r : collect_done(s);
}

static int flush(struct blocks *s)
{
	struct job *j = job_of(s, s->submitted);
	int r = j->b.len ? next_job(s, &j) : 0;

	return r < 0 ? r : collect_all(s);
}

static int end(struct blocks *s)
{
	uint8_t edge[BC_BLOCKS_EDGE];
	int r = flush(s);

	if (r == 0)
		r = put_header(s);
	return r < 0 ? r : s->out.sink(s->out.ctx, edge, s->codec->trailer(s->sum, s->len, edge));
}

int bc_blocks_push(void *state, const uint8_t *data, size_t len, enum bc_stream_push what)
{
	switch (what) {
	case BC_STREAM_FEED:
		return feed(state, data, len);
	case BC_STREAM_FLUSH:
		return flush(state);
	case BC_STREAM_END:
		return end(state);
	}
	return -EINVAL;
}

int bc_blocks_begin(void *state)
{
	struct blocks *s = state;

	for (; s->collected < s->submitted; s->collected++) {
		is_done(s, true);
		job_of(s, s->collected)->done = false;
	}
	s->headed = false;
	s->sum = 0;
	s->len = 0;
	begin_job(s, NULL);
	return 0;
}

static bool open_jobs(struct blocks *s)
{
	s->job = calloc(s->n_jobs, sizeof(*s->job));
	for (unsigned i = 0; s->job && i < s->n_jobs; i++) {
		s->job[i].in = malloc(s->codec->window_max + s->block_max);
		s->job[i].b.out = malloc(s->codec->out_max(s->block_max));
		if (!s->job[i].in || !s->job[i].b.out)
			return false;
	}
	return s->job;
}

static bool open_workers(struct blocks *s)
{
	s->worker = calloc(s->n_workers, sizeof(*s->worker));
	for (unsigned i = 0; s->worker && i < s->n_workers; i++) {
		s->worker[i].s = s;
		s->worker[i].memory = s->codec->open(s->level);
		if (!s->worker[i].memory)
			return false;
	}
	return s->worker;
}

int bc_blocks_open(const struct bc_block_codec *codec, int level, unsigned workers, const struct bc_stream_out *out,
		   void **ret, struct bc_err *err)
{
	struct blocks *s = calloc(1, sizeof(*s));

	if (!s)
		return bc_err_set(err, -ENOMEM, "%s: no memory", codec->name);
	s->codec = codec;
	s->out = *out;
	s->level = level;
	s->block_max = codec->block_max(level);
	s->n_workers = workers;
	/* For each one a worker has, one that waits for it or for being collected; and the one that is filled. */
	s->n_jobs = 2 * workers + 1;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->finished, NULL);
	if (!open_jobs(s) || !open_workers(s)) {
		bc_blocks_close(s);
		return bc_err_set(err, -ENOMEM, "%s: no memory for %u threads", codec->name, workers);
	}
	*ret = s;
	return 0;
}

void bc_blocks_close(void *state)
{
	struct blocks *s = state;

	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_broadcast(&s->work);
	pthread_mutex_unlock(&s->lock);
	for (unsigned i = 0; i < s->started; i++)
		pthread_join(s->worker[i].thread, NULL);
	for (unsigned i = 0; s->worker && i < s->n_workers; i++)
		if (s->worker[i].memory)
			s->codec->close(s->worker[i].memory);
	for (unsigned i = 0; s->job && i < s->n_jobs; i++) {
		free(s->job[i].in);
		free(s->job[i].b.out);
	}
	pthread_cond_destroy(&s->finished);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s->worker);
	free(s->job);
	free(s);
}
