/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/publish: a tap's queue, for those who fill it. */
#ifndef BC_TAP_PRIV_H
#define BC_TAP_PRIV_H

#include "bc_tap.h"
#include "bc_tap_form.h"

enum bc_tap_what { BC_TAP_TEXT, BC_TAP_CHUNK, BC_TAP_LAST };

/* From malloc(). */
struct bc_tap_item {
	struct bc_tap_item *next;	/* the queue's */
	struct bc_tap_input *input;	/* whose it is; behind LAST the tap's, which frees it */
	enum bc_tap_what what;
	bool lz4;
	uint32_t packets;
	size_t dense;
	size_t len;			/* of data */
	uint8_t data[];
};

/* Any thread. Takes the item in every case; a chunk for which there is no room is gone, and its packets are counted. */
void bc_tap_put(struct bc_tap *t, struct bc_tap_item *item);

/* Any thread: so many packets found no memory. */
void bc_tap_overflowed(struct bc_tap *t, uint32_t packets);

/* Any thread: is a client connected? */
bool bc_tap_wanted(const struct bc_tap *t);

#endif
