/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer as others use it: its thread does the rest. */
#include "bc_peer_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_thread.h"

static void wake(struct bc_peer *p)
{
	const uint64_t one = 1;

	/* A full counter wakes as well. */
	(void)!write(p->wake, &one, sizeof(one));
}

static int copy_string(const char *from, char **to)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int open_queue(struct bc_peer *p, struct bc_err *err)
{
	const struct bc_peer_queue_config qc = {
		.name = p->name,
		.memory = p->cfg.queue_bytes,
		.folder = p->spool,
		.folder_bytes = p->cfg.spool_bytes,
		.log = p->cfg.log,
	};

	/* What is kept for long is worth waiting for an answer. */
	p->expected = p->spool != NULL;
	return bc_peer_queue_init(&p->queue, &qc, err);
}

int bc_peer_new(const struct bc_peer_config *cfg, struct bc_peer **ret, struct bc_err *err)
{
	struct bc_peer *p = aligned_alloc(BC_CACHE_LINE, (sizeof(*p) + 63) / 64 * 64);
	int r = 0;

	if (!p)
		return bc_err_set(err, -ENOMEM, "%s: no memory for a peer", cfg->name);
	memset(p, 0, sizeof(*p));
	p->cfg = *cfg;
	bc_peer_fate_init(&p->fate);
	bc_peer_session_reset(&p->session);
	p->backoff_ns = BC_PEER_BACKOFF_MIN_NS;
	p->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (copy_string(cfg->name, &p->name) || copy_string(cfg->host, &p->host) || copy_string(cfg->source, &p->source) ||
	    copy_string(cfg->spool, &p->spool) || p->wake < 0)
		r = bc_err_set(err, -ENOMEM, "%s: no memory for a peer", cfg->name);
	if (!r)
		r = open_queue(p, err);
	if (!r && cfg->proto == BC_PEER_IPIP)
		r = bc_err_prefix(err, bc_ipip_open(cfg->host, cfg->source, &p->ipip, err), "%s", cfg->name);
	if (r) {
		bc_peer_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

int bc_peer_start(struct bc_peer *p)
{
	int r = bc_thread_start(&p->thread, "bc-peer", p->cfg.proto == BC_PEER_IPIP ? bc_peer_run_ipip : bc_peer_run_tcp,
				p);

	p->started = r == 0;
	return r;
}

void bc_peer_free(struct bc_peer *p)
{
	if (!p)
		return;
	atomic_store(&p->stop, true);
	if (p->started) {
		wake(p);
		pthread_join(p->thread, NULL);
	}
	bc_ipip_close(p->ipip);
	bc_peer_queue_fini(&p->queue);
	bc_peer_fate_fini(&p->fate);
	if (p->wake >= 0)
		close(p->wake);
	free(p->name);
	free(p->host);
	free(p->source);
	free(p->spool);
	free(p);
}

int bc_peer_put(struct bc_peer *p, const void *data, size_t len)
{
	int r = bc_spool_put(&p->queue.run, data, len);

	if (!r)
		wake(p);
	return r;
}

uint64_t bc_peer_passed(const struct bc_peer *p)
{
	return atomic_load(&p->queue.run.freed);
}

bool bc_peer_holds(const struct bc_peer *p)
{
	return p->spool || atomic_load(&p->acknowledges);
}

void bc_peer_last(struct bc_peer *p)
{
	atomic_store(&p->last, true);
}

bool bc_peer_is_last(const struct bc_peer *p)
{
	return atomic_load(&p->last);
}

uint64_t bc_peer_known(const struct bc_peer *p)
{
	return bc_peer_fate_known(&p->fate);
}

bool bc_peer_kept(const struct bc_peer *p, uint64_t to)
{
	return to > bc_spool_done(&p->queue.run) && to <= atomic_load(&p->queue.kept);
}

bool bc_peer_lost(struct bc_peer *p, uint64_t from, uint64_t to)
{
	return bc_peer_fate_lost(&p->fate, from, to);
}

void bc_peer_end(struct bc_peer *p, uint64_t timeout_ns)
{
	atomic_store(&p->end_by_ns, bc_mono_ns() + timeout_ns);
	atomic_store(&p->end, true);
	wake(p);
}

bool bc_peer_done(const struct bc_peer *p)
{
	return atomic_load(&p->done);
}

void bc_peer_stats(const struct bc_peer *p, struct bc_peer_stats *ret)
{
	*ret = (struct bc_peer_stats){
		.up = atomic_load(&p->up),
		.connects = bc_counter_get(&p->connects),
		.acknowledges = atomic_load(&p->acknowledges),
		.queued_bytes = bc_spool_waiting(&p->queue.run),
		.held_bytes = bc_spool_held(&p->queue.run),
		.memory_bytes = atomic_load(&p->queue.run.put) - atomic_load(&p->queue.run.freed),
		.spool_bytes = atomic_load(&p->queue.folder_bytes),
		.since_ns = atomic_load(&p->queue.since_ns),
		.acked = bc_counter_get(&p->acked),
		.queue_bytes = p->cfg.queue_bytes,
		.unacked_bytes = bc_counter_get(&p->unacked),
	};
}
