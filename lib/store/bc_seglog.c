/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_seglog.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bc_seglog {
	pthread_mutex_t lock;
	uint64_t count;
	uint64_t failed;
	uint32_t cap;
	struct bc_seglog_entry *entry;	/* a ring of cap once count exceeds it */
};

struct bc_seglog *bc_seglog_new(void)
{
	struct bc_seglog *l = calloc(1, sizeof(*l));

	if (l)
		pthread_mutex_init(&l->lock, NULL);
	return l;
}

void bc_seglog_free(struct bc_seglog *l)
{
	if (!l)
		return;
	for (uint32_t i = 0; i < l->cap; i++)
		free(l->entry[i].path);
	free(l->entry);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* The slot for the next entry: the oldest's once the log is full, or when memory is short. */
static struct bc_seglog_entry *slot(struct bc_seglog *l)
{
	if (l->count == l->cap && l->cap < BC_SEGLOG_MAX) {
		uint32_t cap = l->cap ? l->cap * 2 : 64;
		struct bc_seglog_entry *e = realloc(l->entry, cap * sizeof(*e));

		if (e) {
			memset(e + l->cap, 0, (cap - l->cap) * sizeof(*e));
			l->entry = e;
			l->cap = cap;
		}
	}
	return l->cap ? &l->entry[l->count % l->cap] : NULL;
}

void bc_seglog_add(struct bc_seglog *l, const char *path, uint64_t file_bytes, const struct bc_segment_info *info, int err)
{
	struct bc_seglog_entry *e;

	pthread_mutex_lock(&l->lock);
	e = slot(l);
	if (e) {
		free(e->path);
		*e = (struct bc_seglog_entry){ strdup(path), file_bytes, *info, err };
		l->count++;
	}
	l->failed += err != 0;
	pthread_mutex_unlock(&l->lock);
}

uint64_t bc_seglog_count(struct bc_seglog *l)
{
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	n = l->count;
	pthread_mutex_unlock(&l->lock);
	return n;
}

uint64_t bc_seglog_failed(struct bc_seglog *l)
{
	uint64_t n;

	pthread_mutex_lock(&l->lock);
	n = l->failed;
	pthread_mutex_unlock(&l->lock);
	return n;
}

void bc_seglog_visit(struct bc_seglog *l, uint32_t max, void (*visit)(void *ctx, const struct bc_seglog_entry *e), void *ctx)
{
	uint64_t first;

	pthread_mutex_lock(&l->lock);
	first = l->count > l->cap ? l->count - l->cap : 0;
	if (l->count - first > max)
		first = l->count - max;
	for (; first < l->count; first++)
		visit(ctx, &l->entry[first % l->cap]);
	pthread_mutex_unlock(&l->lock);
}
