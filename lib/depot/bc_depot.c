/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_depot.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_age_blob.h"
#include "bc_age_file.h"
#include "bc_depot_hour.h"

/* So many ends are on their way ahead of the one that is looked at. */
#define AHEAD BC_FETCH_IN_FLIGHT

/* Of an object that was listed: what is said of it changes, where it stands does not. */
struct item {
	uint64_t bytes;
	char *etag;
	char name[];
};

/* An end that was asked for ahead; NULL: its object is not known, or the cache has it. */
struct ahead {
	uint32_t which;		/* of the names */
	struct bc_fetch *fetch;
};

struct bc_depot {
	struct bc_depot_config cfg;
	pthread_mutex_t lock;
	_Atomic bool stop;		/* set under the lock */
	struct bc_fetcher *fetcher;	/* under the lock until it is there */
	struct bc_tail_cache *cache;	/* likewise; NULL: without one */
	void *items;			/* under the lock: a tree by name */
	struct bc_depot_hours *hours;	/* NULL: without */
	/* The expecting thread's. */
	const char *const *names;
	uint32_t n_names, next_name;
	uint32_t next_hour;		/* of these names: catalogues are asked for up to there */
	struct ahead ahead[AHEAD];
	uint32_t first, n_ahead;
};

int bc_depot_new(const struct bc_depot_config *cfg, struct bc_depot **ret, struct bc_err *err)
{
	struct bc_depot *d = calloc(1, sizeof(*d));

	if (!d)
		return bc_err_set(err, -ENOMEM, "no memory");
	d->cfg = *cfg;
	d->hours = cfg->hours ? bc_depot_hours_new(d) : NULL;
	pthread_mutex_init(&d->lock, NULL);
	*ret = d;
	return 0;
}

static void free_item(void *p)
{
	struct item *item = p;

	free(item->etag);
	free(item);
}

void bc_depot_free(struct bc_depot *d)
{
	if (!d)
		return;
	bc_depot_expect(d, NULL, 0);
	bc_depot_hours_free(d->hours);
	bc_fetcher_free(d->fetcher);
	bc_tail_cache_free(d->cache);
	tdestroy(d->items, free_item);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void bc_depot_stop(struct bc_depot *d)
{
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	d->stop = true;
	if (d->fetcher)
		bc_fetcher_stop(d->fetcher);
	pthread_mutex_unlock(&d->lock);
}

/* Without a cache it goes on: slower. */
static void open_cache(struct bc_depot *d)
{
	struct bc_err err;

	if (!d->cfg.no_cache && bc_tail_cache_open(d->cfg.cache, BC_TAIL_CACHE_BYTES, &d->cache, &err))
		bc_log(d->cfg.log, d->cfg.cache ? BC_WARN : BC_DEBUG, "no cache is used: %s", err.msg);
}

const struct bc_object_settings *bc_depot_store(const struct bc_depot *d)
{
	static const struct bc_object_settings none;

	return d->cfg.store ? d->cfg.store : &none;
}

int bc_depot_connect(struct bc_depot *d, struct bc_err *err)
{
	int e = 0;

	pthread_mutex_lock(&d->lock);
	if (d->stop) {
		e = bc_err_set(err, -ECANCELED, "ended before it was read");
	} else if (!d->fetcher) {
		e = bc_fetcher_new(bc_depot_store(d), &d->fetcher, err);
		if (!e)
			open_cache(d);
	}
	pthread_mutex_unlock(&d->lock);
	return e;
}

struct bc_fetcher *bc_depot_fetcher(struct bc_depot *d)
{
	return d->fetcher;
}

struct bc_depot_hours *bc_depot_hours(struct bc_depot *d)
{
	return d->hours;
}

const _Atomic bool *bc_depot_stopped(const struct bc_depot *d)
{
	return &d->stop;
}

bool bc_depot_is_name(const char *name)
{
	return bc_object_is_name(name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct item *)a)->name, ((const struct item *)b)->name);
}

int bc_depot_learn(struct bc_depot *d, const char *name, uint64_t bytes, const char *etag)
{
	struct item *item = malloc(sizeof(*item) + strlen(name) + 1), **at = NULL;
	char *copy = strlen(etag) < BC_ETAG_MAX ? strdup(etag) : NULL, *old = NULL;

	if (item && copy) {
		*item = (struct item){ .bytes = bytes };
		strcpy(item->name, name);
		pthread_mutex_lock(&d->lock);
		at = tsearch(item, &d->items, by_name);
		if (at) {
			old = (*at)->etag;
			(*at)->etag = copy;
			(*at)->bytes = bytes;
		}
		pthread_mutex_unlock(&d->lock);
	}
	if (!at || *at != item)
		free(item);
	free(at ? old : copy);
	return at ? 0 : -ENOMEM;
}

/* Under the lock; NULL: none was listed. */
static struct item *find_item(struct bc_depot *d, const char *name)
{
	struct item *wanted = malloc(sizeof(*wanted) + strlen(name) + 1), **at;

	if (!wanted)
		return NULL;
	strcpy(wanted->name, name);
	at = tfind(wanted, &d->items, by_name);
	free(wanted);
	return at ? *at : NULL;
}

static bool recall(struct bc_depot *d, const char *name, struct bc_known *ret)
{
	const struct item *item;

	pthread_mutex_lock(&d->lock);
	item = find_item(d, name);
	if (item && bc_object_name_parse("", name, &ret->name, NULL))
		item = NULL;
	if (item) {
		ret->bytes = item->bytes;
		strcpy(ret->etag, item->etag);
	}
	pthread_mutex_unlock(&d->lock);
	return item != NULL;
}

const char *bc_depot_known(struct bc_depot *d, const char *name)
{
	const struct item *item;

	pthread_mutex_lock(&d->lock);
	item = find_item(d, name);
	pthread_mutex_unlock(&d->lock);
	return item ? item->name : NULL;
}

const char *bc_depot_beside(struct bc_depot *d, const char *name)
{
	const char *known;
	char *beside;

	if (asprintf(&beside, "%s" BC_INDEX_BESIDE_EXT, name) < 0)
		return NULL;
	known = bc_depot_known(d, beside);
	free(beside);
	return known;
}

/* What an end is kept under. */
static void cache_key(struct bc_depot *d, const struct bc_known *k, char key[BC_KEY_MAX + 1024])
{
	snprintf(key, BC_KEY_MAX + 1024, "%s\n%s\n%s\n%s\n%" PRIu64, bc_fetcher_where(d->fetcher), k->name.bucket, k->name.key, k->etag, k->bytes);
}

size_t bc_depot_tail_get(struct bc_depot *d, const struct bc_known *k, uint8_t *to, size_t cap)
{
	char key[BC_KEY_MAX + 1024];

	if (!d->cache || !*k->etag)
		return 0;
	cache_key(d, k, key);
	return bc_tail_cache_get(d->cache, key, to, cap);
}

void bc_depot_tail_put(struct bc_depot *d, const struct bc_known *k, const uint8_t *data, size_t len)
{
	char key[BC_KEY_MAX + 1024];

	if (!d->cache || !*k->etag)
		return;
	cache_key(d, k, key);
	bc_tail_cache_put(d->cache, key, data, len);
}

static bool is_cached(struct bc_depot *d, const struct bc_known *k)
{
	char key[BC_KEY_MAX + 1024];

	if (!d->cache || !*k->etag)
		return false;
	cache_key(d, k, key);
	return bc_tail_cache_may_have(d->cache, key);
}

static bool is_listed(struct bc_depot *d, const char *name, struct bc_known *ret)
{
	return bc_depot_is_name(name) && recall(d, name, ret) && ret->bytes;
}

/* The catalogues of what is expected later. */
static void ask_hours_ahead(struct bc_depot *d)
{
	struct bc_known k;

	if (d->next_hour < d->next_name)
		d->next_hour = d->next_name;
	for (; d->next_hour < d->n_names && bc_depot_hours_has_room(d->hours); d->next_hour++)
		if (is_listed(d, d->names[d->next_hour], &k))
			bc_depot_hours_ask(d->hours, &k);
}

/* Ask for the ends of those that are expected next, up to one whose end a catalogue may have that is on its way. */
static void ask_ahead(struct bc_depot *d)
{
	while (d->n_ahead < AHEAD && d->next_name < d->n_names) {
		struct ahead *a = &d->ahead[(d->first + d->n_ahead) % AHEAD];
		struct bc_known k;

		*a = (struct ahead){ .which = d->next_name };
		if (is_listed(d, d->names[d->next_name], &k)) {
			const enum bc_depot_hour hour = bc_depot_hours_ask(d->hours, &k);

			if (hour == BC_DEPOT_HOUR_SOON)
				break;
			if (hour == BC_DEPOT_HOUR_NOT && !is_cached(d, &k))
				a->fetch = bc_fetch_start(d->fetcher, &k.name, k.etag, k.bytes - bc_tail_len(&k), bc_tail_len(&k), false);
		}
		d->n_ahead++;
		d->next_name++;
	}
	ask_hours_ahead(d);
}

void bc_depot_expect(struct bc_depot *d, const char *const *names, uint32_t n)
{
	for (; d->n_ahead; d->n_ahead--)
		bc_fetch_free(d->ahead[d->first++ % AHEAD].fetch);
	d->first = 0;
	d->names = names;
	d->n_names = n;
	d->next_name = d->next_hour = 0;
	if (n && d->fetcher)
		ask_ahead(d);
}

/* It is asked for once its catalogue is there. */
static void wait_for_hour(struct bc_depot *d, const struct bc_known *k)
{
	bc_depot_hours_wait(d->hours, k);
	ask_ahead(d);
}

/* The end of a name that was expected; what was expected before it will not come. */
static struct bc_fetch *take_expected(struct bc_depot *d, const char *name, const struct bc_known *k)
{
	struct bc_fetch *found = NULL;
	uint32_t i = 0;

	if (!d->n_ahead && d->next_name < d->n_names && d->names[d->next_name] == name)
		wait_for_hour(d, k);
	while (i < d->n_ahead && d->names[d->ahead[(d->first + i) % AHEAD].which] != name)
		i++;
	if (i == d->n_ahead)
		return NULL;
	for (uint32_t n = 0; n <= i; n++) {
		struct ahead *a = &d->ahead[(d->first + n) % AHEAD];

		if (n == i)
			found = a->fetch;
		else
			bc_fetch_free(a->fetch);
	}
	d->first = (d->first + i + 1) % AHEAD;
	d->n_ahead -= i + 1;
	ask_ahead(d);
	return found;
}

static int open_as_it_is(struct bc_depot *d, const char *name, struct bc_blob **ret, struct bc_err *err)
{
	struct bc_known k = { .bytes = 0 };
	int e;

	if (!bc_depot_is_name(name))
		return bc_blob_open_file(name, ret, err);
	if (!d)
		return bc_err_set(err, -EINVAL, "%s: an object cannot be read here", name);
	e = bc_depot_connect(d, err);
	if (!e && recall(d, name, &k))
		return bc_depot_object_open(d, &k, d->n_names ? take_expected(d, name, &k) : NULL, ret, err);
	if (!e)
		e = bc_object_name_parse("path", name, &k.name, err);
	return e ? e : bc_depot_object_open(d, &k, NULL, ret, err);
}

/* *blob becomes what is in it, if it is encrypted. */
static int see_through(const struct bc_depot *d, struct bc_blob **blob, struct bc_err *err)
{
	int r = bc_age_is_encrypted(*blob, err);

	if (r <= 0)
		return r;
	if (!d || !d->cfg.identities)
		return bc_err_set(err, -EACCES, "it is encrypted: name a file with its key (--identity), or decrypt it first");
	r = bc_age_blob_wrap(blob, d->cfg.identities, err);
	/* What is left of it is read, and the error comes behind that. */
	return r == -ENODATA || r == -EBADMSG ? bc_age_blob_wrap_torn(blob, d->cfg.identities, err) : r;
}

int bc_depot_open(struct bc_depot *d, const char *name, struct bc_blob **ret, struct bc_err *err)
{
	const size_t len = strlen(name), ext = strlen(BC_AGE_EXT);
	struct bc_blob *blob;
	int r = open_as_it_is(d, name, &blob, err);

	if (!r && len > ext && !strcmp(name + len - ext, BC_AGE_EXT)) {
		r = see_through(d, &blob, err);
		if (r) {
			bc_blob_close(blob);
			return bc_err_prefix(err, r, "%s", name);
		}
	}
	if (!r)
		*ret = blob;
	return r;
}

void bc_depot_count(struct bc_depot *d, uint64_t *ret_requests, uint64_t *ret_bytes)
{
	*ret_requests = *ret_bytes = 0;
	if (!d)
		return;
	pthread_mutex_lock(&d->lock);
	if (d->fetcher)
		bc_fetcher_count(d->fetcher, ret_requests, ret_bytes);
	pthread_mutex_unlock(&d->lock);
}
