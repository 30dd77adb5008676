/* SPDX-License-Identifier: BSD-3-Clause */
/* The connections of a collector's clients, as the files of its thread share them. */
#ifndef BC_CLIENTS_PRIV_H
#define BC_CLIENTS_PRIV_H

#include "bc_clients.h"

#include <pthread.h>

#include "bc_ack.h"
#include "bc_conn.h"
#include "bc_log_limit.h"
#include "bc_wire.h"

#define BC_CLIENTS_HANDSHAKES_MAX 4	/* of one client at a time */

enum phase {
	HANDSHAKE,	/* TLS */
	CANDIDATE,	/* beside an older connection, until its link header begins */
	WAITING,	/* for the receive ring */
	RECEIVING,
	ENDING,		/* has sent its last byte, and waits for the last acknowledgement */
};

/* A connection. */
struct session {
	struct bc_watch watch;	/* first: events point to it */
	struct session *next_closed;
	struct bc_conn *conn;
	uint32_t client;
	enum phase phase;
	bool tls;
	short events;		/* asked of epoll; 0: it is not in the set */
	short reads, writes;	/* what reading and writing wait for */
	uint64_t connection;	/* its number in the receive ring */
	uint64_t received;	/* bytes */
	uint64_t looked_at;	/* so many of them there were when the timer last looked, */
	uint64_t quiet_ns;	/* and since when */
	bool trimmed;		/* since then the receive ring's memory was given back */
	bool hello_due;		/* the node asked for acknowledgements */
	bool greeted;		/* and was told that it gets some */
	bool told;		/* an acknowledgement was sent: */
	uint64_t told_next;	/* its number */
	uint8_t out[BC_WIRE_ANSWER_MAX];	/* the answer being sent; out_len bytes are left */
	size_t out_len;
	bool closed;
	bool deaf;		/* epoll refused it: the timer looks */
	bool unread;		/* bytes may wait inside TLS, where epoll does not see them */
	bool ring_full;
	uint64_t deadline_ns;	/* 0: none */
};

struct client {
	const char *name;
	struct bc_recv_ring *recv_ring;
	struct bc_ack *ack;		/* NULL: nothing is acknowledged */
	struct session *handshaking[BC_CLIENTS_HANDSHAKES_MAX];
	struct session *waiting;	/* until the source is done with the one before */
	struct session *receiving;
	struct session *ending;
	bool draining;		/* the receive ring is ENDED, and the source not done yet */
	bool clean;		/* the end was in good order */
	bool allowed;		/* by the list in force, while that is looked at */
	struct bc_log_limit limit;
	bc_counter_t bytes;
	struct bc_collector_client status;	/* under the lock */
};

struct bc_clients {
	const struct bc_collector_config *cfg;
	int epoll;
	pthread_mutex_t lock;	/* of every client's status */
	struct client *client;
	uint32_t n;		/* clients that are known */
	struct session *closed;
	uint64_t stop_ns;	/* when the stop was asked for; 0: it was not */
	bool unread;		/* of a session */
	bool timed;		/* the timer may have something to look at */
};

#define BC_CLIENTS_LOG(c, k, level, ...) bc_log_limited((c)->cfg->log, &(k)->limit, level, (k)->name, __VA_ARGS__)

/* --- How a connection begins, in bc_clients_begin.c. --- */

/* It is at its handshake, or beside an older one: see whether that goes on. */
void bc_clients_shake_hands(struct bc_clients *c, struct client *k, struct session *s);
void bc_clients_candidate(struct bc_clients *c, struct client *k, struct session *s);

/* The receive ring is free for it. */
void bc_clients_receive_from(struct bc_clients *c, struct client *k, struct session *s);

/* --- What the node is told, in bc_clients_answer.c. --- */

/* Send what is due to the client's connections. */
void bc_clients_answer(struct bc_clients *c, struct client *k);

/* --- How it ends, in bc_clients_end.c. --- */

/* What epoll is asked for; update: as what the session waits for says. */
void bc_clients_set_events(struct bc_clients *c, struct session *s, short events);
void bc_clients_update_events(struct bc_clients *c, struct session *s);

/* End a connection that is not receiving yet; leave_handshake: it is at its handshake no more. */
void bc_clients_refuse(struct bc_clients *c, struct client *k, struct session *s, const char *why);
void bc_clients_leave_handshake(struct client *k, const struct session *s);

/*
 * End the one that is receiving; cleanly: in good order, and a node that gets acknowledgements still gets the last one.
 */
void bc_clients_end_session(struct bc_clients *c, struct client *k, bool clean, const char *why);
void bc_clients_end_cleanly(struct bc_clients *c, struct client *k, const char *why);

/* The one that waits for its last acknowledgement. */
void bc_clients_close_ending(struct bc_clients *c, struct client *k);

/* The source has taken the last byte. */
void bc_clients_drained(struct bc_clients *c, struct client *k);

/* Whoever wants to know hears that a client's connection begins, or has ended. */
void bc_clients_notify(struct bc_clients *c, const struct client *k, bool connected);

#endif
