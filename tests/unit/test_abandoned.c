/* SPDX-License-Identifier: BSD-3-Clause */
/* Which files of a folder are left of captures that were killed. */
#include "store_fixture.h"

#include <sys/file.h>

#include "bc_abandoned.h"

static uint32_t all(struct fixture *f)
{
	return bc_abandoned_count(f->dir, NULL);
}

static void what_a_dead_writer_left_is_counted(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "tmp-9-00000001.pcapng"), "x");
	put_file(in_dir(f, "tmp-4711-00000002-1.pcapng.lz4.age"), "x");
	put_file(in_dir(f, "tmp-9-my.trace"), "x");
	assert_int_equal(all(f), 3);
}

static void other_names_are_not(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, STAMP "-00000001.pcapng"), "x");
	put_file(in_dir(f, "tmp-x-00000001.pcapng"), "x");
	put_file(in_dir(f, "tmp-"), "x");
	assert_int_equal(all(f), 0);
}

static void an_empty_one_may_be_somebodys_in_a_moment(void **state)
{
	put_file(in_dir(*state, "tmp-9-00000001.pcapng"), "");
	assert_int_equal(all(*state), 0);
}

static void what_is_locked_has_its_writer(void **state)
{
	struct fixture *f = *state;
	int fd;

	put_file(in_dir(f, "tmp-9-00000001.pcapng"), "x");
	fd = open(in_dir(f, "tmp-9-00000001.pcapng"), O_WRONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(all(f), 0);
	close(fd);
	assert_int_equal(all(f), 1);
}

/* It is published, but for the removal of this name. */
static void what_has_a_second_name_is_not_left(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "tmp-9-00000001.pcapng"), "x");
	assert_int_equal(link(in_dir(f, "tmp-9-00000001.pcapng"), in_dir(f, STAMP "-00000001.pcapng")), 0);
	assert_int_equal(all(f), 0);
}

static void only_files_are(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "file"), "x");
	assert_int_equal(symlink("file", in_dir(f, "tmp-9-00000001.pcapng")), 0);
	assert_int_equal(mkfifo(in_dir(f, "tmp-9-00000002.pcapng"), 0600), 0);
	assert_int_equal(mkdir(in_dir(f, "tmp-9-00000003.pcapng"), 0700), 0);
	assert_int_equal(all(f), 0);
}

static void an_output_has_its_own(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "tmp-9-out.pcapng"), "x");
	put_file(in_dir(f, "tmp-123-out.pcapng"), "x");
	put_file(in_dir(f, "tmp-9-other.pcapng"), "x");
	put_file(in_dir(f, "tmp-9-00000001.pcapng"), "x");
	assert_int_equal(bc_abandoned_count(f->dir, "out.pcapng"), 2);
	assert_int_equal(bc_abandoned_count(f->dir, "other.pcapng"), 1);
	assert_int_equal(bc_abandoned_count(f->dir, "pcapng"), 0);
	assert_int_equal(all(f), 4);
}

static void a_folder_that_is_not_there_has_none(void **state)
{
	assert_int_equal(bc_abandoned_count(in_dir(*state, "nowhere"), NULL), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_a_dead_writer_left_is_counted),
		IN_FOLDER(other_names_are_not),
		IN_FOLDER(an_empty_one_may_be_somebodys_in_a_moment),
		IN_FOLDER(what_is_locked_has_its_writer),
		IN_FOLDER(what_has_a_second_name_is_not_left),
		IN_FOLDER(only_files_are),
		IN_FOLDER(an_output_has_its_own),
		IN_FOLDER(a_folder_that_is_not_there_has_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
