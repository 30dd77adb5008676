/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of rows in the index: by the length of their addresses, the low address, the high one. */
#ifndef BC_FLOW_ORDER_H
#define BC_FLOW_ORDER_H

#include "bc_flow_table_priv.h"

struct bc_flow_order {
	uint64_t key;
	uint32_t cell;
};

/* The table's flows, each once, into order; spare has room for as many. */
void bc_flow_order(const struct bc_flow_table *t, struct bc_flow_order *order, struct bc_flow_order *spare);

#endif
