/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of lzop's format. The library decodes a block in memory; all around it is done here. */
#include "bc_codec_ops.h"

#include <errno.h>
#include <lzo/lzo1x.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "bc_bytes.h"
#include "bc_lzop.h"

#define BLOCK_MAX (64U << 20)	/* as lzop has it */
#define HEADER_MAX (BC_LZOP_AT_NAME + 255 + 4)

struct lzo_decoder {
	enum { IN_HEADER, IN_LENGTH, IN_PACKED, IN_BODY } place;
	uint32_t flags;
	uint32_t len, packed;		/* of the block */
	size_t want, have;		/* of what place names, in in */
	uint8_t *in;
	size_t in_cap;
	uint8_t *out;			/* the decoded block; [out_pos, out_len) is still to be handed out */
	size_t out_cap, out_len, out_pos;
};

static int grow(uint8_t **p, size_t *cap, size_t want)
{
	uint8_t *q;

	if (want <= *cap)
		return 0;
	q = realloc(*p, want);
	if (!q)
		return -ENOMEM;
	*p = q;
	*cap = want;
	return 0;
}

static void *open_lzo(void)
{
	struct lzo_decoder *z = calloc(1, sizeof(*z));

	if (z && grow(&z->in, &z->in_cap, HEADER_MAX) < 0) {
		free(z);
		return NULL;
	}
	return z;
}

static void expect(struct lzo_decoder *z, int place, size_t n)
{
	z->place = place;
	z->want = n;
	z->have = 0;
}

static void begin(void *state)
{
	struct lzo_decoder *z = state;

	expect(z, IN_HEADER, BC_LZOP_AT_NAME);
	z->out_len = z->out_pos = 0;
}

static int bad(const char **why, const char *words)
{
	*why = words;
	return -EBADMSG;
}

static uint32_t sum_of(bool crc, const uint8_t *p, size_t len)
{
	return (uint32_t)(crc ? crc32(0, p, (uInt)len) : adler32(1, p, (uInt)len));
}

static int header_done(struct lzo_decoder *z, const char **why)
{
	const uint8_t *h = z->in;
	const size_t end = BC_LZOP_AT_NAME + (size_t)h[BC_LZOP_AT_NAME_LEN];

	z->flags = bc_get_be32(h + BC_LZOP_AT_FLAGS);
	if (memcmp(h, BC_LZOP_MAGIC, BC_LZOP_MAGIC_LEN) != 0)
		return bad(why, "not an lzop header");
	if (bc_get_be16(h + BC_LZOP_AT_VERSION) < BC_LZOP_VERSION_MIN || bc_get_be16(h + BC_LZOP_AT_NEEDED) > BC_LZOP_VERSION ||
	    z->flags & (BC_LZOP_EXTRA_FIELD | BC_LZOP_MULTIPART | BC_LZOP_FILTER) ||
	    h[BC_LZOP_AT_METHOD] < BC_LZOP_1X_1 || h[BC_LZOP_AT_METHOD] > BC_LZOP_1X_999)
		return bad(why, "it uses an unknown lzop method");
	if (z->want < end + 4) {
		z->want = end + 4;
		return 1;
	}
	if (bc_get_be32(h + end) != sum_of(z->flags & BC_LZOP_HEADER_CRC32, h + BC_LZOP_MAGIC_LEN, end - BC_LZOP_MAGIC_LEN))
		return bad(why, "the header's checksum is wrong");
	expect(z, IN_LENGTH, 4);
	return 1;
}

static int length_done(struct lzo_decoder *z, const char **why)
{
	z->len = bc_get_be32(z->in);
	if (z->len > BLOCK_MAX)
		return bad(why, "a block claims to be longer than the format allows");
	expect(z, IN_PACKED, 4);
	return z->len > 0;
}

/* The sums that stand before a block's data; those of compressed data only if it is compressed. */
static uint32_t sums_of(const struct lzo_decoder *z)
{
	uint32_t mask = BC_LZOP_ADLER32_D | BC_LZOP_CRC32_D;

	if (z->packed < z->len)
		mask |= BC_LZOP_ADLER32_C | BC_LZOP_CRC32_C;
	return z->flags & mask;
}

static int packed_done(struct lzo_decoder *z, const char **why)
{
	size_t body;

	z->packed = bc_get_be32(z->in);
	if (z->packed == 0 || z->packed > z->len)
		return bad(why, "a block claims to be longer compressed than uncompressed");
	body = 4 * (size_t)__builtin_popcount(sums_of(z)) + z->packed;
	if (grow(&z->in, &z->in_cap, body) < 0 || grow(&z->out, &z->out_cap, z->len) < 0) {
		*why = "no memory for a block";
		return -ENOMEM;
	}
	expect(z, IN_BODY, body);
	return 1;
}

static int unpack(struct lzo_decoder *z, const uint8_t *data)
{
	lzo_uint len = z->len;

	if (z->packed == z->len)
		memcpy(z->out, data, z->len);
	else if (lzo1x_decompress_safe(data, z->packed, z->out, &len, NULL) != LZO_E_OK || len != z->len)
		return -EBADMSG;
	return 0;
}

static int body_done(struct lzo_decoder *z, const char **why)
{
	static const struct { uint32_t flag; bool crc, packed; } each[] = {
		{ BC_LZOP_ADLER32_D, false, false }, { BC_LZOP_CRC32_D, true, false },
		{ BC_LZOP_ADLER32_C, false, true }, { BC_LZOP_CRC32_C, true, true },
	};
	const uint8_t *data = z->in + z->want - z->packed, *sum = z->in;

	if (unpack(z, data) < 0)
		return bad(why, "a block cannot be decompressed");
	for (size_t i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		if (!(sums_of(z) & each[i].flag))
			continue;
		if (bc_get_be32(sum) != (each[i].packed ? sum_of(each[i].crc, data, z->packed) : sum_of(each[i].crc, z->out, z->len)))
			return bad(why, "a block's checksum is wrong");
		sum += 4;
	}
	z->out_len = z->len;
	z->out_pos = 0;
	expect(z, IN_LENGTH, 4);
	return 1;
}

/* All of what place names has come. */
static int item_done(struct lzo_decoder *z, const char **why)
{
	switch (z->place) {
	case IN_HEADER:
		return header_done(z, why);
	case IN_LENGTH:
		return length_done(z, why);
	case IN_PACKED:
		return packed_done(z, why);
	case IN_BODY:
		return body_done(z, why);
	}
	return -EBADMSG;
}

static void hand_out(struct lzo_decoder *z, struct bc_flow *flow)
{
	size_t n = z->out_len - z->out_pos < flow->dst_len ? z->out_len - z->out_pos : flow->dst_len;

	memcpy(flow->dst, z->out + z->out_pos, n);
	z->out_pos += n;
	flow->dst += n;
	flow->dst_len -= n;
}

static int step(void *state, struct bc_flow *flow, const char **why)
{
	struct lzo_decoder *z = state;
	size_t n = z->want - z->have < flow->src_len ? z->want - z->have : flow->src_len;
	int r = 1;

	if (z->out_pos < z->out_len) {
		hand_out(z, flow);
		return 1;
	}
	if (n)
		memcpy(z->in + z->have, flow->src, n);
	z->have += n;
	flow->src += n;
	flow->src_len -= n;
	if (z->have == z->want)
		r = item_done(z, why);
	if (r > 0 && z->out_pos < z->out_len)
		hand_out(z, flow);
	return r;
}

static void close_lzo(void *state)
{
	struct lzo_decoder *z = state;

	free(z->in);
	free(z->out);
	free(z);
}

const struct bc_decoder_ops bc_decoder_lzo = {
	.magic = { 0x89, 'L', 'Z', 'O' },
	.magic_len = 4,
	.open = open_lzo,
	.begin = begin,
	.step = step,
	.close = close_lzo,
};
