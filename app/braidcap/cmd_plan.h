/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_PLAN_H
#define CMD_PLAN_H

/* `braidcap plan`: draw where a capture would run. argv[0] is "plan". Returns the exit status. */
int cmd_plan(int argc, char **argv);

#endif
