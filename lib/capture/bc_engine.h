/* SPDX-License-Identifier: BSD-3-Clause */
/* The cooperative loop of an lcore over its stages. */
#ifndef BC_ENGINE_H
#define BC_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_counter.h"

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

/* Wait for the end of n lcores that EAL launched, if it did. What they wrote is then the caller's. */
void bc_lcores_wait(const struct bc_lcore *l, uint32_t n);

#endif
