/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The first byte picks a link type; up to a zero follows an expression, then a packet. What compiles reads nothing outside the
 * packet, and what does not is refused with a line.
 */
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_filter.h"

#define EXPRESSION_MAX 256	/* libpcap's optimiser takes time by the cube of it */

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void match(const struct bc_filter *f, const uint8_t *packet, size_t len)
{
	uint8_t *bytes = malloc(len + 1);
	void *scratch = malloc(bc_filter_scratch_size(f) + 1);
	struct rte_mbuf m = { .buf_addr = bytes, .data_len = (uint16_t)len, .pkt_len = (uint32_t)len, .nb_segs = 1 };

	memcpy(bytes, packet, len);
	bc_filter_match(f, &m, (uint32_t)len, scratch);
	free(scratch);
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const uint16_t linktype[] = { 1, 101, 113, 276, 105, 228, 9 };
	struct bc_filter *f = NULL;
	struct bc_err err = { .msg = "" };
	char *expression;
	size_t used;

	if (len < 2 || len > 65535)
		return 0;
	expression = strndup((const char *)input + 1, len - 1);
	used = 1 + strlen(expression) + 1;
	if (used <= EXPRESSION_MAX) {
		if (bc_filter_compile(expression, linktype[input[0] % 7], 65535, false, &f, &err) < 0) {
			if (!err.msg[0])
				abort();
		} else {
			match(f, input + (used < len ? used : len), used < len ? len - used : 0);
			bc_filter_destroy(f);
		}
	}
	free(expression);
	return 0;
}
