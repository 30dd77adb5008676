/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a fuzz target over a kept corpus, without a fuzzer: inputs one behind the other, each {length in 4 bytes, little-endian; bytes}. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

/* In memory of its own, so that a byte too far is seen. False at the end. */
static int run_next(FILE *f)
{
	uint8_t head[4], *input;
	size_t len;

	if (fread(head, 1, sizeof(head), f) != sizeof(head))
		return 0;
	len = bc_get_le32(head);
	input = malloc(len ? len : 1);
	if (!input || fread(input, 1, len, f) != len) {
		fputs("the corpus is cut off\n", stderr);
		exit(1);
	}
	LLVMFuzzerTestOneInput(input, len);
	free(input);
	return 1;
}

int main(int argc, char **argv)
{
	FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
	unsigned n = 0;

	if (!f) {
		fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
		return 1;
	}
	while (run_next(f))
		n++;
	fclose(f);
	printf("%u inputs\n", n);
	return n == 0;
}
