/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_runtime.h"
#include "scratch.h"

static char root[SCRATCH_MAX], path[256];

static const char *below(const char *name)
{
	snprintf(path, sizeof(path), "%s/dpdk/%s", root, name);
	return path;
}

static bool exists(const char *name)
{
	struct stat st;

	return lstat(below(name), &st) == 0;
}

static void make(const char *name)
{
	int fd = open(below(name), O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static int set_up(void **state)
{
	scratch_folder(root, "bc-runtime");
	return setenv("RUNTIME_DIRECTORY", root, 1);
}

static int tear_down(void **state)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	return system(command);
}

/* A process that has claimed prefix. */
static pid_t claimed_by_another(const char *prefix)
{
	struct bc_runtime r;
	char c = 0;
	int done[2];
	pid_t pid;

	assert_int_equal(pipe(done), 0);
	pid = fork();
	if (pid == 0) {
		c = bc_runtime_claim(prefix, &r, NULL) == 0;
		if (write(done[1], &c, 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(done[0], &c, 1), 1);
	assert_int_equal(c, 1);
	close(done[0]);
	close(done[1]);
	return pid;
}

static void killed(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_released_prefix_leaves_nothing(void **state)
{
	struct bc_runtime r;

	assert_int_equal(bc_runtime_claim("a", &r, NULL), 0);
	make("a/dpdk_telemetry.v2");
	bc_runtime_release(&r);
	assert_false(exists("a"));
}

static void a_prefix_in_use_is_busy(void **state)
{
	pid_t pid = claimed_by_another("a");
	struct bc_runtime r;
	struct bc_err err;

	assert_int_equal(bc_runtime_claim("a", &r, &err), -EBUSY);
	killed(pid);
	assert_int_equal(bc_runtime_claim("a", &r, &err), 0);
	bc_runtime_release(&r);
}

/* As DPDK's programs lock a part of their configuration. */
static void a_prefix_of_a_dpdk_program_is_busy(void **state)
{
	struct flock part = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 100, .l_len = 8 };
	struct bc_runtime r;
	struct bc_err err;
	int status, fd;

	mkdir(below(""), 0700);
	mkdir(below("a"), 0700);
	fd = open(below("a/config"), O_RDWR | O_CREAT, 0600);
	assert_int_equal(fcntl(fd, F_SETLK, &part), 0);
	if (fork() == 0)
		_exit(bc_runtime_claim("a", &r, &err) == -EBUSY ? 7 : 0);
	wait(&status);
	assert_int_equal(WEXITSTATUS(status), 7);
	close(fd);
}

static void the_remains_of_the_dead_are_removed(void **state)
{
	killed(claimed_by_another("own-name"));
	make("own-name/dpdk_telemetry.v2");
	mkdir(below("braidcap-77"), 0700);
	make("braidcap-77/config");
	make("braidcap-77/fbarray_memzone");
	bc_runtime_clean();
	assert_false(exists("own-name"));
	assert_false(exists("braidcap-77"));
}

/* A capture that has given up its rights cannot remove its folder; but a new one may be about to be used. */
static void an_old_empty_folder_is_removed(void **state)
{
	static const struct timespec long_ago[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	int parent;

	mkdir(below(""), 0700);
	mkdir(below("old"), 0700);
	mkdir(below("new"), 0700);
	mkdir(below("others"), 0700);
	if (geteuid() == 0)
		assert_int_equal(chown(below("old"), 12345, 12345), 0);
	parent = open(below(""), O_RDONLY | O_DIRECTORY);
	assert_int_equal(utimensat(parent, "old", long_ago, 0), 0);
	make("others/dpdk_telemetry.v2");
	assert_int_equal(utimensat(parent, "others", long_ago, 0), 0);
	close(parent);
	bc_runtime_clean();
	assert_false(exists("old"));
	assert_true(exists("new"));
	assert_true(exists("others"));
}

static void what_is_alive_stays(void **state)
{
	pid_t pid = claimed_by_another("braidcap");

	make("braidcap/dpdk_telemetry.v2");
	bc_runtime_clean();
	assert_true(exists("braidcap/dpdk_telemetry.v2"));
	killed(pid);
}

static void what_is_not_ours_stays(void **state)
{
	mkdir(below(""), 0700);
	mkdir(below("testpmd"), 0700);
	make("testpmd/config");
	make("testpmd/fbarray_memzone");
	mkdir(below("shares-nothing"), 0700);
	make("shares-nothing/dpdk_telemetry.v2");
	bc_runtime_clean();
	assert_true(exists("testpmd/fbarray_memzone"));
	assert_true(exists("shares-nothing/dpdk_telemetry.v2"));
}

/* It may be alive: DPDK's own sockets are numbered then. */
static void a_claim_leaves_the_socket_of_a_program_without_a_lock(void **state)
{
	struct bc_runtime r;

	mkdir(below(""), 0700);
	mkdir(below("a"), 0700);
	make("a/dpdk_telemetry.v2");
	assert_int_equal(bc_runtime_claim("a", &r, NULL), 0);
	assert_true(exists("a/dpdk_telemetry.v2"));
	bc_runtime_release(&r);
}

static void a_folder_that_others_may_change_is_not_trusted(void **state)
{
	char folder[BC_RUNTIME_PATH_MAX];
	struct bc_runtime r;
	struct bc_err err;

	mkdir(below(""), 0700);
	assert_int_equal(chmod(below(""), 0777), 0);
	assert_int_equal(bc_runtime_folder(folder, sizeof(folder), &err), -EPERM);
	assert_int_equal(bc_runtime_claim("a", &r, &err), -EPERM);
}

static void a_folder_of_another_user_is_not_trusted(void **state)
{
	struct bc_runtime r;
	int status;

	if (geteuid())
		BC_SKIP("needs root");
	assert_int_equal(chmod(root, 0755), 0);
	mkdir(below(""), 0755);
	assert_int_equal(chown(below(""), 12345, 12345), 0);
	if (fork() == 0) {
		if (setuid(65534))
			_exit(0);
		_exit(bc_runtime_claim("a", &r, NULL) == -EPERM ? 7 : 0);
	}
	wait(&status);
	assert_int_equal(WEXITSTATUS(status), 7);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_released_prefix_leaves_nothing),
		T(a_prefix_in_use_is_busy),
		T(a_prefix_of_a_dpdk_program_is_busy),
		T(the_remains_of_the_dead_are_removed),
		T(an_old_empty_folder_is_removed),
		T(what_is_alive_stays),
		T(what_is_not_ours_stays),
		T(a_claim_leaves_the_socket_of_a_program_without_a_lock),
		T(a_folder_that_others_may_change_is_not_trusted),
		T(a_folder_of_another_user_is_not_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
