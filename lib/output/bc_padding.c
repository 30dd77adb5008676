/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_padding.h"

#include <string.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_pcapng.h"

#define BLOCK_MIN 12U		/* a pcapng block of nothing */
/*
 * In a frame of zstd (RFC 8878, 3.1.1.2) blocks of nothing are put: raw ones, of three zero bytes, and before them 0 to 2 that repeat a byte
 * no times, which take one byte more.
 */
#define RAW 3U
#define REPEAT 4U
#define REPEAT_HEADER 2U	/* type 1, size 0, not the last */
#define LAST 1U

/*
 * A block of LZ4 whose pcapng block is empty, and which is 1 byte longer than a stored one: a token that says that 12 literals are all of it.
 * Of these 0 to 3 come before the stored one, whose length is a multiple of 4.
 */
#define ODD_TOKEN 0xC0
#define ODD (BC_LZ4_BLOCK_OVERHEAD + 1 + BLOCK_MIN)
#define STORED_MIN (BC_LZ4_BLOCK_OVERHEAD + BLOCK_MIN)

bool bc_padding_possible(enum bc_format format, enum bc_codec codec)
{
	return codec == BC_CODEC_ZSTD || (format == BC_FORMAT_PCAPNG && (codec == BC_CODEC_NONE || codec == BC_CODEC_LZ4));
}

size_t bc_padding_min(enum bc_codec codec)
{
	switch (codec) {
	case BC_CODEC_LZ4:
		return 3 * ODD + STORED_MIN;
	case BC_CODEC_ZSTD:
		return (RAW - 1) * REPEAT;
	default:
		return BLOCK_MIN;
	}
}

size_t bc_padding_for(enum bc_codec codec, size_t gap, size_t period)
{
	return gap < bc_padding_min(codec) ? gap + period : gap;
}

static void make_block(uint8_t *dst, size_t len)
{
	memset(dst, 0, len);
	bc_put_le32(dst, BC_PCAPNG_PADDING);
	bc_put_le32(dst + 4, (uint32_t)len);
	bc_put_le32(dst + len - 4, (uint32_t)len);
}

static void make_odd(uint8_t *dst)
{
	bc_put_le32(dst, 1 + BLOCK_MIN);
	dst[4] = ODD_TOKEN;
	make_block(dst + 5, BLOCK_MIN);
	bc_put_le32(dst + 5 + BLOCK_MIN, XXH32(dst + 4, 1 + BLOCK_MIN, 0));
}

static void make_lz4(uint8_t *dst, size_t len)
{
	for (; len % 4; len -= ODD, dst += ODD)
		make_odd(dst);
	make_block(dst + 4, len - BC_LZ4_BLOCK_OVERHEAD);
	bc_lz4_store_in_place(dst + 4, len - BC_LZ4_BLOCK_OVERHEAD);
}

static void make_zstd(uint8_t *dst, size_t len)
{
	memset(dst, 0, len);
	for (size_t n = len % RAW; n > 0; n--, dst += REPEAT)
		*dst = REPEAT_HEADER;
}

void bc_padding_make(enum bc_codec codec, uint8_t *dst, size_t len)
{
	switch (codec) {
	case BC_CODEC_LZ4:
		make_lz4(dst, len);
		break;
	case BC_CODEC_ZSTD:
		make_zstd(dst, len);
		break;
	default:
		make_block(dst, len);
	}
}

size_t bc_padding_end(enum bc_codec codec, uint8_t dst[BC_PADDING_END_MAX])
{
	switch (codec) {
	case BC_CODEC_LZ4:
		bc_lz4_end(dst);
		return BC_LZ4_END_SIZE;
	case BC_CODEC_ZSTD:
		make_zstd(dst, RAW);
		*dst |= LAST;
		return RAW;
	default:
		make_block(dst, BLOCK_MIN);
		return BLOCK_MIN;
	}
}
