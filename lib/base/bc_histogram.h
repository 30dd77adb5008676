/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How a value is spread, counted by one thread and read by any: four buckets to each power of two, so that what is read is at
 * most a quarter too high.
 */
#ifndef BC_HISTOGRAM_H
#define BC_HISTOGRAM_H

#include <stdint.h>

#include "bc_counter.h"

/* Up to 2^40; what is larger counts as that. */
#define BC_HISTOGRAM_BITS 40
#define BC_HISTOGRAM_BUCKETS (4 * (BC_HISTOGRAM_BITS - 1))

struct bc_histogram {
	bc_counter_t bucket[BC_HISTOGRAM_BUCKETS];
};

static inline uint32_t bc_histogram_index(uint64_t v)
{
	uint32_t high;

	if (v < 4)
		return (uint32_t)v;
	if (v >> BC_HISTOGRAM_BITS)
		return BC_HISTOGRAM_BUCKETS - 1;
	high = 63 - (uint32_t)__builtin_clzll(v);
	return 4 * (high - 1) + (uint32_t)(v >> (high - 2) & 3);
}

/* The value v, n times. Only the histogram's one writing thread calls this. */
static inline void bc_histogram_add(struct bc_histogram *h, uint64_t v, uint64_t n)
{
	bc_counter_add(&h->bucket[bc_histogram_index(v)], n);
}

/* Any thread: how many values were counted. */
uint64_t bc_histogram_count(const struct bc_histogram *h);

/* Any thread: what so many of a thousand values do not exceed, rounded up to a bucket's end; 0 without any. permille <= 1000. */
uint64_t bc_histogram_quantile(const struct bc_histogram *h, uint32_t permille);

#endif
