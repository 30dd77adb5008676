/* SPDX-License-Identifier: BSD-3-Clause */
/* The clients of `collect`: what each sends, who is there, who has gone. */
#include "bc_collect_priv.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bc_source_kind.h"
#include "bc_view_value.h"

/* More than three of the longest messages. It is touched only as far as it is used. */
#define RECV_RING_BYTES (256U * 1024)

/* Without it the heap's own rule puts ever larger pieces where they are filled with zeroes. */
#define MMAP_THRESHOLD (128 * 1024)

static int name_clients(struct bc_collect_session *c, struct bc_err *err)
{
	const struct bc_collect_config *cfg = c->cfg;

	for (uint32_t i = 0; i < cfg->n_allow; i++) {
		const struct bc_allow *a = &cfg->allow[i];

		if (!c->name[a->client])
			c->name[a->client] = strdup(a->name);
		if (!c->name[a->client])
			return bc_err_set(err, -ENOMEM, "no memory for the clients");
		c->no_store[a->client] |= a->no_store;
	}
	return 0;
}

/* Descriptors of a client: its socket, its folder, its file. What is allocated for it and hardly used is to take no memory. */
static void raise_limits(void)
{
	struct rlimit l;

	mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD);
	if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
		l.rlim_cur = l.rlim_max;
		setrlimit(RLIMIT_NOFILE, &l);
	}
}

/* Only segments of pcapng in a folder say which packets are in them, and can be looked through after a crash. */
static bool acknowledges(const struct bc_collect_session *c, uint32_t client)
{
	const struct bc_output_config *o = &c->cfg->common.outputs[0];

	return o->kind == BC_DEST_FOLDER && o->format == BC_FORMAT_PCAPNG && !o->pipeout && !c->no_store[client];
}

int bc_collect_client_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err)
{
	const bool merge = c->cfg->merge;
	int r = bc_recv_ring_new(RECV_RING_BYTES, c->wake_fd, &c->recv_ring[i], err);

	if (r)
		return r;
	if (acknowledges(c, i) && !(c->ack[i] = bc_ack_new(c->wake_fd)))
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	c->source[i] = (struct bc_source_config){
		.spec = c->name[i],
		.kind = &bc_source_remote,
		.queues = 1,
		.recv_ring = c->recv_ring[i],
		.ack = c->ack[i],
		.max_caplen = c->cfg->max_caplen,
		.max_ifaces = merge ? BC_MAX_IFACES / c->n_clients : BC_MAX_IFACES,
		.end_segments = !merge,
		.one_linktype = !merge && c->cfg->common.outputs[0].format != BC_FORMAT_PCAPNG,
	};
	return 0;
}

int bc_collect_clients_new(struct bc_collect_session *c, struct bc_err *err)
{
	int r = name_clients(c, err);

	c->source = calloc(c->max_clients, sizeof(*c->source));
	if (!r && !c->source)
		r = bc_err_set(err, -ENOMEM, "no memory for the clients");
	if (r)
		return r;
	raise_limits();
	c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->wake_fd < 0)
		return bc_err_set(err, -errno, "eventfd: %s", strerror(errno));
	for (uint32_t i = 0; !r && i < c->n_clients; i++)
		r = bc_collect_client_new(c, i, err);
	return r;
}

void bc_collect_clients_free(struct bc_collect_session *c)
{
	/* One that could not be added is behind the last. */
	for (uint32_t i = 0; i < c->max_clients; i++) {
		bc_recv_ring_free(c->recv_ring[i]);
		bc_ack_free(c->ack[i]);
		free(c->name[i]);
	}
	if (c->wake_fd >= 0)
		close(c->wake_fd);
	free(c->source);
}

/* Whoever finds it first. */
static void tell_gone(struct bc_collect_session *c, uint32_t client)
{
	if (atomic_exchange(&c->gone[client], false))
		bc_publisher_event(c->session.publisher, "disconnect", c->name[client], NULL);
}

void bc_collect_client_event(void *ctx, uint32_t client, bool connected)
{
	struct bc_collect_session *c = ctx;

	if (connected) {
		tell_gone(c, client);
		bc_publisher_event(c->session.publisher, "connect", c->name[client], NULL);
	} else {
		atomic_store(&c->gone[client], true);
	}
}

/* Has everything from this client been written and, in a series of its own, published? */
static bool through(const struct bc_collect_session *c, uint32_t client)
{
	bool merge = c->cfg->merge;
	const struct bc_pipeline *p = c->pipeline[merge ? 0 : client];
	struct bc_store_stats st;
	struct bc_balance b;

	bc_ledger_balance(p->ledger, 0, merge ? client : 0, &b);
	if (b.unaccounted || merge)
		return !b.unaccounted;
	bc_output_store_stats(p->output[0], &st);
	return !st.path[0] && !st.queue && bc_pipeline_idle(p);
}

void bc_collect_clients_tell(struct bc_collect_session *c, bool all)
{
	for (uint32_t i = 0; i < c->n_clients; i++)
		if (atomic_load(&c->gone[i]) && (all || through(c, i)))
			tell_gone(c, i);
}

uint32_t bc_collect_n_clients(void *ctx)
{
	return ((struct bc_collect_session *)ctx)->n_clients;
}

json_t *bc_collect_client_view(void *ctx, uint32_t i)
{
	struct bc_collect_session *c = ctx;
	const struct bc_pipeline *p = c->pipeline[c->cfg->merge ? 0 : i];
	const struct bc_source_account *a = p->source[c->cfg->merge ? i : 0]->account;
	struct bc_collector_client k;

	bc_collector_client(c->collector, i, &k);
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:o}",
			 "name", c->name[i],
			 "state", k.connected ? "connected" : atomic_load(&c->removed[i]) ? "removed" : "disconnected",
			 "address", k.address,
			 "tls", k.tls,
			 "certificate", bc_view_string(k.cert),
			 "since_ns", bc_view_u64(k.since_ns),
			 "connections", bc_view_u64(k.connections),
			 "failures", bc_view_u64(k.failures),
			 "packets", bc_view_u64(bc_counter_get(&a->ingress.received)),
			 "bytes", bc_view_u64(k.bytes),
			 "stored", !c->no_store[i],
			 "acknowledged", k.acknowledged,
			 "repeated", bc_view_u64(c->ack[i] ? bc_counter_get(bc_ack_repeated(c->ack[i])) : 0),
			 "last_end", bc_view_string(k.reason));
}
