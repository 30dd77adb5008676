/* SPDX-License-Identifier: BSD-3-Clause */
/* Recompression of what is no pcapng, is odd, or is to stop. */
#include "segment_bed.h"

#include "bc_lz4hc.h"
#include "bc_pcap.h"
#include "bc_verify.h"

#define LONG_PACKET 250000U

static uint8_t bytes[1U << 20];

/* Packets of the same lengths, as pcap; a long one behind them, if that is not 0. */
static size_t make_pcap(uint32_t longest)
{
	uint8_t *p = bytes + BC_PCAP_FILE_HEADER;

	bc_pcap_file_header(bytes, 1, 1, 262144);
	for (uint32_t i = 0; i < PACKETS; i++) {
		p = bc_pcap_record(p, BEGIN_NS + i, 1, 60, 60);
		memset(p, (int)i, 60);
		p += 60;
	}
	if (longest) {
		p = bc_pcap_record(p, BEGIN_NS + PACKETS, 1, longest, longest);
		for (uint32_t i = 0; i < longest; i++)
			*p++ = (uint8_t)(i * 2654435761U >> 13);
	}
	return (size_t)(p - bytes);
}

/* "a" to "b". */
static int recompress(struct fixture *f, const _Atomic bool *cancel)
{
	int from = open(in_dir(f, "a"), O_RDONLY | O_CLOEXEC), to = open(in_dir(f, "b"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;

	f->err.msg[0] = '\0';
	r = bc_lz4hc(from, to, false, 3, cancel, &f->err);
	assert_int_equal(r < 0, f->err.msg[0] != '\0');
	close(from);
	close(to);
	return r;
}

static int same(struct fixture *f, const char *x, const char *y, const _Atomic bool *cancel)
{
	int a = open(in_dir(f, x), O_RDONLY | O_CLOEXEC), b = open(in_dir(f, y), O_RDONLY | O_CLOEXEC), r = bc_lz4hc_same(a, b, false, cancel);

	close(a);
	close(b);
	return r;
}

static void is_recompressed(struct fixture *f, size_t len, uint32_t records)
{
	struct bc_scan v;

	put(in_dir(f, "a"), bytes, len);
	assert_int_equal(recompress(f, NULL), 0);
	assert_int_equal(bc_verify(in_dir(f, "b"), &v, &f->err), 0);
	assert_int_equal(v.records, records);
	assert_int_equal(same(f, "a", "b", NULL), 1);
	/* One byte is another. */
	bytes[len - 1] ^= 1;
	put(in_dir(f, "c"), bytes, len);
	bytes[len - 1] ^= 1;
	assert_int_equal(same(f, "a", "c", NULL), 0);
	assert_int_equal(same(f, "c", "b", NULL), 0);
}

static void pcap_is_recompressed(void **state)
{
	is_recompressed(*state, make_pcap(0), PACKETS);
}

/* In a block of its own, longer than the others. */
static void a_long_packet_is_too(void **state)
{
	is_recompressed(*state, make_pcap(LONG_PACKET), PACKETS + 1);
}

static void one_packet_less_is_not_the_same(void **state)
{
	const size_t len = make_pcap(0);

	put(in_dir(*state, "a"), bytes, len);
	put(in_dir(*state, "b"), bytes, len - 76);
	assert_int_equal(same(*state, "a", "b", NULL), 0);
	assert_int_equal(same(*state, "b", "a", NULL), 0);
}

static void it_stops_when_it_is_told_to(void **state)
{
	static const _Atomic bool cancel = true;
	static const _Atomic bool go_on = false;

	put(in_dir(*state, "a"), bytes, make_pcap(0));
	assert_int_equal(recompress(*state, &cancel), -ECANCELED);
	assert_int_equal(same(*state, "a", "a", &cancel), -ECANCELED);
	assert_int_equal(recompress(*state, &go_on), 0);
	assert_int_equal(same(*state, "a", "b", &go_on), 1);
}

static void what_is_damaged_or_no_capture_is_told(void **state)
{
	struct fixture *f = *state;
	const size_t len = make_pcap(0);

	put(in_dir(f, "a"), bytes, len - 1);
	assert_int_equal(recompress(f, NULL), -EBADMSG);
	assert_non_null(strstr(f->err.msg, "the file ends inside a record"));
	put(in_dir(f, "a"), (const uint8_t *)"this is a text, of some length, and no capture", 46);
	assert_int_equal(recompress(f, NULL), -ENOTSUP);
	/* Inside a stream, the offset is that of what is in it. */
	pack(BC_CODEC_GZIP);
	packed[packed_len - 6] ^= 1;
	put(in_dir(f, "a"), packed, packed_len);
	assert_int_equal(recompress(f, NULL), -EBADMSG);
	assert_non_null(strstr(f->err.msg, "of the decompressed data"));
}

static void what_is_recompressed_is_known(void **state)
{
	struct fixture *f = *state;
	int fd;

	put(in_dir(f, "a"), bytes, make_pcap(0));
	assert_int_equal(recompress(f, NULL), 0);
	fd = open(in_dir(f, "a"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(bc_lz4hc_is(fd), 0);
	close(fd);
	fd = open(in_dir(f, "b"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(bc_lz4hc_is(fd), 1);
	close(fd);
	assert_int_equal(bc_lz4hc_is(-1), -EBADF);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(pcap_is_recompressed),
		IN_FOLDER(a_long_packet_is_too),
		IN_FOLDER(one_packet_less_is_not_the_same),
		IN_FOLDER(it_stops_when_it_is_told_to),
		IN_FOLDER(what_is_damaged_or_no_capture_is_told),
		IN_FOLDER(what_is_recompressed_is_known),
	};

	return cmocka_run_group_tests(tests, make_once, NULL);
}
