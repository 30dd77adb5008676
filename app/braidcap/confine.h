/* SPDX-License-Identifier: BSD-3-Clause */
/* Commands that read stored captures, which anybody may have made, do it without the right to anything else. */
#ifndef CONFINE_H
#define CONFINE_H

#include <stddef.h>

/*
 * Before other threads: from now on the program reads these files, indexes beside them, and folders, and writes into the folder write (NULL: none) and to
 * what is open. If one of the paths is an object of a store, only its system calls are restricted. What the kernel does not have is
 * left out.
 */
void confine(char *const *paths, size_t n, const char *write);

/* For destinations whose folder is not known: as if a path were an object. */
void confine_calls(void);

#define CONFINE_HELP \
	"      --no-sandbox        do not give up the right to other files and system calls\n"

#endif
