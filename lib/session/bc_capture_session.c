/* SPDX-License-Identifier: BSD-3-Clause */
/* What is special to `capture`: one pipeline, whose sources are devices and files. */
#include "bc_capture_session.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_abandoned.h"
#include "bc_placement.h"
#include "bc_plural.h"
#include "bc_privileges.h"
#include "bc_source_kind.h"

struct capture {
	const struct bc_config *cfg;
	struct bc_session session;
	struct bc_pipeline *pipeline;
	char client[BC_CLIENT_MAX + 1];	/* our name to applications */
};

static int request(void *ctx, const struct bc_topology *topo, struct bc_plan_request *ret, struct bc_err *err)
{
	const struct capture *c = ctx;

	return bc_placement_request(c->cfg, topo, ret, err);
}

static int drop_privileges(void *ctx, struct bc_err *err)
{
	const struct capture *c = ctx;
	bool dpdk = false;

	if (c->cfg->user)
		return bc_privileges_drop(c->cfg->user, err);
	/* DPDK drivers may need their capabilities to the end, and root keeps them. */
	for (uint32_t i = 0; i < c->cfg->n_sources; i++)
		dpdk |= c->cfg->sources[i].kind->target == BC_TARGET_PORT;
	return dpdk || geteuid() == 0 ? 0 : bc_privileges_shed(err);
}

/* The node of the busiest devices, if they are near one. */
static int numa_node(const struct bc_plan_request *request)
{
	for (uint32_t i = 0; i < request->n_sources; i++)
		if (request->source[i].busy && request->source[i].numa >= 0)
			return request->source[i].numa;
	return -1;
}

static bool one_cpu(const struct bc_plan *plan)
{
	return plan->n_lcores == 1 && CPU_COUNT(&plan->control) == 1 && CPU_ISSET(plan->lcore[0].cpu, &plan->control);
}

/* Applications are told of every output's files, and get the packets of one output. */
static void set_publisher(struct capture *c, struct bc_pipeline_config *pc)
{
	for (uint32_t i = 0; pc->publisher && i < c->cfg->n_outputs; i++) {
		pc->client[i] = c->client;
		pc->mirror[i] = i == bc_config_mirrored(c->cfg);
	}
	if (pc->tap)
		pc->tapped[bc_config_mirrored(c->cfg)] = true;
}

static struct bc_pipeline_config pipeline_config(struct capture *c, const struct bc_plan *plan)
{
	struct bc_pipeline_config pc = bc_session_pipeline(&c->session);

	pc.sources = c->cfg->sources;
	pc.n_sources = c->cfg->n_sources;
	pc.outputs = c->cfg->outputs;
	pc.n_outputs = c->cfg->n_outputs;
	memcpy(pc.writers, plan->writers, sizeof(pc.writers));
	pc.n_lcores = plan->n_lcores;
	pc.one_cpu = one_cpu(plan);
	pc.count = c->cfg->count;
	pc.numa_node = numa_node(c->session.request);
	pc.detect_loop = c->cfg->detect_loop;
	pc.promiscuous = c->cfg->promiscuous;
	pc.bpf_jit = c->cfg->bpf_jit;
	if (c->cfg->verbose)
		pc.statistics = c->cfg->as_mtracecap ? BC_SEGSTAT_MTRACECAP : BC_SEGSTAT_FULL;
	pc.devices_open = drop_privileges;
	pc.devices_open_ctx = c;
	set_publisher(c, &pc);
	return pc;
}

static uint32_t mbufs(void *ctx, const struct bc_plan *plan)
{
	struct bc_pipeline_config pc = pipeline_config(ctx, plan);

	return bc_pipeline_mbufs(&pc, 1);
}

static void choose_client(struct capture *c)
{
	if (c->cfg->zmq_client)
		snprintf(c->client, sizeof(c->client), "%s", c->cfg->zmq_client);
	else
		bc_client_of_host(c->client);
}

/* Is something left to be recovered where this capture is going to write? */
static void tell_leftovers(const struct capture *c, const struct bc_output_config *o)
{
	const char *slash = strrchr(o->dest, '/');
	char folder[PATH_MAX] = ".";
	uint32_t n;

	if (o->kind == BC_DEST_FOLDER)
		snprintf(folder, sizeof(folder), "%s", o->dest);
	else if (slash)
		snprintf(folder, sizeof(folder), "%.*s", slash > o->dest ? (int)(slash - o->dest) : 1, o->dest);
	n = bc_abandoned_count(folder, o->kind == BC_DEST_FOLDER ? NULL : slash ? slash + 1 : o->dest);
	if (n)
		bc_log(&c->session.log, BC_NOTICE, "%s: %" PRIu32 " temporary file%s of a capture that was killed: 'braidcap recover %s' completes %s",
		       folder, n, bc_plural(n, "", "s"), folder, bc_plural(n, "it", "them"));
}

static int build(struct bc_session *s, struct bc_err *err)
{
	struct capture *c = s->ctx;
	struct bc_pipeline_config pc;
	int r;

	choose_client(c);
	for (uint32_t i = 0; i < c->cfg->n_outputs; i++)
		if (c->cfg->outputs[i].kind == BC_DEST_FOLDER || c->cfg->outputs[i].kind == BC_DEST_FILE)
			tell_leftovers(c, &c->cfg->outputs[i]);
	pc = pipeline_config(c, s->plan);
	r = bc_pipeline_new(&pc, &c->pipeline, err);
	if (r)
		return r;
	s->group = (struct bc_group){ .pipeline = &c->pipeline, .n = 1 };
	s->display = bc_display_new(c->pipeline, c->cfg->quiet, c->cfg->verbose);
	return 0;
}

static void started(void *ctx)
{
	struct capture *c = ctx;

	bc_publisher_event(c->session.publisher, "connect", c->client, NULL);
}

static void stepped(void *ctx, const char *seconds)
{
	struct capture *c = ctx;

	bc_publisher_event(c->session.publisher, "clockstep", c->client, seconds);
}

static bool control(void *ctx)
{
	const struct capture *c = ctx;

	return bc_pipeline_control(c->pipeline);
}

static void reload(void *ctx)
{
	const struct capture *c = ctx;

	bc_pipeline_rotate(c->pipeline);
	bc_log(&c->session.log, BC_NOTICE, "rotating");
	bc_pipeline_reload(c->pipeline);
}

static void ended(void *ctx)
{
	struct capture *c = ctx;

	bc_publisher_event(c->session.publisher, "disconnect", c->client, NULL);
}

static void release(void *ctx)
{
	struct capture *c = ctx;

	bc_pipeline_free(c->pipeline);
}

static const struct bc_session_ops capture_ops = {
	.doing = "capturing",
	.duty = BC_DUTY_CAPTURE,
	.source = "source",
	.request = request,
	.mbufs = mbufs,
	.build = build,
	.started = started,
	.control = control,
	.stepped = stepped,
	.reload = reload,
	.ended = ended,
	.release = release,
};

enum bc_exit bc_capture_run(const struct bc_config *cfg, const char *name)
{
	struct capture c = {
		.cfg = cfg,
		.session = {
			.name = name,
			.cfg = cfg,
			.ops = &capture_ops,
			.needs_devices = bc_placement_needs_devices(cfg),
		},
	};

	c.session.ctx = &c;
	bc_session_init(&c.session);
	return bc_session_run(&c.session);
}
