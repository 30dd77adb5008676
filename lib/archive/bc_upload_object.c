/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_object.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "bc_object_read.h"
#include "bc_object_write.h"
#include "bc_upload_begun.h"

#define WAIT_MS 500

struct slot {
	struct work *w;
	uint8_t *buf;
	unsigned part;		/* from 0 */
	size_t len;
	bool busy;
	char md5[33];
};

struct work {
	const struct bc_upload_job *job;
	struct bc_upload_result *res;
	size_t part_bytes;
	unsigned n_parts;
	char (*md5)[33];	/* of each part */
	struct bc_object_part *parts;
	struct bc_object_part *there;	/* what the store has; number 0: nothing */
	char id[BC_OBJECT_TOKEN_MAX];
	struct slot slot[BC_UPLOAD_PARTS_AT_ONCE];
	int r;			/* of the first request that failed */
	struct bc_err err;
};

static size_t part_size(uint64_t size)
{
	uint64_t part = BC_UPLOAD_PART;

	while (part * BC_OBJECT_PARTS_MAX < size)
		part *= 2;
	return (size_t)part;
}

static bool stopped(const struct bc_upload_job *j)
{
	return j->stop && atomic_load(j->stop);
}

static int fail(struct work *w, int r, const char *text)
{
	return bc_err_set(&w->err, r, "s3://%s/%s: %s", w->job->bucket, w->job->key, text);
}

static int read_part(struct work *w, unsigned part, uint8_t *buf, size_t *ret_len)
{
	const uint64_t from = (uint64_t)part * w->part_bytes;
	const size_t len = w->job->size - from < w->part_bytes ? (size_t)(w->job->size - from) : w->part_bytes;
	size_t got = 0;

	while (got < len) {
		ssize_t n = pread(w->job->fd, buf + got, len - got, (off_t)(from + got));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(w, -errno, strerror(errno));
		if (n == 0)
			return fail(w, -ESTALE, "the file has become shorter");
		got += (size_t)n;
	}
	if (part == 0 && w->job->head)
		memcpy(buf, w->job->head, w->job->head_len < len ? w->job->head_len : len);
	*ret_len = len;
	return 0;
}

static int md5_hex(const void *data, size_t len, char ret[33])
{
	unsigned char sum[16];

	if (!EVP_Digest(data, len, sum, NULL, EVP_md5(), NULL))
		return -EIO;
	for (unsigned i = 0; i < sizeof(sum); i++)
		sprintf(ret + 2 * i, "%02x", sum[i]);
	return 0;
}

/* The ETag of an object made of parts: the MD5 of their MD5s, and how many they are. */
static int etag_of_parts(const struct work *w, char ret[BC_ETAG_MAX])
{
	uint8_t *all = malloc((size_t)w->n_parts * 16);
	char md5[33];
	int r = all ? 0 : -ENOMEM;

	for (unsigned p = 0; !r && p < w->n_parts; p++)
		for (unsigned i = 0; i < 16; i++)
			sscanf(w->md5[p] + 2 * i, "%2hhx", &all[(size_t)p * 16 + i]);
	r = r ? r : md5_hex(all, (size_t)w->n_parts * 16, md5);
	if (!r)
		snprintf(ret, BC_ETAG_MAX, "%s-%u", md5, w->n_parts);
	free(all);
	return r;
}

/* What the ETag must be. All parts have their MD5. */
static int expected_etag(const struct work *w, char ret[BC_ETAG_MAX])
{
	if (w->n_parts > 1)
		return etag_of_parts(w, ret);
	snprintf(ret, BC_ETAG_MAX, "%s", w->md5[0]);
	return 0;
}

static int head(struct work *w, struct bc_object_answer *ret, char etag[BC_ETAG_MAX])
{
	const struct bc_object_request r = { .method = "HEAD", .bucket = w->job->bucket, .key = w->job->key };

	return bc_object_do(w->job->client, &r, ret, etag, &w->err);
}

/* The MD5s of all parts, from the file. */
static int sum_all(struct work *w)
{
	size_t len;
	int r = 0;

	for (unsigned p = 0; !r && p < w->n_parts; p++) {
		if (stopped(w->job))
			return fail(w, -ECANCELED, "ended");
		r = read_part(w, p, w->slot[0].buf, &len);
		if (!r && md5_hex(w->slot[0].buf, len, w->md5[p]))
			r = fail(w, -EIO, "no MD5");
	}
	return r;
}

/* There is an object: is it this file? Then 0, else -EEXIST. */
static int compare(struct work *w, const struct bc_object_answer *a, const char *etag)
{
	char want[BC_ETAG_MAX];
	int r;

	if (a->size != w->job->size)
		return fail(w, -EEXIST, "there is another object of that key: it is not overwritten");
	r = sum_all(w);
	if (!r && expected_etag(w, want))
		r = fail(w, -ENOMEM, "no memory");
	if (r)
		return r;
	if (a->encrypted)
		return fail(w, -EEXIST, "there is an object of that key and size, encrypted, so that it cannot be compared: it is not overwritten");
	if (strcasecmp(etag, want))
		return fail(w, -EEXIST, "there is another object of that key and size: it is not overwritten");
	strcpy(w->res->etag, etag);
	return 0;
}

/* 0: nothing is there, or nothing may be seen; 1: this very file is; or a negative errno. */
static int look(struct work *w)
{
	char etag[BC_ETAG_MAX];
	struct bc_object_answer a;
	int r = head(w, &a, etag);

	if (r == -ENOENT || r == -EACCES)
		return 0;
	r = r ? r : compare(w, &a, etag);
	w->res->was_there = r == 0;
	return r ? r : 1;
}

/* The same, but for another object that is to give way. */
static int look_for_another(struct work *w)
{
	const int r = look(w);

	return r == -EEXIST && w->job->replace ? 0 : r;
}

static void put_done(void *ctx, const struct bc_object_answer *a)
{
	struct slot *s = ctx;
	struct work *w = s->w;

	s->busy = false;
	if (a->code && !w->r)
		w->r = bc_err_set(&w->err, a->code, "%s", a->error);
	else if (!a->code && !a->encrypted && strcasecmp(a->etag, s->md5) && !w->r)
		w->r = fail(w, -EBADMSG, "the store's checksum is another one");
	if (a->code || w->r)
		return;
	w->res->sent += s->len;
	memcpy(w->md5[s->part], s->md5, sizeof(s->md5));
	w->parts[s->part] = (struct bc_object_part){ .number = s->part + 1, .size = s->len };
	strcpy(w->parts[s->part].etag, a->etag);
}

/* Until a slot is free, or with all until each is; also where one has failed. */
static int wait_for_slots(struct work *w, bool all)
{
	for (;;) {
		unsigned busy = 0;

		for (unsigned i = 0; i < BC_UPLOAD_PARTS_AT_ONCE; i++)
			busy += w->slot[i].busy;
		if (!busy || (!all && busy < BC_UPLOAD_PARTS_AT_ONCE) || w->r)
			return w->r;
		if (stopped(w->job))
			return w->r = fail(w, -ECANCELED, "ended");
		if (bc_object_run(w->job->client, WAIT_MS) < 0)
			return w->r = fail(w, -EIO, "libcurl fails");
	}
}

/* Nothing of ours is called back any more. */
static void end_all(struct work *w)
{
	for (unsigned i = 0; i < BC_UPLOAD_PARTS_AT_ONCE; i++)
		if (w->slot[i].busy) {
			bc_object_cancel(w->job->client);
			return;
		}
}

static int put_slot(struct work *w, struct slot *s, bool if_none_match)
{
	int r;

	w->r = 0;
	s->busy = true;
	r = bc_object_put(w->job->client, w->job->bucket, w->job->key, s->buf, s->len, if_none_match, s->md5, put_done, s);
	if (r) {
		s->busy = false;
		return fail(w, r, strerror(-r));
	}
	return wait_for_slots(w, true);
}

/* There is an object: perhaps our own, and the answer to it was cut off. */
static int put_against(struct work *w, struct slot *s)
{
	struct bc_err was = w->err;
	int r;

	w->r = 0;
	r = look_for_another(w);
	if (r)
		return r < 0 ? r : 0;
	if (w->job->replace)
		return put_slot(w, s, false);
	w->err = was;
	return bc_err_prefix(&w->err, -EEXIST, "it cannot be compared, as this key may not read");
}

static int put_whole(struct work *w)
{
	struct slot *s = &w->slot[0];
	int r = read_part(w, 0, s->buf, &s->len);

	if (r)
		return r;
	s->part = 0;
	r = put_slot(w, s, true);
	if (r == -EEXIST)
		r = put_against(w, s);
	if (!r && !w->res->was_there)
		strcpy(w->res->etag, w->parts[0].etag);
	return r;
}

static int take_part(void *ctx, const struct bc_object_part *p)
{
	struct work *w = ctx;

	if (p->number <= w->n_parts)
		w->there[p->number - 1] = *p;
	return 0;
}

static void note_id(struct work *w)
{
	if (w->job->begin)
		w->job->begin(w->job->ctx, w->id);
}

static int begin(struct work *w)
{
	int r = bc_object_begin(w->job->client, w->job->bucket, w->job->key, w->id, &w->err);
	char same[BC_OBJECT_TOKEN_MAX];
	struct bc_err none;

	if (r)
		return r;
	note_id(w);
	/* A try whose answer was lost has begun another one; libcurl makes its own, and does not tell. */
	bc_upload_begun(w->job->client, w->job->bucket, w->job->key, w->id, same, &none);
	return 0;
}

/* Go on with what was begun, if the store still knows it; what a key may not list is sent again. */
static int resume_or_begin(struct work *w)
{
	const char *known = w->job->begun ? w->job->begun : "";
	int r = bc_upload_begun(w->job->client, w->job->bucket, w->job->key, known, w->id, &w->err);

	if (r || !w->id[0])
		return r ? r : begin(w);
	if (strcmp(w->id, known))
		note_id(w);
	r = bc_object_parts(w->job->client, w->job->bucket, w->job->key, w->id, take_part, w, &w->err);
	if (r == -ENOENT) {
		memset(w->there, 0, w->n_parts * sizeof(*w->there));
		return begin(w);
	}
	return r == -EACCES ? 0 : r;
}

/* Does the store have this part, as it is in the slot? */
static bool part_is_there(struct work *w, struct slot *s)
{
	const struct bc_object_part *p = &w->there[s->part];

	if (!p->number || p->size != s->len || md5_hex(s->buf, s->len, s->md5) || strcasecmp(p->etag, s->md5))
		return false;
	w->parts[s->part] = *p;
	memcpy(w->md5[s->part], s->md5, sizeof(s->md5));
	w->res->resumed += s->len;
	return true;
}

static struct slot *free_slot(struct work *w)
{
	struct slot *s = w->slot;

	while (s->busy)
		s++;
	return s;
}

static int put_part(struct work *w, unsigned part)
{
	struct slot *s;
	int r = wait_for_slots(w, false);

	if (r)
		return r;
	s = free_slot(w);
	s->part = part;
	r = read_part(w, part, s->buf, &s->len);
	if (r || part_is_there(w, s))
		return r;
	s->busy = true;
	r = bc_object_put_part(w->job->client, w->job->bucket, w->job->key, w->id, part + 1, s->buf, s->len, s->md5, put_done, s);
	if (r) {
		s->busy = false;
		return fail(w, r, strerror(-r));
	}
	/* Send while the next one is read. */
	return bc_object_run(w->job->client, 0) < 0 ? fail(w, -EIO, "libcurl fails") : w->r;
}

/* The object as the store has it must be the file. */
static int verify(struct work *w, const char *etag)
{
	char want[BC_ETAG_MAX], got[BC_ETAG_MAX];
	struct bc_object_answer a;
	int r = head(w, &a, got);

	if (expected_etag(w, want))
		return fail(w, -ENOMEM, "no memory");
	if (r == -EACCES) {
		/* What may not be seen: each part was compared, and the store has put them together. */
		strcpy(w->res->etag, etag[0] ? etag : want);
		return etag[0] && strchr(etag, '-') && strcasecmp(etag, want) ? fail(w, -EBADMSG, "the store's checksum is another one") : 0;
	}
	if (r)
		return r;
	if (a.size != w->job->size || (!a.encrypted && strcasecmp(got, want)))
		return fail(w, -EBADMSG, "the object has another size or checksum than the file");
	strcpy(w->res->etag, got);
	return 0;
}

/* The parts are of no use: there is an object. */
static void give_up_parts(struct work *w)
{
	struct bc_err none;

	bc_object_abort(w->job->client, w->job->bucket, w->job->key, w->id, &none);
	if (w->job->begin)
		w->job->begin(w->job->ctx, "");
}

static int complete(struct work *w)
{
	char etag[BC_ETAG_MAX];
	/* Once more, as not every store heeds a condition on what follows. */
	int r = look_for_another(w);

	if (r == 1 || r == -EEXIST)
		give_up_parts(w);
	if (r)
		return r < 0 ? r : 0;
	r = bc_object_complete(w->job->client, w->job->bucket, w->job->key, w->id, w->parts, w->n_parts, !w->job->replace, etag, &w->err);
	/* Perhaps it was, and only the answer was cut off. */
	if (r == -ENOENT || r == -EEXIST) {
		struct bc_err was = w->err;

		r = look(w);
		if (r == 0 && w->job->begin)
			w->job->begin(w->job->ctx, "");
		if (r == 0)
			w->err = was;
		return r == 1 ? 0 : r == 0 ? -EAGAIN : r;
	}
	return r ? r : verify(w, etag);
}

static int put_parts(struct work *w)
{
	int r = look_for_another(w);

	if (r)
		return r < 0 ? r : 0;
	r = resume_or_begin(w);
	for (unsigned p = 0; !r && p < w->n_parts; p++)
		r = put_part(w, p);
	r = r ? r : wait_for_slots(w, true);
	if (r)
		end_all(w);
	return r ? r : complete(w);
}

static int set_up(struct work *w, const struct bc_upload_job *j)
{
	w->part_bytes = part_size(j->size);
	w->n_parts = j->size ? (unsigned)((j->size + w->part_bytes - 1) / w->part_bytes) : 1;
	w->md5 = calloc(w->n_parts, sizeof(*w->md5));
	w->parts = calloc(w->n_parts, sizeof(*w->parts));
	w->there = calloc(w->n_parts, sizeof(*w->there));
	if (!w->md5 || !w->parts || !w->there)
		return -ENOMEM;
	for (unsigned i = 0; i < BC_UPLOAD_PARTS_AT_ONCE && i < w->n_parts; i++) {
		w->slot[i].buf = malloc(j->size < w->part_bytes ? (size_t)j->size + 1 : w->part_bytes);
		if (!w->slot[i].buf)
			return -ENOMEM;
	}
	for (unsigned i = 0; i < BC_UPLOAD_PARTS_AT_ONCE; i++)
		w->slot[i].w = w;
	return 0;
}

int bc_upload_object(const struct bc_upload_job *j, struct bc_upload_result *ret, struct bc_err *err)
{
	struct bc_upload_result res = { .was_there = false };
	struct work *w = calloc(1, sizeof(*w));
	int r = -ENOMEM;

	if (!w)
		return bc_err_set(err, r, "s3://%s/%s: no memory", j->bucket, j->key);
	w->job = j;
	w->res = &res;
	r = set_up(w, j);
	if (r)
		fail(w, r, "no memory");
	else
		r = w->n_parts == 1 ? put_whole(w) : put_parts(w);
	end_all(w);
	if (r)
		bc_err_set(err, r, "%s", w->err.msg);
	else
		*ret = res;
	for (unsigned i = 0; i < BC_UPLOAD_PARTS_AT_ONCE; i++)
		free(w->slot[i].buf);
	free(w->md5);
	free(w->parts);
	free(w->there);
	free(w);
	return r;
}
