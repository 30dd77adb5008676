/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_CTL_H
#define CMD_CTL_H

/* `braidcap ctl`: query or control a running capture. argv[0] is "ctl". Returns the exit status. */
int cmd_ctl(int argc, char **argv);

#endif
