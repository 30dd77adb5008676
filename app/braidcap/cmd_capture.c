/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_capture.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_launch.h>
#include <rte_lcore.h>

#include "bc_config.h"
#include "bc_help.h"
#include "bc_pipeline.h"
#include "bc_plan.h"
#include "bc_publisher.h"
#include "bc_telemetry.h"
#include "bc_topology.h"
#include "bc_view.h"
#include "bc_calibration.h"
#include "bc_display.h"
#include "bc_eal.h"
#include "bc_placement.h"
#include "bc_privileges.h"
#include "bc_report.h"
#include "bc_signals.h"

enum exit_status { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

#define ROUND_NS (50 * BC_NS_PER_MS)
#define STOPPING_ROUND_NS (20 * BC_NS_PER_MS)
/* How long the end waits for subscribers. */
#define LINGER_MS 1000
#define CLOCK_ROUND_NS BC_CLOCK_UPDATE_NS

struct capture {
	const char *name;		/* of the program, for messages */
	struct bc_config cfg;
	struct bc_topology *topo;
	struct bc_plan_request *request;
	struct bc_plan *plan;
	struct bc_calibration calibration;	/* its clock is the pipeline's */
	struct bc_eal eal;
	struct bc_publisher *publisher;
	char client[BC_CLIENT_MAX + 1];	/* our name to applications */
	struct bc_pipeline *pipeline;
	struct bc_group group;
	struct bc_stage *stages;
	struct bc_stage **stage_ptr;
	struct bc_lcore *lcores;
	struct bc_telemetry *telemetry;
	struct bc_display *display;
	struct bc_log log;
	struct bc_signals signals;
	bool eal_up;
	uint64_t start_mono_ns;
	uint64_t received;		/* at the last look */
	uint64_t active_mono_ns;	/* when it last grew */
	uint64_t control_mono_ns;
};

static void emit(void *ctx, enum bc_level level, const char *line)
{
	const struct capture *c = ctx;

	if (level > BC_NOTICE + c->cfg.verbose)
		return;
	bc_display_erase(c->display);
	fprintf(stderr, "%s: %s\n", c->name, line);
}

static int fail(const struct capture *c, const struct bc_err *err, int status)
{
	fprintf(stderr, "%s: %s\n", c->name, err->msg);
	return status;
}

static int make_plan(struct capture *c, struct bc_err *err)
{
	int r;

	c->topo = calloc(1, sizeof(*c->topo));
	c->request = calloc(1, sizeof(*c->request));
	c->plan = calloc(1, sizeof(*c->plan));
	if (!c->topo || !c->request || !c->plan)
		return bc_err_set(err, -ENOMEM, "no memory for the plan");
	r = bc_topology_read(bc_placement_needs_devices(&c->cfg), c->topo, err);
	if (!r)
		r = bc_placement_request(&c->cfg, c->topo, c->request, err);
	if (!r)
		r = bc_plan_make(c->topo, c->request, c->plan, err);
	for (uint32_t i = 0; !r && i < c->plan->warnings.n && i < BC_PLAN_MAX_LINES; i++)
		bc_log(&c->log, BC_INFO, "%s", c->plan->warnings.line[i]);
	return r;
}

/* While it is prepared a capture can be ended by a signal that waits to be taken. */
static bool interrupted(void)
{
	sigset_t waiting;

	return sigpending(&waiting) == 0 && (sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGTERM));
}

static int drop_privileges(void *ctx, struct bc_err *err)
{
	const struct capture *c = ctx;
	bool dpdk = false;

	if (c->cfg.user)
		return bc_privileges_drop(c->cfg.user, err);
	/* Drivers of DPDK may need theirs to the end; and root stays what it is. */
	for (uint32_t i = 0; i < c->cfg.n_sources; i++)
		dpdk |= c->cfg.sources[i].kind->target == BC_TARGET_PORT;
	return dpdk || geteuid() == 0 ? 0 : bc_privileges_shed(err);
}

/* An output has ended: perhaps the capture has. */
static void wake(void *ctx)
{
	bc_signals_wake(ctx);
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

static struct bc_pipeline_config pipeline_config(struct capture *c)
{
	struct bc_pipeline_config pc = {
		.sources = c->cfg.sources,
		.n_sources = c->cfg.n_sources,
		.outputs = c->cfg.outputs,
		.n_outputs = c->cfg.n_outputs,
		.n_lcores = c->plan->n_lcores,
		.one_cpu = one_cpu(c->plan),
		.count = c->cfg.count,
		.max_wait_ns = c->cfg.max_wait_ms * BC_NS_PER_MS,
		.flush_ns = c->cfg.flush_ms * BC_NS_PER_MS,
		/* A little less, so that a stored chunk is never longer than a block may be. */
		.chunk_bytes = c->cfg.chunk_kib * 1024 - 1024,
		.memory_bytes = (uint64_t)c->cfg.memory_mib << 20,
		.mbufs = c->cfg.mbufs,
		.numa_node = numa_node(c->request),
		.tls = { c->cfg.tls_cert, c->cfg.tls_key, c->cfg.tls_ca, c->cfg.tls_crl },
		.drain_ns = (uint64_t)(c->cfg.drain_timeout_s * (double)BC_NS_PER_S),
		.detect_loop = c->cfg.detect_loop,
		.promiscuous = c->cfg.promiscuous,
		.accelerate = c->cfg.accelerate,
		.bpf_jit = c->cfg.bpf_jit,
		.huge = c->eal.huge,
		.statistics = c->cfg.verbose > 0,
		.log = &c->log,
		.interrupted = interrupted,
		.devices_open = drop_privileges,
		.devices_open_ctx = c,
		.output_over = wake,
		.output_over_ctx = &c->signals,
	};

	memcpy(pc.writers, c->plan->writers, sizeof(pc.writers));
	return pc;
}

/* Give each lcore the stages that the plan gives it. */
static int make_lcores(struct capture *c, struct bc_err *err)
{
	const struct bc_plan *plan = c->plan;

	c->stages = aligned_alloc(BC_CACHE_LINE, (plan->n_stages * sizeof(*c->stages) + 63) / 64 * 64);
	c->stage_ptr = calloc(plan->n_stages, sizeof(*c->stage_ptr));
	c->lcores = aligned_alloc(BC_CACHE_LINE, plan->n_lcores * sizeof(*c->lcores));
	if (!c->stages || !c->stage_ptr || !c->lcores)
		return bc_err_set(err, -ENOMEM, "no memory for the stages");
	memset(c->lcores, 0, plan->n_lcores * sizeof(*c->lcores));
	for (uint32_t i = 0; i < plan->n_stages; i++) {
		const struct bc_plan_stage *s = &plan->stage[i];

		c->stage_ptr[i] = &c->stages[i];
		switch (s->kind) {
		case BC_STAGE_RX:
			bc_pipeline_source_stage(c->pipeline, s->source, &c->stages[i]);
			break;
		case BC_STAGE_MERGE:
			bc_pipeline_merge_stage(c->pipeline, &c->stages[i]);
			break;
		case BC_STAGE_LANE:
			bc_pipeline_lane_stage(c->pipeline, s->output, s->lane, &c->stages[i]);
			break;
		}
	}
	for (uint32_t i = 0; i < plan->n_lcores; i++) {
		c->lcores[i].cpu = plan->lcore[i].cpu;
		c->lcores[i].busy_poll = c->cfg.busy_poll;
		c->lcores[i].fed = plan->stage[plan->lcore[i].first].kind != BC_STAGE_RX;
		c->lcores[i].all = c->lcores;
		c->lcores[i].n_all = plan->n_lcores;
		c->lcores[i].n_stages = plan->lcore[i].n;
		c->lcores[i].stage = &c->stage_ptr[plan->lcore[i].first];
	}
	return 0;
}

static void end_lcores(struct capture *c)
{
	for (uint32_t i = 0; i < c->plan->n_lcores; i++)
		atomic_store(&c->lcores[i].abort, true);
}

static int launch(struct capture *c, struct bc_err *err)
{
	int r = bc_pipeline_start(c->pipeline, err);

	for (uint32_t i = 0; !r && i < c->plan->n_lcores; i++) {
		r = rte_eal_remote_launch(bc_lcore_run, &c->lcores[i], i + 1);
		if (r)
			bc_err_set(err, r, "lcore %u does not start", i + 1);
	}
	if (r) {
		end_lcores(c);
		rte_eal_mp_wait_lcore();
		bc_pipeline_abort(c->pipeline);
		bc_pipeline_join(c->pipeline);
	}
	return r;
}

static uint64_t total_received(const struct bc_pipeline *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->n_sources; i++)
		n += bc_counter_get(&p->source[i]->account->ingress.received);
	return n;
}

static void abort_capture(struct capture *c)
{
	bc_log(&c->log, BC_WARN, "ending at once: what is under way is lost, what is published stays");
	end_lcores(c);
	bc_pipeline_abort(c->pipeline);
}

/* False: the capture is to end at once. */
static bool obey_signal(struct capture *c, int sig)
{
	switch (sig) {
	case SIGINT:
	case SIGTERM:
		switch (bc_signals_end(&c->signals)) {
		case BC_SIGNALS_STOP:
			bc_log(&c->log, BC_NOTICE, "stopping: draining and publishing; once more to end at once");
			bc_pipeline_stop(c->pipeline);
			break;
		case BC_SIGNALS_ECHO:
			break;
		case BC_SIGNALS_NOW:
			abort_capture(c);
			return false;
		}
		break;
	case SIGHUP:
		bc_pipeline_rotate(c->pipeline);
		bc_log(&c->log, BC_NOTICE, "rotating");
		bc_pipeline_reload(c->pipeline);
		break;
	case SIGUSR1:
		bc_display_erase(c->display);
		bc_display_summary(stderr, &c->group);
		break;
	default:
		break;
	}
	return true;
}

static void end_when_due(struct capture *c, uint64_t now_ns)
{
	uint64_t received = total_received(c->pipeline);

	if (received != c->received) {
		c->received = received;
		c->active_mono_ns = now_ns;
	}
	if (c->pipeline->stopping)
		return;
	if (c->cfg.duration_s > 0 && (double)(now_ns - c->start_mono_ns) >= c->cfg.duration_s * (double)BC_NS_PER_S)
		bc_pipeline_stop(c->pipeline);
	if (c->cfg.idle_exit_s > 0 && !c->pipeline->paused &&
	    (double)(now_ns - c->active_mono_ns) >= c->cfg.idle_exit_s * (double)BC_NS_PER_S) {
		bc_log(&c->log, BC_NOTICE, "no packet for %g s: stopping", c->cfg.idle_exit_s);
		bc_pipeline_stop(c->pipeline);
	}
}

/* The control thread's loop, until everything is written or the capture is aborted. */
static void control(struct capture *c)
{
	c->start_mono_ns = c->active_mono_ns = bc_mono_ns();
	for (;;) {
		int sig = bc_signals_wait(&c->signals, c->pipeline->stopping ? STOPPING_ROUND_NS : ROUND_NS);
		uint64_t now_ns = bc_mono_ns();

		if (sig > 0 && !obey_signal(c, sig))
			break;
		bc_telemetry_run_actions(c->telemetry);
		if (sig == BC_SIGNALS_WAKE || c->pipeline->stopping || now_ns - c->control_mono_ns >= CLOCK_ROUND_NS ||
		    atomic_load(&c->pipeline->limit_reached)) {
			c->control_mono_ns = now_ns;
			bc_clock_update(c->calibration.clock);
			if (bc_pipeline_control(c->pipeline))
				break;
		}
		end_when_due(c, now_ns);
		bc_display_tick(c->display, now_ns);
	}
}

/* A host's name may have what a client's has not. */
static void choose_client(struct capture *c)
{
	if (c->cfg.zmq_client)
		snprintf(c->client, sizeof(c->client), "%s", c->cfg.zmq_client);
	else if (gethostname(c->client, sizeof(c->client)) < 0 || !bc_client_name(c->client))
		snprintf(c->client, sizeof(c->client), "braidcap");
}

static int new_publisher(struct capture *c, struct bc_err *err)
{
	struct bc_publisher_config pc = { .endpoint = c->cfg.zmq_publish, .linger_ms = LINGER_MS, .log = &c->log };

	if (!c->cfg.zmq_publish)
		return 0;
	choose_client(c);
	return bc_publisher_new(&pc, &c->publisher, err);
}

/* Applications hear of all files, and get the packets of one output. */
static void set_post_publish(struct capture *c, struct bc_pipeline_config *pc)
{
	pc->publisher = c->publisher;
	pc->mirror_ns = c->cfg.zmq_ns;
	for (uint32_t i = 0; c->publisher && i < c->cfg.n_outputs; i++) {
		pc->client[i] = c->client;
		pc->mirror[i] = i == bc_config_mirrored(&c->cfg);
	}
}

static int prepare(struct capture *c, struct bc_err *err)
{
	struct bc_pipeline_config pc;
	int r = make_plan(c, err);

	if (r)
		return r;
	pc = pipeline_config(c);
	r = bc_calibration_begin(&c->calibration, err);
	if (!r)
		r = bc_eal_start(&c->cfg, c->plan, bc_pipeline_mbufs(&pc), &c->eal, err);
	if (r)
		return r;
	c->eal_up = true;
	bc_calibration_end(&c->calibration);
	pc.clock = c->calibration.clock;
	if (c->eal.note[0])
		bc_log(&c->log, BC_INFO, "%s", c->eal.note);
	pc.huge = c->eal.huge;
	/* Its threads run on the CPUs of this one, apart from the data path. */
	r = new_publisher(c, err);
	if (r)
		return r;
	set_post_publish(c, &pc);
	r = bc_pipeline_new(&pc, &c->pipeline, err);
	if (!r)
		r = make_lcores(c, err);
	if (r)
		return r;
	c->group = (struct bc_group){ .pipeline = &c->pipeline, .n = 1 };
	c->display = bc_display_new(c->pipeline, c->cfg.quiet, c->cfg.verbose);
	r = bc_telemetry_new(&(struct bc_telemetry_config){ &c->group, c->lcores, c->plan->n_lcores }, &c->telemetry, err);
	return r ? r : launch(c, err);
}

static void release(struct capture *c)
{
	bc_telemetry_free(c->telemetry);
	bc_display_free(c->display);
	bc_pipeline_free(c->pipeline);
	bc_publisher_free(c->publisher);
	bc_calibration_free(&c->calibration);
	if (c->eal_up)
		bc_eal_stop();
	free(c->stages);
	free(c->stage_ptr);
	free(c->lcores);
	free(c->topo);
	free(c->request);
	free(c->plan);
	bc_config_free(&c->cfg);
}

static bool lost_any(const struct bc_pipeline *p)
{
	struct bc_balance b;

	bc_ledger_total(p->ledger, &b);
	return b.dropped_total > 0;
}

/* Segments are moved, commands run, packets published to their end, unless one more signal comes. */
static void wait_for_post_publish(struct capture *c)
{
	bool now = false;

	while (!now && !bc_pipeline_idle(c->pipeline))
		now = bc_signals_hurried(&c->signals);
	bc_pipeline_end_post_publish(c->pipeline, now);
	bc_publisher_event(c->publisher, "disconnect", c->client, NULL);
	while (!now && !bc_publisher_idle(c->publisher))
		now = bc_signals_hurried(&c->signals);
}

static int finish(struct capture *c)
{
	struct bc_err err;
	int status;

	rte_eal_mp_wait_lcore();
	bc_pipeline_join(c->pipeline);
	wait_for_post_publish(c);
	bc_display_erase(c->display);
	status = bc_pipeline_failed(c->pipeline) ? EXIT_FAILED : EXIT_DONE;
	if (c->cfg.report && bc_report_write(c->cfg.report, bc_view_report(&c->group), &err) != 0)
		status = fail(c, &err, EXIT_FAILED);
	if (!c->cfg.brief || status != EXIT_DONE || lost_any(c->pipeline))
		bc_display_summary(stderr, &c->group);
	return status;
}

static void say_start(const struct capture *c)
{
	if (!c->cfg.brief)
		fprintf(stderr, "%s: capturing from %u source%s; control: 'braidcap ctl --prefix %s', pid %d\n", c->name,
			c->pipeline->n_sources, c->pipeline->n_sources == 1 ? "" : "s", c->eal.prefix, (int)getpid());
}

int capture_run(struct bc_config *cfg, const char *name)
{
	struct capture c = { .name = name, .cfg = *cfg, .log = { .emit = emit } };
	struct bc_err err = { .msg = "" };
	int r, status;

	*cfg = (struct bc_config){ .n_sources = 0 };
	c.log.ctx = &c;
	bc_signals_block(&c.signals);
	if (c.cfg.remark)
		bc_log(&c.log, BC_NOTICE, "%s", c.cfg.remark);
	r = prepare(&c, &err);
	if (!r) {
		say_start(&c);
		bc_publisher_event(c.publisher, "connect", c.client, NULL);
		control(&c);
		status = finish(&c);
	} else {
		status = fail(&c, &err, r == -EINVAL || !c.eal_up ? EXIT_USAGE : EXIT_FAILED);
	}
	release(&c);
	return status;
}

int cmd_capture(int argc, char **argv)
{
	struct bc_config cfg;
	struct bc_err err = { .msg = "" };
	int r = bc_config_parse(argc, argv, &cfg, &err), status = EXIT_DONE;

	if (r > 0) {
		bc_help_print(bc_config_help, stdout);
	} else if (r < 0) {
		fprintf(stderr, "braidcap: %s\n", err.msg);
		status = EXIT_USAGE;
	} else {
		status = capture_run(&cfg, "braidcap");
	}
	bc_config_free(&cfg);
	return status;
}
