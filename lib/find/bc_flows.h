/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The flows in the indexes of segments, added up: by flow, host, port or network. No packet is read. Counts are those
 * of whole flows in a part of a segment (at most a GiB of it): of a flow that is partly before --from, all of that part
 * counts, and a flow that the expression can neither be said to match nor not to match counts as one that does. One
 * thread.
 */
#ifndef BC_FLOWS_H
#define BC_FLOWS_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_index.h"

enum bc_flows_by { BC_FLOWS_BY_FLOW, BC_FLOWS_BY_HOST, BC_FLOWS_BY_PORT, BC_FLOWS_BY_NETWORK, BC_FLOWS_BYS };
enum bc_flows_order { BC_FLOWS_BYTES, BC_FLOWS_PACKETS, BC_FLOWS_DURATION, BC_FLOWS_ORDERS };

/* What is added up under; what does not count is 0. */
struct bc_flow_key {
	uint8_t addr[2][16];	/* of a flow both ends; else one host, or a network's address */
	uint16_t port[2];	/* of a flow; else the smaller one, which is as a rule the service's */
	uint16_t ethertype;	/* without addresses, where it is known */
	uint8_t addr_len;	/* 4, 16 or 0 */
	uint8_t proto;		/* of IP */
};

struct bc_flow {
	struct bc_flow_key key;
	uint64_t packets, bytes;	/* as they were on the wire */
	uint64_t first_ns, last_ns;
	uint8_t tcp_flags;	/* of all packets, or-ed */
};

/* 4 of an IPv4 and 16 of an IPv6 address' bits less than this are a network's. */
#define BC_FLOWS_NET4 24U
#define BC_FLOWS_NET6 64U
#define BC_FLOWS_MOST (16U * 1024 * 1024)

struct bc_flows;

/* NULL without memory. free takes NULL. */
struct bc_flows *bc_flows_new(enum bc_flows_by by);
void bc_flows_free(struct bc_flows *f);
/* As new. */
void bc_flows_clear(struct bc_flows *f);

/* t: the templates of the row's part. 0, -ENOMEM, or -E2BIG: there are more than BC_FLOWS_MOST. */
int bc_flows_add(struct bc_flows *f, const struct bc_index_row *row, const struct bc_index_template *t);

/* The largest first; *ret_n of them, which live until the next call. */
const struct bc_flow *bc_flows_sorted(struct bc_flows *f, enum bc_flows_order order, uint32_t *ret_n);

#endif
