/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What running captures say of themselves, asked over their telemetry sockets for all who want to know: once a second at the
 * most, however many ask, and not at all while nobody does. Any thread.
 */
#ifndef BC_WATCH_H
#define BC_WATCH_H

#include <stdint.h>

#include <jansson.h>

struct bc_watch;

/*
 * The captures with these prefixes, of which those that do not answer are listed too; n 0: all of this user that answer. prefix is
 * borrowed until bc_watch_free(), which takes NULL. NULL without memory.
 */
struct bc_watch *bc_watch_new(const char *const *prefix, uint32_t n);
void bc_watch_free(struct bc_watch *w);

/*
 * An array of {"prefix", "info", "sources", "outputs", "lcores", "clock"}, each but the first as the view of that name has it
 * (docs/control.md), and missing where the capture did not answer. A reference to give back, to what others have as well: it is not
 * to be changed. NULL without memory.
 */
json_t *bc_watch_get(struct bc_watch *w);

#endif
