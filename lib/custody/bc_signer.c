/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_signer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_chain.h"
#include "bc_plural.h"
#include "bc_thread.h"
#include "bc_time.h"

#define RETRY_S 2

/* A segment that waits for its record. */
struct segment {
	struct segment *next;
	enum bc_chain_kind kind;
	char name[];
};

struct bc_signer_folder {
	struct bc_signer_folder *next;
	struct bc_signer *signer;
	struct bc_chain *chain;		/* the thread's, once it is added */
	struct bc_stamper_folder *stamps;	/* NULL: none */
	struct segment *head, **tail;	/* this and what follows: under the signer's lock */
	struct bc_signer_stats stats;
	bool failed;			/* the first in the queue could not be recorded, and waits */
	char path[];
};

struct bc_signer {
	struct bc_chain_key *key;
	struct bc_stamper *stamper;	/* NULL: none */
	const struct bc_log *log;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct bc_signer_folder *folders;	/* only added to */
	bool busy;
};

/* With the lock held. */
static void put(struct bc_signer_folder *f, const char *name, enum bc_chain_kind kind)
{
	size_t len = strlen(name) + 1;
	struct segment *g = malloc(sizeof(*g) + len);

	if (!g) {
		f->stats.missed++;
		return;
	}
	*g = (struct segment){ .kind = kind };
	memcpy(g->name, name, len);
	*f->tail = g;
	f->tail = &g->next;
	f->stats.waiting++;
	pthread_cond_signal(&f->signer->work);
}

void bc_signer_published(struct bc_signer_folder *f, const char *path)
{
	const char *slash = strrchr(path, '/');

	pthread_mutex_lock(&f->signer->lock);
	put(f, slash ? slash + 1 : path, BC_CHAIN_PUBLISHED);
	pthread_mutex_unlock(&f->signer->lock);
}

static int found(void *ctx, const char *name)
{
	put(ctx, name, BC_CHAIN_FOUND);
	return 0;
}

static struct bc_signer_folder *with_work(struct bc_signer *s)
{
	for (struct bc_signer_folder *f = s->folders; f; f = f->next)
		if (f->head && !f->failed)
			return f;
	return NULL;
}

/* With the lock held. */
static void take_off(struct bc_signer_folder *f)
{
	struct segment *g = f->head;

	f->head = g->next;
	if (!f->head)
		f->tail = &f->head;
	f->stats.waiting--;
	free(g);
}

/* With the lock held. */
static void note_head(struct bc_signer_folder *f)
{
	f->stats.records = bc_chain_head(f->chain, f->stats.head);
	if (f->stamps)
		bc_stamper_head(f->stamps, f->stats.records, f->stats.head);
}

/* With the lock held, which is given up meanwhile. The first segment stays first: only this thread takes it off. */
static void record_first(struct bc_signer *s, struct bc_signer_folder *f)
{
	const struct segment *g = f->head;
	struct bc_err err;
	int r;

	s->busy = true;
	pthread_mutex_unlock(&s->lock);
	r = bc_chain_add(f->chain, s->key, g->name, g->kind, &s->stop, &err);
	pthread_mutex_lock(&s->lock);
	s->busy = false;
	note_head(f);
	if (r == -ECANCELED)
		return;
	if (r)
		bc_log(s->log, r == -ENOENT ? BC_WARN : BC_ERROR, "%s", err.msg);
	f->failed = r && r != -ENOENT;
	f->stats.missed += r == -ENOENT;
	if (!f->failed)
		take_off(f);
}

static void try_again(struct bc_signer *s)
{
	for (struct bc_signer_folder *f = s->folders; f; f = f->next)
		f->failed = false;
}

static void *sign_main(void *arg)
{
	struct bc_signer *s = arg;
	struct timespec retry = { .tv_sec = 0 };

	bc_thread_give_way();
	pthread_mutex_lock(&s->lock);
	while (!atomic_load(&s->stop)) {
		struct bc_signer_folder *f = with_work(s);

		if (f) {
			record_first(s, f);
			continue;
		}
		/* However many segments are published meanwhile, what failed is tried again in time. */
		if (pthread_cond_clockwait(&s->work, &s->lock, CLOCK_MONOTONIC, &retry) == ETIMEDOUT) {
			try_again(s);
			clock_gettime(CLOCK_MONOTONIC, &retry);
			retry.tv_sec += RETRY_S;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int bc_signer_new(const char *key, struct bc_keyring *keyring, struct bc_stamper *stamper, const struct bc_log *log, struct bc_signer **ret,
		  struct bc_err *err)
{
	struct bc_signer *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for signatures");
	s->log = log;
	s->stamper = stamper;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	r = bc_chain_key_private(key, keyring, &s->key, err);
	if (r)
		bc_err_prefix(err, r, "--sign");
	if (!r) {
		r = bc_thread_start(&s->thread, "bc-sign", sign_main, s);
		s->started = r == 0;
		if (r)
			bc_err_set(err, r, "cannot start the thread that signs: %s", strerror(-r));
	}
	if (r)
		bc_signer_free(s);
	else
		*ret = s;
	return r;
}

static struct bc_signer_folder *find(const struct bc_signer *s, const char *path)
{
	struct bc_signer_folder *f = s->folders;

	while (f && strcmp(f->path, path))
		f = f->next;
	return f;
}

int bc_signer_add(struct bc_signer *s, const char *folder, struct bc_signer_folder **ret, struct bc_err *err)
{
	struct bc_signer_folder *f = find(s, folder);
	size_t len = strlen(folder) + 1;
	int r;

	*ret = f;
	if (f)
		return 0;
	f = calloc(1, sizeof(*f) + len);
	if (!f)
		return bc_err_set(err, -ENOMEM, "%s: no memory", folder);
	f->signer = s;
	f->tail = &f->head;
	memcpy(f->path, folder, len);
	r = bc_chain_open(folder, s->log, &f->chain, err);
	if (!r && s->stamper)
		r = bc_stamper_add(s->stamper, folder, &f->stamps, err);
	if (r) {
		bc_chain_close(f->chain);
		free(f);
		return r;
	}
	pthread_mutex_lock(&s->lock);
	note_head(f);
	r = bc_chain_unrecorded(f->chain, found, f, err);
	f->next = s->folders;
	s->folders = f;
	pthread_mutex_unlock(&s->lock);
	*ret = f;
	return r;
}

void bc_signer_stats(struct bc_signer_folder *f, struct bc_signer_stats *ret)
{
	pthread_mutex_lock(&f->signer->lock);
	*ret = f->stats;
	pthread_mutex_unlock(&f->signer->lock);
	ret->stamping = f->stamps != NULL;
	if (f->stamps)
		bc_stamper_stats(f->stamps, &ret->stamps);
}

bool bc_signer_idle(struct bc_signer *s)
{
	bool idle;

	pthread_mutex_lock(&s->lock);
	idle = !s->busy && !with_work(s);
	pthread_mutex_unlock(&s->lock);
	return idle;
}

/* So that it can be noted somewhere else, where nobody cuts off what follows. */
static void tell_head(const struct bc_signer *s, const struct bc_signer_folder *f)
{
	char head[2 * BC_CHAIN_HASH + 1];

	bc_chain_hex(f->stats.head, BC_CHAIN_HASH, head);
	bc_log(s->log, BC_INFO, "%s: chain of custody: %" PRIu64 " record%s, the last is %s", f->path, f->stats.records,
	       bc_plural(f->stats.records, "", "s"), head);
	if (f->stats.waiting)
		bc_log(s->log, BC_WARN, "%s: %" PRIu64 " %s no record in the chain of custody yet: the next capture with --sign makes it", f->path,
		       f->stats.waiting, bc_plural(f->stats.waiting, "segment has", "segments have"));
}

void bc_signer_close(struct bc_signer *s)
{
	if (!s->started)
		return;
	pthread_mutex_lock(&s->lock);
	atomic_store(&s->stop, true);
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	s->started = false;
	for (const struct bc_signer_folder *f = s->folders; f; f = f->next)
		tell_head(s, f);
}

void bc_signer_free(struct bc_signer *s)
{
	struct bc_signer_folder *f, *next;

	if (!s)
		return;
	bc_signer_close(s);
	for (f = s->folders; f; f = next) {
		next = f->next;
		while (f->head)
			take_off(f);
		bc_chain_close(f->chain);
		free(f);
	}
	bc_chain_key_free(s->key);
	pthread_cond_destroy(&s->work);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
