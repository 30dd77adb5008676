/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For a peer that takes classic pcap in microseconds only (osmo-pcap-server 0.6 to 0.8 ends the connection at a link
 * header with nanoseconds): is it one, and the queue's messages as it knows them. Lengths stay the same. The peer's
 * thread.
 */
#ifndef BC_PEER_US_H
#define BC_PEER_US_H

#include "bc_spool.h"

/* Zeroed at first. */
struct bc_peer_us {
	bool on;			/* it gets microseconds */
	unsigned n_refused;		/* connections in a row that ended at a link header with nanoseconds */
	uint8_t out[BC_WIRE_MESSAGE_MAX];	/* whole messages, of which len bytes from at on are not taken yet */
	size_t at, len;
};

/* A connection ended behind this link header, without an answer. True: the peer gets microseconds from now on. */
bool bc_peer_us_refused(struct bc_peer_us *u, const uint8_t *link);
/* It did not: the peer takes the header, or acknowledges. */
void bc_peer_us_accepted(struct bc_peer_us *u);

/*
 * If it is on: what comes next, as bc_spool_peek() has it; sent: n of these bytes were taken. A link header, in its
 * place.
 */
size_t bc_peer_us_next(struct bc_peer_us *u, struct bc_spool *s, const uint8_t **data);
void bc_peer_us_sent(struct bc_peer_us *u, size_t n);
void bc_peer_us_link(const struct bc_peer_us *u, uint8_t *link, size_t len);

/* The connection is gone, and the queue rewound. */
void bc_peer_us_rewind(struct bc_peer_us *u);

#endif
