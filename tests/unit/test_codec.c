/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <lz4.h>

#include "bc_codec.h"
#include "bc_codec_text.h"
#include "codec_data.h"

#define MAX_BLOCK (4u << 20)

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A frame of blocks of at most block bytes; accelerations are taken in turn. */
static struct bytes lz4_frame(const struct bytes *in, size_t block, const int *acceleration, size_t n)
{
	uint8_t *buf = malloc(block + BC_LZ4_BLOCK_OVERHEAD + BC_LZ4_HEADER_MAX);
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	struct bytes f = { 0 };
	bool stored;

	assert_non_null(z);
	append(&f, buf, bc_lz4_header(buf, block));
	for (size_t o = 0, i = 0; o < in->len; o += block, i++) {
		size_t len = in->len - o < block ? in->len - o : block;

		append(&f, buf, bc_lz4_block(z, in->p + o, len, buf, acceleration[i % n], &stored));
	}
	bc_lz4_end(buf);
	append(&f, buf, BC_LZ4_END_SIZE);
	bc_lz4_free(z);
	free(buf);
	return f;
}

static void names_and_extensions_belong_together(void **state)
{
	static const struct {
		const char *name, *ext;
		enum bc_codec codec;
		bool stream;
	} want[] = {
		{ "none", "", BC_CODEC_NONE, false },
		{ "lz4", ".lz4", BC_CODEC_LZ4, false },
		{ "zstd", ".zst", BC_CODEC_ZSTD, true },
		{ "gzip", ".gz", BC_CODEC_GZIP, true },
		{ "xz", ".xz", BC_CODEC_XZ, true },
		{ "bzip2", ".bz2", BC_CODEC_BZIP2, true },
		{ "lzo", ".lzo", BC_CODEC_LZO, true },
	};
	enum bc_codec c;

	assert_int_equal(sizeof(want) / sizeof(want[0]), BC_CODEC_COUNT);
	for (size_t i = 0; i < BC_CODEC_COUNT; i++) {
		assert_int_equal(bc_codec_from_name(want[i].name, &c), 0);
		assert_int_equal(c, want[i].codec);
		assert_string_equal(bc_codec_name(c), want[i].name);
		assert_string_equal(bc_codec_ext(c), want[i].ext);
		assert_int_equal(bc_codec_is_stream(c), want[i].stream);
	}
}

static void codecs_have_other_names(void **state)
{
	static const struct {
		const char *alias;
		enum bc_codec codec;
	} want[] = {
		{ "no", BC_CODEC_NONE }, { "gz", BC_CODEC_GZIP }, { "zlib", BC_CODEC_GZIP },
		{ "lzma", BC_CODEC_XZ }, { "bz2", BC_CODEC_BZIP2 }, { "bz", BC_CODEC_BZIP2 },
	};
	enum bc_codec c;

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(bc_codec_from_name(want[i].alias, &c), 0);
		assert_int_equal(c, want[i].codec);
	}
}

static void a_path_tells_its_codec(void **state)
{
	assert_int_equal(bc_codec_of_path("a.pcap.lz4"), BC_CODEC_LZ4);
	assert_int_equal(bc_codec_of_path("a.PCAP.ZST"), BC_CODEC_ZSTD);
	assert_int_equal(bc_codec_of_path("a.gz"), BC_CODEC_GZIP);
	assert_int_equal(bc_codec_of_path("a.gz.pcap"), BC_CODEC_NONE);
	assert_int_equal(bc_codec_of_path("agz"), BC_CODEC_NONE);
	assert_int_equal(bc_codec_of_path(".gz"), BC_CODEC_NONE);
	assert_int_equal(bc_codec_of_path(""), BC_CODEC_NONE);
}

static void unknown_codec_is_refused(void **state)
{
	enum bc_codec c = BC_CODEC_ZSTD;

	assert_int_equal(bc_codec_from_name("LZ5", &c), -EINVAL);
	assert_int_equal(bc_codec_from_name("", &c), -EINVAL);
	assert_int_equal(c, BC_CODEC_ZSTD);
}

static void levels_are_the_documented_ones(void **state)
{
	int min, max, def;

	bc_codec_levels(BC_CODEC_LZ4, &min, &max, &def);
	assert_true(min == 1 && max == 12 && def == 1);
	bc_codec_levels(BC_CODEC_ZSTD, &min, &max, &def);
	assert_true(min == 1 && max == 19 && def >= min && def <= max);
	bc_codec_levels(BC_CODEC_GZIP, &min, &max, &def);
	assert_true(min == 0 && max == 9 && def == 6);
	bc_codec_levels(BC_CODEC_XZ, &min, &max, &def);
	assert_true(min == 0 && max == 9 && def == 6);
	bc_codec_levels(BC_CODEC_BZIP2, &min, &max, &def);
	assert_true(min == 1 && max == 9 && def == 9);
	bc_codec_levels(BC_CODEC_LZO, &min, &max, &def);
	assert_true(min == 1 && max == 9 && def == 3);
	bc_codec_levels(BC_CODEC_NONE, &min, &max, &def);
	assert_true(min == 0 && max == 0 && def == 0);
}

static void lists_in_words_have_their_orders(void **state)
{
	char text[BC_CODEC_TEXT_MAX];

	assert_string_equal(bc_codec_names(" or ", text), "lz4, zstd, gzip, xz, bzip2, lzo or none");
	assert_string_equal(bc_codec_archive_names(" or ", text), "zstd, xz, gzip, bzip2 or lzo");
	assert_string_equal(bc_codec_text(BC_CODEC_TEXT_TYPES, text),
			    "gzip~(gz,~zlib), bzip2~(bz), lzo, xz~(lzma), lz4, zstd, none~(no;~default)");
}

static void lz4_header_takes_the_smallest_block_size_that_fits(void **state)
{
	static const struct {
		size_t block;
		uint8_t id;
	} want[] = {
		{ 1, 4 }, { 64 << 10, 4 }, { (64 << 10) + 1, 5 }, { 256 << 10, 5 }, { (256 << 10) + 1, 6 },
		{ 1 << 20, 6 }, { (1 << 20) + 1, 7 }, { 4 << 20, 7 },
	};
	uint8_t h[BC_LZ4_HEADER_MAX];

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(bc_lz4_header(h, want[i].block), 7);
		assert_int_equal(get_u32(h), 0x184D2204);
		assert_int_equal(h[4], 0x70);
		assert_int_equal(h[5], want[i].id << 4);
	}
	assert_int_equal(bc_lz4_header(h, MAX_BLOCK + 1), 0);
}

/* liblz4 reads the length that it states, and holds the frame to it. */
static void lz4_header_may_state_the_length(void **state)
{
	const int fast[] = { 1 };
	struct bytes in = text(1000, 5), f = lz4_frame(&in, 65536, fast, 1), sized = { 0 };
	uint8_t h[BC_LZ4_HEADER_MAX] = { 0 };

	assert_int_equal(bc_lz4_header_bytes(f.p), 7);
	assert_false(bc_lz4_header_is_sized(f.p));
	for (size_t less = 0; less < 2; less++) {
		struct bytes out = { 0 };

		assert_int_equal(bc_lz4_header_sized(h, 65536, 5), 15);
		bc_lz4_header_size(h, in.len - less);
		assert_true(bc_lz4_header_bytes(h) == 15 && bc_lz4_header_is_sized(h));
		append(&sized, h, 15);
		append(&sized, f.p + 7, f.len - 7);
		assert_int_equal(decode(&sized, 1000, &out) == 0, !less);
		free(out.p);
		free(sized.p);
		sized = (struct bytes){ 0 };
	}
	/* With a checksum of the content, with linked blocks: neither. */
	h[4] = 0x74;
	assert_int_equal(bc_lz4_header_bytes(h), 0);
	h[4] = 0x50;
	assert_int_equal(bc_lz4_header_bytes(h), 0);
	free(in.p);
	free(f.p);
}

static void empty_lz4_frame_decodes_to_nothing(void **state)
{
	const int fast[] = { 1 };
	struct bytes in = { 0 }, out = { 0 }, f = lz4_frame(&in, 65536, fast, 1);

	assert_int_equal(f.len, 11);
	assert_int_equal(decode(&f, 1000, &out), 0);
	assert_int_equal(out.len, 0);
	free(f.p);
}

static void lz4_of_every_mode_comes_back(void **state)
{
	const int modes[] = { 1, 0, -2, 9, -9, 65537, -12 };
	struct bytes in = text(300000, 5), out = { 0 }, f = lz4_frame(&in, 32768, modes, 7);

	assert_true(f.len < in.len);
	assert_int_equal(decode(&f, 7777, &out), 0);
	assert_same(&out, &in);
	free(in.p);
	free(out.p);
	free(f.p);
}

static void lz4_of_every_block_size_comes_back(void **state)
{
	const size_t sizes[] = { 1000, 64 << 10, 256 << 10, 1 << 20, 4 << 20 };
	const int modes[] = { 1, 0 };
	struct bytes in = text(9 << 20, 6);

	for (size_t i = 0; i < 5; i++) {
		struct bytes out = { 0 }, f = lz4_frame(&in, sizes[i], modes, 2);

		assert_int_equal(decode(&f, 1 << 20, &out), 0);
		assert_same(&out, &in);
		free(out.p);
		free(f.p);
	}
	free(in.p);
}

static void lz4_frame_satisfies_the_lz4_program(void **state)
{
	char *const test[] = { "lz4", "-t", "-q", NULL }, *const cat[] = { "lz4", "-dc", "-q", NULL };
	const int modes[] = { 1, 0, -9, 50 };
	struct bytes in = text(700000, 7), noise = random_bytes(200000, 8), out = { 0 }, nothing = { 0 }, f;
	int rc;

	append(&in, noise.p, noise.len);
	f = lz4_frame(&in, 100000, modes, 4);
	rc = run_tool(test, &f, &nothing);
	if (rc == 0 && run_tool(cat, &f, &out) == 0)
		assert_same(&out, &in);
	free(in.p);
	free(noise.p);
	free(f.p);
	free(out.p);
	free(nothing.p);
	if (rc < 0)
		BC_SKIP("there is no program lz4");
	assert_int_equal(rc, 0);
}

static void each_lz4_block_decodes_alone(void **state)
{
	const int modes[] = { 1, -3 };
	struct bytes in = text(200000, 9), f = lz4_frame(&in, 50000, modes, 2);
	uint8_t *out = malloc(50000), *end = f.p + f.len - BC_LZ4_END_SIZE;
	size_t o = in.len;

	/* Each block is found by walking, then decoded last to first. */
	uint8_t *block[4], *p = f.p + 7;

	for (size_t i = 0; i < 4; i++, p += get_u32(p) + BC_LZ4_BLOCK_OVERHEAD)
		block[i] = p;
	assert_ptr_equal(p, end);
	for (size_t i = 4; i-- > 0;) {
		o -= 50000;
		assert_int_equal(LZ4_decompress_safe((char *)block[i] + 4, (char *)out, (int)get_u32(block[i]),
						     50000),
				 50000);
		assert_memory_equal(out, in.p + o, 50000);
	}
	free(out);
	free(in.p);
	free(f.p);
}

static void what_does_not_get_smaller_is_stored(void **state)
{
	const int modes[] = { 1, 10, -3, -9, -12 };
	struct bytes in = random_bytes(70000, 10);
	uint8_t *dst = malloc(in.len + BC_LZ4_BLOCK_OVERHEAD);
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);

	for (size_t i = 0; i < 5; i++)
		for (size_t len = 1; len <= in.len; len += 4999) {
			bool stored = false;

			assert_int_equal(bc_lz4_block(z, in.p, len, dst, modes[i], &stored),
					 len + BC_LZ4_BLOCK_OVERHEAD);
			assert_true(stored);
			assert_int_equal(get_u32(dst), len | 0x80000000u);
			assert_memory_equal(dst + 4, in.p, len);
		}
	bc_lz4_free(z);
	free(dst);
	free(in.p);
}

static void acceleration_0_does_not_try(void **state)
{
	uint8_t zeros[4096] = { 0 }, dst[4096 + BC_LZ4_BLOCK_OVERHEAD];
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	bool stored = false;

	assert_int_equal(bc_lz4_block(z, zeros, sizeof(zeros), dst, 0, &stored), sizeof(dst));
	assert_true(stored);
	assert_true(bc_lz4_block(z, zeros, sizeof(zeros), dst, 1, &stored) < 100);
	assert_false(stored);
	bc_lz4_free(z);
}

static void hc_is_smaller_than_fast(void **state)
{
	struct bytes in = text(60000, 11);
	uint8_t *dst = malloc(in.len + BC_LZ4_BLOCK_OVERHEAD);
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	bool stored;
	size_t fast = bc_lz4_block(z, in.p, in.len, dst, 1, &stored);

	assert_true(bc_lz4_block(z, in.p, in.len, dst, -9, &stored) < fast);
	assert_true(bc_lz4_block(z, in.p, in.len, dst, 100, &stored) > fast);
	bc_lz4_free(z);
	free(dst);
	free(in.p);
}

static void store_in_place_is_the_stored_block(void **state)
{
	struct bytes in = random_bytes(5000, 12);
	uint8_t copied[5000 + BC_LZ4_BLOCK_OVERHEAD], placed[5000 + BC_LZ4_BLOCK_OVERHEAD];
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	bool stored;

	memcpy(placed + 4, in.p, in.len);
	assert_int_equal(bc_lz4_block(z, in.p, in.len, copied, 0, &stored), sizeof(copied));
	assert_int_equal(bc_lz4_store_in_place(placed + 4, in.len), sizeof(placed));
	assert_memory_equal(placed, copied, sizeof(placed));
	bc_lz4_free(z);
	free(in.p);
}

/* Each sum alone, whatever the lengths of the others. */
static void four_stored_at_once_are_each_the_stored_block(void **state)
{
	static const size_t lens[][4] = { { 1, 2, 3, 4 }, { 15, 16, 17, 31 }, { 64, 5, 4096, 63 }, { 4999, 5000, 5000, 4990 } };
	struct bytes in = random_bytes(5000, 13);

	for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]); k++) {
		uint8_t one[5000 + BC_LZ4_BLOCK_OVERHEAD], four[4][5000 + BC_LZ4_BLOCK_OVERHEAD];
		uint8_t *src[4];

		for (int i = 0; i < 4; i++) {
			src[i] = four[i] + 4;
			memcpy(src[i], in.p + 5000 - lens[k][i], lens[k][i]);
		}
		bc_lz4_store_four_in_place(src, lens[k]);
		for (int i = 0; i < 4; i++) {
			memcpy(one + 4, src[i], lens[k][i]);
			assert_int_equal(bc_lz4_store_in_place(one + 4, lens[k][i]), lens[k][i] + BC_LZ4_BLOCK_OVERHEAD);
			assert_memory_equal(four[i], one, lens[k][i] + BC_LZ4_BLOCK_OVERHEAD);
		}
	}
	free(in.p);
}

/* A sink that fails once it has taken fail_after bytes. */
struct sink {
	struct bytes b;
	size_t fail_after;
	int error;
};

static int take(void *ctx, const uint8_t *data, size_t len)
{
	struct sink *s = ctx;

	assert_true(len > 0);
	if (s->error && s->b.len + len > s->fail_after)
		return s->error;
	append(&s->b, data, len);
	return 0;
}

static struct bc_stream *new_stream(enum bc_codec c, int level, unsigned workers, struct sink *sink)
{
	struct bc_stream *s = NULL;

	assert_int_equal(bc_stream_new(c, level, workers, take, sink, &s, NULL), 0);
	return s;
}

static void feed_all(struct bc_stream *s, const struct bytes *in, size_t piece)
{
	for (size_t o = 0; o < in->len; o += piece)
		assert_int_equal(bc_stream_feed(s, in->p + o, in->len - o < piece ? in->len - o : piece), 0);
}

/* lzo, which may be left out of a build, is the last. */
static const enum bc_codec streams[] = { BC_CODEC_ZSTD, BC_CODEC_GZIP, BC_CODEC_XZ, BC_CODEC_BZIP2, BC_CODEC_LZO };

#define FOR_STREAMS(c) \
	for (enum bc_codec i_ = 0, c = streams[0]; \
	     i_ < sizeof(streams) / sizeof(streams[0]) && (c = streams[i_], bc_codec_is_built(c)); i_++)

static void assert_comes_back(const struct sink *sink, const struct bytes *in)
{
	struct bytes out = { 0 };

	assert_int_equal(decode(&sink->b, 65536, &out), 0);
	assert_same(&out, in);
	free(out.p);
}

static void stream_comes_back_and_begins_again(void **state)
{
	struct bytes in = text(3 << 20, 13);

	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(c, 1, 2, &sink);

		for (int i = 0; i < 2; i++) {
			sink.b.len = 0;
			assert_int_equal(bc_stream_begin(s), 0);
			feed_all(s, &in, 99999);
			assert_int_equal(bc_stream_end(s), 0);
			assert_true(sink.b.len < in.len);
			assert_comes_back(&sink, &in);
		}
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
}

static void every_level_of_a_stream_comes_back(void **state)
{
	struct bytes in = text(150000, 19), noise = random_bytes(50000, 20);

	append(&in, noise.p, noise.len);
	FOR_STREAMS(c) {
		int min, max, def;

		bc_codec_levels(c, &min, &max, &def);
		for (int level = min; level <= max; level++) {
			struct sink sink = { 0 };
			struct bc_stream *s = new_stream(c, level, 1, &sink);

			assert_int_equal(bc_stream_begin(s), 0);
			feed_all(s, &in, 70000);
			assert_int_equal(bc_stream_end(s), 0);
			assert_comes_back(&sink, &in);
			bc_stream_free(s);
			free(sink.b.p);
		}
	}
	free(noise.p);
	free(in.p);
}

static void number_of_threads_does_not_change_a_stream(void **state)
{
	struct bytes in = text(3 << 20, 21);

	FOR_STREAMS(c) {
		struct sink one = { 0 }, many = { 0 };
		struct bc_stream *s = new_stream(c, 1, 1, &one), *m = new_stream(c, 1, 7, &many);

		assert_int_equal(bc_stream_begin(s), 0);
		assert_int_equal(bc_stream_begin(m), 0);
		feed_all(s, &in, 100000);
		feed_all(m, &in, 31);
		assert_int_equal(bc_stream_end(s), 0);
		assert_int_equal(bc_stream_end(m), 0);
		assert_same(&one.b, &many.b);
		bc_stream_free(s);
		bc_stream_free(m);
		free(one.b.p);
		free(many.b.p);
	}
	free(in.p);
}

static void empty_stream_is_a_frame(void **state)
{
	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(c, 3, 1, &sink);
		struct bytes nothing = { 0 };

		assert_int_equal(bc_stream_begin(s), 0);
		assert_int_equal(bc_stream_feed(s, NULL, 0), 0);
		assert_int_equal(bc_stream_end(s), 0);
		assert_true(sink.b.len > 4);
		assert_comes_back(&sink, &nothing);
		bc_stream_free(s);
		free(sink.b.p);
	}
}

static void stream_has_a_checksum(void **state)
{
	struct bytes in = random_bytes(100000, 14);

	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bytes out = { 0 };
		struct bc_stream *s = new_stream(c, 1, 1, &sink);

		assert_int_equal(bc_stream_begin(s), 0);
		feed_all(s, &in, in.len);
		assert_int_equal(bc_stream_end(s), 0);
		sink.b.p[50000] ^= 1;
		assert_int_equal(decode(&sink.b, 200000, &out), -EBADMSG);
		bc_stream_free(s);
		free(out.p);
		free(sink.b.p);
	}
	free(in.p);
}

static void flushed_stream_can_be_read_midway(void **state)
{
	struct bytes in = text(1500000, 15);

	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(c, 3, 2, &sink);

		assert_int_equal(bc_stream_begin(s), 0);
		for (int i = 1; i <= 30; i++) {
			struct bytes part = { in.p, (size_t)i * 50000, 0 }, out = { 0 };

			assert_int_equal(bc_stream_feed(s, in.p + part.len - 50000, 50000), 0);
			assert_int_equal(bc_stream_flush(s), 0);
			assert_int_equal(decode(&sink.b, 65536, &out), -ENODATA);
			assert_same(&out, &part);
			free(out.p);
		}
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
}

static void satisfies(enum bc_codec c, char *program, int level)
{
	char *const test[] = { program, "-t", "-q", NULL }, *const cat[] = { program, "-dc", "-q", NULL };
	struct sink sink = { 0 };
	struct bytes in = text(1 << 20, 16), noise = random_bytes(200000, 22), out = { 0 }, nothing = { 0 };
	struct bc_stream *s = new_stream(c, level, 2, &sink);
	int rc;

	append(&in, noise.p, noise.len);
	assert_int_equal(bc_stream_begin(s), 0);
	feed_all(s, &in, 1 << 19);
	assert_int_equal(bc_stream_flush(s), 0);
	assert_int_equal(bc_stream_flush(s), 0);
	assert_int_equal(bc_stream_end(s), 0);
	bc_stream_free(s);
	rc = run_tool(test, &sink.b, &nothing);
	if (rc == 0 && run_tool(cat, &sink.b, &out) == 0)
		assert_same(&out, &in);
	free(in.p);
	free(noise.p);
	free(out.p);
	free(nothing.p);
	free(sink.b.p);
	if (rc < 0)
		BC_SKIP("the program is not there");
	assert_int_equal(rc, 0);
}

static void stream_satisfies_the_zstd_program(void **state)
{
	satisfies(BC_CODEC_ZSTD, "zstd", 5);
}

static void stream_satisfies_the_gzip_program(void **state)
{
	/* Two libraries make them. */
	for (int level = 1; level <= 9; level++)
		satisfies(BC_CODEC_GZIP, "gzip", level);
}

static void stream_satisfies_the_xz_program(void **state)
{
	satisfies(BC_CODEC_XZ, "xz", 5);
}

static void stream_satisfies_the_bzip2_program(void **state)
{
	satisfies(BC_CODEC_BZIP2, "bzip2", 5);
}

static void stream_satisfies_the_lzop_program(void **state)
{
	if (!bc_codec_is_built(BC_CODEC_LZO))
		BC_SKIP("built without lzo");
	satisfies(BC_CODEC_LZO, "lzop", 5);
}

/* libtrace reads no second stream. */
static void bzip2_blocks_of_every_length_are_one_stream(void **state)
{
	struct bytes noise = random_bytes(700, 27), words = text(700, 28), in = { 0 };
	struct sink sink = { 0 };
	struct bc_stream *s = new_stream(BC_CODEC_BZIP2, 1, 2, &sink);
	int streams_found = 0;

	assert_int_equal(bc_stream_begin(s), 0);
	for (size_t len = 1; len < 700; len += 1 + len / 30) {
		const uint8_t *p = len % 2 ? noise.p : words.p;

		append(&in, p, len);
		assert_int_equal(bc_stream_feed(s, p, len), 0);
		assert_int_equal(bc_stream_flush(s), 0);
	}
	assert_int_equal(bc_stream_end(s), 0);
	assert_comes_back(&sink, &in);
	for (size_t i = 0; i + 10 < sink.b.len; i++)
		streams_found += !memcmp(sink.b.p + i, "BZh1\x31\x41\x59\x26\x53\x59", 10);
	assert_int_equal(streams_found, 1);
	bc_stream_free(s);
	free(noise.p);
	free(words.p);
	free(in.p);
	free(sink.b.p);
}

/* Runs of 4 grow to 5 bytes in bzip2's first step. */
static void bzip2_block_never_becomes_two(void **state)
{
	struct bytes in = { 0 };
	struct sink sink = { 0 };
	struct bc_stream *s = new_stream(BC_CODEC_BZIP2, 1, 1, &sink);

	while (in.len < 200000)
		append(&in, in.len % 8 ? "aaaa" : "bbbb", 4);
	assert_int_equal(bc_stream_begin(s), 0);
	feed_all(s, &in, in.len);
	assert_int_equal(bc_stream_end(s), 0);
	assert_comes_back(&sink, &in);
	bc_stream_free(s);
	free(in.p);
	free(sink.b.p);
}

/* A block may refer to the one before it: were it not so, words would have to be told again in each. */
static void knows_what_was_before(int level)
{
	struct bytes noise = random_bytes(20000, 23), in = { 0 };
	struct sink sink = { 0 };
	struct bc_stream *s = new_stream(BC_CODEC_GZIP, level, 2, &sink);

	for (int i = 0; i < 50; i++)
		append(&in, noise.p, noise.len);
	assert_int_equal(bc_stream_begin(s), 0);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(bc_stream_feed(s, in.p, 20000 - 700), 0);
		assert_int_equal(bc_stream_flush(s), 0);
		assert_int_equal(bc_stream_feed(s, in.p + 20000 - 700, 700), 0);
	}
	assert_int_equal(bc_stream_end(s), 0);
	assert_true(sink.b.len < 30000);
	in.len = 200000;
	assert_comes_back(&sink, &in);
	bc_stream_free(s);
	free(noise.p);
	free(in.p);
	free(sink.b.p);
}

static void gzip_blocks_know_what_was_before_them(void **state)
{
	for (int level = 1; level <= 9; level++)
		knows_what_was_before(level);
}

/* What shrinks, what does not, and a block of a single byte, after anything. */
static void gzip_blocks_of_every_kind_come_back(void **state)
{
	struct bytes noise = random_bytes(300000, 31), words = text(300000, 32);

	for (int level = 1; level <= 3; level++) {
		struct bytes in = { 0 };
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(BC_CODEC_GZIP, level, 2, &sink);

		assert_int_equal(bc_stream_begin(s), 0);
		for (size_t len = 1; len <= 300000; len += 1 + len / 3) {
			const uint8_t *p = len % 3 == 0 ? words.p : noise.p;

			append(&in, p, len);
			assert_int_equal(bc_stream_feed(s, p, len), 0);
			if (len % 2)
				assert_int_equal(bc_stream_flush(s), 0);
		}
		assert_int_equal(bc_stream_end(s), 0);
		assert_comes_back(&sink, &in);
		bc_stream_free(s);
		free(in.p);
		free(sink.b.p);
	}
	free(noise.p);
	free(words.p);
}

static void sink_error_stays_until_begin(void **state)
{
	struct bytes in = random_bytes(100000, 17);

	FOR_STREAMS(c) {
		struct sink sink = { .error = -ENOSPC };
		struct bc_stream *s = new_stream(c, 1, 1, &sink);
		int r;

		assert_int_equal(bc_stream_begin(s), 0);
		r = bc_stream_feed(s, in.p, in.len);
		assert_int_equal(r ? r : bc_stream_flush(s), -ENOSPC);
		sink.error = 0;
		assert_int_equal(bc_stream_feed(s, in.p, 1), -ENOSPC);
		assert_int_equal(bc_stream_end(s), -ENOSPC);
		assert_int_equal(sink.b.len, 0);
		assert_int_equal(bc_stream_begin(s), 0);
		feed_all(s, &in, in.len);
		assert_int_equal(bc_stream_end(s), 0);
		assert_comes_back(&sink, &in);
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
}

/* Blocks that threads still work on when the sink fails, too. */
static void sink_error_amid_a_stream_stays_until_begin(void **state)
{
	struct bytes in = random_bytes(2 << 20, 24);

	FOR_STREAMS(c) {
		struct sink sink = { .error = -EIO, .fail_after = 1 << 19 };
		struct bc_stream *s = new_stream(c, 1, 3, &sink);
		int r = 0;

		assert_int_equal(bc_stream_begin(s), 0);
		for (size_t o = 0; r == 0 && o < in.len; o += 1 << 17)
			r = bc_stream_feed(s, in.p + o, 1 << 17);
		assert_int_equal(r ? r : bc_stream_end(s), -EIO);
		sink.error = 0;
		sink.b.len = 0;
		assert_int_equal(bc_stream_begin(s), 0);
		feed_all(s, &in, in.len);
		assert_int_equal(bc_stream_end(s), 0);
		assert_comes_back(&sink, &in);
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
}

static void begin_forgets_an_unfinished_frame(void **state)
{
	struct bytes in = text(1000, 18), lost = random_bytes(1 << 20, 25);

	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(c, 1, 1, &sink);

		for (size_t len = 9; len <= lost.len; len = len == 9 ? lost.len : len + 1) {
			assert_int_equal(bc_stream_begin(s), 0);
			assert_int_equal(bc_stream_feed(s, lost.p, len), 0);
			sink.b.len = 0;
			assert_int_equal(bc_stream_begin(s), 0);
			feed_all(s, &in, 100);
			assert_int_equal(bc_stream_end(s), 0);
			assert_comes_back(&sink, &in);
		}
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
	free(lost.p);
}

static void stream_can_be_freed_at_any_time(void **state)
{
	struct bytes in = random_bytes(2 << 20, 26);

	FOR_STREAMS(c) {
		struct sink sink = { 0 };
		struct bc_stream *s = new_stream(c, 1, 2, &sink);

		bc_stream_free(s);
		s = new_stream(c, 1, 2, &sink);
		assert_int_equal(bc_stream_begin(s), 0);
		feed_all(s, &in, in.len);
		bc_stream_free(s);
		free(sink.b.p);
	}
	free(in.p);
	bc_stream_free(NULL);
}

static void stream_refuses_what_is_out_of_range(void **state)
{
	struct bc_stream *s = NULL;
	struct bc_err err;

	assert_int_equal(bc_stream_new(BC_CODEC_LZ4, 1, 1, take, NULL, &s, &err), -EINVAL);
	assert_int_equal(bc_stream_new(BC_CODEC_ZSTD, 20, 1, take, NULL, &s, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "1 to 19"));
	FOR_STREAMS(c) {
		int min, max, def;

		bc_codec_levels(c, &min, &max, &def);
		assert_int_equal(bc_stream_new(c, min - 1, 1, take, NULL, &s, &err), -EINVAL);
		assert_int_equal(bc_stream_new(c, max + 1, 1, take, NULL, &s, &err), -EINVAL);
		assert_int_equal(bc_stream_new(c, def, 0, take, NULL, &s, &err), -EINVAL);
		assert_int_equal(bc_stream_new(c, def, BC_STREAM_WORKERS_MAX + 1, take, NULL, &s, &err), -EINVAL);
	}
	assert_null(s);
	bc_lz4_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_and_extensions_belong_together),
		cmocka_unit_test(codecs_have_other_names),
		cmocka_unit_test(a_path_tells_its_codec),
		cmocka_unit_test(unknown_codec_is_refused),
		cmocka_unit_test(levels_are_the_documented_ones),
		cmocka_unit_test(lists_in_words_have_their_orders),
		cmocka_unit_test(lz4_header_takes_the_smallest_block_size_that_fits),
		cmocka_unit_test(lz4_header_may_state_the_length),
		cmocka_unit_test(empty_lz4_frame_decodes_to_nothing),
		cmocka_unit_test(lz4_of_every_mode_comes_back),
		cmocka_unit_test(lz4_of_every_block_size_comes_back),
		cmocka_unit_test(lz4_frame_satisfies_the_lz4_program),
		cmocka_unit_test(each_lz4_block_decodes_alone),
		cmocka_unit_test(what_does_not_get_smaller_is_stored),
		cmocka_unit_test(acceleration_0_does_not_try),
		cmocka_unit_test(hc_is_smaller_than_fast),
		cmocka_unit_test(store_in_place_is_the_stored_block),
		cmocka_unit_test(four_stored_at_once_are_each_the_stored_block),
		cmocka_unit_test(stream_comes_back_and_begins_again),
		cmocka_unit_test(every_level_of_a_stream_comes_back),
		cmocka_unit_test(number_of_threads_does_not_change_a_stream),
		cmocka_unit_test(empty_stream_is_a_frame),
		cmocka_unit_test(stream_has_a_checksum),
		cmocka_unit_test(flushed_stream_can_be_read_midway),
		cmocka_unit_test(stream_satisfies_the_zstd_program),
		cmocka_unit_test(stream_satisfies_the_gzip_program),
		cmocka_unit_test(stream_satisfies_the_xz_program),
		cmocka_unit_test(stream_satisfies_the_bzip2_program),
		cmocka_unit_test(bzip2_blocks_of_every_length_are_one_stream),
		cmocka_unit_test(bzip2_block_never_becomes_two),
		cmocka_unit_test(stream_satisfies_the_lzop_program),
		cmocka_unit_test(gzip_blocks_know_what_was_before_them),
		cmocka_unit_test(gzip_blocks_of_every_kind_come_back),
		cmocka_unit_test(sink_error_stays_until_begin),
		cmocka_unit_test(sink_error_amid_a_stream_stays_until_begin),
		cmocka_unit_test(begin_forgets_an_unfinished_frame),
		cmocka_unit_test(stream_can_be_freed_at_any_time),
		cmocka_unit_test(stream_refuses_what_is_out_of_range),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
