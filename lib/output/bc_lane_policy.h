/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A lane's decisions: how far it runs ahead, how hard it compresses, when it wakes the committer. Pure functions of the numbers that
 * it sees in a round; the lane does what they say. Any thread.
 */
#ifndef BC_LANE_POLICY_H
#define BC_LANE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_time.h"

/* What a capture is like. */
struct bc_lane_capture {
	bool accelerate;		/* the user allows to compress less rather than to lose */
	bool lossy;			/* a source loses packets when it is kept waiting */
	bool drop_on_full;		/* and one does so at once: its device keeps little */
	bool one_lcore;			/* it polls the sources and compresses in turn */
	bool one_cpu;			/* and the committer has no other CPU either */
};

/* What follows from that for its lanes; constant. */
struct bc_lane_mode {
	bool accelerate;		/* the pressure ladder is in use */
	bool one_cpu;
	/* Where its lcore polls the sources too: rounds in a row that are not busy before it takes the time to compress. 0: it does not. */
	uint32_t calm_rounds;
	/*
	 * Every source can wait, so that nothing is gained by packing far ahead of what follows: a blocking lane. For so long it also
	 * waits for a committer that makes no progress, before the buffers have to spare the sources that. 0: a source would lose packets.
	 */
	uint64_t patience_ns;
};

struct bc_lane_policy {
	struct bc_lane_mode mode;
	int level;			/* of compression, as asked for */
	uint32_t n_lanes;		/* that share the output's buffers */
	uint32_t buffers;		/* in all; at least 1 */
};

/* What a lane sees in a round. */
struct bc_lane_sight {
	uint32_t backlog;		/* its packed chunks that wait for compression */
	uint32_t held;			/* buffers that it holds: those, the one being packed and the spare; others are taken to hold as many */
	uint32_t free;			/* of the output's buffers */
	bool awaited;			/* the committer waits for the chunk that is being packed */
	uint64_t stalled_ns;		/* how long the committer has made no progress while it was behind */
	uint32_t packets;		/* packed in this round */
	uint32_t calm;			/* bc_lane_calm() of this round */
	uint32_t unannounced;		/* chunks put out since the committer was woken */
	bool flooded;			/* bc_lane_flooded(); for that function itself, of the round before */
	uint64_t flood_ns;		/* how long the flood has gone on, or since it was last looked at anew, */
	uint64_t headers_ns;		/* and what compressing headers has taken of it */
	uint32_t record_bytes;		/* of the next chunk, on average */
};

struct bc_lane_mode bc_lane_mode(const struct bc_lane_capture *c);

static inline bool bc_lane_blocking(const struct bc_lane_policy *p)
{
	return p->mode.patience_ns > 0;
}

/* Is the committer so far behind that a blocking lane waits for it as long as it makes progress? By held, free and awaited. */
bool bc_lane_far_ahead(const struct bc_lane_policy *p, const struct bc_lane_sight *s);

enum bc_lane_intake {
	BC_LANE_PACK,			/* what has come */
	BC_LANE_HOLD,			/* nothing in this round */
	BC_LANE_WAIT,			/* nothing, and at the round's end the CPU is left to the committer */
};

/* Before packing; also by backlog and stalled_ns. */
enum bc_lane_intake bc_lane_intake(const struct bc_lane_policy *p, const struct bc_lane_sight *s);

/* Free buffers at which a lane that waits goes on; and how long it waits at a time. */
uint32_t bc_lane_wait_free(const struct bc_lane_policy *p, const struct bc_lane_sight *s);
#define BC_LANE_WAIT_NS 1000000U

/* Rounds since a busy one, when there were calm before this one of packets; never more than the mode's calm_rounds. */
uint32_t bc_lane_calm(const struct bc_lane_policy *p, uint32_t calm, uint32_t packets);

/*
 * Does more arrive than the lcore has time for, which the sources share with the lane? From when half of the buffers are taken until
 * it is calm. Packets are then lost at ingress, which the backlog does not show. By flooded, calm and free.
 */
bool bc_lane_flooded(const struct bc_lane_policy *p, const struct bc_lane_sight *s);

/* The times of a flood are taken anew so often, because traffic changes. */
#define BC_LANE_FLOOD_NS (100 * BC_NS_PER_MS)

struct bc_lane_effort {
	bool defer;			/* compress nothing in this round */
	bool headers;			/* if nothing is compressed, headers are, where that is worth it */
	bool pressed;			/* less than asked for, by the ladder */
	bool unnoted;			/* nothing is done for the index but what costs next to nothing: it gives way first */
	int acceleration;		/* bc_lz4_block's; 0: store */
};

/* After packing: by packets, calm, backlog, free and, in a flood, its figures. */
struct bc_lane_effort bc_lane_effort(const struct bc_lane_policy *p, const struct bc_lane_sight *s);

/* At the round's end, when there is something to announce: is the committer woken now? By packets, unannounced and free. */
bool bc_lane_wakes(const struct bc_lane_policy *p, const struct bc_lane_sight *s);

/*
 * Data that does not compress, because it is encrypted or compressed already, is not tried chunk after chunk: chunks behind one that
 * was not worth it are stored, or have their headers compressed if that is worth it, unless a sample of their slices says
 * that things have changed.
 */
struct bc_lane_trial {
	bool doubtful;			/* the last chunk that was compressed was not worth it */
	uint32_t stored;		/* chunks since */
	uint32_t untried;		/* of the next, to be stored before the next sample */
	bool bare;			/* headers were not worth it either, since the last sample */
};

#define BC_LANE_SAMPLE_BYTES 4096U	/* of the beginning of each slice that is sampled */
#define BC_LANE_SAMPLES 8U		/* slices of a chunk, at the most */

/* Is the next chunk to be sampled before it is compressed or stored? If not, and doubtful is set, it is stored. */
bool bc_lane_trial_samples(const struct bc_lane_trial *t);

/* The next chunk's sample of so many bytes was compressed to so many; true: it is worth compressing. False: it is stored. */
bool bc_lane_trial_sampled(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed);

/* The next chunk is stored without a sample. */
void bc_lane_trial_stored(struct bc_lane_trial *t);

/* Of a chunk that was to be stored the headers were compressed. */
void bc_lane_trial_headers(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed);

/* A chunk was compressed. */
void bc_lane_trial_compressed(struct bc_lane_trial *t, uint32_t bytes, uint32_t compressed);

#endif
