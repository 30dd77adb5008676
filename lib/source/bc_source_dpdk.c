/* SPDX-License-Identifier: BSD-3-Clause */
/* The RX queues of a DPDK port, polled; stamped by the NIC where it does, else from the disciplined counter. */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_ethdev.h>
#include <rte_mbuf_dyn.h>
#include <rte_version.h>

#include "bc_nic_clock.h"
#include "bc_packet.h"
#include "bc_plural.h"
#include "bc_port.h"

/* A ring of 4096 descriptors lasts 275 us at 10 Gbit/s of 64 B. */
#define RING_KEEPS_NS (250 * BC_NS_PER_US)
/* A frame of the kernel's ring behind net_af_packet, which no sender fills faster. */
#define FRAME_KEEPS_NS 500U
#define UNPOLLED_MAX_NS (20 * BC_NS_PER_MS)
/* A file behind a port that seems to be over is passed by the others, which are so much behind the clock. */
#define FILE_LATENESS_NS (1 * BC_NS_PER_MS)

/* What the queues of a port share; the last one to close closes the port. */
struct shared_port {
	struct bc_port port;
	uint32_t users;
	struct bc_nic_kind kind;
	struct bc_nic_clock clock;	/* of a port whose clock can be read */
};

struct dpdk_source {
	struct shared_port *shared;
	uint16_t port;
	bool stamped;			/* the driver is known to stamp */
	enum bc_time time;		/* of its stamps; own: those of a capture file */
	int ts_offset;
	uint64_t ts_flag;
	uint64_t last_ns;
	struct bc_nic_clock *clock;	/* the port's, or own */
	struct bc_nic_clock own;
	bool unstamped_said;
	_Atomic uint64_t unstamped;	/* packets without a stamp where the driver is known to stamp */
};

static uint64_t stamp_burst(struct dpdk_source *p, struct bc_batch *b, uint64_t now_ns)
{
	struct bc_line_view view;
	uint64_t last = p->last_ns, missing = 0;

	bc_line_read(&p->clock->track.line, &view);
	for (uint32_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->mbuf[i];

		if (m->ol_flags & p->ts_flag) {
			b->ts_ns[i] = bc_line_view_to_ns(&view, *RTE_MBUF_DYNFIELD(m, p->ts_offset, rte_mbuf_timestamp_t *));
		} else {
			b->ts_ns[i] = now_ns;
			missing++;
		}
		last = b->ts_ns[i] > last ? b->ts_ns[i] : last;
	}
	if (missing)
		atomic_fetch_add_explicit(&p->unstamped, missing, memory_order_relaxed);
	return last;
}

/* The next packet of a file is of the past, too: only when it seems to be over are others not to wait for it. */
static uint64_t promise_of_file(const struct bc_source *s, bool empty, uint64_t now_ns)
{
	const struct dpdk_source *p = s->priv;
	uint64_t held_ns = empty ? now_ns - bc_counter_get(&s->lateness_ns) : 0;

	return held_ns > p->last_ns ? held_ns : p->last_ns;
}

/* A stripped VLAN tag belongs back into the packet. */
static void restore_vlan(struct rte_mbuf **m)
{
	uint16_t tci = (*m)->vlan_tci;

	if (rte_vlan_insert(m) == 0)
		(*m)->vlan_tci = tci;
}

static void dpdk_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct dpdk_source *p = s->priv;
	/* Read before the poll, because a NIC's stamps may be older than the end of the poll. */
	uint64_t now_ns = p->stamped ? bc_clock_now(s->env.clock) : 0;
	uint32_t n = rte_eth_rx_burst(p->port, s->queue, b->mbuf, (uint16_t)max);

	b->n = n;
	b->time = p->time;
	if (!p->stamped) {
		/*
		 * After it: no packet is stamped before it came. What comes from now on is stamped later, hence the
		 * watermark.
		 */
		now_ns = bc_clock_now(s->env.clock);
		/* The clock of two lcores may differ by a few ns when a line is published; a source never goes back. */
		if (now_ns < p->last_ns)
			now_ns = p->last_ns;
		p->last_ns = now_ns;
		for (uint32_t i = 0; i < n; i++)
			b->ts_ns[i] = now_ns;
		b->watermark_ns = now_ns;
	} else {
		if (n) {
			const struct rte_mbuf *m = b->mbuf[n - 1];

			if (m->ol_flags & p->ts_flag)
				bc_nic_clock_observe(p->clock, *RTE_MBUF_DYNFIELD(m, p->ts_offset, rte_mbuf_timestamp_t *),
						     bc_clock_now(s->env.clock));
			p->last_ns = stamp_burst(p, b, p->time == BC_TIME_UTC ? bc_utc_ns() : now_ns);
		}
		b->empty = n < max;
		if (p->time == BC_TIME_OWN)
			b->watermark_ns = promise_of_file(s, b->empty, now_ns);
		else
			b->asked_ns = now_ns;
	}
	for (uint32_t i = 0; i < n; i++) {
		if (__builtin_expect(b->mbuf[i]->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED, 0))
			restore_vlan(&b->mbuf[i]);
		b->mbuf[i]->port = (uint16_t)s->account->iface;
		*bc_meta(b->mbuf[i]) = (struct bc_meta){ .wire_len = b->mbuf[i]->pkt_len, .source = s->index };
	}
}

static void dpdk_stats(struct bc_source *s)
{
	struct dpdk_source *p = s->priv;
	struct rte_eth_stats st;
	uint64_t unstamped = atomic_load_explicit(&p->unstamped, memory_order_relaxed);

	if (p->clock != &p->own && s->queue == 0)
		bc_nic_clock_update(p->clock);
	if (unstamped && !p->unstamped_said) {
		bc_log(s->env.log, BC_WARN, "%s queue %u: packets arrive without the NIC's timestamp; they get a "
		       "software stamp",
		       s->account->name, s->queue);
		p->unstamped_said = true;
	}
	/* The port's losses are the first queue's. */
	if (s->queue || rte_eth_stats_get(p->port, &st) != 0)
		return;
	bc_source_lost(s, BC_LOSS_NIC_MISSED, st.imissed);
	bc_source_lost(s, BC_LOSS_NIC_ERROR, st.ierrors);
	if (p->shared->port.loses_on_nombuf)
		bc_source_lost(s, BC_LOSS_NIC_NOMBUF, st.rx_nombuf);
}

static void dpdk_close(struct bc_source *s)
{
	struct dpdk_source *p = s->priv;

	if (p && --p->shared->users == 0) {
		bc_port_close(&p->shared->port);
		free(p->shared);
	}
	free(p);
}

static const struct bc_source_ops dpdk_ops = {
	.rx = dpdk_rx,
	.stats = dpdk_stats,
	.close = dpdk_close,
};

static int read_clock(void *ctx, uint64_t *ret_ticks)
{
	const struct shared_port *sh = ctx;

	return rte_eth_read_clock(sh->port.id, ret_ticks);
}

static int read_timesync(void *ctx, uint64_t *ret_ticks)
{
	const struct shared_port *sh = ctx;
	struct timespec ts;
	int r = rte_eth_timesync_read_time(sh->port.id, &ts);

	if (r == 0)
		*ret_ticks = (uint64_t)ts.tv_sec * BC_NS_PER_S + (uint64_t)ts.tv_nsec;
	return r;
}

static bool readable(enum bc_nic_class cls)
{
	return cls == BC_NIC_READ_CLOCK || cls == BC_NIC_TIMESYNC;
}

/* Whether the port stamps, and with what clock; without one that can be trusted it is stamped in software. */
static void choose_clock(struct shared_port *sh, const struct bc_source_config *cfg, const struct bc_source_env *env)
{
	struct bc_err err;

	sh->kind = bc_nic_kind_of(sh->port.info.driver_name, RTE_VERSION);
	if (cfg->stamp && strcmp(cfg->stamp, "software") == 0)
		sh->kind.cls = BC_NIC_NONE;
	if (!readable(sh->kind.cls))
		return;
	if (sh->kind.cls == BC_NIC_TIMESYNC)
		rte_eth_timesync_enable(sh->port.id);
	if (bc_nic_clock_init(&sh->clock, &sh->kind, env->clock,
			      sh->kind.cls == BC_NIC_READ_CLOCK ? read_clock : read_timesync, sh, &err) != 0) {
		bc_log(env->log, BC_WARN, "%s: cannot use the NIC's clock (%s): using software stamps", cfg->spec,
		       err.msg);
		sh->kind.cls = BC_NIC_NONE;
	}
}

static int setup_stamps(struct dpdk_source *p, const struct bc_source_config *cfg, const struct bc_source_env *env,
			struct bc_err *err)
{
	p->clock = readable(p->shared->kind.cls) ? &p->shared->clock : &p->own;
	p->stamped = p->shared->kind.cls != BC_NIC_NONE;
	if (!p->stamped)
		return 0;
	if (rte_mbuf_dyn_rx_timestamp_register(&p->ts_offset, &p->ts_flag) != 0)
		return bc_err_set(err, -ENOSPC, "%s: no room for timestamps in the mbuf", cfg->spec);
	return p->clock == &p->own ? bc_nic_clock_init(&p->own, &p->shared->kind, env->clock, NULL, NULL, err) : 0;
}

static int describe_nic_clock(const void *clock, char *buf, size_t size)
{
	return bc_nic_clock_describe(clock, buf, size);
}

/* The first queue's stands for all of the port. */
static void describe_clock(const struct dpdk_source *p, const struct bc_source_env *env, struct bc_iface *iface)
{
	if (!p->stamped) {
		bc_source_stamp_by_host(iface, env->clock);
		return;
	}
	iface->stamp = BC_STAMP_NIC;
	bc_nic_clock_describe(p->clock, iface->clock, sizeof(iface->clock));
	/* How far the times of a file are off this host's clock is nobody's concern. */
	if (p->time == BC_TIME_OWN)
		return;
	iface->describe_clock = describe_nic_clock;
	iface->describe_ctx = p->clock;
}

static void describe(const struct dpdk_source *p, const struct bc_source_env *env, struct bc_iface *iface)
{
	const struct bc_port *port = &p->shared->port;
	struct rte_ether_addr mac;
	struct rte_eth_link link;

	snprintf(iface->name, sizeof(iface->name), "%s", port->name);
	snprintf(iface->hardware, sizeof(iface->hardware), "%s", port->info.driver_name);
	snprintf(iface->description, sizeof(iface->description), "DPDK port %u, %u RX queue%s%s", port->id, port->queues,
		 bc_plural(port->queues, "", "s"), port->rss ? ", symmetric RSS" : "");
	describe_clock(p, env, iface);
	iface->linktype = 1;
	if (rte_eth_macaddr_get(port->id, &mac) == 0) {
		memcpy(iface->mac, mac.addr_bytes, sizeof(iface->mac));
		iface->has_mac = 1;
	}
	if (rte_eth_link_get_nowait(port->id, &link) == 0 && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN)
		iface->speed_bps = link.link_speed * 1000000ULL;
}

/* If this device is not polled, does its peer wait? Other devices' rings overflow. */
static bool holds_up_its_peer(const char *driver)
{
	static const char *const waiting[] = { "net_vhost", "net_memif", "net_ring", "net_null" };

	for (size_t n = 0; n < sizeof(waiting) / sizeof(waiting[0]); n++)
		if (strcmp(driver, waiting[n]) == 0)
			return true;
	return false;
}

/* For how long the device can buffer what arrives. */
static uint64_t buffers_ns(const struct bc_port *port, const struct bc_source_config *cfg)
{
	const char *frames = strstr(cfg->target, "framecnt=");
	uint64_t ns;

	if (strcmp(port->info.driver_name, "net_af_packet") != 0 || !frames)
		return RING_KEEPS_NS;
	ns = strtoul(frames + strlen("framecnt="), NULL, 10) * FRAME_KEEPS_NS;
	return ns < UNPOLLED_MAX_NS ? ns : UNPOLLED_MAX_NS;
}

static enum bc_time time_of(const struct dpdk_source *p, bool of_file)
{
	const enum bc_nic_class cls = p->clock->kind.cls;

	if (!p->stamped || (cls != BC_NIC_UTC_NS && cls != BC_NIC_UTC_US))
		return BC_TIME_STEADY;
	return of_file ? BC_TIME_OWN : BC_TIME_UTC;
}

static struct bc_source *open_queue(struct shared_port *sh, uint16_t queue, const struct bc_source_config *cfg,
				    const struct bc_source_env *env, struct bc_err *err)
{
	struct dpdk_source *p = aligned_alloc(BC_CACHE_LINE, sizeof(*p));
	struct bc_iface iface = { .snaplen = 0 };
	const bool of_file = strcmp(sh->port.info.driver_name, "net_pcap") == 0 && strstr(cfg->target, "rx_pcap=");
	struct bc_source *s = NULL;

	if (!p) {
		bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
		return NULL;
	}
	memset(p, 0, sizeof(*p));
	p->shared = sh;
	p->port = sh->port.id;
	if (setup_stamps(p, cfg, env, err) == 0) {
		p->time = time_of(p, of_file);
		describe(p, env, &iface);
		s = bc_source_new(cfg, env, &dpdk_ops, &iface, queue, err);
	}
	if (!s) {
		free(p);
		return NULL;
	}
	sh->users++;
	s->priv = p;
	s->account->losses_unknown = !of_file && !bc_port_counts_losses(sh->port.info.driver_name, RTE_VERSION);
	s->drain_packets = 2 * sh->port.descriptors;
	s->buffers_ns = buffers_ns(&sh->port, cfg);
	s->numa_node = rte_eth_dev_socket_id(sh->port.id);
	/* A file behind net_pcap can wait like any other. */
	if (of_file)
		s->wait = s->lossless = true;
	else
		s->lossless = s->wait && holds_up_its_peer(sh->port.info.driver_name);
	return s;
}

static void set_lateness(struct bc_source *const *s, uint32_t n, const struct bc_source_config *cfg)
{
	const struct dpdk_source *p = s[0]->priv;

	if (!p->stamped)
		return;
	if (p->time != BC_TIME_OWN) {
		bc_source_measure_lateness(s, n, cfg);
		return;
	}
	for (uint32_t i = 0; !cfg->lateness_us && i < n; i++)
		bc_counter_set(&s[i]->lateness_ns, FILE_LATENESS_NS);
}

static int open_dpdk(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		     uint32_t *ret_n, struct bc_err *err)
{
	struct shared_port *sh = aligned_alloc(BC_CACHE_LINE, sizeof(*sh));
	uint32_t n = 0;
	int r;

	if (!sh)
		return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
	memset(sh, 0, sizeof(*sh));
	r = bc_port_open(cfg, env->pool, env->promiscuous, env->log, &sh->port, err);
	if (r) {
		free(sh);
		return r;
	}
	choose_clock(sh, cfg, env);
	for (; n < cfg->queues; n++) {
		ret[n] = open_queue(sh, (uint16_t)n, cfg, env, err);
		if (!ret[n])
			break;
	}
	if (n == cfg->queues) {
		set_lateness(ret, n, cfg);
		*ret_n = n;
		return 0;
	}
	/* The last queue to close closes the port. */
	sh->users++;
	while (n)
		bc_source_close(ret[--n]);
	bc_port_close(&sh->port);
	free(sh);
	return -EIO;
}

static const struct bc_source_key dpdk_keys[] = {
	BC_KEY_QUEUES,
	{ "descriptors", BC_KEY_U32, BC_KEY_AT(descriptors), .zero = true, .min = 32, .max = 65535 },
	{ "mtu", BC_KEY_U32, BC_KEY_AT(mtu), .zero = true, .min = 68, .max = 65535 },
	BC_KEY_FULL,
	BC_KEY_STAMP("nic", "software"),
	BC_KEY_LATENESS,
};

const struct bc_source_kind bc_source_dpdk = {
	.name = "dpdk",
	.target = BC_TARGET_PORT,
	.live = true,
	.by_host = true,
	.poll_mode = true,
	.descriptors = 4096,
	.keys = dpdk_keys,
	.n_keys = sizeof(dpdk_keys) / sizeof(dpdk_keys[0]),
	.open = open_dpdk,
};
