/* SPDX-License-Identifier: BSD-3-Clause */
/* The signals that a long run obeys, taken one by one by its control thread. */
#ifndef SIGNALS_H
#define SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct signals {
	sigset_t set;
	pthread_t waiter;	/* who waits for them */
	uint64_t stop_mono_ns;	/* when one first asked for the end; 0: none did */
};

/*
 * SIGINT, SIGTERM, SIGHUP and SIGUSR1 are kept for signals_wait(), by this thread. Before any other is made: all inherit it. SIGPIPE is
 * ignored.
 */
void signals_block(struct signals *s);

/* Wait for one, for ns at the most; 0 or less: there was none, or SIGNALS_WAKE: somebody called signals_wake(). */
int signals_wait(const struct signals *s, uint64_t ns);

/* Any thread: the wait that is under way, or else the next, ends at once. */
void signals_wake(const struct signals *s);
#define SIGNALS_WAKE SIGRTMIN

/* What a SIGINT or SIGTERM that was taken means. */
enum signals_end {
	SIGNALS_STOP,	/* the first: end in good order */
	SIGNALS_ECHO,	/* the first one's echo: timeout(1) signals both a process and its group */
	SIGNALS_NOW,	/* one more: end at once */
};
enum signals_end signals_end(struct signals *s);

/* Wait a little at the end of a run; did one come that asks not to wait any more? */
bool signals_hurried(const struct signals *s);

#endif
