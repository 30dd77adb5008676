/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_filler.h"

#include <string.h>

#define WORDS 1024

static uint32_t put_word(uint8_t *dst, uint32_t room, uint64_t word)
{
	uint64_t rnd = (word + 1) * 0x9E3779B97F4A7C15ULL;
	uint32_t len = 3 + (uint32_t)(word % 6);

	for (uint32_t i = 0; i < len && i < room; i++)
		dst[i] = (uint8_t)("etaoinshrdlcumwfgypbvk"[bc_filler_random(&rnd) % 22]);
	if (len < room)
		dst[len] = ' ';
	return len < room ? len + 1 : room;
}

void bc_filler_text(uint8_t *data, uint32_t len, uint64_t seed)
{
	for (uint32_t i = 0; i < len;) {
		uint64_t r = bc_filler_random(&seed);

		if (r % 8 == 0) {
			uint64_t noise = bc_filler_random(&seed);
			uint32_t n = len - i < sizeof(noise) ? len - i : (uint32_t)sizeof(noise);

			memcpy(data + i, &noise, n);
			i += n;
		} else {
			/* The low numbers much more often than the high ones. */
			uint64_t a = (r >> 8) % WORDS, b = (r >> 24) % WORDS, c = (r >> 40) % WORDS;

			i += put_word(data + i, len - i, a * b / WORDS * c / WORDS);
		}
	}
}
