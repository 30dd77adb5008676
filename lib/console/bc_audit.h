/* SPDX-License-Identifier: BSD-3-Clause */
/* Who did what on the console: a file of one JSON object a line, which only grows. Any thread. */
#ifndef BC_AUDIT_H
#define BC_AUDIT_H

#include <jansson.h>

#include "bc_err.h"
#include "bc_log.h"

struct bc_audit {
	const char *path;	/* NULL: the lines go to the log */
	const struct bc_log *log;
};

/*
 * Append entry, which is taken, with the time in front. The file is opened each time, so that it can be moved away. 0, or a negative
 * errno with a line in err: then what was to be done is not to be done.
 */
int bc_audit_write(const struct bc_audit *a, json_t *entry, struct bc_err *err);

#endif
