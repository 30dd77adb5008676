/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_ctl_client.h"
#include "bc_field.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_view_value.h"

#define EVERY_NS (900 * BC_NS_PER_MS)
#define PATIENCE_NS BC_NS_PER_S
#define KILLED_AFTER 2U
#define STALE_NS (5 * BC_NS_PER_S)

/* All under the watch's lock but for prefix, which stays. */
struct watched {
	char prefix[BC_CTL_PREFIX_MAX];
	bool named;		/* by the user */
	bool answered;		/* since it began */
	bool gone;		/* nobody is there */
	unsigned refused;	/* so often, one after the other, there was only its socket */
	bool known;		/* it has ever answered */
	bool asking;		/* a thread is at it */
	uint64_t asked_mono_ns, told_mono_ns;
	json_t *told;		/* what it said; NULL: nothing */
};

struct bc_ctl_watch {
	const char *const *prefix;
	uint32_t n_prefixes;
	bool killed;		/* are told of */
	pthread_mutex_t lock;
	pthread_cond_t done;
	/* Under the lock. */
	struct watched *capture[BC_CTL_MAX_CAPTURES];
	uint32_t n;
	uint32_t users;		/* threads that ask, and those in bc_ctl_watch_get() */
	uint64_t round_mono_ns;
	bool over;		/* the last user frees it */
};

/* What a thread is told. */
struct errand {
	struct bc_ctl_watch *watch;
	struct watched *capture;
};

struct bc_ctl_watch *bc_ctl_watch_new(const char *const *prefix, uint32_t n, bool killed)
{
	struct bc_ctl_watch *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w)
		return NULL;
	w->prefix = prefix;
	w->n_prefixes = n;
	w->killed = killed;
	pthread_mutex_init(&w->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->done, &attr);
	pthread_condattr_destroy(&attr);
	return w;
}

static void forget(struct watched *c)
{
	json_decref(c->told);
	free(c);
}

static void destroy(struct bc_ctl_watch *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		forget(w->capture[i]);
	pthread_cond_destroy(&w->done);
	pthread_mutex_destroy(&w->lock);
	free(w);
}

/* The lock is given back. */
static void unlock(struct bc_ctl_watch *w)
{
	const bool last = w->over && !w->users;

	pthread_mutex_unlock(&w->lock);
	if (last)
		destroy(w);
}

void bc_ctl_watch_free(struct bc_ctl_watch *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->lock);
	w->over = true;
	unlock(w);
}

static void put_list(json_t *capture, int fd, const char *name, const char *command)
{
	const json_t *info = json_object_get(capture, "info");
	uint64_t n = bc_field_u64(info, name);
	json_t *list;

	/* Only a collector has clients. */
	if (!json_object_get(info, name))
		return;
	if (!bc_ctl_ask_list(fd, command, n, &list, NULL))
		json_object_set_new(capture, name, list);
}

/* 0 and *ret, or a negative errno. One that ends meanwhile lacks the rest. */
static int ask(const char *prefix, json_t **ret)
{
	json_t *info, *clock, *capture;
	int fd = bc_ctl_connect(prefix, NULL), r;

	if (fd < 0)
		return fd;
	r = bc_ctl_ask(fd, "/braidcap/info", NULL, &info, NULL);
	if (!r) {
		capture = json_pack("{s:o}", "prefix", bc_view_string(prefix));
		json_object_set_new(capture, "info", info);
		put_list(capture, fd, "sources", "/braidcap/sources");
		put_list(capture, fd, "outputs", "/braidcap/outputs");
		put_list(capture, fd, "lcores", "/braidcap/lcores");
		put_list(capture, fd, "clients", "/braidcap/clients");
		if (!bc_ctl_ask(fd, "/braidcap/clock", NULL, &clock, NULL))
			json_object_set_new(capture, "clock", clock);
		if (capture)
			*ret = capture;
		else
			r = -ENOMEM;
	}
	close(fd);
	return r;
}

/* Under the lock. */
static void note(struct watched *c, int r, json_t *told)
{
	c->asking = false;
	c->gone = r == -ECONNREFUSED || r == -ENOENT;
	c->refused = r == -ECONNREFUSED ? c->refused + 1 : 0;
	c->known = (c->known || !r) && r != -ENOENT;
	if (!r) {
		json_decref(c->told);
		c->told = told;
		c->told_mono_ns = bc_mono_ns();
		c->answered = true;
	} else if (c->gone) {
		json_decref(c->told);
		c->told = NULL;
		c->answered = false;
	}
}

static void *run(void *arg)
{
	struct errand *e = arg;
	struct bc_ctl_watch *w = e->watch;
	json_t *told = NULL;
	int r = ask(e->capture->prefix, &told);

	pthread_mutex_lock(&w->lock);
	note(e->capture, r, told);
	w->users--;
	pthread_cond_broadcast(&w->done);
	unlock(w);
	free(e);
	return NULL;
}

/* Without a thread it is asked in the next round. Under the lock. */
static void begin(struct bc_ctl_watch *w, struct watched *c)
{
	struct errand *e = malloc(sizeof(*e));
	pthread_t thread;

	if (!e)
		return;
	*e = (struct errand){ w, c };
	c->asking = true;
	c->asked_mono_ns = w->round_mono_ns;
	w->users++;
	if (!bc_thread_start(&thread, "bc-watch", run, e)) {
		pthread_detach(thread);
		return;
	}
	c->asking = false;
	w->users--;
	free(e);
}

/* Where the prefix stands or would stand, in their order. Under the lock. */
static uint32_t place_of(const struct bc_ctl_watch *w, const char *prefix)
{
	uint32_t i = 0;

	while (i < w->n && strcmp(w->capture[i]->prefix, prefix) < 0)
		i++;
	return i;
}

static void add(struct bc_ctl_watch *w, const char *prefix, bool named)
{
	uint32_t i = place_of(w, prefix);
	struct watched *c;

	if ((i < w->n && !strcmp(w->capture[i]->prefix, prefix)) || w->n == BC_CTL_MAX_CAPTURES || strlen(prefix) >= BC_CTL_PREFIX_MAX)
		return;
	c = calloc(1, sizeof(*c));
	if (!c)
		return;
	strcpy(c->prefix, prefix);
	c->named = named;
	memmove(&w->capture[i + 1], &w->capture[i], (w->n - i) * sizeof(w->capture[0]));
	w->capture[i] = c;
	w->n++;
}

static void add_found(void *ctx, const char *prefix)
{
	add(ctx, prefix, false);
}

/* One that ends by itself removes its socket soon after it stops to listen. Under the lock. */
static bool was_killed(const struct bc_ctl_watch *w, const struct watched *c)
{
	return w->killed && (c->known || c->named) && c->refused >= KILLED_AFTER;
}

/* Those of no use: not named, and no capture that we know. Under the lock. */
static void leave_out(struct bc_ctl_watch *w)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->n; i++)
		if (w->capture[i]->named || w->capture[i]->answered || w->capture[i]->asking ||
		    (w->killed && w->capture[i]->known))
			w->capture[n++] = w->capture[i];
		else
			forget(w->capture[i]);
	w->n = n;
}

static void begin_round(struct bc_ctl_watch *w)
{
	w->round_mono_ns = bc_mono_ns();
	leave_out(w);
	for (uint32_t i = 0; i < w->n_prefixes; i++)
		add(w, w->prefix[i], true);
	if (!w->n_prefixes)
		bc_ctl_each_prefix(add_found, w);
	for (uint32_t i = 0; i < w->n; i++)
		if (!w->capture[i]->asking)
			begin(w, w->capture[i]);
}

/* Who was late before is not waited for again. Under the lock. */
static bool is_waiting(const struct bc_ctl_watch *w)
{
	for (uint32_t i = 0; i < w->n; i++)
		if (w->capture[i]->asking && w->capture[i]->asked_mono_ns == w->round_mono_ns)
			return true;
	return false;
}

static void wait_for_answers(struct bc_ctl_watch *w)
{
	uint64_t until_ns = w->round_mono_ns + PATIENCE_NS;
	const struct timespec until = { .tv_sec = (time_t)(until_ns / BC_NS_PER_S), .tv_nsec = (long)(until_ns % BC_NS_PER_S) };

	while (is_waiting(w) && pthread_cond_timedwait(&w->done, &w->lock, &until) != ETIMEDOUT)
		;
}

/* Under the lock. */
static json_t *all(const struct bc_ctl_watch *w)
{
	uint64_t now_ns = bc_mono_ns();
	json_t *list = json_array();

	for (uint32_t i = 0; i < w->n; i++) {
		const struct watched *c = w->capture[i];

		if (c->told && now_ns - c->told_mono_ns < STALE_NS)
			json_array_append(list, c->told);
		else if (was_killed(w, c))
			json_array_append_new(list, json_pack("{s:o, s:b}", "prefix", bc_view_string(c->prefix), "killed", true));
		else if (c->answered || (c->named && !c->gone))
			json_array_append_new(list, json_pack("{s:o, s:n}", "prefix", bc_view_string(c->prefix), "info"));
		else if (c->named)
			json_array_append_new(list, json_pack("{s:o}", "prefix", bc_view_string(c->prefix)));
	}
	return list;
}

json_t *bc_ctl_watch_get(struct bc_ctl_watch *w)
{
	json_t *ret;

	pthread_mutex_lock(&w->lock);
	w->users++;
	if (bc_mono_ns() - w->round_mono_ns >= EVERY_NS)
		begin_round(w);
	wait_for_answers(w);
	ret = all(w);
	w->users--;
	unlock(w);
	return ret;
}
