/* SPDX-License-Identifier: BSD-3-Clause */
/* Which packets of a batch each output wants, by the filters in force. The source's lcore. */
#ifndef BC_CLASSIFY_H
#define BC_CLASSIFY_H

#include "bc_source.h"

/*
 * Leave in the batch only what some output wants, and say in mask for each which; what none wants is given back and counted. False:
 * all outputs want all packets, and mask is not set.
 */
bool bc_classify(struct bc_source *s, struct bc_batch *b, uint8_t *mask);

/* Packets of these masks go on: count for each output those that it does not get. */
void bc_classify_count(struct bc_source *s, const uint8_t *mask, uint32_t n);

#endif
