/* SPDX-License-Identifier: BSD-3-Clause */
/* What a leftover says of numbered packets, and the file beside it: any items, each in memory of its own. */
#include <stdlib.h>
#include <string.h>

#include "bc_ack_found.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void require(int holds)
{
	if (!holds)
		abort();
}

/* A copy that ends where its memory does. */
static uint8_t *copy_of(const uint8_t *at, size_t len)
{
	uint8_t *bytes = malloc(len ? len : 1);

	memcpy(bytes, at, len);
	return bytes;
}

/* Each item is {kind, length in two bytes} and its bytes; kind 0 is a packet, kind 1 begins another segment. */
int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct bc_ack_found *f = bc_ack_found_new();
	struct bc_ack_table t = { .n = 0 };
	uint32_t apart;
	uint8_t *block;
	size_t block_len;

	bc_ack_found_begin(f);
	while (len >= 3) {
		size_t n = (size_t)input[1] << 8 | input[2];
		uint8_t *item;

		n = n < len - 3 ? n : len - 3;
		item = copy_of(input + 3, n);
		if (input[0] == 1)
			bc_ack_found_begin(f);
		require(bc_ack_found_item(f, item, n, input[0] == 0) == 0);
		free(item);
		input += 3 + n;
		len -= 3 + n;
	}
	bc_ack_found_enter(f, &t, &apart);
	for (uint32_t i = 0; i < t.n; i++)
		require(memchr(t.client[i].name, 0, sizeof(t.client[i].name)) != NULL);
	/* The file can be read again. */
	require(bc_ack_table_to_block(&t, &block, &block_len) == 0);
	bc_ack_table_fini(&t);
	require(bc_ack_table_from_block(block, block_len, &t) == 0);
	free(block);
	bc_ack_table_fini(&t);
	bc_ack_found_free(f);
	return 0;
}
