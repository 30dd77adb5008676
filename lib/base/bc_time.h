/* SPDX-License-Identifier: BSD-3-Clause */
/* Time constants and the two host clocks, in nanoseconds. */
#ifndef BC_TIME_H
#define BC_TIME_H

#include <stdint.h>
#include <time.h>

#define BC_NS_PER_S 1000000000ULL
#define BC_NS_PER_MS 1000000ULL
#define BC_NS_PER_US 1000ULL

static inline uint64_t bc_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * BC_NS_PER_S + (uint64_t)ts.tv_nsec;
}

/* CLOCK_MONOTONIC: for intervals and time-outs. Any thread. */
static inline uint64_t bc_mono_ns(void)
{
	return bc_clock_ns(CLOCK_MONOTONIC);
}

/* CLOCK_REALTIME: UTC since 1970. Any thread. */
static inline uint64_t bc_utc_ns(void)
{
	return bc_clock_ns(CLOCK_REALTIME);
}

#endif
