/* SPDX-License-Identifier: BSD-3-Clause */
/* The stages of a capture, as an lcore's loop calls them. */
#include "bc_pipeline.h"

#include <stdio.h>

/* Packets that one round of the merge emits at the most. */
#define MERGE_BUDGET 1024

static uint32_t source_poll(void *ctx)
{
	return bc_source_poll(ctx);
}

static bool source_done(void *ctx)
{
	return bc_source_state(ctx) == BC_SOURCE_ENDED;
}

static uint64_t source_buffers_ns(void *ctx)
{
	return bc_source_buffers_ns(ctx);
}

void bc_pipeline_source_stage(struct bc_pipeline *p, uint32_t source, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .poll = source_poll, .done = source_done, .buffers_ns = source_buffers_ns,
				  .ctx = p->source[source] };
	snprintf(ret->name, sizeof(ret->name), "rx %.36s/%u", p->source[source]->account->interface, p->source[source]->queue);
}

static uint32_t merge_poll(void *ctx)
{
	return bc_merge_poll(ctx, MERGE_BUDGET);
}

static bool merge_tick(void *ctx, uint64_t mono_ns)
{
	return bc_merge_tick(ctx, mono_ns);
}

static bool merge_done(void *ctx)
{
	return bc_merge_done(ctx);
}

void bc_pipeline_merge_stage(struct bc_pipeline *p, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .name = "merge", .poll = merge_poll, .tick = merge_tick, .done = merge_done, .ctx = p->merge };
}

static uint32_t lane_poll(void *ctx)
{
	return bc_lane_poll(ctx);
}

static bool lane_done(void *ctx)
{
	return bc_lane_done(ctx);
}

void bc_pipeline_lane_stage(struct bc_pipeline *p, uint32_t output, uint32_t lane, struct bc_stage *ret)
{
	*ret = (struct bc_stage){ .poll = lane_poll, .done = lane_done, .ctx = p->output[output]->lane[lane] };
	snprintf(ret->name, sizeof(ret->name), "writer %u.%u", output, lane);
}

uint32_t bc_pipeline_poll(struct bc_pipeline *p)
{
	uint32_t n = bc_source_poll(p->source[0]);

	n += bc_merge_poll(p->merge, MERGE_BUDGET);
	return n + bc_lane_poll(p->output[0]->lane[0]);
}

bool bc_pipeline_tick(struct bc_pipeline *p, uint64_t mono_ns)
{
	return bc_merge_tick(p->merge, mono_ns);
}

bool bc_pipeline_done(const struct bc_pipeline *p)
{
	return bc_source_state(p->source[0]) == BC_SOURCE_ENDED && bc_merge_done(p->merge) && bc_lane_done(p->output[0]->lane[0]);
}

bool bc_pipeline_holds(const struct bc_pipeline *p)
{
	return p->output[0]->chunker.open != NULL;
}

void bc_pipeline_trim(struct bc_pipeline *p)
{
	bc_lane_trim(p->output[0]->lane[0]);
	bc_bufpool_trim(p->output[0]->pool);
}
