/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Events and packets to applications, by a ZeroMQ publisher whose messages are those of osmo-pcap-server:
 *
 *   event.v1.EVENT.CLIENT [| text]              EVENT: connect, disconnect, closingtracefile (text: the file's path), clockstep (text: seconds)
 *   data.v1.CLIENT | file header | one packet behind its header
 *
 * One thread of the publisher's own does all the work: it decompresses, takes the packets apart and sends them. Who
 * calls here puts something into a queue of a bounded size and goes on. What the queue has no room for, and what a
 * subscriber does not take in time, is counted and forgotten: neither is waited for. docs/hooks.md has the whole
 * story.
 */
#ifndef BC_PUBLISHER_H
#define BC_PUBLISHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"

/* The longest name of a client, which becomes part of topics. */
#define BC_CLIENT_MAX 128

#define BC_PUBLISH_HWM 65536U			/* messages that wait for one subscriber */
#define BC_PUBLISH_QUEUE (128U * 1024 * 1024)	/* bytes that wait for the publisher's thread, as they are decompressed: its work */

struct bc_publisher_config {
	const char *endpoint;		/* as zmq_bind takes it: tcp://127.0.0.1:6000, tcp://[::1]:6000, ipc:///run/x; copied */
	uint32_t hwm;			/* 0: BC_PUBLISH_HWM */
	size_t queue_bytes;		/* 0: BC_PUBLISH_QUEUE */
	uint32_t linger_ms;		/* how long the end waits for subscribers to take what they have waiting */
	const struct bc_log *log;	/* outlives the publisher; may be NULL */
};

struct bc_publisher;

/*
 * Binds, and starts the thread with all signals blocked. 0 and *ret; or a negative errno, a line in err, and nothing
 * left behind.
 */
int bc_publisher_new(const struct bc_publisher_config *cfg, struct bc_publisher **ret, struct bc_err *err);

/* No mirror is left. Sends what is queued, waits for subscribers for linger_ms at the most, unbinds. Takes NULL. */
void bc_publisher_free(struct bc_publisher *p);

/* Any thread: everything that was put is sent, and counted. p NULL: true. */
bool bc_publisher_idle(struct bc_publisher *p);

/* Is this a name of a client: 1 to BC_CLIENT_MAX bytes, printable ASCII without a space? */
bool bc_client_name(const char *name);

/* This host's name, if that may be a client's; otherwise "braidcap". */
void bc_client_of_host(char name[BC_CLIENT_MAX + 1]);

/*
 * Any thread. event: connect, disconnect, closingtracefile, clockstep; text may be NULL: the message then has one part. Never
 * waits. Events of one client come in the order in which they and its packets were put. p NULL: nothing happens.
 */
void bc_publisher_event(struct bc_publisher *p, const char *event, const char *client, const char *text);

/* What the publisher and all its mirrors did so far. */
struct bc_publisher_stats {
	uint64_t events;		/* put */
	uint64_t packets;		/* sent; while there is no subscription at all they are not */
	uint64_t overflowed;		/* packets lost: the queue was full, because the publisher's thread is too slow */
	uint64_t stalls;		/* times that a subscriber had hwm messages waiting, and lost some; ZeroMQ does not tell how many */
	uint64_t subscriptions;		/* topics that somebody has subscribed to at present */
};

/* Any thread. */
void bc_publisher_stats(struct bc_publisher *p, struct bc_publisher_stats *ret);

#endif
