/* SPDX-License-Identifier: BSD-3-Clause */
#include "store_fixture.h"

#include <signal.h>
#include <sys/file.h>

#include "bc_command.h"
#include "spawner.h"

static struct bc_store *piped(struct fixture *f, const char *command)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.pipe = command;
	cfg.spawner = spawner_of(command);
	if (bc_store_open(&cfg, &s, &f->err))
		fail_msg("%s", f->err.msg);
	return s;
}

static void a_segment_goes_through_a_command(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = piped(f, "tr a-z A-Z | sed 's/^/> /'");

	segment(s, "some text");
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->seen, 1);
	assert_int_equal(f->errs[0], 0);
	assert_int_equal(f->bytes[0], 11);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "> SOME TEXT");
}

static void each_segment_has_a_command_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = piped(f, "cat; echo .");

	segment(s, "a");
	segment(s, "b");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "a.\n");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "b.\n");
}

static void a_command_may_put_out_nothing(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = piped(f, "cat >/dev/null");

	segment(s, "a");
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "");
}

static void a_failed_command_is_not_published(void **state)
{
	static const struct { const char *command, *said; } is[] = {
		{ "cat; exit 3", "ended with status 3" }, { "cat; kill -9 $$", "was ended by signal 9" },
		/* The application ignores it. */
		{ "cat; kill -PIPE $$", "was ended by signal 13" },
		{ "cat; no-such-command-here 2>/dev/null", "ended with status 127" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_store *s = piped(f, is[i].command);

		f->lines[0] = '\0';
		f->seen = 0;
		segment(s, "a");
		assert_int_equal(bc_store_close(s), -ECOMM);
		assert_int_equal(f->errs[0], -ECOMM);
		assert_non_null(strstr(f->lines, is[i].said));
		assert_non_null(strstr(f->lines, "tmp-77-"));
		assert_holds(f->path[0], "a");
		assert_int_equal(count(f->dir, STAMP), 0);
	}
}

static void a_failed_command_that_put_out_nothing_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = piped(f, "cat >/dev/null; false");

	segment(s, "a");
	assert_int_equal(bc_store_close(s), -ECOMM);
	assert_int_equal(f->errs[0], -ECOMM);
	assert_int_equal(count(f->dir, ""), 0);
}

static void a_command_that_reads_no_more_is_an_error_of_the_write(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = piped(f, "exec 0<&-; echo x");
	static const uint8_t much[4 << 20];

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, much, sizeof(much)), -ECOMM);
	bc_store_spoil(s, -ECOMM);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), -ECOMM);
	assert_non_null(strstr(f->lines, "stopped reading"));
	assert_holds(f->path[0], "x\n");
}

static void *cancel_soon(void *s)
{
	usleep(100000);
	bc_store_cancel(s);
	return NULL;
}

/* A command that sleeps for long, behind another process, and holds a lock meanwhile. */
static char *sleeper(struct fixture *f, const char *before)
{
	char *command;

	assert_true(asprintf(&command, "%s flock '%s/lock' sleep 1000", before, f->dir) > 0);
	return command;
}

/* The lock is held by the command; it is opened for us. */
static int held(struct fixture *f)
{
	int fd = open(in_dir(f, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	while (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		flock(fd, LOCK_UN);
		usleep(1000);
	}
	return fd;
}

/* Once the command is no more. */
static void assert_is_let_go(int fd)
{
	assert_int_equal(flock(fd, LOCK_EX), 0);
	close(fd);
}

/* It sleeps in a pipeline: the whole group is ended. */
static void a_stuck_command_is_killed_by_an_abort(void **state)
{
	struct fixture *f = *state;
	char *command = sleeper(f, "sleep 1000 |");
	struct bc_store *s = piped(f, command);
	static const uint8_t much[4 << 20];
	pthread_t t;
	int fd;

	assert_int_equal(bc_store_begin(s), 0);
	fd = held(f);
	assert_int_equal(pthread_create(&t, NULL, cancel_soon, s), 0);
	assert_int_equal(bc_store_write(s, much, sizeof(much)), -ECANCELED);
	pthread_join(t, NULL);
	bc_store_abort(s);
	assert_is_let_go(fd);
	free(command);
}

static void an_abort_does_not_wait_for_a_command_to_end(void **state)
{
	struct fixture *f = *state;
	char *command = sleeper(f, "cat;");
	struct bc_store *s = piped(f, command);
	int fd;

	segment(s, "a");
	fd = held(f);
	bc_store_abort(s);
	assert_int_equal(f->seen, 1);
	assert_int_equal(f->errs[0], -ECANCELED);
	assert_is_let_go(fd);
	free(command);
}

static void a_command_does_not_get_our_descriptors(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s;

	assert_int_equal(dup2(STDERR_FILENO, 77), 77);
	s = piped(f, "cat >/dev/null; if test -e /proc/self/fd/77; then echo leaked; fi");
	segment(s, "a");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "");
	close(77);
}

static void a_command_has_its_signals(void **state)
{
	struct fixture *f = *state;
	sigset_t all, old;
	struct bc_store *s;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	s = piped(f, "cat >/dev/null; sed -n 's/^SigBlk:[^1-9a-f]*//p' /proc/self/status");
	segment(s, "a");
	assert_int_equal(bc_store_close(s), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "\n");
}

static int teardown(void **state)
{
	spawners_end();
	return fixture_teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_segment_goes_through_a_command),
		T(each_segment_has_a_command_of_its_own),
		T(a_command_may_put_out_nothing),
		T(a_failed_command_is_not_published),
		T(a_failed_command_that_put_out_nothing_leaves_nothing),
		T(a_command_that_reads_no_more_is_an_error_of_the_write),
		T(a_stuck_command_is_killed_by_an_abort),
		T(an_abort_does_not_wait_for_a_command_to_end),
		T(a_command_does_not_get_our_descriptors),
		T(a_command_has_its_signals),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
