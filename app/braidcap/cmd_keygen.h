/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_KEYGEN_H
#define CMD_KEYGEN_H

/* argv[0] is the command's name. Returns the exit status. */
int cmd_keygen(int argc, char **argv);

#endif
