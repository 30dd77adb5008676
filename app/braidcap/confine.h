/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that read what anybody may have made or sent do it without the right to anything else. */
#ifndef CONFINE_H
#define CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "bc_sandbox.h"

/*
 * Before other threads: from now on the program reads these files, indexes beside them, and folders, and writes into the folder write (NULL: none) and to
 * what is open. If one of the paths is an object of a store, only its system calls are restricted. What the kernel does not have is
 * left out.
 */
void confine(char *const *paths, size_t n, char *write);

/*
 * Before other threads, for a command with this duty: it writes into these folders, and those of these files, and to what is open. With
 * BC_DUTY_TEND it reads nothing else either. tell: what is refused is for bc_breach_tell().
 */
void confine_to_folders(enum bc_duty duty, char *const *paths, size_t n, bool tell);

/* For destinations whose folder is not known: as if a path were an object. */
void confine_calls(void);

#define CONFINE_HELP \
	"      --no-sandbox        do not give up the right to other files and system calls\n"

#endif
