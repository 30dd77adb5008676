/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the process can still do once it has begun: a fault in a parser that a hostile file makes use of gets no further. It may open
 * only the files that it was told to work on (Landlock), and make only the system calls that its work needs (seccomp).
 */
#ifndef BC_SANDBOX_H
#define BC_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

struct bc_sandbox {
	char *const *read;		/* files, and folders with all below, for reading; NULL: files are not restricted */
	size_t n_read;
	const char *write;		/* a folder in which files are made, renamed and removed; NULL: nothing is written */
	bool net;			/* it talks to others; libraries for that may be loaded later */
};

#define BC_SANDBOX_FILES 1U
#define BC_SANDBOX_CALLS 2U

/*
 * For the process and all its threads, for good: from now on it gains no rights by running a program either. Before other threads
 * exist, because files are restricted for the caller and the threads that it will start. What was opened stays open. Links in the
 * folders to files elsewhere are followed now, and these may be read too.
 * Returns which of the two parts hold: a kernel may have neither. A call that is refused fails (EPERM, or ENOSYS, which libraries
 * know from older kernels); nothing is killed.
 */
unsigned bc_sandbox_enter(const struct bc_sandbox *s);

#endif
