/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of a spool that somebody else wrote: what is read of it is whole messages, and never more than there is. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bc_spool_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void require(int holds)
{
	if (!holds)
		abort();
}

static void read_records(int fd, uint64_t off, uint64_t size)
{
	struct bc_spool_record *r = malloc(sizeof(*r)), *skimmed = malloc(sizeof(*r));
	int64_t next;

	while ((next = bc_spool_file_read(fd, off, size, r)) > 0) {
		require((uint64_t)next > off && (uint64_t)next <= size && r->len <= sizeof(r->bytes));
		require(bc_spool_file_skim(fd, off, size, skimmed) == next && skimmed->pos == r->pos);
		for (size_t at = 0; at < r->len;) {
			size_t whole = bc_wire_length(r->bytes + at, r->len - at);

			require(whole && whole <= r->len - at);
			at += whole;
		}
		off = (uint64_t)next;
	}
	free(r);
	free(skimmed);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct bc_spool_file_head *h = malloc(sizeof(*h));
	int fd = memfd_create("spool", MFD_CLOEXEC);

	if (write(fd, input, len) == (ssize_t)len) {
		if (bc_spool_file_read_head(fd, h) == 0)
			require(h->link_len <= sizeof(h->link));
		/* The header's sum is hard to come by: its records are read in any case. */
		read_records(fd, 0, len);
		read_records(fd, BC_SPOOL_FILE_HEADER, len);
	}
	close(fd);
	free(h);
	return 0;
}
