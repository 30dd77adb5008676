/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One bzip2 stream of blocks that were made apart. libbz2 makes a stream of each; the block is taken out of it and put
 * behind the others. Blocks of bzip2 end at any bit: here each is made to end at a byte's edge, so that they can be put
 * out one by one. See docs/compression.md for the format.
 */
#include "bc_blocks.h"

#include <bzlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"

#define STREAM_HEADER 4		/* bytes: BZh1 to BZh9 */
#define END_BITS 80		/* magic and sum, and then up to 7 bits to the byte's edge */
#define END_MAGIC 0x177245385090ULL
#define MAGIC_BITS 48
#define SUM_BITS 32
#define FIXED_BITS (MAGIC_BITS + SUM_BITS + 1 + 24)	/* of a block before its table of symbols */
#define GROUPS_BITS 3
#define SELECTORS_BITS 15

static size_t block_max(int level)
{
	/* What fits in one of bzip2's blocks though its first step should make 5 bytes of each 4. */
	return ((size_t)level * 100000 - 19) / 5 * 4;
}

/* As bzip2's manual has it, and the byte that the padding may add. */
static size_t out_max(size_t len)
{
	return len + len / 100 + 600 + 1;
}

struct bzip2_worker {
	int level;
	size_t cap;
	uint8_t *stream;
};

static void *open_worker(int level)
{
	struct bzip2_worker *w = malloc(sizeof(*w));

	if (!w)
		return NULL;
	w->level = level;
	w->cap = out_max(block_max(level));
	w->stream = calloc(1, w->cap + sizeof(uint64_t));
	if (!w->stream) {
		free(w);
		return NULL;
	}
	return w;
}

static void close_worker(void *worker)
{
	struct bzip2_worker *w = worker;

	free(w->stream);
	free(w);
}

/* The n bits (up to 56) at bit at; 8 bytes after them must be readable. */
static uint64_t bits(const uint8_t *p, size_t at, unsigned n)
{
	return bc_get_be64(p + at / 8) << at % 8 >> (64 - n);
}

/* Where the stream's end mark begins: in one of 8 places, by the bits that fill up its last byte. 0: nowhere. */
static size_t find_end(const uint8_t *stream, size_t len)
{
	for (size_t pad = 0; pad < 8; pad++) {
		size_t at = len * 8 - END_BITS - pad;

		if (bits(stream, at, MAGIC_BITS) == END_MAGIC)
			return at;
	}
	return 0;
}

/*
 * Where the list of a block's selectors begins. Before it stand 16 bits that tell which sixteenths of the alphabet have 16
 * bits each for the symbols in use, the number of Huffman tables, and that of selectors.
 */
static size_t find_selectors(const uint8_t *stream, size_t block)
{
	size_t at = block + FIXED_BITS;

	return at + 16 + 16 * (size_t)__builtin_popcount((unsigned)bits(stream, at, 16)) + GROUPS_BITS + SELECTORS_BITS;
}

/* Behind n selectors, each as many ones as it has moved in the list of tables, and a zero. */
static size_t skip_selectors(const uint8_t *stream, size_t at, unsigned n)
{
	for (; n; at++)
		n -= bits(stream, at, 1) == 0;
	return at;
}

/* Bits to bytes. */
struct bit_writer {
	uint8_t *p;
	uint64_t held;
	unsigned n;		/* bits held, below 8 between calls */
};

static void put_bits(struct bit_writer *w, uint64_t v, unsigned n)
{
	w->held = w->held << n | v;
	for (w->n += n; w->n >= 8; w->n -= 8)
		*w->p++ = (uint8_t)(w->held >> (w->n - 8));
}

static void copy_bits(struct bit_writer *w, const uint8_t *src, size_t from, size_t to)
{
	for (; to - from >= 48; from += 48)
		put_bits(w, bits(src, from, 48), 48);
	if (from < to)
		put_bits(w, bits(src, from, (unsigned)(to - from)), (unsigned)(to - from));
}

/*
 * The block, to a byte's edge: up to 7 more selectors than it uses are told, a bit of zero each, of which there may be
 * 18002 in all and which are not looked at.
 */
static void take_block(const uint8_t *stream, size_t end, struct bc_block *b)
{
	const size_t begin = STREAM_HEADER * 8, list = find_selectors(stream, begin), number = list - SELECTORS_BITS;
	const unsigned n = (unsigned)bits(stream, number, SELECTORS_BITS);
	const unsigned pad = (unsigned)(-(end - begin) % 8);
	const size_t list_end = skip_selectors(stream, list, n);
	struct bit_writer w = { .p = b->out };

	copy_bits(&w, stream, begin, number);
	put_bits(&w, n + pad, SELECTORS_BITS);
	copy_bits(&w, stream, list, list_end);
	put_bits(&w, 0, pad);
	copy_bits(&w, stream, list_end, end);
	b->out_len = (size_t)(w.p - b->out);
	b->sum = (uint32_t)bits(stream, begin + MAGIC_BITS, SUM_BITS);
}

static int compress_block(void *worker, struct bc_block *b)
{
	struct bzip2_worker *w = worker;
	unsigned len = (unsigned)w->cap;
	size_t end;
	int r = BZ2_bzBuffToBuffCompress((char *)w->stream, &len, (char *)b->in, (unsigned)b->len, w->level, 0, 0);

	if (r != BZ_OK)
		return r == BZ_MEM_ERROR ? -ENOMEM : -EIO;
	end = find_end(w->stream, len);
	if (!end)
		return -EIO;
	take_block(w->stream, end, b);
	return 0;
}

static uint32_t join(uint32_t sum, const struct bc_block *b)
{
	return (sum << 1 | sum >> 31) ^ b->sum;
}

static size_t header(int level, uint8_t *dst)
{
	const uint8_t h[STREAM_HEADER] = { 'B', 'Z', 'h', (uint8_t)('0' + level) };

	memcpy(dst, h, sizeof(h));
	return sizeof(h);
}

static size_t trailer(uint32_t sum, uint64_t len, uint8_t *dst)
{
	struct bit_writer w = { .p = dst };

	put_bits(&w, END_MAGIC, MAGIC_BITS);
	put_bits(&w, sum, SUM_BITS);
	return END_BITS / 8;
}

static const struct bc_block_codec codec = {
	.name = "bzip2",
	.block_max = block_max,
	.out_max = out_max,
	.open = open_worker,
	.close = close_worker,
	.compress = compress_block,
	.join = join,
	.header = header,
	.trailer = trailer,
};

static int open_bzip2(int level, unsigned workers, const struct bc_stream_out *out, void **ret, struct bc_err *err)
{
	return bc_blocks_open(&codec, level, workers, out, ret, err);
}

const struct bc_stream_ops bc_stream_bzip2 = {
	.open = open_bzip2,
	.begin = bc_blocks_begin,
	.push = bc_blocks_push,
	.close = bc_blocks_close,
};
