/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The wanted packets of all segments in one order of time. A segment is opened when the order comes to its first
 * packet, and some ahead of that; a few threads read, decompress and filter. What comes out does not depend on their
 * number.
 *
 * Each segment's packets keep their order. Of several segments' next packets the earliest goes first, and of those with
 * equal times that of the segment with the lower rank. A packet that is older than its segment's first one counts as
 * old as that.
 */
#ifndef BC_FIND_ORDER_H
#define BC_FIND_ORDER_H

#include "bc_find_list.h"
#include "bc_find_stream.h"

struct bc_find_order;

#define BC_FIND_THREADS_MAX 64U

/*
 * The list, which has been looked into, and shared outlive it. threads: 1 to BC_FIND_THREADS_MAX that read beside the
 * caller's; 0: the caller's thread reads. 0 and *ret, or a negative errno with a line in err. free takes NULL, sets
 * shared->stop, and waits until nobody reads any more.
 */
int bc_find_order_new(const struct bc_find_list *list, struct bc_find_shared *shared, unsigned threads, struct bc_find_order **ret,
		      struct bc_err *err);
void bc_find_order_free(struct bc_find_order *o);

/*
 * The next packet and its data, good until the next call; NULL: there is none any more, or shared->stop is set. One
 * thread.
 */
const struct bc_find_packet *bc_find_order_next(struct bc_find_order *o, const uint8_t **ret_data);

/* Is another packet at hand, for which nothing has to be read? */
bool bc_find_order_ready(const struct bc_find_order *o);

#endif
