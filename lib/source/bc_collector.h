/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The network side of a collector: one thread that accepts the peers that are allowed, sees to TLS, and puts what they send into their
 * receive rings. When a receive ring is full its peer is not read from, and TCP holds it back. It knows nothing of packets.
 *
 * Of a client that connects a second time the newer connection counts: the older one is closed, and read no more. In TLS that
 * takes a handshake first.
 */
#ifndef BC_COLLECTOR_H
#define BC_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_ack.h"
#include "bc_allow.h"
#include "bc_counter.h"
#include "bc_recv_ring.h"
#include "bc_listen.h"
#include "bc_log.h"
#include "bc_tls.h"

#define BC_ADDRESS_MAX 80

struct bc_collector_config {
	const struct bc_listen *listen;	/* these three are borrowed, as all that follows */
	uint32_t n_listen;
	const struct bc_allow *allow;	/* numbered */
	uint32_t n_allow;
	uint32_t n_clients;
	uint32_t max_clients;		/* that there may be in time; the lists by client are so long */
	const char *const *name;	/* by client */
	struct bc_recv_ring *const *recv_ring;	/* by client */
	struct bc_ack *const *ack;	/* by client; NULL, also of one client: nothing is acknowledged */
	int wake_fd;			/* the receive rings' */
	struct bc_tls *tls;		/* NULL: no entry of allow asks for it */
	bool tls_all;			/* also of those that do not ask for it */
	bool bind_names;		/* a client's certificate must be made out to its name */
	uint64_t handshake_ns;		/* how long TLS and, after it, the link header may take */
	/* A client's connection begins, or has ended to its last byte. The network's thread. May be NULL. */
	void (*event)(void *ctx, uint32_t client, bool connected);
	void *ctx;
	const struct bc_log *log;
};

struct bc_collector;

/* Listens; nothing is accepted yet. 0 and *ret, or a negative errno with a line in err. */
int bc_collector_new(const struct bc_collector_config *cfg, struct bc_collector **ret, struct bc_err *err);
/* Begin the thread. 0 or a negative errno. */
int bc_collector_start(struct bc_collector *c);

/* Who may send from now on: numbered, for the n_clients there are by now, none of whom has another number or receive ring than before. */
struct bc_collector_allow {
	uint32_t n;
	uint32_t n_clients;
	struct bc_allow entry[];
};

/* Control thread, once it is started: list is malloc'd, and the collector's. Whoever is not in it is disconnected in good order. */
void bc_collector_allow(struct bc_collector *c, struct bc_collector_allow *list);

/* Any thread: accept no more, take what the peers' sockets hold by now, then close them. */
void bc_collector_stop(struct bc_collector *c);
/* Is that done? Then the receive rings get nothing more. Any thread. */
bool bc_collector_done(const struct bc_collector *c);

/* Ends the thread, if it was started, and frees. Takes NULL. */
void bc_collector_free(struct bc_collector *c);

struct bc_collector_client {
	bool connected;
	bool tls;
	char address[BC_ADDRESS_MAX];	/* now or, after that, last; "" before the first */
	char cert[128];			/* what the certificate is called; "" without one */
	uint64_t since_ns;		/* UTC of the last change; 0: none */
	uint64_t connections;		/* that came to be */
	uint64_t failures;		/* handshakes that failed, and connections that ended otherwise than in good order */
	uint64_t bytes;
	bool acknowledged;		/* the connection, or the last one, gets or got acknowledgements */
	char reason[256];		/* of the last end */
};

/* Any thread. */
void bc_collector_client(struct bc_collector *c, uint32_t client, struct bc_collector_client *ret);

/* Connections from addresses that are not allowed. Any thread. */
uint64_t bc_collector_refused(const struct bc_collector *c);

#endif
