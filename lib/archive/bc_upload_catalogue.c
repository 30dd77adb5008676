/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_catalogue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_age_file.h"
#include "bc_depot.h"
#include "bc_index_subject.h"
#include "bc_upload_end.h"
#include "bc_upload_hour.h"

struct work {
	struct bc_depot *depot;
	struct bc_object_client *client;
	const struct bc_log *log;
	char **name;			/* of segments, with s3:// */
	uint32_t n, cap;
	struct bc_upload_catalogue_sums sum;
};

static int take(void *ctx, const struct bc_depot_entry *e)
{
	const size_t len = strlen(e->name), ext = strlen(BC_AGE_EXT);
	struct work *w = ctx;

	/* Its end says nothing. */
	if (len > ext && !strcmp(e->name + len - ext, BC_AGE_EXT))
		return 0;
	if (w->n == w->cap) {
		const uint32_t cap = w->cap ? 2 * w->cap : 256;
		char **grown = realloc(w->name, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		w->name = grown;
		w->cap = cap;
	}
	w->name[w->n] = strdup(e->name);
	return w->name[w->n] ? (w->n++, 0) : -ENOMEM;
}

static size_t folder_len(const char *name)
{
	return (size_t)(strrchr(name, '/') - name) + 1;
}

/* Those of a folder stand together. */
static int by_folder(const void *a, const void *b)
{
	const char *s = *(char *const *)a, *t = *(char *const *)b;
	const size_t m = folder_len(s), n = folder_len(t);
	int r = memcmp(s, t, m < n ? m : n);

	return r ? r : m != n ? (m < n ? -1 : 1) : strcmp(s, t);
}

/* The object that has the segment's index: one beside it, or the segment. As long as the depot, but for the latter. */
static const char *index_of(const struct work *w, const char *segment)
{
	const char *beside = bc_depot_beside(w->depot, segment);

	return beside ? beside : segment;
}

/* Its first bytes, if it is of this object. */
static bool read_subject(struct bc_blob *index, const struct bc_blob *segment, uint8_t ret[BC_SUBJECT_SIZE])
{
	struct bc_subject s;

	return bc_blob_read(index, ret, BC_SUBJECT_SIZE, 0, NULL) == BC_SUBJECT_SIZE && !bc_subject_get(ret, BC_SUBJECT_SIZE, &s, NULL) &&
	       segment->etag && s.bytes == segment->bytes && s.object == bc_subject_object(segment->etag);
}

/* The entry of an open object; false: there is nothing to be told of it. */
static bool describe(struct bc_blob *b, const struct bc_blob *segment, const char *name, struct bc_hour_entry *e)
{
	uint8_t subject[BC_SUBJECT_SIZE];

	if (!b->etag || (segment && !read_subject(b, segment, subject)))
		return false;
	*e = (struct bc_hour_entry){ .name = name + folder_len(name), .etag = b->etag, .bytes = b->bytes };
	if (!bc_upload_end(b, segment ? subject : NULL, e))
		return false;
	e->etag = strdup(b->etag);
	if (e->etag)
		return true;
	free((void *)e->tail);
	return false;
}

static bool read_end(struct work *w, const char *segment, const char *name, struct bc_hour_entry *e)
{
	struct bc_blob *of = NULL, *b = NULL;
	struct bc_err err;
	int r = bc_depot_open(w->depot, name, &b, &err);
	bool has;

	if (!r && name != segment)
		r = bc_depot_open(w->depot, segment, &of, &err);
	if (r)
		bc_log(w->log, BC_WARN, "%s", err.msg);
	has = !r && describe(b, of, name, e);
	bc_blob_close(of);
	bc_blob_close(b);
	return has;
}

static void put(struct work *w, const char *name, const struct bc_hour_entry *entry, uint32_t n)
{
	struct bc_upload_hour_job j = { .client = w->client, .entry = entry, .n = n, .is_there = true };
	struct bc_object_name folder;
	struct bc_err err;
	int r = bc_object_name_parse("upload", name, &folder, &err);

	if (!r) {
		folder.key[folder_len(name) - strlen("s3:///") - strlen(folder.bucket)] = '\0';
		j.bucket = folder.bucket;
		j.prefix = folder.key;
		r = bc_upload_hour(&j, &err);
	}
	if (r < 0)
		bc_log(w->log, BC_ERROR, "no catalogue was written: %s", err.msg);
	else if (r)
		bc_log(w->log, BC_INFO, "s3://%s/%s: its catalogue tells of %d objects", folder.bucket, folder.key, r);
	w->sum.failed += r < 0;
	w->sum.catalogues += r > 0;
	w->sum.told_of += r > 0 ? (uint32_t)r : 0;
}

/* n segments of one folder. */
static int make(struct work *w, char *const *segment, uint32_t n, struct bc_err *err)
{
	struct bc_hour_entry *entry = calloc(n, sizeof(*entry));
	const char **name = calloc(n, sizeof(*name));
	uint32_t kept = 0;

	if (!entry || !name) {
		free(entry);
		free(name);
		return bc_err_set(err, -ENOMEM, "no memory for a catalogue");
	}
	for (uint32_t i = 0; i < n; i++)
		name[i] = index_of(w, segment[i]);
	bc_depot_expect(w->depot, name, n);
	for (uint32_t i = 0; i < n; i++)
		kept += read_end(w, segment[i], name[i], &entry[kept]);
	bc_depot_expect(w->depot, NULL, 0);
	put(w, segment[0], entry, kept);
	for (uint32_t i = 0; i < kept; i++) {
		free((void *)entry[i].etag);
		free((void *)entry[i].tail);
	}
	free(name);
	free(entry);
	return 0;
}

static int make_all(struct work *w, struct bc_err *err)
{
	int r = 0;

	if (w->n)
		qsort(w->name, w->n, sizeof(*w->name), by_folder);
	for (uint32_t i = 0, n; !r && i < w->n; i += n) {
		const size_t len = folder_len(w->name[i]);

		for (n = 1; i + n < w->n && folder_len(w->name[i + n]) == len && !memcmp(w->name[i], w->name[i + n], len); n++)
			;
		r = make(w, w->name + i, n, err);
	}
	return r;
}

int bc_upload_catalogue(const struct bc_object_settings *store, const char *url, const struct bc_log *log, struct bc_upload_catalogue_sums *ret,
			struct bc_err *err)
{
	const struct bc_depot_config dc = { .store = store, .no_cache = true, .log = log };
	const struct bc_object_config oc = { .settings = *store };
	struct work w = { .log = log };
	int r = bc_depot_new(&dc, &w.depot, err);

	r = r ? r : bc_object_client_new(&oc, &w.client, err);
	if (r && !bc_err_may_pass(r))
		r = -EINVAL;
	if (!r)
		r = bc_depot_list(w.depot, url, 0, UINT64_MAX, take, &w, err);
	if (r == -ENOMEM)
		bc_err_set(err, r, "%s: no memory for a list", url);
	r = r ? r : make_all(&w, err);
	w.sum.objects = w.n;
	for (uint32_t i = 0; i < w.n; i++)
		free(w.name[i]);
	free(w.name);
	bc_object_client_free(w.client);
	bc_depot_free(w.depot);
	if (!r)
		*ret = w.sum;
	return r;
}
