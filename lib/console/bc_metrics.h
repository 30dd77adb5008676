/* SPDX-License-Identifier: BSD-3-Clause */
/* What bc_ctl_watch saw, in Prometheus's text format (version 0.0.4). docs/console.md lists the metrics. Pure. */
#ifndef BC_METRICS_H
#define BC_METRICS_H

#include <stdio.h>

#include <jansson.h>

#define BC_METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* now: as bc_ctl_watch_get() has it; any part of it may be missing or of a wrong type. Errors are f's. */
void bc_metrics_print(FILE *f, const json_t *now);

#endif
