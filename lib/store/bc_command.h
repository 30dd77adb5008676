/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A shell command that bytes are piped through: its stdin is written here, its stdout is a file. It runs
 * in its own process group, with no signal blocked and no descriptors but those two and stderr.
 */
#ifndef BC_COMMAND_H
#define BC_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_command;
struct bc_spawner;

/*
 * /bin/sh -c command, one of the spawner's, whose output goes to out_fd. 0 and *ret, or a negative errno: -EPIPE, the spawner has
 * ended. SIGPIPE must be ignored by the application.
 */
int bc_command_start(struct bc_spawner *spawner, const char *command, int out_fd, struct bc_command **ret);

/*
 * Writes 1 to len bytes to its input, waiting as long as it takes; or -ECOMM when it has stopped reading, -ECANCELED
 * once *cancelled is set, else what write(2) said.
 */
ptrdiff_t bc_command_write(struct bc_command *c, const uint8_t *data, size_t len, const _Atomic bool *cancelled);

/* Closes its input. */
void bc_command_end_input(struct bc_command *c);

/*
 * After bc_command_end_input(), any one thread: wait for its end. 0: it exited with 0; -ECOMM with words in err otherwise;
 * -ECANCELED once *cancelled is set.
 */
int bc_command_wait(struct bc_command *c, const _Atomic bool *cancelled, struct bc_err *err);

/* Kills its process group unless bc_command_wait() saw its end. Takes NULL. */
void bc_command_free(struct bc_command *c);

#endif
