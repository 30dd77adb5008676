/* SPDX-License-Identifier: BSD-3-Clause */
/* The first byte gives the size of the reads, the rest is the file. */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bc_decoder.h"

#define OUT_MAX (4u << 20)	/* enough of a bomb */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
	if (!ok)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t buf[256 * 257];
	struct bc_decoder *d = NULL;
	struct bc_err err;
	size_t cap, total = 0;
	ptrdiff_t n;
	int fd;

	if (size == 0)
		return 0;
	cap = 1 + data[0] * 257u;
	fd = memfd_create("fuzz", 0);
	check(fd >= 0);
	check(write(fd, data + 1, size - 1) == (ssize_t)(size - 1));
	check(lseek(fd, 0, SEEK_SET) == 0);
	check(bc_decoder_open(fd, &d, &err) == 0);
	while (total < OUT_MAX && (n = bc_decoder_read(d, buf, cap, &err)) > 0) {
		check((size_t)n <= cap);
		total += (size_t)n;
	}
	/* The end and an error stay. */
	if (total < OUT_MAX) {
		check(bc_decoder_read(d, buf, cap, &err) == n);
		check(bc_decoder_offset(d) <= size - 1);
	}
	bc_decoder_close(d);
	return 0;
}
