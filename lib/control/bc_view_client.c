/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_print.h"
#include "bc_tel_command.h"

static json_t *view(const struct bc_subject *s, const char *param)
{
	const struct bc_group *g = s->group;

	return g->clients ? g->clients(g->ctx) : json_array();
}

const struct bc_tel_command bc_tel_command_clients = {
	.name = "clients",
	.help = "A collector's clients. Parameter: N, only that one",
	.view = view,
	.element = "the number of a client",
	.ctl = { { "clients", "of a collector: who is connected, from where" } },
	.print = bc_ctl_print_clients,
};
