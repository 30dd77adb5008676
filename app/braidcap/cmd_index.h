/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_INDEX_H
#define CMD_INDEX_H

/* `braidcap index`: give files an index. argv[0] is "index". Returns the exit status. */
int cmd_index(int argc, char **argv);

#endif
