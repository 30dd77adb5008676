/* SPDX-License-Identifier: BSD-3-Clause */
/* Content for packets that stand in for real ones in a measurement. */
#ifndef BC_FILLER_H
#define BC_FILLER_H

#include <stdint.h>

/* xorshift64*; state is never 0. */
static inline uint64_t bc_filler_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545F4914F6CDD1DULL;
}

/* Words, some much more often than others, and a few bytes that repeat nowhere: LZ4 makes about half of it. Same seed (not 0), same bytes. */
void bc_filler_text(uint8_t *data, uint32_t len, uint64_t seed);

#endif
