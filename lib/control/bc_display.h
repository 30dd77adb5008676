/* SPDX-License-Identifier: BSD-3-Clause */
/* What a capture shows of itself while it runs and when it ends. Control thread. */
#ifndef BC_DISPLAY_H
#define BC_DISPLAY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bc_group.h"

struct bc_display;

/*
 * Progress on stderr: on a terminal one line, renewed every second, unless quiet; otherwise a plain line every 10 s, if verbose.
 * NULL without memory, which is taken by the functions below and means silence.
 */
struct bc_display *bc_display_new(const struct bc_pipeline *p, bool quiet, bool verbose);

/* The same on f, which the caller closes; terminal tells what it is. */
struct bc_display *bc_display_new_on(FILE *f, bool terminal, const struct bc_pipeline *p, bool quiet, bool verbose);

/* Call as often as you like. */
void bc_display_tick(struct bc_display *d, uint64_t mono_ns);

/* Take the progress line away, before something else is printed; a later tick brings it back. Any thread. */
void bc_display_erase(struct bc_display *d);

/* Erases. Before bc_pipeline_free. */
void bc_display_free(struct bc_display *d);

/* The account of every packet so far, what the writers had to do, and what to do about losses. */
void bc_display_summary(FILE *f, const struct bc_group *g);

#endif
