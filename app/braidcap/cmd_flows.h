/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_FLOWS_H
#define CMD_FLOWS_H

/* `braidcap flows`: what the indexes of segments say of their flows. argv[0] is "flows". Returns the exit status. */
int cmd_flows(int argc, char **argv);

#endif
