/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file of a spool that somebody else wrote: what is read of it is whole messages, and never more than there is. If the first byte is
 * odd, header and records get right sums first, so that what is behind them is reached.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_bytes.h"
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

static void seal(uint8_t *file, size_t len)
{
	size_t at = BC_SPOOL_FILE_HEADER;
	uint32_t link_len;

	if (len < at)
		return;
	link_len = bc_get_le32(file + 12);
	if (link_len > len - at)
		return;
	bc_put_le32(file + 56, XXH32(file, 56, XXH32(file + at, link_len, 0)));
	for (at += link_len; len - at >= BC_SPOOL_RECORD_HEADER;) {
		uint32_t size = bc_get_le32(file + at);

		if (size > len - at - BC_SPOOL_RECORD_HEADER)
			return;
		bc_put_le32(file + at + 4, XXH32(file + at + BC_SPOOL_RECORD_HEADER, size, XXH32(file + at + 8, 16, 0)));
		at += BC_SPOOL_RECORD_HEADER + size;
	}
}

static void read_file(const uint8_t *file, size_t len)
{
	struct bc_spool_file_head *h = malloc(sizeof(*h));
	int fd = memfd_create("spool", MFD_CLOEXEC);
	uint64_t begin = BC_SPOOL_FILE_HEADER;

	require(write(fd, file, len) == (ssize_t)len);
	if (bc_spool_file_read_head(fd, h) == 0) {
		require(h->link_len <= sizeof(h->link));
		begin += h->link_len;
	}
	read_records(fd, begin, len);
	close(fd);
	free(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	uint8_t *file;

	if (!len)
		return 0;
	file = malloc(len);
	memcpy(file, input + 1, len - 1);
	if (input[0] & 1)
		seal(file, len - 1);
	read_file(file, len - 1);
	free(file);
	return 0;
}
