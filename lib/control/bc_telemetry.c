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
};

/*
 * DPDK gives a callback no context and never forgets one, so that clients can come at any time until the process ends: what they
 * find must stay. It is set once, by the first capture, and used again by the next.
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
		.tsc_hz = rte_get_tsc_hz(),
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

/* Give the reply to DPDK, and drop the reference to it. */
static int send_reply(struct rte_tel_data *d, json_t *reply, const char *cmd)
{
	json_t *prepared = bc_tel_data_prepare(reply);
	int r = prepared ? bc_tel_data_fill(d, prepared, cmd) : -ENOMEM;

	json_decref(reply);
	json_decref(prepared);
	return r;
}

static json_t *too_much(const struct bc_tel_command *c)
{
	if (c->element)
		return bc_view_error("too much for one reply: ask " BC_TEL_COMMAND_FOLDER "%s,N for each N from 0",
				     c->name);
	return bc_view_error("too much for one reply: ask %s", c->page ? c->page : "less");
}

static int on_command(const char *cmd, const char *param, struct rte_tel_data *d)
{
	struct bc_telemetry *t = atomic_load(&the_telemetry);
	const struct bc_tel_command *c = bc_tel_command_find(cmd + strlen(BC_TEL_COMMAND_FOLDER));
	int r;

	if (!c || !t)
		return -EINVAL;
	r = send_reply(d, answer(t, c, cmd, param), cmd);
	if (r == -E2BIG)
		r = send_reply(d, too_much(c), cmd);
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
	bc_action_queue_open(t->actions);
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

void bc_telemetry_run_actions(struct bc_telemetry *t)
{
	bc_action_run(t->actions, t->cfg.group);
}

void bc_telemetry_free(struct bc_telemetry *t)
{
	if (!t)
		return;
	bc_action_queue_close(t->actions);
	pthread_mutex_lock(&t->lock);
	t->cfg = (struct bc_telemetry_config){ 0 };
	pthread_mutex_unlock(&t->lock);
}
