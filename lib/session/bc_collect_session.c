/* SPDX-License-Identifier: BSD-3-Clause */
/* What is special to `collect`: it listens, and has a pipeline for each client or one for all. */
#include "bc_collect_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_collect_priv.h"
#include "bc_packet.h"
#include "bc_placement.h"
#include "bc_privileges.h"

/* Packets between all sources and the merge, at the most; each source gets its part, within these. */
#define LINKS_TOTAL 16384U
#define LINK_MIN 128U
#define LINK_MAX 4096U
/* Mbufs of all series: one that finds none waits for those of the others, which always move on. */
#define MBUFS_MAX 32768U
/* Many small files are written at a time. */
#define DISK_STEP (512U * 1024)
/* Threads of each crew: disks are waited for, so that they are more than there are CPUs. */
#define CREW_THREADS 8U

static int request(void *ctx, const struct bc_topology *topo, struct bc_plan_request *ret, struct bc_err *err)
{
	struct bc_collect_session *c = ctx;

	c->series = calloc(c->max_clients, sizeof(*c->series));
	c->pipeline = calloc(c->max_clients, sizeof(struct bc_pipeline *));
	if (!c->series || !c->pipeline)
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	bc_placement_request_collect(c->cfg, ret);
	return bc_collect_clients_new(c, err);
}

static uint32_t link_size(const struct bc_collect_session *c)
{
	uint32_t n = LINKS_TOTAL / c->n_clients, size = LINK_MIN;

	while (size * 2 <= n && size < LINK_MAX)
		size *= 2;
	return size;
}

/* Each series needs a few buffers, which take memory only as far as they are used. */
static uint64_t memory_share(uint64_t bytes, uint32_t chunk_bytes)
{
	uint64_t least = BC_LANE_BUFFERS_MIN * (uint64_t)BC_LANE_BUFFER(chunk_bytes);

	return bytes > least ? bytes : least;
}

/* Pipeline number i. */
static struct bc_pipeline_config pipeline_config(struct bc_collect_session *c, uint32_t i, const struct bc_plan *plan)
{
	struct bc_pipeline_config pc = bc_session_pipeline(&c->session);
	const bool merge = c->cfg->merge;

	pc.sources = merge ? c->source : &c->source[i];
	pc.n_sources = merge ? c->n_clients : 1;
	pc.outputs = &c->series[i].output;
	pc.n_outputs = 1;
	pc.writers[0] = merge ? plan->writers[0] : 1;
	pc.n_lcores = merge ? plan->n_lcores : 1;
	pc.memory_bytes = memory_share(pc.memory_bytes / c->n_pipelines, pc.chunk_bytes);
	pc.link_size = link_size(c);
	pc.disk_step = merge ? 0 : DISK_STEP;
	pc.crews = merge ? NULL : &c->crews;
	pc.pool = c->pool;
	pc.client[0] = bc_collect_series_name(c, i);
	if (!merge)
		pc.node = c->name[i];
	pc.mirror[0] = true;
	pc.tapped[0] = true;
	return pc;
}

static uint32_t mbufs(void *ctx, const struct bc_plan *plan)
{
	struct bc_collect_session *c = ctx;
	struct bc_pipeline_config pc = pipeline_config(c, 0, plan);
	uint32_t n;

	pc.n_lcores = plan->n_lcores;
	n = bc_pipeline_mbufs(&pc, c->n_pipelines);
	return pc.mbufs || c->cfg->merge || n < MBUFS_MAX ? n : MBUFS_MAX;
}

static int listen_to_clients(struct bc_collect_session *c, struct bc_err *err)
{
	const struct bc_collect_config *cfg = c->cfg;
	const struct bc_config *common = &cfg->common;
	const struct bc_tls_files files = { common->tls_cert, common->tls_key, common->tls_ca, common->tls_crl };
	int r = bc_config_collect_uses_tls(cfg) ? bc_tls_new(BC_TLS_SERVER, &files, c->session.keyring, &c->tls, err) : 0;

	if (r)
		return r;
	return bc_collector_new(&(struct bc_collector_config){
		.listen = cfg->listen,
		.n_listen = cfg->n_listen,
		.allow = cfg->allow,
		.n_allow = cfg->n_allow,
		.n_clients = c->n_clients,
		.max_clients = c->max_clients,
		.name = (const char *const *)c->name,
		.recv_ring = c->recv_ring,
		.ack = c->ack,
		.wake_fd = c->wake_fd,
		.tls = c->tls,
		.tls_all = cfg->tls,
		.bind_names = cfg->tls_bind,
		.handshake_ns = (uint64_t)(cfg->handshake_s * (double)BC_NS_PER_S),
		.event = bc_collect_client_event,
		.ctx = c,
		.log = &c->session.log,
	}, &c->collector, err);
}

static void stop(void *ctx)
{
	const struct bc_collect_session *c = ctx;

	bc_collector_stop(c->collector);
}

/* As many threads as there are series would cost more than their packets. */
static int new_crews(struct bc_collect_session *c, struct bc_err *err)
{
	int r = 0;

	if (!c->cfg->merge)
		r = bc_crew_new("bc-commit", CREW_THREADS, &c->crews.commit);
	if (!r && !c->cfg->merge)
		r = bc_crew_new("bc-closer", CREW_THREADS, &c->crews.close);
	return r ? bc_err_set(err, r, "cannot start the writing threads (%s)", strerror(-r)) : 0;
}

int bc_collect_pipeline_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err)
{
	struct bc_pipeline_config pc = pipeline_config(c, i, c->session.plan);
	int r = bc_collect_series_new(c, i, err);

	pc.place = c->series[i].place;
	if (!r)
		r = bc_collect_acks_restore(c, i, err);
	if (!r)
		r = bc_pipeline_new(&pc, &c->pipeline[i], err);
	if (!r)
		bc_collect_series_label(c, i);
	return r;
}

static int build_pipelines(struct bc_collect_session *c, struct bc_err *err)
{
	int r = new_crews(c, err);

	if (r)
		return r;
	c->pool = bc_packet_pool_new(&(struct bc_packet_pool_config){
		.name = "braidcap",
		.mbufs = mbufs(c, c->session.plan),
		.huge = c->session.env.huge,
	}, err);
	if (!c->pool)
		return -ENOMEM;
	for (uint32_t i = 0; !r && i < c->n_pipelines; i++)
		r = bc_collect_pipeline_new(c, i, err);
	bc_collect_past_forget(&c->past);
	return r;
}

static int build(struct bc_session *s, struct bc_err *err)
{
	struct bc_collect_session *c = s->ctx;
	int r = listen_to_clients(c, err);

	if (!r && s->cfg->user)
		r = bc_privileges_drop(s->cfg->user, err);
	if (!r)
		r = build_pipelines(c, err);
	if (r)
		return r;
	s->spread = c->cfg->merge ? 0 : c->max_clients;
	s->group = (struct bc_group){ c->pipeline, c->n_pipelines, bc_collect_n_clients, bc_collect_client_view, stop, c };
	return 0;
}

static void kept(void *ctx, struct bc_keeper_config *k)
{
	const struct bc_collect_session *c = ctx;
	const bool own = !c->cfg->merge;

	k->clients = k->file ? BC_KEEPER_ONE : c->cfg->names == BC_NAMES_OSMO ? BC_KEEPER_SERIES : own ? BC_KEEPER_FOLDERS : BC_KEEPER_ONE;
	/* Where it says nothing, those of one's own are written through the page cache: see bc_collect_series_new(). */
	if (own && c->cfg->common.outputs[0].io == BC_IO_AUTO)
		k->readable = false;
}

/* It reads only, what nodes had sent before and who may send now. */
static int begin_reader(void *ctx, struct bc_err *err)
{
	const struct bc_collect_session *c = ctx;
	int r = bc_session_settle(&c->session, err);

	return r ? r : bc_session_confine_reader(&c->session, c->cfg->allow_file, err);
}

static int apart(void *ctx, struct bc_err *err)
{
	struct bc_collect_session *c = ctx;

	return bc_collect_past_apart(&c->past, err);
}

static int start(void *ctx, struct bc_err *err)
{
	const struct bc_collect_session *c = ctx;
	int r = bc_collector_start(c->collector);

	return r ? bc_err_set(err, r, "cannot start the network thread (%s)", strerror(-r)) : 0;
}

static bool control(void *ctx)
{
	struct bc_collect_session *c = ctx;
	bool stop_pipelines = bc_collector_done(c->collector), done = true;
	uint64_t now_ns = bc_utc_ns();

	for (uint32_t i = 0; i < c->n_pipelines; i++) {
		if (stop_pipelines)
			bc_pipeline_stop(c->pipeline[i]);
		bc_collect_series_cut(c, i, now_ns);
		done &= bc_pipeline_control(c->pipeline[i]);
	}
	if (c->session.publisher)
		bc_collect_clients_tell(c, false);
	return done;
}

static void reload(void *ctx)
{
	struct bc_collect_session *c = ctx;
	const struct bc_log *log = &c->session.log;
	struct bc_err err;

	for (uint32_t i = 0; i < c->n_pipelines; i++)
		bc_pipeline_rotate(c->pipeline[i]);
	if (c->tls && bc_tls_reload(c->tls, &err) != 0)
		bc_log(log, BC_ERROR, "keeping the current certificates: %s", err.msg);
	else
		bc_log(log, BC_NOTICE, "rotating%s", c->tls ? "; the certificates were read again" : "");
	bc_collect_reread(c);
}

/* It is this host's clock, by which files are named and cut; the nodes' packets have the nodes' time. */
static void stepped(void *ctx, const char *seconds)
{
	const struct bc_collect_session *c = ctx;
	char host[BC_CLIENT_MAX + 1];

	bc_client_of_host(host);
	bc_publisher_event(c->session.publisher, "clockstep", host, seconds);
}

static void ended(void *ctx)
{
	bc_collect_clients_tell(ctx, true);
}

static void release(void *ctx)
{
	struct bc_collect_session *c = ctx;

	bc_collector_free(c->collector);
	/* One that could not be added is behind the last. */
	for (uint32_t i = 0; c->pipeline && i < c->max_clients; i++)
		bc_pipeline_free(c->pipeline[i]);
	bc_crew_free(c->crews.commit);
	bc_crew_free(c->crews.close);
	bc_packet_pool_free(c->pool);
	bc_tls_free(c->tls);
	bc_collect_past_fini(&c->past);
	bc_collect_clients_free(c);
	free(c->series);
	free(c->pipeline);
}

static const struct bc_session_ops collect_ops = {
	.doing = "collecting",
	.duty = BC_DUTY_COLLECT,
	.source = "client",
	.kept = kept,
	.apart = apart,
	.request = request,
	.mbufs = mbufs,
	.build = build,
	.start = start,
	.control = control,
	.stepped = stepped,
	.reload = reload,
	.ended = ended,
	.release = release,
};

enum bc_exit bc_collect_run(const struct bc_collect_config *cfg, const char *name)
{
	struct bc_collect_session *c = calloc(1, sizeof(*c));
	struct bc_err err;
	enum bc_exit status;

	if (!c)
		return bc_session_fail(name, &err, bc_err_set(&err, -ENOMEM, "no memory for the clients"), false);
	c->session = (struct bc_session){ .name = name, .cfg = &cfg->common, .ops = &collect_ops, .ctx = c };
	bc_session_init(&c->session);
	c->cfg = cfg;
	c->n_clients = cfg->n_clients;
	/* A merge is made for so many sources. */
	c->max_clients = cfg->merge ? cfg->n_clients : BC_MAX_CLIENTS;
	c->n_pipelines = cfg->merge ? 1 : cfg->n_clients;
	c->wake_fd = -1;
	c->past.cfg = (struct bc_collect_past_config){ &c->session.log, cfg->allow_file, begin_reader, c };
	status = bc_session_run(&c->session);
	free(c);
	return status;
}
