/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_depot_hour.h"

#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "bc_hour.h"

#define IN_FLIGHT 4U
#define MEMORY (2ULL * BC_HOUR_MOST)	/* of those in memory and on their way together */

enum state { UNREAD, ASKED, READ, USELESS };

/* A catalogue: all but the first two under the lock. */
struct hour {
	struct bc_known known;
	size_t folder_len;	/* of its key, with the slash */
	enum state state;
	struct bc_fetch *fetch;	/* ASKED */
	uint8_t *bytes;		/* READ, as is what it says */
	struct bc_hour *says;
	uint64_t used;
	struct hour *next;	/* of those that are ASKED or READ */
};

struct bc_depot_hours {
	struct bc_depot *depot;
	pthread_mutex_t lock;
	void *all;		/* tsearch(3) by folder */
	struct hour *held;
	unsigned in_flight;
	uint64_t bytes, uses;
};

struct bc_depot_hours *bc_depot_hours_new(struct bc_depot *d)
{
	struct bc_depot_hours *h = calloc(1, sizeof(*h));

	if (!h)
		return NULL;
	h->depot = d;
	pthread_mutex_init(&h->lock, NULL);
	return h;
}

static size_t folder_len(const char *key)
{
	const char *slash = strrchr(key, '/');

	return slash ? (size_t)(slash - key) + 1 : 0;
}

static int by_folder(const void *a, const void *b)
{
	const struct hour *s = a, *t = b;
	int r = strcmp(s->known.name.bucket, t->known.name.bucket);

	if (r)
		return r;
	if (s->folder_len != t->folder_len)
		return s->folder_len < t->folder_len ? -1 : 1;
	return memcmp(s->known.name.key, t->known.name.key, s->folder_len);
}

/* It holds no memory, and is on no way. */
static void let_go(struct bc_depot_hours *h, struct hour *u)
{
	struct hour **at = &h->held;

	while (*at != u)
		at = &(*at)->next;
	*at = u->next;
	h->bytes -= u->known.bytes;
	h->in_flight -= u->state == ASKED;
	bc_fetch_free(u->fetch);
	bc_hour_close(u->says);
	free(u->bytes);
	u->fetch = NULL;
	u->says = NULL;
	u->bytes = NULL;
	u->state = UNREAD;
}

void bc_depot_hours_free(struct bc_depot_hours *h)
{
	if (!h)
		return;
	while (h->held)
		let_go(h, h->held);
	tdestroy(h->all, free);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

/* A list tells of it again: it may have been replaced since. */
static void update(struct bc_depot_hours *h, struct hour *u, const struct bc_known *k)
{
	if (u->known.bytes == k->bytes && !strcmp(u->known.etag, k->etag))
		return;
	if (u->state == ASKED || u->state == READ)
		let_go(h, u);
	u->known = *k;
	u->state = UNREAD;
}

bool bc_depot_hours_learn(struct bc_depot_hours *h, const struct bc_known *k)
{
	const size_t folder = folder_len(k->name.key);
	struct hour *u, **at;

	if (strcmp(k->name.key + folder, BC_HOUR_NAME))
		return false;
	u = h && k->bytes && k->bytes <= BC_HOUR_MOST && *k->etag ? calloc(1, sizeof(*u)) : NULL;
	if (!u)
		return true;
	u->known = *k;
	u->folder_len = folder;
	pthread_mutex_lock(&h->lock);
	at = tsearch(u, &h->all, by_folder);
	if (!at || *at != u) {
		if (at)
			update(h, *at, k);
		free(u);
	}
	pthread_mutex_unlock(&h->lock);
	return true;
}

/* Under the lock, as all that follows up to the interface: the catalogue beside the object; NULL: there is none. */
static struct hour *beside(const struct bc_depot_hours *h, const struct bc_known *k)
{
	struct hour *wanted, **at;

	if (!h->all || !(wanted = malloc(sizeof(*wanted))))
		return NULL;
	wanted->known.name = k->name;
	wanted->folder_len = folder_len(k->name.key);
	at = tfind(wanted, &h->all, by_folder);
	free(wanted);
	return at ? *at : NULL;
}

/* Room for another: those that were used longest ago are forgotten. */
static void make_room(struct bc_depot_hours *h, uint64_t bytes)
{
	while (h->bytes + bytes > MEMORY) {
		struct hour *oldest = NULL;

		for (struct hour *u = h->held; u; u = u->next)
			if (u->state == READ && (!oldest || u->used < oldest->used))
				oldest = u;
		if (!oldest)
			return;
		let_go(h, oldest);
	}
}

/* What u->bytes say. */
static void read_it(struct bc_depot_hours *h, struct hour *u)
{
	if (bc_hour_open(u->bytes, u->known.bytes, &u->says, NULL)) {
		let_go(h, u);
		u->state = USELESS;
		return;
	}
	h->in_flight -= u->state == ASKED;
	u->state = READ;
	u->used = ++h->uses;
}

static void begin(struct bc_depot_hours *h, struct hour *u)
{
	const size_t len = (size_t)u->known.bytes;

	make_room(h, len);
	u->bytes = malloc(len);
	u->next = h->held;
	h->held = u;
	h->bytes += len;
	if (u->bytes && bc_depot_tail_get(h->depot, &u->known, u->bytes, len) == len) {
		read_it(h, u);
		return;
	}
	u->state = ASKED;
	h->in_flight++;
	u->fetch = u->bytes ? bc_fetch_start(bc_depot_fetcher(h->depot), &u->known.name, u->known.etag, 0, len, false) : NULL;
}

/* It was ASKED: wait for it. */
static void finish(struct bc_depot_hours *h, struct hour *u)
{
	struct bc_fetched got;

	if (!u->fetch || bc_fetch_wait(u->fetch, &got, NULL) || got.len != u->known.bytes || got.size != u->known.bytes) {
		let_go(h, u);
		u->state = USELESS;
		return;
	}
	memcpy(u->bytes, got.data, got.len);
	bc_depot_tail_put(h->depot, &u->known, u->bytes, got.len);
	bc_fetch_free(u->fetch);
	u->fetch = NULL;
	read_it(h, u);
}

/* The catalogue beside the object, and it is known what it says; NULL: there is none. */
static struct hour *settled(struct bc_depot_hours *h, const struct bc_known *k)
{
	struct hour *u = beside(h, k);

	if (u && u->state == UNREAD)
		begin(h, u);
	if (u && u->state == ASKED)
		finish(h, u);
	return u;
}

/* As the list says, too, and an end indeed. */
static const struct bc_hour_entry *entry_of(struct bc_depot_hours *h, struct hour *u, const struct bc_known *k)
{
	const struct bc_hour_entry *e = u->state == READ ? bc_hour_find(u->says, k->name.key + u->folder_len) : NULL;

	u->used = ++h->uses;
	return e && e->bytes == k->bytes && !strcmp(e->etag, k->etag) && bc_hour_has_index(e) ? e : NULL;
}

enum bc_depot_hour bc_depot_hours_ask(struct bc_depot_hours *h, const struct bc_known *k)
{
	enum bc_depot_hour r = BC_DEPOT_HOUR_NOT;
	struct hour *u;

	if (!h)
		return r;
	pthread_mutex_lock(&h->lock);
	u = beside(h, k);
	if (u && u->state == UNREAD)
		begin(h, u);
	if (u && u->state == ASKED && u->fetch && !bc_fetch_is_done(u->fetch))
		r = BC_DEPOT_HOUR_SOON;
	else if (u && entry_of(h, settled(h, k), k))
		r = BC_DEPOT_HOUR_HAS;
	pthread_mutex_unlock(&h->lock);
	return r;
}

bool bc_depot_hours_has_room(struct bc_depot_hours *h)
{
	bool room;

	if (!h)
		return false;
	pthread_mutex_lock(&h->lock);
	room = h->all && h->in_flight < IN_FLIGHT && h->bytes <= MEMORY / 2;
	pthread_mutex_unlock(&h->lock);
	return room;
}

void bc_depot_hours_wait(struct bc_depot_hours *h, const struct bc_known *k)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	settled(h, k);
	pthread_mutex_unlock(&h->lock);
}

uint8_t *bc_depot_hours_tail(struct bc_depot_hours *h, const struct bc_known *k, size_t *ret_len)
{
	const struct bc_hour_entry *e;
	uint8_t *tail = NULL;
	struct hour *u;

	if (!h)
		return NULL;
	pthread_mutex_lock(&h->lock);
	u = settled(h, k);
	e = u ? entry_of(h, u, k) : NULL;
	tail = e ? malloc(e->tail_len) : NULL;
	if (tail) {
		memcpy(tail, e->tail, e->tail_len);
		*ret_len = e->tail_len;
	}
	pthread_mutex_unlock(&h->lock);
	return tail;
}
