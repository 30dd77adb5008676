/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_FIND_H
#define CMD_FIND_H

/* `braidcap find`: packets of stored captures. argv[0] is "find". Returns the exit status. */
int cmd_find(int argc, char **argv);

#endif
