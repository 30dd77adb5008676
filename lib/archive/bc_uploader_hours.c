/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Of which hours catalogues are to be written: an hour is over when a later one has begun and nothing of it waits, when nothing more
 * comes, or when the clock says so and it has been quiet for a while.
 */
#include "bc_uploader_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bc_blob.h"
#include "bc_index_beside.h"
#include "bc_time.h"
#include "bc_upload_beside.h"
#include "bc_upload_end.h"
#include "bc_upload_hour.h"
#include "bc_upload_key.h"

#define HOUR_NS (3600 * BC_NS_PER_S)
#define QUIET_NS (600 * BC_NS_PER_S)	/* so long nothing of an hour has come that is past */

struct bc_upload_hour {
	struct bc_upload_hour *next;
	uint32_t waiting;	/* items, but for those that failed */
	bool looked;		/* the folder was looked through for what came late: indexes */
	uint64_t end_ns;	/* UTC */
	uint64_t noted_ns;	/* bc_mono_ns(): when the last item came there; 0: none has */
	char prefix[];		/* of its keys, with the slash */
};

/* The hour of a segment in the folder, or of an index beside one; false: its name is none of these. */
static bool hour_of(const struct bc_upload_folder *f, const char *name, char ret[BC_KEY_MAX])
{
	if (bc_upload_key(f->dest.key, f->node, name, f->utc, ret))
		return false;
	strrchr(ret, '/')[1] = '\0';
	return true;
}

static uint64_t end_of(const char *prefix)
{
	struct tm tm = { 0 };
	const char *end = strptime(prefix + strlen(prefix) - BC_OBJECT_HOUR_LEN, "%Y/%m/%d/%H/", &tm);
	const time_t begin = end ? timegm(&tm) : -1;

	return begin < 0 ? 0 : (uint64_t)begin * BC_NS_PER_S + HOUR_NS;
}

static struct bc_upload_hour *find_or_make(struct bc_upload_folder *f, const char *prefix)
{
	const size_t len = strlen(prefix) + 1;
	struct bc_upload_hour *h = f->hours;

	while (h && strcmp(h->prefix, prefix))
		h = h->next;
	/* Without memory there is no catalogue. */
	if (h || !(h = malloc(sizeof(*h) + len)))
		return h;
	*h = (struct bc_upload_hour){ .next = f->hours, .end_ns = end_of(prefix) };
	memcpy(h->prefix, prefix, len);
	f->hours = h;
	return h;
}

void bc_upload_hour_join(struct bc_upload_item *i)
{
	char prefix[BC_KEY_MAX];

	i->hour = hour_of(i->f, i->name, prefix) ? find_or_make(i->f, prefix) : NULL;
	if (i->hour)
		i->hour->waiting++;
}

static void take_off(struct bc_upload_folder *f, struct bc_upload_hour *h)
{
	struct bc_upload_hour **at = &f->hours;

	while (*at != h)
		at = &(*at)->next;
	*at = h->next;
}

void bc_upload_hour_leave(struct bc_upload_item *i)
{
	struct bc_upload_hour *h = i->hour;

	i->hour = NULL;
	if (!h || --h->waiting || h->noted_ns)
		return;
	take_off(i->f, h);
	free(h);
}

void bc_upload_hour_note(struct bc_upload_item *i)
{
	if (!i->hour)
		bc_upload_hour_join(i);
	if (!i->hour)
		return;
	i->hour->noted_ns = bc_mono_ns();
	i->hour->looked &= bc_index_beside_is_name(i->name);
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

static bool is_past(const struct bc_upload_hour *h)
{
	return bc_utc_ns() >= h->end_ns && bc_mono_ns() - h->noted_ns >= QUIET_NS;
}

static bool is_over(const struct bc_upload_folder *f, const struct bc_upload_hour *h)
{
	if (!h->noted_ns || h->waiting)
		return false;
	if (f->u->finishing || is_past(h))
		return true;
	for (const struct bc_upload_hour *other = f->hours; other; other = other->next)
		if (is_later(other->prefix, h->prefix))
			return true;
	return false;
}

struct bc_upload_hour *bc_upload_hour_over(struct bc_upload_folder *f)
{
	if (f->scan || f->scanning)
		return NULL;
	for (struct bc_upload_hour *h = f->hours; h; h = h->next) {
		if (!is_over(f, h))
			continue;
		if (h->looked) {
			take_off(f, h);
			return h;
		}
		h->looked = f->scan = true;
	}
	return NULL;
}

/* What of an hour is on the store. Names and ETags are its own, as are ends. */
struct objects {
	const struct bc_upload_folder *f;
	const char *prefix;
	struct bc_hour_entry *at;
	uint64_t *mtime_ns;
	uint32_t n, cap;
	bool no_memory;
};

static void grow(struct objects *l)
{
	const uint32_t cap = l->cap ? 2 * l->cap : 64;
	struct bc_hour_entry *at = realloc(l->at, cap * sizeof(*at));
	uint64_t *mtime_ns = realloc(l->mtime_ns, cap * sizeof(*mtime_ns));

	l->at = at ? at : l->at;
	l->mtime_ns = mtime_ns ? mtime_ns : l->mtime_ns;
	l->no_memory = !at || !mtime_ns;
	l->cap = l->no_memory ? l->cap : cap;
}

static void take_file(void *ctx, const struct bc_upload_file *file, const char *etag)
{
	struct objects *l = ctx;
	char prefix[BC_KEY_MAX];

	if (!etag[0] || !hour_of(l->f, file->name, prefix) || strcmp(prefix, l->prefix) || l->no_memory)
		return;
	if (l->n == l->cap)
		grow(l);
	if (l->no_memory)
		return;
	l->at[l->n] = (struct bc_hour_entry){ .name = strdup(file->name), .etag = strdup(etag), .bytes = file->size };
	l->mtime_ns[l->n] = file->mtime_ns;
	l->no_memory = !l->at[l->n].name || !l->at[l->n].etag;
	l->n++;
}

/* From its file, if that is here still. */
static bool read_end(const struct objects *l, uint32_t i)
{
	const char *name = l->at[i].name;
	const bool beside = bc_index_beside_is_name(name);
	uint8_t subject[BC_SUBJECT_SIZE];
	struct bc_upload_file file;
	struct bc_blob *b = NULL;
	struct bc_err none;
	int fd = bc_upload_open(l->f->fd, name, &file);
	bool has = fd >= 0 && file.size == l->at[i].bytes && file.mtime_ns == l->mtime_ns[i] &&
		   (!beside || !bc_upload_beside(l->f->log, l->f->fd, name, fd, subject, &none));

	if (has)
		has = !bc_blob_open_fd(fd, name, &b, NULL) && bc_upload_end(b, beside ? subject : NULL, &l->at[i]);
	else if (fd >= 0)
		close(fd);
	bc_blob_close(b);
	return has;
}

static void free_entry(struct bc_hour_entry *e)
{
	free((void *)e->name);
	free((void *)e->etag);
	free((void *)e->tail);
}

static void read_ends(struct objects *l)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < l->n; i++) {
		if (read_end(l, i))
			l->at[kept++] = l->at[i];
		else
			free_entry(&l->at[i]);
	}
	l->n = kept;
}

int bc_upload_write_hour(struct bc_upload_worker *w, struct bc_upload_folder *f, const struct bc_upload_hour *h, struct bc_err *err)
{
	struct objects l = { .f = f, .prefix = h->prefix };
	struct bc_upload_hour_job j = { .client = w->client, .bucket = f->dest.bucket, .prefix = h->prefix };
	int r = 0;

	bc_upload_log_each(f->log, take_file, &l);
	if (l.no_memory)
		r = bc_err_set(err, -ENOMEM, "no memory for a catalogue");
	else
		read_ends(&l);
	j.entry = l.at;
	j.n = l.n;
	r = r ? r : bc_upload_hour(&j, err);
	for (uint32_t i = 0; i < l.n; i++)
		free_entry(&l.at[i]);
	free(l.at);
	free(l.mtime_ns);
	return r;
}

/* Those that came meanwhile are waited for, too. */
static void put_back(struct bc_upload_folder *f, struct bc_upload_hour *h)
{
	for (struct bc_upload_hour *other = f->hours; other; other = other->next)
		if (!strcmp(other->prefix, h->prefix)) {
			if (!other->noted_ns)
				other->noted_ns = h->noted_ns;
			free(h);
			return;
		}
	h->next = f->hours;
	f->hours = h;
}

void bc_upload_hour_done(struct bc_upload_folder *f, struct bc_upload_hour *h, int r, const struct bc_err *err)
{
	struct bc_uploader *u = f->u;

	if (r == -ECANCELED || (r < 0 && r != -EACCES && bc_upload_is_down(r))) {
		put_back(f, h);
		if (r != -ECANCELED)
			bc_upload_store_fails(u, r, err);
		return;
	}
	if (r > 0 || (r < 0 && r != -ENAMETOOLONG))
		bc_upload_store_works(u);
	if (r > 0)
		bc_log(u->log, BC_DEBUG, "upload: the catalogue of s3://%s/%s tells of %d objects", f->dest.bucket, h->prefix, r);
	else if (r < 0)
		bc_log(u->log, BC_INFO, "upload: no catalogue of an hour, searches take longer: %s", err->msg);
	free(h);
}
