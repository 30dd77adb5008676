/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_pipeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_filters.h"
#include "bc_packet.h"

#define LINK_SIZE 4096U
/* Where every source can wait there is no burst to be kept, and what is in few mbufs is in the caches. */
#define LINK_SIZE_BLOCKING 1024U
/* What the lcores' mempool caches may keep: one of 512 holds up to 1.5 times that. */
#define MBUFS_PER_LCORE 1024U
#define MBUFS_MIN 16384U
#define MBUFS_MIN_BLOCKING 4096U
#define DEVICE_DESCRIPTORS 4096U
/* Packets that one round of the merge emits at the most. */
#define MERGE_BUDGET 1024
/* For the committer: more than it takes for a chunk into a page cache, or for coming to the CPU; a disk may well take longer. */
#define LANE_PATIENCE_NS (2 * BC_NS_PER_MS)
/*
 * Of a lane that shares its lcore with the sources, see there. One small round may be a gap between two bursts of a flood, unless the
 * devices keep what comes meanwhile.
 */
#define CALM_ROUNDS 8
#define CALM_ROUNDS_KEPT 1
/* A source that is left alone for long keeps the others' packets in their links: no longer than this beside one that drops then. */
#define UNATTENDED_BESIDE_HASTY_NS (1 * BC_NS_PER_MS)

static bool all_can_wait(const struct bc_pipeline_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind != BC_SOURCE_FILE && cfg->sources[i].kind != BC_SOURCE_NULL)
			return false;
	return true;
}

static uint32_t link_size(const struct bc_pipeline_config *cfg)
{
	if (cfg->link_size)
		return cfg->link_size;
	return all_can_wait(cfg) ? LINK_SIZE_BLOCKING : LINK_SIZE;
}

static uint64_t holds(const struct bc_pipeline_config *cfg)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < cfg->n_sources; i++) {
		const struct bc_source_config *s = &cfg->sources[i];
		uint32_t device = s->kind != BC_SOURCE_DPDK ? 0 : s->descriptors ? s->descriptors : DEVICE_DESCRIPTORS;

		n += (uint64_t)s->queues * (device + link_size(cfg) + BC_BURST);
	}
	/* A lane's ring, and the burst under way. */
	for (uint32_t o = 0; o < cfg->n_outputs; o++)
		n += (uint64_t)cfg->writers[o] * (link_size(cfg) / 2 + BC_BURST);
	return n;
}

uint32_t bc_pipeline_holds(const struct bc_pipeline_config *cfg)
{
	uint64_t n = holds(cfg);

	return n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
}

uint32_t bc_pipeline_mbufs(const struct bc_pipeline_config *cfg)
{
	uint64_t n = holds(cfg) + (uint64_t)cfg->n_lcores * MBUFS_PER_LCORE;
	uint32_t least = all_can_wait(cfg) ? MBUFS_MIN_BLOCKING : MBUFS_MIN;

	if (cfg->mbufs)
		return cfg->mbufs;
	return n < least ? least : n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
}

static void drop_packets(void *ctx, const struct bc_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t left = bc_desc_outputs(&d[i]); left; left &= left - 1)
			rte_pktmbuf_free(bc_desc_obj(&d[i]));
}

static bool has_devices(const struct bc_pipeline_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind == BC_SOURCE_DPDK)
			return true;
	return false;
}

static int new_pool(struct bc_pipeline *p, struct bc_err *err)
{
	const bool devices = has_devices(&p->cfg);

	p->pool = p->cfg.pool;
	if (p->pool)
		return 0;
	p->pool = bc_packet_pool_new("braidcap", bc_pipeline_mbufs(&p->cfg), p->cfg.numa_node, devices, err);
	if (!p->pool && p->cfg.numa_node != SOCKET_ID_ANY) {
		bc_log(p->cfg.log, BC_WARN, "no room for the mbufs on NUMA node %d, the devices': they are put elsewhere",
		       p->cfg.numa_node);
		p->pool = bc_packet_pool_new("braidcap", bc_pipeline_mbufs(&p->cfg), SOCKET_ID_ANY, devices, err);
	}
	return p->pool ? 0 : -ENOMEM;
}

static int new_tables(struct bc_pipeline *p, struct bc_err *err)
{
	p->ifaces = bc_iface_table_new();
	p->ledger = bc_ledger_new();
	if (!p->ifaces || !p->ledger)
		return bc_err_set(err, -ENOMEM, "no memory for the ledger");
	p->ledger->n_outputs = p->cfg.n_outputs;
	return new_pool(p, err);
}

/* Without what the lcores' caches may keep; the lanes give theirs back whatever the sources do. */
static uint32_t mbufs_share(const struct bc_pipeline *p)
{
	uint64_t cached = (uint64_t)p->cfg.n_lcores * MBUFS_PER_LCORE, queues = 0;

	for (uint32_t i = 0; i < p->cfg.n_sources; i++)
		queues += p->cfg.sources[i].queues;
	return p->pool->size > cached + queues ? (uint32_t)((p->pool->size - cached) / queues) : 1;
}

static int open_sources(struct bc_pipeline *p, struct bc_err *err)
{
	struct bc_source_env env = {
		.pool = p->pool,
		.mbufs_share = mbufs_share(p),
		.clock = p->cfg.clock,
		.ifaces = p->ifaces,
		.ledger = p->ledger,
		.log = p->cfg.log,
		.n_outputs = p->cfg.n_outputs,
		.promiscuous = p->cfg.promiscuous,
		.interrupted = p->cfg.interrupted,
	};

	for (uint32_t i = 0; i < p->cfg.n_sources; i++) {
		const struct bc_source_config *sc = &p->cfg.sources[i];
		uint32_t n = 0;
		int r;

		if (p->n_sources + sc->queues > BC_MAX_SOURCES)
			return bc_err_set(err, -ENOSPC, "%s: more than %u sources in all", sc->spec, BC_MAX_SOURCES);
		r = bc_source_open(sc, &env, &p->source[p->n_sources], &n, err);
		if (r)
			return r;
		p->n_sources += n;
		p->live |= sc->kind != BC_SOURCE_FILE && sc->kind != BC_SOURCE_REMOTE;
	}
	for (uint32_t i = 0; i < p->n_sources; i++) {
		p->lossy |= !p->source[i]->lossless;
		p->drop_on_full |= !p->source[i]->wait;
		p->link[i] = p->source[i]->link = bc_link_new(link_size(&p->cfg));
		if (!p->link[i])
			return bc_err_set(err, -ENOMEM, "no memory for a link");
	}
	for (uint32_t i = 0; p->drop_on_full && i < p->n_sources; i++)
		if (p->source[i]->unattended_ns > UNATTENDED_BESIDE_HASTY_NS)
			p->source[i]->unattended_ns = UNATTENDED_BESIDE_HASTY_NS;
	return 0;
}

/* What goes to the remote peers and comes back, as a filter that leaves it out. */
static int exclude_peers(const struct bc_pipeline *p, char *text, size_t size, struct bc_err *err)
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		const struct bc_remote_config *rc = &p->cfg.outputs[o].remote;
		int r;

		if (!p->cfg.detect_loop || p->cfg.outputs[o].kind != BC_DEST_PEER)
			continue;
		if (at && at < size)
			at += (size_t)snprintf(text + at, size - at, " and ");
		r = at < size ? bc_peer_exclude(rc->ipip ? BC_PEER_IPIP : BC_PEER_OSMO, rc->host, rc->port, text + at, size - at, err)
			      : bc_err_set(err, -EINVAL, "--detect-loop: too many peers");
		if (r)
			return r;
		at += strlen(text + at);
	}
	return 0;
}

static int new_filters(struct bc_pipeline *p, struct bc_err *err)
{
	char loop[4096];
	int failed = exclude_peers(p, loop, sizeof(loop), err);

	if (failed)
		return failed;
	p->filters = bc_filters_new(p->source, p->n_sources, p->cfg.n_outputs, loop, p->cfg.bpf_jit, p->cfg.log);
	if (!p->filters)
		return bc_err_set(err, -ENOMEM, "no memory for filters");
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		const struct bc_output_config *oc = &p->cfg.outputs[o];
		int r = 0;

		if (oc->no_gprs_user_data)
			bc_filters_exclude_gprs(p->filters, o, &oc->gprs);
		if (oc->filter || loop[0] || oc->no_gprs_user_data)
			r = bc_filters_set(p->filters, o, oc->filter, err);
		if (r)
			return r;
	}
	return 0;
}

static int open_peer(struct bc_pipeline *p, uint32_t o, struct bc_err *err)
{
	const struct bc_remote_config *rc = &p->cfg.outputs[o].remote;
	struct bc_peer_config pc = {
		.name = p->cfg.outputs[o].dest,
		.proto = rc->ipip ? BC_PEER_IPIP : BC_PEER_OSMO,
		.host = rc->host,
		.port = rc->port,
		.source = rc->source,
		.queue_bytes = (size_t)rc->queue_mib << 20,
		.log = p->cfg.log,
	};
	int r = rc->tls && !p->tls ? bc_tls_new(BC_TLS_CLIENT, &p->cfg.tls, &p->tls, err) : 0;

	pc.tls = rc->tls ? p->tls : NULL;
	return r ? r : bc_peer_new(&pc, &p->peer[o], err);
}

/* While there are privileges: keys can be read, and raw sockets opened. */
static int open_peers(struct bc_pipeline *p, struct bc_err *err)
{
	int r = 0;

	for (uint32_t o = 0; !r && o < p->cfg.n_outputs; o++)
		if (p->cfg.outputs[o].kind == BC_DEST_PEER)
			r = open_peer(p, o, err);
	return r;
}

static uint32_t calm_rounds(const struct bc_pipeline *p)
{
	if (p->cfg.n_lcores > 1 || !p->lossy)
		return 0;
	return p->drop_on_full ? CALM_ROUNDS : CALM_ROUNDS_KEPT;
}

static int new_outputs(struct bc_pipeline *p, struct bc_err *err)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		/* A peer waits, and loses what it cannot keep. */
		bool remote = p->cfg.sources[0].kind == BC_SOURCE_REMOTE;
		struct bc_output_env env = {
			.index = o,
			.writers = p->cfg.writers[o],
			.ledger = p->ledger,
			.ifaces = p->ifaces,
			.log = p->cfg.log,
			.memory_bytes = p->cfg.memory_bytes / p->cfg.n_outputs,
			.chunk_bytes = p->cfg.chunk_bytes,
			.disk_step = p->cfg.disk_step,
			.lane_ring = link_size(&p->cfg) / 2,
			.flush_ns = p->cfg.flush_ns,
			.start_ns = p->start_ns,
			.live = p->live,
			.sparse = remote,
			.huge = p->cfg.huge,
			.accelerate = p->cfg.accelerate && p->lossy,
			.calm_rounds = calm_rounds(p),
			.statistics = p->cfg.statistics,
			.lane_patience_ns = p->lossy ? 0 : LANE_PATIENCE_NS,
			.one_cpu = p->cfg.one_cpu,
			.filters = p->filters,
			.publisher = p->cfg.publisher,
			.client = p->cfg.client[o],
			.mirror = p->cfg.mirror[o],
			.mirror_ns = p->cfg.mirror_ns,
			.over = p->cfg.output_over,
			.over_ctx = p->cfg.output_over_ctx,
			.peer = p->peer[o],
			.drain_ns = p->cfg.drain_ns,
			.patience_ns = p->live ? 0 : p->cfg.drain_ns,
		};
		int r = bc_output_new(&p->cfg.outputs[o], &env, &p->output[o], err);

		if (r)
			return r;
	}
	return 0;
}

static uint64_t clock_now(void *ctx)
{
	return bc_clock_now(ctx);
}

static int new_merge(struct bc_pipeline *p, struct bc_err *err)
{
	struct bc_merge_config mc = {
		.n_links = p->n_sources,
		.n_outputs = p->cfg.n_outputs,
		.ledger = p->ledger,
		.max_wait_ns = p->cfg.max_wait_ns,
		.count = p->cfg.count,
		.drop = drop_packets,
		.limit_reached = &p->limit_reached,
		.now_ns = clock_now,
		.now_ctx = p->cfg.clock,
	};

	for (uint32_t i = 0; i < p->n_sources; i++) {
		mc.link[i] = p->link[i];
		mc.blocking[i] = p->source[i]->ops->blocking;
		if (mc.blocking[i])
			mc.now_ns = NULL;
	}
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		mc.output[o] = &p->output[o]->chunker;
	p->merge = bc_merge_new(&mc);
	return p->merge ? 0 : bc_err_set(err, -ENOMEM, "no memory for the merge");
}

int bc_pipeline_new(const struct bc_pipeline_config *cfg, struct bc_pipeline **ret, struct bc_err *err)
{
	struct bc_pipeline *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory for the pipeline");
	p->cfg = *cfg;
	p->start_ns = bc_utc_ns();
	r = new_tables(p, err);
	if (!r)
		r = open_sources(p, err);
	if (!r)
		r = new_filters(p, err);
	if (!r)
		r = open_peers(p, err);
	if (!r && cfg->devices_open)
		r = cfg->devices_open(cfg->devices_open_ctx, err);
	if (!r)
		r = new_outputs(p, err);
	if (!r)
		r = new_merge(p, err);
	if (r) {
		bc_pipeline_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

void bc_pipeline_free(struct bc_pipeline *p)
{
	if (!p)
		return;
	bc_merge_free(p->merge);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_output_free(p->output[o]);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_peer_free(p->peer[o]);
	bc_tls_free(p->tls);
	bc_filters_free(p->filters);
	for (uint32_t i = 0; i < p->n_sources; i++) {
		bc_source_close(p->source[i]);
		bc_link_free(p->link[i]);
	}
	if (!p->cfg.pool)
		rte_mempool_free(p->pool);
	bc_ledger_free(p->ledger);
	free(p->ifaces);
	free(p);
}

static uint32_t source_poll(void *ctx)
{
	return bc_source_poll(ctx);
}

static bool source_done(void *ctx)
{
	return bc_source_state(ctx) == BC_SOURCE_ENDED;
}

static uint64_t source_unattended(void *ctx)
{
	return bc_source_unattended(ctx);
}

void bc_pipeline_source_stage(struct bc_pipeline *p, uint32_t source, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .poll = source_poll, .done = source_done, .unattended = source_unattended,
				  .ctx = p->source[source] };
	snprintf(ret->name, sizeof(ret->name), "rx %.36s/%u", p->source[source]->account->interface, p->source[source]->queue);
}

static uint32_t merge_poll(void *ctx)
{
	return bc_merge_poll(ctx, MERGE_BUDGET);
}

static bool merge_tick(void *ctx, uint64_t mono_ns)
{
	return bc_merge_tick(ctx, mono_ns);
}

static bool merge_done(void *ctx)
{
	return bc_merge_done(ctx);
}

void bc_pipeline_merge_stage(struct bc_pipeline *p, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .name = "merge", .poll = merge_poll, .tick = merge_tick, .done = merge_done, .ctx = p->merge };
}

static uint32_t lane_poll(void *ctx)
{
	return bc_lane_poll(ctx);
}

static bool lane_done(void *ctx)
{
	return bc_lane_done(ctx);
}

void bc_pipeline_lane_stage(struct bc_pipeline *p, uint32_t output, uint32_t lane, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .poll = lane_poll, .done = lane_done, .ctx = p->output[output]->lane[lane] };
	snprintf(ret->name, sizeof(ret->name), "writer %u.%u", output, lane);
}

int bc_pipeline_start(struct bc_pipeline *p, struct bc_err *err)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		int r = bc_committer_start(p->output[o]->committer);

		if (r) {
			bc_pipeline_abort(p);
			bc_pipeline_join(p);
			return bc_err_set(err, r, "no thread for writing (%s)", strerror(-r));
		}
	}
	return 0;
}

static bool all_sources(const struct bc_pipeline *p, enum bc_source_state at_least)
{
	for (uint32_t i = 0; i < p->n_sources; i++)
		if (bc_source_state(p->source[i]) < at_least)
			return false;
	return true;
}

static void command(struct bc_pipeline *p, enum bc_source_command c)
{
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_source_command(p->source[i], c);
}

static bool all_written(const struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (!bc_committer_done(p->output[o]->committer))
			return false;
	return true;
}

static void end(struct bc_pipeline *p)
{
	/* Read what the devices lost once more, so that the last segment tells the final numbers. */
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_source_stats(p->source[i]);
	command(p, BC_SOURCE_END);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_draining(p->output[o]->committer);
	p->ended = true;
	p->stop_ns = bc_utc_ns();
}

bool bc_pipeline_control(struct bc_pipeline *p)
{
	bool gone = false;

	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		gone |= bc_committer_reader_gone(p->output[o]->committer);
	if (!p->stopping && (gone || atomic_load(&p->limit_reached)))
		bc_pipeline_stop(p);
	if (!p->ended) {
		for (uint32_t i = 0; i < p->n_sources; i++)
			bc_source_stats(p->source[i]);
		if (all_sources(p, BC_SOURCE_ENDED) || (p->stopping && all_sources(p, BC_SOURCE_QUIET)))
			end(p);
	}
	return all_written(p);
}

void bc_pipeline_pause(struct bc_pipeline *p, bool pause)
{
	if (p->stopping)
		return;
	p->paused = pause;
	command(p, pause ? BC_SOURCE_PAUSE : BC_SOURCE_RUN);
}

void bc_pipeline_rotate(struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (p->cfg.outputs[o].kind == BC_DEST_FOLDER || p->cfg.outputs[o].kind == BC_DEST_NULL)
			bc_chunker_rotate(&p->output[o]->chunker);
}

void bc_pipeline_reload(struct bc_pipeline *p)
{
	struct bc_err err;

	if (!p->tls)
		return;
	if (bc_tls_reload(p->tls, &err))
		bc_log(p->cfg.log, BC_ERROR, "%s: going on with what was read before", err.msg);
	else
		bc_log(p->cfg.log, BC_NOTICE, "the files for TLS were read again, for the next connections");
}

void bc_pipeline_stop(struct bc_pipeline *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	command(p, BC_SOURCE_STOP);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_stopping(p->output[o]->committer);
}

void bc_pipeline_abort(struct bc_pipeline *p)
{
	p->aborted = true;
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_abort(p->output[o]->committer);
}

/* After an abort: what has neither been written nor lost by another name is aborted. */
static void enter_aborted(struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		for (uint32_t s = 0; s < p->n_sources; s++) {
			struct bc_balance b;

			bc_ledger_balance(p->ledger, o, s, &b);
			if (b.unaccounted > 0)
				bc_counter_add(&p->ledger->output[o].source[s].dropped[BC_LOSS_ABORTED], (uint64_t)b.unaccounted);
		}
}

void bc_pipeline_join(struct bc_pipeline *p)
{
	if (p->joined)
		return;
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		bc_committer_join(p->output[o]->committer);
		bc_output_close(p->output[o], p->aborted);
	}
	if (p->aborted)
		enter_aborted(p);
	if (!p->stop_ns)
		p->stop_ns = bc_utc_ns();
	p->joined = true;
}

bool bc_pipeline_idle(const struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (!bc_output_idle(p->output[o]))
			return false;
	return true;
}

void bc_pipeline_end_post_publish(struct bc_pipeline *p, bool now)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_output_end_post_publish(p->output[o], now || p->aborted);
}

int bc_pipeline_set_filter(struct bc_pipeline *p, uint32_t output, const char *expression, struct bc_err *err)
{
	int r = bc_filters_set(p->filters, output, expression, err);

	/* The next segment's interface descriptions tell the new filter. */
	if (!r && p->cfg.outputs[output].kind == BC_DEST_FOLDER)
		bc_chunker_rotate(&p->output[output]->chunker);
	return r;
}

const char *bc_pipeline_filter(const struct bc_pipeline *p, uint32_t output)
{
	return bc_filters_text(p->filters, output);
}

bool bc_pipeline_failed(const struct bc_pipeline *p)
{
	bool failed = p->aborted;

	for (uint32_t i = 0; i < p->n_sources; i++)
		failed |= atomic_load(&p->source[i]->failed);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		const struct bc_output *out = p->output[o];

		failed |= bc_committer_reader_gone(out->committer) || bc_seglog_failed(out->segments);
		for (uint32_t s = 0; s < p->n_sources; s++)
			failed |= bc_counter_get(&out->account->source[s].dropped[BC_LOSS_DISK_ERROR]) ||
				  bc_counter_get(&out->account->source[s].dropped[BC_LOSS_DISK_FULL]) ||
				  bc_counter_get(&out->account->source[s].dropped[BC_LOSS_PEER_SLOW]) ||
				  bc_counter_get(&out->account->source[s].dropped[BC_LOSS_PIPE_ERROR]);
	}
	return failed;
}
