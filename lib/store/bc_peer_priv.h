/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer, as the files of its thread share it. */
#ifndef BC_PEER_PRIV_H
#define BC_PEER_PRIV_H

#include "bc_peer.h"

#include <pthread.h>
#include <stdatomic.h>

#include "bc_conn.h"
#include "bc_ipip.h"
#include "bc_peer_fate.h"
#include "bc_peer_queue.h"
#include "bc_peer_session.h"
#include "bc_peer_us.h"
#include "bc_time.h"

/* The first wait between attempts. */
#define BC_PEER_BACKOFF_MIN_NS (100 * BC_NS_PER_MS)
/* For TCP and TLS to come up, and for a peer that acknowledges to answer. */
#define BC_PEER_HANDSHAKE_NS (10 * BC_NS_PER_S)
/* A connection that lasted for less is an attempt that failed. */
#define BC_PEER_STABLE_NS (5 * BC_NS_PER_S)
/* What OpenSSL may have begun to send when a write cannot go on. */
#define BC_PEER_TLS_RECORD_MAX 16384U

/* What goes out while the connection is UP. */
enum talk {
	HEAD,		/* the first link header, by itself, which asks whether the peer acknowledges */
	LISTEN,		/* nothing: it may answer, or refuse the link header */
	PLAIN,		/* packets, to one that does not acknowledge */
	SESSION,	/* who we are: it tells then what it has */
	ACKED,		/* packets, to one that acknowledges */
};

enum state {
	WAITING,	/* for the next attempt */
	CONNECTING,
	CONFIRMING,	/* connected, until the other side would have refused us */
	UP,
	ENDING,		/* nothing more is sent: the other side's end is awaited */
	OVER,
};

struct bc_peer {
	char *name, *host, *source, *spool;
	struct bc_peer_config cfg;
	struct bc_peer_queue queue;
	struct bc_peer_fate fate;
	struct bc_peer_session session;
	int wake;			/* eventfd */
	pthread_t thread;
	bool started;
	/* Orders: any thread sets them, the peer's thread obeys. */
	_Atomic bool stop, end, last;
	_Atomic uint64_t end_by_ns;

	/* The peer's thread. */
	enum state state;
	struct bc_conn *conn;
	struct bc_ipip *ipip;
	unsigned attempt;
	uint64_t backoff_ns;
	uint64_t until_ns;		/* WAITING, CONNECTING, CONFIRMING: their end */
	uint64_t up_ns;			/* when the connection came up */
	bool logged_up;
	char logged[BC_ERR_MSG_MAX];	/* what was last said to be wrong; "" when nothing is */
	enum talk talk;
	const uint8_t *prefix;		/* a message that goes before the spool, or what is left of it */
	size_t prefix_len;
	bool headed;			/* the connection's first link header was begun */
	size_t queued_head;		/* it is the spool's next message too, of this length */
	uint64_t hold_ns;		/* LISTEN, SESSION: their end */
	bool expected;			/* it acknowledges: it has done so before */
	bool again;			/* the connection ends so that another begins */
	uint64_t base;			/* in the queue: where this connection began */
	uint64_t mark, mark_ns;		/* what had been acknowledged when */
	unsigned n_short;		/* connections in a row that did not last */
	struct bc_peer_us us;
	bool alert;			/* it answered in TLS, which we do not speak with it */
	bool blocked;			/* the last write could not go on */
	size_t stuck_len;		/* TLS: with so many bytes of stuck it goes on */
	bool flooded;			/* more may be read that poll(2) does not see */
	short want;			/* what the connection waits for */

	uint8_t stuck[BC_PEER_TLS_RECORD_MAX];
	uint8_t message[BC_WIRE_MESSAGE_MAX];	/* the first link header or the session, while it is sent */

	/* The peer's thread writes, all read. */
	_Atomic bool done, up, acknowledges;
	bc_counter_t connects, unacked, acked;
};

/* --- The connection, in bc_peer_connect.c. --- */

/* Try to connect; go on with the handshake; the connection is up. */
void bc_peer_connect(struct bc_peer *p, uint64_t now_ns);
void bc_peer_shake_hands(struct bc_peer *p, uint64_t now_ns);
void bc_peer_connected(struct bc_peer *p, uint64_t now_ns);

/* It is broken, or did not come up: another is tried later. in_order: the other side ended it as one does. */
void bc_peer_failed(struct bc_peer *p, const char *why, bool in_order, uint64_t now_ns);

/* The other side has ended it, after we did. */
void bc_peer_ended(struct bc_peer *p, uint64_t now_ns);

void bc_peer_disconnect(struct bc_peer *p);

/* The next attempt comes later than the last, by some chance. */
void bc_peer_back_off(struct bc_peer *p, uint64_t now_ns);

/* What is wrong, the same words once; and that nothing is any more. */
void bc_peer_log_failure(struct bc_peer *p, const char *why);
void bc_peer_log_connected(struct bc_peer *p);

/* Up to where the queue's bytes are acknowledged by its kernel; what was so long enough ago has passed. */
uint64_t bc_peer_acknowledged(const struct bc_peer *p);
void bc_peer_look_at_acks(struct bc_peer *p, uint64_t now_ns);

/* --- What is said over it, in bc_peer_talk.c. --- */

/* What the other side says, and that it ends. False: the connection is gone. */
bool bc_peer_read(struct bc_peer *p, uint64_t now_ns);

/* It is up: read and write what can be. */
void bc_peer_talk(struct bc_peer *p, uint64_t now_ns);

bool bc_peer_all_sent(const struct bc_peer *p);

/* --- The thread, in bc_peer_run.c. arg: the peer. --- */

void *bc_peer_run_tcp(void *arg);
void *bc_peer_run_ipip(void *arg);

#endif
