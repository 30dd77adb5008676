/* SPDX-License-Identifier: BSD-3-Clause */
/* A process apart, and the one of them that starts commands. */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_apart.h"
#include "bc_spawner.h"

#define WAIT_MS 20000

/* Answers what it was asked, descriptors and all. */
static void echo(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	*answer = *request;
	request->n_fds = 0;
}

static struct bc_apart *apart(void (*serve)(void *, struct bc_apart_message *, struct bc_apart_message *))
{
	struct bc_apart *a = NULL;

	assert_int_equal(bc_apart_new(&(struct bc_apart_config){ .name = "bc-test", .serve = serve }, &a, NULL), 0);
	return a;
}

static struct bc_apart_message text(const char *s)
{
	struct bc_apart_message m = { .len = strlen(s) + 1 };

	memcpy(m.data, s, m.len);
	return m;
}

static void a_request_is_answered(void **state)
{
	struct bc_apart_message m = text("hello"), got;
	struct bc_apart *a = apart(echo);

	assert_int_equal(bc_apart_ask(a, &m, &got), 0);
	assert_string_equal((char *)got.data, "hello");
	assert_int_equal(got.n_fds, 0);
	bc_apart_free(a);
}

static void descriptors_go_both_ways(void **state)
{
	struct bc_apart_message m = text("fd"), got;
	struct bc_apart *a = apart(echo);
	char c = 0;
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	m.fd[m.n_fds++] = fd[1];
	assert_int_equal(bc_apart_ask(a, &m, &got), 0);
	assert_int_equal(got.n_fds, 1);
	close(fd[1]);
	assert_int_equal(write(got.fd[0], "x", 1), 1);
	close(got.fd[0]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	assert_int_equal(c, 'x');
	/* It has kept none: the pipe has no writer. */
	assert_int_equal(read(fd[0], &c, 1), 0);
	close(fd[0]);
	bc_apart_free(a);
}

static void count_descriptors(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	answer->len = 1;
	for (int fd = 3; fd < 256; fd++)
		answer->data[0] += fcntl(fd, F_GETFD) >= 0;
}

static void it_holds_no_descriptor_of_the_program(void **state)
{
	int fd = open("/dev/null", O_RDONLY);	/* not closed on exec */
	struct bc_apart *a = apart(count_descriptors);
	struct bc_apart_message m = text(""), got;

	assert_int_equal(bc_apart_ask(a, &m, &got), 0);
	assert_int_equal(got.data[0], 1);	/* its socket */
	close(fd);
	bc_apart_free(a);
}

static int take_no_more(void *ctx, struct bc_err *err)
{
	const struct rlimit none = { .rlim_cur = 4, .rlim_max = 4 };	/* what it has */

	return setrlimit(RLIMIT_NOFILE, &none);
}

static void a_request_whose_descriptors_find_no_room_is_answered(void **state)
{
	struct bc_apart_message m = text("fd"), got;
	struct bc_apart *a = NULL;

	assert_int_equal(bc_apart_new(&(struct bc_apart_config){ .name = "bc-test", .begin = take_no_more, .serve = echo }, &a, NULL), 0);
	m.fd[m.n_fds++] = STDERR_FILENO;
	assert_int_equal(bc_apart_ask(a, &m, &got), 0);
	assert_string_equal((char *)got.data, "fd");
	assert_int_equal(got.n_fds, 0);
	bc_apart_free(a);
}

static void a_descriptor_that_finds_no_room_here_is_an_error(void **state)
{
	struct bc_apart *a = apart(echo);
	struct rlimit most, few;
	char answer[] = "..";
	int fd = STDERR_FILENO, r;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
	few = (struct rlimit){ .rlim_cur = STDERR_FILENO + 1, .rlim_max = most.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	r = bc_apart_call(a, "fd", 3, answer, 3, &fd);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
	assert_int_equal(r, -EMFILE);
	assert_string_equal(answer, "fd");
	assert_int_equal(fd, -1);
	bc_apart_free(a);
}

static int refuse(void *ctx, struct bc_err *err)
{
	return bc_err_set(err, -EPERM, "not here");
}

static void what_its_begin_says_is_passed_on(void **state)
{
	struct bc_apart *a = NULL;
	struct bc_err err;

	assert_int_equal(bc_apart_new(&(struct bc_apart_config){ .name = "bc-test", .begin = refuse, .serve = echo }, &a, &err), -EPERM);
	assert_string_equal(err.msg, "not here");
	assert_null(a);
}

static void one_that_has_ended_answers_nothing(void **state)
{
	struct bc_apart_message m = text("x"), got;
	struct bc_apart *a = apart(echo);

	assert_false(bc_apart_has_ended(a));
	kill(bc_apart_pid(a), SIGKILL);
	assert_int_equal(bc_apart_ask(a, &m, &got), -EPIPE);
	for (int i = 0; i < WAIT_MS && !bc_apart_has_ended(a); i++)
		usleep(1000);
	assert_true(bc_apart_has_ended(a));
	bc_apart_free(a);
}

static void one_that_is_stopped_is_not_waited_for(void **state)
{
	struct bc_apart *a = apart(echo);
	pid_t pid = bc_apart_pid(a);
	int status;

	kill(pid, SIGSTOP);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_true(WIFSTOPPED(status));
	bc_apart_free(a);
	kill(pid, SIGCONT);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
}

/* In the process apart: its child, and how many have ended. */
static struct { pid_t pid; uint32_t ended; } of_apart;

static int have_a_child(void *ctx, struct bc_err *err)
{
	of_apart.pid = fork();
	if (of_apart.pid)
		return of_apart.pid < 0 ? -errno : 0;
	for (;;)
		pause();
}

static void count_ended(void *ctx)
{
	of_apart.ended++;
}

static void tell_of_child(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	answer->len = sizeof(of_apart);
	memcpy(answer->data, &of_apart, sizeof(of_apart));
}

static char state_of(pid_t pid)
{
	char path[64], text[512] = "";
	const char *end;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	end = strrchr(text, ')');
	assert_non_null(end);
	return end[2];
}

static void a_child_that_is_stopped_has_not_ended(void **state)
{
	const struct bc_apart_config cfg = { .name = "bc-test", .begin = have_a_child, .serve = tell_of_child, .child_ended = count_ended };
	struct bc_apart *a = NULL;

	assert_int_equal(bc_apart_new(&cfg, &a, NULL), 0);
	assert_int_equal(bc_apart_call(a, "", 1, &of_apart, sizeof(of_apart), NULL), 0);
	kill(of_apart.pid, SIGSTOP);
	for (int i = 0; i < WAIT_MS && state_of(of_apart.pid) != 'T'; i++)
		usleep(1000);
	kill(of_apart.pid, SIGCONT);
	for (int i = 0; i < 2; i++)
		assert_int_equal(bc_apart_call(a, "", 1, &of_apart, sizeof(of_apart), NULL), 0);
	kill(of_apart.pid, SIGKILL);
	assert_int_equal(of_apart.ended, 0);
	bc_apart_free(a);
}

/* What was told, and how often. */
static void listen_to(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	static uint32_t sum;
	uint32_t n;

	memcpy(&n, request->data, sizeof(n));
	sum += n;
	if (n)
		return;
	answer->len = sizeof(sum);
	memcpy(answer->data, &sum, sizeof(sum));
}

static void what_is_told_comes_before_what_is_asked_next(void **state)
{
	struct bc_apart *a = apart(listen_to);
	uint32_t sum = 0;

	for (uint32_t n = 1; n <= 1000; n++)
		assert_int_equal(bc_apart_tell(a, &n, sizeof(n)), 0);
	assert_int_equal(bc_apart_call(a, &(uint32_t){ 0 }, sizeof(sum), &sum, sizeof(sum), NULL), 0);
	assert_int_equal(sum, 500500);
	assert_int_equal(bc_apart_call(a, &(uint32_t){ 0 }, sizeof(sum), &(uint64_t){ 0 }, sizeof(uint64_t), NULL), -EBADMSG);
	kill(bc_apart_pid(a), SIGKILL);
	assert_int_equal(bc_apart_call(a, &(uint32_t){ 0 }, sizeof(sum), &sum, sizeof(sum), NULL), -EOWNERDEAD);
	bc_apart_free(a);
}

static void with_little_patience_one_that_is_stopped_counts_as_ended(void **state)
{
	struct bc_apart_message m = text("x"), got;
	struct bc_apart *a = NULL;
	pid_t pid;

	assert_int_equal(bc_apart_new(&(struct bc_apart_config){ .name = "bc-test", .serve = echo, .patience_ms = 50 }, &a, NULL), 0);
	pid = bc_apart_pid(a);
	kill(pid, SIGSTOP);
	assert_int_equal(bc_apart_ask(a, &m, &got), -EPIPE);
	assert_true(bc_apart_has_ended(a));
	assert_int_equal(bc_apart_ask(a, &m, &got), -EPIPE);
	/* It ends once it goes on. */
	kill(pid, SIGCONT);
	bc_apart_free(a);
	while (waitpid(pid, NULL, 0) < 0 && errno != ECHILD)
		;
}

/* The program is another one here: the end of its process apart is seen by a pipe that both hold. */
static void it_ends_when_the_program_is_killed(void **state)
{
	int fd[2];
	pid_t pid;
	char c;

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		dup2(fd[1], STDERR_FILENO);
		apart(echo);
		(void)!write(fd[1], "x", 1);
		for (;;)
			pause();
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &c, 1), 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(read(fd[0], &c, 1), 0);
	close(fd[0]);
}

static void signals_of_the_terminal_do_not_end_it(void **state)
{
	static const int sent[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct bc_apart_message m = text("x"), got;
	struct bc_apart *a = apart(echo);

	for (size_t i = 0; i < sizeof(sent) / sizeof(sent[0]); i++)
		kill(bc_apart_pid(a), sent[i]);
	assert_int_equal(bc_apart_ask(a, &m, &got), 0);
	bc_apart_free(a);
}

static struct bc_spawner *spawner(const char *const *command, unsigned n)
{
	struct bc_spawner *s = NULL;

	assert_int_equal(bc_spawner_new(&(struct bc_spawner_config){ .command = command, .n = n }, &s, NULL), 0);
	return s;
}

static int started(struct bc_spawner *s, const char *command, struct bc_job **ret)
{
	return bc_spawner_start(s, &(struct bc_start){ .command = command, .in_fd = -1, .out_fd = STDERR_FILENO }, ret);
}

static void it_tells_how_a_command_ended(void **state)
{
	const char *const command[] = { "exit 7", "kill -9 $$" };
	struct bc_spawner *s = spawner(command, 2);
	struct bc_job *a = NULL, *b = NULL;
	int status = 0;

	assert_int_equal(started(s, "exit 7", &a), 0);
	assert_int_equal(started(s, "kill -9 $$", &b), 0);
	assert_int_equal(bc_job_wait(b, WAIT_MS, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_int_equal(bc_job_wait(a, WAIT_MS, &status), 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	bc_job_free(a);
	bc_job_free(b);
	bc_spawner_free(s);
}

static void a_command_that_it_was_not_told_of_is_refused(void **state)
{
	const char *const command[] = { "true" };
	struct bc_spawner *s = spawner(command, 1);
	struct bc_job *j = NULL;

	assert_int_equal(started(s, "false", &j), -EACCES);
	assert_null(j);
	bc_spawner_free(s);
}

/* Who asks may have been taken over. */
static void only_names_of_ours_are_put_into_the_environment(void **state)
{
	static const char *const names[] = { "BRAIDCAP_PATH", "LD_PRELOAD", "PATH", "" };
	const char *const command[] = { "test -z \"$LD_PRELOAD\"" }, *const arg[] = { "x" };
	struct bc_spawner *s = spawner(command, 1);
	struct bc_job *j = NULL;
	int status = -1;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct bc_start start = { .command = command[0], .arg = arg, .name = &names[i], .n = 1, .in_fd = -1, .out_fd = STDERR_FILENO };

		assert_int_equal(bc_spawner_start(s, &start, &j), i ? -EINVAL : 0);
	}
	assert_int_equal(bc_job_wait(j, WAIT_MS, &status), 0);
	assert_int_equal(status, 0);
	bc_job_free(j);
	bc_spawner_free(s);
}

static void a_command_is_ended_by_a_signal(void **state)
{
	const char *const command[] = { "sleep 1000" };
	struct bc_spawner *s = spawner(command, 1);
	struct bc_job *j = NULL;
	int status;

	assert_int_equal(started(s, command[0], &j), 0);
	assert_int_equal(bc_job_wait(j, 0, &status), -EAGAIN);
	bc_job_signal(j, SIGTERM);
	assert_int_equal(bc_job_wait(j, WAIT_MS, &status), 0);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	bc_job_free(j);
	bc_spawner_free(s);
}

static void without_it_nobody_can_say(void **state)
{
	const char *const command[] = { "exec sleep 2 >&- 2>&-" };
	struct bc_spawner *s = spawner(command, 1);
	struct bc_job *j = NULL, *more = NULL;
	int status;

	assert_int_equal(started(s, command[0], &j), 0);
	kill(bc_spawner_pid(s), SIGKILL);
	assert_int_equal(bc_job_wait(j, WAIT_MS, &status), -EPIPE);
	assert_int_equal(started(s, command[0], &more), -EPIPE);
	bc_job_free(j);
	bc_spawner_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(descriptors_go_both_ways),
		cmocka_unit_test(it_holds_no_descriptor_of_the_program),
		cmocka_unit_test(a_request_whose_descriptors_find_no_room_is_answered),
		cmocka_unit_test(a_descriptor_that_finds_no_room_here_is_an_error),
		cmocka_unit_test(what_its_begin_says_is_passed_on),
		cmocka_unit_test(one_that_has_ended_answers_nothing),
		cmocka_unit_test(one_that_is_stopped_is_not_waited_for),
		cmocka_unit_test(a_child_that_is_stopped_has_not_ended),
		cmocka_unit_test(what_is_told_comes_before_what_is_asked_next),
		cmocka_unit_test(with_little_patience_one_that_is_stopped_counts_as_ended),
		cmocka_unit_test(it_ends_when_the_program_is_killed),
		cmocka_unit_test(signals_of_the_terminal_do_not_end_it),
		cmocka_unit_test(it_tells_how_a_command_ended),
		cmocka_unit_test(a_command_that_it_was_not_told_of_is_refused),
		cmocka_unit_test(only_names_of_ours_are_put_into_the_environment),
		cmocka_unit_test(a_command_is_ended_by_a_signal),
		cmocka_unit_test(without_it_nobody_can_say),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
