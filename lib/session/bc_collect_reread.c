/* SPDX-License-Identifier: BSD-3-Clause */
/* Clients added and removed while `collect` runs, by the file that names them. */
#include "bc_collect_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_plural.h"

/* The client behind the last, with all that it needs. What was made of one that fails stays until the end, for the next try. */
static int add(struct bc_collect_session *c, const struct bc_allow *a, struct bc_err *err)
{
	const uint32_t i = c->n_clients;
	int r;

	c->name[i] = strdup(a->name);
	if (!c->name[i])
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	c->no_store[i] = a->no_store;
	r = bc_collect_client_new(c, i, err);
	if (!r)
		r = bc_collect_pipeline_new(c, i, err);
	if (!r)
		r = bc_pipeline_start(c->pipeline[i], err);
	if (r)
		return r;
	c->n_pipelines++;
	bc_session_add(&c->session);
	c->n_clients = i + 1;
	return 0;
}

static void forget(struct bc_collect_session *c)
{
	const uint32_t i = c->n_clients;

	if (i == c->max_clients)
		return;
	if (c->pipeline[i]) {
		bc_pipeline_abort(c->pipeline[i]);
		bc_pipeline_join(c->pipeline[i]);
	}
	bc_pipeline_free(c->pipeline[i]);
	bc_recv_ring_free(c->recv_ring[i]);
	bc_ack_free(c->ack[i]);
	free(c->name[i]);
	c->pipeline[i] = NULL;
	c->recv_ring[i] = NULL;
	c->ack[i] = NULL;
	c->name[i] = NULL;
}

/* What can be told before anything is changed. */
static int check(const struct bc_collect_session *c, const struct bc_allow *list, uint32_t n, uint32_t clients, struct bc_err *err)
{
	if (clients > c->max_clients)
		return bc_err_set(err, -EINVAL, "with --merge clients cannot be added while it runs");
	for (uint32_t i = 0; i < n; i++)
		if (list[i].tls && !c->tls)
			return bc_err_set(err, -EINVAL, "'%s' has tls, for which nothing was set up at the start", list[i].name);
	return 0;
}

static int add_new(struct bc_collect_session *c, const struct bc_allow *list, uint32_t n, struct bc_err *err)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < n; i++)
		if (list[i].client == c->n_clients)
			r = add(c, &list[i], err);
	bc_collect_past_forget(&c->past);
	return r;
}

/* Those that are in the list, and those that are not any more. How many of these there are. */
static uint32_t mark(struct bc_collect_session *c, const struct bc_allow *list, uint32_t n)
{
	uint32_t removed = c->n_clients;
	bool *named = calloc(c->max_clients, sizeof(*named));

	for (uint32_t i = 0; named && i < n; i++) {
		removed -= !named[list[i].client];
		named[list[i].client] = true;
	}
	for (uint32_t i = 0; named && i < c->n_clients; i++)
		atomic_store(&c->removed[i], !named[i]);
	free(named);
	return removed;
}

static int hand_over(struct bc_collect_session *c, const struct bc_allow *list, uint32_t n, struct bc_err *err)
{
	struct bc_collector_allow *a = malloc(sizeof(*a) + n * sizeof(a->entry[0]));

	if (!a)
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	a->n = n;
	a->n_clients = c->n_clients;
	memcpy(a->entry, list, n * sizeof(a->entry[0]));
	bc_collector_allow(c->collector, a);
	return 0;
}

/* What this process may not open, another hands over. */
static int read_list(struct bc_collect_session *c, struct bc_allow **ret, uint32_t *ret_n, struct bc_err *err)
{
	int fd, r = bc_collect_past_file(&c->past, &fd);

	if (r)
		return bc_err_set(err, r, "%s: %s", c->cfg->allow_file, r == -EOWNERDEAD ? "the process that reads it has ended" : strerror(-r));
	r = bc_config_collect_reread(c->cfg->allow_file, fd, ret, ret_n, err);
	if (fd >= 0)
		close(fd);
	return r;
}

void bc_collect_reread(struct bc_collect_session *c)
{
	const struct bc_log *log = &c->session.log;
	const uint32_t before = c->n_clients;
	struct bc_allow *list = NULL;
	struct bc_err err;
	uint32_t n = 0;
	int r;

	if (!c->cfg->allow_file || c->session.stopping)
		return;
	r = read_list(c, &list, &n, &err);
	if (!r)
		r = bc_allow_number(list, n, (const char *const *)c->name, c->n_clients, &err);
	if (r > 0)
		r = check(c, list, n, (uint32_t)r, &err);
	if (!r)
		r = add_new(c, list, n, &err);
	if (!r)
		r = hand_over(c, list, n, &err);
	if (r) {
		bc_log(log, BC_ERROR, "%s: keeping the current clients", err.msg);
		forget(c);
	} else {
		bc_log(log, BC_NOTICE, "%s was read again: %u %s new, %u of %u may not send any more", c->cfg->allow_file,
		       c->n_clients - before, bc_plural(c->n_clients - before, "client is", "clients are"), mark(c, list, n), (uint32_t)c->n_clients);
	}
	free(list);
}
