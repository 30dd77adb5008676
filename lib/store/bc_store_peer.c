/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The store of one segment that goes to a remote peer: what it takes waits in the peer's queue, and passes later, or
 * never.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_peer.h"
#include "bc_store_ops.h"
#include "bc_time.h"

#define NAP_NS (1 * BC_NS_PER_MS)

struct peer_store {
	struct bc_store base;
	struct bc_peer *peer;
	uint64_t patience_ns;
	uint64_t drain_ns;
	uint64_t seen;		/* what had passed at the last look */
	uint64_t seen_ns;	/* when that was last more than before */
	bool last;		/* no more is captured: since then, at the least */
	bool used;
	bc_counter_t finished;
	bc_store_published published;
	void *ctx;
};

static int peer_begin(struct bc_store *s)
{
	struct peer_store *p = (struct peer_store *)s;

	if (p->used)
		return -EOPNOTSUPP;
	p->used = true;
	p->seen_ns = bc_mono_ns();
	return 0;
}

/* What was buffered while one that holds its queue was away has as long at the end as the queue itself. */
static uint64_t patience(const struct peer_store *p)
{
	return bc_peer_is_last(p->peer) && bc_peer_holds(p->peer) ? p->drain_ns : p->patience_ns;
}

/* A peer that has taken nothing for so long is not waited for until it takes something again. */
static bool makes_progress(struct peer_store *p)
{
	uint64_t passed = bc_peer_passed(p->peer), now_ns = bc_mono_ns();

	if (passed != p->seen || bc_peer_is_last(p->peer) != p->last) {
		p->seen = passed;
		p->seen_ns = now_ns;
		p->last = bc_peer_is_last(p->peer);
	}
	return now_ns - p->seen_ns < patience(p);
}

static ptrdiff_t peer_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	struct peer_store *p = (struct peer_store *)s;
	int r;

	while ((r = bc_peer_put(p->peer, data, len)) == -ENOBUFS && makes_progress(p)) {
		if (atomic_load(&s->cancelled))
			return -ECANCELED;
		nanosleep(&(struct timespec){ .tv_nsec = (long)NAP_NS }, NULL);
	}
	if (r == -ENOBUFS && bc_peer_holds(p->peer))
		return -EXFULL;
	return r ? r : (ptrdiff_t)len;
}

static int peer_cut(struct bc_store *s, uint64_t size)
{
	return -ESPIPE;
}

static void peer_sync(struct bc_store *s)
{
}

static uint64_t peer_known(struct bc_store *s)
{
	return bc_peer_known(((struct peer_store *)s)->peer);
}

static bool peer_lost(struct bc_store *s, uint64_t from, uint64_t to)
{
	return bc_peer_lost(((struct peer_store *)s)->peer, from, to);
}

static bool peer_kept(struct bc_store *s, uint64_t to)
{
	return bc_peer_kept(((struct peer_store *)s)->peer, to);
}

static void peer_drain(struct bc_store *s)
{
	struct peer_store *p = (struct peer_store *)s;

	bc_peer_end(p->peer, p->drain_ns);
	while (!bc_peer_done(p->peer) && !atomic_load(&s->cancelled))
		nanosleep(&(struct timespec){ .tv_nsec = (long)NAP_NS }, NULL);
}

static int peer_finish(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info)
{
	struct peer_store *p = (struct peer_store *)s;

	bc_counter_add(&p->finished, 1);
	if (p->published)
		p->published(p->ctx, "", size, info, tail_err);
	return 0;
}

static int peer_close(struct bc_store *s, bool now)
{
	free(s);
	return 0;
}

static void peer_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	ret->published = bc_counter_get(&((struct peer_store *)s)->finished);
}

static const struct bc_store_ops peer_ops = {
	.begin = peer_begin,
	.write = peer_write,
	.cut = peer_cut,
	.sync = peer_sync,
	.passed = peer_known,
	.lost = peer_lost,
	.kept = peer_kept,
	.drain = peer_drain,
	.finish = peer_finish,
	.close = peer_close,
	.stats = peer_stats,
};

int bc_store_peer_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err)
{
	struct peer_store *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	p->base.ops = &peer_ops;
	p->peer = cfg->peer;
	p->patience_ns = cfg->patience_ns;
	p->drain_ns = cfg->drain_ns;
	p->published = cfg->published;
	p->ctx = cfg->ctx;
	r = bc_peer_start(cfg->peer);
	if (r) {
		free(p);
		return bc_err_set(err, r, "cannot start the thread for a peer (%s)", strerror(-r));
	}
	*ret = &p->base;
	return 0;
}
