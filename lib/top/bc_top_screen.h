/* SPDX-License-Identifier: BSD-3-Clause */
/* The terminal, by ncurses: grids drawn, keys read. One in a process, one thread. */
#ifndef BC_TOP_SCREEN_H
#define BC_TOP_SCREEN_H

#include "bc_err.h"
#include "bc_top_grid.h"

#define BC_TOP_NO_KEY (-1)
#define BC_TOP_RESIZED (-2)

struct bc_top_screen;

/*
 * Take the terminal that stdin and stdout are, in colour if it has any and NO_COLOR is not set. 0 and *ret, or -ENOTTY with a line
 * in err: there is none, or its kind (TERM) is not known.
 */
int bc_top_screen_open(struct bc_top_screen **ret, struct bc_err *err);
/* The terminal is as it was before. Takes NULL. */
void bc_top_screen_close(struct bc_top_screen *s);

/* How large it is. */
void bc_top_screen_size(const struct bc_top_screen *s, uint32_t *ret_rows, uint32_t *ret_columns);
void bc_top_screen_draw(struct bc_top_screen *s, const struct bc_top_grid *g);

/* A key that waits, as bc_top_press() takes it; BC_TOP_NO_KEY: none; BC_TOP_RESIZED: the terminal has another size now. */
int bc_top_screen_key(struct bc_top_screen *s);

#endif
