/* SPDX-License-Identifier: BSD-3-Clause */
/* How a shell command of the user's is started. */
#ifndef BC_SPAWN_H
#define BC_SPAWN_H

#include <sys/types.h>

/*
 * /bin/sh with these arguments and environment, reading in_fd (-1: nothing) and writing to out_fd, in a process group of its own,
 * whose number is its pid. No signal is blocked or ignored in it, and beside those two it has standard error only: what drivers and
 * libpcap have open is nothing for it. 0 and *ret, or a negative errno. It is the caller's to wait for.
 */
int bc_spawn_shell(char *const argv[], char *const env[], int in_fd, int out_fd, pid_t *ret);

#endif
