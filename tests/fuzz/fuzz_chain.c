/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines as records of a chain of custody: each is refused, or is the very line that its record makes. */
#include <stdlib.h>
#include <string.h>

#include "bc_chain_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void read_line(const uint8_t *at, size_t len)
{
	char *line = malloc(len + 1), again[BC_CHAIN_LINE_MAX];
	struct bc_chain_record r;

	memcpy(line, at, len);
	if (bc_chain_record_parse(line, len, &r) == 0) {
		check(bc_chain_name_check(r.name) == 0);
		check(bc_chain_record_line(&r, again) == len && !memcmp(again, line, len));
	}
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	const uint8_t *end;

	for (; (end = memchr(input, '\n', len)); len -= (size_t)(end + 1 - input), input = end + 1)
		read_line(input, (size_t)(end - input));
	read_line(input, len);
	return 0;
}
