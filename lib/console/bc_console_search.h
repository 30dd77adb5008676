/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What is asked of stored packets by a request: an expression and a time. A few searches run at once; each has the lowest CPU and I/O
 * priority, beside captures that must not wait for it.
 */
#ifndef BC_CONSOLE_SEARCH_H
#define BC_CONSOLE_SEARCH_H

#include "bc_console_priv.h"
#include "bc_depot.h"
#include "bc_find.h"

struct bc_console_search {
	const struct bc_request *q;	/* while it is answered */
	struct bc_console *console;
	struct bc_depot_config depot_cfg;
	struct bc_find_config cfg;	/* expression, paths, times, depot */
	struct bc_err err;
	char expression[4096];
};

/*
 * From the arguments expression, from, to, last, or texts of these names in the body. 0, or the HTTP status of a refusal, with a line
 * in s->err.
 */
unsigned bc_console_search_parse(const struct bc_request *q, struct bc_console_search *s);
/* The same; and it has its place, and is for bc_console_search_end(). */
unsigned bc_console_search_begin(const struct bc_request *q, struct bc_console_search *s);
void bc_console_search_end(struct bc_console_search *s);

/* In the audit log: what, the search, and more, which is taken and may be NULL. As bc_audit_write. */
int bc_console_search_audit(struct bc_console_search *s, const char *what, json_t *more);

/*
 * Calls run(arg) in a thread, and waits for it; stop(arg), which may be NULL, if nobody waits for the answer any more: run then returns
 * soon. 0, or a negative errno: there was no thread.
 */
int bc_console_search_run(const struct bc_request *q, void *(*run)(void *arg), void (*stop)(void *arg), void *arg);

#endif
