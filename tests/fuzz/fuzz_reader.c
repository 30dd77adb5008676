/* SPDX-License-Identifier: BSD-3-Clause */
/* The readers over any bytes: the input's first four seed the windows, the rest is the file, of either kind. */
#include "bc_lockstep.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	uint32_t seed;

	if (len < sizeof(seed))
		return 0;
	memcpy(&seed, input, sizeof(seed));
	lockstep_run(bc_reader_new, input + sizeof(seed), len - sizeof(seed), seed);
	lockstep_run(bc_reader_new_erf, input + sizeof(seed), len - sizeof(seed), seed);
	return 0;
}
