/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which packets of an output's numbered sources are on disk (bc_ack.h). A mark says how far each source is; it holds
 * when all that was written by then is synced, or its segment is published. The committer's thread calls, except where
 * it says otherwise.
 */
#ifndef BC_ACKS_H
#define BC_ACKS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_ack.h"

struct bc_acks;

/* ack: by source, n of them; NULL: its packets have no numbers. Not owned. NULL without memory; free takes NULL. */
struct bc_acks *bc_acks_new(struct bc_ack *const *ack, uint32_t n);
void bc_acks_free(struct bc_acks *a);

/* Packets by source have been dealt with, whatever became of them. */
void bc_acks_handled(struct bc_acks *a, const uint32_t *from);

/* All that was handled is in segments, and size bytes are in the one that is begun, if any: a sync begins. */
void bc_acks_mark(struct bc_acks *a, uint64_t size);

/* The segment is over. */
void bc_acks_finish(struct bc_acks *a);

/* Any one thread: the fate of one more segment that is over is known. */
void bc_acks_result(struct bc_acks *a);

/* So many bytes of the segment that is begun are on disk, 0 if none is begun: acknowledge what is due. */
void bc_acks_synced(struct bc_acks *a, uint64_t bytes);

/* A node waits for a sync. */
bool bc_acks_hurried(struct bc_acks *a);

/* Something was handled and is not known to be on disk. */
bool bc_acks_wait(const struct bc_acks *a);

#endif
