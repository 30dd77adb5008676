/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Many pipelines of one remote source and one writer each, as one stage of an lcore. Those that have had nothing to do for a
 * while sleep, so that a round costs what the others cost. One that sleeps is woken by its receive ring's bell, and looked
 * at now and then for whatever else there may be: timers, commands.
 */
#ifndef BC_CROWD_H
#define BC_CROWD_H

#include "bc_engine.h"
#include "bc_pipeline.h"

struct bc_crowd;

/* A crowd of at most most pipelines, none yet; NULL without memory. free takes NULL; the pipelines are not its own. */
struct bc_crowd *bc_crowd_new(uint32_t most);
void bc_crowd_free(struct bc_crowd *c);

/*
 * Control thread, also while the stage runs. p outlives the crowd, nothing has come through its receive ring yet, and its I/O is
 * started by the time that something does.
 */
void bc_crowd_add(struct bc_crowd *c, struct bc_pipeline *p);

/* Fill *ret with the stage, which is done when all pipelines are; it lives as long as the crowd. */
void bc_crowd_stage(struct bc_crowd *c, struct bc_stage *ret);

#endif
