/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_ENCRYPT_H
#define CMD_ENCRYPT_H

/* argv[0] is the command's name. Returns the exit status. */
int cmd_encrypt(int argc, char **argv);

#endif
