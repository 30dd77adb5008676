/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What running captures say of themselves, asked over their telemetry sockets for all who want to know: once a second at the
 * most, however many ask, and not at all while nobody does. Each capture is asked by a thread of its own, so that one that does
 * not answer holds up no other. Any thread.
 */
#ifndef BC_CTL_WATCH_H
#define BC_CTL_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct bc_ctl_watch;

/*
 * The captures with these prefixes, of which those that do not answer are listed too; n 0: all of this user that answer, or that
 * did and still have their socket. killed: tell also of those that answered and were killed. Each has been found good by
 * bc_ctl_check_prefix(); they are borrowed until bc_ctl_watch_free(). NULL without memory.
 */
struct bc_ctl_watch *bc_ctl_watch_new(const char *const *prefix, uint32_t n, bool killed);
/* Waits for nobody; who is in bc_ctl_watch_get() may go on. Takes NULL. */
void bc_ctl_watch_free(struct bc_ctl_watch *w);

/*
 * An array of {"prefix", "info", "sources", "outputs", "lcores", "clients", "clock"} by prefix, each but the first as the view of that name
 * has it (docs/control.md); clients: of a collector. Only prefix: nobody is there; with "killed" true: but its socket. "info" null: it is
 * there, and has not answered for 5 s; until then one that is slow is told of as it was before, and it holds this up by a second at the
 * most. A reference to give back; what is in it is others' as well, and not to be changed. NULL without memory.
 */
json_t *bc_ctl_watch_get(struct bc_ctl_watch *w);

#endif
