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
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_breach.h"
#include "bc_sandbox.h"
#include "bc_thread.h"
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

static struct bc_sandbox only(const struct box *b, size_t n_write, char *path[1])
{
	path[0] = (char *)(uintptr_t)b->here;
	return (struct bc_sandbox){ .duty = BC_DUTY_SEARCH, .read = path, .n_read = 1, .write = path, .n_write = n_write };
}

static void files_named_are_read_and_no_others(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	s = only(&b, 0, path);
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
	s = only(&b, 0, path);
	expect(attempt(&s, BC_SANDBOX_FILES, read_link, &b), 0);
}

static void nothing_is_written_but_in_its_folder(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	s = only(&b, 0, path);
	expect(attempt(&s, BC_SANDBOX_FILES, write_inside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), EACCES);
	s.n_write = 1;
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), 0);
}

static int write_outside(const struct box *b)
{
	return opened(b->outside, O_WRONLY);
}

static int remove_outside(const struct box *b)
{
	return unlink(b->outside) < 0 ? errno : 0;
}

static int move_out(const struct box *b)
{
	char to[SCRATCH_MAX + 8];

	snprintf(to, sizeof(to), "%s/here", b->other);
	return rename(b->inside, to) < 0 ? EACCES : 0;
}

static void where_only_writing_is_restricted_all_is_read(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	path[0] = b.here;
	s = (struct bc_sandbox){ .duty = BC_DUTY_CAPTURE, .write = path, .n_write = 1 };
	expect(attempt(&s, BC_SANDBOX_FILES, read_outside, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, write_inside, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, write_outside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, remove_outside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, move_out, &b), EACCES);
}

static int make_a_device(const struct box *b)
{
	return mknod(b->made, S_IFBLK | 0600, makedev(7, 0)) < 0 ? errno : DONE;
}

static int make_a_folder(const struct box *b)
{
	return mkdir(b->made, 0700) < 0 ? errno : rmdir(b->made) < 0 ? errno : 0;
}

static int make_a_socket(const struct box *b)
{
	return mknod(b->made, S_IFSOCK | 0600, 0) < 0 ? errno : unlink(b->made) < 0 ? errno : 0;
}

/* One of a disk that is where anything may be written would be the whole disk. */
static void no_device_is_made(void **state)
{
	char *path[1];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	path[0] = b.here;
	s = (struct bc_sandbox){ .duty = BC_DUTY_PORTS, .write = path, .n_write = 1 };
	expect(attempt(&s, BC_SANDBOX_FILES, make_a_device, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, make_a_folder, &b), 0);
}

static void sockets_are_made_where_files_are_not(void **state)
{
	char *path[2];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	path[0] = b.other;
	path[1] = b.here;
	s = (struct bc_sandbox){ .duty = BC_DUTY_PORTS, .write = path, .n_write = 1, .socket = &path[1], .n_socket = 1 };
	expect(attempt(&s, BC_SANDBOX_FILES, make_a_socket, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, make_a_folder, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, write_inside, &b), EACCES);
}

static void devices_are_written_and_none_is_made(void **state)
{
	char *path[2];
	struct box b;
	struct bc_sandbox s;

	make_box(&b);
	path[0] = b.other;
	path[1] = b.here;
	s = (struct bc_sandbox){ .duty = BC_DUTY_PORTS, .write = path, .n_write = 1, .device = &path[1], .n_device = 1 };
	expect(attempt(&s, BC_SANDBOX_FILES, write_inside, &b), 0);
	expect(attempt(&s, BC_SANDBOX_FILES, make_inside, &b), EACCES);
	expect(attempt(&s, BC_SANDBOX_FILES, make_a_socket, &b), EACCES);
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
	s = only(&b, 0, path);
	for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
		expect(attempt(&s, BC_SANDBOX_CALLS, tries[i], &b), EPERM);
	expect(attempt(&s, BC_SANDBOX_CALLS, become_two, &b), EPERM);
	expect(attempt(&s, BC_SANDBOX_CALLS, type_into_the_terminal, &b), 0);
	expect(attempt(&s, BC_SANDBOX_CALLS, start_a_thread, &b), 0);
}

static int be_traced(const struct box *b)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : DONE;
}

static int mount_something(const struct box *b)
{
	return mount("none", b->here, "tmpfs", 0, NULL) < 0 ? errno : DONE;
}

static int read_others_memory(const struct box *b)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0) < 0 ? errno : DONE;
}

static int load_into_the_kernel(const struct box *b)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0 ? errno : DONE;
}

static int ask_for_a_key(const struct box *b)
{
	return syscall(SYS_keyctl, 0, -1, 0) < 0 ? errno : DONE;
}

static int handle_faults(const struct box *b)
{
	return syscall(SYS_userfaultfd, 0) < 0 ? errno : DONE;
}

static int become_another(const struct box *b)
{
	return syscall(SYS_setresuid, -1, -1, -1) < 0 ? errno : DONE;
}

static int leave_the_namespace(const struct box *b)
{
	return syscall(SYS_unshare, 0) < 0 ? errno : DONE;
}

static int (*const intruder[])(const struct box *b) = {
	run_a_program, signal_others, be_traced, mount_something, read_others_memory, load_into_the_kernel, ask_for_a_key, handle_faults,
	become_another, leave_the_namespace, make_code, become_two,
};

/* Whatever a process is there for, told of or not. */
static void no_duty_lets_an_intruder_in(void **state)
{
	struct box b;

	make_box(&b);
	for (int duty = 0; duty < BC_DUTIES; duty++)
		for (size_t i = 0; i < sizeof(intruder) / sizeof(intruder[0]); i++)
			for (int tell = 0; tell < 2; tell++) {
				const struct bc_sandbox s = { .duty = (enum bc_duty)duty, .tell = tell };

				expect(attempt(&s, BC_SANDBOX_CALLS, intruder[i], &b), EPERM);
			}
}

static int family(int of)
{
	int fd = socket(of, SOCK_DGRAM, 0);

	return fd < 0 ? errno : close(fd);
}

static int by_internet(const struct box *b)
{
	return family(AF_INET);
}

static int by_bluetooth(const struct box *b)
{
	return family(AF_BLUETOOTH);
}

static int by_crypto(const struct box *b)
{
	return family(AF_ALG);
}

static int by_packets(const struct box *b)
{
	return family(AF_PACKET) == EAFNOSUPPORT ? EAFNOSUPPORT : 0;
}

static void sockets_are_of_the_families_that_a_duty_needs(void **state)
{
	static const struct { enum bc_duty duty; int internet, packets; } is[] = {
		{ BC_DUTY_SEARCH, EPERM, 0 }, { BC_DUTY_TEND, EPERM, 0 }, { BC_DUTY_SIGN, EPERM, 0 }, { BC_DUTY_UPLOAD, 0, EAFNOSUPPORT }, { BC_DUTY_CONSOLE, 0, EAFNOSUPPORT },
		{ BC_DUTY_COLLECT, 0, EAFNOSUPPORT }, { BC_DUTY_RECEIVE, 0, EAFNOSUPPORT }, { BC_DUTY_KEEP, EPERM, 0 }, { BC_DUTY_LOOK, EPERM, 0 }, { BC_DUTY_CAPTURE, 0, 0 }, { BC_DUTY_PORTS, 0, 0 },
	};
	struct box b;

	make_box(&b);
	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		const struct bc_sandbox s = { .duty = is[i].duty };
		int other = is[i].internet ? EPERM : EAFNOSUPPORT;

		expect(attempt(&s, BC_SANDBOX_CALLS, by_internet, &b), is[i].internet);
		expect(attempt(&s, BC_SANDBOX_CALLS, by_packets, &b), is[i].packets);
		expect(attempt(&s, BC_SANDBOX_CALLS, by_bluetooth, &b), other);
		expect(attempt(&s, BC_SANDBOX_CALLS, by_crypto, &b), other);
	}
}

static bool removes_none(enum bc_duty duty)
{
	return duty == BC_DUTY_SIGN || duty == BC_DUTY_LOOK;
}

static void all_duties_can_still_read_and_start_threads(void **state)
{
	struct box b;

	make_box(&b);
	for (int duty = 0; duty < BC_DUTIES; duty++) {
		const struct bc_sandbox s = { .duty = (enum bc_duty)duty, .tell = true };

		expect(attempt(&s, BC_SANDBOX_CALLS, read_outside, &b), 0);
		expect(attempt(&s, BC_SANDBOX_CALLS, make_inside, &b), removes_none(s.duty) ? ENOSYS : 0);
		expect(attempt(&s, BC_SANDBOX_CALLS, start_a_thread, &b), 0);
	}
}

static char said[1024];

static void note(void *ctx, enum bc_level level, const char *line)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%d %s\n", level, line);
}

static void *try_more(void *arg)
{
	/* Of no kind that a kernel has. */
	return (void *)(intptr_t)(syscall(1000) < 0 && errno == ENOSYS ? 0 : DONE);
}

static bool told(const char *text)
{
	return strstr(said, text) != NULL;
}

static int breach_twice(const struct box *b)
{
	const struct bc_log log = { .emit = note };
	void *result = NULL;
	pthread_t t;

	bc_breach_tell(&log);
	if (said[0] || run_a_program(b) != EPERM || bc_thread_start(&t, "bc-test", try_more, NULL) || pthread_join(t, &result) || result)
		return DONE;
	bc_breach_tell(&log);
	if (!told("0 the sandbox refused the system call execve (1 times), which this program never makes") ||
	    !told("1 the sandbox refused the system call of a new kind (1 times)"))
		return DONE;
	said[0] = '\0';
	for (int i = 0; i < 8; i++)
		run_a_program(b);
	bc_breach_tell(&log);
	if (said[0])
		return DONE;
	run_a_program(b);
	bc_breach_tell(&log);
	return told("execve (10 times)") ? 0 : DONE;
}

static void what_is_refused_is_counted_and_told(void **state)
{
	const struct bc_sandbox s = { .duty = BC_DUTY_CAPTURE, .tell = true };
	struct box b;

	make_box(&b);
	expect(attempt(&s, BC_SANDBOX_CALLS, breach_twice, &b), 0);
}

/* Threads that were there before, too. */
static void *wait_for_the_sandbox(void *arg)
{
	int *pipes = arg;
	char c;

	(void)!read(pipes[0], &c, 1);
	return (void *)(intptr_t)(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? 0 : DONE);
}

static int enter_beside_a_thread(void)
{
	void *result = NULL;
	pthread_t t;
	int fd[2];

	if (pipe(fd) < 0 || pthread_create(&t, NULL, wait_for_the_sandbox, fd))
		return DONE;
	if (!(bc_sandbox_enter(&(struct bc_sandbox){ .duty = BC_DUTY_CAPTURE }) & BC_SANDBOX_CALLS))
		return LACKING;
	close(fd[1]);
	pthread_join(t, &result);
	return (int)(intptr_t)result;
}

static void threads_that_run_are_restricted_too(void **state)
{
	int status = 0;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(enter_beside_a_thread());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	expect(WEXITSTATUS(status), 0);
}

static int add_a_program(const struct box *b)
{
	return syscall(SYS_bpf, 0, NULL, 0) < 0 && errno == EPERM ? EPERM : 0;
}

/* The kernel's own refusal of the same name is another one: it has the right, as root. */
static void only_xdp_loads_programs(void **state)
{
	struct bc_sandbox s = { .duty = BC_DUTY_PORTS };
	struct box b;

	if (geteuid())
		BC_SKIP("needs root");
	make_box(&b);
	expect(attempt(&s, BC_SANDBOX_CALLS, add_a_program, &b), EPERM);
	s.xdp = true;
	expect(attempt(&s, BC_SANDBOX_CALLS, add_a_program, &b), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_named_are_read_and_no_others),
		cmocka_unit_test(links_to_files_elsewhere_are_followed),
		cmocka_unit_test(nothing_is_written_but_in_its_folder),
		cmocka_unit_test(where_only_writing_is_restricted_all_is_read),
		cmocka_unit_test(no_device_is_made),
		cmocka_unit_test(sockets_are_made_where_files_are_not),
		cmocka_unit_test(devices_are_written_and_none_is_made),
		cmocka_unit_test(calls_of_an_intruder_are_refused),
		cmocka_unit_test(no_duty_lets_an_intruder_in),
		cmocka_unit_test(sockets_are_of_the_families_that_a_duty_needs),
		cmocka_unit_test(all_duties_can_still_read_and_start_threads),
		cmocka_unit_test(what_is_refused_is_counted_and_told),
		cmocka_unit_test(threads_that_run_are_restricted_too),
		cmocka_unit_test(only_xdp_loads_programs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
