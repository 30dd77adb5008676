/* SPDX-License-Identifier: BSD-3-Clause */
/* In which epoch of the system clock a batch's packets were stamped; their times become steady ones. */
#ifndef BC_EPOCH_H
#define BC_EPOCH_H

#include "bc_source.h"

/*
 * The system clock has been stepped, and the host's clock does not know it yet: what the kernel stamped is to wait for it. Asked when a
 * batch is full, as the step may have come while it was filled.
 */
bool bc_epoch_unknown(const struct bc_clock *clock);

/* Mark the batch's packets, and make their times steady. Costs nothing before the first step. */
void bc_epoch_mark(struct bc_source *s, struct bc_batch *b);

#endif
