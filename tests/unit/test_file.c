/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_file.h"
#include "scratch.h"

struct folder {
	char path[SCRATCH_MAX];
	int fd;
};

/* What another process does before a lock is asked for. */
static void (*before_flock)(void);
static int publishing;

int flock(int fd, int operation)
{
	if (before_flock)
		before_flock();
	return (int)syscall(SYS_flock, fd, operation);
}

static int setup(void **state)
{
	struct folder *f = calloc(1, sizeof(*f));

	scratch_folder(f->path, "bc-file");
	f->fd = open(f->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	*state = f;
	return f->fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	struct folder *f = *state;

	close(f->fd);
	free(f);
	return 0;
}

static int create(const struct folder *f, const char *name)
{
	int fd = openat(f->fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static bool exists(const struct folder *f, const char *name)
{
	return faccessat(f->fd, name, F_OK, 0) == 0;
}

static void all_is_written(void **state)
{
	int fd = create(*state, "a");
	char got[8] = "";

	assert_int_equal(bc_write_all(fd, "abcde", 5), 0);
	assert_int_equal(pread(fd, got, sizeof(got), 0), 5);
	assert_string_equal(got, "abcde");
	close(fd);
}

static void nothing_to_write_is_no_call(void **state)
{
	assert_int_equal(bc_write_all(-1, NULL, 0), 0);
}

/* The kernel takes what fits and says why not the rest only when it is asked again. */
static void a_short_write_goes_on(void **state)
{
	struct rlimit old, few = { .rlim_cur = 3 };
	int fd = create(*state, "a");
	struct stat st;
	int r;

	getrlimit(RLIMIT_FSIZE, &old);
	few.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &few);
	r = bc_write_all(fd, "abcde", 5);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, 3);
	close(fd);
}

static void a_file_gets_its_name(void **state)
{
	const struct folder *f = *state;

	close(create(f, "a"));
	assert_int_equal(bc_rename_noreplace(f->fd, "a", f->fd, "b"), 0);
	assert_false(exists(f, "a"));
	assert_true(exists(f, "b"));
}

static void a_name_is_not_taken_from_another(void **state)
{
	const struct folder *f = *state;
	int other = create(f, "b");

	close(create(f, "a"));
	assert_int_equal(bc_write_all(other, "x", 1), 0);
	assert_int_equal(bc_rename_noreplace(f->fd, "a", f->fd, "b"), -EEXIST);
	assert_true(exists(f, "a"));
	assert_int_equal(lseek(other, 0, SEEK_END), 1);
	close(other);
}

static void what_is_not_there_has_no_name(void **state)
{
	const struct folder *f = *state;

	assert_int_equal(bc_rename_noreplace(f->fd, "a", f->fd, "b"), -ENOENT);
}

static void what_a_crash_left_behind_is_emptied(void **state)
{
	const struct folder *f = *state;
	int fd = create(f, "a");

	assert_int_equal(bc_write_all(fd, "old", 3), 0);
	close(fd);
	fd = bc_open_temporary(f->fd, "a");
	assert_true(fd >= 0);
	assert_int_equal(lseek(fd, 0, SEEK_END), 0);
	close(fd);
}

static void what_another_writes_is_left_alone(void **state)
{
	const struct folder *f = *state;
	int fd = bc_open_temporary(f->fd, "a");

	assert_int_equal(bc_write_all(fd, "new", 3), 0);
	assert_int_equal(bc_open_temporary(f->fd, "a"), -EBUSY);
	assert_int_equal(lseek(fd, 0, SEEK_END), 3);
	close(fd);
}

static void publish(void)
{
	assert_int_equal(renameat(publishing, "a", publishing, "b"), 0);
	close(openat(publishing, "a", O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static off_t size_of(const struct folder *f, const char *name)
{
	struct stat st;

	assert_int_equal(fstatat(f->fd, name, &st, 0), 0);
	return st.st_size;
}

static void what_has_its_final_name_by_now_is_left_alone(void **state)
{
	const struct folder *f = *state;
	int fd = create(f, "a");

	assert_int_equal(bc_write_all(fd, "new", 3), 0);
	close(fd);
	publishing = f->fd;
	before_flock = publish;
	assert_int_equal(bc_open_temporary(f->fd, "a"), -EBUSY);
	before_flock = NULL;
	assert_int_equal(size_of(f, "b"), 3);
}

static void what_also_has_its_final_name_is_left_alone(void **state)
{
	const struct folder *f = *state;
	int fd = create(f, "a");

	assert_int_equal(bc_write_all(fd, "new", 3), 0);
	close(fd);
	assert_int_equal(linkat(f->fd, "a", f->fd, "b", 0), 0);
	fd = bc_open_temporary(f->fd, "a");
	assert_true(fd >= 0);
	assert_int_equal(bc_write_all(fd, "1", 1), 0);
	close(fd);
	assert_int_equal(size_of(f, "a"), 1);
	assert_int_equal(size_of(f, "b"), 3);
}

static void what_another_user_put_there_is_not_written(void **state)
{
	const struct folder *f = *state;
	struct stat st;
	int fd;

	if (geteuid() != 0) {
		print_message("SKIP: only root can give files away\n");
		skip();
	}
	fd = create(f, "a");
	assert_int_equal(fchown(fd, 1, 1), 0);
	close(fd);
	fd = bc_open_temporary(f->fd, "a");
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_uid, 0);
	close(fd);
}

/* As where root's files are nobody's, or all are one user's: by the server of a network, or a file system without owners. */
static void what_we_made_is_ours_whoever_owns_it(void **state)
{
	const struct folder *f = *state;
	int fd;

	if (geteuid() != 0) {
		print_message("SKIP: only root can make files of another user\n");
		skip();
	}
	assert_int_equal(fchmod(f->fd, 0777), 0);
	setfsuid(1);
	fd = bc_open_temporary(f->fd, "a");
	setfsuid(0);
	assert_true(fd >= 0);
	close(fd);
}

static void a_link_is_not_followed(void **state)
{
	const struct folder *f = *state;

	assert_int_equal(symlinkat("b", f->fd, "a"), 0);
	assert_int_equal(bc_open_temporary(f->fd, "a"), -ELOOP);
	assert_false(exists(f, "b"));
}

#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(all_is_written),
		T(nothing_to_write_is_no_call),
		T(a_short_write_goes_on),
		T(a_file_gets_its_name),
		T(a_name_is_not_taken_from_another),
		T(what_is_not_there_has_no_name),
		T(what_a_crash_left_behind_is_emptied),
		T(what_another_writes_is_left_alone),
		T(what_has_its_final_name_by_now_is_left_alone),
		T(what_also_has_its_final_name_is_left_alone),
		T(what_another_user_put_there_is_not_written),
		T(what_we_made_is_ours_whoever_owns_it),
		T(a_link_is_not_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
