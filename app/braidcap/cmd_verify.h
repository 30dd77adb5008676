/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_VERIFY_H
#define CMD_VERIFY_H

/* `braidcap verify`: read segments to their last byte. argv[0] is "verify". Returns the exit status. */
int cmd_verify(int argc, char **argv);

#endif
