/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects below a name. Of keys with an hour in them, only hours that matter are listed. */
#include "bc_depot_hour.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_object_read.h"
#include "bc_time.h"

/* More is no store that this is meant for. */
#define OBJECTS_MOST 4000000U
#define DEPTH_MOST 16

#define HOUR_NS (3600 * BC_NS_PER_S)
/*
 * A segment stands in the hour of its first packet. It may be a day long, and what is longer is the last one before. Late
 * packets come in the next hour at the latest. What was stored so long before --from is older than that.
 */
#define BEFORE_NS (24 * HOUR_NS)
#define AFTER_NS HOUR_NS
#define CLOCKS_NS HOUR_NS

struct lister {
	struct bc_depot *depot;
	struct bc_object_client *client;
	struct bc_object_name name;
	uint64_t from_ns;
	char first[BC_OBJECT_HOUR_LEN + 1], end[BC_OBJECT_HOUR_LEN + 1];	/* hours that matter: from first on and before end; "": from the beginning, to the end */
	bc_depot_each each;
	void *ctx;
	struct bc_err *err;
	uint32_t n;
	bool over;			/* the list has come to the end of what matters */
	size_t root;			/* length of what stands before the hours */
};

/* The prefixes below one. */
struct names {
	char **at;
	uint32_t n, cap;
};

static void free_names(struct names *n)
{
	for (uint32_t i = 0; i < n->n; i++)
		free(n->at[i]);
	free(n->at);
}

static int keep_name(struct names *n, const char *name)
{
	if (n->n == n->cap) {
		uint32_t cap = n->cap ? 2 * n->cap : 16;
		char **grown = realloc(n->at, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		n->at = grown;
		n->cap = cap;
	}
	n->at[n->n] = strdup(name);
	return n->at[n->n] ? (n->n++, 0) : -ENOMEM;
}

/* What is no file: a folder's mark; what is hidden. */
static bool is_file(const char *key)
{
	const char *slash = strrchr(key, '/'), *name = slash ? slash + 1 : key;

	return *name && *name != '.';
}

/* Of an hour: it is no file, and tells of some. */
static bool take_catalogue(struct lister *l, const struct bc_object_entry *e)
{
	struct bc_known k = { .bytes = e->size };

	if (is_file(e->key) || strlen(e->etag) >= sizeof(k.etag))
		return false;
	k.name = l->name;
	strcpy(k.name.key, e->key);
	strcpy(k.etag, e->etag);
	return bc_depot_hours_learn(bc_depot_hours(l->depot), &k);
}

static int take(struct lister *l, const struct bc_object_entry *e)
{
	char name[BC_BUCKET_MAX + BC_KEY_MAX + 8];
	struct bc_object_name parsed;
	int r;

	if (take_catalogue(l, e))
		return 0;
	snprintf(name, sizeof(name), "s3://%s/%s", l->name.bucket, e->key);
	/* What cannot be named is none of ours. */
	if (!is_file(e->key) || bc_object_name_parse("", name, &parsed, NULL) || strcmp(parsed.key, e->key))
		return 0;
	if (bc_index_beside_is_name(name))
		return bc_depot_learn(l->depot, name, e->size, e->etag) ? bc_err_set(l->err, -ENOMEM, "no memory for a list") : 0;
	if (l->n++ == OBJECTS_MOST)
		return bc_err_set(l->err, -E2BIG, "s3://%s/%s: too many objects: name a prefix with fewer", l->name.bucket, l->name.key);
	r = bc_depot_learn(l->depot, name, e->size, e->etag);
	if (r)
		return bc_err_set(l->err, r, "no memory for a list");
	return l->each(l->ctx, &(struct bc_depot_entry){ .name = name, .bytes = e->size, .modified_ns = e->modified_ns });
}

static int take_any(void *ctx, const struct bc_object_entry *e)
{
	return take(ctx, e);
}

/* In the order of keys, from the first hour on. */
static int take_hour(void *ctx, const struct bc_object_entry *e)
{
	struct lister *l = ctx;
	const char *hour = e->key + l->root;

	if (!bc_object_is_hour(hour))
		return take(l, e);
	if (*l->end && strncmp(hour, l->end, BC_OBJECT_HOUR_LEN) >= 0) {
		l->over = true;
		return -ECANCELED;
	}
	/* It had been stored before the first packet that is wanted. */
	if (e->modified_ns && e->modified_ns + CLOCKS_NS < l->from_ns)
		return 0;
	return take(l, e);
}

static int take_prefix(void *ctx, const char *prefix)
{
	return keep_name(ctx, prefix);
}

static int list(struct lister *l, const char *prefix, const char *after, const struct bc_object_list_ops *ops, void *ctx, bool flat)
{
	const struct bc_object_list what = {
		.bucket = l->name.bucket, .prefix = prefix, .delimiter = flat ? NULL : "/", .after = after, .most = OBJECTS_MOST,
	};

	return bc_object_list(l->client, &what, ops, ctx, l->err);
}

/* The last hour with objects before the first one that matters: all in it. Below prefix, at a level from 0, the years. */
static int take_last_before(struct lister *l, const char *prefix, bool *ret_found)
{
	static const struct bc_object_list_ops prefixes = { .prefix = take_prefix }, objects = { .object = take_any };
	const size_t at = strlen(prefix) - l->root;
	struct names n = { .n = 0 };
	int r;

	if (at == BC_OBJECT_HOUR_LEN) {
		const uint32_t before = l->n;

		r = list(l, prefix, NULL, &objects, l, true);
		*ret_found = l->n != before;
		return r;
	}
	r = list(l, prefix, NULL, &prefixes, &n, false);
	for (uint32_t i = n.n; !r && i-- > 0 && !*ret_found;) {
		const char *part = n.at[i] + l->root;
		const size_t len = strlen(part);

		/* An hour only if it is before, what is above it also if it is the first one's. */
		if (len > BC_OBJECT_HOUR_LEN || len <= at || !isdigit((unsigned char)part[at]))
			continue;
		if (strncmp(part, l->first, len) < 0 || (len < BC_OBJECT_HOUR_LEN && !strncmp(part, l->first, len)))
			r = take_last_before(l, n.at[i], ret_found);
	}
	free_names(&n);
	return r;
}

/* prefix has years below it. */
static int take_hours(struct lister *l, const char *prefix)
{
	static const struct bc_object_list_ops ops = { .object = take_hour };
	char after[BC_KEY_MAX + BC_OBJECT_HOUR_LEN + 1];
	bool found = false;
	int r = 0;

	l->root = strlen(prefix);
	l->over = false;
	if (*l->first)
		r = take_last_before(l, prefix, &found);
	snprintf(after, sizeof(after), "%s%s", prefix, l->first);
	if (!r)
		r = list(l, prefix, *l->first ? after : NULL, &ops, l, true);
	return r == -ECANCELED && l->over ? 0 : r;
}

/* Is it a year, below a prefix of so many characters? */
static bool is_year(const char *name, size_t before)
{
	return strlen(name) == before + 5 && strspn(name + before, "0123456789") == 4;
}

struct level {
	struct lister *lister;
	struct names names;
};

static int take_here(void *ctx, const struct bc_object_entry *e)
{
	return take(((struct level *)ctx)->lister, e);
}

static int take_below(void *ctx, const char *prefix)
{
	return keep_name(&((struct level *)ctx)->names, prefix);
}

/* Objects right below a prefix, and what is below that; hours are looked for. */
static int walk(struct lister *l, const char *prefix, int depth)
{
	static const struct bc_object_list_ops ops = { .object = take_here, .prefix = take_below };
	struct level level = { .lister = l };
	const size_t len = strlen(prefix);
	bool years = false;
	int r;

	if (depth > DEPTH_MOST)
		return bc_err_set(l->err, -E2BIG, "s3://%s/%s: too deep", l->name.bucket, prefix);
	r = list(l, prefix, NULL, &ops, &level, false);
	for (uint32_t i = 0; !r && i < level.names.n; i++) {
		if (is_year(level.names.at[i], len))
			years = true;
		else
			r = walk(l, level.names.at[i], depth + 1);
	}
	if (!r && years)
		r = take_hours(l, prefix);
	free_names(&level.names);
	return r;
}

static void hour_of(uint64_t ns, char text[BC_OBJECT_HOUR_LEN + 1])
{
	time_t t = (time_t)(ns / BC_NS_PER_S);
	struct tm tm = { 0 };

	gmtime_r(&t, &tm);
	strftime(text, BC_OBJECT_HOUR_LEN + 1, "%Y/%m/%d/%H/", &tm);
}

/* The object of this very key. -ENOENT: there is none. */
static int take_key(struct lister *l, const char *key, struct bc_err *err)
{
	/* Not HEAD: only an answer with a body says what is wrong. */
	char byte, etag[BC_ETAG_MAX] = "";
	const struct bc_object_request q = {
		.method = "GET", .bucket = l->name.bucket, .key = key, .len = 1, .suffix = true, .into = &byte, .into_len = 1,
	};
	struct bc_object_answer a = { .size = 0 };
	int r = bc_object_do(l->client, &q, &a, etag, err);

	/* It is empty. */
	if (r == -ERANGE)
		a.size = r = 0;
	return r ? r : take(l, &(struct bc_object_entry){ .key = key, .size = a.size, .modified_ns = a.modified_ns, .etag = etag });
}

/* The object of this very name, and the index beside it, which is missed by nobody. */
static int take_named(struct lister *l)
{
	char index[BC_KEY_MAX + sizeof(BC_INDEX_BESIDE_EXT)];
	int r = take_key(l, l->name.key, l->err);
	struct bc_err none;

	if (!r && snprintf(index, sizeof(index), "%s" BC_INDEX_BESIDE_EXT, l->name.key) < BC_KEY_MAX)
		take_key(l, index, &none);
	return r;
}

static int list_prefix(struct lister *l)
{
	static const struct bc_object_list_ops ops = { .object = take_any };

	return *l->first || *l->end ? walk(l, l->name.key, 0) : list(l, l->name.key, NULL, &ops, l, true);
}

static int run(struct lister *l)
{
	const struct bc_object_config cfg = { .settings = *bc_depot_store(l->depot), .stop = bc_depot_stopped(l->depot) };
	const size_t len = strlen(l->name.key);
	int r = bc_object_client_new(&cfg, &l->client, l->err);

	if (!r && len && l->name.key[len - 1] != '/') {
		r = take_named(l);
		if (r == -ENOENT && len + 1 < sizeof(l->name.key)) {
			strcat(l->name.key, "/");
			r = list_prefix(l);
		}
	} else if (!r) {
		r = list_prefix(l);
	}
	bc_object_client_free(l->client);
	if (!r && !l->n && !*l->first && !*l->end)
		r = bc_err_set(l->err, -ENOENT, "s3://%s/%s: no objects", l->name.bucket, l->name.key);
	return r;
}

int bc_depot_list(struct bc_depot *r, const char *name, uint64_t from_ns, uint64_t to_ns, bc_depot_each each, void *ctx, struct bc_err *err)
{
	struct lister l = { .depot = r, .from_ns = from_ns, .each = each, .ctx = ctx, .err = err };
	int e = bc_depot_connect(r, err);

	if (!e)
		e = bc_object_name_parse("path", name, &l.name, err);
	if (e)
		return e;
	if (from_ns > BEFORE_NS)
		hour_of(from_ns - BEFORE_NS, l.first);
	if (to_ns < UINT64_MAX - AFTER_NS - HOUR_NS)
		hour_of(to_ns + AFTER_NS + HOUR_NS - 1, l.end);
	return run(&l);
}
