/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_EXPIRE_H
#define CMD_EXPIRE_H

/* `braidcap expire`: keep folders of segments within limits. argv[0] is "expire". Returns the exit status. */
int cmd_expire(int argc, char **argv);

#endif
