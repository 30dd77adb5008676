/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_REPORT_H
#define BC_REPORT_H

#include <jansson.h>

#include "bc_err.h"

/*
 * Write the JSON report, whose reference is taken (NULL: there was no memory for it), into a new file that then takes path's place
 * whole. 0; or a negative errno with a line in err.
 */
int bc_report_write(const char *path, json_t *report, struct bc_err *err);

#endif
