/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_codec.h"
#include "bc_index.h"
#include "bc_index_file.h"
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
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
