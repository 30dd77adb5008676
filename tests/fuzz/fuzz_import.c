/* SPDX-License-Identifier: BSD-3-Clause */
/* Any bytes as an osmo-pcap configuration: what comes out of it is printable, and names no line that is not there. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bc_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static void note(void *ctx, uint32_t line, enum bc_import_loss loss, const char *what, const char *why)
{
	if (line > *(const uint32_t *)ctx || strlen(why) == 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	uint32_t lines = 1;
	const struct bc_import_notes notes = { .note = note, .ctx = &lines };
	struct bc_err err;
	char *text = malloc(size ? size : 1), *out;

	if (!text)
		abort();
	memcpy(text, input, size);
	for (size_t i = 0; i < size; i++)
		lines += text[i] == '\n';
	if (!bc_import_osmo("fuzz", text, size, &notes, &out, &err)) {
		for (const char *p = out; *p; p++)
			if ((*p < ' ' || *p > '~') && *p != '\n' && *p != '\t')
				abort();
		free(out);
	}
	free(text);
	return 0;
}
