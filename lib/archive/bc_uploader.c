/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "bc_time.h"
#include "bc_uploader_priv.h"

int bc_uploader_new(const struct bc_uploader_config *cfg, struct bc_uploader **ret, struct bc_err *err)
{
	struct bc_uploader *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return bc_err_set(err, -ENOMEM, "no memory to upload");
	u->log = cfg->log;
	u->behind = cfg->behind;
	bc_rate_init(&u->rate, cfg->bytes_per_s);
	pthread_mutex_init(&u->lock, NULL);
	pthread_cond_init(&u->work, NULL);
	r = bc_upload_workers_new(u, cfg, err);
	if (r) {
		bc_uploader_close(u);
		bc_uploader_free(u);
		return r;
	}
	*ret = u;
	return 0;
}

void bc_uploader_published(struct bc_upload_folder *f, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat st;
	bool known = fstatat(f->fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;

	pthread_mutex_lock(&f->u->lock);
	/* Without memory, or a name that is not there: what is there is looked for. */
	if (!known || bc_upload_enqueue(f, name, &st))
		f->scan = true;
	pthread_cond_signal(&f->u->work);
	pthread_mutex_unlock(&f->u->lock);
}

static void keep_older(struct bc_upload_stats *st, const struct bc_upload_item *i)
{
	if (!st->oldest_ns || i->mtime_ns < st->oldest_ns)
		st->oldest_ns = i->mtime_ns;
}

void bc_uploader_stats(struct bc_upload_folder *f, struct bc_upload_stats *ret)
{
	pthread_mutex_lock(&f->u->lock);
	*ret = f->sum;
	ret->down = f->u->down_ns != 0;
	for (const struct bc_upload_item *i = f->head; i; i = i->next)
		keep_older(ret, i);
	for (unsigned i = 0; i < f->u->n_workers; i++)
		if (f->u->worker[i].at == f && f->u->worker[i].item)
			keep_older(ret, f->u->worker[i].item);
	pthread_mutex_unlock(&f->u->lock);
}

bool bc_uploader_finish(struct bc_uploader *u, uint64_t patience_ns)
{
	uint64_t due = 0;
	bool idle;

	pthread_mutex_lock(&u->lock);
	if (!u->finishing)
		pthread_cond_broadcast(&u->work);
	u->finishing = true;
	for (const struct bc_upload_folder *f = u->folders; f; f = f->next)
		due += f->busy + f->scan + f->sum.waiting - f->sum.failed + (f->hours != NULL);
	idle = due == 0 || (u->down_ns && bc_mono_ns() - u->down_ns >= patience_ns);
	pthread_mutex_unlock(&u->lock);
	return idle;
}

void bc_uploader_close(struct bc_uploader *u)
{
	pthread_mutex_lock(&u->lock);
	atomic_store(&u->stop, true);
	for (unsigned i = 0; i < u->n_workers; i++)
		bc_upload_interrupt(&u->worker[i]);
	pthread_cond_broadcast(&u->work);
	pthread_mutex_unlock(&u->lock);
	for (unsigned i = 0; i < u->n_workers; i++) {
		struct bc_upload_worker *w = &u->worker[i];

		if (w->started)
			pthread_join(w->thread, NULL);
		w->started = false;
	}
}

void bc_uploader_free(struct bc_uploader *u)
{
	if (!u)
		return;
	while (u->folders) {
		u->folders->refs = 1;
		bc_uploader_remove(u, u->folders);
	}
	for (unsigned i = 0; i < u->n_workers; i++)
		bc_object_client_free(u->worker[i].client);
	bc_rate_destroy(&u->rate);
	pthread_cond_destroy(&u->work);
	pthread_mutex_destroy(&u->lock);
	free(u);
}
