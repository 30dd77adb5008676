/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * PCAP-over-IP: whoever connects gets what begins a capture file, and then the packets of an output, or of several, as
 * they come. One thread does all the work. Who calls here never waits: a client that reads too slowly misses whole
 * records, which are counted (client_slow), and nobody else notices. docs/wireshark.md has the whole story.
 *
 * Bounds: what waits for the thread, cfg.buffer_bytes of the stream that clients may be behind, and for each client one
 * piece of it (a chunk, decompressed).
 */
#ifndef BC_TAP_H
#define BC_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_format.h"
#include "bc_listen.h"
#include "bc_log.h"
#include "bc_mirror.h"
#include "bc_tls.h"

#define BC_TAP_CLIENTS_MAX 256U
#define BC_TAP_ADDRESS_MAX 80

struct bc_tap_config {
	struct bc_listen listen;
	enum bc_format format;		/* of the stream: not ERF */
	uint32_t clients;		/* that may be connected, at most BC_TAP_CLIENTS_MAX; more are turned away */
	size_t buffer_bytes;		/* how far a client may be behind */
	uint32_t linger_ms;		/* how long the end waits for a client that takes nothing; for all of them ten times that */
	struct bc_tls *tls;		/* a server's; the tap's from now on, if bc_tap_new() succeeds; NULL: plain */
	const struct bc_log *log;	/* outlives the tap; may be NULL */
};

struct bc_tap;

/* Listens, and starts the thread. 0 and *ret; or a negative errno, a line in err, and nothing left behind. */
int bc_tap_new(const struct bc_tap_config *cfg, struct bc_tap **ret, struct bc_err *err);

/* No mirror is left. Takes NULL. */
void bc_tap_free(struct bc_tap *t);

/*
 * A mirror whose packets become part of the stream; for bc_mirror_free(). t outlives it. format: of what is put. NULL
 * without memory.
 */
struct bc_mirror *bc_tap_mirror_new(struct bc_tap *t, enum bc_format format);

/*
 * Nothing more will be put: send what is there as long as clients take it, then disconnect them. It is over when nothing
 * is left to count. t NULL: nothing happens; it is over.
 */
void bc_tap_end(struct bc_tap *t);
bool bc_tap_over(struct bc_tap *t);

/* Any thread: as bc_tls_reload(). Without TLS nothing happens. */
int bc_tap_reload(struct bc_tap *t, struct bc_err *err);

/* What it did so far. Packets count once for each client that they are for. */
struct bc_tap_stats {
	const char *address;		/* where it listens; as the rest of text, good as long as the tap */
	const char *format;
	bool tls;
	uint64_t connected;		/* clients, ever */
	uint64_t refused;		/* connections: there were too many, or TLS failed */
	uint64_t sent;			/* packets */
	uint64_t client_slow;		/* packets that a client missed because it read too slowly */
	uint64_t overflowed;		/* packets that no client got: this thread was too slow for them */
	uint64_t unfit;			/* packets that the stream's format has no place for: another link type in pcap */
};

struct bc_tap_client_stats {
	char address[BC_TAP_ADDRESS_MAX];
	uint64_t since_ns;		/* UTC */
	uint64_t sent;
	uint64_t client_slow;
};

/* Any thread. clients: how many are connected; the first max of them are told of. */
void bc_tap_stats(struct bc_tap *t, struct bc_tap_stats *ret);
uint32_t bc_tap_clients(struct bc_tap *t, struct bc_tap_client_stats *ret, uint32_t max);

#endif
