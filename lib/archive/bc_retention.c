/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_retention.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_thread.h"
#include "bc_time.h"

#define LOOK_NS (60 * BC_NS_PER_S)	/* between two looks, when nothing is published */
#define PAUSE_NS (1 * BC_NS_PER_S)	/* and at least, when much is */

struct bc_retention {
	char *folder;
	struct bc_retention_rules keep;
	const struct bc_log *log;
	struct bc_expire *expire;
	pthread_t thread;
	bool started;
	_Atomic bool stop;
	pthread_mutex_t lock;	/* of the next three */
	pthread_cond_t work;
	bool due;
	struct bc_expired sum;
};

static void on_act(void *ctx, const struct bc_expire_act *a)
{
	const struct bc_retention *r = ctx;

	switch (a->deed) {
	case BC_EXPIRE_REMOVED:
		bc_log(r->log, BC_NOTICE, "%s/%s: removed (%" PRIu64 " bytes): %s", r->folder, a->file, a->bytes, a->why);
		break;
	case BC_EXPIRE_RECOMPRESSED:
		bc_log(r->log, BC_INFO, "%s/%s: recompressed, %" PRIu64 " to %" PRIu64 " bytes", r->folder, a->file, a->bytes,
		       a->bytes_after);
		break;
	case BC_EXPIRE_LEFT:
		bc_log(r->log, BC_DEBUG, "%s/%s: left alone: %s", r->folder, a->file, a->why);
		break;
	case BC_EXPIRE_FAILED:
		bc_log(r->log, BC_ERROR, "%s/%s: neither removed nor recompressed: %s", r->folder, a->file, a->why);
		break;
	}
}

static void look(struct bc_retention *r)
{
	const struct bc_expire_config cfg = {
		.folder = r->folder, .keep = r->keep, .cancel = &r->stop, .act = on_act, .ctx = r,
	};
	struct bc_expired now;
	struct bc_err err;

	if (bc_expire_run(r->expire, &cfg, &now, &err) != 0) {
		bc_log(r->log, BC_ERROR, "%s", err.msg);
		return;
	}
	pthread_mutex_lock(&r->lock);
	now.removed += r->sum.removed;
	now.removed_bytes += r->sum.removed_bytes;
	now.recompressed += r->sum.recompressed;
	now.saved_bytes += r->sum.saved_bytes;
	now.failed += r->sum.failed;
	now.not_uploaded += r->sum.not_uploaded;
	r->sum = now;
	pthread_mutex_unlock(&r->lock);
}

/* Until ns, or the end, or, if published is set, a publication. */
static void wait_until(struct bc_retention *r, uint64_t ns, bool published)
{
	const struct timespec until = { .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };

	pthread_mutex_lock(&r->lock);
	while (!atomic_load(&r->stop) && !(published && r->due))
		if (pthread_cond_clockwait(&r->work, &r->lock, CLOCK_MONOTONIC, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&r->lock);
}

static void *retention_main(void *arg)
{
	struct bc_retention *r = arg;

	bc_thread_give_way();
	while (!atomic_load(&r->stop)) {
		uint64_t begun = bc_mono_ns();

		pthread_mutex_lock(&r->lock);
		r->due = false;
		pthread_mutex_unlock(&r->lock);
		look(r);
		wait_until(r, bc_mono_ns() + PAUSE_NS, false);
		wait_until(r, begun + LOOK_NS, true);
	}
	return NULL;
}

int bc_retention_new(const char *folder, const struct bc_retention_rules *keep, const struct bc_log *log, struct bc_retention **ret,
		     struct bc_err *err)
{
	size_t len = strlen(folder);
	struct bc_retention *r;
	int e = bc_expire_check(folder, keep, err);

	if (e)
		return e;
	e = -ENOMEM;
	r = calloc(1, sizeof(*r));
	if (!r)
		return bc_err_set(err, e, "no memory to enforce the limits of %s", folder);
	while (len > 1 && folder[len - 1] == '/')
		len--;
	r->folder = strndup(folder, len);
	r->keep = *keep;
	r->log = log;
	r->expire = bc_expire_new();
	pthread_mutex_init(&r->lock, NULL);
	pthread_cond_init(&r->work, NULL);
	if (r->folder && r->expire)
		e = bc_thread_start(&r->thread, "bc-retention", retention_main, r);
	r->started = e == 0;
	if (e) {
		bc_retention_free(r);
		return bc_err_set(err, e, "cannot enforce the limits of %s: %s", folder, strerror(-e));
	}
	*ret = r;
	return 0;
}

void bc_retention_published(struct bc_retention *r)
{
	pthread_mutex_lock(&r->lock);
	r->due = true;
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
}

void bc_retention_close(struct bc_retention *r, bool now)
{
	if (!r->started)
		return;
	pthread_mutex_lock(&r->lock);
	atomic_store(&r->stop, true);
	pthread_cond_signal(&r->work);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->started = false;
	if (now)
		return;
	atomic_store(&r->stop, false);
	r->keep.recompress = false;
	look(r);
}

void bc_retention_free(struct bc_retention *r)
{
	if (!r)
		return;
	bc_expire_free(r->expire);
	pthread_cond_destroy(&r->work);
	pthread_mutex_destroy(&r->lock);
	free(r->folder);
	free(r);
}

void bc_retention_stats(struct bc_retention *r, struct bc_expired *ret)
{
	pthread_mutex_lock(&r->lock);
	*ret = r->sum;
	pthread_mutex_unlock(&r->lock);
}
