/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A file of LZ4 read by its blocks, over any bytes: as its frame says where they are, and as somebody else does. The first byte is
 * the number of blocks that are made up of those that follow.
 */
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_plain_blob.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

struct memory {
	struct bc_blob blob;
	const uint8_t *bytes;
};

static ptrdiff_t memory_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	const struct memory *m = (const struct memory *)b;

	if (at >= b->bytes)
		return 0;
	len = len < b->bytes - at ? len : (size_t)(b->bytes - at);
	memcpy(to, m->bytes + at, len);
	return (ptrdiff_t)len;
}

static void read_plain(struct bc_blob *file, const struct bc_lz4_map *map, uint64_t bytes)
{
	uint8_t buf[1000];
	struct bc_blob *b;

	if (bc_plain_blob_open(file, map, bytes, &b, NULL))
		return;
	bc_blob_want(b, &(struct bc_blob_range){ bytes / 2, 500 }, 1);
	bc_blob_read(b, buf, sizeof(buf), bytes / 2, NULL);
	bc_blob_read(b, buf, sizeof(buf), bytes / 3, NULL);
	bc_blob_close(b);
}

static uint64_t plain_bytes(const struct bc_lz4_map *map)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < map->n; i++)
		n += map->block[i].plain_len;
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const struct bc_blob_ops ops = { .read = memory_read };
	struct memory m = { .blob = { .ops = &ops, .gap = 1, .run = 1 << 20 } };
	struct bc_lz4_map map = { .n = 0 }, other = { .header_len = BC_LZ4_HEADER_MAX };
	size_t n = len ? input[0] % 8U : 0, at = 1 + n * 8 + BC_LZ4_HEADER_MAX;

	if (len < at)
		return 0;
	m.bytes = input + at;
	m.blob.bytes = len - at;
	if (!bc_lz4_map_make(&m.blob, &map, NULL))
		read_plain(&m.blob, &map, plain_bytes(&map));
	bc_lz4_map_free(&map);
	memcpy(other.header, input + 1 + n * 8, BC_LZ4_HEADER_MAX);
	other.header_len = input[1] % 2 ? 7 : BC_LZ4_HEADER_MAX;
	for (size_t i = 0; i < n; i++)
		bc_lz4_map_add(&other, &(struct bc_lz4_map_block){ bc_get_le32(input + 1 + i * 8), bc_get_le32(input + 5 + i * 8) });
	read_plain(&m.blob, &other, plain_bytes(&other));
	bc_lz4_map_free(&other);
	read_plain(&m.blob, NULL, 3000);
	return 0;
}
