/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <string.h>

#include "bc_codec.h"
#include "bc_decoder.h"
#include "bc_padding.h"
#include "bc_pcapng.h"
#include "bc_reader.h"
#include "scratch.h"

#define BLOCK 65536U
#define FRAME (1U << 20)

static const enum bc_codec codecs[] = { BC_CODEC_NONE, BC_CODEC_LZ4, BC_CODEC_ZSTD };
static uint8_t file[4 * BLOCK], plain[8 * BLOCK];
static size_t file_len;

static int to_file(void *ctx, const uint8_t *data, size_t len)
{
	memcpy(file + file_len, data, len);
	file_len += len;
	return 0;
}

/* A section header's bytes, len of padding, as much again, and the end. */
static void make_file(enum bc_codec codec, size_t len)
{
	struct bc_pcapng_section section = { .application = "test" };
	uint8_t head[256];
	size_t head_len = bc_pcapng_shb(head, sizeof(head), &section);
	struct bc_stream *s = NULL;
	struct bc_lz4 *z = bc_lz4_new(BC_LZ4_ANY);
	bool stored;

	file_len = 0;
	if (codec == BC_CODEC_ZSTD) {
		assert_int_equal(bc_stream_new(codec, 3, 1, to_file, NULL, &s, NULL), 0);
		bc_stream_unchecked(s);
		bc_stream_begin(s);
	} else if (codec == BC_CODEC_LZ4) {
		file_len = bc_lz4_header(file, FRAME);
	}
	for (int i = 0; i < 2; i++) {
		if (s) {
			assert_int_equal(bc_stream_feed(s, head, head_len), 0);
			assert_int_equal(bc_stream_flush(s), 0);
		} else if (codec == BC_CODEC_LZ4) {
			file_len += bc_lz4_block(z, head, head_len, file + file_len, 1, &stored);
		} else {
			to_file(NULL, head, head_len);
		}
		bc_padding_make(codec, file + file_len, len);
		file_len += len;
	}
	file_len += bc_padding_end(codec, file + file_len);
	bc_lz4_free(z);
	bc_stream_free(s);
}

static size_t decode(size_t len)
{
	char path[SCRATCH_MAX];
	int fd = scratch_file(path, "bc-padding");
	struct bc_decoder *d;
	struct bc_err err = { "" };
	size_t got = 0;
	ptrdiff_t n;

	assert_int_equal(write(fd, file, len), len);
	lseek(fd, 0, SEEK_SET);
	assert_int_equal(bc_decoder_open(fd, &d, &err), 0);
	while ((n = bc_decoder_read(d, plain + got, sizeof(plain) - got, &err)) > 0)
		got += (size_t)n;
	if (n < 0)
		fail_msg("%s", err.msg);
	bc_decoder_close(d);
	unlink(path);
	return got;
}

/* Two section headers, and nothing else that a reader would tell of. */
static void check_plain(size_t len)
{
	struct bc_reader *r = bc_reader_new();
	size_t at = 0, used, need;
	uint32_t sections = 0;
	struct bc_record rec;
	struct bc_err err;

	for (; at < len; at += used) {
		assert_int_equal(bc_reader_next(r, plain + at, len - at, &used, &need, &rec, &err), BC_READ_SKIP);
		sections += bc_get_le32(plain + at) == BC_PCAPNG_SHB;
	}
	assert_int_equal(sections, 2);
	assert_int_equal(bc_reader_found(r)->custom + bc_reader_left_out(r)->custom, 0);
	bc_reader_free(r);
}

static void every_length_is_passed_over(void **state)
{
	for (size_t c = 0; c < sizeof(codecs) / sizeof(codecs[0]); c++) {
		const size_t min = bc_padding_min(codecs[c]), step = codecs[c] == BC_CODEC_NONE ? 4 : 1;

		for (size_t i = 0; i < 70; i++) {
			make_file(codecs[c], min + i * step);
			check_plain(decode(file_len));
		}
		for (size_t i = 0; i < 10; i++) {
			make_file(codecs[c], BLOCK + i * step);
			check_plain(decode(file_len));
		}
	}
}

static void a_gap_that_is_too_small_goes_to_the_next_edge(void **state)
{
	for (size_t c = 0; c < sizeof(codecs) / sizeof(codecs[0]); c++) {
		const size_t min = bc_padding_min(codecs[c]);

		assert_int_equal(bc_padding_for(codecs[c], min, BLOCK), min);
		assert_int_equal(bc_padding_for(codecs[c], min - 1, BLOCK), min - 1 + BLOCK);
		assert_int_equal(bc_padding_for(codecs[c], 0, BLOCK), BLOCK);
	}
}

/* The end of a file so far is always the same: that is what makes it safe to encrypt again. */
static void the_end_is_always_the_same(void **state)
{
	for (size_t c = 0; c < sizeof(codecs) / sizeof(codecs[0]); c++) {
		uint8_t a[BC_PADDING_END_MAX], b[BC_PADDING_END_MAX];
		size_t len = bc_padding_end(codecs[c], a);

		make_file(codecs[c], 1000);
		assert_true(len > 0);
		assert_int_equal(bc_padding_end(codecs[c], b), len);
		assert_memory_equal(a, b, len);
	}
}

static void what_has_no_place_for_it_is_known(void **state)
{
	assert_true(bc_padding_possible(BC_FORMAT_PCAPNG, BC_CODEC_NONE));
	assert_true(bc_padding_possible(BC_FORMAT_PCAPNG, BC_CODEC_LZ4));
	assert_true(bc_padding_possible(BC_FORMAT_PCAP_NS, BC_CODEC_ZSTD));
	assert_true(bc_padding_possible(BC_FORMAT_ERF, BC_CODEC_ZSTD));
	assert_false(bc_padding_possible(BC_FORMAT_PCAP_NS, BC_CODEC_NONE));
	assert_false(bc_padding_possible(BC_FORMAT_PCAP_US, BC_CODEC_LZ4));
	assert_false(bc_padding_possible(BC_FORMAT_ERF, BC_CODEC_NONE));
	assert_false(bc_padding_possible(BC_FORMAT_PCAPNG, BC_CODEC_GZIP));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_is_passed_over),
		cmocka_unit_test(a_gap_that_is_too_small_goes_to_the_next_edge),
		cmocka_unit_test(the_end_is_always_the_same),
		cmocka_unit_test(what_has_no_place_for_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
