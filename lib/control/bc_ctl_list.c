/* SPDX-License-Identifier: BSD-3-Clause */
/* List the captures that answer on their telemetry sockets. */
#include <inttypes.h>
#include <stdio.h>

#include "bc_field.h"
#include "bc_table.h"
#include "bc_tel_command.h"

static int ask(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("", captures);

	*ret = json_object();
	for (uint32_t i = 0; i < n; i++)
		json_object_set_new(*ret, captures[i].prefix, captures[i].info);
	return 0;
}

static void print(FILE *f, const json_t *answer)
{
	struct bc_table *t = bc_table_new("lllr");
	const char *prefix;
	json_t *info;

	bc_table_cell(t, "PREFIX");
	bc_table_cell(t, "PROCESS");
	bc_table_cell(t, "STATE");
	bc_table_cell(t, "RECEIVED");
	json_object_foreach((json_t *)answer, prefix, info) {
		bc_table_cell(t, "%s", prefix);
		bc_table_cell(t, "%" PRIu64, bc_field_u64(info, "pid"));
		bc_table_cell(t, "%s", bc_field_text(info, "state"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(json_object_get(info, "balance"), "received"));
	}
	if (json_object_size(answer))
		bc_table_print(t, f);
	else
		fputs("no capture of this user answers\n", f);
	bc_table_free(t);
}

const struct bc_tel_command bc_tel_command_list = {
	.name = "list",
	.ctl = { { "list", "captures that answer" } },
	.ask = ask,
	.of_all = true,
	.print = print,
};
