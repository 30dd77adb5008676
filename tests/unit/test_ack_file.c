/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_file.h"

static char path[64];
static int folder;

static int start(void **state)
{
	strcpy(path, "/tmp/bc-ack-XXXXXX");
	assert_non_null(mkdtemp(path));
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
	struct bc_ack_entry e = { .mark = { .node = "node", .epoch = 3, .next = next }, .client = "bts1" };
	const struct bc_ack_table t = { .centre = "centre", .entry = &e, .n = 1 };

	assert_int_equal(bc_ack_file_put(folder, series, &t), 0);
}

static uint64_t get(const char *series)
{
	struct bc_ack_table t;
	uint64_t next;

	assert_int_equal(bc_ack_file_read(folder, series, &t), 0);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.centre, "centre");
	next = t.entry[0].mark.next;
	free(t.entry);
	return next;
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
		T(each_series_has_its_own),
		T(without_a_file_nothing_is_known),
		T(a_file_that_is_damaged_is_told),
		T(what_cannot_be_written_leaves_the_old_one),
	};

	return cmocka_run_group_tests_name("ack_file", tests, NULL, NULL);
}
