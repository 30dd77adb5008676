/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_spawn.h"

/* What a command wrote, and its exit status. */
static int output_of(const char *command, int in_fd, char *out, size_t size)
{
	char *const argv[] = { "sh", "-c", (char *)command, "name", "argument", NULL };
	char *const env[] = { "GREETING=hello", NULL };
	int fd[2], status;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(bc_spawn_shell(argv, env, in_fd, fd[1], &pid), 0);
	close(fd[1]);
	while ((got = read(fd[0], out + n, size - 1 - n)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	close(fd[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WEXITSTATUS(status);
}

static void arguments_and_environment_are_passed(void **state)
{
	char out[64];

	assert_int_equal(output_of("echo $1 $GREETING; exit 7", -1, out, sizeof(out)), 7);
	assert_string_equal(out, "argument hello\n");
}

static void its_input_is_the_descriptor(void **state)
{
	char out[64];
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(write(fd[1], "text", 4), 4);
	close(fd[1]);
	assert_int_equal(output_of("cat", fd[0], out, sizeof(out)), 0);
	close(fd[0]);
	assert_string_equal(out, "text");
}

static void without_input_it_reads_nothing(void **state)
{
	char out[64];

	assert_int_equal(output_of("cat", -1, out, sizeof(out)), 0);
	assert_string_equal(out, "");
}

static void no_other_descriptor_is_passed_on(void **state)
{
	char out[64], command[64];
	int fd = dup(STDERR_FILENO);

	snprintf(command, sizeof(command), "test -e /proc/self/fd/%d", fd);
	assert_int_equal(output_of(command, -1, out, sizeof(out)), 1);
	close(fd);
}

static void no_signal_is_blocked_or_ignored(void **state)
{
	unsigned long long blocked = 1, ignored = 1;
	sigset_t all, old;
	char out[256];

	sigfillset(&all);
	signal(SIGPIPE, SIG_IGN);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	output_of("grep -E 'Sig(Blk|Ign)' /proc/self/status", -1, out, sizeof(out));
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(sscanf(out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored), 2);
	assert_int_equal(blocked, 0);
	/* 32 and 33 are glibc's own. */
	assert_int_equal(ignored & ~(3ULL << 31), 0);
}

static void it_leads_a_group_of_its_own(void **state)
{
	char out[256];
	int pid = 0, group = 1;

	output_of("cut -d' ' -f1,5 /proc/$$/stat", -1, out, sizeof(out));
	assert_int_equal(sscanf(out, "%d %d", &pid, &group), 2);
	assert_int_equal(pid, group);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(arguments_and_environment_are_passed),
		cmocka_unit_test(its_input_is_the_descriptor),
		cmocka_unit_test(without_input_it_reads_nothing),
		cmocka_unit_test(no_other_descriptor_is_passed_on),
		cmocka_unit_test(no_signal_is_blocked_or_ignored),
		cmocka_unit_test(it_leads_a_group_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
