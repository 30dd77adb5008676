/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_file.h"
#include "scratch.h"

static char path[SCRATCH_MAX];
static int folder;

static int start(void **state)
{
	scratch_folder(path, "bc-ack");
	folder = open(path, O_RDONLY | O_DIRECTORY);
	return 0;
}

static int over(void **state)
{
	unlinkat(folder, ".acknowledged", 0);
	unlinkat(folder, ".acknowledged~bts1", 0);
	close(folder);
	return rmdir(path);
}

static void put(const char *series, uint64_t next)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 3, .next = next };
	struct bc_ack_table t = { .collector = "collector" };

	bc_ack_known_add(bc_ack_set_use(&bc_ack_table_client(&t, "bts1", 4)->set, &m), next + 10, next + 20);
	assert_int_equal(bc_ack_file_put(folder, series, &t), 0);
	bc_ack_table_fini(&t);
}

static uint64_t get(const char *series)
{
	const struct bc_ack_known *k;
	struct bc_ack_table t;
	uint64_t next;

	assert_int_equal(bc_ack_file_read(folder, series, &t), 0);
	assert_int_equal(t.n, 1);
	assert_string_equal((const char *)t.collector, "collector");
	assert_string_equal(t.client[0].name, "bts1");
	k = &t.client[0].set.epoch[0];
	assert_int_equal(k->mark.epoch, 3);
	assert_int_equal(k->n, 1);
	next = k->mark.next;
	assert_true(k->range[0].from == next + 10 && k->range[0].to == next + 20);
	bc_ack_table_fini(&t);
	return next;
}

/* As earlier releases wrote it: all numbers below the one in the block. */
static void a_file_of_version_1_is_read(void **state)
{
	const struct bc_ack_entry e[] = {
		{ .mark = { .node = "node", .epoch = 4, .next = 7 }, .stored = 5, .client = "bts1" },
		{ .mark = { .node = "node", .epoch = 3, .next = 9 }, .stored = 9, .client = "bts1" },
	};
	struct bc_ack_table t;
	uint8_t block[512];

	assert_int_equal(bc_ack_file_write(folder, NULL, block, bc_ack_block_put(block, (const uint8_t *)"a collector's id", e, 2)), 0);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), 0);
	assert_int_equal(t.client[0].set.n, 2);
	assert_int_equal(t.client[0].set.epoch[0].mark.epoch, 4);
	assert_int_equal(t.client[0].set.epoch[0].mark.next, 7);
	assert_int_equal(t.client[0].set.epoch[0].n, 0);
	bc_ack_table_fini(&t);
}

static void the_newest_is_read(void **state)
{
	put(NULL, 1);
	put(NULL, 2);
	assert_int_equal(get(NULL), 2);
	assert_int_equal(faccessat(folder, ".acknowledged.new", F_OK, 0), -1);
}

static void each_series_has_its_own(void **state)
{
	put(NULL, 1);
	put("bts1", 2);
	assert_int_equal(get(NULL), 1);
	assert_int_equal(get("bts1"), 2);
}

static void without_a_file_nothing_is_known(void **state)
{
	struct bc_ack_table t;

	assert_int_equal(bc_ack_file_read(folder, NULL, &t), -ENOENT);
}

static void a_file_that_is_damaged_is_told(void **state)
{
	struct bc_ack_table t;
	char name[96];

	put(NULL, 1);
	snprintf(name, sizeof(name), "%s/.acknowledged", path);
	assert_int_equal(truncate(name, 100), 0);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), -EBADMSG);
	assert_int_equal(truncate(name, 0), 0);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), -EBADMSG);
	unlink(name);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), -EBADMSG);
	rmdir(name);
	assert_int_equal(symlink("/etc/passwd", name), 0);
	assert_int_equal(bc_ack_file_read(folder, NULL, &t), -EBADMSG);
}

static void what_cannot_be_written_leaves_the_old_one(void **state)
{
	const uint8_t byte = 0;
	int fd;

	put(NULL, 1);
	assert_int_equal(mkdirat(folder, ".acknowledged.new", 0700), 0);
	assert_true(bc_ack_file_write(folder, NULL, &byte, 1) < 0);
	assert_int_equal(unlinkat(folder, ".acknowledged.new", AT_REMOVEDIR), 0);
	assert_int_equal(get(NULL), 1);
	fd = open("/", O_RDONLY);
	close(fd);
	assert_int_equal(bc_ack_file_write(fd, NULL, &byte, 1), -EBADF);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(the_newest_is_read),
		T(a_file_of_version_1_is_read),
		T(each_series_has_its_own),
		T(without_a_file_nothing_is_known),
		T(a_file_that_is_damaged_is_told),
		T(what_cannot_be_written_leaves_the_old_one),
	};

	return cmocka_run_group_tests_name("ack_file", tests, NULL, NULL);
}
