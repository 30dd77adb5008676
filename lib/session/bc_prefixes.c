/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_prefixes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_depot.h"
#include "bc_object_place.h"
#include "bc_objects.h"
#include "bc_source_kind.h"

/* The series below a prefix. */
struct found {
	const char *prefix;
	char **name;
	uint32_t n;
};

static bool is_prefix(const struct bc_source_config *s)
{
	const size_t len = s->kind->target == BC_TARGET_PATH ? strlen(s->target) : 0;

	return len && s->target[len - 1] == '/' && bc_depot_is_name(s->target);
}

static int take(void *ctx, const struct bc_depot_entry *e)
{
	struct found *f = ctx;
	size_t len = bc_objects_series(e->name);
	char **grown;

	/* The prefix may be within the hours. */
	if (len < strlen(f->prefix))
		len = strlen(f->prefix);
	for (uint32_t i = f->n; i--;)
		if (strlen(f->name[i]) == len && !memcmp(f->name[i], e->name, len))
			return 0;
	if (f->n == BC_MAX_SOURCES)
		return -E2BIG;
	grown = realloc(f->name, (f->n + 1) * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	f->name = grown;
	f->name[f->n] = strndup(e->name, len);
	return f->name[f->n] ? (f->n++, 0) : -ENOMEM;
}

static int look(const struct bc_object_settings *store, struct found *f, struct bc_err *err)
{
	const struct bc_depot_config cfg = { .store = store, .no_cache = true };
	struct bc_depot *d;
	int r = bc_depot_new(&cfg, &d, err);

	if (r)
		return r;
	r = bc_depot_list(d, f->prefix, 0, UINT64_MAX, take, f, err);
	bc_depot_free(d);
	if (r == -ENOMEM)
		return bc_err_set(err, r, "%s: no memory for a list", f->prefix);
	return r == -E2BIG ? bc_err_set(err, r, "%s: more than %d series of segments: name a longer prefix", f->prefix, BC_MAX_SOURCES) : r;
}

/* One more source of the settings of another. */
static int add(struct bc_config *c, const struct bc_source_config *like, const char *target)
{
	struct bc_source_config *grown = realloc(c->sources, (c->n_sources + 1) * sizeof(*grown)), *s;

	if (!grown)
		return -ENOMEM;
	c->sources = grown;
	s = &grown[c->n_sources];
	*s = *like;
	s->stamp = NULL;
	s->spec = strdup(target);
	s->target = strdup(target);
	c->n_sources++;
	return s->spec && s->target ? 0 : -ENOMEM;
}

/* The source's place is taken by the first series, the others are added. */
static int expand(struct bc_config *c, uint32_t i, const struct bc_object_settings *store, struct bc_err *err)
{
	struct found f = { .prefix = c->sources[i].target };
	int r = look(store, &f, err);

	if (!r && f.n + c->n_sources - 1 > BC_MAX_SOURCES)
		r = bc_err_set(err, -E2BIG, "%s: with its %u series there are more than %d sources", f.prefix, f.n, BC_MAX_SOURCES);
	for (uint32_t k = 1; !r && k < f.n; k++) {
		const struct bc_source_config like = c->sources[i];

		r = add(c, &like, f.name[k]);
		if (r)
			bc_err_set(err, r, "%s: no memory", f.prefix);
	}
	if (!r && f.n) {
		char *spec = strdup(f.name[0]);

		r = spec ? 0 : bc_err_set(err, -ENOMEM, "%s: no memory", f.prefix);
		if (spec) {
			free(c->sources[i].target);
			free(c->sources[i].spec);
			c->sources[i].spec = spec;
			c->sources[i].target = f.name[0];
			f.name[0] = NULL;
		}
	}
	for (uint32_t k = 0; k < f.n; k++)
		free(f.name[k]);
	free(f.name);
	return r;
}

int bc_prefixes_expand(struct bc_config *c, struct bc_err *err)
{
	const uint32_t n = c->n_sources;
	struct bc_object_settings store;
	int r = 0;

	bc_config_store(c, &store);
	for (uint32_t i = 0; !r && i < n; i++)
		if (is_prefix(&c->sources[i]))
			r = expand(c, i, &store, err);
	return r;
}
