/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_collect.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "bc_collect_session.h"
#include "bc_display.h"
#include "bc_eal.h"
#include "bc_engine.h"
#include "bc_help.h"
#include "bc_privileges.h"
#include "bc_report.h"
#include "bc_signals.h"
#include "bc_telemetry.h"
#include "bc_topology.h"
#include "bc_view.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define ROUND_NS (20 * BC_NS_PER_MS)
#define CONTROL_NS (100 * BC_NS_PER_MS)

struct collect {
	struct bc_collect_config cfg;
	struct bc_topology *topo;
	struct bc_plan_request *request;
	struct bc_plan *plan;
	struct bc_eal eal;
	struct centre *centre;
	uint32_t n_stages;
	struct bc_stage *stages;
	struct bc_stage **stage_ptr;
	uint32_t n_lcores;		/* of the plan's, those that have work */
	struct bc_lcore *lcores;
	struct bc_telemetry *telemetry;
	struct bc_log log;
	struct bc_signals signals;
	bool eal_up;
	bool stopping;
	uint64_t start_mono_ns;
	uint64_t received;		/* at the last look */
	uint64_t active_mono_ns;	/* when it last grew */
	uint64_t control_mono_ns;
};

static void emit(void *ctx, enum bc_level level, const char *line)
{
	const struct collect *c = ctx;

	if (level <= BC_NOTICE + c->cfg.common.verbose)
		fprintf(stderr, "braidcap: %s\n", line);
}

static int fail(const struct bc_err *err, int status)
{
	fprintf(stderr, "braidcap: %s\n", err->msg);
	return status;
}

/* Clients are sources that wait for the network; together they write to one output, as far as the CPUs go. */
static void request_placement(struct collect *c)
{
	const struct bc_output_config *o = &c->cfg.common.outputs[0];

	c->request->lcores = c->cfg.common.lcores;
	c->request->busy_poll = c->cfg.common.busy_poll;
	c->request->n_sources = c->cfg.n_clients;
	for (uint32_t i = 0; i < c->cfg.n_clients; i++) {
		snprintf(c->request->source[i].name, sizeof(c->request->source[i].name), "%s", c->centre->name[i]);
		c->request->source[i].queue = c->request->source[i].numa = -1;
	}
	c->request->n_outputs = 1;
	snprintf(c->request->output[0].name, sizeof(c->request->output[0].name), "%s", o->dest);
	c->request->output[0].writers = o->writers;
	c->request->output[0].compressing = bc_codec_is_block(o->codec);
}

static int make_plan(struct collect *c, struct bc_err *err)
{
	int r;

	c->topo = calloc(1, sizeof(*c->topo));
	c->request = calloc(1, sizeof(*c->request));
	c->plan = calloc(1, sizeof(*c->plan));
	if (!c->topo || !c->request || !c->plan)
		return bc_err_set(err, -ENOMEM, "no memory for the plan");
	r = bc_topology_read(false, c->topo, err);
	if (r)
		return r;
	request_placement(c);
	return bc_plan_make(c->topo, c->request, c->plan, err);
}

/* One pipeline: its stages go where the plan puts them. */
static void place_merged(struct collect *c)
{
	struct bc_pipeline *p = c->centre->pipeline[0];

	for (uint32_t i = 0; i < c->plan->n_stages; i++) {
		const struct bc_plan_stage *s = &c->plan->stage[i];

		if (s->kind == BC_STAGE_RX)
			bc_pipeline_source_stage(p, s->source, &c->stages[i]);
		else if (s->kind == BC_STAGE_MERGE)
			bc_pipeline_merge_stage(p, &c->stages[i]);
		else
			bc_pipeline_lane_stage(p, s->output, s->lane, &c->stages[i]);
	}
	for (uint32_t i = 0; i < c->n_lcores; i++) {
		c->lcores[i].n_stages = c->plan->lcore[i].n;
		c->lcores[i].stage = &c->stage_ptr[c->plan->lcore[i].first];
		c->lcores[i].fed = c->plan->stage[c->plan->lcore[i].first].kind != BC_STAGE_RX;
	}
}

/* Many pipelines: each stays on one lcore, and they take turns. */
static void place_many(struct collect *c)
{
	uint32_t at = 0;

	for (uint32_t l = 0; l < c->n_lcores; l++) {
		c->lcores[l].stage = &c->stage_ptr[at];
		for (uint32_t i = l; i < c->centre->n_pipelines; i += c->n_lcores) {
			bc_pipeline_source_stage(c->centre->pipeline[i], 0, &c->stages[at++]);
			bc_pipeline_merge_stage(c->centre->pipeline[i], &c->stages[at++]);
			bc_pipeline_lane_stage(c->centre->pipeline[i], 0, 0, &c->stages[at++]);
			c->lcores[l].n_stages += 3;
		}
	}
}

static int make_lcores(struct collect *c, struct bc_err *err)
{
	bool merge = c->cfg.merge;

	c->n_stages = merge ? c->plan->n_stages : 3 * c->centre->n_pipelines;
	c->n_lcores = merge || c->plan->n_lcores < c->centre->n_pipelines ? c->plan->n_lcores : c->centre->n_pipelines;
	c->stages = aligned_alloc(BC_CACHE_LINE, (c->n_stages * sizeof(*c->stages) + 63) / 64 * 64);
	c->stage_ptr = calloc(c->n_stages, sizeof(*c->stage_ptr));
	c->lcores = aligned_alloc(BC_CACHE_LINE, c->n_lcores * sizeof(*c->lcores));
	if (!c->stages || !c->stage_ptr || !c->lcores)
		return bc_err_set(err, -ENOMEM, "no memory for the stages");
	memset(c->lcores, 0, c->n_lcores * sizeof(*c->lcores));
	for (uint32_t i = 0; i < c->n_stages; i++)
		c->stage_ptr[i] = &c->stages[i];
	for (uint32_t i = 0; i < c->n_lcores; i++) {
		c->lcores[i].cpu = c->plan->lcore[i].cpu;
		c->lcores[i].busy_poll = c->cfg.common.busy_poll;
		c->lcores[i].all = c->lcores;
		c->lcores[i].n_all = merge ? c->n_lcores : 1;
	}
	if (merge)
		place_merged(c);
	else
		place_many(c);
	return 0;
}

static void end_lcores(struct collect *c)
{
	for (uint32_t i = 0; i < c->n_lcores; i++)
		atomic_store(&c->lcores[i].abort, true);
}

static int launch(struct collect *c, struct bc_err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < c->centre->n_pipelines; i++)
		r = bc_pipeline_start(c->centre->pipeline[i], err);
	for (uint32_t i = 0; !r && i < c->n_lcores; i++) {
		r = rte_eal_remote_launch(bc_lcore_run, &c->lcores[i], i + 1);
		if (r)
			bc_err_set(err, r, "lcore %u does not start", i + 1);
	}
	if (!r)
		r = centre_start(c->centre, err);
	if (r) {
		end_lcores(c);
		rte_eal_mp_wait_lcore();
		centre_abort(c->centre);
		centre_join(c->centre);
	}
	return r;
}

static void begin_stop(struct collect *c)
{
	if (!c->stopping)
		centre_stop(c->centre);
	c->stopping = true;
}

static void abort_collection(struct collect *c)
{
	bc_log(&c->log, BC_WARN, "ending at once: what is under way is lost, what is published stays");
	end_lcores(c);
	centre_abort(c->centre);
}

static void reload(struct collect *c)
{
	struct bc_err err;

	centre_rotate(c->centre);
	if (c->centre->tls && bc_tls_reload(c->centre->tls, &err) != 0)
		bc_log(&c->log, BC_ERROR, "the certificates stay as they are: %s", err.msg);
	else
		bc_log(&c->log, BC_NOTICE, "rotating%s", c->centre->tls ? "; the certificates were read again" : "");
}

/* False: the collection is to end at once. */
static bool obey_signal(struct collect *c, int sig)
{
	switch (sig) {
	case SIGINT:
	case SIGTERM:
		switch (bc_signals_end(&c->signals)) {
		case BC_SIGNALS_STOP:
			bc_log(&c->log, BC_NOTICE, "stopping: draining and publishing; once more to end at once");
			begin_stop(c);
			break;
		case BC_SIGNALS_ECHO:
			break;
		case BC_SIGNALS_NOW:
			abort_collection(c);
			return false;
		}
		break;
	case SIGHUP:
		reload(c);
		break;
	case SIGUSR1:
		bc_display_summary(stderr, &c->centre->group);
		break;
	default:
		break;
	}
	return true;
}

static void end_when_due(struct collect *c, uint64_t now_ns)
{
	const struct bc_config *cfg = &c->cfg.common;
	uint64_t received = centre_received(c->centre);

	if (received != c->received) {
		c->received = received;
		c->active_mono_ns = now_ns;
	}
	if (c->stopping)
		return;
	if (cfg->duration_s > 0 && (double)(now_ns - c->start_mono_ns) >= cfg->duration_s * (double)BC_NS_PER_S)
		begin_stop(c);
	if (cfg->idle_exit_s > 0 && (double)(now_ns - c->active_mono_ns) >= cfg->idle_exit_s * (double)BC_NS_PER_S) {
		bc_log(&c->log, BC_NOTICE, "no packet for %g s: stopping", cfg->idle_exit_s);
		begin_stop(c);
	}
}

/* The control thread's loop, until everything is written or the collection is aborted. */
static void control(struct collect *c)
{
	c->start_mono_ns = c->active_mono_ns = bc_mono_ns();
	for (;;) {
		int sig = bc_signals_wait(&c->signals, ROUND_NS);
		uint64_t now_ns = bc_mono_ns();

		if (sig > 0 && !obey_signal(c, sig))
			break;
		bc_telemetry_run_actions(c->telemetry);
		if (c->stopping || now_ns - c->control_mono_ns >= CONTROL_NS) {
			c->control_mono_ns = now_ns;
			if (centre_control(c->centre))
				break;
			end_when_due(c, now_ns);
		}
	}
}

static int prepare(struct collect *c, struct bc_err *err)
{
	const struct bc_config *common = &c->cfg.common;
	int r = centre_new(&c->cfg, &c->log, &c->centre, err);

	if (!r)
		r = make_plan(c, err);
	if (!r)
		r = bc_eal_start(common, c->plan, centre_mbufs(c->centre, c->plan), &c->eal, err);
	if (r)
		return r;
	c->eal_up = true;
	if (c->eal.note[0])
		bc_log(&c->log, BC_INFO, "%s", c->eal.note);
	r = centre_listen(c->centre, err);
	if (!r && common->user)
		r = bc_privileges_drop(common->user, err);
	if (!r)
		r = centre_build(c->centre, c->plan, c->eal.huge, err);
	if (!r)
		r = make_lcores(c, err);
	if (!r)
		r = bc_telemetry_new(&(struct bc_telemetry_config){ &c->centre->group, c->lcores, c->n_lcores }, &c->telemetry, err);
	return r ? r : launch(c, err);
}

static void release(struct collect *c)
{
	bc_telemetry_free(c->telemetry);
	centre_free(c->centre);
	if (c->eal_up)
		bc_eal_stop();
	free(c->stages);
	free(c->stage_ptr);
	free(c->lcores);
	free(c->topo);
	free(c->request);
	free(c->plan);
	bc_config_collect_free(&c->cfg);
}

/* Segments are moved and commands run to their end, unless one more signal comes. */
static void wait_for_post_publish(struct collect *c)
{
	bool now = false;

	while (!now && !centre_hooks_idle(c->centre))
		now = bc_signals_hurried(&c->signals);
	centre_end_post_publish(c->centre, now);
}

static int finish(struct collect *c)
{
	struct bc_err err;
	int status;

	rte_eal_mp_wait_lcore();
	centre_join(c->centre);
	wait_for_post_publish(c);
	status = centre_failed(c->centre) ? EXIT_FAILED : EXIT_DONE;
	if (c->cfg.common.report && bc_report_write(c->cfg.common.report, bc_view_report(&c->centre->group), &err) != 0)
		status = fail(&err, EXIT_FAILED);
	bc_display_summary(stderr, &c->centre->group);
	return status;
}

int cmd_collect(int argc, char **argv)
{
	struct collect c = { .log = { .emit = emit } };
	struct bc_err err = { .msg = "" };
	int r = bc_config_collect_parse(argc, argv, &c.cfg, &err);
	int status = EXIT_USAGE;

	c.log.ctx = &c;
	if (r > 0) {
		bc_help_print(bc_config_collect_help, stdout);
		status = EXIT_DONE;
	} else if (r < 0) {
		fail(&err, EXIT_USAGE);
	} else {
		bc_signals_block(&c.signals);
		r = prepare(&c, &err);
		if (!r) {
			fprintf(stderr, "braidcap: collecting from %u client%s; control: 'braidcap ctl --prefix %s', pid %d\n",
				c.cfg.n_clients, c.cfg.n_clients == 1 ? "" : "s", c.eal.prefix, (int)getpid());
			control(&c);
			status = finish(&c);
		} else {
			status = fail(&err, r == -EINVAL || !c.eal_up ? EXIT_USAGE : EXIT_FAILED);
		}
	}
	release(&c);
	return status;
}
