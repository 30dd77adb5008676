/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Which numbered packets segments hold, found by reading them: blocks of bc_ack_block.h, and the packets that are
 * counted behind these. For leftovers, whose last packets no file beside them knows of, and which may have packets that are
 * elsewhere, too. One thread.
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

/* Forget what was found in it. What follows is of it again, or of another. */
void bc_ack_found_again(struct bc_ack_found *f);

/* One item of the segment, as bc_scan() tells them. 0 or -ENOMEM. */
int bc_ack_found_item(struct bc_ack_found *f, const uint8_t *item, size_t len, bool packet);

/*
 * Enter in the table what was found beyond what it says. True: it has changed. *ret_apart: how many runs of packets lie
 * behind others that are on no disk.
 */
bool bc_ack_found_enter(const struct bc_ack_found *f, struct bc_ack_table *t, uint32_t *ret_apart);

/* What numbers the packet that is to be the next item, mark.next its own; NULL: it has none. Good until that. */
const struct bc_ack_entry *bc_ack_found_next(const struct bc_ack_found *f, const uint8_t *packet, size_t len);

/* Of the last block; zeros: there was none. */
const uint8_t *bc_ack_found_collector(const struct bc_ack_found *f);

/* Do others, which stay as they are, have the packet that is to be the next item? How many of those that were found do they have? */
bool bc_ack_found_repeats(struct bc_ack_found *f, const struct bc_ack_found *others, const uint8_t *packet, size_t len);
uint64_t bc_ack_found_common(const struct bc_ack_found *f, const struct bc_ack_found *others);

/* Have others, of each run of packets that was found, the last one, or one behind it? Also if none was found. */
bool bc_ack_found_passed(const struct bc_ack_found *f, const struct bc_ack_found *others);

#endif
