/* SPDX-License-Identifier: BSD-3-Clause */
/* A session's course: prepared, driven, finished, released. */
#include "bc_session_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_await.h"
#include "bc_breach.h"
#include "bc_plural.h"
#include "bc_privileges.h"
#include "bc_report.h"
#include "bc_signer.h"
#include "bc_source_kind.h"
#include "bc_spawner.h"
#include "bc_stamper.h"
#include "bc_tap.h"
#include "bc_upload_key.h"
#include "bc_view.h"

/* How long the end waits for subscribers. */
#define LINGER_MS 1000
/* Between two flushes, if nothing is said. One of an encrypted output takes a block of 64 KiB, which 86400 a day make 5.7 GB. */
#define FLUSH_MS 1000U
#define ENCRYPTED_FLUSH_MS 10000U
#define TELL_WAIT_NS BC_NS_PER_S	/* the end says what it is waiting for */
#define STAMP_SECONDS 60	/* what public authorities ask of their users, and less than most segments take */

static void emit(void *ctx, enum bc_level level, const char *line)
{
	const struct bc_session *s = ctx;

	if (level > BC_NOTICE + s->cfg->verbose)
		return;
	bc_display_erase(s->display);
	if (s->cfg->as_mtracecap && level >= BC_INFO)
		fprintf(stderr, "%s: %s\n", level == BC_INFO ? "INFO " : "DEBUG", line);
	else
		fprintf(stderr, "%s: %s\n", s->name, line);
}

void bc_session_init(struct bc_session *s)
{
	s->log = (struct bc_log){ .emit = emit, .ctx = s };
	bc_config_store(s->cfg, &s->store);
}

enum bc_exit bc_session_fail(const char *name, const struct bc_err *err, int r, bool started)
{
	fprintf(stderr, "%s: %s\n", name, err->msg);
	return r == -EINVAL || (!started && !bc_err_may_pass(r)) ? BC_EXIT_USAGE : BC_EXIT_FAILED;
}

static int make_plan(struct bc_session *s, struct bc_err *err)
{
	int r;

	s->topo = calloc(1, sizeof(*s->topo));
	s->request = calloc(1, sizeof(*s->request));
	s->plan = calloc(1, sizeof(*s->plan));
	if (!s->topo || !s->request || !s->plan)
		return bc_err_set(err, -ENOMEM, "no memory for the plan");
	r = bc_topology_read(s->needs_devices, s->topo, err);
	if (!r)
		r = s->ops->request(s->ctx, s->topo, s->request, err);
	if (!r)
		r = bc_plan_make(s->topo, s->request, s->plan, err);
	for (uint32_t i = 0; !r && i < s->plan->warnings.n && i < BC_PLAN_MAX_LINES; i++)
		bc_log(&s->log, BC_INFO, "%s", s->plan->warnings.line[i]);
	return r;
}

static bool stamped_by_host(const struct bc_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind->by_host)
			return true;
	return false;
}

static int start_environment(struct bc_session *s, struct bc_err *err)
{
	const uint32_t mbufs = s->ops->mbufs(s->ctx, s->plan);
	int r = bc_calibration_begin(&s->calibration, stamped_by_host(s->cfg), err);

	if (!r)
		r = bc_environment_claim(s->cfg, mbufs, &s->env, err);
	/* Before there are threads of ours or of EAL's, which inherit it. */
	if (!r)
		r = bc_session_confine_files(s, err);
	if (!r)
		r = bc_environment_start(s->cfg, s->plan, mbufs, &s->env, err);
	if (r)
		return r;
	bc_calibration_end(&s->calibration);
	if (s->env.note[0])
		bc_log(&s->log, BC_INFO, "%s", s->env.note);
	return 0;
}

/* Its threads run on the CPUs of this one, apart from the data path. */
static int new_publisher(struct bc_session *s, struct bc_err *err)
{
	struct bc_publisher_config pc = { .endpoint = s->cfg->zmq_publish, .linger_ms = LINGER_MS, .log = &s->log };

	return pc.endpoint ? bc_publisher_new(&pc, &s->publisher, err) : 0;
}

static void find_uploads(struct bc_session *s)
{
	const struct bc_config *c = s->cfg;

	s->uploading = (struct bc_uploader_config){
		.store = s->store,
		.connections = c->upload_connections,
		.bytes_per_s = c->upload_bytes_per_s,
		.behind = true,
		.log = &s->log,
	};
	if (gethostname(s->host, sizeof(s->host) - 1) < 0 || !bc_upload_node_ok(s->host))
		snprintf(s->host, sizeof(s->host), "braidcap");
}

const char *bc_session_node(const struct bc_session *s)
{
	return s->cfg->upload_node ? s->cfg->upload_node : s->host;
}

static int new_uploader(struct bc_session *s, struct bc_err *err)
{
	const struct bc_config *c = s->cfg;
	bool wanted = false;

	for (uint32_t i = 0; i < c->n_outputs; i++)
		wanted |= c->outputs[i].upload != NULL;
	return wanted && !s->keeper ? bc_uploader_new(&s->uploading, &s->uploader, err) : 0;
}

uint32_t bc_session_stamp_seconds(const struct bc_session *s)
{
	return s->cfg->timestamp_seconds ? s->cfg->timestamp_seconds : STAMP_SECONDS;
}

static int new_custody(struct bc_session *s, struct bc_err *err)
{
	int r = s->cfg->timestamp ? bc_stamper_new(s->cfg->timestamp, bc_session_stamp_seconds(s), &s->log, &s->stamper, err) : 0;

	return r ? r : bc_signer_new(s->cfg->sign, s->keyring, s->stamper, &s->log, &s->signer, err);
}

static int new_telemetry(struct bc_session *s, struct bc_err *err)
{
	const struct bc_telemetry_config tc = { &s->group, s->lcores, s->n_lcores, s->env.server };
	int r = bc_telemetry_new(&tc, &s->telemetry, err);

	if (!r)
		s->env.server = NULL;
	return r;
}

static int prepare(struct bc_session *s, struct bc_err *err)
{
	int r = make_plan(s, err);

	find_uploads(s);
	if (!r)
		r = bc_session_new_spawner(s, err);
	if (!r)
		r = bc_session_new_keeper(s, err);
	if (!r)
		r = bc_session_new_keyring(s, err);
	if (!r)
		r = start_environment(s, err);
	if (!r)
		r = new_publisher(s, err);
	if (!r)
		r = bc_session_new_tap(s, err);
	if (!r)
		r = new_uploader(s, err);
	if (!r && s->cfg->sign && !s->keeper)
		r = new_custody(s, err);
	if (!r)
		r = s->ops->build(s, err);
	if (!r)
		r = bc_session_make_lcores(s, err);
	if (!r)
		r = new_telemetry(s, err);
	if (r)
		return r;
	bc_session_confine_calls(s);
	return bc_session_launch(s, err);
}

/* While it is prepared a session can be ended by a signal that waits to be taken. */
static bool interrupted(void *ctx)
{
	return bc_signals_end_waits(ctx);
}

/* An output has ended, and with it perhaps the session. */
static void wake(void *ctx)
{
	bc_signals_wake(ctx);
}

struct bc_pipeline_config bc_session_pipeline(struct bc_session *s)
{
	const struct bc_config *cfg = s->cfg;

	return (struct bc_pipeline_config){
		.max_wait_ns = cfg->max_wait_ms * BC_NS_PER_MS,
		.flush_ns = (cfg->flush_ms ? cfg->flush_ms : FLUSH_MS) * BC_NS_PER_MS,
		.encrypted_flush_ns = (cfg->flush_ms ? cfg->flush_ms : ENCRYPTED_FLUSH_MS) * BC_NS_PER_MS,
		/* A little less, so that a stored chunk is never longer than a block may be. */
		.chunk_bytes = cfg->chunk_kib * 1024 - 1024,
		.memory_bytes = (uint64_t)cfg->memory_mib << 20,
		.mbufs = cfg->mbufs,
		.clock = s->calibration.clock,
		.numa_node = -1,
		.tls = { cfg->tls_cert, cfg->tls_key, cfg->tls_ca, cfg->tls_crl },
		.drain_ns = (uint64_t)(cfg->drain_timeout_s * (double)BC_NS_PER_S),
		.accelerate = cfg->accelerate,
		.huge = s->env.huge,
		.log = &s->log,
		.interrupted = interrupted,
		.interrupted_ctx = &s->signals,
		.output_over = wake,
		.output_over_ctx = &s->signals,
		.publisher = s->publisher,
		.tap = s->tap,
		.store = &s->store,
		.uploader = s->uploader,
		.spawner = s->spawner,
		.keyring = s->keyring,
		.signer = s->signer,
		.keeper = s->keeper,
		.tender = { s->tender[BC_TENDER_DISK], s->tender[BC_TENDER_NET] },
		.node = bc_session_node(s),
		.mirror_ns = cfg->zmq_ns,
	};
}

static void say_start(const struct bc_session *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->group.n; i++)
		n += s->group.pipeline[i]->n_sources;
	if (!s->cfg->brief)
		fprintf(stderr, "%s: %s from %u %s%s; control: 'braidcap ctl --prefix %s', pid %d\n", s->name, s->ops->doing, n,
			s->ops->source, bc_plural(n, "", "s"), s->env.prefix, (int)getpid());
}

static bool all_idle(const struct bc_session *s)
{
	const uint64_t patience_ns = (uint64_t)(s->cfg->drain_timeout_s * (double)BC_NS_PER_S);
	bool idle = true;

	for (uint32_t i = 0; i < s->group.n; i++)
		idle &= bc_pipeline_idle(s->group.pipeline[i]);
	return idle && (!s->signer || bc_signer_idle(s->signer)) && (!s->stamper || bc_stamper_finish(s->stamper, patience_ns)) &&
	       (!s->uploader || bc_uploader_finish(s->uploader, patience_ns)) && bc_session_tenders_idle(s, patience_ns);
}

/* What the end is waiting for: at the longest as long as the slowest command, or a store that answers. */
static void tell_wait(const struct bc_session *s)
{
	uint64_t uploads = 0, commands = 0;
	char text[2][48] = { "", "" };

	for (uint32_t i = 0; i < s->group.n; i++)
		for (uint32_t o = 0; o < s->group.pipeline[i]->cfg.n_outputs; o++) {
			const struct bc_output *out = s->group.pipeline[i]->output[o];
			struct bc_post_publish_stats after = { .commands = 0 };
			struct bc_upload_stats up = { .waiting = 0 };

			if (out->after)
				bc_post_publish_stats(out->after, &after);
			bc_output_uploads(out, &up);
			uploads += up.waiting - up.failed;
			commands += after.commands_waiting + after.command_running;
		}
	if (uploads)
		snprintf(text[0], sizeof(text[0]), "%" PRIu64 " upload%s", uploads, bc_plural(uploads, "", "s"));
	if (commands)
		snprintf(text[1], sizeof(text[1]), "%" PRIu64 " command%s", commands, bc_plural(commands, "", "s"));
	bc_log(&s->log, BC_NOTICE, "waiting for %s%s%s: press Ctrl-C to leave %s", text[0], uploads && commands ? " and " : "",
	       uploads || commands ? text[1] : "published segments to be dealt with", bc_plural(uploads + commands, "it", "them"));
}

/* Wait until segments are moved and uploaded, commands have run, packets are published and sent, unless another signal comes. */
static void wait_for_post_publish(struct bc_session *s)
{
	const uint64_t tell_mono_ns = bc_mono_ns() + TELL_WAIT_NS;
	bool now = false, told = false;

	while (!now && !all_idle(s)) {
		if (!told && bc_mono_ns() >= tell_mono_ns) {
			tell_wait(s);
			told = true;
		}
		now = bc_signals_hurried(&s->signals);
	}
	if (s->uploader)
		bc_uploader_close(s->uploader);
	if (s->signer)
		bc_signer_close(s->signer);
	if (s->stamper)
		bc_stamper_close(s->stamper);
	for (int i = 0; i < BC_TENDERS; i++)
		if (s->tender[i])
			bc_tender_end(s->tender[i]);
	for (uint32_t i = 0; i < s->group.n; i++)
		bc_pipeline_end_post_publish(s->group.pipeline[i], now);
	s->ops->ended(s->ctx);
	bc_tap_end(s->tap);
	while (!now && !(bc_publisher_idle(s->publisher) && bc_tap_over(s->tap)))
		now = bc_signals_hurried(&s->signals);
}

/* A source or an output has failed; *ret_lost: packets are missing. */
static bool failed(const struct bc_session *s, bool *ret_lost)
{
	bool any = false;

	*ret_lost = false;
	for (uint32_t i = 0; i < s->group.n; i++) {
		struct bc_balance b;

		bc_ledger_total(s->group.pipeline[i]->ledger, &b);
		*ret_lost |= b.dropped_total > 0;
		any |= bc_pipeline_failed(s->group.pipeline[i]);
	}
	return any;
}

static enum bc_exit finish(struct bc_session *s)
{
	enum bc_exit status;
	struct bc_err err;
	bool lost;
	int r = 0;

	bc_session_join(s);
	wait_for_post_publish(s);
	bc_display_erase(s->display);
	bc_breach_tell(&s->log);
	status = failed(s, &lost) || bc_session_has_lost_keeper(s) ? BC_EXIT_FAILED : BC_EXIT_DONE;
	if (s->cfg->report)
		r = bc_report_write(s->cfg->report, bc_view_report(&s->group), s->keeper, &err);
	if (r) {
		bc_session_fail(s->name, &err, r, true);
		status = BC_EXIT_FAILED;
	}
	if (!s->cfg->brief || status != BC_EXIT_DONE || lost)
		bc_display_summary(stderr, &s->group);
	return status;
}

static void release(struct bc_session *s)
{
	bc_telemetry_free(s->telemetry);
	bc_display_free(s->display);
	s->display = NULL;
	if (s->uploader)
		bc_uploader_close(s->uploader);
	s->ops->release(s->ctx);
	bc_uploader_free(s->uploader);
	bc_spawner_free(s->spawner);
	bc_keeper_free(s->keeper);
	for (int i = 0; i < BC_TENDERS; i++)
		bc_tender_free(s->tender[i]);
	bc_signer_free(s->signer);
	bc_stamper_free(s->stamper);
	bc_publisher_free(s->publisher);
	bc_tap_free(s->tap);
	bc_keyring_free(s->keyring);
	bc_calibration_free(&s->calibration);
	bc_environment_stop(&s->env);
	for (uint32_t i = 0; s->crowd && i < s->n_lcores; i++)
		bc_crowd_free(s->crowd[i]);
	free(s->crowd);
	free(s->stages);
	free(s->stage_ptr);
	free(s->lcores);
	free(s->topo);
	free(s->request);
	free(s->plan);
}

/* Before other threads exist: check what would otherwise fail only at the end, and give up rights for good. */
static int check_early(struct bc_session *s, struct bc_err *err)
{
	int r = s->cfg->user ? bc_privileges_forswear(err) : 0;

	bc_privileges_keep_priority();
	if (!r && s->cfg->report)
		r = bc_privileges_try(s->cfg->user, bc_report_try, s->cfg->report, "--report: cannot write", err);
	return r;
}

static enum bc_hup hup_of(const struct bc_config *cfg)
{
	if (cfg->as_mtracecap)
		return BC_HUP_ENDS;
	return cfg->rotate_on_hup ? BC_HUP_ROTATES : BC_HUP_CLOSES;
}

enum bc_exit bc_session_run(struct bc_session *s)
{
	struct bc_err err = { .msg = "" };
	enum bc_exit status;
	int r;

	r = bc_await_interfaces(s->cfg, &s->log, &err);
	if (r)
		return bc_session_fail(s->name, &err, r, true);
	bc_signals_block(&s->signals, hup_of(s->cfg));
	if (s->cfg->remark)
		bc_log(&s->log, BC_NOTICE, "%s", s->cfg->remark);
	r = check_early(s, &err);
	if (!r)
		r = prepare(s, &err);
	if (!r) {
		say_start(s);
		if (s->ops->started)
			s->ops->started(s->ctx);
		bc_session_control(s);
		status = finish(s);
	} else {
		status = bc_session_fail(s->name, &err, r, s->env.up);
	}
	release(s);
	return status;
}
