/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_hour.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_hour.h"
#include "bc_index.h"

#define WORTH 2U		/* segments; one end is as soon read as a catalogue */
#define SMALL_INDEX 16384U	/* an index that is not larger goes in as a whole */

struct work {
	const struct bc_upload_hour_job *job;
	struct bc_err *err;
	char key[BC_KEY_MAX];
	struct bc_hour_entry *entry;
	uint32_t n, n_mine;
	uint8_t *old_bytes;		/* the one that is there, to which entries point */
	struct bc_hour *old;
	char etag[BC_ETAG_MAX];		/* of that */
};

static uint8_t *read_at(int fd, uint64_t at, size_t len)
{
	uint8_t *bytes = malloc(len);

	if (bytes && pread(fd, bytes, len, (off_t)at) == (ssize_t)len)
		return bytes;
	free(bytes);
	return NULL;
}

/* Where the end begins that is worth keeping: with all of a small index, or with the filters, or with the directory. size: there is none. */
static uint64_t begin_of_end(int fd, const struct bc_index_footer *f, uint64_t size)
{
	struct bc_index_part *part = calloc(f->n_parts + 1, sizeof(*part));
	uint8_t *bytes = read_at(fd, f->directory_at, f->directory_bytes);
	uint64_t at = f->directory_at;

	if (part && bytes && !bc_index_directory(f, bytes, f->directory_bytes, part, NULL)) {
		for (uint32_t i = f->n_parts; i--;)
			if (part[i].filter_bytes && part[i].filter_at < at && size - part[i].filter_at <= BC_HOUR_TAIL_MOST)
				at = part[i].filter_at;
		if (f->n_parts && size - part[0].at <= SMALL_INDEX)
			at = part[0].at;
	}
	free(part);
	free(bytes);
	return size - at <= BC_HOUR_TAIL_MOST ? at : size;
}

/* The file's end. False: without an index it is of no use. */
static bool read_end(int fd, uint64_t size, struct bc_hour_entry *e)
{
	const size_t len = size < BC_INDEX_TAIL ? (size_t)size : BC_INDEX_TAIL;
	uint8_t *foot = len ? read_at(fd, size - len, len) : NULL;
	struct bc_index_footer f;
	bool has = foot && !bc_index_footer_find(foot, len, size, &f, NULL);
	uint64_t at = has ? begin_of_end(fd, &f, size) : size;

	free(foot);
	e->tail_len = (uint32_t)(size - at);
	e->tail = at < size ? read_at(fd, at, e->tail_len) : NULL;
	return e->tail != NULL;
}

static void add_file(struct work *w, const struct bc_upload_hour_file *file)
{
	int fd = openat(w->job->folder, file->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct bc_hour_entry e = { .name = file->name, .etag = file->etag, .bytes = file->size };
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && (uint64_t)st.st_size == file->size && bc_file_mtime_ns(&st) == file->mtime_ns &&
	    read_end(fd, file->size, &e))
		w->entry[w->n++] = e;
	close(fd);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bc_hour_entry *)a)->name, ((const struct bc_hour_entry *)b)->name);
}

static bool is_mine(const struct work *w, const char *name)
{
	const struct bc_hour_entry key = { .name = name };

	return bsearch(&key, w->entry, w->n_mine, sizeof(key), by_name) != NULL;
}

/* What is there, if it can be read. */
static int read_old(struct work *w)
{
	const struct bc_object_request get = {
		.method = "GET", .bucket = w->job->bucket, .key = w->key, .into = w->old_bytes = malloc(BC_HOUR_MOST), .into_len = BC_HOUR_MOST,
	};
	struct bc_object_answer a;
	int r = w->old_bytes ? bc_object_do(w->job->client, &get, &a, w->etag, w->err) : bc_err_set(w->err, -ENOMEM, "no memory for a catalogue");

	/* One that is damaged is replaced. */
	if (!r && bc_hour_open(w->old_bytes, a.bytes, &w->old, NULL))
		w->old = NULL;
	return r;
}

/* What it tells of other segments is kept. Returns whether it lacks any of ours. */
static int complete(struct work *w, bool *ret_lacks)
{
	const uint32_t n = w->old ? bc_hour_count(w->old) : 0;
	struct bc_hour_entry *more = realloc(w->entry, (w->n + n + 1) * sizeof(*more));
	uint32_t same = 0;

	if (!more)
		return bc_err_set(w->err, -ENOMEM, "no memory for a catalogue");
	w->entry = more;
	for (uint32_t i = 0; i < n; i++) {
		const struct bc_hour_entry *e = bc_hour_at(w->old, i);

		if (!is_mine(w, e->name))
			w->entry[w->n++] = *e;
	}
	for (uint32_t i = 0; n && i < w->n_mine; i++) {
		const struct bc_hour_entry *e = bc_hour_find(w->old, w->entry[i].name);

		same += e && e->bytes == w->entry[i].bytes && !strcmp(e->etag, w->entry[i].etag);
	}
	*ret_lacks = same < w->n_mine;
	return 0;
}

/* if_match: the ETag of the one that it replaces; NULL: there is none. */
static int put(struct work *w, const char *if_match)
{
	struct bc_object_request q = { .method = "PUT", .bucket = w->job->bucket, .key = w->key, .if_match = if_match, .if_none_match = !if_match, .md5 = true };
	struct bc_hour_entry *sorted = malloc((w->n + 1) * sizeof(*sorted));
	uint8_t *bytes = NULL;
	int r = -ENOMEM;

	/* Ours stay the first ones. */
	if (sorted) {
		memcpy(sorted, w->entry, w->n * sizeof(*sorted));
		r = bc_hour_encode(sorted, w->n, &bytes, &q.body_len);
	}
	free(sorted);
	if (r)
		return bc_err_set(w->err, r, "no memory for a catalogue");
	q.body = bytes;
	r = bc_object_do(w->job->client, &q, NULL, NULL, w->err);
	q.bare_match = true;
	if (r == -ESTALE)
		r = bc_object_do(w->job->client, &q, NULL, NULL, w->err);
	free(bytes);
	return r;
}

static int make(struct work *w)
{
	bool lacks = true;
	int r = put(w, NULL);

	if (r != -EEXIST)
		return r;
	r = read_old(w);
	if (!r)
		r = complete(w, &lacks);
	return r || !lacks ? r : put(w, w->etag);
}

int bc_upload_hour(const struct bc_upload_hour_job *j, struct bc_err *err)
{
	struct work w = { .job = j, .err = err };
	int r = 0;

	if (snprintf(w.key, sizeof(w.key), "%s%s", j->prefix, BC_HOUR_NAME) >= (int)sizeof(w.key))
		return bc_err_set(err, -ENAMETOOLONG, "s3://%s/%s: its name is too long for a catalogue", j->bucket, j->prefix);
	w.entry = calloc(j->n + 1, sizeof(*w.entry));
	if (!w.entry)
		return bc_err_set(err, -ENOMEM, "no memory for a catalogue");
	for (uint32_t i = 0; i < j->n; i++)
		add_file(&w, &j->file[i]);
	w.n_mine = w.n;
	if (w.n >= WORTH)
		r = make(&w);
	r = r || w.n < WORTH ? r : (int)w.n;
	for (uint32_t i = 0; i < w.n_mine; i++)
		free((void *)w.entry[i].tail);
	free(w.entry);
	bc_hour_close(w.old);
	free(w.old_bytes);
	return r;
}
