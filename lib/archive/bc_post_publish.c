/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_post_publish.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_completed.h"
#include "bc_counter.h"
#include "bc_runner.h"
#include "bc_thread.h"

struct segment {
	struct segment *next;
	uint64_t file_bytes;
	struct bc_segment_info info;
	int err;
	char path[];
};

struct bc_post_publish {
	struct bc_post_publish_config cfg;
	struct bc_completed *completed;		/* NULL: cfg.move moves, or nothing is moved */
	struct bc_runner *runner;
	bool runner_closed;
	bool started;			/* the thread, which moves */
	pthread_t thread;
	pthread_mutex_t lock;		/* of the next four */
	pthread_cond_t work;
	struct segment *head, **tail;
	bool busy;
	bool stop;
	_Atomic bool now;
	bc_counter_t moved, move_failed;	/* whoever settles writes */
};

/* An application has a working directory of its own: the path goes out whole and without links, as osmo-pcap's does. */
static void announce(const struct bc_post_publish *a, const char *path)
{
	char *whole = realpath(path, NULL);

	bc_publisher_event(a->cfg.publisher, "closingtracefile", a->cfg.client, whole ? whole : path);
	free(whole);
}

/* It is where it stays: tell everybody. */
static void settle(struct bc_post_publish *a, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	if (a->cfg.settled)
		a->cfg.settled(a->cfg.ctx, path, file_bytes, info, err);
	if (err)
		return;
	if (a->cfg.client)
		announce(a, path);
	if (a->runner)
		bc_runner_put(a->runner, path, file_bytes, info);
}

static void move(struct bc_post_publish *a, const struct segment *s)
{
	char path[BC_STORE_PATH_MAX];
	struct bc_err err;
	int r = a->completed ? bc_completed_move(a->completed, s->path, path, &err) : a->cfg.move(a->cfg.move_ctx, s->path, path, &err);

	if (r) {
		bc_log(a->cfg.log, BC_ERROR, "%s", err.msg);
		bc_counter_add(&a->move_failed, 1);
		settle(a, s->path, s->file_bytes, &s->info, 0);
		return;
	}
	if (err.msg[0])
		bc_log(a->cfg.log, BC_WARN, "%s", err.msg);
	bc_counter_add(&a->moved, 1);
	settle(a, path, s->file_bytes, &s->info, 0);
}

static void take(struct bc_post_publish *a, const struct segment *s)
{
	if (s->err || atomic_load(&a->now))
		settle(a, s->path, s->file_bytes, &s->info, s->err);
	else
		move(a, s);
}

static void *after_main(void *arg)
{
	struct bc_post_publish *a = arg;

	/* Copies are made when the disks have nothing better to do. */
	bc_thread_yield_disk();
	pthread_mutex_lock(&a->lock);
	while (a->head || !a->stop) {
		struct segment *s = a->head;

		if (!s) {
			pthread_cond_wait(&a->work, &a->lock);
			continue;
		}
		a->head = s->next;
		if (!a->head)
			a->tail = &a->head;
		a->busy = true;
		pthread_mutex_unlock(&a->lock);
		take(a, s);
		free(s);
		pthread_mutex_lock(&a->lock);
		a->busy = false;
	}
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

static int set_up(struct bc_post_publish *a, const struct bc_post_publish_config *cfg, struct bc_err *err)
{
	int r = 0;

	if (cfg->client && !(a->cfg.client = strdup(cfg->client)))
		return bc_err_set(err, -ENOMEM, "no memory for hooks");
	if (cfg->completed && !cfg->move)
		r = bc_completed_open(cfg->completed, &a->completed, err);
	if (!r && cfg->command)
		r = bc_runner_new(cfg->spawner, cfg->command, cfg->command_seconds, cfg->log, &a->runner, err);
	if (!r && cfg->completed) {
		r = bc_thread_start(&a->thread, "bc-complete", after_main, a);
		a->started = r == 0;
		if (r)
			bc_err_set(err, r, "cannot start the thread for completed segments: %s", strerror(-r));
	}
	return r;
}

int bc_post_publish_new(const struct bc_post_publish_config *cfg, struct bc_post_publish **ret, struct bc_err *err)
{
	struct bc_post_publish *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return bc_err_set(err, -ENOMEM, "no memory for hooks");
	a->cfg = *cfg;
	a->cfg.client = NULL;
	a->tail = &a->head;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->work, NULL);
	r = set_up(a, cfg, err);
	if (r) {
		bc_post_publish_close(a, true);
		bc_post_publish_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void bc_post_publish_segment(struct bc_post_publish *a, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	size_t len = strlen(path) + 1;
	struct segment *s = a->started ? malloc(sizeof(*s) + len) : NULL;

	if (!s) {
		/* Without memory it is not moved. */
		if (a->started && !err)
			bc_log(a->cfg.log, BC_ERROR, "%s: no memory to move it: it stays where it is", path);
		settle(a, path, file_bytes, info, err);
		return;
	}
	*s = (struct segment){ .file_bytes = file_bytes, .info = *info, .err = err };
	memcpy(s->path, path, len);
	pthread_mutex_lock(&a->lock);
	*a->tail = s;
	a->tail = &s->next;
	pthread_cond_signal(&a->work);
	pthread_mutex_unlock(&a->lock);
}

bool bc_post_publish_idle(struct bc_post_publish *a)
{
	bool idle;

	pthread_mutex_lock(&a->lock);
	idle = !a->head && !a->busy;
	pthread_mutex_unlock(&a->lock);
	return idle && (!a->runner || bc_runner_idle(a->runner));
}

void bc_post_publish_close(struct bc_post_publish *a, bool now)
{
	atomic_store(&a->now, now);
	if (a->started) {
		pthread_mutex_lock(&a->lock);
		a->stop = true;
		pthread_cond_signal(&a->work);
		pthread_mutex_unlock(&a->lock);
		pthread_join(a->thread, NULL);
		a->started = false;
	}
	while (!now && a->runner && !a->runner_closed && !bc_runner_idle(a->runner))
		usleep(10000);
	if (a->runner && !a->runner_closed)
		bc_runner_close(a->runner);
	a->runner_closed = true;
}

void bc_post_publish_free(struct bc_post_publish *a)
{
	if (!a)
		return;
	bc_completed_close(a->completed);
	bc_runner_free(a->runner);
	pthread_cond_destroy(&a->work);
	pthread_mutex_destroy(&a->lock);
	free((char *)a->cfg.client);
	free(a);
}

void bc_post_publish_stats(struct bc_post_publish *a, struct bc_post_publish_stats *ret)
{
	struct bc_runner_stats run = { .done = 0 };

	if (a->runner)
		bc_runner_stats(a->runner, &run);
	*ret = (struct bc_post_publish_stats){
		.moved = bc_counter_get(&a->moved),
		.move_failed = bc_counter_get(&a->move_failed),
		.commands = run.done,
		.commands_failed = run.failed,
		.commands_skipped = run.skipped,
		.commands_waiting = run.waiting,
		.command_running = run.running,
	};
}
