/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_objects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_depot.h"
#include "bc_object_name.h"
#include "bc_plural.h"

#define AHEAD (1024U * 1024)	/* of the next one, while this one is read */

struct bc_objects {
	struct bc_depot *depot;
	struct bc_depot_config cfg;
	const char *prefix;	/* only while it is listed */
	char **name;
	uint32_t n, cap, next, left_out;
	struct bc_blob *ahead;	/* of name[next]; NULL: it could not be opened ahead */
};

size_t bc_objects_series(const char *name)
{
	const char *slash = strrchr(name, '/');
	size_t len = slash ? (size_t)(slash - name) + 1 : 0;

	return len > BC_OBJECT_HOUR_LEN && name[len - BC_OBJECT_HOUR_LEN - 1] == '/' && bc_object_is_hour(name + len - BC_OBJECT_HOUR_LEN) ? len - BC_OBJECT_HOUR_LEN : len;
}

static int take(void *ctx, const struct bc_depot_entry *e)
{
	struct bc_objects *o = ctx;

	if (bc_objects_series(e->name) > strlen(o->prefix) || !e->bytes)
		return 0;
	if (!strstr(strrchr(e->name, '/'), ".pcapng")) {
		o->left_out++;
		return 0;
	}
	if (o->n == o->cap) {
		const uint32_t cap = o->cap ? 2 * o->cap : 64;
		char **grown = realloc(o->name, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		o->name = grown;
		o->cap = cap;
	}
	o->name[o->n] = strdup(e->name);
	return o->name[o->n] ? (o->n++, 0) : -ENOMEM;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int list(struct bc_objects *o, struct bc_err *err)
{
	int r = bc_depot_list(o->depot, o->prefix, 0, UINT64_MAX, take, o, err);

	if (r == -ENOMEM)
		bc_err_set(err, r, "%s: no memory for a list", o->prefix);
	if (!r && !o->n)
		r = bc_err_set(err, -ENOENT, "%s: no segment of pcapng is there", o->prefix);
	if (r)
		return r;
	if (o->left_out)
		bc_log(o->cfg.log, BC_WARN, "%s: %u %s not named as pcapng: left out", o->prefix, o->left_out,
		       bc_plural(o->left_out, "object is", "objects are"));
	qsort(o->name, o->n, sizeof(*o->name), by_name);
	return 0;
}

int bc_objects_open(const char *prefix, const struct bc_object_settings *store, const struct bc_log *log, struct bc_objects **ret,
		    struct bc_err *err)
{
	struct bc_objects *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return bc_err_set(err, -ENOMEM, "%s: no memory", prefix);
	o->cfg = (struct bc_depot_config){ .store = store, .no_cache = true, .log = log };
	o->prefix = prefix;
	r = bc_depot_new(&o->cfg, &o->depot, err);
	if (!r)
		r = list(o, err);
	if (r) {
		bc_objects_close(o);
		return r;
	}
	*ret = o;
	return 0;
}

void bc_objects_close(struct bc_objects *o)
{
	if (!o)
		return;
	bc_blob_close(o->ahead);
	bc_depot_free(o->depot);
	for (uint32_t i = 0; i < o->n; i++)
		free(o->name[i]);
	free(o->name);
	free(o);
}

static int open_next(struct bc_objects *o, struct bc_blob **ret, struct bc_err *err)
{
	int r = bc_depot_open(o->depot, o->name[o->next], ret, err);

	if (!r)
		(*ret)->hurried = true;
	return r;
}

int bc_objects_next(struct bc_objects *o, struct bc_blob **ret, const char **ret_name, struct bc_err *err)
{
	struct bc_blob *blob = o->ahead;
	int r = 0;

	o->ahead = NULL;
	if (o->next == o->n)
		return 0;
	if (!blob)
		r = open_next(o, &blob, err);
	*ret_name = o->name[o->next++];
	if (o->next < o->n && !open_next(o, &o->ahead, NULL))
		bc_blob_want(o->ahead, &(struct bc_blob_range){ .len = AHEAD }, 1);
	if (r)
		return r;
	*ret = blob;
	return 1;
}
