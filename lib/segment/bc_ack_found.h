/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which numbered packets segments hold, found by reading them: blocks of bc_ack_block.h, and the packets that are
 * counted behind these. For leftovers, whose last packets no file beside them knows of. One thread.
 */
#ifndef BC_ACK_FOUND_H
#define BC_ACK_FOUND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_ack_file.h"

struct bc_ack_found;

/* NULL without memory; free takes NULL. */
struct bc_ack_found *bc_ack_found_new(void);
void bc_ack_found_free(struct bc_ack_found *f);

/* What follows is of another segment. */
void bc_ack_found_begin(struct bc_ack_found *f);

/* One item of the segment, as bc_scan() tells them. 0 or -ENOMEM. */
int bc_ack_found_item(struct bc_ack_found *f, const uint8_t *item, size_t len, bool packet);

/*
 * Enter in the table what was found beyond what it says. True: it has changed. *ret_apart: how many runs of packets lie
 * behind others that are on no disk.
 */
bool bc_ack_found_enter(const struct bc_ack_found *f, struct bc_ack_table *t, uint32_t *ret_apart);

#endif
