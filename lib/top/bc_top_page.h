/* SPDX-License-Identifier: BSD-3-Clause */
/* What `braidcap top` shows, laid out on a screen of any size. Pure. */
#ifndef BC_TOP_PAGE_H
#define BC_TOP_PAGE_H

#include "bc_top_grid.h"
#include "bc_top_model.h"

/* g was cleared. t->scroll becomes less where the list is shorter. */
void bc_top_page(struct bc_top *t, struct bc_top_grid *g);

/* Give each of n lists some of the rows that there are, none more than it wants: the first ones first, then all by turns. */
void bc_top_share(uint32_t rows, const uint32_t *wanted, uint32_t n, uint32_t *ret);

#endif
