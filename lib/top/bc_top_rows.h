/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `braidcap top` lists, as tables: captures, and of the chosen one sources, outputs, losses, CPUs, flows and clients; and a
 * capture's state in words. Pure. Tables point into what they are made of.
 */
#ifndef BC_TOP_ROWS_H
#define BC_TOP_ROWS_H

#include "bc_top_grid.h"
#include "bc_top_model.h"

void bc_top_rows_captures(const struct bc_top *t, struct bc_top_table *ret);

/* What view, but BC_TOP_OVERVIEW, shows of the chosen capture. */
void bc_top_rows(const struct bc_top *t, enum bc_top_view view, struct bc_top_table *ret);

/* "no answer", "ended", "not there"; else the capture's own word. */
const char *bc_top_state_text(const struct bc_top_capture *c);
enum bc_top_style bc_top_state_style(const struct bc_top_capture *c);

#define BC_TOP_SPAN_MAX 48
/* "12 s", "5 min", "3 h 20 min", "12 d 4 h"; buf is returned. */
const char *bc_top_span(char buf[BC_TOP_SPAN_MAX], uint64_t seconds);

#endif
