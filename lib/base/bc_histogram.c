/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_histogram.h"

/* The largest value of bucket i. */
static uint64_t bucket_end(uint32_t i)
{
	return i < 4 ? i : ((5ULL + i % 4) << (i / 4 - 1)) - 1;
}

uint64_t bc_histogram_count(const struct bc_histogram *h)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < BC_HISTOGRAM_BUCKETS; i++)
		n += bc_counter_get(&h->bucket[i]);
	return n;
}

uint64_t bc_histogram_quantile(const struct bc_histogram *h, uint32_t permille)
{
	uint64_t count = bc_histogram_count(h), seen = 0;
	uint64_t wanted = count / 1000 * permille + (count % 1000 * permille + 999) / 1000;
	uint32_t i = 0;

	if (!count)
		return 0;
	if (!wanted)
		wanted = 1;
	for (; i < BC_HISTOGRAM_BUCKETS - 1; i++) {
		seen += bc_counter_get(&h->bucket[i]);
		if (seen >= wanted)
			break;
	}
	return bucket_end(i);
}
