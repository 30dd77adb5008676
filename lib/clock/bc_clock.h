/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's clock for stamps: the CPU's counter, disciplined to the system clock (CLOCK_REALTIME).
 *
 * It shows steady time (bc_steps.h), which never steps back: a step of the system clock by more than BC_CLOCK_STEP_NS begins an epoch.
 * It costs one counter read and one multiplication. Where the CPU's counter cannot be trusted
 * (a TSC that is not invariant, or that the kernel has given up) CLOCK_MONOTONIC takes its place as the counter;
 * all else is the same.
 */
#ifndef BC_CLOCK_H
#define BC_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#if defined(__x86_64__) || defined(__i386__)
#include <x86intrin.h>
#endif

#include "bc_line.h"
#include "bc_steps.h"
#include "bc_time.h"
#include "bc_track.h"

#define BC_CLOCK_STEP_NS BC_NS_PER_S	/* what the system clock is off by less is slewed away */
#define BC_CLOCK_UPDATE_NS (100 * BC_NS_PER_MS)	/* how often bc_clock_update is to be called */

enum bc_ticks { BC_TICKS_TSC, BC_TICKS_CNTVCT, BC_TICKS_SYSTEM };

struct bc_clock {
	struct bc_track track;	/* fed by the updating thread */
	struct bc_steps steps;	/* the updating thread writes */
	enum bc_ticks ticks;	/* constant from init on */
	const char *why;	/* why the CPU's counter is not used, or ""; constant from init on */
};

struct bc_clock_status {
	enum bc_ticks ticks;
	const char *why;	/* as in bc_clock */
	struct bc_track_status track;	/* against the system clock, less its steps */
	uint64_t steps;		/* of the system clock, that began an epoch */
	int64_t stepped_ns;	/* by all of them together */
};

/* The counter to use on this machine, and in *ret_why a constant text: why not the CPU's own, or "". */
enum bc_ticks bc_clock_detect(const char **ret_why);

/* Calibrate, in at most 50 ms, with the counter that detect names. Before any other use. Nothing to destroy. */
void bc_clock_init(struct bc_clock *c);

/* The same with a given counter, which must exist on this machine; BC_TICKS_SYSTEM takes no time. */
void bc_clock_init_ticks(struct bc_clock *c, enum bc_ticks ticks, const char *why);

/*
 * Sample the system clock and publish. One thread, the control thread, about every BC_CLOCK_UPDATE_NS; a few
 * microseconds. If that thread is preempted within it for longer than BC_TRACK_LEAD_NS, readers may see a step
 * back by the change of rate times the excess: nothing in the steady state, where rates change by 1e-9. Returns by how many ns the
 * system clock was found to be stepped; 0: it was not.
 */
int64_t bc_clock_update(struct bc_clock *c);

/* Any thread. */
void bc_clock_status(const struct bc_clock *c, struct bc_clock_status *ret);

/*
 * One line for a file's interface description: the counter, how it is disciplined, how far off it may be, as this
 * clock knows from its regression and as the kernel says of the system clock. Any thread. Returns what snprintf
 * does.
 */
int bc_clock_describe(const struct bc_clock *c, char *buf, size_t size);

/* The counter now: what bc_clock_tsc_to_ns takes. Any thread. */
static inline uint64_t bc_clock_tsc(const struct bc_clock *c)
{
#if defined(__x86_64__) || defined(__i386__)
	if (__builtin_expect(c->ticks == BC_TICKS_TSC, 1))
		return __rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	if (__builtin_expect(c->ticks == BC_TICKS_CNTVCT, 1)) {
		__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
		return v;
	}
#endif
	return bc_mono_ns();
}

/*
 * UTC ns of a value of bc_clock_tsc of this clock, at most about one update old. Any thread; monotonic over
 * publications.
 */
static inline uint64_t bc_clock_tsc_to_ns(const struct bc_clock *c, uint64_t tsc)
{
	return bc_line_to_ns(&c->track.line, tsc);
}

static inline uint64_t bc_clock_now(const struct bc_clock *c)
{
	return bc_clock_tsc_to_ns(c, bc_clock_tsc(c));
}

/* The system clock itself, as steady time: what the kernel's stamps follow. Off by a step that was not found yet. Any thread. */
static inline uint64_t bc_clock_utc(const struct bc_clock *c)
{
	return bc_utc_ns() + bc_steps_ahead(&c->steps, bc_steps_epoch(bc_steps_count(&c->steps)));
}

#endif
