/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/hook: what goes through the publisher's queue, and what its thread does with a mirror's part of it. */
#ifndef BC_PUBLISHER_PRIV_H
#define BC_PUBLISHER_PRIV_H

#include "bc_publisher.h"

enum bc_item_kind { BC_ITEM_EVENT, BC_ITEM_TEXT, BC_ITEM_CHUNK, BC_ITEM_END };

struct bc_item {
	struct bc_item *next;
	enum bc_item_kind kind;
	struct bc_mirror *mirror;
	bool lz4;
	uint32_t packets;
	size_t dense;
	size_t len;		/* of data */
	size_t topic_len;	/* an event's topic is at its front */
	uint8_t data[];
};

/* Any thread. NULL without memory. */
struct bc_item *bc_item_new(enum bc_item_kind kind, struct bc_mirror *mirror, size_t len);

/* Takes the item in every case. bounded: false when the queue is too full for it, which is then gone. */
bool bc_publisher_put(struct bc_publisher *p, struct bc_item *item, bool bounded);
void bc_publisher_overflowed(struct bc_publisher *p, uint32_t packets);
bool bc_publisher_wanted(const struct bc_publisher *p);

/* The publisher's thread. header and body are copied; body in two pieces. */
void bc_publisher_send_packet(struct bc_publisher *p, const char *topic, size_t topic_len, const uint8_t *header, size_t header_len,
			      const uint8_t *head, size_t head_len, const uint8_t *data, size_t len);

/* The publisher's thread: an item of a mirror's; frees the mirror at its END. */
void bc_mirror_take(struct bc_mirror *t, const struct bc_item *item);

#endif
