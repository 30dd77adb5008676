/* SPDX-License-Identifier: BSD-3-Clause */
/* `braidcap plan --rate`: how many cores, GiB and disks a link needs. */
#ifndef PLAN_RATE_H
#define PLAN_RATE_H

#include <stdbool.h>

/* Do the arguments ask for it? */
bool plan_rate_asked(int argc, char **argv);

/* As cmd_plan. */
int plan_rate(int argc, char **argv);

extern const char plan_rate_help[];

#endif
