/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A few threads that serve many tasks. A task is a function that does a part of its work whenever there is some: when it is woken,
 * or when the time has come that it asked for. Never two threads run the same task at once. One that waits for a disk keeps its
 * thread, and none but its own crew's tasks waiting: let no task wait for another of the same crew.
 */
#ifndef BC_CREW_H
#define BC_CREW_H

#include <stdbool.h>
#include <stdint.h>

/* What a task's run may return besides the ns until it is to be run again. 0: at once, behind the others. */
#define BC_TASK_WOKEN UINT64_MAX		/* when it is woken, not before */
#define BC_TASK_OVER (UINT64_MAX - 1)		/* never */

struct bc_crew;

/* Zeroed but for the first two. */
struct bc_task {
	uint64_t (*run)(void *ctx);
	void *ctx;

	/* The crew's, under its lock. */
	struct bc_crew *crew;		/* constant once it is started */
	struct bc_task *next;		/* in the queue */
	uint32_t place;			/* among the crew's tasks */
	enum { BC_TASK_IDLE, BC_TASK_QUEUED, BC_TASK_RUNS, BC_TASK_RUNS_WOKEN, BC_TASK_ENDED } state;
};

/* Threads of this name (bc_thread.h). 0 and *ret, or a negative errno. */
int bc_crew_new(const char *name, uint32_t threads, struct bc_crew **ret);
/* When all tasks are over and no bc_task_wake() is left that has not returned: join the threads. Takes NULL. */
void bc_crew_free(struct bc_crew *c);

/* Run it for the first time, soon. 0 or -ENOMEM. The task is the crew's until it is over. */
int bc_task_start(struct bc_task *t, struct bc_crew *c);
/* Run it once more. Any thread; nothing where the task was not started, or is over. */
void bc_task_wake(struct bc_task *t);
/* Wait until it is over; at once if it was not started. Not from a task. */
void bc_task_join(struct bc_task *t);

#endif
