/* SPDX-License-Identifier: BSD-3-Clause */
/* The reader over any bytes: the input's first four seed the windows, the rest is the file. */
#include "bc_lockstep.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	uint32_t seed;

	if (len < sizeof(seed))
		return 0;
	memcpy(&seed, input, sizeof(seed));
	lockstep_run(input + sizeof(seed), len - sizeof(seed), seed);
	return 0;
}
