/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_telemetry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "bc_action.h"
#include "bc_number.h"
#include "bc_tel_command.h"
#include "bc_tel_data.h"
#include "bc_time.h"
#include "bc_view_value.h"

struct bc_telemetry {
	struct bc_action_queue *actions;
	pthread_mutex_t lock;	/* protects all below; held while a view is built */
	struct bc_telemetry_config cfg;	/* group NULL: there is no capture */
	uint64_t begun_mono_ns;
	uint64_t begun_tsc;
};

/*
 * DPDK gives a callback no context and never forgets one, so that clients can come at any time until the process ends: what they
 * find must stay. It is set once, by the first capture with EAL, and used again by the next.
 */
static _Atomic(struct bc_telemetry *) the_telemetry;

static json_t *element(json_t *list, const char *what, const char *param)
{
	size_t n = json_array_size(list);
	json_t *one = NULL;
	struct bc_err err;
	uint64_t i;

	if (!param)
		return list;
	if (!n || bc_parse_u64(what, param, 0, n - 1, &i, &err))
		one = bc_view_error("%s", n ? err.msg : "there is none");
	else
		one = json_incref(json_array_get(list, i));
	json_decref(list);
	return one;
}

static json_t *one_of_many(const struct bc_tel_command *c, const struct bc_subject *subject, const char *param)
{
	uint32_t n = c->count(subject);
	struct bc_err err;
	uint64_t i;

	if (!n || bc_parse_u64(c->element, param, 0, n - 1, &i, &err))
		return bc_view_error("%s", n ? err.msg : "there is none");
	return c->one(subject, (uint32_t)i);
}

static json_t *make_view(const struct bc_telemetry *t, const struct bc_tel_command *c, const char *param)
{
	const struct bc_subject subject = {
		.group = t->cfg.group,
		.lcores = t->cfg.lcores,
		.n_lcores = t->cfg.n_lcores,
		.tsc = rte_rdtsc() - t->begun_tsc,
		.elapsed_ns = bc_mono_ns() - t->begun_mono_ns,
	};
	json_t *view;

	if (c->one && param)
		return one_of_many(c, &subject, param);
	view = c->view(&subject, param);
	return c->element && param ? element(view, c->element, param) : view;
}

static json_t *ask_view(struct bc_telemetry *t, const struct bc_tel_command *c, const char *param)
{
	json_t *reply;

	pthread_mutex_lock(&t->lock);
	reply = t->cfg.group ? make_view(t, c, param) : bc_action_ended();
	pthread_mutex_unlock(&t->lock);
	return reply;
}

static json_t *answer(struct bc_telemetry *t, const struct bc_tel_command *c, const char *cmd, const char *param)
{
	/*
	 * Older DPDK parses all clients' requests with one strtok(), so a parameter that does not follow its command
	 * belongs to another client.
	 */
	if (param && param != cmd + strlen(cmd) + 1)
		return bc_view_error("two clients asked at the same time: ask again");
	if (param && !c->takes_param && !c->element)
		return bc_view_error("%s takes no parameter", cmd);
	if (param && strlen(cmd) + 1 + strlen(param) >= BC_ACTION_REQUEST_MAX)
		return bc_view_error("a request has at most %u bytes", BC_ACTION_REQUEST_MAX - 1);
	return c->view && (!c->act || !param) ? ask_view(t, c, param) : bc_action_ask(t->actions, c, param);
}

static json_t *too_much(const struct bc_tel_command *c)
{
	if (c->element)
		return bc_view_error("too much for one reply: ask " BC_TEL_COMMAND_FOLDER "%s,N for each N from 0",
				     c->name);
	return bc_view_error("too much for one reply: ask %s", c->page ? c->page : "less");
}

/* Prepared, and not longer than a reply may be. NULL without memory, or for a command that is none. */
static json_t *reply_to(void *ctx, const char *cmd, const char *param)
{
	struct bc_telemetry *t = ctx;
	const size_t len = strlen(BC_TEL_COMMAND_FOLDER);
	const struct bc_tel_command *c = strncmp(cmd, BC_TEL_COMMAND_FOLDER, len) ? NULL : bc_tel_command_find(cmd + len);
	json_t *reply, *prepared;

	if (!c || !c->help)
		return NULL;
	reply = answer(t, c, cmd, param);
	prepared = bc_tel_data_prepare(reply);
	json_decref(reply);
	if (prepared && !bc_tel_data_fits(prepared, cmd)) {
		json_decref(prepared);
		reply = too_much(c);
		prepared = bc_tel_data_prepare(reply);
		json_decref(reply);
	}
	return prepared;
}

static int on_command(const char *cmd, const char *param, struct rte_tel_data *d)
{
	struct bc_telemetry *t = atomic_load(&the_telemetry);
	json_t *reply = t ? reply_to(t, cmd, param) : NULL;
	int r = reply ? bc_tel_data_fill(d, reply) : -EINVAL;

	json_decref(reply);
	return r;
}

static struct bc_telemetry *new_context(void)
{
	struct bc_telemetry *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->actions = bc_action_queue_new();
	if (!t->actions) {
		free(t);
		return NULL;
	}
	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static int register_commands(struct bc_err *err)
{
	const struct bc_tel_command *c;

	for (size_t i = 0; (c = bc_tel_command_at(i)); i++) {
		char path[BC_TEL_COMMAND_PATH_MAX];
		int r = 0;

		bc_tel_command_path(c, path);
		if (c->help)
			r = rte_telemetry_register_cmd(path, on_command, c->help);
		if (r)
			return bc_err_set(err, r, "telemetry refuses the command %s", path);
	}
	return 0;
}

/* Those of a capture from now on. -EBUSY: there is another. */
static int open_context(struct bc_telemetry *t, const struct bc_telemetry_config *cfg, struct bc_err *err)
{
	pthread_mutex_lock(&t->lock);
	if (t->cfg.group) {
		pthread_mutex_unlock(&t->lock);
		return bc_err_set(err, -EBUSY, "a capture of this process is already on the telemetry socket");
	}
	t->cfg = *cfg;
	t->begun_mono_ns = bc_mono_ns();
	t->begun_tsc = rte_rdtsc();
	pthread_mutex_unlock(&t->lock);
	bc_action_queue_open(t->actions);
	return 0;
}

static int new_at_eal(const struct bc_telemetry_config *cfg, struct bc_telemetry **ret, struct bc_err *err)
{
	struct bc_telemetry *t = atomic_load(&the_telemetry);
	bool first = !t;
	int r;

	if (first && !(t = new_context()))
		return bc_err_set(err, -ENOMEM, "no memory for telemetry");
	r = open_context(t, cfg, err);
	if (r)
		return r;
	atomic_store(&the_telemetry, t);
	r = first ? register_commands(err) : 0;
	if (r)
		bc_telemetry_free(t);
	else
		*ret = t;
	return r;
}

static void free_context(struct bc_telemetry *t)
{
	bc_action_queue_free(t->actions);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int new_at_server(const struct bc_telemetry_config *cfg, struct bc_telemetry **ret, struct bc_err *err)
{
	struct bc_telemetry *t = new_context();
	int r;

	if (!t)
		return bc_err_set(err, -ENOMEM, "no memory for telemetry");
	open_context(t, cfg, NULL);
	r = bc_tel_server_start(cfg->server, reply_to, t, err);
	if (r)
		free_context(t);
	else
		*ret = t;
	return r;
}

int bc_telemetry_new(const struct bc_telemetry_config *cfg, struct bc_telemetry **ret, struct bc_err *err)
{
	return cfg->server ? new_at_server(cfg, ret, err) : new_at_eal(cfg, ret, err);
}

void bc_telemetry_run_actions(struct bc_telemetry *t)
{
	bc_action_run(t->actions, t->cfg.group);
}

void bc_telemetry_free(struct bc_telemetry *t)
{
	struct bc_tel_server *server = t ? t->cfg.server : NULL;

	if (!t)
		return;
	bc_action_queue_close(t->actions);
	pthread_mutex_lock(&t->lock);
	t->cfg = (struct bc_telemetry_config){ 0 };
	pthread_mutex_unlock(&t->lock);
	if (!server)
		return;
	bc_tel_server_free(server);
	free_context(t);
}
