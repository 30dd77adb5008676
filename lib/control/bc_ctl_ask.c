/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bc_field.h"
#include "bc_ledger.h"
#include "bc_number.h"
#include "bc_tel_command.h"

int bc_ctl_ask_ledger(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	json_t *info = NULL, *sources = NULL, *outputs = NULL;
	int r = bc_ctl_ask(q->fd, "/braidcap/ledger", NULL, ret, err);

	if (r != -EREMOTEIO)
		return r;
	r = bc_ctl_ask(q->fd, "/braidcap/info", NULL, &info, err);
	if (!r)
		r = bc_ctl_ask_list(q->fd, "/braidcap/sources", bc_field_u64(info, "sources"), &sources, err);
	if (!r)
		r = bc_ctl_ask_list(q->fd, "/braidcap/outputs", bc_field_u64(info, "outputs"), &outputs, err);
	if (!r) {
		*ret = json_pack("{s:i, s:O*, s:O*, s:O, s:O, s:O*, s:O*}", "version", 1,
				 "started_ns", json_object_get(info, "started_ns"),
				 "stopped_ns", json_object_get(info, "stopped_ns"),
				 "sources", sources, "outputs", outputs,
				 "balance", json_object_get(info, "balance"),
				 "pcap_over_ip", json_object_get(info, "pcap_over_ip"));
		r = *ret ? 0 : bc_err_set(err, -ENOMEM, "no memory");
	}
	json_decref(info);
	json_decref(sources);
	json_decref(outputs);
	return r;
}

int bc_ctl_check_segments(const struct bc_ctl_request *q, struct bc_err *err)
{
	uint64_t n;

	if (q->argc && (q->argc > 1 || bc_parse_u64("segments", q->argv[0], 1, UINT16_MAX, &n, err)))
		return q->argc > 1 ? bc_err_set(err, -EINVAL, "segments: takes only one number") : -EINVAL;
	return 0;
}

int bc_ctl_ask_segments(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	char param[64];

	if (!q->argc && !q->output)
		return bc_ctl_ask(q->fd, "/braidcap/segments", NULL, ret, err);
	snprintf(param, sizeof(param), "%.24s%s%.24s", q->argc ? q->argv[0] : "32", q->output ? "," : "",
		 q->output ? q->output : "");
	return bc_ctl_ask(q->fd, "/braidcap/segments", param, ret, err);
}

int bc_ctl_check_filter(const struct bc_ctl_request *q, struct bc_err *err)
{
	return 0;
}

/* The words of an expression need not be one argument, as with tcpdump. */
int bc_ctl_ask_filter(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	char param[BC_CTL_REQUEST_MAX + 1];
	size_t n;

	if (!q->argc)
		return bc_ctl_ask(q->fd, "/braidcap/filter", NULL, ret, err);
	n = (size_t)snprintf(param, sizeof(param), "%.24s,", q->output ? q->output : "");
	for (int i = 0; i < q->argc; i++) {
		size_t len = strlen(q->argv[i]);

		if (n + len + 2 > sizeof(param))
			return bc_err_set(err, -E2BIG, "too long: a filter has at most %d bytes", BC_CTL_REQUEST_MAX - 50);
		n += (size_t)snprintf(param + n, sizeof(param) - n, "%s%s", i ? " " : "", q->argv[i]);
	}
	return bc_ctl_ask(q->fd, "/braidcap/filter", param, ret, err);
}

/* sources, outputs, clients, lcores: however many there are. */
static int ask_list(const struct bc_tel_command *c, const char *path, int fd, json_t **ret, struct bc_err *err)
{
	uint64_t n = BC_MAX_SOURCES;
	json_t *info;
	int r = bc_ctl_ask(fd, "/braidcap/info", NULL, &info, err);

	if (r)
		return r;
	n = json_object_get(info, c->name) ? bc_field_u64(info, c->name) : n;
	json_decref(info);
	return bc_ctl_ask_list(fd, path, n, ret, err);
}

int bc_ctl_run(const struct bc_tel_command *c, const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	char path[BC_TEL_COMMAND_PATH_MAX];

	if (c->ask)
		return c->ask(q, ret, err);
	bc_tel_command_path(c, path);
	return c->element ? ask_list(c, path, q->fd, ret, err) : bc_ctl_ask(q->fd, path, NULL, ret, err);
}
