/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * From a batch into the source's link, and where the link is full because packets wait for their turn in the order of time, into the
 * window behind it (bc_window.h). The source's lcore.
 */
#ifndef BC_ENQUEUE_H
#define BC_ENQUEUE_H

#include "bc_source.h"

/*
 * Put packets first to b->n of the batch into the link or the window; mask says for each which outputs want it, NULL: all do. Returns
 * the number of the first that found no room, b->n if all did. Those before it are no longer the caller's.
 */
uint32_t bc_enqueue(struct bc_source *s, struct bc_batch *b, const uint8_t *mask, uint32_t first);

/* Move packets from the window into the link. Returns how many. */
uint32_t bc_enqueue_windowed(struct bc_source *s);

/* Is there room for some packets, in the link or in the window? */
bool bc_enqueue_ready(struct bc_source *s);

/* What to call the loss of a packet that found no room. */
enum bc_loss bc_enqueue_loss(const struct bc_source *s);

#endif
