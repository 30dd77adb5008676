/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_xxh32x4.h"

#include <endian.h>
#include <string.h>
#include <xxhash.h>

#define PRIME1 2654435761U
#define PRIME2 2246822519U
#define PRIME3 3266489917U
#define PRIME4 668265263U
#define PRIME5 374761393U
#define STRIPE 16U

/* The four accumulators of one sum. */
typedef uint32_t lanes __attribute__((vector_size(STRIPE)));

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

static inline lanes add_stripe(lanes acc, const uint8_t *p)
{
	lanes x;

	memcpy(&x, p, sizeof(x));
	acc += x * PRIME2;
	acc = acc << 13 | acc >> 19;
	return acc * PRIME1;
}

static inline lanes add_stripes(lanes acc, const uint8_t *p, size_t from, size_t to)
{
	for (size_t i = from; i < to; i += STRIPE)
		acc = add_stripe(acc, p + i);
	return acc;
}

/* The sum of len bytes, whose whole stripes are in acc. */
static uint32_t finish(lanes acc, const uint8_t *p, size_t len)
{
	size_t i = len / STRIPE * STRIPE;
	uint32_t h = len < STRIPE ? PRIME5 : rotl(acc[0], 1) + rotl(acc[1], 7) + rotl(acc[2], 12) + rotl(acc[3], 18);

	h += (uint32_t)len;
	for (; i + 4 <= len; i += 4) {
		uint32_t x;

		memcpy(&x, p + i, sizeof(x));
		h = rotl(h + x * PRIME3, 17) * PRIME4;
	}
	for (; i < len; i++)
		h = rotl(h + p[i] * PRIME5, 11) * PRIME1;
	h = (h ^ h >> 15) * PRIME2;
	h = (h ^ h >> 13) * PRIME3;
	return h ^ h >> 16;
}

void bc_xxh32x4(const uint8_t *const src[4], const size_t len[4], uint32_t ret[4])
{
	const lanes begin = { PRIME1 + PRIME2, PRIME2, 0, 0U - PRIME1 };
	lanes a = begin, b = begin, c = begin, d = begin;
	size_t common = len[0];

	if (__BYTE_ORDER != __LITTLE_ENDIAN) {
		for (int i = 0; i < 4; i++)
			ret[i] = XXH32(src[i], len[i], 0);
		return;
	}
	for (int i = 1; i < 4; i++)
		common = len[i] < common ? len[i] : common;
	common = common / STRIPE * STRIPE;
	for (size_t i = 0; i < common; i += STRIPE) {
		a = add_stripe(a, src[0] + i);
		b = add_stripe(b, src[1] + i);
		c = add_stripe(c, src[2] + i);
		d = add_stripe(d, src[3] + i);
	}
	ret[0] = finish(add_stripes(a, src[0], common, len[0] / STRIPE * STRIPE), src[0], len[0]);
	ret[1] = finish(add_stripes(b, src[1], common, len[1] / STRIPE * STRIPE), src[1], len[1]);
	ret[2] = finish(add_stripes(c, src[2], common, len[2] / STRIPE * STRIPE), src[2], len[2]);
	ret[3] = finish(add_stripes(d, src[3], common, len[3] / STRIPE * STRIPE), src[3], len[3]);
}
