/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture built from checked settings, stage by stage, and taken apart. */
#include "bc_pipeline_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bc_filters.h"
#include "bc_packet.h"
#include "bc_wire.h"

/*
 * A source that sleeps keeps the other sources' packets in their links. Beside a source that would drop them, it
 * sleeps no longer than this.
 */
#define UNPOLLED_BESIDE_LOSSY_NS (1 * BC_NS_PER_MS)

#define DESCRIPTORS_BESIDE 256U
/* Decoded bytes of all files, and the most of one. */
#define FILE_WINDOWS (128U * 1024 * 1024)
#define FILE_WINDOW_MAX (1024U * 1024)

static void drop_packets(void *ctx, const struct bc_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t left = bc_desc_outputs(&d[i]); left; left &= left - 1)
			rte_pktmbuf_free(bc_desc_obj(&d[i]));
}

/* Is there a source of this kind of target? */
static bool has(const struct bc_pipeline_config *cfg, enum bc_source_target target)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind->target == target)
			return true;
	return false;
}

static int new_pool(struct bc_pipeline *p, struct bc_err *err)
{
	struct bc_packet_pool_config pc = {
		.name = "braidcap",
		.mbufs = bc_pipeline_mbufs(&p->cfg, 1),
		.devices = has(&p->cfg, BC_TARGET_PORT),
		.numa_node = p->cfg.numa_node,
		.huge = p->cfg.huge,
	};

	p->pool = p->cfg.pool;
	if (p->pool)
		return 0;
	p->pool = bc_packet_pool_new(&pc, err);
	if (!p->pool && pc.devices && pc.numa_node != SOCKET_ID_ANY) {
		bc_log(p->cfg.log, BC_WARN, "no room for the mbufs on the devices' NUMA node, %d: allocating them "
		       "elsewhere",
		       pc.numa_node);
		pc.numa_node = SOCKET_ID_ANY;
		p->pool = bc_packet_pool_new(&pc, err);
	}
	return p->pool ? 0 : -ENOMEM;
}

static int new_tables(struct bc_pipeline *p, struct bc_err *err)
{
	uint32_t streams = 0;

	for (uint32_t i = 0; i < p->cfg.n_sources; i++)
		streams += p->cfg.sources[i].queues;
	p->source = calloc(streams, sizeof(*p->source));
	p->link = calloc(streams, sizeof(*p->link));
	p->ifaces = bc_iface_table_new();
	p->ledger = bc_ledger_new();
	if (has(&p->cfg, BC_TARGET_PATH))
		p->carry = bc_carry_new();
	if (!p->source || !p->link || !p->ifaces || !p->ledger || (has(&p->cfg, BC_TARGET_PATH) && !p->carry))
		return bc_err_set(err, -ENOMEM, "no memory for the ledger");
	p->ledger->n_outputs = p->cfg.n_outputs;
	return new_pool(p, err);
}

/* Not counted: mbufs that the lcores' mempool caches may hold. Lanes free theirs whatever the sources do. */
static uint32_t mbufs_share(const struct bc_pipeline *p)
{
	uint64_t cached = (uint64_t)p->cfg.n_lcores * BC_MBUFS_PER_LCORE, queues = 0;

	for (uint32_t i = 0; i < p->cfg.n_sources; i++)
		queues += p->cfg.sources[i].queues;
	return p->pool->size > cached + queues ? (uint32_t)((p->pool->size - cached) / queues) : 1;
}

/* The packet's interface is not known, and never will be. */
static bool all_are_empty(const struct bc_pipeline *p)
{
	for (uint32_t i = 0; i < p->n_sources; i++)
		if (p->source[i]->kind->target != BC_TARGET_PATH || p->source[i]->account->iface != BC_IFACE_NONE)
			return false;
	return true;
}

static enum bc_places places(uint32_t n, const struct bc_pipeline_config *cfg)
{
	return !n ? BC_PLACES_NONE : n < cfg->n_outputs ? BC_PLACES_SOME : BC_PLACES_ALL;
}

/* Where what a file says beside its packets, and of them, can be written. */
static void find_places(const struct bc_pipeline_config *cfg, struct bc_source_env *env)
{
	uint32_t files = 0, records = 0;

	env->record_max = BC_SNAPLEN_MAX;
	for (uint32_t o = 0; o < cfg->n_outputs; o++) {
		const enum bc_framing framing = cfg->outputs[o].framing;

		if (cfg->outputs[o].format != BC_FORMAT_PCAPNG || framing == BC_FRAMING_IPIP)
			continue;
		records++;
		files += framing == BC_FRAMING_FILE;
		if (framing != BC_FRAMING_FILE)
			env->record_max = BC_WIRE_SNAPLEN;
	}
	env->places = places(files, cfg);
	env->option_places = places(records, cfg);
}

/* Many files share what a few would have. */
static uint32_t file_window(const struct bc_pipeline_config *cfg)
{
	uint32_t each = FILE_WINDOWS / cfg->n_sources;

	return each > FILE_WINDOW_MAX ? FILE_WINDOW_MAX : each;
}

/* A file takes a descriptor, and so do other things. */
static void raise_limit(const struct bc_pipeline_config *cfg)
{
	const rlim_t need = cfg->n_sources + DESCRIPTORS_BESIDE;
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) != 0 || l.rlim_cur >= need)
		return;
	l.rlim_cur = need < l.rlim_max ? need : l.rlim_max;
	setrlimit(RLIMIT_NOFILE, &l);
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
		.carry = p->carry,
		.file_window = file_window(&p->cfg),
		.store = p->cfg.store,
		.others = p->cfg.n_sources > 1,
		.interrupted = p->cfg.interrupted,
		.interrupted_ctx = p->cfg.interrupted_ctx,
	};

	raise_limit(&p->cfg);
	find_places(&p->cfg, &env);
	for (uint32_t i = 0; i < p->cfg.n_sources; i++) {
		const struct bc_source_config *sc = &p->cfg.sources[i];
		uint32_t n = 0;
		int r;

		if (p->n_sources + sc->queues > BC_MAX_SOURCES)
			return bc_err_set(err, -ENOSPC, "%s: more than %u sources in total", sc->spec, BC_MAX_SOURCES);
		r = bc_source_open(sc, &env, &p->source[p->n_sources], &n, err);
		if (r)
			return r;
		p->ack[p->n_sources] = sc->ack;
		p->n_sources += n;
		p->live |= sc->kind->live;
	}
	if (all_are_empty(p))
		return bc_err_set(err, -EBADMSG, "all files are empty");
	for (uint32_t i = 0; i < p->n_sources; i++) {
		p->lossy |= !p->source[i]->lossless;
		p->drop_on_full |= !p->source[i]->wait;
		p->link[i] = p->source[i]->link = bc_link_new(bc_pipeline_link_size(&p->cfg));
		if (!p->link[i])
			return bc_err_set(err, -ENOMEM, "no memory for a link");
	}
	for (uint32_t i = 0; p->drop_on_full && i < p->n_sources; i++)
		if (p->source[i]->buffers_ns > UNPOLLED_BESIDE_LOSSY_NS)
			p->source[i]->buffers_ns = UNPOLLED_BESIDE_LOSSY_NS;
	return 0;
}

/* A filter that leaves out the traffic with the remote peers. */
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
	p->filters = bc_filters_new(p->n_sources, p->cfg.n_outputs, loop, p->cfg.bpf_jit, p->cfg.log);
	if (!p->filters)
		return bc_err_set(err, -ENOMEM, "no memory for filters");
	bc_filters_interrupt(p->filters, p->cfg.interrupted, p->cfg.interrupted_ctx);
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_filters_add(p->filters, &p->source[i]->filters);
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
		.spool = rc->spool,
		.spool_bytes = (uint64_t)rc->spool_gib << 30,
		.doubt_ns = BC_PEER_DOUBT_NS,
		.log = p->cfg.log,
	};
	int r = rc->tls && !p->tls ? bc_tls_new(BC_TLS_CLIENT, &p->cfg.tls, p->cfg.keyring, &p->tls, err) : 0;

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

static struct bc_lane_mode lane_mode(const struct bc_pipeline *p)
{
	return bc_lane_mode(&(struct bc_lane_capture){
		.accelerate = p->cfg.accelerate,
		.lossy = p->lossy,
		.drop_on_full = p->drop_on_full,
		.one_lcore = p->cfg.n_lcores <= 1,
		.one_cpu = p->cfg.one_cpu,
	});
}

static int new_outputs(struct bc_pipeline *p, struct bc_err *err)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		struct bc_output_env env = {
			.index = o,
			.writers = p->cfg.writers[o],
			.ledger = p->ledger,
			.ack = p->ack,
			.ifaces = p->ifaces,
			.carry = p->carry,
			.log = p->cfg.log,
			.memory_bytes = p->cfg.memory_bytes / p->cfg.n_outputs,
			.chunk_bytes = p->cfg.chunk_bytes,
			.crews = p->cfg.crews,
			.disk_step = p->cfg.disk_step,
			.lane_ring = bc_pipeline_link_size(&p->cfg) / 2,
			.flush_ns = p->cfg.flush_ns,
			.encrypted_flush_ns = p->cfg.encrypted_flush_ns,
			.start_ns = p->start_ns,
			.steps = &p->cfg.clock->steps,
			.live = p->live,
			.sparse = p->cfg.sources[0].kind->sparse,
			.huge = p->cfg.huge,
			.lane_mode = lane_mode(p),
			.statistics = p->cfg.statistics,
			.filters = p->filters,
			.uploader = p->cfg.uploader,
			.spawner = p->cfg.spawner,
			.signer = p->cfg.signer,
			.keeper = p->cfg.keeper,
			.place = p->cfg.place,
			.tender = { p->cfg.tender[BC_TENDER_DISK], p->cfg.tender[BC_TENDER_NET] },
			.node = p->cfg.node,
			.publisher = p->cfg.publisher,
			.client = p->cfg.client[o],
			.mirror = p->cfg.mirror[o],
			.mirror_ns = p->cfg.mirror_ns,
			.tap = p->cfg.tapped[o] ? p->cfg.tap : NULL,
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
	bool blocking[BC_MAX_SOURCES];
	struct bc_merge_config mc = {
		.n_links = p->n_sources,
		.link = p->link,
		.blocking = blocking,
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
		blocking[i] = p->source[i]->kind->blocking;
		if (blocking[i])
			mc.now_ns = NULL;
	}
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		mc.output[o] = &p->output[o]->chunker;
	p->merge = bc_merge_new(&mc);
	return p->merge ? 0 : bc_err_set(err, -ENOMEM, "no memory for the merge");
}

/*
 * Packets that wait for their turn may have three quarters of what --memory pays for, but not what the lanes need to go on. Those that
 * wait for an output may have an eighth: with less the lanes would not see that they are behind, and not compress faster.
 */
static void share_memory(struct bc_pipeline *p)
{
	struct bc_window_memory *m = &p->window_memory;

	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		const struct bc_output *out = p->output[o];
		uint32_t total = bc_bufpool_total(out->pool), least = BC_LANE_BUFFERS_MIN * out->n_lanes;

		m->pool[o] = out->pool;
		m->keep[BC_WAIT_ORDER][o] = total / 4 > least ? total / 4 : least;
		m->keep[BC_WAIT_OUTPUT][o] = total - total / 8 > least ? total - total / 8 : least;
	}
	m->n_pools = p->cfg.n_outputs;
	for (uint32_t i = 0; i < p->n_sources; i++) {
		p->source[i]->merge_blocked = bc_merge_blocked(p->merge);
		p->source[i]->merge_busy = bc_merge_busy(p->merge);
		p->source[i]->own_lcore = p->cfg.n_lcores > 1;
		if (!p->source[i]->kind->blocking)
			p->source[i]->window.memory = m;
	}
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
	if (!r)
		share_memory(p);
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
	/* Their memory is the outputs'. */
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_window_clear(&p->source[i]->window);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_output_free(p->output[o]);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_peer_free(p->peer[o]);
	bc_tls_free(p->tls);
	bc_filters_drop(p->change);
	bc_filters_free(p->filters);
	for (uint32_t i = 0; i < p->n_sources; i++) {
		bc_source_close(p->source[i]);
		bc_link_free(p->link[i]);
	}
	if (!p->cfg.pool)
		bc_packet_pool_free(p->pool);
	bc_ledger_free(p->ledger);
	bc_carry_free(p->carry);
	free(p->source);
	free(p->link);
	free(p->ifaces);
	free(p);
}
