/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_hour.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_hour.h"

#define WORTH 2U		/* segments; one end is as soon read as a catalogue */
#define TURNS 4U		/* against others that write it, too */

struct work {
	const struct bc_upload_hour_job *job;
	struct bc_err *err;
	char key[BC_KEY_MAX];
	struct bc_hour_entry *entry;	/* those of the job, by name, then what the one that is there tells of others */
	uint32_t n;
	uint8_t *old_bytes;		/* the one that is there, to which entries point */
	struct bc_hour *old;
	char etag[BC_ETAG_MAX];		/* of that */
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bc_hour_entry *)a)->name, ((const struct bc_hour_entry *)b)->name);
}

static bool is_mine(const struct work *w, const char *name)
{
	const struct bc_hour_entry key = { .name = name };

	return bsearch(&key, w->entry, w->job->n, sizeof(key), by_name) != NULL;
}

static void forget_old(struct work *w)
{
	bc_hour_close(w->old);
	free(w->old_bytes);
	w->old = NULL;
	w->old_bytes = NULL;
	w->n = w->job->n;
}

/* What is there, if it can be read. */
static int read_old(struct work *w)
{
	struct bc_object_request get = { .method = "GET", .bucket = w->job->bucket, .key = w->key, .into_len = BC_HOUR_MOST };
	struct bc_object_answer a;
	int r;

	forget_old(w);
	get.into = w->old_bytes = malloc(BC_HOUR_MOST);
	r = w->old_bytes ? bc_object_do(w->job->client, &get, &a, w->etag, w->err) : bc_err_set(w->err, -ENOMEM, "no memory for a catalogue");
	/* One that is damaged is replaced. */
	if (!r && bc_hour_open(w->old_bytes, a.bytes, &w->old, NULL))
		w->old = NULL;
	return r;
}

static bool is_same(const struct bc_hour_entry *a, const struct bc_hour_entry *b)
{
	return a && a->bytes == b->bytes && !strcmp(a->etag, b->etag) && a->tail_len == b->tail_len && !memcmp(a->tail, b->tail, a->tail_len);
}

/* What it tells of other segments is kept. Returns whether it lacks any of ours. */
static int complete(struct work *w, bool *ret_lacks)
{
	const uint32_t n = w->old ? bc_hour_count(w->old) : 0;
	struct bc_hour_entry *more = realloc(w->entry, (w->n + n + 1) * sizeof(*more));

	if (!more)
		return bc_err_set(w->err, -ENOMEM, "no memory for a catalogue");
	w->entry = more;
	*ret_lacks = !w->old;
	for (uint32_t i = 0; i < w->job->n; i++)
		*ret_lacks |= w->old && !is_same(bc_hour_find(w->old, w->entry[i].name), &w->entry[i]);
	for (uint32_t i = 0; i < n; i++) {
		const struct bc_hour_entry *e = bc_hour_at(w->old, i);

		if (!is_mine(w, e->name))
			w->entry[w->n++] = *e;
	}
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

/* -EEXIST, -ESTALE: another has written it meanwhile. */
static int make(struct work *w)
{
	bool lacks = true;
	int r = w->job->is_there ? -EEXIST : put(w, NULL);

	if (r != -EEXIST)
		return r;
	r = read_old(w);
	if (r == -ENOENT)
		return put(w, NULL);
	if (!r)
		r = complete(w, &lacks);
	return r || !lacks ? r : put(w, w->etag);
}

int bc_upload_hour(const struct bc_upload_hour_job *j, struct bc_err *err)
{
	struct work w = { .job = j, .err = err, .n = j->n };
	int r = -ESTALE;

	if (j->n < WORTH)
		return 0;
	if (snprintf(w.key, sizeof(w.key), "%s%s", j->prefix, BC_HOUR_NAME) >= (int)sizeof(w.key))
		return bc_err_set(err, -ENAMETOOLONG, "s3://%s/%s: its name is too long for a catalogue", j->bucket, j->prefix);
	w.entry = malloc(j->n * sizeof(*w.entry));
	if (!w.entry)
		return bc_err_set(err, -ENOMEM, "no memory for a catalogue");
	memcpy(w.entry, j->entry, j->n * sizeof(*w.entry));
	qsort(w.entry, j->n, sizeof(*w.entry), by_name);
	for (unsigned i = 0; (r == -ESTALE || r == -EEXIST) && i < TURNS; i++)
		r = make(&w);
	forget_old(&w);
	free(w.entry);
	return r ? r : (int)j->n;
}
