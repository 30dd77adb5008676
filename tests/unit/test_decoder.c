/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <bzlib.h>
#include <errno.h>
#include <lz4frame.h>
#include <lzma.h>
#include <pthread.h>
#include <zlib.h>
#include <zstd.h>

#include "bc_codec.h"
#include "codec_data.h"

enum kind { PLAIN, LZ4, LZ4_LINKED, ZSTD, GZIP, XZ, BZIP2, LZO, KINDS };

static const char *const kind_name[KINDS] = { "none", "lz4", "lz4", "zstd", "gzip", "xz", "bzip2", "lzo" };

/* Blocks as our writers make them: compressed and stored in turn. */
static struct bytes lz4_ours(const struct bytes *in, size_t block)
{
	uint8_t *buf = malloc(block + BC_LZ4_BLOCK_OVERHEAD + BC_LZ4_HEADER_MAX);
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	struct bytes f = { 0 };
	bool stored;

	append(&f, buf, bc_lz4_header(buf, block));
	for (size_t o = 0; o < in->len; o += block) {
		size_t len = in->len - o < block ? in->len - o : block;

		append(&f, buf, bc_lz4_block(z, in->p + o, len, buf, o / block % 2 == 0, &stored));
	}
	bc_lz4_end(buf);
	append(&f, buf, BC_LZ4_END_SIZE);
	bc_lz4_free(z);
	free(buf);
	return f;
}

static struct bytes lz4_linked(const struct bytes *in)
{
	LZ4F_preferences_t prefs = {
		.frameInfo = { .blockMode = LZ4F_blockLinked, .blockSizeID = LZ4F_max64KB, .contentSize = in->len,
			       .contentChecksumFlag = LZ4F_contentChecksumEnabled },
	};
	struct bytes f = { 0 };

	f.cap = LZ4F_compressFrameBound(in->len, &prefs);
	f.p = malloc(f.cap);
	f.len = LZ4F_compressFrame(f.p, f.cap, in->p, in->len, &prefs);
	assert_false(LZ4F_isError(f.len));
	return f;
}

static struct bytes zstd_frame(const struct bytes *in)
{
	ZSTD_CCtx *c = ZSTD_createCCtx();
	struct bytes f = { 0 };

	f.cap = ZSTD_compressBound(in->len);
	f.p = malloc(f.cap);
	ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	f.len = ZSTD_compress2(c, f.p, f.cap, in->p, in->len);
	assert_false(ZSTD_isError(f.len));
	ZSTD_freeCCtx(c);
	return f;
}

static struct bytes gzip_member(const struct bytes *in)
{
	z_stream z = { 0 };
	struct bytes f = { 0 };

	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	f.cap = deflateBound(&z, in->len);
	f.p = malloc(f.cap);
	z.next_in = in->p;
	z.avail_in = (uInt)in->len;
	z.next_out = f.p;
	z.avail_out = (uInt)f.cap;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	f.len = f.cap - z.avail_out;
	deflateEnd(&z);
	return f;
}

static struct bytes xz_stream(const struct bytes *in)
{
	struct bytes f = { 0 };

	f.cap = lzma_stream_buffer_bound(in->len);
	f.p = malloc(f.cap);
	assert_int_equal(lzma_easy_buffer_encode(0, LZMA_CHECK_CRC64, NULL, in->p, in->len, f.p, &f.len, f.cap), LZMA_OK);
	return f;
}

static struct bytes bzip2_stream(const struct bytes *in)
{
	struct bytes f = { 0 };
	unsigned len = (unsigned)(in->len + in->len / 100 + 600);

	f.cap = len;
	f.p = malloc(f.cap);
	assert_int_equal(BZ2_bzBuffToBuffCompress((char *)f.p, &len, (char *)in->p, (unsigned)in->len, 1, 0, 0), BZ_OK);
	f.len = len;
	return f;
}

static int keep(void *ctx, const uint8_t *data, size_t len)
{
	append(ctx, data, len);
	return 0;
}

/* As our writer makes it, in blocks of 256 KiB. */
static struct bytes lzo_ours(const struct bytes *in)
{
	struct bytes f = { 0 };
	struct bc_stream *s = NULL;

	assert_int_equal(bc_stream_new(BC_CODEC_LZO, 1, 1, keep, &f, &s, NULL), 0);
	assert_int_equal(bc_stream_begin(s), 0);
	assert_int_equal(bc_stream_feed(s, in->p, in->len), 0);
	assert_int_equal(bc_stream_end(s), 0);
	bc_stream_free(s);
	return f;
}

/* lzo, the last, may be left out of a build. */
static enum kind kinds(void)
{
	return bc_codec_is_built(BC_CODEC_LZO) ? KINDS : LZO;
}

static void needs_lzo(void)
{
	if (!bc_codec_is_built(BC_CODEC_LZO))
		BC_SKIP("built without lzo");
}

static struct bytes make(enum kind k, const struct bytes *in)
{
	struct bytes f = { 0 };

	switch (k) {
	case LZ4:
		return lz4_ours(in, 1000);
	case LZ4_LINKED:
		return lz4_linked(in);
	case ZSTD:
		return zstd_frame(in);
	case GZIP:
		return gzip_member(in);
	case XZ:
		return xz_stream(in);
	case BZIP2:
		return bzip2_stream(in);
	case LZO:
		return lzo_ours(in);
	default:
		append(&f, in->p, in->len);
		return f;
	}
}

/* Skippable, as LZ4 and zstd have it. */
static void append_skippable(struct bytes *f, uint32_t len)
{
	const uint8_t head[] = { 0x5e, 0x2a, 0x4d, 0x18, (uint8_t)len, (uint8_t)(len >> 8), (uint8_t)(len >> 16),
				 (uint8_t)(len >> 24) };

	append(f, head, sizeof(head));
	for (uint32_t i = 0; i < len; i++)
		append(f, "x", 1);
}

static void each_kind_is_told_apart_and_comes_back(void **state)
{
	const size_t caps[] = { 1, 100, 65536, 1 << 20 };
	struct bytes in = text(400000, 3);

	for (enum kind k = 0; k < kinds(); k++) {
		struct bytes f = make(k, &in);

		for (size_t i = 0; i < 4; i++) {
			struct bytes out = { 0 };
			char name[8];

			assert_int_equal(decode_fd(file_of(f.p, f.len), caps[i], &out, name, NULL), 0);
			assert_string_equal(name, kind_name[k]);
			assert_same(&out, &in);
			free(out.p);
		}
		free(f.p);
	}
	free(in.p);
}

static void large_data_passes_the_read_ahead(void **state)
{
	struct bytes in = text(2 << 20, 4), noise = random_bytes(1 << 20, 5);

	append(&in, noise.p, noise.len);
	for (enum kind k = 0; k < kinds(); k++) {
		struct bytes f = make(k, &in), out = { 0 };

		assert_true(f.len > 1 << 20);
		assert_int_equal(decode(&f, 50001, &out), 0);
		assert_same(&out, &in);
		free(out.p);
		free(f.p);
	}
	free(in.p);
	free(noise.p);
}

static void empty_file_is_the_end(void **state)
{
	struct bytes none = { 0 }, out = { 0 };
	char name[8];

	assert_int_equal(decode_fd(file_of("", none.len), 10, &out, name, NULL), 0);
	assert_int_equal(out.len, 0);
	assert_string_equal(name, "none");
}

static void short_plain_files_come_back(void **state)
{
	for (size_t len = 1; len < 6; len++) {
		struct bytes in = { (uint8_t *)"\0plain", len, 0 }, out = { 0 };

		assert_int_equal(decode(&in, 100, &out), 0);
		assert_same(&out, &in);
		free(out.p);
	}
}

static void offset_counts_what_was_read(void **state)
{
	struct bytes in = text(300000, 6);
	struct bc_decoder *d = NULL;
	uint8_t buf[1000];

	assert_int_equal(bc_decoder_open(file_of(in.p, in.len), &d, NULL), 0);
	assert_int_equal(bc_decoder_offset(d), 0);
	assert_int_equal(bc_decoder_codec(d), BC_CODEC_NONE);
	while (bc_decoder_read(d, buf, sizeof(buf), NULL) > 0)
		;
	assert_int_equal(bc_decoder_offset(d), in.len);
	bc_decoder_close(d);
	bc_decoder_close(NULL);
	free(in.p);
}

static void close_closes_the_descriptor(void **state)
{
	struct bc_decoder *d = NULL;
	int fd = file_of("x", 1);

	assert_int_equal(bc_decoder_open(fd, &d, NULL), 0);
	bc_decoder_close(d);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

struct trickle {
	int fd;
	const struct bytes *b;
};

static void *trickle(void *arg)
{
	const struct trickle *t = arg;

	for (size_t i = 0; i < t->b->len; i++)
		assert_int_equal(write(t->fd, t->b->p + i, 1), 1);
	close(t->fd);
	return NULL;
}

static void pipe_that_gives_one_byte_at_a_time_is_enough(void **state)
{
	struct bytes in = text(5000, 7);

	for (enum kind k = 0; k < kinds(); k++) {
		struct bytes f = make(k, &in), out = { 0 };
		struct trickle t = { .b = &f };
		pthread_t thread;
		int p[2];

		assert_int_equal(pipe(p), 0);
		t.fd = p[1];
		assert_int_equal(pthread_create(&thread, NULL, trickle, &t), 0);
		assert_int_equal(decode_fd(p[0], 64, &out, NULL, NULL), 0);
		pthread_join(thread, NULL);
		assert_same(&out, &in);
		free(out.p);
		free(f.p);
	}
	free(in.p);
}

/* Each byte is preceded by many calls that find none: nothing is lost and no library takes it for an endless loop. */
static void empty_nonblocking_pipe_is_tried_again(void **state)
{
	struct bytes in = text(300, 8);

	for (enum kind k = 0; k < kinds(); k++) {
		struct bytes f = make(k, &in), out = { 0 };
		struct bc_decoder *d = NULL;
		uint8_t buf[64];
		ptrdiff_t n;
		int p[2];

		assert_int_equal(pipe2(p, O_NONBLOCK), 0);
		assert_int_equal(bc_decoder_open(p[0], &d, NULL), 0);
		for (size_t i = 0; i < f.len; i++) {
			for (int again = 0; again < 20; again++)
				assert_int_equal(bc_decoder_read(d, buf, sizeof(buf), NULL), -EAGAIN);
			assert_int_equal(write(p[1], f.p + i, 1), 1);
			while ((n = bc_decoder_read(d, buf, sizeof(buf), NULL)) > 0)
				append(&out, buf, (size_t)n);
			assert_int_equal(n, -EAGAIN);
		}
		close(p[1]);
		assert_int_equal(bc_decoder_read(d, buf, sizeof(buf), NULL), 0);
		assert_same(&out, &in);
		bc_decoder_close(d);
		free(out.p);
		free(f.p);
	}
	free(in.p);
}

static void what_is_there_is_returned_before_the_next_read(void **state)
{
	struct bytes in = text(3000, 9), f = lz4_ours(&in, 1000);
	struct bc_decoder *d = NULL;
	uint8_t buf[4000];
	size_t got = 0;
	int p[2];

	/* A blocking pipe that stays open: a read past the end would never return. */
	assert_int_equal(pipe(p), 0);
	assert_int_equal(write(p[1], f.p, f.len), (ssize_t)f.len);
	assert_int_equal(bc_decoder_open(p[0], &d, NULL), 0);
	while (got < in.len) {
		ptrdiff_t n = bc_decoder_read(d, buf + got, sizeof(buf) - got, NULL);

		assert_true(n > 0);
		got += (size_t)n;
	}
	assert_memory_equal(buf, in.p, in.len);
	close(p[1]);
	assert_int_equal(bc_decoder_read(d, buf, sizeof(buf), NULL), 0);
	bc_decoder_close(d);
	free(f.p);
	free(in.p);
}

static void read_error_is_passed_on(void **state)
{
	struct bc_decoder *d = NULL;
	struct bc_err err;
	uint8_t buf[10];

	assert_int_equal(bc_decoder_open(open("/", O_RDONLY), &d, NULL), 0);
	assert_int_equal(bc_decoder_read(d, buf, sizeof(buf), &err), -EISDIR);
	assert_non_null(strstr(err.msg, "byte 0"));
	bc_decoder_close(d);
}

static void concatenated_frames_are_read_through(void **state)
{
	struct bytes a = text(2000, 10), b = text(3000, 11), both = { 0 };

	append(&both, a.p, a.len);
	append(&both, b.p, b.len);
	for (enum kind k = LZ4; k < kinds(); k++) {
		struct bytes f = make(k, &a), g = make(k, &b), out = { 0 };

		append(&f, g.p, g.len);
		assert_int_equal(decode(&f, 700, &out), 0);
		assert_same(&out, &both);
		free(f.p);
		free(g.p);
		free(out.p);
	}
	free(a.p);
	free(b.p);
	free(both.p);
}

static void skippable_frames_are_passed_over(void **state)
{
	struct bytes in = text(2000, 12);

	for (enum kind k = LZ4; k <= ZSTD; k++) {
		struct bytes f = { 0 }, frame = make(k, &in), out = { 0 };

		append_skippable(&f, 0);
		append_skippable(&f, 200000);
		append(&f, frame.p, frame.len);
		append_skippable(&f, 5);
		assert_int_equal(decode(&f, 5000, &out), 0);
		assert_same(&out, &in);
		free(f.p);
		free(frame.p);
		free(out.p);
	}
	free(in.p);
}

static void cut_skippable_frame_is_truncated(void **state)
{
	struct bytes f = { 0 };

	append_skippable(&f, 20);
	while (--f.len > 0) {
		struct bytes out = { 0 };

		assert_int_equal(decode(&f, 100, &out), -ENODATA);
		assert_int_equal(out.len, 0);
	}
	free(f.p);
}

static void zeros_after_a_frame_are_padding(void **state)
{
	static const uint8_t zeros[300000];
	struct bytes in = text(2000, 13);

	for (enum kind k = LZ4; k < kinds(); k++)
		for (size_t n = 1; n <= sizeof(zeros); n = n < 10 ? n + 1 : n * 30000) {
			struct bytes f = make(k, &in), out = { 0 };

			append(&f, zeros, n);
			assert_int_equal(decode(&f, 5000, &out), 0);
			assert_same(&out, &in);
			free(f.p);
			free(out.p);
		}
	free(in.p);
}

static void other_bytes_after_a_frame_are_corrupt(void **state)
{
	const char *tails[] = { "x", "garbage", "\0\0\0\0\0\0x" };
	const size_t len[] = { 1, 7, 7 };
	struct bytes in = text(2000, 14);

	for (enum kind k = LZ4; k < kinds(); k++)
		for (size_t i = 0; i < 3; i++) {
			struct bytes f = make(k, &in), out = { 0 };

			append(&f, tails[i], len[i]);
			assert_int_equal(decode(&f, 5000, &out), -EBADMSG);
			assert_same(&out, &in);
			free(f.p);
			free(out.p);
		}
	free(in.p);
}

static void frame_of_another_kind_after_a_frame_is_corrupt(void **state)
{
	struct bytes in = text(2000, 15), f = zstd_frame(&in), g = gzip_member(&in), out = { 0 };
	struct bc_err err;

	append(&f, g.p, g.len);
	assert_int_equal(decode_fd(file_of(f.p, f.len), 5000, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "is not a frame"));
	assert_same(&out, &in);
	free(in.p);
	free(f.p);
	free(g.p);
	free(out.p);
}

static void every_truncation_gives_a_prefix(void **state)
{
	struct bytes in = text(4500, 16);

	for (enum kind k = LZ4; k < kinds(); k++) {
		struct bytes f = make(k, &in);

		for (size_t cut = 1; cut < f.len; cut++) {
			struct bytes out = { 0 };
			struct bc_err err = { "" };

			assert_int_equal(decode_fd(file_of(f.p, cut), cut % 2 ? 10000 : 100, &out, NULL, &err),
					 -ENODATA);
			assert_non_null(strstr(err.msg, "truncated"));
			assert_true(out.len <= in.len);
			if (out.len)
				assert_memory_equal(out.p, in.p, out.len);
			free(out.p);
		}
		free(f.p);
	}
	free(in.p);
}

static uint32_t get_u32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void truncated_lz4_gives_every_complete_block(void **state)
{
	struct bytes in = text(4500, 17), f = lz4_ours(&in, 1000);
	size_t end = 7, whole = 0;	/* the next block's end in the file; the bytes in the blocks before it */

	end += (get_u32(f.p + end) & ~0x80000000u) + BC_LZ4_BLOCK_OVERHEAD;
	for (size_t cut = 7; cut < f.len; cut++) {
		struct bytes out = { 0 };

		if (cut == end) {
			whole += in.len - whole < 1000 ? in.len - whole : 1000;
			if (whole < in.len)
				end += (get_u32(f.p + end) & ~0x80000000u) + BC_LZ4_BLOCK_OVERHEAD;
		}
		assert_int_equal(decode_fd(file_of(f.p, cut), cut % 2 ? 10000 : 100, &out, NULL, NULL), -ENODATA);
		assert_true(out.len >= whole);
		free(out.p);
	}
	assert_int_equal(whole, in.len);
	free(f.p);
	free(in.p);
}

static void blocks_before_a_bad_lz4_block_come_out(void **state)
{
	struct bytes in = text(4000, 18), f = lz4_ours(&in, 1000), want = { in.p, 2000, 0 };
	size_t third = 7;

	for (int i = 0; i < 2; i++)
		third += (get_u32(f.p + third) & ~0x80000000u) + BC_LZ4_BLOCK_OVERHEAD;
	for (size_t cap = 500; cap <= 5000; cap += 1500) {
		/* The length, then a byte of the block. */
		for (size_t at = third + 3; at <= third + 10; at += 7) {
			struct bytes out = { 0 };

			f.p[at] ^= 0x41;
			assert_int_equal(decode(&f, cap, &out), -EBADMSG);
			f.p[at] ^= 0x41;
			assert_same(&out, &want);
			free(out.p);
		}
	}
	free(in.p);
	free(f.p);
}

static void blocks_before_a_bad_zstd_block_come_out(void **state)
{
	struct bytes in = text(3000, 19), f = { 0 }, want = { in.p, 2000, 0 };
	struct bc_stream *s = NULL;
	size_t third;

	assert_int_equal(bc_stream_new(BC_CODEC_ZSTD, 3, 1, keep, &f, &s, NULL), 0);
	assert_int_equal(bc_stream_begin(s), 0);
	bc_stream_feed(s, in.p, 1000);
	bc_stream_flush(s);
	bc_stream_feed(s, in.p + 1000, 1000);
	bc_stream_flush(s);
	third = f.len;
	bc_stream_feed(s, in.p + 2000, 1000);
	assert_int_equal(bc_stream_end(s), 0);
	f.p[third] |= 0x06;	/* the reserved type of block */
	for (size_t cap = 500; cap <= 5000; cap += 1500) {
		struct bytes out = { 0 };

		assert_int_equal(decode(&f, cap, &out), -EBADMSG);
		assert_same(&out, &want);
		free(out.p);
	}
	bc_stream_free(s);
	free(in.p);
	free(f.p);
}

static void wrong_gzip_checksum_comes_after_the_data(void **state)
{
	struct bytes in = text(3000, 20), f = gzip_member(&in), out = { 0 };
	struct bc_err err;

	f.p[f.len - 8] ^= 1;
	assert_int_equal(decode_fd(file_of(f.p, f.len), 10000, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "corrupt at byte"));
	assert_same(&out, &in);
	free(in.p);
	free(f.p);
	free(out.p);
}

static void wrong_lz4_content_checksum_comes_after_the_data(void **state)
{
	struct bytes in = text(100000, 21), f = lz4_linked(&in), out = { 0 };

	f.p[f.len - 1] ^= 1;
	assert_int_equal(decode(&f, 70000, &out), -EBADMSG);
	assert_same(&out, &in);
	free(in.p);
	free(f.p);
	free(out.p);
}

static void zstd_window_above_the_limit_is_refused(void **state)
{
	/* A frame header whose window descriptor says 2^28, then 2^27, and an empty last block. */
	const uint8_t big[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 18 << 3, 0x01, 0x00, 0x00 };
	const uint8_t fits[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 0x01, 0x00, 0x00 };
	struct bytes out = { 0 };
	struct bc_err err;

	assert_int_equal(decode_fd(file_of(big, sizeof(big)), 100, &out, NULL, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "memory"));
	assert_int_equal(decode_fd(file_of(fits, sizeof(fits)), 100, &out, NULL, NULL), 0);
	assert_int_equal(out.len, 0);
}

static void xz_that_needs_too_much_memory_is_refused(void **state)
{
	lzma_options_lzma options;
	lzma_filter filters[] = { { LZMA_FILTER_LZMA2, &options }, { LZMA_VLI_UNKNOWN, NULL } };
	struct bytes in = text(1000, 24), f = { 0 }, out = { 0 };
	struct bc_err err;

	lzma_lzma_preset(&options, 0);
	f.cap = lzma_stream_buffer_bound(in.len);
	f.p = malloc(f.cap);
	for (uint32_t mib = 64; mib <= 256; mib *= 4) {
		options.dict_size = mib << 20;
		f.len = 0;
		assert_int_equal(lzma_stream_buffer_encode(filters, LZMA_CHECK_CRC32, NULL, in.p, in.len, f.p, &f.len, f.cap),
				 LZMA_OK);
		if (mib == 64) {
			assert_int_equal(decode(&f, 100, &out), 0);
			continue;
		}
		assert_int_equal(decode_fd(file_of(f.p, f.len), 100, &out, NULL, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "128 MiB"));
	}
	assert_same(&out, &in);
	free(in.p);
	free(f.p);
	free(out.p);
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

/* A file of one stored block of 3 bytes, made by hand: flags as given, with a name and the sums that they ask for. */
static struct bytes lzop_by_hand(uint32_t flags)
{
	uint8_t h[200] = "\x89LZO\0\r\n\x1a\n\x10\x30\x20\xa0\x09\x40\x01\x05", *p = h + 17;
	struct bytes f = { 0 };

	put_be32(p, flags);
	p += 16;
	*p++ = 4;
	memcpy(p, "name", 4);
	p += 4;
	put_be32(p, (uint32_t)(flags & 0x1000 ? crc32(0, h + 9, (uInt)(p - h - 9)) : adler32(1, h + 9, (uInt)(p - h - 9))));
	put_be32(p + 4, 3);
	put_be32(p + 8, 3);
	p += 12;
	if (flags & 0x001) {
		put_be32(p, (uint32_t)adler32(1, (const Bytef *)"abc", 3));
		p += 4;
	}
	if (flags & 0x100) {
		put_be32(p, (uint32_t)crc32(0, (const Bytef *)"abc", 3));
		p += 4;
	}
	memcpy(p, "abc\0\0\0\0", 7);
	append(&f, h, (size_t)(p + 7 - h));
	return f;
}

static void lzop_files_with_any_checksums_come_back(void **state)
{
	const uint32_t flags[] = { 0, 0x001, 0x100, 0x101, 0x1000, 0x303, 0x03001303 };
	struct bytes want = { (uint8_t *)"abc", 3, 0 };

	needs_lzo();
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		struct bytes f = lzop_by_hand(flags[i]), out = { 0 };

		assert_int_equal(decode(&f, 100, &out), 0);
		assert_same(&out, &want);
		free(f.p);
		free(out.p);
	}
}

static void each_byte_of_an_lzop_file_is_looked_at(void **state)
{
	struct bytes f;

	needs_lzo();
	f = lzop_by_hand(0x1101);
	/* Behind the four by which it is known. */
	for (size_t at = 4; at < f.len; at++) {
		struct bytes out = { 0 };

		f.p[at] ^= 0x10;
		assert_true(decode(&f, 100, &out) < 0);
		f.p[at] ^= 0x10;
		free(out.p);
	}
	free(f.p);
}

static void lzop_that_is_not_known_is_refused(void **state)
{
	static const struct {
		size_t at;
		uint8_t byte;
		const char *words;
	} is[] = {
		{ 4, 'x', "not an lzop header" },
		{ 9, 0x09, "unknown lzop method" },	/* an older version */
		{ 13, 0x20, "unknown lzop method" },	/* a version that is needed and not yet there */
		{ 15, 0, "unknown lzop method" },
		{ 15, 128, "unknown lzop method" },	/* another method */
		{ 19, 0x04, "unknown lzop method" },	/* several parts */
		{ 19, 0x08, "unknown lzop method" },	/* a filter */
		{ 20, 0x40, "unknown lzop method" },	/* an extra field */
		{ 42, 4, "longer than the format allows" },
		{ 49, 4, "longer compressed than uncompressed" },
		{ 49, 0, "longer compressed than uncompressed" },
		{ 49, 2, "cannot be decompressed" },
	};

	needs_lzo();
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bytes f = lzop_by_hand(0), out = { 0 };
		struct bc_err err;

		f.p[is[i].at] = is[i].byte;
		assert_int_equal(decode_fd(file_of(f.p, f.len), 100, &out, NULL, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, is[i].words));
		assert_int_equal(out.len, 0);
		free(f.p);
	}
}

/* By its name, rather than called no capture file. */
static void lzop_is_named_in_a_build_without_it(void **state)
{
	struct bytes f = lzop_by_hand(0), out = { 0 };
	struct bc_err err;

	if (bc_codec_is_built(BC_CODEC_LZO)) {
		free(f.p);
		BC_SKIP("built with lzo");
	}
	assert_int_equal(decode_fd(file_of(f.p, f.len), 100, &out, NULL, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "this is lzo, which this program was built without"));
	assert_int_equal(out.len, 0);
	free(f.p);
}

/* As lzop makes them: with sums of the compressed data. */
static void files_of_the_lzop_program_come_back(void **state)
{
	char *const plain[] = { "lzop", "-c", NULL }, *const crc[] = { "lzop", "-c", "-9", "--crc32", NULL };
	struct bytes in, noise;

	needs_lzo();
	in = text(600000, 25);
	noise = random_bytes(300000, 26);
	append(&in, noise.p, noise.len);
	for (int i = 0; i < 2; i++) {
		struct bytes f = { 0 }, out = { 0 };

		if (run_tool(i ? crc : plain, &in, &f) < 0)
			BC_SKIP("there is no program lzop");
		assert_int_equal(decode(&f, 10000, &out), 0);
		assert_same(&out, &in);
		free(out.p);
		f.p[f.len / 2] ^= 1;
		out = (struct bytes){ 0 };
		assert_int_equal(decode(&f, 10000, &out), -EBADMSG);
		free(out.p);
		free(f.p);
	}
	free(in.p);
	free(noise.p);
}

/* In our frames a block checksum covers every byte: what ends well is the original, or no longer looks like LZ4. */
static void mutated_files_end_in_order(void **state)
{
	struct bytes in = text(3000, 22);
	uint32_t seed = 23;

	for (enum kind k = LZ4; k < kinds(); k++) {
		struct bytes f = make(k, &in);

		for (int round = 0; round < 1500; round++) {
			struct bytes m = { 0 }, out = { 0 };
			char name[8];
			int r;

			append(&m, f.p, f.len);
			for (uint32_t n = 1 + next_random(&seed) % 3; n > 0; n--)
				m.p[next_random(&seed) % m.len] ^= (uint8_t)(1 + next_random(&seed) % 255);
			r = decode_fd(file_of(m.p, m.len), 1 + next_random(&seed) % 5000, &out, name, NULL);
			assert_true(r == 0 || r == -EBADMSG || r == -ENODATA);
			if (r == 0 && k == LZ4 && strcmp(name, "lz4") == 0)
				assert_same(&out, &in);
			free(m.p);
			free(out.p);
		}
		free(f.p);
	}
	free(in.p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_kind_is_told_apart_and_comes_back),
		cmocka_unit_test(large_data_passes_the_read_ahead),
		cmocka_unit_test(empty_file_is_the_end),
		cmocka_unit_test(short_plain_files_come_back),
		cmocka_unit_test(offset_counts_what_was_read),
		cmocka_unit_test(close_closes_the_descriptor),
		cmocka_unit_test(pipe_that_gives_one_byte_at_a_time_is_enough),
		cmocka_unit_test(empty_nonblocking_pipe_is_tried_again),
		cmocka_unit_test(what_is_there_is_returned_before_the_next_read),
		cmocka_unit_test(read_error_is_passed_on),
		cmocka_unit_test(concatenated_frames_are_read_through),
		cmocka_unit_test(skippable_frames_are_passed_over),
		cmocka_unit_test(cut_skippable_frame_is_truncated),
		cmocka_unit_test(zeros_after_a_frame_are_padding),
		cmocka_unit_test(other_bytes_after_a_frame_are_corrupt),
		cmocka_unit_test(frame_of_another_kind_after_a_frame_is_corrupt),
		cmocka_unit_test(every_truncation_gives_a_prefix),
		cmocka_unit_test(truncated_lz4_gives_every_complete_block),
		cmocka_unit_test(blocks_before_a_bad_lz4_block_come_out),
		cmocka_unit_test(blocks_before_a_bad_zstd_block_come_out),
		cmocka_unit_test(wrong_gzip_checksum_comes_after_the_data),
		cmocka_unit_test(wrong_lz4_content_checksum_comes_after_the_data),
		cmocka_unit_test(zstd_window_above_the_limit_is_refused),
		cmocka_unit_test(xz_that_needs_too_much_memory_is_refused),
		cmocka_unit_test(lzop_files_with_any_checksums_come_back),
		cmocka_unit_test(each_byte_of_an_lzop_file_is_looked_at),
		cmocka_unit_test(lzop_that_is_not_known_is_refused),
		cmocka_unit_test(lzop_is_named_in_a_build_without_it),
		cmocka_unit_test(files_of_the_lzop_program_come_back),
		cmocka_unit_test(mutated_files_end_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
