/* SPDX-License-Identifier: BSD-3-Clause */
/* The cooperative loop of an lcore over its stages. */
#ifndef BC_ENGINE_H
#define BC_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_counter.h"
#include "bc_err.h"

/* The longest sleep of an lcore that other lcores wake. A committer that returns buffers does not wake it. */
#define BC_SLEEP_WOKEN_NS 2000000U
/* And of one that waits for a stage elsewhere, which does not wake it. */
#define BC_SLEEP_BLOCKED_NS 1000000U

/* A part of the pipeline as a loop sees it. */
struct bc_stage {
	char name[48];
	uint32_t (*poll)(void *ctx);			/* one round; how much was done, 0: nothing to do */
	bool (*tick)(void *ctx, uint64_t mono_ns);	/* about every millisecond; did it do something; may be NULL */
	bool (*done)(void *ctx);			/* it will never do anything again */
	/*
	 * After a round without work: for how many ns its device keeps all that may come; 0: it does not wait for a device, but for
	 * another stage. NULL: it has no device.
	 */
	uint64_t (*buffers_ns)(void *ctx);
	void *ctx;

	/* The lcore writes, any thread reads. */
	bc_counter_t units;		/* what poll returned, summed */
	bc_counter_t busy_tsc;		/* in rounds that did something */
} BC_CACHE_ALIGNED;

_Static_assert(sizeof(struct bc_stage) % BC_CACHE_LINE == 0, "stages of different lcores share no cache line");

struct bc_lcore {
	unsigned cpu;
	bool busy_poll;				/* never sleep */
	bool woken;				/* has no device to poll: other lcores wake it */
	struct bc_lcore *all;			/* every lcore of the capture */
	uint32_t n_all;
	uint32_t n_stages;
	struct bc_stage **stage;
	enum { BC_LCORE_NONE, BC_LCORE_EAL, BC_LCORE_THREAD } on;	/* this and the next two: the control thread's */
	uint32_t id;
	pthread_t thread;
	_Atomic bool abort BC_CACHE_ALIGNED;	/* control writes, the lcore reads */
	_Atomic uint32_t asleep BC_CACHE_ALIGNED;	/* the lcore sets, whoever wakes it clears; a futex */

	/* The lcore writes, any thread reads. */
	bc_counter_t rounds BC_CACHE_ALIGNED;
	bc_counter_t idle_rounds;
	bc_counter_t sleeps;
	_Atomic bool running;
};

/* lcore_function_t: runs until all stages are done, or abort. Takes a struct bc_lcore. Returns 0. */
int bc_lcore_run(void *lcore);

/*
 * The same as EAL's lcore id, or, without EAL, in a thread of that number on its CPU. 0, or a negative errno with a line in err.
 * Control thread.
 */
int bc_lcore_start(struct bc_lcore *l, uint32_t id, bool eal, struct bc_err *err);

/* Wait for the end of those of n lcores that were started. What they wrote is then the caller's. */
void bc_lcores_wait(struct bc_lcore *l, uint32_t n);

#endif
