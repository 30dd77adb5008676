/* SPDX-License-Identifier: BSD-3-Clause */
/* Actions on a capture: sent over its socket, as ctl does. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_console_priv.h"
#include "bc_ctl_client.h"
#include "bc_view_value.h"

static const char *const actions[] = { "rotate", "pause", "resume", "stop", "filter" };

static bool is_action(const char *name)
{
	for (size_t i = 0; name && i < sizeof(actions) / sizeof(actions[0]); i++)
		if (!strcmp(name, actions[i]))
			return true;
	return false;
}

/* Is it one of those that the console shows? */
static bool is_shown(struct bc_console *c, const char *prefix)
{
	json_t *all = bc_ctl_watch_get(c->watch), *capture;
	bool found = false;
	size_t i;

	json_array_foreach(all, i, capture)
		found |= prefix && json_object_get(capture, "info") && !strcmp(json_string_value(json_object_get(capture, "prefix")), prefix);
	json_decref(all);
	return found;
}

/* 0 and *ret, or a negative errno with a line in err: -EREMOTEIO: the capture refuses. */
static int act(const char *prefix, const char *action, const char *param, json_t **ret, struct bc_err *err)
{
	int fd = bc_ctl_connect(prefix, err), r;
	char command[64];

	if (fd < 0)
		return fd;
	snprintf(command, sizeof(command), "/braidcap/%s", action);
	r = bc_ctl_ask(fd, command, param, ret, err);
	close(fd);
	return r;
}

static void audit_outcome(const struct bc_request *q, const char *prefix, const char *action, int r, const struct bc_err *err)
{
	json_t *o = json_pack("{s:s, s:s, s:s}", "capture", prefix, "action", action, "outcome", r ? "refused" : "done");

	if (r)
		json_object_set_new(o, "why", bc_view_string(err->msg));
	bc_console_audit(q, "action ended", o, NULL);
}

enum MHD_Result bc_console_action(const struct bc_request *q)
{
	const char *prefix = json_string_value(json_object_get(q->body, "capture"));
	const char *action = json_string_value(json_object_get(q->body, "action"));
	const char *expression = json_string_value(json_object_get(q->body, "expression"));
	const json_t *of = json_object_get(q->body, "output");
	json_int_t output = json_integer_value(of);
	char param[BC_CTL_REQUEST_MAX + 64];
	bool filters = action && !strcmp(action, "filter");
	struct bc_err err = { .msg = "" };
	json_t *answer = NULL;
	int r;

	if (!is_action(action) || (filters && (!expression || !json_is_integer(of) || output < 0 || output > 99)))
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "rotate, pause, resume, stop, or filter with an output and an expression");
	if (!is_shown(q->ctx, prefix))
		return bc_reply_error(q, MHD_HTTP_NOT_FOUND, "no such capture answers");
	if (filters && (size_t)snprintf(param, sizeof(param), "%d,%s", (int)output, expression) >= sizeof(param))
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "the expression is too long");
	r = bc_console_audit(q, "action", json_pack("{s:s, s:s, s:s*, s:I}", "capture", prefix, "action", action, "expression",
						    filters ? expression : NULL, "output", output), &err);
	if (!r)
		r = act(prefix, action, filters ? param : NULL, &answer, &err);
	audit_outcome(q, prefix, action, r, &err);
	if (r)
		return bc_reply_error(q, r == -EREMOTEIO ? MHD_HTTP_CONFLICT : MHD_HTTP_BAD_GATEWAY, "%s", err.msg);
	return bc_reply_json(q, MHD_HTTP_OK, answer);
}
