/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/publish: the publisher's queue, for those who fill it. */
#ifndef BC_PUBLISHER_PRIV_H
#define BC_PUBLISHER_PRIV_H

#include "bc_publisher.h"

/* First in the struct of whoever puts it, from malloc(). */
struct bc_item {
	struct bc_item *next;			/* the queue's */
	void (*take)(struct bc_item *item);	/* the publisher's thread calls it, then frees the item */
	size_t work;				/* bytes that it is in a bounded queue */
};

/* Any thread. Takes the item in every case. bounded: false when the queue is too full for it, which is then gone. */
bool bc_publisher_put(struct bc_publisher *p, struct bc_item *item, bool bounded);
void bc_publisher_overflowed(struct bc_publisher *p, uint32_t packets);
bool bc_publisher_wanted(const struct bc_publisher *p);

/* The publisher's thread. header and body are copied; body in two pieces. */
void bc_publisher_send_packet(struct bc_publisher *p, const char *topic, size_t topic_len, const uint8_t *header, size_t header_len,
			      const uint8_t *head, size_t head_len, const uint8_t *data, size_t len);

#endif
