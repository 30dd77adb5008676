/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A source: a stream of packets with an order of its own (an RX queue, a libpcap handle, a file). Its stage takes a
 * burst from the driver behind the ops table, runs the filters, and enqueues descriptors into its link. A packet can be
 * dropped here, and nowhere later unless a disk or a peer fails.
 */
#ifndef BC_SOURCE_H
#define BC_SOURCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_mbuf.h>

#include "bc_clock.h"
#include "bc_source_kind.h"
#include "bc_err.h"
#include "bc_filters.h"
#include "bc_iface.h"
#include "bc_lateness.h"
#include "bc_ledger.h"
#include "bc_link.h"
#include "bc_log.h"
#include "bc_stamp_guard.h"
#include "bc_window.h"

#define BC_BURST 64

struct bc_carry;
struct bc_object_settings;

/* Which outputs have a place for what a file says beside its packets. */
enum bc_places { BC_PLACES_NONE, BC_PLACES_SOME, BC_PLACES_ALL };

/* What all sources of a capture share; outlives them. */
struct bc_source_env {
	struct rte_mempool *pool;
	uint32_t mbufs_share;		/* of the pool, for one queue; at least 1 */
	const struct bc_clock *clock;
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	const struct bc_log *log;
	uint32_t n_outputs;
	bool promiscuous;
	struct bc_carry *carry;		/* takes what files say beside their packets; NULL: nothing does */
	enum bc_places places;
	enum bc_places option_places;	/* the same for what it says of a packet */
	uint32_t record_max;		/* bytes of a packet and its options together that every output takes */
	uint32_t file_window;		/* bytes of a file that are decoded ahead; 0: as for few files */
	const struct bc_object_settings *store;	/* of files that are objects; NULL: what the environment says */
	bool others;			/* the capture has other sources: an empty file is passed over */
	bool (*interrupted)(void *ctx);	/* while opening waits for a pipe's first bytes: give up? May be NULL */
	void *interrupted_ctx;
};

/* Whose time a batch's stamps are. */
enum bc_time {
	BC_TIME_OWN,		/* a file's: it is taken as it is */
	BC_TIME_STEADY,		/* of the host's clock */
	BC_TIME_UTC,		/* of the system clock, or of another that shows UTC */
};

/*
 * One RX batch, filled by the driver. Each mbuf has pkt_len and nb_segs set, and wire_len and the interface in its
 * metadata (bc_packet.h). Timestamps above BC_TS_MAX are clamped to it.
 */
struct bc_batch {
	uint32_t n;
	enum bc_time time;
	bool ended;			/* the source is at its end */
	bool more;			/* more waits in the device, so that a stop goes on */
	bool unsure;			/* UTC: by a step that the host's clock does not know yet; what was asked says nothing */
	/*
	 * Stamped by a live device: the clock that the stamps follow, in steady time, when it was asked; the stamps are then held to it, and the
	 * promise is what they say, or that clock less the source's lateness. 0: the driver stands for both.
	 */
	uint64_t asked_ns;
	bool empty;			/* the device was found empty, but for what it still holds back */
	uint64_t lateness_ns;		/* of what it may still hold back, where it is less than the source's; 0: it is not */
	uint64_t watermark_ns;		/* nothing older will follow; 0: no new promise */
	struct rte_mbuf *mbuf[BC_BURST];
	uint64_t ts_ns[BC_BURST];
};

struct bc_source;

struct bc_source_ops {
	/*
	 * Take up to max packets without waiting. Source's lcore. What the driver has to drop it counts itself, with
	 * bc_source_dropped.
	 */
	void (*rx)(struct bc_source *s, struct bc_batch *b, uint32_t max);
	/* Enter in the ledger what the NIC or the kernel lost. Control thread. May be NULL. */
	void (*stats)(struct bc_source *s);
	/* Release everything; the source is freed afterwards. Takes half-built ones. */
	void (*close)(struct bc_source *s);
};

enum bc_source_command {
	BC_SOURCE_RUN,
	BC_SOURCE_PAUSE,	/* live sources count packets as paused; files wait */
	BC_SOURCE_STOP,		/* take what the device still holds, then become quiet */
	BC_SOURCE_END,		/* end the link */
};

enum bc_source_state { BC_SOURCE_RUNNING, BC_SOURCE_QUIET, BC_SOURCE_ENDED };

struct bc_source {
	/* Constant while the capture runs. */
	const struct bc_source_kind *kind;
	const struct bc_source_ops *ops;
	void *priv;
	struct bc_source_env env;
	struct bc_link *link;			/* set by the pipeline before the first poll, as what follows; not owned */
	/* The merge writes: it found no room in an output, so that what fills the link is not waiting for its turn. NULL: never. */
	const _Atomic bool *merge_blocked;
	/* And: so many packets pass that a promise is to be renewed often. NULL: never. */
	const _Atomic bool *merge_busy;
	bool own_lcore;				/* merge and lanes run elsewhere */
	struct bc_source_account *account;
	uint16_t index;				/* in the ledger */
	uint16_t queue;
	bool wait;				/* leave packets in the device while the link is full */
	bool lossless;				/* and the device keeps them: a slow capture loses nothing */
	uint32_t drain_packets;			/* after a stop, take at most this many more */
	uint64_t drain_ns;			/* and go on for at least so long, because the device delivers late */
	uint64_t buffers_ns;			/* how long the device can buffer what comes; 0: nothing does */
	int numa_node;				/* of the device, -1: none */

	/* Control writes, the stage reads. */
	_Atomic uint32_t command BC_CACHE_ALIGNED;
	struct bc_filter_reader filters;	/* for bc_filters_add */
	_Atomic uint64_t lost_outside;		/* control adds, the stage takes: losses not yet marked on a packet */

	/* The stage writes, control reads. */
	_Atomic uint32_t state BC_CACHE_ALIGNED;
	bc_counter_t read_bytes;		/* of a file as it lies on disk, so far; of file_bytes, which is constant, 0: unknown */
	uint64_t file_bytes;
	_Atomic bool failed;			/* it ended before its time: a damaged file, a device that went away */

	/* The stage's own; of the window, telemetry reads the counters. */
	struct bc_window window;		/* packets that the link has no room for; its memory is set by the pipeline, NULL: none */
	struct bc_stamp_guard guard;
	struct bc_lateness lateness;		/* where it is measured */
	bc_counter_t lateness_ns;		/* how long the device may hold a stamped packet back; telemetry reads it */
	uint64_t gap;				/* packets lost since the last one enqueued */
	uint64_t watermark_ns;			/* published; promised is behind what lies in the window */
	uint64_t promised_ns;
	uint32_t most_segs;			/* mbufs that the longest packet took */
	bool over;				/* the device has ended, the window is not empty yet */
	bool keeps_paused;			/* its driver says: a pause leaves there what comes */
	/* What a source that waits could place nowhere: tried again before anything new is taken. */
	struct {
		struct bc_batch batch;
		uint8_t mask[BC_BURST];
		bool masked;
		uint32_t first;
	} held;
	struct bc_batch unsure;			/* its packets wait until the host's clock knows of the step */
	uint32_t drained;			/* packets since the stop */
	uint64_t stopped_mono_ns;
	void *scratch;				/* for filters, BC_FILTER_MAX_SNAPLEN bytes */
};

/*
 * Open one -i: cfg->queues sources into ret[0] and on; their accounts and interfaces are added to env's tables. Control
 * thread, after EAL is up. 0 and *ret_n; or a negative errno with a line in err, and nothing is left open.
 */
int bc_source_open(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		   uint32_t *ret_n, struct bc_err *err);
void bc_source_close(struct bc_source *s);

/* One round of the stage. Returns the number of packets taken. */
uint32_t bc_source_poll(struct bc_source *s);

/* The stage, after a poll that took nothing: how many ns it need not be polled; 0: until another stage or a command. */
uint64_t bc_source_buffers_ns(struct bc_source *s);

void bc_source_command(struct bc_source *s, enum bc_source_command c);
enum bc_source_state bc_source_state(const struct bc_source *s);

/* Control thread: read the device's loss counters. */
void bc_source_stats(struct bc_source *s);

/*
 * For drivers: a source of cfg's kind; its account is added to env's tables, and iface unless it is NULL, not known
 * yet. NULL with a line in err when a table is full or without memory.
 */
struct bc_source *bc_source_new(const struct bc_source_config *cfg, const struct bc_source_env *env,
				const struct bc_source_ops *ops, const struct bc_iface *iface, uint16_t queue,
				struct bc_err *err);

/* For drivers, before any poll: measure the lateness of these n queues of a port. */
void bc_source_measure_lateness(struct bc_source *const *s, uint32_t n, const struct bc_source_config *cfg);

/* For drivers: the host's clock stamps the packets of this interface, which is not in a table yet. */
void bc_source_stamp_by_host(struct bc_iface *iface, const struct bc_clock *clock);

/* For drivers, control thread: the device has lost total packets so far under this name. */
void bc_source_lost(struct bc_source *s, enum bc_loss loss, uint64_t total);

/* For drivers, stage: n packets were received and dropped at once. */
void bc_source_dropped(struct bc_source *s, enum bc_loss loss, uint64_t n, uint64_t bytes);

#endif
