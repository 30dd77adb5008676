/* SPDX-License-Identifier: BSD-3-Clause */
/* A whole capture from null sources into the null output, on lcores of the benchmark's own. */
#ifndef BENCH_PIPELINE_H
#define BENCH_PIPELINE_H

#include "bench_eal.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include "bc_pipeline.h"

#define BENCH_MEMORY (256ULL << 20)

struct bench_pipeline {
	struct bc_clock clock;
	struct bc_source_config source;
	struct bc_output_config output;
	struct bc_pipeline *p;
	uint32_t lanes;
	struct bc_stage *stage;		/* the sources, the merge, the lanes */
	struct bc_stage **list;
	struct bc_lcore *lcore;
};

static inline void *bench_zeroed(size_t n, size_t size)
{
	size_t bytes = (n * size + BC_CACHE_LINE - 1) / BC_CACHE_LINE * BC_CACHE_LINE;
	void *m = aligned_alloc(BC_CACHE_LINE, bytes);

	if (!m)
		abort();
	return memset(m, 0, bytes);
}

/* count packets of size bytes in all; lane i runs on lcore i, all else on lcore 0. */
static inline struct bench_pipeline *bench_pipeline_new(uint32_t queues, uint32_t lanes, uint64_t count, uint32_t size,
							 enum bc_codec codec, int level)
{
	struct bench_pipeline *b = bench_zeroed(1, sizeof(*b));
	struct bc_pipeline_config cfg = {
		.sources = &b->source, .n_sources = 1, .outputs = &b->output, .n_outputs = 1, .writers = { lanes },
		.n_lcores = lanes, .one_cpu = lanes == 1, .max_wait_ns = BC_NS_PER_S, .flush_ns = BC_NS_PER_S, .chunk_bytes = 256 * 1024 - 1024,
		.memory_bytes = BENCH_MEMORY, .clock = &b->clock,
	};
	struct bc_err err = { "" };
	uint32_t n = 0;

	bc_clock_init(&b->clock);
	b->lanes = lanes;
	b->source = (struct bc_source_config){ .spec = "null:", .kind = &bc_source_null, .target = "", .queues = queues,
					       .count = count / queues, .size = size };
	b->output = (struct bc_output_config){ .dest = "null:", .kind = BC_DEST_NULL, .snaplen = BC_SNAPLEN_MAX,
					       .format = BC_FORMAT_PCAPNG, .codec = codec, .level = level };
	if (bc_pipeline_new(&cfg, &b->p, &err) != 0) {
		fprintf(stderr, "SKIP: %s\n", err.msg);
		exit(77);
	}
	b->stage = bench_zeroed(queues + 1 + lanes, sizeof(*b->stage));
	b->list = bench_zeroed(queues + 1 + lanes, sizeof(*b->list));
	b->lcore = bench_zeroed(lanes, sizeof(*b->lcore));
	for (; n < queues; n++)
		bc_pipeline_source_stage(b->p, n, &b->stage[n]);
	bc_pipeline_merge_stage(b->p, &b->stage[n++]);
	for (uint32_t i = 0; i < lanes; i++)
		bc_pipeline_lane_stage(b->p, 0, i, &b->stage[n + i]);
	for (uint32_t i = 0; i < n + lanes; i++)
		b->list[i] = &b->stage[i];
	for (uint32_t i = 0; i < lanes; i++)
		b->lcore[i] = (struct bc_lcore){ .cpu = i, .woken = i > 0, .all = b->lcore,
						 .n_all = lanes, .n_stages = i ? 1 : n + 1, .stage = i ? &b->list[n + i] : b->list };
	return b;
}

/* From the first packet to the last that is written. */
static inline void bench_pipeline_run(struct bench_pipeline *b)
{
	struct bc_err err = { "" };
	cpu_set_t all;

	/* The threads that this starts may use every CPU that the lanes have. */
	CPU_ZERO(&all);
	for (uint32_t i = 0; i < b->lanes; i++)
		CPU_SET(i, &all);
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	if (bc_pipeline_start(b->p, &err) != 0)
		abort();
	bench_pin(0);
	for (uint32_t i = 1; i < b->lanes; i++)
		rte_eal_remote_launch(bc_lcore_run, &b->lcore[i], i);
	bc_lcore_run(&b->lcore[0]);
	rte_eal_mp_wait_lcore();
	pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
	while (!bc_pipeline_control(b->p))
		usleep(200);
	bc_pipeline_join(b->p);
}

static inline void bench_pipeline_free(struct bench_pipeline *b)
{
	bc_pipeline_free(b->p);
	free(b->stage);
	free(b->list);
	free(b->lcore);
	free(b);
}

#endif
