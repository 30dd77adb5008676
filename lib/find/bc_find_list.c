/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_list.h"

#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_codec.h"
#include "bc_depot.h"
#include "bc_find_input.h"
#include "bc_index_beside.h"
#include "bc_segname.h"

static int add_segment(struct bc_find_list *l, const struct bc_find_segment *segment, const char *path)
{
	struct bc_find_segment *s;

	if (l->n == l->cap) {
		uint32_t cap = l->cap ? 2 * l->cap : 64;

		s = realloc(l->at, cap * sizeof(*s));
		if (!s)
			return -ENOMEM;
		l->at = s;
		l->cap = cap;
	}
	s = &l->at[l->n];
	*s = *segment;
	s->rank = l->n;
	s->path = strdup(path);
	if (!s->path)
		return -ENOMEM;
	l->n++;
	return 0;
}

static int add(struct bc_find_list *l, const char *path, const struct stat *st, bool named)
{
	const struct bc_find_segment s = { .bytes = (uint64_t)st->st_size, .named = named, .dev = st->st_dev, .ino = st->st_ino };

	return add_segment(l, &s, path);
}

static int by_name(const FTSENT **a, const FTSENT **b)
{
	return strcmp((*a)->fts_name, (*b)->fts_name);
}

static bool is_final(const FTSENT *e)
{
	uint64_t seq;

	return e->fts_name[0] != '.' && !bc_segname_is_tmp(e->fts_name, &seq) && !bc_index_beside_is_name(e->fts_name);
}

static int take_entry(struct bc_find_list *l, FTS *tree, FTSENT *e)
{
	struct stat st;

	switch (e->fts_info) {
	case FTS_D:
		if (e->fts_level > 0 && e->fts_name[0] == '.')
			fts_set(tree, e, FTS_SKIP);
		return 0;
	case FTS_F:
		return is_final(e) ? add(l, e->fts_path, e->fts_statp, false) : 0;
	case FTS_SL:
		if (is_final(e) && stat(e->fts_path, &st) == 0 && S_ISREG(st.st_mode))
			return add(l, e->fts_path, &st, false);
		return 0;
	case FTS_DNR:
	case FTS_ERR:
	case FTS_NS:
		/* What is gone by now was removed or moved by retention. */
		if (e->fts_errno != ENOENT) {
			bc_log(l->log, BC_ERROR, "%s: %s: what is in it is left out", e->fts_path, strerror(e->fts_errno));
			l->bad++;
		}
		return 0;
	default:
		return 0;
	}
}

static int add_folder(struct bc_find_list *l, const char *path)
{
	char *paths[] = { (char *)(uintptr_t)path, NULL };
	FTS *tree = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, by_name);
	FTSENT *e;
	int r = 0;

	if (!tree)
		return -errno;
	while (r == 0 && (errno = 0, e = fts_read(tree)))
		r = take_entry(l, tree, e);
	if (r == 0 && errno)
		r = -errno;
	fts_close(tree);
	return r;
}

struct objects {
	struct bc_find_list *list;
	const char *path;
};

static int add_object(void *ctx, const struct bc_depot_entry *e)
{
	const struct objects *o = ctx;
	const struct bc_find_segment s = { .bytes = e->bytes, .named = !strcmp(e->name, o->path), .object = true };

	return add_segment(o->list, &s, e->name);
}

static int add_objects(struct bc_find_list *l, const char *path, struct bc_err *err)
{
	struct objects o = { .list = l, .path = path };
	int r = bc_depot_list(l->depot, path, l->from_ns, l->to_ns, add_object, &o, err);

	return r == -ENOMEM ? bc_err_set(err, r, "%s: no memory for a list", path) : r;
}

int bc_find_list_add(struct bc_find_list *l, const char *path, struct bc_err *err)
{
	struct stat st;
	int r;

	if (bc_depot_is_name(path))
		return add_objects(l, path, err);
	if (stat(path, &st) < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		r = add_folder(l, path);
	else if (S_ISREG(st.st_mode))
		r = add(l, path, &st, true);
	else
		return bc_err_set(err, -EINVAL, "%s: neither a folder nor a regular file", path);
	return r ? bc_err_set(err, r, "%s: %s", path, strerror(-r)) : 0;
}

/* By its name it is a capture, whatever became of its content. */
static bool is_named_as_capture(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return strstr(name, ".pcap") || strstr(name, ".erf") || !strncmp(name, "trace-", 6) ||
	       (strspn(name, "0123456789") == 8 && name[8] == '-' && strspn(name + 9, "0123456789") == 6);
}

/* It has no packet to give, for this reason. */
static void leave_out(struct bc_find_list *l, const struct bc_find_segment *s, int r, bool is_capture, const struct bc_err *err)
{
	if (r == 0 || r == -ENOENT || r == -ECANCELED)
		return;
	if (!is_capture && !s->named && !is_named_as_capture(s->path)) {
		l->left_out++;
		bc_log(l->log, BC_DEBUG, "%s: no capture file, left out", s->path);
		return;
	}
	l->bad++;
	bc_log(l->log, BC_ERROR, "%s", err->msg);
}

char *bc_find_recompressed(const char *path)
{
	size_t stem = strlen(path) - strlen(bc_codec_ext(bc_codec_of_path(path)));

	for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++) {
		char *other = NULL;
		struct stat st;

		if (asprintf(&other, "%.*s%s", (int)stem, path, bc_codec_ext(c)) < 0)
			return NULL;
		if (stat(other, &st) == 0 && S_ISREG(st.st_mode))
			return other;
		free(other);
	}
	return NULL;
}

/* False: it is gone. */
static bool follow(struct bc_find_segment *s)
{
	char *other = bc_find_recompressed(s->path);

	if (!other)
		return false;
	free(s->path);
	s->path = other;
	return true;
}

/* The first packet's time. False: it has none. */
static bool glance(struct bc_find_list *l, struct bc_find_segment *s)
{
	struct bc_find_input *in = NULL;
	struct bc_record rec;
	struct bc_err err;
	int r = bc_find_input_open(l->depot, s->path, BC_FIND_GLANCE, &in, &err);

	if (r == -ENOENT && follow(s))
		r = bc_find_input_open(l->depot, s->path, BC_FIND_GLANCE, &in, &err);
	if (r == 0 && (s->object || !l->no_index) && bc_find_input_foot(in, &rec.ts_ns))
		r = 1;
	else if (r == 0)
		r = bc_find_input_next(in, &rec, &err);
	if (r > 0)
		s->first_ns = rec.ts_ns;
	else
		leave_out(l, s, r, in && bc_find_input_is_capture(in), &err);
	bc_find_input_close(in);
	return r > 0;
}

static int by_file(const void *a, const void *b)
{
	const struct bc_find_segment *s = a, *t = b;

	if (s->dev != t->dev)
		return s->dev < t->dev ? -1 : 1;
	if (s->ino != t->ino)
		return s->ino < t->ino ? -1 : 1;
	if (s->object && strcmp(s->path, t->path))
		return strcmp(s->path, t->path);
	return s->rank < t->rank ? -1 : 1;
}

static int by_first(const void *a, const void *b)
{
	const struct bc_find_segment *s = a, *t = b;

	if (s->first_ns != t->first_ns)
		return s->first_ns < t->first_ns ? -1 : 1;
	return s->rank < t->rank ? -1 : 1;
}

static void drop(struct bc_find_segment *s)
{
	free(s->path);
	s->path = NULL;
}

static bool is_same(const struct bc_find_segment *s, const struct bc_find_segment *t)
{
	return s->dev == t->dev && s->ino == t->ino && (!s->object || !strcmp(s->path, t->path));
}

static void drop_same(struct bc_find_list *l)
{
	uint32_t kept = 0;

	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_file);
	for (uint32_t i = 0; i < l->n; i++) {
		if (kept && is_same(&l->at[kept - 1], &l->at[i]))
			drop(&l->at[i]);
		else
			l->at[kept++] = l->at[i];
	}
	l->n = kept;
}

/* Whose end has the object's index. */
static const char *index_of(struct bc_find_list *l, const struct bc_find_segment *s)
{
	const char *beside = bc_depot_beside(l->depot, s->path);

	return beside ? beside : s->path;
}

/* The ends of objects are fetched ahead. */
static const char **expect(struct bc_find_list *l)
{
	const char **names = l->depot ? malloc((l->n + 1) * sizeof(*names)) : NULL;
	uint32_t n = 0;

	for (uint32_t i = 0; names && i < l->n; i++)
		if (l->at[i].object)
			names[n++] = index_of(l, &l->at[i]);
	if (names)
		bc_depot_expect(l->depot, names, n);
	return names;
}

int bc_find_list_look(struct bc_find_list *l, _Atomic uint32_t *looked, const _Atomic bool *stop)
{
	const char **names;
	uint32_t kept = 0;
	bool stopped = false;

	drop_same(l);
	names = expect(l);
	for (uint32_t i = 0; i < l->n; i++) {
		stopped = stopped || atomic_load_explicit(stop, memory_order_relaxed);
		if (!stopped && glance(l, &l->at[i]))
			l->at[kept++] = l->at[i];
		else
			drop(&l->at[i]);
		atomic_store_explicit(looked, i + 1, memory_order_relaxed);
	}
	l->n = kept;
	if (names)
		bc_depot_expect(l->depot, NULL, 0);
	free(names);
	if (l->n)
		qsort(l->at, l->n, sizeof(*l->at), by_first);
	return stopped ? -ECANCELED : 0;
}

void bc_find_list_free(struct bc_find_list *l)
{
	for (uint32_t i = 0; i < l->n; i++)
		drop(&l->at[i]);
	free(l->at);
	l->at = NULL;
	l->n = l->cap = 0;
}
