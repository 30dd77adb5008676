/* SPDX-License-Identifier: BSD-3-Clause */
/* The signals that a long run obeys, taken one by one by its control thread. */
#ifndef BC_SIGNALS_H
#define BC_SIGNALS_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

struct bc_signals {
	sigset_t set;
	pthread_t waiter;	/* who waits for them */
	bool hup_ends;		/* a SIGHUP is a SIGTERM */
	uint64_t stop_mono_ns;	/* when one first asked for the end; 0: none did */
};

enum bc_hup {
	BC_HUP_CLOSES,		/* it ends the run where a closed terminal can have sent it */
	BC_HUP_ROTATES,		/* it never ends the run */
	BC_HUP_ENDS,		/* as mtracecap's */
};

/*
 * SIGINT, SIGTERM, SIGHUP and SIGUSR1 are kept for bc_signals_wait(), by this thread. Before any other is made: all inherit it.
 * SIGPIPE is ignored. No terminal can have sent a SIGHUP if there is none, or if systemd started this process. One that was
 * started to survive it (nohup) does, whatever hup says.
 */
void bc_signals_block(struct bc_signals *s, enum bc_hup hup);

/* One that ends the run waits to be taken. Any thread. */
bool bc_signals_end_waits(const struct bc_signals *s);

/* Wait for one, for ns at the most; 0 or less: there was none, or BC_SIGNALS_WAKE: somebody called bc_signals_wake(). */
int bc_signals_wait(const struct bc_signals *s, uint64_t ns);

/* Any thread: the wait that is under way, or else the next, ends at once. */
void bc_signals_wake(const struct bc_signals *s);
#define BC_SIGNALS_WAKE SIGRTMIN

/* What a SIGINT or SIGTERM that was taken means. */
enum bc_signals_end {
	BC_SIGNALS_STOP,	/* the first: end in good order */
	BC_SIGNALS_ECHO,	/* the first one's echo: timeout(1) signals both a process and its group */
	BC_SIGNALS_NOW,	/* one more: end at once */
};
enum bc_signals_end bc_signals_end(struct bc_signals *s);

/* Wait a little at the end of a run; did one come that asks not to wait any more? */
bool bc_signals_hurried(const struct bc_signals *s);

#endif
