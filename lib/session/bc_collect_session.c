/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_collect_session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_mbuf.h>

#include "bc_packet.h"
#include "bc_source_kind.h"
#include "bc_view.h"

/* More than three of the longest messages. It is touched only as far as it is used. */
#define INLET_BYTES (256U * 1024)
/* Packets between all sources and the merge, at the most; each source gets its part, within these. */
#define LINKS_TOTAL 16384U
#define LINK_MIN 128U
#define LINK_MAX 4096U
/* Many small files are written at a time. */
#define DISK_STEP (512U * 1024)
#define MBUFS_PER_LCORE 1024U
#define MBUFS_MIN 16384U
/* How long the end waits for subscribers. */
#define LINGER_MS 1000

static void name_clients(struct centre *c)
{
	const struct bc_collect_config *cfg = c->cfg;

	c->n_clients = cfg->n_clients;
	for (uint32_t i = 0; i < cfg->n_allow; i++) {
		c->name[cfg->allow[i].client] = cfg->allow[i].name;
		c->no_store[cfg->allow[i].client] |= cfg->allow[i].no_store;
	}
}

/* Each client has a socket, a file, and the next file. */
static void raise_file_limit(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

static int new_recv_rings(struct centre *c, struct bc_err *err)
{
	int r = 0;

	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return bc_err_set(err, -errno, "eventfd: %s", strerror(errno));
	for (uint32_t i = 0; !r && i < c->n_clients; i++)
		r = bc_recv_ring_new(INLET_BYTES, c->wake_fd, &c->recv_ring[i], err);
	return r;
}

static void describe_sources(struct centre *c)
{
	const bool merge = c->cfg->merge;

	for (uint32_t i = 0; i < c->n_clients; i++)
		c->source[i] = (struct bc_source_config){
			.spec = (char *)(uintptr_t)c->name[i],
			.kind = &bc_source_remote,
			.queues = 1,
			.recv_ring = c->recv_ring[i],
			.max_caplen = c->cfg->max_caplen,
			.max_ifaces = merge ? BC_MAX_IFACES / c->n_clients : BC_MAX_IFACES,
			.end_segments = !merge,
			.one_linktype = !merge && c->cfg->common.outputs[0].format != BC_FORMAT_PCAPNG,
		};
}

int centre_new(const struct bc_collect_config *cfg, const struct bc_log *log, struct centre **ret, struct bc_err *err)
{
	struct centre *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	c->cfg = cfg;
	c->log = log;
	c->wake_fd = -1;
	name_clients(c);
	c->n_pipelines = cfg->merge ? 1 : c->n_clients;
	c->source = calloc(c->n_clients, sizeof(*c->source));
	c->series = calloc(c->n_pipelines, sizeof(*c->series));
	c->pipeline = calloc(c->n_pipelines, sizeof(struct bc_pipeline *));
	raise_file_limit();
	r = c->source && c->series && c->pipeline ? new_recv_rings(c, err) : bc_err_set(err, -ENOMEM, "no memory for the clients");
	if (r) {
		centre_free(c);
		return r;
	}
	describe_sources(c);
	*ret = c;
	return 0;
}

static uint32_t link_size(const struct centre *c)
{
	uint32_t n = LINKS_TOTAL / c->n_clients, size = LINK_MIN;

	while (size * 2 <= n && size < LINK_MAX)
		size *= 2;
	return size;
}

static struct bc_tls_files tls_files(const struct bc_collect_config *cfg)
{
	return (struct bc_tls_files){ cfg->common.tls_cert, cfg->common.tls_key, cfg->common.tls_ca, cfg->common.tls_crl };
}

/* What the series of pipeline i is called in names, and to subscribers. */
static const char *series_name(const struct centre *c, uint32_t i)
{
	return c->cfg->merge ? "merged" : c->name[i];
}

/* Pipeline number i. */
static struct bc_pipeline_config pipeline_config(const struct centre *c, uint32_t i, const struct bc_plan *plan)
{
	const struct bc_config *common = &c->cfg->common;
	const bool merge = c->cfg->merge;

	return (struct bc_pipeline_config){
		.sources = merge ? c->source : &c->source[i],
		.n_sources = merge ? c->n_clients : 1,
		.outputs = &c->series[i].output,
		.n_outputs = 1,
		.writers = { merge ? plan->writers[0] : 1 },
		.n_lcores = merge ? plan->n_lcores : 1,
		.max_wait_ns = common->max_wait_ms * BC_NS_PER_MS,
		.flush_ns = common->flush_ms * BC_NS_PER_MS,
		/* A little less, so that a stored chunk is never longer than a block may be. */
		.chunk_bytes = common->chunk_kib * 1024 - 1024,
		.memory_bytes = ((uint64_t)common->memory_mib << 20) / c->n_pipelines,
		.link_size = link_size(c),
		.disk_step = merge ? 0 : DISK_STEP,
		.pool = c->pool,
		.clock = c->calibration.clock,
		.numa_node = -1,
		.tls = tls_files(c->cfg),
		.drain_ns = (uint64_t)(common->drain_timeout_s * (double)BC_NS_PER_S),
		.accelerate = common->accelerate,
		.publisher = c->publisher,
		.client = { series_name(c, i) },
		.mirror = { true },
		.mirror_ns = common->zmq_ns,
		.log = c->log,
	};
}

uint32_t centre_mbufs(const struct centre *c, const struct bc_plan *plan)
{
	struct bc_pipeline_config pc = pipeline_config(c, 0, plan);
	uint64_t n = (uint64_t)bc_pipeline_holds(&pc) * c->n_pipelines + (uint64_t)plan->n_lcores * MBUFS_PER_LCORE;

	if (c->cfg->common.mbufs)
		return c->cfg->common.mbufs;
	return n < MBUFS_MIN ? MBUFS_MIN : (uint32_t)n;
}

/* Whoever finds it first. */
static void tell_gone(struct centre *c, uint32_t client)
{
	if (atomic_exchange(&c->gone[client], false))
		bc_publisher_event(c->publisher, "disconnect", c->name[client], NULL);
}

static void connected_or_not(void *ctx, uint32_t client, bool connected)
{
	struct centre *c = ctx;

	if (connected) {
		tell_gone(c, client);
		bc_publisher_event(c->publisher, "connect", c->name[client], NULL);
	} else {
		atomic_store(&c->gone[client], true);
	}
}

static int new_publisher(struct centre *c, struct bc_err *err)
{
	struct bc_publisher_config pc = { .endpoint = c->cfg->common.zmq_publish, .linger_ms = LINGER_MS, .log = c->log };

	return pc.endpoint ? bc_publisher_new(&pc, &c->publisher, err) : 0;
}

int centre_listen(struct centre *c, struct bc_err *err)
{
	const struct bc_collect_config *cfg = c->cfg;
	const struct bc_tls_files files = tls_files(cfg);
	int r = bc_config_collect_uses_tls(cfg) ? bc_tls_new(BC_TLS_SERVER, &files, &c->tls, err) : 0;

	if (!r)
		r = new_publisher(c, err);
	if (r)
		return r;
	return bc_collector_new(&(struct bc_collector_config){
		.listen = cfg->listen,
		.n_listen = cfg->n_listen,
		.allow = cfg->allow,
		.n_allow = cfg->n_allow,
		.n_clients = c->n_clients,
		.recv_ring = c->recv_ring,
		.wake_fd = c->wake_fd,
		.tls = c->tls,
		.tls_all = cfg->tls,
		.bind_names = cfg->tls_bind,
		.handshake_ns = (uint64_t)(cfg->handshake_s * (double)BC_NS_PER_S),
		.event = connected_or_not,
		.ctx = c,
		.log = c->log,
	}, &c->collector, err);
}

/* A client's own folder within the one that was asked for. */
static int own_folder(char dst[BC_STORE_PATH_MAX], const char *folder, const char *name, struct bc_err *err)
{
	if (snprintf(dst, BC_STORE_PATH_MAX, "%s/%s", folder, name) >= BC_STORE_PATH_MAX)
		return bc_err_set(err, -ENAMETOOLONG, "'%.64s...': the path is too long", folder);
	if (mkdir(dst, 0750) < 0 && errno != EEXIST)
		return bc_err_set(err, -errno, "%s: the folder cannot be made: %s", dst, strerror(errno));
	return 0;
}

/* Nothing of this client is stored. */
static void store_nothing(struct bc_output_config *o)
{
	o->kind = BC_DEST_NULL;
	o->completed = o->on_segment = NULL;
	o->keep = (struct bc_retention_rules){ .age_ns = 0 };
}

/* Where the segments of pipeline i go, and what they are called. */
static int describe_output(struct centre *c, uint32_t i, struct bc_err *err)
{
	struct centre_series *s = &c->series[i];
	bool merge = c->cfg->merge;
	int r = 0;

	s->output = c->cfg->common.outputs[0];
	if (!merge && c->no_store[i])
		store_nothing(&s->output);
	if (s->output.kind != BC_DEST_FOLDER)
		return 0;
	/* Direct writing keeps megabytes ready for each file. */
	if (!merge && s->output.io == BC_IO_AUTO)
		s->output.io = BC_IO_BUFFERED;
	if (c->cfg->names == BC_NAMES_OSMO) {
		s->output.series = series_name(c, i);
		/* One looks after the folder that all share. */
		if (c->kept)
			s->output.keep = (struct bc_retention_rules){ .age_ns = 0 };
		c->kept = true;
		return 0;
	}
	if (merge)
		return 0;
	r = own_folder(s->dest, s->output.dest, c->name[i], err);
	if (!r && s->output.completed)
		r = own_folder(s->completed, s->output.completed, c->name[i], err);
	s->output.dest = s->dest;
	if (s->output.completed)
		s->output.completed = s->completed;
	return r;
}

/* In messages an output is its client's. */
static void name_output(struct centre *c, uint32_t i)
{
	struct bc_output_account *a = &c->pipeline[i]->ledger->output[0];

	if (!c->cfg->merge)
		snprintf(a->name, sizeof(a->name), "%.63s: %.180s", c->name[i], c->series[i].output.dest);
}

static int new_shared(struct centre *c, const struct bc_plan *plan, struct bc_err *err)
{
	int r = bc_calibration_begin(&c->calibration, err);

	if (r)
		return r;
	c->pool = bc_packet_pool_new("braidcap", centre_mbufs(c, plan), SOCKET_ID_ANY, false, err);
	bc_calibration_end(&c->calibration);
	return c->pool ? 0 : -ENOMEM;
}

static void group_stop(void *ctx)
{
	centre_stop(ctx);
}

int centre_build(struct centre *c, const struct bc_plan *plan, bool huge, struct bc_err *err)
{
	int r = new_shared(c, plan, err);

	for (uint32_t i = 0; !r && i < c->n_pipelines; i++) {
		struct bc_pipeline_config pc = pipeline_config(c, i, plan);

		pc.huge = huge;
		r = describe_output(c, i, err);
		if (!r)
			r = bc_pipeline_new(&pc, &c->pipeline[i], err);
		if (!r)
			name_output(c, i);
	}
	c->group = (struct bc_group){ c->pipeline, c->n_pipelines, centre_clients, group_stop, c };
	return r;
}

void centre_free(struct centre *c)
{
	if (!c)
		return;
	bc_collector_free(c->collector);
	for (uint32_t i = 0; c->pipeline && i < c->n_pipelines; i++)
		bc_pipeline_free(c->pipeline[i]);
	bc_publisher_free(c->publisher);
	rte_mempool_free(c->pool);
	for (uint32_t i = 0; i < c->n_clients; i++)
		bc_recv_ring_free(c->recv_ring[i]);
	bc_tls_free(c->tls);
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	bc_calibration_free(&c->calibration);
	free(c->source);
	free(c->series);
	free(c->pipeline);
	free(c);
}

int centre_start(struct centre *c, struct bc_err *err)
{
	int r = bc_collector_start(c->collector);

	return r ? bc_err_set(err, r, "no thread for the network (%s)", strerror(-r)) : 0;
}

void centre_stop(struct centre *c)
{
	bc_collector_stop(c->collector);
}

void centre_abort(struct centre *c)
{
	for (uint32_t i = 0; i < c->n_pipelines; i++)
		bc_pipeline_abort(c->pipeline[i]);
}

void centre_join(struct centre *c)
{
	for (uint32_t i = 0; i < c->n_pipelines; i++)
		bc_pipeline_join(c->pipeline[i]);
}

bool centre_hooks_idle(const struct centre *c)
{
	bool idle = true;

	for (uint32_t i = 0; i < c->n_pipelines; i++)
		idle &= bc_pipeline_idle(c->pipeline[i]);
	return idle;
}

void centre_end_post_publish(struct centre *c, bool now)
{
	for (uint32_t i = 0; i < c->n_pipelines; i++)
		bc_pipeline_end_post_publish(c->pipeline[i], now);
	for (uint32_t i = 0; i < c->n_clients; i++)
		tell_gone(c, i);
}

void centre_rotate(struct centre *c)
{
	for (uint32_t i = 0; i < c->n_pipelines; i++)
		bc_pipeline_rotate(c->pipeline[i]);
}

bool centre_failed(const struct centre *c)
{
	bool failed = false;

	for (uint32_t i = 0; i < c->n_pipelines; i++)
		failed |= bc_pipeline_failed(c->pipeline[i]);
	return failed;
}

static uint64_t received(const struct bc_pipeline *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->n_sources; i++)
		n += bc_counter_get(&p->source[i]->account->ingress.received);
	return n;
}

uint64_t centre_received(const struct centre *c)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < c->n_pipelines; i++)
		n += received(c->pipeline[i]);
	return n;
}

/* When a segment whose last packet comes now is over by the clock; 0: never. */
static uint64_t due_ns(const struct bc_output_config *o, uint64_t now_ns)
{
	if (o->rotate_clock.unit)
		return bc_calendar_next(&o->rotate_clock, now_ns);
	return o->rotate_seconds > 0 ? now_ns + (uint64_t)(o->rotate_seconds * (double)BC_NS_PER_S) : 0;
}

/*
 * Segments are cut by the packets' time, which stands still while none come: one that has waited for as long as a segment may be is
 * ended all the same, so that it can be read.
 */
static void cut_when_silent(struct centre *c, uint32_t i, uint64_t now_ns)
{
	struct centre_series *s = &c->series[i];
	uint64_t n = received(c->pipeline[i]);

	if (n != s->received) {
		s->received = n;
		s->due_ns = due_ns(&s->output, now_ns);
		s->cut = !s->due_ns;
	} else if (n && !s->cut && now_ns >= s->due_ns) {
		bc_pipeline_rotate(c->pipeline[i]);
		s->cut = true;
	}
}

/* Is everything that came from a client written and, in a series of its own, published? */
static bool through(const struct centre *c, uint32_t client)
{
	bool merge = c->cfg->merge;
	const struct bc_pipeline *p = c->pipeline[merge ? 0 : client];
	struct bc_store_stats st;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, 0, merge ? client : 0, &b);
	if (b.unaccounted || merge)
		return !b.unaccounted;
	bc_output_store_stats(p->output[0], &st);
	return !st.path[0] && !st.queue && bc_pipeline_idle(p);
}

/* Subscribers hear that a client has gone behind its last packet and its last file. */
static void tell_who_has_gone(struct centre *c)
{
	for (uint32_t i = 0; i < c->n_clients; i++)
		if (atomic_load(&c->gone[i]) && through(c, i))
			tell_gone(c, i);
}

bool centre_control(struct centre *c)
{
	uint64_t now_ns = bc_utc_ns();
	bool stop = bc_collector_done(c->collector), done = true;

	bc_clock_update(c->calibration.clock);
	for (uint32_t i = 0; i < c->n_pipelines; i++) {
		if (stop)
			bc_pipeline_stop(c->pipeline[i]);
		cut_when_silent(c, i, now_ns);
		done &= bc_pipeline_control(c->pipeline[i]);
	}
	if (c->publisher)
		tell_who_has_gone(c);
	return done;
}

static json_t *client(struct centre *c, uint32_t i)
{
	const struct bc_pipeline *p = c->pipeline[c->cfg->merge ? 0 : i];
	const struct bc_source_account *a = p->source[c->cfg->merge ? i : 0]->account;
	struct bc_collector_client k;

	bc_collector_client(c->collector, i, &k);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}",
			 "name", c->name[i],
			 "state", k.connected ? "connected" : "disconnected",
			 "address", k.address,
			 "tls", k.tls,
			 "certificate", bc_view_string(k.cert),
			 "since_ns", bc_view_u64(k.since_ns),
			 "connections", bc_view_u64(k.connections),
			 "failures", bc_view_u64(k.failures),
			 "packets", bc_view_u64(bc_counter_get(&a->ingress.received)),
			 "bytes", bc_view_u64(k.bytes),
			 "stored", !c->no_store[i],
			 "last_end", bc_view_string(k.reason));
}

json_t *centre_clients(void *centre)
{
	struct centre *c = centre;
	json_t *list = json_array();

	for (uint32_t i = 0; i < c->n_clients; i++)
		json_array_append_new(list, client(c, i));
	return list;
}
