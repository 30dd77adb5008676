/* SPDX-License-Identifier: BSD-3-Clause */
/* The control thread's loop: signals, clients' actions, and when a session is over. */
#include "bc_breach.h"
#include "bc_session_priv.h"

#define ROUND_NS (50 * BC_NS_PER_MS)
#define STOPPING_ROUND_NS (20 * BC_NS_PER_MS)

static bool stopping(const struct bc_session *s)
{
	return s->stopping || s->group.pipeline[0]->stopping;
}

static void stop(struct bc_session *s)
{
	s->stopping = true;
	bc_group_stop(&s->group);
}

/* False: the session is to end at once. */
static bool obey_end(struct bc_session *s)
{
	switch (bc_signals_end(&s->signals)) {
	case BC_SIGNALS_STOP:
		bc_log(&s->log, BC_NOTICE, "stopping: draining and publishing; press Ctrl-C again to abort");
		stop(s);
		break;
	case BC_SIGNALS_ECHO:
		break;
	case BC_SIGNALS_NOW:
		bc_log(&s->log, BC_WARN, "aborting: packets in flight are lost, published segments are kept");
		bc_session_abort(s);
		return false;
	}
	return true;
}

static void reload(struct bc_session *s)
{
	s->ops->reload(s->ctx);
	bc_session_reload_tap(s);
}

static bool obey_signal(struct bc_session *s, int sig)
{
	switch (sig) {
	case SIGINT:
	case SIGTERM:
		return obey_end(s);
	case SIGHUP:
		if (!s->signals.hup_ends)
			reload(s);
		else if (!stopping(s))
			return obey_end(s);
		break;
	case SIGUSR1:
		bc_display_erase(s->display);
		bc_display_summary(stderr, &s->group);
		break;
	default:
		break;
	}
	return true;
}

static uint64_t total_received(const struct bc_group *g)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < g->n; i++)
		n += bc_pipeline_received(g->pipeline[i]);
	return n;
}

static void end_when_due(struct bc_session *s, uint64_t now_ns)
{
	const struct bc_config *cfg = s->cfg;
	uint64_t received = cfg->idle_exit_s > 0 ? total_received(&s->group) : 0;

	if (received != s->received) {
		s->received = received;
		s->active_mono_ns = now_ns;
	}
	if (stopping(s))
		return;
	if (cfg->duration_s > 0 && (double)(now_ns - s->start_mono_ns) >= cfg->duration_s * (double)BC_NS_PER_S)
		stop(s);
	if (cfg->idle_exit_s > 0 && !s->group.pipeline[0]->paused &&
	    (double)(now_ns - s->active_mono_ns) >= cfg->idle_exit_s * (double)BC_NS_PER_S) {
		bc_log(&s->log, BC_NOTICE, "no packet for %g s: stopping", cfg->idle_exit_s);
		stop(s);
	}
}

static void follow_clock(struct bc_session *s)
{
	int64_t stepped_ns = bc_clock_update(s->calibration.clock);
	char seconds[32];

	if (!stepped_ns)
		return;
	snprintf(seconds, sizeof(seconds), "%+.3f", (double)stepped_ns / (double)BC_NS_PER_S);
	bc_log(&s->log, BC_WARN, "the system clock was stepped by %s s; stamps follow it from here on", seconds);
	if (s->ops->stepped)
		s->ops->stepped(s->ctx, seconds);
}

void bc_session_control(struct bc_session *s)
{
	s->start_mono_ns = s->active_mono_ns = bc_mono_ns();
	for (;;) {
		int sig = bc_signals_wait(&s->signals, stopping(s) ? STOPPING_ROUND_NS : ROUND_NS);
		uint64_t now_ns = bc_mono_ns();

		if (sig > 0 && !obey_signal(s, sig))
			break;
		bc_telemetry_run_actions(s->telemetry);
		if (sig == BC_SIGNALS_WAKE || stopping(s) || now_ns - s->control_mono_ns >= BC_CLOCK_UPDATE_NS ||
		    atomic_load(&s->group.pipeline[0]->limit_reached)) {
			s->control_mono_ns = now_ns;
			follow_clock(s);
			bc_session_look_at_spawner(s);
			bc_session_look_at_keyring(s);
			bc_session_look_at_tenders(s);
			if (!s->stopping && bc_session_has_lost_keeper(s))
				stop(s);
			bc_breach_tell(&s->log);
			if (s->ops->control(s->ctx))
				break;
		}
		end_when_due(s, now_ns);
		bc_display_tick(s->display, now_ns);
	}
}
