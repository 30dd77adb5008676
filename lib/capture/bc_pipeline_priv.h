/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a pipeline tell each other. */
#ifndef BC_PIPELINE_PRIV_H
#define BC_PIPELINE_PRIV_H

#include "bc_pipeline.h"

/* What the lcores' mempool caches may keep: one of 512 holds up to 1.5 times that. */
#define BC_MBUFS_PER_LCORE 1024U

/* Packets between a source and the merge. */
uint32_t bc_pipeline_link_size(const struct bc_pipeline_config *cfg);

#endif
