/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_print.h"
#include "bc_tel_command.h"
#include "bc_view.h"

json_t *bc_view_clients(const struct bc_group *g)
{
	json_t *list = json_array();

	for (uint32_t i = 0; g->client && i < g->n_clients(g->ctx); i++)
		json_array_append_new(list, g->client(g->ctx, i));
	return list;
}

static json_t *view(const struct bc_subject *s, const char *param)
{
	return bc_view_clients(s->group);
}

static uint32_t count(const struct bc_subject *s)
{
	return s->group->client ? s->group->n_clients(s->group->ctx) : 0;
}

static json_t *one(const struct bc_subject *s, uint32_t i)
{
	return s->group->client(s->group->ctx, i);
}

const struct bc_tel_command bc_tel_command_clients = {
	.name = "clients",
	.help = "A collector's clients. Parameter: N, only that one",
	.view = view,
	.element = "the number of a client",
	.count = count,
	.one = one,
	.ctl = { { "clients", "of a collector: who is connected, from where" } },
	.print = bc_ctl_print_clients,
};
