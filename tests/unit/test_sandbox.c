/* SPDX-License-Identifier: BSD-3-Clause */
/* What a restricted process can and cannot do: each in a child, which says so by its exit status. */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_sandbox.h"
#include "scratch.h"

#define LACKING 100	/* the kernel has not what the test is about */
#define DONE 101	/* it was not refused */

struct box {
	char here[SCRATCH_MAX], other[SCRATCH_MAX];
	char inside[SCRATCH_MAX + 8], outside[SCRATCH_MAX + 8], made[SCRATCH_MAX + 8], link[SCRATCH_MAX + 8];
};

static void fill(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void make_box(struct box *b)
{
	scratch_folder(b->here, "bc-inside");
	scratch_folder(b->other, "bc-outside");
	snprintf(b->inside, sizeof(b->inside), "%s/file", b->here);
	snprintf(b->outside, sizeof(b->outside), "%s/file", b->other);
	snprintf(b->made, sizeof(b->made), "%s/made", b->here);
	snprintf(b->link, sizeof(b->link), "%s/link", b->here);
	fill(b->inside);
	fill(b->outside);
}

/* What try gives in a child that is restricted so: an errno, 0, or LACKING. */
static int attempt(const struct bc_sandbox *s, unsigned needs, int (*try)(const struct box *b), const struct box *b)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit((bc_sandbox_enter(s) & needs) != needs ? LACKING : try(b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void expect(int got, int want)
{
	if (got == LACKING)
		skip();
	assert_int_equal(got, want);
}

static int opened(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : close(fd);
}

static int read_inside(const struct box *b)
{
	return opened(b->inside, O_RDONLY);
}

static int read_outside(const struct box *b)
{
	return opened(b->outside, O_RDONLY);
}

static int read_link(const struct box *b)
{
	return opened(b->link, O_RDONLY);
}

static int write_inside(const struct box *b)
{
	return opened(b->inside, O_WRONLY);
}

static int make_inside(const struct box *b)
{
	int e = opened(b->made, O_WRONLY | O_CREAT);

	return e ? e : unlink(b->made) < 0 ? errno : 0;
}

static int read_what_the_library_reads(const struct box *b)
{
	return opened("/proc/self/status", O_RDONLY) + opened("/dev/null", O_RDWR) + opened("/usr/lib", O_RDONLY | O_DIRECTORY);
}

static struct bc_sandbox only(const struct box *b, const char *write, char *path[1])
{
	path[0] = (char *)(uintptr_t)b->here;
	return (struct bc_sandbox){ .read = path, .n_read = 1, .write = write };
}

static void files_named_are_read_and_no_others(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	s = only(&b, NULL, path);
	expect(attempt(&s, BC_SANDBOX_FILES, read_inside, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, read_outside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, read_what_the_library_reads, &b), 0);
}

static void links_to_files_elsewhere_are_followed(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	assert_int_equal(symlink(b.outside, b.link), 0);
	s = only(&b, NULL, path);
	expect(attempt(&s, BC_SANDBOX_FILES, read_link, &b), 0);
}

static void nothing_is_written_but_in_its_folder(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	s = only(&b, NULL, path);
	expect(attempt(&s, BC_SANDBOX_FILES, write_inside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), EACCES);
	s.write = b.here;
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), 0);
}

static int run_a_program(const struct box *b)
{
	execl("/bin/true", "true", NULL);
	return errno;
}

static int become_two(const struct box *b)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? EPERM : DONE;
}

static int talk(const struct box *b)
{
	return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : DONE;
}

static int signal_others(const struct box *b)
{
	return kill(getppid(), 0) < 0 ? errno : DONE;
}

static int make_code(const struct box *b)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno : DONE;
}

static int type_into_the_terminal(const struct box *b)
{
	return ioctl(STDIN_FILENO, TIOCSTI, "x") < 0 && errno == ENOSYS ? 0 : DONE;
}

static void *nothing(void *arg)
{
	return arg;
}

static int start_a_thread(const struct box *b)
{
	pthread_t thread;
	int e = pthread_create(&thread, NULL, nothing, NULL);

	return e ? e : pthread_join(thread, NULL);
}

static void calls_of_an_intruder_are_refused(void **state)
{
	static int (*const tries[])(const struct box *b) = { run_a_program, talk, signal_others, make_code };
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	s = only(&b, NULL, path);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		expect(attempt(&s, BC_SANDBOX_CALLS, tries[i], &b), EPERM);
	expect(attempt(&s, BC_SANDBOX_CALLS, become_two, &b), EPERM);
	expect(attempt(&s, BC_SANDBOX_CALLS, type_into_the_terminal, &b), 0);
	expect(attempt(&s, BC_SANDBOX_CALLS, start_a_thread, &b), 0);
}

static int talk_by_network(const struct box *b)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	return fd < 0 ? errno : close(fd);
}

static void who_talks_to_others_can_still_run_nothing(void **state)
{
	const struct bc_sandbox s = { .net = true };
	struct box b;

	make_box(&b);
	expect(attempt(&s, BC_SANDBOX_CALLS, talk_by_network, &b), 0);
	expect(attempt(&s, BC_SANDBOX_CALLS, run_a_program, &b), EPERM);
	expect(attempt(&s, BC_SANDBOX_CALLS, read_outside, &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_named_are_read_and_no_others),
		cmocka_unit_test(links_to_files_elsewhere_are_followed),
		cmocka_unit_test(nothing_is_written_but_in_its_folder),
		cmocka_unit_test(calls_of_an_intruder_are_refused),
		cmocka_unit_test(who_talks_to_others_can_still_run_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
