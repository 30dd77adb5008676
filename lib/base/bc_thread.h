/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that are no lcore: each has a name, and leaves the process's signals to the thread that waits for them. */
#ifndef BC_THREAD_H
#define BC_THREAD_H

#include <pthread.h>
#include <stdint.h>

#define BC_THREAD_NAME_MAX 16	/* with the final zero: what the kernel keeps */

/* Sent to one thread, to have that very thread do something: what is started here does not block it. */
#define BC_SIGNAL_EACH (SIGRTMIN + 5)

/*
 * Call run(arg) in a new thread with a name, in which every signal is blocked but BC_SIGNAL_EACH and those that a fault of its own
 * raises. It inherits the caller's CPUs, and is to be joined. 0 and *ret, or a negative errno; nothing was started then.
 */
int bc_thread_start(pthread_t *ret, const char *name, void *(*run)(void *arg), void *arg);

/* The calling thread, and those that it will start: without capabilities from now on, and without a way to new ones. */
void bc_thread_shed(void);

/* The same, but with those capabilities of a set (bit CAP_X) that it has. */
void bc_thread_shed_but(uint64_t keep);

/* The calling thread, and those that it will start: from now on only CPU and disk time that nobody else wants. */
void bc_thread_give_way(void);

/* Likewise, of disk time alone. */
void bc_thread_yield_disk(void);

#endif
