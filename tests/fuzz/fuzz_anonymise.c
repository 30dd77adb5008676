/* SPDX-License-Identifier: BSD-3-Clause */
/* A link type by its place in a list, then a packet of any bytes: no address that the index finds is left in it. */
#include <stdlib.h>

#include "anonymise_oracle.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const uint16_t types[] = { 1, 0, 9, 50, 51, 101, 104, 108, 113, 228, 229, 276, 127, 1, 1, 101 };
	static struct bc_cryptopan *map;

	if (!map)
		map = oracle_map(1);
	if (len && !oracle_holds(map, types[input[0] & 15], input + 1, (uint32_t)len - 1))
		abort();
	return 0;
}
