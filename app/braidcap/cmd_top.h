/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_TOP_H
#define CMD_TOP_H

/* `braidcap top`: running captures on a terminal. argv[0] is "top". Returns the exit status. */
int cmd_top(int argc, char **argv);

#endif
