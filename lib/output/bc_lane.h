/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A writer lane: copies packets out of their mbufs into a dense buffer in the output's format, gives the mbufs back, then
 * compresses the buffer. Copying goes before compressing, so that a burst waits as dense bytes and mbufs return hot. Used by one lcore.
 */
#ifndef BC_LANE_H
#define BC_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_bufpool.h"
#include "bc_chunk.h"
#include "bc_codec.h"
#include "bc_crew.h"
#include "bc_counter.h"
#include "bc_format.h"
#include "bc_iface.h"
#include "bc_lane_policy.h"
#include "bc_link.h"

/* Bytes before and behind a buffer's packets that the codec may use. */
#define BC_LANE_HEADROOM 64U
/* A buffer's bytes for chunks of chunk_bytes: it also holds one record of the largest size, and what the estimates forget. */
#define BC_LANE_RECORD_MAX (262144U + 128U)
#define BC_LANE_BUFFER(chunk_bytes) \
	(((chunk_bytes) > BC_LANE_RECORD_MAX ? (chunk_bytes) : BC_LANE_RECORD_MAX) + 1024U + 2 * BC_LANE_HEADROOM)

struct bc_anonymise_key;

struct bc_lane_config {
	struct bc_link *in;		/* from the merge; not owned */
	struct bc_link *out;		/* to the committer, words name struct bc_chunk; room for every chunk; not owned */
	struct bc_task *committer;	/* woken when chunks were put out, not for each; not owned */
	struct bc_bufpool *pool;	/* not owned */
	struct bc_bufpool *small;	/* for chunks of few bytes, so that they take no buffer of the pool; NULL: none; not owned */
	uint32_t index;			/* this lane's chunks are index, index + n_lanes, ... */
	uint32_t n_lanes;		/* of this output, that share the pool */
	uint32_t n_sources;		/* of the capture */
	const _Atomic uint64_t *awaited;	/* the chunk that the committer waits for; not owned */
	enum bc_format format;
	enum bc_framing framing;
	uint32_t snaplen;
	enum bc_codec codec;
	int level;
	struct bc_lane_mode mode;
	uint32_t slice_bytes;		/* a compressed block's size */
	const struct bc_iface_table *ifaces;
	const struct bc_steps *steps;	/* of the system clock; NULL: there are none; not owned */
	bool queue_option;
	bool linktype_by_segment;	/* classic pcap: each segment has its first packet's link type; for a single lane */
	uint16_t queue[BC_MAX_SOURCES];
	const struct bc_anonymise_key *anonymise;	/* packets lose their addresses; NULL: they do not; read by bc_lane_new() only */
	bool indexed;			/* pcapng: of each slice, packets and times are wanted */
	struct bc_bufpool *notes;	/* and notes of packets, into these buffers; NULL: none; not owned */
};

/* Written by the lane, read by any thread. */
struct bc_lane_stats {
	bc_counter_t packets;
	bc_counter_t bytes_in;		/* dense */
	bc_counter_t bytes_out;
	bc_counter_t blocks;		/* compressed as asked for */
	bc_counter_t blocks_faster;	/* under pressure, with a faster LZ4 */
	bc_counter_t blocks_stored;	/* under pressure, not compressed */
	bc_counter_t blocks_incompressible;	/* stored: no gain, or none to be expected */
	bc_counter_t backlog;		/* chunks that wait for compression */
	bc_counter_t unparsed;		/* packets of which something was not anonymised, but overwritten */
	bc_counter_t starved;		/* times that packets waited because no buffer was free */
};

struct bc_lane;

/*
 * NULL without memory. free takes NULL and gives back the buffers that the lane works in; packets and chunks that are still on
 * their way through it end with their pools.
 */
struct bc_lane *bc_lane_new(const struct bc_lane_config *cfg);
void bc_lane_free(struct bc_lane *l);

/* Pack what has come, then compress one block at the most. Returns the number of packets and blocks done. */
uint32_t bc_lane_poll(struct bc_lane *l);

/* Between two polls: give back the memory of what it keeps, as far as nothing is in it. A system call. */
void bc_lane_trim(struct bc_lane *l);

/* True once its end has come in and everything was put out. */
bool bc_lane_done(const struct bc_lane *l);

const struct bc_lane_stats *bc_lane_stats(const struct bc_lane *l);

#endif
