/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A centre: the clients that may send, each with a receive ring, and the pipelines that store what they send: one for all (--merge), or one
 * for each. Control thread.
 */
#ifndef CENTRE_H
#define CENTRE_H

#include <jansson.h>

#include "bc_collector.h"
#include "bc_config_collect.h"
#include "bc_group.h"
#include "bc_pipeline.h"
#include "bc_plan.h"
#include "bc_publisher.h"
#include "bc_calibration.h"

/* One series of segments. */
struct centre_series {
	struct bc_output_config output;
	char dest[BC_STORE_PATH_MAX];
	char completed[BC_STORE_PATH_MAX];
	uint64_t received;		/* packets, when they were last looked at */
	uint64_t due_ns;		/* when the segment that they are in is over by the clock; 0: never */
	bool cut;			/* since then its segment was ended, because nothing came */
};

struct centre {
	const struct bc_collect_config *cfg;
	const struct bc_log *log;
	uint32_t n_clients;
	const char *name[BC_MAX_CLIENTS];
	bool no_store[BC_MAX_CLIENTS];
	struct bc_recv_ring *recv_ring[BC_MAX_CLIENTS];
	struct bc_source_config *source;	/* by client */
	struct centre_series *series;		/* by pipeline */
	struct bc_pipeline **pipeline;
	uint32_t n_pipelines;
	struct rte_mempool *pool;
	struct bc_calibration calibration;	/* its clock is all pipelines' */
	struct bc_tls *tls;
	struct bc_publisher *publisher;
	_Atomic bool gone[BC_MAX_CLIENTS];	/* its connection has ended, and subscribers are not told yet: the network sets */
	struct bc_collector *collector;
	struct bc_group group;
	bool kept;			/* a series looks after the folder that they share */
	int wake_fd;
};

/* Before EAL: who there is. 0 and *ret for centre_free, or a negative errno with a line in err. cfg and log are borrowed. */
int centre_new(const struct bc_collect_config *cfg, const struct bc_log *log, struct centre **ret, struct bc_err *err);
/* The mbufs that it wants. */
uint32_t centre_mbufs(const struct centre *c, const struct bc_plan *plan);

/* EAL is up: certificates, and the sockets that are listened on. */
int centre_listen(struct centre *c, struct bc_err *err);
/* The pipelines. */
int centre_build(struct centre *c, const struct bc_plan *plan, bool huge, struct bc_err *err);
/* Takes NULL; nothing runs any more but the network. */
void centre_free(struct centre *c);

/* About every 100 ms: clocks, stops, segments of clients that have fallen silent. True when everything is written. */
bool centre_control(struct centre *c);

/* Once the lcores run the pipelines' stages. */
int centre_start(struct centre *c, struct bc_err *err);
/* Take what has come by now. */
void centre_stop(struct centre *c);
void centre_abort(struct centre *c);
void centre_join(struct centre *c);
/* After that: do published segments still have to be moved, commands to be run? end waits for it, or (now) gives it up. */
bool centre_hooks_idle(const struct centre *c);
void centre_end_post_publish(struct centre *c, bool now);
void centre_rotate(struct centre *c);
bool centre_failed(const struct centre *c);
uint64_t centre_received(const struct centre *c);

/* Each client's state. Any thread. */
json_t *centre_clients(void *centre);

#endif
