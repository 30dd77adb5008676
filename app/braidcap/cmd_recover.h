/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_RECOVER_H
#define CMD_RECOVER_H

/* `braidcap recover`: complete what a killed capture left behind. argv[0] is "recover". Returns the exit status. */
int cmd_recover(int argc, char **argv);

#endif
