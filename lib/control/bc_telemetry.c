/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "bc_action.h"
#include "bc_group.h"
#include "bc_number.h"
#include "bc_tel_data.h"
#include "bc_time.h"
#include "bc_view.h"

/* How long a client waits for the control thread. */
#define WAIT_NS (3 * BC_NS_PER_S)
/* What DPDK reads of a request; one that is so long may have lost its end. */
#define REQUEST_MAX 1023U

enum progress { WAITING, UNDER_WAY, DONE, ABANDONED };

/* One client's order. The client's thread owns it, but for one UNDER_WAY that it abandoned: the control thread frees that. */
struct request {
	struct request *next;
	enum bc_action action;
	enum progress progress;
	json_t *reply;		/* when DONE */
	char param[REQUEST_MAX + 1];
};

struct bc_telemetry {
	pthread_mutex_t lock;	/* of all below */
	pthread_cond_t done;
	struct bc_telemetry_config cfg;	/* group NULL: there is no capture */
	uint64_t begun_mono_ns;
	struct request *queue;
};

/*
 * DPDK gives a callback no context and never forgets one, so that clients can come at any time until the process ends: what they
 * find must stay. It is set once, by the first capture, and used again by the next.
 */
static _Atomic(struct bc_telemetry *) the_telemetry;

/* --- Views: telemetry's threads, with the lock held. --- */

static json_t *element(json_t *list, const char *what, const char *param)
{
	size_t n = json_array_size(list);
	json_t *one = NULL;
	struct bc_err err;
	uint64_t i;

	if (!param)
		return list;
	if (!n || bc_parse_u64(what, param, 0, n - 1, &i, &err))
		one = bc_action_error("%s", n ? err.msg : "there is none");
	else
		one = json_incref(json_array_get(list, i));
	json_decref(list);
	return one;
}

static json_t *view_info(const struct bc_telemetry *t, const char *param)
{
	return bc_group_info(t->cfg.group);
}

static json_t *view_ledger(const struct bc_telemetry *t, const char *param)
{
	return bc_group_ledger(t->cfg.group);
}

static json_t *view_clock(const struct bc_telemetry *t, const char *param)
{
	return bc_group_clock(t->cfg.group);
}

static json_t *view_sources(const struct bc_telemetry *t, const char *param)
{
	return element(bc_group_sources(t->cfg.group), "the number of a source", param);
}

static json_t *view_outputs(const struct bc_telemetry *t, const char *param)
{
	return element(bc_group_outputs(t->cfg.group), "the number of an output", param);
}

static json_t *view_clients(const struct bc_telemetry *t, const char *param)
{
	return element(bc_group_clients(t->cfg.group), "the number of a client", param);
}

static json_t *view_filters(const struct bc_telemetry *t, const char *param)
{
	return bc_group_filters(t->cfg.group);
}

static json_t *view_lcores(const struct bc_telemetry *t, const char *param)
{
	return element(bc_view_lcores(t->cfg.lcores, t->cfg.n_lcores, rte_get_tsc_hz(), bc_mono_ns() - t->begun_mono_ns),
		       "the number of an lcore", param);
}

/* MAX or MAX,OUTPUT. */
static json_t *view_segments(const struct bc_telemetry *t, const char *param)
{
	uint64_t max = BC_VIEW_SEGMENTS, output = BC_ALL_OUTPUTS;
	const char *comma = param ? strchr(param, ',') : NULL;
	char number[12] = "";
	struct bc_err err;
	int r = 0;

	if (param) {
		size_t len = comma ? (size_t)(comma - param) : strlen(param);

		memcpy(number, param, len < sizeof(number) ? len : sizeof(number) - 1);
		r = bc_parse_u64("how many segments", number, 1, BC_SEGLOG_MAX, &max, &err);
	}
	if (!r && comma)
		r = bc_parse_u64("the number of an output", comma + 1, 0, bc_group_outputs_count(t->cfg.group) - 1, &output, &err);
	return r ? bc_action_error("%s", err.msg) : bc_group_segments(t->cfg.group, (uint32_t)output, (uint32_t)max);
}

static const struct command {
	const char *path;
	const char *help;	/* at most 63 characters */
	json_t *(*view)(const struct bc_telemetry *t, const char *param);
	bool acts;		/* with a parameter, if there is a view too */
	bool takes_param;
	enum bc_action action;
	const char *page;	/* what to ask instead when the answer is too large */
} commands[] = {
	{
		.path = "/braidcap/info",
		.help = "The capture: version, state, totals",
		.view = view_info,
	},
	{
		.path = "/braidcap/sources",
		.help = "Sources. Parameter: N, only that one",
		.view = view_sources,
		.takes_param = true,
		.page = "/braidcap/sources,N for each N from 0",
	},
	{
		.path = "/braidcap/clients",
		.help = "A centre's clients. Parameter: N, only that one",
		.view = view_clients,
		.takes_param = true,
		.page = "/braidcap/clients,N for each N from 0",
	},
	{
		.path = "/braidcap/outputs",
		.help = "Outputs. Parameter: N, only that one",
		.view = view_outputs,
		.takes_param = true,
		.page = "/braidcap/outputs,N for each N from 0",
	},
	{
		.path = "/braidcap/lcores",
		.help = "Lcores and stages. Parameter: N, only that one",
		.view = view_lcores,
		.takes_param = true,
		.page = "/braidcap/lcores,N for each N from 0",
	},
	{
		.path = "/braidcap/ledger",
		.help = "What became of every packet",
		.view = view_ledger,
		.page = "/braidcap/info, /braidcap/sources,N and /braidcap/outputs,N",
	},
	{
		.path = "/braidcap/clock",
		.help = "How the time is kept",
		.view = view_clock,
		.page = "/braidcap/sources,N",
	},
	{
		.path = "/braidcap/segments",
		.help = "Last segments. Parameter: MAX or MAX,OUTPUT",
		.view = view_segments,
		.takes_param = true,
		.page = "/braidcap/segments,MAX,OUTPUT with a smaller MAX",
	},
	{
		.path = "/braidcap/rotate",
		.help = "Begin new segments",
		.acts = true,
		.action = BC_ACTION_ROTATE,
	},
	{
		.path = "/braidcap/pause",
		.help = "Count packets as paused, do not write",
		.acts = true,
		.action = BC_ACTION_PAUSE,
	},
	{
		.path = "/braidcap/resume",
		.help = "Go on after a pause",
		.acts = true,
		.action = BC_ACTION_RESUME,
	},
	{
		.path = "/braidcap/filter",
		.help = "Filters. Parameter: EXPRESSION or OUTPUT,EXPRESSION",
		.view = view_filters,
		.acts = true,
		.takes_param = true,
		.action = BC_ACTION_FILTER,
		.page = "/braidcap/outputs,N for each N from 0",
	},
	{
		.path = "/braidcap/stop",
		.help = "End the capture in good order",
		.acts = true,
		.action = BC_ACTION_STOP,
	},
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find(const char *path)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].path, path))
			return &commands[i];
	return NULL;
}

static json_t *ended(void)
{
	return bc_action_error("there is no capture: it has ended, or has not begun");
}

static json_t *look(struct bc_telemetry *t, const struct command *c, const char *param)
{
	json_t *reply;

	pthread_mutex_lock(&t->lock);
	reply = t->cfg.group ? c->view(t, param) : ended();
	pthread_mutex_unlock(&t->lock);
	return reply;
}

/* --- Actions: queued by telemetry's threads, done by the control thread. --- */

static void append(struct bc_telemetry *t, struct request *r)
{
	struct request **end = &t->queue;

	while (*end)
		end = &(*end)->next;
	*end = r;
}

static void take_out(struct bc_telemetry *t, const struct request *r)
{
	for (struct request **at = &t->queue; *at; at = &(*at)->next)
		if (*at == r) {
			*at = r->next;
			return;
		}
}

/* Wait under the lock; what became of the request, whose memory is then no longer the caller's. */
static json_t *await(struct bc_telemetry *t, struct request *r)
{
	uint64_t until_ns = bc_mono_ns() + WAIT_NS;
	struct timespec until = { (time_t)(until_ns / BC_NS_PER_S), (long)(until_ns % BC_NS_PER_S) };
	json_t *reply;

	while (r->progress != DONE && !pthread_cond_timedwait(&t->done, &t->lock, &until))
		;
	if (r->progress == UNDER_WAY) {
		r->progress = ABANDONED;
		return bc_action_error("it is under way, and takes longer than 3 s");
	}
	if (r->progress == WAITING) {
		take_out(t, r);
		reply = bc_action_error("the control thread did not come to it within 3 s: nothing was done");
	} else {
		reply = r->reply;
	}
	free(r);
	return reply;
}

static json_t *act(struct bc_telemetry *t, const struct command *c, const char *param)
{
	struct request *r = calloc(1, sizeof(*r));
	json_t *reply;

	if (!r)
		return NULL;
	r->action = c->action;
	if (param)
		strncpy(r->param, param, REQUEST_MAX);
	pthread_mutex_lock(&t->lock);
	if (t->cfg.group) {
		append(t, r);
		reply = await(t, r);
	} else {
		free(r);
		reply = ended();
	}
	pthread_mutex_unlock(&t->lock);
	return reply;
}

void bc_telemetry_run_actions(struct bc_telemetry *t)
{
	pthread_mutex_lock(&t->lock);
	while (t->queue) {
		struct request *r = t->queue;

		t->queue = r->next;
		r->progress = UNDER_WAY;
		pthread_mutex_unlock(&t->lock);
		r->reply = bc_action_run(t->cfg.group, r->action, r->param);
		pthread_mutex_lock(&t->lock);
		if (r->progress == ABANDONED) {
			json_decref(r->reply);
			free(r);
		} else {
			r->progress = DONE;
			pthread_cond_broadcast(&t->done);
		}
	}
	pthread_mutex_unlock(&t->lock);
}

/* --- DPDK's side. --- */

static json_t *answer(struct bc_telemetry *t, const struct command *c, const char *cmd, const char *param)
{
	/* Older DPDK parses all clients' requests with one strtok: a parameter that is not behind the command is another's. */
	if (param && param != cmd + strlen(cmd) + 1)
		return bc_action_error("two clients asked at the same time: ask again");
	if (param && !c->takes_param)
		return bc_action_error("%s takes no parameter", c->path);
	if (param && strlen(cmd) + 1 + strlen(param) >= REQUEST_MAX)
		return bc_action_error("a request has at most %u bytes", REQUEST_MAX - 1);
	return c->view && (!c->acts || !param) ? look(t, c, param) : act(t, c, param);
}

/* Give the reply to DPDK; the reference is taken. */
static int send_reply(struct rte_tel_data *d, json_t *reply, const char *cmd)
{
	json_t *prepared = bc_tel_data_prepare(reply);
	int r = prepared ? bc_tel_data_fill(d, prepared, cmd) : -ENOMEM;

	json_decref(reply);
	json_decref(prepared);
	return r;
}

static int on_command(const char *cmd, const char *param, struct rte_tel_data *d)
{
	struct bc_telemetry *t = atomic_load(&the_telemetry);
	const struct command *c = find(cmd);
	int r;

	if (!c || !t)
		return -EINVAL;
	r = send_reply(d, answer(t, c, cmd, param), cmd);
	if (r == -E2BIG)
		r = send_reply(d, bc_action_error("too much for one reply: ask %s", c->page ? c->page : "less"), cmd);
	return r;
}

static struct bc_telemetry *new_context(void)
{
	struct bc_telemetry *t = calloc(1, sizeof(*t));
	pthread_condattr_t attr;

	if (!t)
		return NULL;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->done, &attr);
	pthread_condattr_destroy(&attr);
	return t;
}

static int register_commands(struct bc_err *err)
{
	for (size_t i = 0; i < N_COMMANDS; i++) {
		int r = rte_telemetry_register_cmd(commands[i].path, on_command, commands[i].help);

		if (r)
			return bc_err_set(err, r, "telemetry does not take the command %s", commands[i].path);
	}
	return 0;
}

int bc_telemetry_new(const struct bc_telemetry_config *cfg, struct bc_telemetry **ret, struct bc_err *err)
{
	struct bc_telemetry *t = atomic_load(&the_telemetry);
	bool first = !t;

	if (first && !(t = new_context()))
		return bc_err_set(err, -ENOMEM, "no memory for telemetry");
	pthread_mutex_lock(&t->lock);
	if (t->cfg.group) {
		pthread_mutex_unlock(&t->lock);
		return bc_err_set(err, -EBUSY, "a capture of this process is already on the telemetry socket");
	}
	t->cfg = *cfg;
	t->begun_mono_ns = bc_mono_ns();
	pthread_mutex_unlock(&t->lock);
	atomic_store(&the_telemetry, t);
	if (first) {
		int r = register_commands(err);

		if (r) {
			bc_telemetry_free(t);
			return r;
		}
	}
	*ret = t;
	return 0;
}

void bc_telemetry_free(struct bc_telemetry *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->cfg = (struct bc_telemetry_config){ 0 };
	while (t->queue) {
		struct request *r = t->queue;

		t->queue = r->next;
		r->reply = ended();
		r->progress = DONE;
	}
	pthread_cond_broadcast(&t->done);
	pthread_mutex_unlock(&t->lock);
}
