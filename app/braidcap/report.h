/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef REPORT_H
#define REPORT_H

#include "bc_err.h"
#include "bc_pipeline.h"

/* Write the JSON report into a new file that then takes path's place whole. 0; or a negative errno with a line in err. */
int report_write(const char *path, const struct bc_pipeline *p, struct bc_err *err);

#endif
