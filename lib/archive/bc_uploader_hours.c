/* SPDX-License-Identifier: BSD-3-Clause */
/* Of which hours catalogues are to be written: an hour is over when a later one has begun, or when nothing more comes. */
#include "bc_uploader_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_upload_hour.h"
#include "bc_upload_key.h"


struct bc_upload_hour {
	struct bc_upload_hour *next;
	char prefix[];		/* of its keys, with the slash */
};

/* The hour of a segment in the folder; false: its name is none of a segment. */
static bool hour_of(const struct bc_upload_folder *f, const char *name, char ret[BC_KEY_MAX])
{
	if (bc_upload_key(f->dest.key, f->node, name, f->utc, ret))
		return false;
	strrchr(ret, '/')[1] = '\0';
	return true;
}

void bc_upload_note_hour(struct bc_upload_folder *f, const char *name)
{
	struct bc_upload_hour *h = f->hours;
	char prefix[BC_KEY_MAX];
	size_t len;

	if (!hour_of(f, name, prefix))
		return;
	while (h && strcmp(h->prefix, prefix))
		h = h->next;
	len = strlen(prefix) + 1;
	/* Without memory there is no catalogue. */
	if (h || !(h = malloc(sizeof(*h) + len)))
		return;
	memcpy(h->prefix, prefix, len);
	h->next = f->hours;
	f->hours = h;
}

void bc_upload_forget_hours(struct bc_upload_folder *f)
{
	struct bc_upload_hour *h;

	while ((h = f->hours)) {
		f->hours = h->next;
		free(h);
	}
}

/* Of the same node? */
static bool is_later(const char *a, const char *b)
{
	const size_t len = strlen(a);

	return len == strlen(b) && !memcmp(a, b, len - BC_OBJECT_HOUR_LEN) && strcmp(a, b) > 0;
}

static bool is_worked_on(const struct bc_upload_folder *f, const char *prefix)
{
	char at[BC_KEY_MAX];

	for (unsigned i = 0; i < f->u->n_workers; i++) {
		const struct bc_upload_worker *w = &f->u->worker[i];

		if (w->at == f && w->item && hour_of(f, w->item->name, at) && !strcmp(at, prefix))
			return true;
	}
	return false;
}

static bool is_over(const struct bc_upload_folder *f, const struct bc_upload_hour *h)
{
	if (is_worked_on(f, h->prefix))
		return false;
	for (const struct bc_upload_hour *other = f->hours; other; other = other->next)
		if (is_later(other->prefix, h->prefix))
			return true;
	return f->u->finishing && !f->scan && f->sum.waiting == f->sum.failed;
}

struct bc_upload_hour *bc_upload_hour_over(struct bc_upload_folder *f)
{
	for (struct bc_upload_hour **at = &f->hours, *h; (h = *at); at = &h->next)
		if (is_over(f, h)) {
			*at = h->next;
			return h;
		}
	return NULL;
}

/* The segments of an hour that are on the store. */
struct files {
	const struct bc_upload_folder *f;
	const char *prefix;
	struct bc_upload_hour_file *at;
	uint32_t n, cap;
	bool no_memory;
};

static void take_file(void *ctx, const struct bc_upload_file *file, const char *etag)
{
	struct files *l = ctx;
	char prefix[BC_KEY_MAX];

	if (!hour_of(l->f, file->name, prefix) || strcmp(prefix, l->prefix) || l->no_memory)
		return;
	if (l->n == l->cap) {
		const uint32_t cap = l->cap ? 2 * l->cap : 64;
		struct bc_upload_hour_file *grown = realloc(l->at, cap * sizeof(*grown));

		l->no_memory = !grown;
		if (!grown)
			return;
		l->at = grown;
		l->cap = cap;
	}
	l->at[l->n] = (struct bc_upload_hour_file){ strdup(file->name), strdup(etag), file->size, file->mtime_ns };
	l->no_memory = !l->at[l->n].name || !l->at[l->n].etag;
	l->n++;
}

int bc_upload_write_hour(struct bc_upload_worker *w, struct bc_upload_folder *f, const struct bc_upload_hour *h, struct bc_err *err)
{
	struct files l = { .f = f, .prefix = h->prefix };
	struct bc_upload_hour_job j = { .client = w->client, .bucket = f->dest.bucket, .prefix = h->prefix, .folder = f->fd };
	int r;

	bc_upload_log_each(f->log, take_file, &l);
	j.file = l.at;
	j.n = l.n;
	r = l.no_memory ? bc_err_set(err, -ENOMEM, "no memory for a catalogue") : bc_upload_hour(&j, err);
	for (uint32_t i = 0; i < l.n; i++) {
		free(l.at[i].name);
		free(l.at[i].etag);
	}
	free(l.at);
	return r;
}

void bc_upload_hour_done(struct bc_upload_folder *f, struct bc_upload_hour *h, int r, const struct bc_err *err)
{
	struct bc_uploader *u = f->u;

	if (r == -ECANCELED || (r < 0 && r != -EACCES && bc_upload_is_down(r))) {
		h->next = f->hours;
		f->hours = h;
		if (r != -ECANCELED)
			bc_upload_store_fails(u, r, err);
		return;
	}
	if (r > 0)
		bc_log(u->log, BC_DEBUG, "upload: the catalogue of s3://%s/%s tells of %d segments", f->dest.bucket, h->prefix, r);
	else if (r < 0)
		bc_log(u->log, BC_INFO, "upload: no catalogue of an hour, searches take longer: %s", err->msg);
	free(h);
}
