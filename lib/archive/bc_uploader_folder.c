/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_file.h"
#include "bc_index_subject.h"
#include "bc_series.h"
#include "bc_upload_key.h"

static int is_ours(const struct dirent *e)
{
	char segment[BC_SERIES_MAX];
	struct bc_series s;
	bool encrypted;

	return bc_upload_segment_of(e->d_name, segment) && bc_series_parse_any(segment, &s, &encrypted);
}

/* Is it there, or on its way, in clear? It was encrypted since then, and is not to be there twice. */
static bool goes_in_clear(struct bc_upload_folder *f, const char *name)
{
	char clear[BC_SERIES_MAX];
	struct bc_series s;
	struct stat st;
	bool encrypted;

	if (!bc_series_parse_any(name, &s, &encrypted) || !encrypted)
		return false;
	snprintf(clear, sizeof(clear), "%.*s", (int)(strlen(name) - strlen(BC_AGE_EXT)), name);
	return fstatat(f->fd, clear, &st, AT_SYMLINK_NOFOLLOW) == 0 || bc_upload_log_knows(f->log, clear);
}

/* An index has its turn behind its segment, which brings it along. */
static bool is_due(struct bc_upload_folder *f, const char *name)
{
	struct bc_upload_file file;
	char segment[BC_SERIES_MAX];
	struct stat st;

	if (!bc_index_beside_is_name(name))
		return !goes_in_clear(f, name);
	if (!bc_upload_segment_of(name, segment) || fstatat(f->fd, segment, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	file = (struct bc_upload_file){ segment, (uint64_t)st.st_size, bc_file_mtime_ns(&st) };
	return bc_upload_log_has(f->log, &file);
}

void bc_upload_scan(struct bc_upload_folder *f)
{
	struct dirent **names;
	int n = scandirat(f->fd, ".", &names, is_ours, alphasort), r = 0;

	if (n < 0)
		bc_log(f->u->log, BC_ERROR, "cannot read the folder %s: %s", f->path, strerror(errno));
	for (int i = 0; i < n; i++) {
		struct bc_upload_file file = { .name = names[i]->d_name };
		struct stat st;

		if (fstatat(f->fd, file.name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode)) {
			file.size = (uint64_t)st.st_size;
			file.mtime_ns = bc_file_mtime_ns(&st);
			pthread_mutex_lock(&f->u->lock);
			if (!bc_upload_log_has(f->log, &file) && is_due(f, file.name))
				r |= bc_upload_enqueue(f, file.name, &st);
			pthread_mutex_unlock(&f->u->lock);
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	if (r)
		bc_log(f->u->log, BC_ERROR, "%s: no memory for the list of segments to upload", f->path);
}

static void free_folder(struct bc_upload_folder *f)
{
	struct bc_upload_item *i;

	while ((i = f->head)) {
		f->head = i->next;
		bc_upload_drop(i);
	}
	bc_upload_forget_hours(f);
	bc_upload_log_free(f->log);
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->node);
	free(f);
}

static int open_folder(struct bc_upload_folder *f, const struct bc_upload_dest *d, struct bc_err *err)
{
	char where[BC_ENDPOINT_MAX + BC_BUCKET_MAX + 2 * BC_ENCODED_KEY_MAX], prefix[BC_ENCODED_KEY_MAX];
	int r = bc_object_name_parse("--upload", d->url, &f->dest, err);

	if (!r && !bc_upload_node_ok(d->node))
		r = bc_err_set(err, -EINVAL, "--upload: '%s' cannot stand between two slashes", d->node);
	if (r)
		return r;
	f->fd = open(d->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &f->id) < 0)
		return bc_err_set(err, -errno, "cannot read the folder %s: %s", d->folder, strerror(errno));
	if (bc_uri_encode(f->dest.key, true, prefix, sizeof(prefix)) < 0 ||
	    snprintf(where, sizeof(where), "%s/%s/%s", bc_object_where(f->u->worker[0].client), f->dest.bucket, prefix) >= (int)sizeof(where))
		return bc_err_set(err, -ENAMETOOLONG, "--upload: %s is too long", d->url);
	return bc_upload_log_open(f->fd, d->folder, where, &f->log, err);
}

/* Under the lock: the folder that others publish to already. */
static struct bc_upload_folder *same_folder(struct bc_uploader *u, const struct bc_upload_dest *d)
{
	struct stat st;

	for (struct bc_upload_folder *f = u->folders; stat(d->folder, &st) == 0 && f; f = f->next)
		if (f->id.st_ino == st.st_ino && f->id.st_dev == st.st_dev)
			return f;
	return NULL;
}

int bc_uploader_add(struct bc_uploader *u, const struct bc_upload_dest *d, struct bc_upload_folder **ret, struct bc_err *err)
{
	struct bc_upload_folder *f;
	int r;

	pthread_mutex_lock(&u->lock);
	f = same_folder(u, d);
	if (f)
		f->refs++;
	pthread_mutex_unlock(&u->lock);
	if (f) {
		*ret = f;
		return 0;
	}
	f = calloc(1, sizeof(*f));
	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory to upload from %s", d->folder);
	*f = (struct bc_upload_folder){ .u = u, .refs = 1, .fd = -1, .utc = d->utc, .scan = true, .tidy = true, .tail = &f->head };
	f->path = strdup(d->folder);
	f->node = strdup(d->node);
	r = f->path && f->node ? open_folder(f, d, err) : bc_err_set(err, -ENOMEM, "no memory to upload from %s", d->folder);
	if (!r)
		r = bc_upload_workers_start(u, err);
	if (r) {
		free_folder(f);
		return r;
	}
	pthread_mutex_lock(&u->lock);
	f->next = u->folders;
	u->folders = f;
	pthread_cond_broadcast(&u->work);
	pthread_mutex_unlock(&u->lock);
	*ret = f;
	return 0;
}

void bc_uploader_remove(struct bc_uploader *u, struct bc_upload_folder *f)
{
	struct bc_upload_folder **at;

	if (!f)
		return;
	pthread_mutex_lock(&u->lock);
	if (--f->refs) {
		pthread_mutex_unlock(&u->lock);
		return;
	}
	f->leaving = true;
	for (unsigned i = 0; i < u->n_workers; i++)
		if (u->worker[i].at == f)
			bc_upload_interrupt(&u->worker[i]);
	while (f->busy)
		pthread_cond_wait(&u->work, &u->lock);
	at = &u->folders;
	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
	pthread_mutex_unlock(&u->lock);
	free_folder(f);
}
