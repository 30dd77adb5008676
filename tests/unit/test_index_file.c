/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_codec.h"
#include "bc_index.h"
#include "bc_index_file.h"
#include "bc_lz4hc.h"
#include "bc_pcapng.h"
#include "bc_verify.h"
#include "index_packet.h"
#include "scratch.h"

#define PACKETS 2000
#define PER_BLOCK 50

static struct random r = { 3 };
static char folder[SCRATCH_MAX], path[SCRATCH_MAX + 8];

static size_t header(uint8_t *p, size_t cap)
{
	struct bc_iface iface = { .name = "eth0", .linktype = 1, .snaplen = 65535 };
	struct bc_pcapng_section section = { .application = "test" };
	size_t n = bc_pcapng_shb(p, cap, &section);

	return n + bc_pcapng_idb(p + n, cap - n, &iface, 65535, NULL);
}

static uint8_t *put_packet(uint8_t *p, int i)
{
	struct packet k;

	packet_any(&k, &r);
	p = bc_epb_begin(p, 0, 1000000000000000000 + (uint64_t)i * 1000000, k.len, k.len, 0);
	memcpy(p, k.data, k.len);
	return bc_epb_end(p, k.len, 0, 0, 0, 0);
}

static void put(FILE *f, struct bc_lz4 *z, const uint8_t *p, size_t len)
{
	uint8_t block[262144];
	bool stored;

	if (z)
		fwrite(block, 1, bc_lz4_block(z, p, len, block, 1, &stored), f);
	else
		fwrite(p, 1, len, f);
}

/* cut: a block of LZ4 ends within one of pcapng. */
static void write_file(bool lz4, bool cut)
{
	struct bc_lz4 *z = lz4 ? bc_lz4_new(BC_LZ4_ANY) : NULL;
	static uint8_t plain[200000];
	uint8_t head[BC_LZ4_HEADER_MAX] = { 0 };
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	if (lz4)
		fwrite(head, 1, bc_lz4_header(head, sizeof(plain)), f);
	put(f, z, plain, header(plain, sizeof(plain)));
	for (int i = 0; i < PACKETS; i += PER_BLOCK) {
		uint8_t *p = plain;
		size_t half;

		for (int k = i; k < i + PER_BLOCK; k++)
			p = put_packet(p, k);
		half = (size_t)(p - plain) / 8 * 4;
		put(f, z, plain, cut ? half : (size_t)(p - plain));
		if (cut)
			put(f, z, plain + half, (size_t)(p - plain) - half);
	}
	memset(head, 0, sizeof(head));
	if (lz4)
		fwrite(head, 1, BC_LZ4_END_SIZE, f);
	fclose(f);
	bc_lz4_free(z);
}

static int make_some_index(bool flows, bool anew, struct bc_index_file_result *ret)
{
	struct bc_err err = { .msg = "" };
	int rc = bc_index_file(path, &(struct bc_index_file_config){ .flows = flows, .anew = anew, .memory = 8 << 20 }, ret, &err);

	assert_int_equal(rc == 0, err.msg[0] == 0);
	return rc;
}

static uint64_t file_bytes(void)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static int make_index(bool anew, struct bc_index_file_result *ret)
{
	return make_some_index(true, anew, ret);
}

/* Of the file's footer. */
static int find_footer(struct bc_index_footer *ret)
{
	uint8_t tail[BC_INDEX_TAIL];
	struct bc_err err;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, tail, sizeof(tail), (off_t)(file_bytes() - sizeof(tail))), sizeof(tail));
	close(fd);
	return bc_index_footer_find(tail, sizeof(tail), file_bytes(), ret, &err);
}

static void a_file_gets_an_index_once(void **state)
{
	for (int lz4 = 0; lz4 < 2; lz4++) {
		struct bc_index_file_result res;
		struct bc_index_footer f;
		struct bc_scan scan;
		uint64_t bytes;

		write_file(lz4, false);
		assert_int_equal(make_index(false, &res), 0);
		assert_true(!res.had && res.packets == PACKETS && res.skipped == 0);
		assert_int_equal(find_footer(&f), 0);
		assert_int_equal(f.packets, PACKETS);
		assert_int_equal(f.first_ns, 1000000000000000000);
		assert_int_equal(f.max_ns, 1000000000000000000 + (PACKETS - 1) * 1000000ULL);
		assert_int_equal(bc_verify(path, &scan, NULL), 0);
		assert_int_equal(scan.records, PACKETS);
		bytes = file_bytes();
		assert_int_equal(make_index(false, &res), 0);
		assert_true(res.had);
		/* Made anew, it takes the place of the old one. */
		assert_int_equal(make_index(true, &res), 0);
		assert_false(res.had);
		assert_int_equal(file_bytes(), bytes);
	}
}

/* Times alone are not what a search for flows needs. */
static void an_index_of_times_gets_flows(void **state)
{
	struct bc_index_file_result res;
	uint64_t bytes;

	for (int lz4 = 0; lz4 < 2; lz4++) {
		write_file(lz4, false);
		assert_int_equal(make_some_index(false, false, &res), 0);
		assert_false(res.had);
		bytes = res.index_bytes;
		assert_int_equal(make_some_index(false, false, &res), 0);
		assert_true(res.had);
		assert_int_equal(make_index(false, &res), 0);
		assert_true(!res.had && res.index_bytes > bytes);
		assert_int_equal(make_some_index(false, false, &res), 0);
		assert_true(res.had);
	}
}

static void what_cannot_be_read_at_its_blocks_is_left_alone(void **state)
{
	struct bc_index_file_result res;
	uint64_t bytes;

	write_file(true, true);
	bytes = file_bytes();
	assert_int_equal(make_index(false, &res), -ENOTSUP);
	assert_int_equal(file_bytes(), bytes);
}

static void a_file_that_ends_too_early_is_left_alone(void **state)
{
	struct bc_index_file_result res;

	for (int lz4 = 0; lz4 < 2; lz4++) {
		write_file(lz4, false);
		assert_int_equal(truncate(path, (off_t)file_bytes() - 9), 0);
		assert_int_equal(make_index(false, &res), -EBADMSG);
	}
}

/* As it was, and why is told. */
static void is_left_alone(int rc, const char *why)
{
	const uint64_t bytes = file_bytes();
	struct bc_index_file_result res;
	struct bc_err err = { .msg = "" };

	assert_int_equal(bc_index_file(path, &(struct bc_index_file_config){ .flows = true, .memory = 8 << 20 }, &res, &err), rc);
	if (!strstr(err.msg, why))
		fail_msg("%s", err.msg);
	assert_int_equal(file_bytes(), bytes);
}

static void change(off_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, bytes, len, at < 0 ? (off_t)file_bytes() : at), (ssize_t)len);
	close(fd);
}

/* A block of these 8 bytes, instead of what stands there. */
static void write_lz4_block(off_t at, const char *bytes)
{
	uint8_t block[16];

	bc_put_le32(block, 8);
	memcpy(block + 4, bytes, 8);
	bc_put_le32(block + 12, XXH32(bytes, 8, 0));
	change(at, block, sizeof(block));
}

/* Behind the frame's header is a block's length, and behind that the block. */
static void a_block_of_lz4_that_is_damaged_is_told(void **state)
{
	static const uint32_t lengths[] = { 0x7fffffff, 0x00ffffff, 0x000f0000 };
	uint8_t head[BC_LZ4_HEADER_MAX] = { 0 };
	const off_t at = (off_t)bc_lz4_header(head, 200000);

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_file(true, false);
		change(at, &lengths[i], 4);
		is_left_alone(-EBADMSG, lengths[i] > 4 << 20 ? "longer than may be" : "it is damaged");
	}
	write_file(true, false);
	/* More literals than there are, and the checksum of that. */
	write_lz4_block(at, "\xff\xff\xff\xff\xff\xff\xff\xff");
	is_left_alone(-EBADMSG, "cannot be decompressed");
}

/* The last byte before a packet's closing length: all can be decompressed and read. */
static void a_block_of_lz4_with_another_checksum_is_told(void **state)
{
	uint8_t head[BC_LZ4_HEADER_MAX] = { 0 }, bytes[4];
	off_t at = (off_t)bc_lz4_header(head, 200000);
	int fd;

	write_file(true, false);
	fd = open(path, O_RDWR | O_CLOEXEC);
	/* Behind the block of headers. */
	assert_int_equal(pread(fd, bytes, 4, at), 4);
	at += bc_get_le32(bytes) + BC_LZ4_BLOCK_OVERHEAD;
	assert_int_equal(pread(fd, bytes, 4, at), 4);
	at += 4 + (bc_get_le32(bytes) & 0x7fffffff) - 5;
	assert_int_equal(pread(fd, bytes, 1, at), 1);
	close(fd);
	bytes[0] ^= 1;
	change(at, bytes, 1);
	is_left_alone(-EBADMSG, "checksum");
}

static void more_behind_a_frame_is_told(void **state)
{
	write_file(true, false);
	change(-1, "more", 4);
	is_left_alone(-ENOTSUP, "more behind its frame");
}

static void what_is_no_pcapng_is_told(void **state)
{
	write_file(false, false);
	assert_int_equal(truncate(path, 11), 0);
	is_left_alone(-ENOTSUP, "no capture file");
	write_file(false, false);
	change(8, "\x1a\x2b\x3c\x4d", 4);
	is_left_alone(-ENOTSUP, "not pcapng");
	change(0, "\xd4\xc3\xb2\xa1", 4);
	is_left_alone(-ENOTSUP, "not pcapng");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	is_left_alone(-ENOTSUP, "no capture file");
	assert_int_equal(rmdir(path), 0);
	write_file(false, false);
}

/* The first packet's block says another length. */
static void a_block_that_ends_elsewhere_is_told(void **state)
{
	static const uint32_t lengths[] = { 0, 8, 11, 0xfffffff0, 0x01000000 };
	uint8_t head[4096];
	const off_t at = (off_t)header(head, sizeof(head)) + 4;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_file(false, false);
		change(at, &lengths[i], 4);
		is_left_alone(-EBADMSG, "it is damaged");
	}
}

static void a_file_is_named_from_where_we_are(void **state)
{
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bc_index_file_result res;

	write_file(false, false);
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(bc_index_file("a", &(struct bc_index_file_config){ .memory = 8 << 20 }, &res, NULL), 0);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_int_equal(res.packets, PACKETS);
}

/* One with the length before compression in its header, which the index makes longer. */
static void the_length_in_a_header_is_of_the_new_file(void **state)
{
	int from = -1, to = -1;
	struct bc_index_file_result res;
	struct bc_scan scan;
	uint8_t head[BC_LZ4_HEADER_MAX];
	char other[sizeof(path) + 4];

	write_file(false, false);
	snprintf(other, sizeof(other), "%s.b", path);
	from = open(path, O_RDONLY | O_CLOEXEC);
	to = open(other, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(bc_lz4hc(from, to, false, 3, NULL, NULL), 0);
	close(from);
	close(to);
	assert_int_equal(rename(other, path), 0);
	assert_int_equal(make_index(true, &res), 0);
	assert_int_equal(bc_verify(path, &scan, NULL), 0);
	assert_int_equal(scan.records, PACKETS);
	to = open(path, O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(to, head, sizeof(head), 0), sizeof(head));
	close(to);
	assert_true(bc_lz4_header_is_sized(head));
	assert_int_equal(bc_get64(head + 6, false), scan.kept_bytes);
}

static int set_up(void **state)
{
	scratch_folder(folder, "bc-index");
	snprintf(path, sizeof(path), "%s/a", folder);
	return 0;
}

static int tear_down(void **state)
{
	/* Nothing else is left in it. */
	return unlink(path) || rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_gets_an_index_once),
		cmocka_unit_test(an_index_of_times_gets_flows),
		cmocka_unit_test(what_cannot_be_read_at_its_blocks_is_left_alone),
		cmocka_unit_test(a_file_that_ends_too_early_is_left_alone),
		cmocka_unit_test(a_block_of_lz4_that_is_damaged_is_told),
		cmocka_unit_test(a_block_of_lz4_with_another_checksum_is_told),
		cmocka_unit_test(more_behind_a_frame_is_told),
		cmocka_unit_test(what_is_no_pcapng_is_told),
		cmocka_unit_test(a_block_that_ends_elsewhere_is_told),
		cmocka_unit_test(a_file_is_named_from_where_we_are),
		cmocka_unit_test(the_length_in_a_header_is_of_the_new_file),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
