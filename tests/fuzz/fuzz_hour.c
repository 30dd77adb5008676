/* SPDX-License-Identifier: BSD-3-Clause */
/* The catalogue of an hour over any bytes, which get a right head and checksum, so that what is between them is reached. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_hour.h"

#define HEAD 24U
#define SUM 8U

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

/* What was read is written again: the same. */
static void read_all(const struct bc_hour *h, const uint8_t *bytes, size_t len)
{
	const uint32_t n = bc_hour_count(h);
	struct bc_hour_entry *e = malloc((n + 1) * sizeof(*e));
	uint8_t *again;
	size_t again_len;

	for (uint32_t i = 0; i < n; i++) {
		e[i] = *bc_hour_at(h, i);
		if (bc_hour_find(h, e[i].name) != bc_hour_at(h, i))
			abort();
	}
	if (!bc_hour_encode(e, n, &again, &again_len)) {
		if (again_len != len || memcmp(again, bytes, len))
			abort();
		free(again);
	}
	free(e);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	uint8_t *bytes = malloc(len + HEAD + SUM);
	struct bc_hour *h;

	memcpy(bytes, "braidcap hours\r\n", 16);
	bc_put_le32(bytes + 16, 1);
	memcpy(bytes + 20, input, len < 4 ? len : 4);
	if (len < 4) {
		free(bytes);
		return 0;
	}
	memcpy(bytes + HEAD, input + 4, len - 4);
	len += HEAD - 4 + SUM;
	bc_put_le64(bytes + len - SUM, XXH64(bytes, len - SUM, 0));
	if (!bc_hour_open(bytes, len, &h, NULL)) {
		read_all(h, bytes, len);
		bc_hour_close(h);
	}
	free(bytes);
	return 0;
}
