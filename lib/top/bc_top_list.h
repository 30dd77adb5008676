/* SPDX-License-Identifier: BSD-3-Clause */
/* The rows of the chosen capture (bc_top_rows.h) in the order that the user wants. Pure. */
#ifndef BC_TOP_LIST_H
#define BC_TOP_LIST_H

#include "bc_top_grid.h"
#include "bc_top_model.h"

struct bc_top_list {
	struct bc_top_table table;
	uint32_t *order;		/* its own */
};

/* view is not BC_TOP_OVERVIEW. It points into t. Without memory it is not sorted. To be freed. */
void bc_top_list_make(const struct bc_top *t, enum bc_top_view view, struct bc_top_list *ret);
void bc_top_list_free(struct bc_top_list *l);

#endif
