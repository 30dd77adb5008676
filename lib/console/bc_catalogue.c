/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_catalogue.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bc_depot.h"
#include "bc_find_list.h"
#include "bc_index.h"
#include "bc_index_beside.h"
#include "bc_thread.h"
#include "bc_time.h"

/* So long after a look comes the next, or ten times as long as it took: at most a tenth of a CPU. */
#define REST_NS (5 * BC_NS_PER_S)
#define REST_TIMES 10
/* Nobody has asked for so long: no more looks until somebody does. */
#define FORGOTTEN_NS (60 * BC_NS_PER_S)

struct bc_catalogue {
	char *const *paths;
	uint32_t n_paths;
	const struct bc_log *log;
	struct bc_depot_config depot_cfg;
	struct bc_depot *depot;
	bool down;			/* the thread's: a store could not be listed the last time */
	pthread_t thread;
	_Atomic bool stop;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t asked_mono_ns;		/* this and what follows under the lock */
	struct bc_catalogue_state *now;
};

static void state_free(struct bc_catalogue_state *s)
{
	for (uint32_t i = 0; i < s->n; i++)
		free(s->segment[i].path);
	free(s->segment);
	free(s);
}

static int by_path(const void *a, const void *b)
{
	const struct bc_catalogue_segment *x = *(const struct bc_catalogue_segment *const *)a;
	const struct bc_catalogue_segment *y = *(const struct bc_catalogue_segment *const *)b;

	return strcmp(x->path, y->path);
}

/* What the end of the file says of its packets. */
static void read_footer(struct bc_depot *depot, struct bc_catalogue_segment *s)
{
	struct bc_index_footer f;
	struct bc_blob *b;
	uint8_t tail[BC_INDEX_TAIL];
	size_t len;

	if (bc_depot_open(depot, s->path, &b, NULL))
		return;
	bc_index_beside_wrap(depot, s->path, &b, NULL);
	len = b->bytes < BC_INDEX_TAIL ? b->bytes : BC_INDEX_TAIL;
	if (bc_blob_read(b, tail, len, b->bytes - len, NULL) == (ptrdiff_t)len && !bc_index_footer_find(tail, len, b->bytes, &f, NULL)) {
		s->indexed = true;
		s->min_ns = f.min_ns;
		s->max_ns = f.max_ns;
		s->packets = f.packets;
		s->plain_bytes = f.plain_bytes;
	}
	bc_blob_close(b);
}

/* The segments of before, by their paths; NULL without one. */
static struct bc_catalogue_segment **sorted(const struct bc_catalogue_state *before)
{
	struct bc_catalogue_segment **at = before && before->n ? malloc(before->n * sizeof(*at)) : NULL;

	for (uint32_t i = 0; at && i < before->n; i++)
		at[i] = &before->segment[i];
	if (at)
		qsort(at, before->n, sizeof(*at), by_path);
	return at;
}

/* What is known of a file that has not changed need not be read again; but it may have got an index beside it. */
static void describe(struct bc_depot *depot, struct bc_catalogue_segment *s, const struct bc_catalogue_state *before,
		     struct bc_catalogue_segment **at)
{
	struct bc_catalogue_segment **same = at ? bsearch(&s, at, before->n, sizeof(*at), by_path) : NULL;

	if (same && (*same)->indexed && (*same)->ino == s->ino && (*same)->bytes == s->bytes && (*same)->first_ns == s->first_ns) {
		s->indexed = (*same)->indexed;
		s->min_ns = (*same)->min_ns;
		s->max_ns = (*same)->max_ns;
		s->packets = (*same)->packets;
		s->plain_bytes = (*same)->plain_bytes;
	} else {
		read_footer(depot, s);
	}
}

/* Takes the list's paths. NULL without memory. */
static struct bc_catalogue_state *state_of(struct bc_find_list *list, const struct bc_catalogue_state *before)
{
	struct bc_catalogue_state *s = calloc(1, sizeof(*s));
	struct bc_catalogue_segment **at;

	if (s)
		s->segment = calloc(list->n + 1, sizeof(*s->segment));
	if (!s || !s->segment) {
		free(s);
		return NULL;
	}
	at = sorted(before);
	bc_find_extent_of(list, &s->extent);
	s->looked_ns = bc_utc_ns();
	for (uint32_t i = 0; i < list->n; i++) {
		struct bc_find_segment *l = &list->at[i];

		s->segment[i] = (struct bc_catalogue_segment){
			.path = l->path, .bytes = l->bytes, .first_ns = l->first_ns, .ino = l->ino,
		};
		l->path = NULL;
		describe(list->depot, &s->segment[i], before, at);
	}
	s->n = list->n;
	free(at);
	return s;
}

/* All paths that can be. False: a store cannot, and what is on it is not gone. */
static bool list_all(struct bc_catalogue *c, struct bc_find_list *list)
{
	bool down = false;
	struct bc_err err;

	for (uint32_t i = 0; i < c->n_paths && !c->stop; i++) {
		const int r = bc_find_list_add(list, c->paths[i], &err);
		const bool lost = r && r != -ENOENT && bc_depot_is_name(c->paths[i]);

		if (!r)
			continue;
		bc_log(c->log, lost && !c->down ? BC_WARN : BC_DEBUG, "%s%s", err.msg, lost ? ": its segments stay listed" : "");
		list->bad++;
		down |= lost;
	}
	c->down = down;
	return !down;
}

static void look(struct bc_catalogue *c)
{
	struct bc_find_list list = { .depot = c->depot, .to_ns = UINT64_MAX };
	struct bc_catalogue_state *s = NULL, *before;
	_Atomic uint32_t looked = 0;
	bool all = list_all(c, &list);

	/* Only this thread changes now. */
	if ((all || !c->now) && !bc_find_list_look(&list, &looked, &c->stop))
		s = state_of(&list, c->now);
	bc_find_list_free(&list);
	if (!s)
		return;
	s->references = 1;
	pthread_mutex_lock(&c->lock);
	before = c->now;
	c->now = s;
	pthread_mutex_unlock(&c->lock);
	bc_catalogue_put(c, before);
}

/* Until somebody has asked, and it is long enough since the last look, which took took_ns. False: it is to stop. */
static bool rest(struct bc_catalogue *c, uint64_t ended_mono_ns, uint64_t took_ns)
{
	uint64_t rest_ns = took_ns * REST_TIMES > REST_NS ? took_ns * REST_TIMES : REST_NS;

	pthread_mutex_lock(&c->lock);
	while (!c->stop) {
		uint64_t now_ns = bc_mono_ns(), due_ns = ended_mono_ns ? ended_mono_ns + rest_ns : 0;
		const struct timespec until = { .tv_sec = (time_t)(due_ns / BC_NS_PER_S), .tv_nsec = (long)(due_ns % BC_NS_PER_S) };

		if (!c->asked_mono_ns || now_ns - c->asked_mono_ns > FORGOTTEN_NS)
			pthread_cond_wait(&c->wake, &c->lock);
		else if (now_ns < due_ns)
			pthread_cond_timedwait(&c->wake, &c->lock, &until);
		else
			break;
	}
	pthread_mutex_unlock(&c->lock);
	return !c->stop;
}

static void *run(void *arg)
{
	struct bc_catalogue *c = arg;
	uint64_t began_ns, ended_ns = 0, took_ns = 0;

	setpriority(PRIO_PROCESS, 0, 19);
	while (rest(c, ended_ns, took_ns)) {
		began_ns = bc_mono_ns();
		look(c);
		ended_ns = bc_mono_ns();
		took_ns = ended_ns - began_ns;
	}
	return NULL;
}

/* It may come later. */
static void tell_missing(const struct bc_catalogue *c)
{
	for (uint32_t i = 0; i < c->n_paths; i++)
		if (!bc_depot_is_name(c->paths[i]) && access(c->paths[i], R_OK) < 0)
			bc_log(c->log, BC_WARN, "%s: %s: nothing of it is shown until it can be read", c->paths[i], strerror(errno));
}

int bc_catalogue_start(char *const *paths, uint32_t n_paths, const struct bc_object_settings *store, const struct bc_log *log,
		       struct bc_catalogue **ret, struct bc_err *err)
{
	struct bc_catalogue *c = calloc(1, sizeof(*c));
	pthread_condattr_t attr;
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory");
	c->paths = paths;
	c->n_paths = n_paths;
	c->log = log;
	pthread_mutex_init(&c->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&c->wake, &attr);
	pthread_condattr_destroy(&attr);
	c->depot_cfg = (struct bc_depot_config){ .store = store, .hours = true, .log = log };
	r = bc_depot_new(&c->depot_cfg, &c->depot, err);
	if (r) {
		free(c);
		return r;
	}
	tell_missing(c);
	r = bc_thread_start(&c->thread, "bc-catalogue", run, c);
	if (r) {
		bc_depot_free(c->depot);
		free(c);
		return bc_err_set(err, r, "cannot start a thread (%s)", strerror(-r));
	}
	*ret = c;
	return 0;
}

void bc_catalogue_stop(struct bc_catalogue *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&c->lock);
	c->stop = true;
	pthread_cond_broadcast(&c->wake);
	pthread_mutex_unlock(&c->lock);
	bc_depot_stop(c->depot);
	pthread_join(c->thread, NULL);
	bc_depot_free(c->depot);
	if (c->now)
		state_free(c->now);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

const struct bc_catalogue_state *bc_catalogue_get(struct bc_catalogue *c)
{
	struct bc_catalogue_state *s;

	pthread_mutex_lock(&c->lock);
	c->asked_mono_ns = bc_mono_ns();
	pthread_cond_broadcast(&c->wake);
	s = c->now;
	if (s)
		s->references++;
	pthread_mutex_unlock(&c->lock);
	return s;
}

void bc_catalogue_put(struct bc_catalogue *c, const struct bc_catalogue_state *s)
{
	struct bc_catalogue_state *mine = (struct bc_catalogue_state *)s;
	bool last;

	if (!s)
		return;
	pthread_mutex_lock(&c->lock);
	last = --mine->references == 0;
	pthread_mutex_unlock(&c->lock);
	if (last)
		state_free(mine);
}
