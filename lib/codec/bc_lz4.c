/* SPDX-License-Identifier: BSD-3-Clause */
/* LZ4 frames put together by hand from the block API: lz4_Frame_format.md, version 1.6. */
#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_codec.h"
#include "bc_lz4_packets.h"
#include "bc_xxh32x4.h"

#define LZ4_MAGIC 0x184D2204u
#define LZ4_FLG 0x70		/* version 01, independent blocks, block checksums */
#define LZ4_SIZED 0x08		/* in FLG: with the content size */
#define LZ4_HEADER 7U
#define LZ4_HEADER_SIZED 15U
#define LZ4_STORED 0x80000000u
#define LZ4_ID_MIN 4		/* block size ids: 4 is 64 KiB, and each next four times that */
#define LZ4_ID_MAX 7

struct bc_lz4 {
	enum bc_lz4_records records;
	struct bc_lz4_packets *packets;		/* NULL: the records are not known */
	LZ4_stream_t fast;
	LZ4_streamHC_t hc;
};

/* What precedes the header's checksum, of which len bytes are its descriptor. */
static size_t seal_header(uint8_t *header, size_t len)
{
	header[4 + len] = (uint8_t)(XXH32(header + 4, len, 0) >> 8);
	return 4 + len + 1;
}

/* FLG and BD; false: no block may be so long. */
static bool begin_header(uint8_t *dst, uint8_t flags, size_t block_max)
{
	unsigned id = LZ4_ID_MIN;

	while (block_max > (size_t)1 << (8 + 2 * id))
		if (++id > LZ4_ID_MAX)
			return false;
	bc_put_le32(dst, LZ4_MAGIC);
	dst[4] = flags;
	dst[5] = (uint8_t)(id << 4);
	return true;
}

size_t bc_lz4_header(uint8_t dst[BC_LZ4_HEADER_MAX], size_t block_max)
{
	return begin_header(dst, LZ4_FLG, block_max) ? seal_header(dst, 2) : 0;
}

size_t bc_lz4_header_sized(uint8_t dst[BC_LZ4_HEADER_MAX], size_t block_max, uint64_t plain_bytes)
{
	if (!begin_header(dst, LZ4_FLG | LZ4_SIZED, block_max))
		return 0;
	bc_lz4_header_size(dst, plain_bytes);
	return LZ4_HEADER_SIZED;
}

void bc_lz4_header_size(uint8_t *header, uint64_t plain_bytes)
{
	bc_put_le64(header + 6, plain_bytes);
	seal_header(header, 10);
}

size_t bc_lz4_header_bytes(const uint8_t *src)
{
	if (bc_get_le32(src) != LZ4_MAGIC || (src[4] & ~LZ4_SIZED) != LZ4_FLG || src[5] & 0x8f || src[5] < LZ4_ID_MIN << 4)
		return 0;
	return src[4] & LZ4_SIZED ? LZ4_HEADER_SIZED : LZ4_HEADER;
}

bool bc_lz4_header_is_sized(const uint8_t *src)
{
	return bc_lz4_header_bytes(src) == LZ4_HEADER_SIZED;
}

void bc_lz4_end(uint8_t dst[BC_LZ4_END_SIZE])
{
	bc_put_le32(dst, 0);
}

struct bc_lz4 *bc_lz4_new(enum bc_lz4_records records)
{
	struct bc_lz4 *z = malloc(sizeof(*z));

	if (!z)
		return NULL;
	z->records = records;
	z->packets = records == BC_LZ4_ANY ? NULL : bc_lz4_packets_new();
	if (records != BC_LZ4_ANY && !z->packets) {
		free(z);
		return NULL;
	}
	return z;
}

void bc_lz4_free(struct bc_lz4 *z)
{
	if (!z)
		return;
	bc_lz4_packets_free(z->packets);
	free(z);
}

static enum bc_lz4_effort effort(int acceleration)
{
	if (acceleration >= BC_LZ4_HEADERS_FROM)
		return BC_LZ4_HEADERS;
	return acceleration >= BC_LZ4_SAMPLED_FROM ? BC_LZ4_SAMPLED : BC_LZ4_FULL;
}

static bool knows_packets(const struct bc_lz4 *z, const uint8_t *src, size_t len, enum bc_lz4_effort effort)
{
	return z->packets && len <= BC_LZ4_PACKETS_MAX &&
	       (effort != BC_LZ4_FULL || !bc_lz4_packets_mostly_text(z->records, src, len));
}

/* 0: it did not get smaller. */
static int compress(struct bc_lz4 *z, const uint8_t *src, size_t len, uint8_t *dst, int acceleration)
{
	if (acceleration > 0 && knows_packets(z, src, len, effort(acceleration)))
		return (int)bc_lz4_packets_block(z->packets, z->records, effort(acceleration), src, len, dst, len - 1);
	if (acceleration > 0)
		return LZ4_compress_fast_extState(&z->fast, (const char *)src, (char *)dst, (int)len, (int)len - 1,
						  acceleration);
	if (acceleration < 0)
		return LZ4_compress_HC_extStateHC(&z->hc, (const char *)src, (char *)dst, (int)len, (int)len - 1,
						  -acceleration);
	return 0;
}

size_t bc_lz4_block_unsealed(struct bc_lz4 *z, const uint8_t *src, size_t len, uint8_t *dst, int acceleration,
			     bool *ret_stored)
{
	size_t n = (size_t)compress(z, src, len, dst + 4, acceleration);

	*ret_stored = n == 0;
	if (n == 0) {
		memcpy(dst + 4, src, len);
		n = len;
	}
	bc_put_le32(dst, (uint32_t)n | (*ret_stored ? LZ4_STORED : 0));
	return n + BC_LZ4_BLOCK_OVERHEAD;
}

static size_t block_bytes(const uint8_t *block)
{
	return bc_get_le32(block) & ~LZ4_STORED;
}

/* The checksums after n blocks, at most four. */
static void seal_some(uint8_t *const src[4], const size_t len[4], uint32_t n)
{
	uint32_t sum[4];

	if (n == 4)
		bc_xxh32x4((const uint8_t *const *)src, len, sum);
	for (uint32_t i = 0; i < n; i++)
		bc_put_le32(src[i] + len[i], n == 4 ? sum[i] : XXH32(src[i], len[i], 0));
}

void bc_lz4_seal(uint8_t *blocks, size_t len)
{
	uint8_t *src[4];
	size_t bytes[4];
	uint32_t n = 0;

	for (size_t at = 0; at < len; at += BC_LZ4_BLOCK_OVERHEAD + bytes[n++]) {
		if (n == 4) {
			seal_some(src, bytes, n);
			n = 0;
		}
		src[n] = blocks + at + 4;
		bytes[n] = block_bytes(blocks + at);
	}
	seal_some(src, bytes, n);
}

size_t bc_lz4_block(struct bc_lz4 *z, const uint8_t *src, size_t len, uint8_t *dst, int acceleration,
		    bool *ret_stored)
{
	size_t n = bc_lz4_block_unsealed(z, src, len, dst, acceleration, ret_stored);

	bc_lz4_seal(dst, n);
	return n;
}

size_t bc_lz4_store_in_place(uint8_t *src, size_t len)
{
	bc_put_le32(src - 4, (uint32_t)len | LZ4_STORED);
	bc_put_le32(src + len, XXH32(src, len, 0));
	return len + BC_LZ4_BLOCK_OVERHEAD;
}

void bc_lz4_store_four_in_place(uint8_t *const src[4], const size_t len[4])
{
	for (int i = 0; i < 4; i++)
		bc_put_le32(src[i] - 4, (uint32_t)len[i] | LZ4_STORED);
	seal_some(src, len, 4);
}

ptrdiff_t bc_lz4_plain(const uint8_t *src, size_t len, uint8_t *dst, size_t cap, size_t *consumed)
{
	uint32_t head;
	size_t n;
	int r;

	if (len < BC_LZ4_BLOCK_OVERHEAD)
		return -EBADMSG;
	head = bc_get_le32(src);
	n = head & ~LZ4_STORED;
	if (n > len - BC_LZ4_BLOCK_OVERHEAD || n > INT_MAX || (head & LZ4_STORED && n > cap))
		return -EBADMSG;
	*consumed = n + BC_LZ4_BLOCK_OVERHEAD;
	if (head & LZ4_STORED) {
		memcpy(dst, src + 4, n);
		return (ptrdiff_t)n;
	}
	r = LZ4_decompress_safe((const char *)src + 4, (char *)dst, (int)n, cap < INT_MAX ? (int)cap : INT_MAX);
	return r < 0 ? -EBADMSG : r;
}
