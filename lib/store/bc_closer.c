/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_closer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "bc_keeper.h"
#include "bc_time.h"

#define QUEUE_WAIT_NS (20 * BC_NS_PER_MS)

enum ahead { AHEAD_NONE, AHEAD_WANTED, AHEAD_OPENING, AHEAD_READY };

struct bc_closer {
	const struct bc_folder *folder;	/* constant, as are the next three */
	bc_store_published published;
	void *ctx;
	bool ahead_wanted;	/* each file is opened in advance */
	struct bc_task task;
	struct bc_crew *own_crew;	/* NULL: it is the caller's */
	pthread_mutex_t lock;	/* of all below; never held during a system call that waits for a disk */
	pthread_cond_t done;	/* for the caller: a file was opened, others were published */

	enum ahead ahead_state;
	struct bc_segfile *ahead;	/* at AHEAD_READY */
	uint64_t seq;			/* of the file that is taken next */
	bool open_failed;		/* and was logged */
	bool moved;			/* another folder has taken the first one's place */
	struct bc_segfile *current;	/* taken by the caller */
	bool sync_wanted;		/* of current */
	uint64_t sync_size, synced;	/* its size when that was wanted; and when the last one was that is done */
	int sync_err;			/* of current */
	bool synced_last;		/* the thread's last work was a sync */
	struct bc_segfile *head;	/* finished, oldest first */
	struct bc_segfile **tail;
	bool stop;			/* end when nothing is left to do */
	_Atomic bool give_up;		/* end at once */
	int first_err;
	struct bc_store_stats stats;	/* without path */
};

static void log_open_failure(struct bc_closer *c, int err)
{
	if (!c->open_failed)
		bc_log(c->folder->log, BC_ERROR, "%s: cannot open the next segment's temporary file: %s%s",
		       *c->folder->prefix ? c->folder->prefix : ".", bc_keeper_error(err), c->moved && err == -EACCES ?
		       ": if this user may write there, the sandbox knows only the folder that was there at the start: start again" : "");
	c->open_failed = true;
}

/* Each of the three is called with the lock held, and gives it up while it works. */

static void open_ahead(struct bc_closer *c)
{
	struct bc_segfile *f = NULL;
	uint64_t seq = c->seq;
	int r;

	c->ahead_state = AHEAD_OPENING;
	pthread_mutex_unlock(&c->lock);
	/* It is opened because the one before it was begun: a crash leaves that one's number in use. */
	bc_segfile_count(c->folder, seq - 1);
	r = bc_segfile_open(c->folder, seq, &f);
	pthread_mutex_lock(&c->lock);
	if (r < 0)
		log_open_failure(c, r);
	c->ahead = f;
	c->ahead_state = r < 0 ? AHEAD_NONE : AHEAD_READY;
	pthread_cond_signal(&c->done);
}

static void sync_current(struct bc_closer *c)
{
	struct bc_segfile *f = c->current;
	uint64_t start = bc_mono_ns(), took, size = c->sync_size;

	/* f stays: only this thread frees a finished file, and bc_closer_end() only after joining. */
	c->sync_wanted = false;
	pthread_mutex_unlock(&c->lock);
	bc_segfile_sync(c->folder, f);
	took = bc_mono_ns() - start;
	pthread_mutex_lock(&c->lock);
	if (c->current == f && !f->sync_err)
		c->synced = size;
	if (c->current == f)
		c->sync_err = f->sync_err;
	c->stats.syncs++;
	if (took > c->stats.slowest_sync_ns)
		c->stats.slowest_sync_ns = took;
}

static void account(struct bc_closer *c, int err, uint64_t took_ns)
{
	c->stats.queue--;
	if (took_ns > c->stats.slowest_publish_ns)
		c->stats.slowest_publish_ns = took_ns;
	if (err == 0)
		c->stats.published++;
	else if (err != -ENODATA)
		c->stats.failed++;
	if (err != -ENODATA && !c->first_err)
		c->first_err = err;
}

/* Files of no bytes are removed, and a command's end is waited for: what is to be published has err 0 then. */
static void sort_out(struct bc_closer *c, struct bc_segfile *f)
{
	const struct bc_folder *folder = c->folder;
	bool give_up = atomic_load(&c->give_up);
	int r = folder->pipe && !give_up ? bc_segfile_await(folder, f) : 0;

	f->err = r;
	if (f->size == 0 && !(folder->pipe ? r == 0 : folder->keep_empty && !f->tail_err)) {
		bc_segfile_remove(folder, f);
		f->err = r < 0 ? r : -ENODATA;
	}
}

/* A command's segments one by one, since each is waited for; others together, so that the disk waits once for many. */
static struct bc_segfile *take_finished(struct bc_closer *c)
{
	struct bc_segfile *list = c->head;

	c->head = c->folder->pipe ? list->next : NULL;
	if (c->folder->pipe)
		list->next = NULL;
	if (!c->head)
		c->tail = &c->head;
	return list;
}

static void report(struct bc_closer *c, struct bc_segfile *f, uint64_t start_ns)
{
	char path[BC_STORE_PATH_MAX];

	bc_segfile_path(c->folder, *f->name ? f->name : f->file.tmp, path);
	if (c->published)
		c->published(c->ctx, path, f->size, &f->info, f->err);
	pthread_mutex_lock(&c->lock);
	account(c, f->err, bc_mono_ns() - start_ns);
	pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&c->lock);
	bc_segfile_free(f);
}

static void publish_finished(struct bc_closer *c)
{
	struct bc_segfile *list = take_finished(c);
	uint64_t start_ns = bc_mono_ns();

	pthread_mutex_unlock(&c->lock);
	for (struct bc_segfile *f = list; f; f = f->next)
		sort_out(c, f);
	bc_segfile_publish(c->folder, list, &c->give_up);
	while (list) {
		struct bc_segfile *f = list;

		list = f->next;
		report(c, f, start_ns);
	}
	pthread_mutex_lock(&c->lock);
}

/* The task: one piece of what is to be done. */
static uint64_t work(void *arg)
{
	struct bc_closer *c = arg;
	uint64_t again = 0;
	bool sync;

	pthread_mutex_lock(&c->lock);
	/* A slow disk must not let syncs, which come again and again, hold up publishing for ever. */
	sync = c->sync_wanted && !(c->synced_last && c->head);
	if (c->give_up)
		again = BC_TASK_OVER;
	else if (c->ahead_state == AHEAD_WANTED && !c->stop)
		open_ahead(c);
	else if (sync)
		sync_current(c);
	else if (c->head)
		publish_finished(c);
	else
		again = c->stop ? BC_TASK_OVER : BC_TASK_WOKEN;
	c->synced_last = sync;
	pthread_mutex_unlock(&c->lock);
	return again;
}

static void free_closer(struct bc_closer *c)
{
	bc_crew_free(c->own_crew);
	pthread_cond_destroy(&c->done);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

int bc_closer_start(const struct bc_closer_config *cfg, struct bc_closer **ret)
{
	struct bc_closer *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->folder = cfg->folder;
	c->published = cfg->published;
	c->ctx = cfg->ctx;
	c->tail = &c->head;
	c->ahead = cfg->first;
	c->ahead_wanted = cfg->first && !cfg->folder->name;
	c->ahead_state = cfg->first ? AHEAD_READY : AHEAD_NONE;
	c->seq = cfg->seq;
	c->task = (struct bc_task){ .run = work, .ctx = c };
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->done, NULL);
	r = cfg->crew ? 0 : bc_crew_new("bc-closer", 1, &c->own_crew);
	if (!r)
		r = bc_task_start(&c->task, cfg->crew ? cfg->crew : c->own_crew);
	if (r < 0) {
		free_closer(c);
		return r;
	}
	*ret = c;
	return 0;
}

/* With the lock held, which is given up meanwhile. */
static int open_here(struct bc_closer *c, struct bc_segfile **ret)
{
	int r;

	c->ahead_state = AHEAD_NONE;
	pthread_mutex_unlock(&c->lock);
	r = bc_segfile_open(c->folder, c->seq, ret);
	pthread_mutex_lock(&c->lock);
	if (r < 0)
		log_open_failure(c, r);
	return r;
}

/* For a while only, since the caller may have to end. */
static void await_queue(struct bc_closer *c)
{
	uint64_t ns = bc_mono_ns() + QUEUE_WAIT_NS;
	const struct timespec until = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };
	int r = 0;

	while (c->stats.queue >= BC_STORE_QUEUE_MAX && r == 0)
		r = pthread_cond_clockwait(&c->done, &c->lock, CLOCK_MONOTONIC, &until);
}

/*
 * The file that was opened ahead, if it is none any more or lies in a folder that was moved away. It may have been opened just after
 * another folder took its place.
 */
static void drop_removed(struct bc_closer *c, bool moved)
{
	if (c->ahead_state != AHEAD_READY || (moved ? bc_segfile_lies_in(c->folder, c->ahead) : bc_segfile_is_there(c->ahead)))
		return;
	bc_segfile_free(c->ahead);
	c->ahead_state = AHEAD_NONE;
}

static int take(struct bc_closer *c, struct bc_segfile **ret)
{
	if (c->stats.queue >= BC_STORE_QUEUE_MAX)
		return -EAGAIN;
	if (c->ahead_state != AHEAD_READY)
		return open_here(c, ret);
	*ret = c->ahead;
	return 0;
}

int bc_closer_take(struct bc_closer *c, struct bc_segfile **ret)
{
	int r = bc_segfile_follow_folder(c->folder);

	pthread_mutex_lock(&c->lock);
	await_queue(c);
	/* Last, since both give the lock up, and the other thread then may begin to open one. */
	while (c->ahead_state == AHEAD_OPENING)
		pthread_cond_wait(&c->done, &c->lock);
	c->moved |= r > 0;
	drop_removed(c, r > 0);
	if (r < 0)
		log_open_failure(c, r);
	else
		r = take(c, ret);
	if (r == 0) {
		c->current = *ret;
		c->synced = 0;
		c->sync_err = 0;
		c->seq++;
		c->open_failed = false;
		c->ahead_state = c->ahead_wanted ? AHEAD_WANTED : AHEAD_NONE;
		bc_task_wake(&c->task);
	}
	pthread_mutex_unlock(&c->lock);
	return r;
}

void bc_closer_sync(struct bc_closer *c, uint64_t size)
{
	pthread_mutex_lock(&c->lock);
	c->sync_wanted = true;
	c->sync_size = size;
	bc_task_wake(&c->task);
	pthread_mutex_unlock(&c->lock);
}

int bc_closer_synced(struct bc_closer *c, uint64_t *ret_size)
{
	int r;

	pthread_mutex_lock(&c->lock);
	*ret_size = c->synced;
	r = c->sync_err;
	pthread_mutex_unlock(&c->lock);
	return r;
}

void bc_closer_finish(struct bc_closer *c, struct bc_segfile *f)
{
	pthread_mutex_lock(&c->lock);
	c->current = NULL;
	c->sync_wanted = false;
	*c->tail = f;
	c->tail = &f->next;
	c->stats.queue++;
	bc_task_wake(&c->task);
	pthread_mutex_unlock(&c->lock);
}

int bc_closer_end(struct bc_closer *c, bool now)
{
	int err;

	if (!c)
		return 0;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	c->give_up = now;
	bc_task_wake(&c->task);
	pthread_mutex_unlock(&c->lock);
	bc_task_join(&c->task);

	pthread_mutex_lock(&c->lock);
	while (c->head)
		publish_finished(c);
	pthread_mutex_unlock(&c->lock);
	if (c->ahead_state == AHEAD_READY) {
		bc_segfile_remove(c->folder, c->ahead);
		bc_segfile_free(c->ahead);
	}
	bc_segfile_free(c->current);
	err = c->first_err;
	free_closer(c);
	return err;
}

void bc_closer_stats(struct bc_closer *c, struct bc_store_stats *ret)
{
	pthread_mutex_lock(&c->lock);
	ret->published = c->stats.published;
	ret->failed = c->stats.failed;
	ret->syncs = c->stats.syncs;
	ret->slowest_sync_ns = c->stats.slowest_sync_ns;
	ret->slowest_publish_ns = c->stats.slowest_publish_ns;
	ret->queue = c->stats.queue;
	if (c->current)
		bc_segfile_path(c->folder, c->current->file.tmp, ret->path);
	pthread_mutex_unlock(&c->lock);
}
