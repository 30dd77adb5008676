/* SPDX-License-Identifier: BSD-3-Clause */
/* Ethernet interfaces of the kernel, through a ring that is shared with it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_epoch.h"
#include "bc_kernel.h"
#include "bc_linktype.h"
#include "bc_ring.h"
#include "bc_unsettled.h"

/* How often a silent interface is looked for. */
#define CHECK_NS (100 * BC_NS_PER_MS)

/* What the sources of an interface share; the last one to close frees it, and closes all rings at once. */
struct shared_interface {
	uint32_t users;
	_Atomic bool gone;
	uint32_t n_closed;
	struct bc_ring closed[];
};

struct ring_source {
	struct bc_ring ring;
	struct shared_interface *shared;
	struct bc_spare spare;
	uint64_t checked_ns;
	bool no_link;				/* and that was told */
	uint64_t empty_lateness_ns;		/* 0: as the user says */
	struct bc_unsettled unsettled;
	/* Of the control thread. */
	int missed_fd, fifo_fd;			/* the interface's own counters; -1: it has none */
	uint64_t drop, ifdrop, ifdrop_before;
};

/* One queue of an interface speaks for all. */
static void tell_link(struct bc_source *s, bool no_link)
{
	struct ring_source *p = s->priv;

	if (no_link == p->no_link || s->account->queue)
		return;
	p->no_link = no_link;
	bc_log(s->env.log, BC_WARN, no_link ? "%s: no link: nothing comes until its cable and other end are mended, or it is set up ('ip link')" :
	       "%s: the link is there again", s->account->name);
}

static void check_interface(struct bc_source *s, struct bc_batch *b, uint64_t now_ns)
{
	struct ring_source *p = s->priv;
	const enum bc_ring_state state = bc_ring_state(&p->ring);

	p->checked_ns = now_ns;
	if (state != BC_RING_GONE) {
		tell_link(s, state == BC_RING_NO_LINK);
		return;
	}
	if (!atomic_exchange_explicit(&p->shared->gone, true, memory_order_relaxed))
		bc_log(s->env.log, BC_ERROR, "%s: capture ended: the interface disappeared (--wait-interface SECONDS waits for it at a start)", s->account->name);
	b->ended = true;
	atomic_store_explicit(&s->failed, true, memory_order_release);
}

static void ring_source_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct ring_source *p = s->priv;
	uint64_t now_ns = bc_clock_utc(s->env.clock);
	struct bc_ring_packet k;
	uint32_t kept = p->unsettled.n, taken = 0, spare = bc_spare_refill(&p->spare, s->env.pool, max - kept);
	bool nothing_more;

	max = spare < max - kept ? spare : max - kept;
	b->more = kept;
	/* Without an mbuf the packets stay in the kernel. */
	if (!max)
		return;
	bc_unsettled_begin(&p->unsettled, b);
	b->time = BC_TIME_UTC;
	for (; taken < max && bc_ring_next(&p->ring, &k); taken++)
		bc_spare_take(&p->spare, s, b, k.data, k.caplen, k.wire_len, k.ts_ns);
	b->asked_ns = now_ns;
	b->unsure = bc_epoch_unknown(s->env.clock);
	nothing_more = taken < max && bc_ring_empty(&p->ring);
	if (nothing_more)
		b->lateness_ns = p->empty_lateness_ns;
	bc_unsettled_end(&p->unsettled, b, kept, !nothing_more);
	b->more = p->unsettled.n;
	b->empty = taken < max && !b->more;
	if (b->empty && !b->n && now_ns - p->checked_ns >= CHECK_NS)
		check_interface(s, b, now_ns);
}

static int open_count(const char *name, const char *what)
{
	char path[64 + sizeof(((struct bc_iface *)0)->name)];

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/%s", name, what);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static uint64_t read_count(int fd)
{
	char digits[32] = "";

	return fd >= 0 && pread(fd, digits, sizeof(digits) - 1, 0) > 0 ? strtoull(digits, NULL, 10) : 0;
}

/* Packets that the interface has dropped since it exists. */
static uint64_t device_drops(const struct ring_source *p)
{
	return read_count(p->missed_fd) + read_count(p->fifo_fd);
}

static void ring_source_stats(struct bc_source *s)
{
	struct ring_source *p = s->priv;
	uint64_t now = device_drops(p);

	p->drop += bc_ring_lost(&p->ring);
	/* The counter restarts from 0 when the driver is reloaded. */
	if (now > p->ifdrop_before)
		p->ifdrop += now - p->ifdrop_before;
	p->ifdrop_before = now;
	bc_source_lost(s, BC_LOSS_KERNEL_DROP, p->drop);
	bc_source_lost(s, BC_LOSS_KERNEL_IFDROP, p->ifdrop);
}

static void ring_source_close(struct bc_source *s)
{
	struct ring_source *p = s->priv;
	struct shared_interface *shared = p->shared;

	if (p->missed_fd >= 0)
		close(p->missed_fd);
	if (p->fifo_fd >= 0)
		close(p->fifo_fd);
	rte_pktmbuf_free_bulk(p->spare.mbuf, p->spare.n);
	rte_pktmbuf_free_bulk(p->unsettled.mbuf, p->unsettled.n);
	shared->closed[shared->n_closed++] = p->ring;
	if (--shared->users == 0) {
		bc_ring_close(shared->closed, shared->n_closed);
		free(shared);
	}
	free(p);
}

static const struct bc_source_ops ring_ops = {
	.rx = ring_source_rx,
	.stats = ring_source_stats,
	.close = ring_source_close,
};

static void describe(const struct bc_source_config *cfg, struct bc_iface *ret)
{
	*ret = (struct bc_iface){
		.description = "buffered capture through a ring of the kernel",
		.clock = "stamped by the kernel's receive path with the system clock",
		.stamp = BC_STAMP_KERNEL,
		.linktype = LINKTYPE_ETHERNET,
	};
	snprintf(ret->name, sizeof(ret->name), "%s", cfg->target);
	if (cfg->queues > 1)
		snprintf(ret->description, sizeof(ret->description), "buffered capture through %u rings of the kernel, "
			 "symmetric hash", cfg->queues);
}

/* The ring is the source's if there is one. */
static struct bc_source *new_source(const struct bc_ring *ring, struct shared_interface *shared, uint16_t queue,
				    const struct bc_source_config *cfg, const struct bc_source_env *env)
{
	struct ring_source *p = calloc(1, sizeof(*p));
	struct bc_iface iface;
	struct bc_source *s;

	describe(cfg, &iface);
	s = p ? bc_source_new(cfg, env, &ring_ops, &iface, queue, NULL) : NULL;
	if (!s) {
		free(p);
		return NULL;
	}
	p->ring = *ring;
	p->shared = shared;
	p->shared->users++;
	s->priv = p;
	bc_kernel_setup(s, cfg);
	p->empty_lateness_ns = cfg->lateness_us ? 0 : BC_KERNEL_PROMPT_LATENESS_NS;
	/* The interface's losses are the first queue's. */
	p->missed_fd = queue ? -1 : open_count(cfg->target, "rx_missed_errors");
	p->fifo_fd = queue ? -1 : open_count(cfg->target, "rx_fifo_errors");
	p->ifdrop_before = device_drops(p);
	return s;
}

static int new_sources(struct bc_ring *ring, const struct bc_source_config *cfg, const struct bc_source_env *env,
		       struct bc_source **ret)
{
	struct shared_interface *shared = calloc(1, sizeof(*shared) + cfg->queues * sizeof(shared->closed[0]));
	uint32_t n = 0;

	for (; shared && n < cfg->queues; n++) {
		ret[n] = new_source(&ring[n], shared, (uint16_t)n, cfg, env);
		if (!ret[n])
			break;
	}
	if (n == cfg->queues)
		return 0;
	bc_ring_close(ring + n, cfg->queues - n);
	if (!n)
		free(shared);
	while (n)
		bc_source_close(ret[--n]);
	return -ENOMEM;
}

int bc_kernel_ring_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret)
{
	struct bc_ring *ring = calloc(cfg->queues, sizeof(*ring));
	int r = -ENOMEM;

	if (ring)
		r = bc_ring_open(ring, cfg->queues, cfg->target, cfg->buffer_mb * 1000000ULL, BC_KERNEL_HOLD_MS,
				 env->promiscuous, (enum bc_direction)bc_direction_of(cfg->direction));
	if (!r)
		r = new_sources(ring, cfg, env, ret);
	free(ring);
	return r;
}
