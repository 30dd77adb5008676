/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_REPORT_H
#define BC_REPORT_H

#include <jansson.h>

#include "bc_err.h"

struct bc_keeper;

/* Can a report be written there? It is tried, and nothing stays. 0, or a negative errno. */
int bc_report_try(const char *path);

/*
 * Write the JSON report, whose reference is taken (NULL: there was no memory for it), into a new file that then takes path's place
 * whole; what is no regular file (a pipe, a device) is written into. keeper: who has the rights to do so; NULL: this process. 0; or a negative errno with a line in err.
 */
int bc_report_write(const char *path, json_t *report, struct bc_keeper *keeper, struct bc_err *err);

#endif
