/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of `collect` share: clients, each with a receive ring, and the pipelines that store what they send. */
#ifndef BC_COLLECT_PRIV_H
#define BC_COLLECT_PRIV_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bc_collect_past.h"
#include "bc_collector.h"
#include "bc_config_collect.h"
#include "bc_session.h"

/* One series of segments. */
struct bc_collect_series {
	struct bc_output_config output;
	uint32_t place;			/* with a keeper: which it is there */
	char dest[BC_STORE_PATH_MAX];
	char completed[BC_STORE_PATH_MAX];
	uint64_t received;		/* packets, when they were last looked at */
	uint64_t due_ns;		/* when the segment that they are in is over by the clock; 0: never */
	bool cut;			/* since then its segment was ended, because nothing came */
};

struct bc_collect_session {
	struct bc_session session;
	const struct bc_collect_config *cfg;
	uint32_t max_clients;			/* that there may be in time */
	_Atomic uint32_t n_clients;		/* the control thread adds, as to all that follows */
	char *name[BC_MAX_CLIENTS];
	_Atomic bool removed[BC_MAX_CLIENTS];	/* it was allowed once */
	bool no_store[BC_MAX_CLIENTS];
	struct bc_recv_ring *recv_ring[BC_MAX_CLIENTS];
	struct bc_ack *ack[BC_MAX_CLIENTS];	/* NULL: its packets are not acknowledged */
	struct bc_source_config *source;	/* by client */
	struct bc_collect_series *series;	/* by pipeline */
	struct bc_pipeline **pipeline;
	uint32_t n_pipelines;			/* one for each client, or one for all (--merge) */
	struct rte_mempool *pool;
	struct bc_output_crews crews;		/* of all series; empty with --merge */
	struct bc_tls *tls;
	_Atomic bool gone[BC_MAX_CLIENTS];	/* its connection has ended, and subscribers are not told yet: the network sets */
	struct bc_collector *collector;
	struct bc_collect_past past;
	bool kept;				/* a series looks after the folder that they share */
	int wake_fd;
};

/* Number i of the clients, which has a name: what it sends comes through. 0, or a negative errno with a line in err. */
int bc_collect_client_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err);
/* Pipeline i, of clients that are there. Likewise; bc_pipeline_free either way. */
int bc_collect_pipeline_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err);
/* Read the file again that names the clients, if one does: add and remove what has changed there. The log says what came of it. */
void bc_collect_reread(struct bc_collect_session *c);

/* Before EAL: who there is. 0, or a negative errno with a line in err; bc_collect_clients_free either way. */
int bc_collect_clients_new(struct bc_collect_session *c, struct bc_err *err);
void bc_collect_clients_free(struct bc_collect_session *c);
/* A client's connection begins, or has ended. The network's thread. */
void bc_collect_client_event(void *session, uint32_t client, bool connected);
/* Subscribers hear who has gone, behind a client's last packet and its last file; all: without waiting for those. */
void bc_collect_clients_tell(struct bc_collect_session *c, bool all);
/* How many clients there are, and the state of one as JSON. Any thread. */
uint32_t bc_collect_n_clients(void *session);
json_t *bc_collect_client_view(void *session, uint32_t i);

/* What the series of pipeline i is called in names, and to subscribers. */
const char *bc_collect_series_name(const struct bc_collect_session *c, uint32_t i);
/* Where the segments of pipeline i go, and what they are called. 0, or a negative errno with a line in err. */
int bc_collect_series_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err);
/*
 * What the clients of pipeline i were acknowledged before, between the two calls that make its series and it. 0, or a negative
 * errno with a line in err.
 */
int bc_collect_acks_restore(struct bc_collect_session *c, uint32_t i, struct bc_err *err);
/* In messages an output is its client's. */
void bc_collect_series_label(struct bc_collect_session *c, uint32_t i);
/*
 * Segments are cut by the packets' time, which stands still while none come: one that has waited for as long as a segment may
 * be is ended all the same, so that it can be read.
 */
void bc_collect_series_cut(struct bc_collect_session *c, uint32_t i, uint64_t now_ns);

#endif
