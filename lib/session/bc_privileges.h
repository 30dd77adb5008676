/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef BC_PRIVILEGES_H
#define BC_PRIVILEGES_H

#include "bc_err.h"

/*
 * Become user (a name or a number) with its groups, for all threads and for good: that root cannot be had back is tried. 0; or a
 * negative errno with a line in err.
 */
int bc_privileges_drop(const char *user, struct bc_err *err);

/* Threads of SCHED_IDLE may go back to the normal policy later, also as another user: by RLIMIT_NICE. Where that may not be raised nothing is done. */
void bc_privileges_keep_priority(void);

/* This thread, and those that it will start, can never gain rights by running a program. 0, or a negative errno and a line in err. */
int bc_privileges_forswear(struct bc_err *err);

/*
 * Call check, which returns 0 or a negative errno, with the rights of user; NULL: with our own. In a child process, before there
 * are other threads. What it returned, with a line in err (which is made of what), or the failure to become that user.
 */
int bc_privileges_try(const char *user, int (*check)(const char *arg), const char *arg, const char *what, struct bc_err *err);

/*
 * Give up every capability, in all threads and for good. 0, also where there was none; or a negative errno with a line in err: a
 * thread has kept some. One thread at a time; no thread is made meanwhile.
 */
int bc_privileges_shed(struct bc_err *err);

#endif
