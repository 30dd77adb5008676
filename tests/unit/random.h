/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that are the same in every run. */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdint.h>

struct random {
	uint64_t state;		/* not 0 */
};

static inline uint64_t random_u64(struct random *r)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return r->state * 0x2545F4914F6CDD1DULL;
}

/* 0 to n - 1. */
static inline uint32_t random_below(struct random *r, uint32_t n)
{
	return (uint32_t)((random_u64(r) >> 32) * n >> 32);
}

#endif
