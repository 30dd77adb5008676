/* SPDX-License-Identifier: BSD-3-Clause */
/* A packet of any bytes: its tuple is within it, and the bytes that are kept give the same. */
#include <stdlib.h>
#include <string.h>

#include "bc_tuple.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const uint16_t types[] = { 1, 0, 101, 108, 113, 228, 229, 276 };
	struct bc_tuple a, b;
	uint8_t *kept;
	uint32_t n;

	if (!len)
		return 0;
	bc_tuple_of(types[input[0] & 7], input + 1, (uint32_t)len - 1, false, &a);
	n = bc_tuple_bytes(types[input[0] & 7], input + 1, (uint32_t)len - 1);
	kept = malloc(n + 1);
	memcpy(kept, input + 1, n);
	bc_tuple_of(types[input[0] & 7], kept, n, n < len - 1, &b);
	if (a.len > len - 1 || memcmp(&a, &b, sizeof(a)))
		abort();
	free(kept);
	return 0;
}
