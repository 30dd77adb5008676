/* SPDX-License-Identifier: BSD-3-Clause */
/* The links and mbufs that a capture's settings ask for. */
#include "bc_pipeline_priv.h"

#define LINK_SIZE 4096U
/* Where every source can wait there is no burst to absorb, and few mbufs stay in the caches. */
#define LINK_SIZE_BLOCKING 1024U
/* Nor need it be many files at once: so many packets in all their links, and in each at least a burst. */
#define LINKS_BLOCKING (64U * 1024)
#define MBUFS_MIN 16384U
#define MBUFS_MIN_BLOCKING 4096U

static bool all_can_wait(const struct bc_pipeline_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (!bc_source_can_wait(&cfg->sources[i]))
			return false;
	return true;
}

uint32_t bc_pipeline_link_size(const struct bc_pipeline_config *cfg)
{
	uint32_t size = LINK_SIZE_BLOCKING;

	if (cfg->link_size)
		return cfg->link_size;
	if (!all_can_wait(cfg))
		return LINK_SIZE;
	while (size > 2 * BC_BURST && size > LINKS_BLOCKING / cfg->n_sources)
		size /= 2;
	return size;
}

static uint64_t holds(const struct bc_pipeline_config *cfg)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < cfg->n_sources; i++) {
		const struct bc_source_config *s = &cfg->sources[i];
		uint32_t device = s->descriptors ? s->descriptors : s->kind->descriptors;

		n += (uint64_t)s->queues * (device + bc_pipeline_link_size(cfg) + BC_BURST);
	}
	/* The mbufs in a lane's ring, and those of the current burst. */
	for (uint32_t o = 0; o < cfg->n_outputs; o++)
		n += (uint64_t)cfg->writers[o] * (bc_pipeline_link_size(cfg) / 2 + BC_BURST);
	return n;
}

uint32_t bc_pipeline_mbufs(const struct bc_pipeline_config *cfg, uint32_t n_pipelines)
{
	uint64_t n = holds(cfg) * n_pipelines + (uint64_t)cfg->n_lcores * BC_MBUFS_PER_LCORE;
	uint32_t least = all_can_wait(cfg) ? MBUFS_MIN_BLOCKING : MBUFS_MIN;

	if (cfg->mbufs)
		return cfg->mbufs;
	return n < least ? least : n > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uint32_t)n;
}
