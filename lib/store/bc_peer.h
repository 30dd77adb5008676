/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A remote peer that messages are sent to, with its own queue and thread: it connects, with TLS if configured, sends,
 * and keeps reconnecting when it cannot. After each connect the current link header goes first, and sending resumes
 * with the message that the last connection did not take completely or, if the peer acknowledges what it has on disk,
 * with the first one that it does not have. Nothing ever waits for it.
 */
#ifndef BC_PEER_H
#define BC_PEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_time.h"
#include "bc_tls.h"

enum bc_peer_proto {
	BC_PEER_OSMO,	/* osmo-pcap's messages over TCP */
	BC_PEER_IPIP,	/* each packet message's payload, an IP packet, sent inside IP */
};

#define BC_PEER_DOUBT_NS (5 * BC_NS_PER_S)

struct bc_peer_config {
	const char *name;	/* in the log; all strings are copied */
	enum bc_peer_proto proto;
	const char *host;	/* a name or an address */
	uint16_t port;		/* OSMO */
	const char *source;	/* the local address to use, or NULL */
	struct bc_tls *tls;	/* OSMO; a client's, not owned; NULL: plain */
	size_t queue_bytes;	/* that may be held in memory */
	const char *spool;	/* OSMO; a folder for what is not delivered, see bc_spool_disk.h; copied; NULL: none */
	uint64_t spool_bytes;	/* that may lie there */
	/*
	 * When the peer resets the connection, what its kernel acknowledged within the last doubt_ns may not have been
	 * read, and is lost. At most twice that passes before sent bytes are known to have passed.
	 */
	uint64_t doubt_ns;
	const struct bc_log *log;
};

struct bc_peer;

/*
 * Takes what needs privileges (for IPIP CAP_NET_RAW) and starts nothing. 0 and *ret, or a negative errno with a line in
 * err. free takes NULL; it ends the thread at once, except for a name resolution in progress.
 */
int bc_peer_new(const struct bc_peer_config *cfg, struct bc_peer **ret, struct bc_err *err);
void bc_peer_free(struct bc_peer *p);

/* Begin the thread. 0 or a negative errno. */
int bc_peer_start(struct bc_peer *p);

/*
 * Whole messages, in the framing of bc_wire.h: all (0) or none (-ENOBUFS: no room). One thread at a time. Never waits.
 */
int bc_peer_put(struct bc_peer *p, const void *data, size_t len);

/*
 * Bytes, counted since the beginning, of whole messages that are not held in memory any more: the kernel took them, the
 * peer acknowledged them, or they are in the spool's folder. Any thread.
 */
uint64_t bc_peer_passed(const struct bc_peer *p);

/*
 * Does it hold what was sent until the peer or a disk has it? Then a full queue says little: it gets room in lumps. Any
 * thread.
 */
bool bc_peer_holds(const struct bc_peer *p);

/* Any thread: no more is captured, and what comes need not be put at once. last: has that been said? */
void bc_peer_last(struct bc_peer *p);
bool bc_peer_is_last(const struct bc_peer *p);

/*
 * Of the bytes before known it is known whether they passed, that is, were acknowledged by the peer's kernel, or were
 * lost with a connection. lost: are some of those from from to to? One thread asks, in ascending order.
 */
uint64_t bc_peer_known(const struct bc_peer *p);
bool bc_peer_lost(struct bc_peer *p, uint64_t from, uint64_t to);

/* After the end: the byte before to is in the spool's folder, and the next run sends it. Any thread. */
bool bc_peer_kept(const struct bc_peer *p, uint64_t to);

/*
 * Nothing more will be put: when all is sent, shut the connection down cleanly and wait for the peer to close it,
 * within timeout_ns. bc_peer_done() says when that is over, whatever the outcome.
 */
void bc_peer_end(struct bc_peer *p, uint64_t timeout_ns);
bool bc_peer_done(const struct bc_peer *p);

struct bc_peer_stats {
	bool up;
	uint64_t connects;	/* successful ones */
	bool acknowledges;	/* the peer says what it has on disk */
	uint64_t acked;		/* packets that it says it has */
	uint64_t queued_bytes;	/* not sent yet */
	uint64_t held_bytes;	/* these, and what was sent and is not acknowledged by such a peer */
	uint64_t memory_bytes;	/* of them in memory only */
	uint64_t spool_bytes;	/* in the spool's folder, earlier runs' included */
	uint64_t since_ns;	/* UTC: when some of what is held was last done with; 0: nothing is held */
	uint64_t queue_bytes;	/* at the most */
	uint64_t unacked_bytes;	/* passed to connections that broke before the peer had acknowledged them */
};

/* Any thread. */
void bc_peer_stats(const struct bc_peer *p, struct bc_peer_stats *ret);

/*
 * A libpcap filter expression, in buf, that excludes traffic to and from such a peer; the host is resolved. 0, or a
 * negative errno with a line in err.
 */
int bc_peer_exclude(enum bc_peer_proto proto, const char *host, uint16_t port, char *buf, size_t size, struct bc_err *err);

#endif
