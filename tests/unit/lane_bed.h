/* SPDX-License-Identifier: BSD-3-Clause */
/* A lane with its links, and one chunk: the test is the merge and the committer. */
#ifndef LANE_BED_H
#define LANE_BED_H

#include "pool.h"

#include "bc_chunker.h"
#include "bc_lane.h"
#include "bc_steps.h"

#define CHUNK_BYTES 65536

static struct rte_mempool *bed_pool;

static inline int bed_start(void **state)
{
	bed_pool = mbuf_pool(1024);
	return 0;
}

struct bed {
	struct bc_iface_table *ifaces;
	struct bc_bufpool *buffers, *small;
	struct bc_link *in, *out;
	struct bc_chunk *chunk;
	uint32_t *counts;
	struct bc_task committer;
	_Atomic uint64_t awaited;
	struct bc_lane *lane;
	const struct bc_lane_stats *stats;
};

/* n_small: buffers for chunks of few bytes. */
static inline struct bed *bed_new_mode(enum bc_codec codec, const struct bc_steps *steps, uint32_t n_small, struct bc_lane_mode mode)
{
	struct bed *b = calloc(1, sizeof(*b));
	struct bc_lane_config cfg = { .committer = &b->committer, .n_lanes = 1, .n_sources = 1, .awaited = &b->awaited, .format = BC_FORMAT_PCAPNG,
				      .snaplen = 262144, .codec = codec, .level = 1, .mode = mode, .slice_bytes = 16384, .steps = steps };
	struct bc_iface iface = { .name = "if0", .linktype = 1 };

	cfg.ifaces = b->ifaces = bc_iface_table_new();
	bc_iface_add(b->ifaces, &iface);
	cfg.pool = b->buffers = bc_bufpool_new(4, BC_LANE_BUFFER(CHUNK_BYTES), false, NULL);
	if (n_small)
		cfg.small = b->small = bc_bufpool_new(n_small, 8192, false, NULL);
	cfg.in = b->in = bc_link_new(256);
	cfg.out = b->out = bc_link_new(64);
	b->chunk = aligned_alloc(BC_CACHE_LINE, sizeof(*b->chunk));
	memset(b->chunk, 0, sizeof(*b->chunk));
	b->counts = bc_chunk_new_counts(b->chunk, 1, 1);
	b->lane = bc_lane_new(&cfg);
	assert_non_null(b->lane);
	b->stats = bc_lane_stats(b->lane);
	return b;
}

static inline struct bed *bed_new_small(enum bc_codec codec, const struct bc_steps *steps, uint32_t n_small)
{
	return bed_new_mode(codec, steps, n_small, (struct bc_lane_mode){ 0 });
}

static inline struct bed *bed_new(enum bc_codec codec, const struct bc_steps *steps)
{
	return bed_new_small(codec, steps, 0);
}

static inline void bed_free(struct bed *b)
{
	bc_lane_free(b->lane);
	bc_link_free(b->in);
	bc_link_free(b->out);
	bc_bufpool_free(b->buffers);
	bc_bufpool_free(b->small);
	free(b->chunk);
	free(b->counts);
	free(b->ifaces);
	free(b);
	assert_pool_full(bed_pool);
}

/* End the chunk, and have it through the lane; its buffer is then the caller's. */
static inline void bed_end_chunk(struct bed *b)
{
	const struct bc_desc *d;

	bc_link_put(b->in, 0, bc_desc_word(b->chunk, 0, 0));
	while (!bc_link_peek(b->out, &d))
		bc_lane_poll(b->lane);
	bc_link_pop(b->out, 1);
}

#endif
