/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The clients of a collector and their connections: handshake, bytes into the client's receive ring, end. A connection
 * goes through three phases (handshake, waiting for the ring, receiving); a client has at most one that receives. The
 * collector's thread calls all of this but bc_clients_status(); nothing here waits.
 */
#ifndef BC_CLIENTS_H
#define BC_CLIENTS_H

#include "bc_collector.h"

/* What the events of the collector's epoll point to. */
struct bc_watch {
	enum { BC_WATCH_LISTENER, BC_WATCH_WAKE, BC_WATCH_CLIENT } kind;
	int fd;
};

struct bc_clients;

/*
 * cfg is borrowed, and so is the epoll that connections are added to. 0 and *ret, or -ENOMEM. free closes all; takes
 * NULL.
 */
int bc_clients_new(const struct bc_collector_config *cfg, int epoll, struct bc_clients **ret);
void bc_clients_free(struct bc_clients *c);

/* A connection from an address that is allowed; fd is taken over, also when it is refused. */
void bc_clients_accept(struct bc_clients *c, int fd, const struct bc_allow *a);

/* Another list holds: clients that are new are known from now on, and those that are not in it are disconnected. */
void bc_clients_allow(struct bc_clients *c, const struct bc_collector_allow *list);

/* An event of a watch of kind BC_WATCH_CLIENT. */
void bc_clients_on_event(struct bc_clients *c, struct bc_watch *w);

/* Deadlines, and what no event tells of: rings that have room again, sources that have taken the last byte. */
void bc_clients_on_timer(struct bc_clients *c, uint64_t mono_ns);

/* After a batch of events, none of which can name a closed connection any more: free those. */
void bc_clients_free_closed(struct bc_clients *c);

/* Take what the sockets hold by now, then end every connection. Once. */
void bc_clients_stop(struct bc_clients *c, uint64_t mono_ns);

/* May a connection have bytes that epoll does not see? Then the timer is due at once. */
bool bc_clients_unread(const struct bc_clients *c);

/* Is there something that only the timer looks at? */
bool bc_clients_need_timer(const struct bc_clients *c);

/* Has every connection ended, to its last byte? ending: some still wait for their last acknowledgement. */
bool bc_clients_ended(const struct bc_clients *c);
bool bc_clients_ending(const struct bc_clients *c);

/* Any thread. */
void bc_clients_status(struct bc_clients *c, uint32_t client, struct bc_collector_client *ret);

#endif
