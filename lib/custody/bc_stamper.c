/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamper.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_stamp_file.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_tsa.h"

#define RETRY_FIRST_S 1U
#define RETRY_DOUBLED 9U	/* 512 seconds are the most */

struct bc_stamper_folder {
	struct bc_stamper_folder *next;
	struct bc_stamper *stamper;
	struct bc_stamp_file *file;	/* the thread's, once it is added */
	/* This and what follows: under the stamper's lock. */
	uint8_t head[BC_CHAIN_HASH], stamped_head[BC_CHAIN_HASH];
	uint64_t records, stamped, failed;
	uint64_t due_ns;		/* bc_mono_ns(): not before that */
	char path[];
};

struct bc_stamper {
	struct bc_tsa *tsa;
	uint64_t interval_ns;
	const struct bc_log *log;
	struct bc_stamp_line *line;	/* the thread's */
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct bc_stamper_folder *folders;	/* only added to */
	unsigned failures;		/* one after the other */
	uint64_t retry_ns;		/* with any: not before that */
	uint64_t finish_ns;		/* since when no record will follow; 0: some may */
	bool busy;
	char url[];
};

static bool is_wanted(const struct bc_stamper_folder *f)
{
	return f->records && memcmp(f->head, f->stamped_head, sizeof(f->head));
}

/* With the lock held: when f is to be stamped. */
static uint64_t due_ns(const struct bc_stamper *s, const struct bc_stamper_folder *f)
{
	uint64_t due = s->finish_ns ? 0 : f->due_ns;

	return s->failures && s->retry_ns > due ? s->retry_ns : due;
}

/* With the lock held. Of two that are due at once, such as after an outage, one that failed comes last, so that it holds up no other. */
static bool is_before(const struct bc_stamper *s, const struct bc_stamper_folder *a, const struct bc_stamper_folder *b)
{
	const uint64_t due_a = due_ns(s, a), due_b = due_ns(s, b);

	return due_a != due_b ? due_a < due_b : a->due_ns < b->due_ns;
}

/* With the lock held: the one that is to be stamped first, or NULL. */
static struct bc_stamper_folder *first_due(const struct bc_stamper *s)
{
	struct bc_stamper_folder *first = NULL;

	for (struct bc_stamper_folder *f = s->folders; f; f = f->next)
		if (is_wanted(f) && (!first || is_before(s, f, first)))
			first = f;
	return first;
}

/* Without the lock. */
static int get_stamp(struct bc_stamper *s, struct bc_stamper_folder *f, struct bc_err *err)
{
	struct bc_stamp_request *req;
	int r = bc_stamp_request_new(s->line->hash, &req);

	if (r)
		return bc_err_set(err, r, "no memory for a request");
	r = bc_tsa_ask(s->tsa, req, s->line->answer, &s->line->len, err);
	if (!r)
		r = bc_stamp_accept(req, s->line->answer, s->line->len, err);
	if (!r)
		r = bc_stamp_file_add(f->file, s->line, err);
	bc_stamp_request_free(req);
	return r;
}

/* With the lock held. An outage is one line, however long it is. */
static void has_failed(struct bc_stamper *s, struct bc_stamper_folder *f, const struct bc_err *err)
{
	unsigned doubled = s->failures < RETRY_DOUBLED ? s->failures : RETRY_DOUBLED;

	f->failed++;
	if (!s->failures++)
		bc_log(s->log, BC_WARN, "%s: no time stamp from %s: %s; it is asked again, and nothing waits for it", f->path, s->url, err->msg);
	f->due_ns = bc_mono_ns();
	s->retry_ns = f->due_ns + ((uint64_t)RETRY_FIRST_S << doubled) * BC_NS_PER_S;
}

/* With the lock held, which is given up meanwhile. */
static void stamp(struct bc_stamper *s, struct bc_stamper_folder *f)
{
	const uint64_t records = f->records;
	struct bc_err err;
	int r;

	s->line->number = records - 1;
	memcpy(s->line->hash, f->head, sizeof(f->head));
	s->busy = true;
	pthread_mutex_unlock(&s->lock);
	r = get_stamp(s, f, &err);
	pthread_mutex_lock(&s->lock);
	s->busy = false;
	if (r == -ECANCELED)
		return;
	if (r) {
		has_failed(s, f, &err);
		return;
	}
	if (s->failures)
		bc_log(s->log, BC_INFO, "%s: %s gives time stamps again", f->path, s->url);
	s->failures = 0;
	f->stamped = records;
	memcpy(f->stamped_head, s->line->hash, sizeof(f->stamped_head));
	f->due_ns = bc_mono_ns() + s->interval_ns;
}

static void wait_until_ns(struct bc_stamper *s, uint64_t ns)
{
	const struct timespec at = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

	pthread_cond_clockwait(&s->work, &s->lock, CLOCK_MONOTONIC, &at);
}

static void *stamp_main(void *arg)
{
	struct bc_stamper *s = arg;

	bc_thread_give_way();
	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->stop)) {
		struct bc_stamper_folder *f = first_due(s);

		if (!f)
			pthread_cond_wait(&s->work, &s->lock);
		else if (due_ns(s, f) > bc_mono_ns())
			wait_until_ns(s, due_ns(s, f));
		else
			stamp(s, f);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int bc_stamper_new(const char *url, uint32_t seconds, const struct bc_log *log, struct bc_stamper **ret, struct bc_err *err)
{
	size_t len = strlen(url) + 1;
	struct bc_stamper *s = calloc(1, sizeof(*s) + len);
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for time stamps");
	memcpy(s->url, url, len);
	s->log = log;
	s->interval_ns = seconds * BC_NS_PER_S;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	s->line = malloc(sizeof(*s->line));
	r = s->line ? bc_tsa_new(url, &s->stop, &s->tsa, err) : bc_err_set(err, -ENOMEM, "no memory for time stamps");
	if (!r) {
		r = bc_thread_start(&s->thread, "bc-stamp", stamp_main, s);
		s->started = r == 0;
		if (r)
			bc_err_set(err, r, "cannot start the thread that asks for time stamps: %s", strerror(-r));
	}
	if (r)
		bc_stamper_free(s);
	else
		*ret = s;
	return r;
}

int bc_stamper_add(struct bc_stamper *s, const char *folder, struct bc_stamper_folder **ret, struct bc_err *err)
{
	size_t len = strlen(folder) + 1;
	struct bc_stamper_folder *f = calloc(1, sizeof(*f) + len);
	int r;

	if (!f)
		return bc_err_set(err, -ENOMEM, "%s: no memory", folder);
	memcpy(f->path, folder, len);
	f->stamper = s;
	r = bc_stamp_file_open(folder, &f->file, &f->stamped, f->stamped_head, err);
	if (r) {
		free(f);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	f->next = s->folders;
	s->folders = f;
	pthread_mutex_unlock(&s->lock);
	*ret = f;
	return 0;
}

void bc_stamper_head(struct bc_stamper_folder *f, uint64_t records, const uint8_t head[BC_CHAIN_HASH])
{
	pthread_mutex_lock(&f->stamper->lock);
	f->records = records;
	memcpy(f->head, head, sizeof(f->head));
	/* Of another chain, which was put aside. */
	if (f->stamped > records || !is_wanted(f))
		f->stamped = is_wanted(f) ? 0 : records;
	pthread_cond_signal(&f->stamper->work);
	pthread_mutex_unlock(&f->stamper->lock);
}

void bc_stamper_stats(struct bc_stamper_folder *f, struct bc_stamper_stats *ret)
{
	pthread_mutex_lock(&f->stamper->lock);
	*ret = (struct bc_stamper_stats){ .stamped = f->stamped, .waiting = f->records - f->stamped, .failed = f->failed };
	pthread_mutex_unlock(&f->stamper->lock);
}

bool bc_stamper_finish(struct bc_stamper *s, uint64_t patience_ns)
{
	const uint64_t now = bc_mono_ns();
	bool over;

	pthread_mutex_lock(&s->lock);
	if (!s->finish_ns) {
		s->finish_ns = now;
		pthread_cond_signal(&s->work);
	}
	over = s->failures || (!s->busy && !first_due(s)) || now - s->finish_ns >= patience_ns;
	pthread_mutex_unlock(&s->lock);
	return over;
}

static void tell_waiting(const struct bc_stamper *s, const struct bc_stamper_folder *f)
{
	if (is_wanted(f))
		bc_log(s->log, BC_WARN, "%s: records from %" PRIu64 " on of the chain of custody have no time stamp yet: the next capture with "
		       "--timestamp asks for one", f->path, f->stamped);
}

void bc_stamper_close(struct bc_stamper *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->started = false;
	for (const struct bc_stamper_folder *f = s->folders; f; f = f->next)
		tell_waiting(s, f);
}

void bc_stamper_free(struct bc_stamper *s)
{
	struct bc_stamper_folder *f, *next;

	if (!s)
		return;
	bc_stamper_close(s);
	for (f = s->folders; f; f = next) {
		next = f->next;
		bc_stamp_file_close(f->file);
		free(f);
	}
	bc_tsa_free(s->tsa);
	free(s->line);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
