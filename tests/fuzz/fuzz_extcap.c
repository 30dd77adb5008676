/* SPDX-License-Identifier: BSD-3-Clause */
/* A stream that is passed on: the input's first byte is the size of the pieces in which the rest comes. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "bc_extcap_relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

/* What is passed on is a part of the stream, from its beginning if nothing is filtered. */
static void run(const char *filter, const uint8_t *data, size_t len, size_t step)
{
	struct bc_extcap_relay *r = bc_extcap_relay_new(filter);
	size_t passed = 0, n;
	struct bc_err err;

	for (size_t at = 0; at < len; at += step) {
		int e = bc_extcap_relay_put(r, data + at, len - at < step ? len - at : step, &err);
		const uint8_t *p = bc_extcap_relay_get(r, &n);

		assert(passed + n <= len);
		if (!filter && n)
			assert(!memcmp(p, data + passed, n));
		bc_extcap_relay_passed(r, n);
		passed += n;
		if (e)
			break;
	}
	bc_extcap_relay_free(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	if (len < 2)
		return 0;
	run(NULL, input + 1, len - 1, input[0] + 1U);
	run("greater 100", input + 1, len - 1, input[0] + 1U);
	return 0;
}
