/* SPDX-License-Identifier: BSD-3-Clause */
/* What the nodes of `collect` were acknowledged before: found out, written down, told to those who acknowledge. */
#include "bc_collect_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_folder.h"

/* On disk when 0 is returned. */
static int put_into(const struct bc_folder *folder, const struct bc_ack_table *t)
{
	uint8_t *block;
	size_t len;
	int r = bc_ack_table_to_block(t, &block, &len);

	if (r)
		return r;
	r = bc_folder_acknowledge(folder, block, len);
	free(block);
	return r ? r : fsync(folder->fd) < 0 ? -errno : 0;
}

static int put(const struct bc_collect_session *c, const struct bc_collect_series *s, const struct bc_ack_table *t)
{
	struct bc_folder folder = {
		.path = (char *)(uintptr_t)s->output.dest, .series = (char *)(uintptr_t)s->output.series, .keeper = c->session.keeper, .place = s->place,
	};
	int r = folder.fd = bc_folder_open(&folder);

	if (r < 0)
		return r;
	r = put_into(&folder, t);
	close(folder.fd);
	return r;
}

/* The epoch used last comes first in the table, and last to the client. */
static void restore(const struct bc_ack_table *t, struct bc_ack *ack, const char *client)
{
	static const uint8_t zeros[BC_ACK_ID];

	if (memcmp(t->collector, zeros, BC_ACK_ID))
		bc_ack_set_collector(ack, t->collector);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct bc_ack_set *set = &t->client[i].set;

		for (uint32_t k = strcmp(t->client[i].name, client) ? 0 : set->n; k-- > 0;)
			bc_ack_restore(ack, &set->epoch[k]);
	}
}

/* Where there is no folder, the output will say why. */
static int look(struct bc_collect_session *c, const struct bc_collect_series *s, struct bc_ack_table *ret, struct bc_err *err)
{
	bool more;
	int r = bc_collect_past_look(&c->past, s->output.dest, s->output.series, ret, &more), e;

	if (r == -ENOMEM || r == -EOWNERDEAD)
		return bc_err_set(err, r, "cannot look for acknowledged packets in %s: %s", s->output.dest,
				  r == -ENOMEM ? "no memory" : "the process that reads there has ended");
	e = !r && more ? put(c, s, ret) : 0;
	if (e)
		bc_log(&c->session.log, BC_WARN, "%s: cannot write down what is acknowledged: %s", s->output.dest, strerror(-e));
	return 0;
}

int bc_collect_acks_restore(struct bc_collect_session *c, uint32_t i, struct bc_err *err)
{
	const uint32_t first = c->cfg->merge ? 0 : i, end = c->cfg->merge ? c->n_clients : i + 1;
	struct bc_ack_table table = { .n = 0 };
	int r = c->ack[first] ? look(c, &c->series[i], &table, err) : 0;

	for (uint32_t k = first; c->ack[first] && !r && k < end; k++) {
		bc_ack_set_collector(c->ack[k], bc_ack_collector(c->ack[first]));
		restore(&table, c->ack[k], c->name[k]);
	}
	bc_ack_table_fini(&table);
	return r;
}
