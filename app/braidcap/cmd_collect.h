/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_COLLECT_H
#define CMD_COLLECT_H

/* `braidcap collect`: stores what remote nodes send. argv[0] is "collect". Returns the exit status. */
int cmd_collect(int argc, char **argv);

#endif
