/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_DECRYPT_H
#define CMD_DECRYPT_H

/* argv[0] is the command's name. Returns the exit status. */
int cmd_decrypt(int argc, char **argv);

#endif
