/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CMD_CONSOLE_H
#define CMD_CONSOLE_H

/* `braidcap console`: captures and segments over HTTP. argv[0] is "console". Returns the exit status. */
int cmd_console(int argc, char **argv);

#endif
