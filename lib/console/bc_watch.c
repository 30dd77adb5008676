/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_ctl_client.h"
#include "bc_field.h"
#include "bc_time.h"

#define EVERY_NS (900 * BC_NS_PER_MS)
/* A capture that does not answer holds its asker up; others make do with what was before, if it is not older. */
#define STALE_NS (15 * BC_NS_PER_S)

struct bc_watch {
	const char *const *prefix;
	uint32_t n;
	pthread_mutex_t lock;
	pthread_cond_t done;
	bool asking;			/* this and what follows under the lock */
	json_t *last;
	uint64_t last_mono_ns;
};

struct bc_watch *bc_watch_new(const char *const *prefix, uint32_t n)
{
	struct bc_watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->prefix = prefix;
	w->n = n;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->done, NULL);
	return w;
}

void bc_watch_free(struct bc_watch *w)
{
	if (!w)
		return;
	json_decref(w->last);
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

static void put_list(json_t *capture, int fd, const char *name, const char *command, uint64_t n)
{
	json_t *list;

	if (!bc_ctl_ask_list(fd, command, n, &list, NULL))
		json_object_set_new(capture, name, list);
}

/* A capture that ends meanwhile lacks the rest. */
static json_t *ask_one(const char *prefix)
{
	json_t *capture = json_pack("{s:s}", "prefix", prefix), *info, *clock;
	int fd = bc_ctl_connect(prefix, NULL);

	if (fd < 0)
		return capture;
	if (!bc_ctl_ask(fd, "/braidcap/info", NULL, &info, NULL)) {
		json_object_set_new(capture, "info", info);
		put_list(capture, fd, "sources", "/braidcap/sources", bc_field_u64(info, "sources"));
		put_list(capture, fd, "outputs", "/braidcap/outputs", bc_field_u64(info, "outputs"));
		put_list(capture, fd, "lcores", "/braidcap/lcores", bc_field_u64(info, "lcores"));
		if (!bc_ctl_ask(fd, "/braidcap/clock", NULL, &clock, NULL))
			json_object_set_new(capture, "clock", clock);
	}
	close(fd);
	return capture;
}

static json_t *ask_all(const struct bc_watch *w)
{
	struct bc_ctl_capture found[BC_CTL_MAX_CAPTURES];
	json_t *all = json_array();
	uint32_t n = w->n ? 0 : bc_ctl_find("", found);

	for (uint32_t i = 0; i < w->n; i++)
		json_array_append_new(all, ask_one(w->prefix[i]));
	for (uint32_t i = 0; i < n; i++) {
		json_array_append_new(all, ask_one(found[i].prefix));
		json_decref(found[i].info);
	}
	return all;
}

/* Is what we have good enough? Under the lock. */
static bool is_fresh(const struct bc_watch *w)
{
	uint64_t age_ns = bc_mono_ns() - w->last_mono_ns;

	return w->last && age_ns < (w->asking ? STALE_NS : EVERY_NS);
}

json_t *bc_watch_get(struct bc_watch *w)
{
	json_t *now, *ret;

	pthread_mutex_lock(&w->lock);
	while (!is_fresh(w) && w->asking)
		pthread_cond_wait(&w->done, &w->lock);
	if (!is_fresh(w)) {
		w->asking = true;
		pthread_mutex_unlock(&w->lock);
		now = ask_all(w);
		pthread_mutex_lock(&w->lock);
		json_decref(w->last);
		w->last = now;
		w->last_mono_ns = bc_mono_ns();
		w->asking = false;
		pthread_cond_broadcast(&w->done);
	}
	ret = json_incref(w->last);
	pthread_mutex_unlock(&w->lock);
	return ret;
}
