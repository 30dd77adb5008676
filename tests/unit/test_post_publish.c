/* SPDX-License-Identifier: BSD-3-Clause */
/* What is done with published segments: moved, commands run. */
#include "store_fixture.h"

#include <signal.h>
#include <sys/file.h>

#include "bc_post_publish.h"
#include "bc_completed.h"
#include "bc_runner.h"
#include "spawner.h"

#define WAIT_MS 10000

static const struct bc_segment_info five = { .packets = 5, .first_ns = 1000000001, .last_ns = 2000000002, .begin_ns = BEGIN_NS };

static char *make_dir(struct fixture *f, const char *name)
{
	const char *path = in_dir(f, name);

	assert_int_equal(mkdir(path, 0755), 0);
	return strdup(path);
}

static bool exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* A folder of another file system than the fixture's; it skips the test where there is none. */
static char *elsewhere(const struct fixture *f)
{
	char path[] = "/dev/shm/bc-after-XXXXXX";
	struct stat a, b;

	if (stat("/dev/shm", &a) < 0 || stat(f->dir, &b) < 0 || a.st_dev == b.st_dev || !mkdtemp(path))
		BC_SKIP("no second file system on /dev/shm");
	scratch(path);
	return strdup(path);
}

static void remove_all(char *path)
{
	nftw(path, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(path);
}

static struct bc_completed *open_completed(const char *folder)
{
	struct bc_completed *c = NULL;

	assert_int_equal(bc_completed_open(folder, &c, NULL), 0);
	return c;
}

static void a_folder_that_is_not_there_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_completed *c = NULL;

	assert_int_equal(bc_completed_open(in_dir(f, "no"), &c, &f->err), -ENOENT);
	assert_non_null(strstr(f->err.msg, "create the folder"));
	assert_null(c);
}

static void move_to(struct fixture *f, const char *folder)
{
	struct bc_completed *c = open_completed(folder);
	char got[BC_STORE_PATH_MAX], want[512];
	struct timespec times[2] = { { .tv_sec = 1000 }, { .tv_sec = 2000, .tv_nsec = 5 } };
	struct stat st;

	put_file(in_dir(f, "a.pcap"), "text");
	chmod(in_dir(f, "a.pcap"), 0604);
	utimensat(AT_FDCWD, in_dir(f, "a.pcap"), times, 0);
	assert_int_equal(bc_completed_move(c, in_dir(f, "a.pcap"), got, &f->err), 0);
	snprintf(want, sizeof(want), "%s/a.pcap", folder);
	assert_string_equal(got, want);
	assert_string_equal(f->err.msg, "");
	assert_holds(got, "text");
	assert_false(exists(in_dir(f, "a.pcap")));
	assert_int_equal(stat(got, &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_int_equal(st.st_mtim.tv_nsec, 5);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(count(folder, ""), 1);
	bc_completed_close(c);
}

static void a_segment_moves_within_a_file_system(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done");

	move_to(f, to);
	free(to);
}

static void a_segment_moves_to_another_file_system(void **state)
{
	char *to = elsewhere(*state);

	move_to(*state, to);
	remove_all(to);
}

static void no_file_is_replaced(struct fixture *f, const char *folder)
{
	struct bc_completed *c = open_completed(folder);
	char there[512], got[BC_STORE_PATH_MAX];

	snprintf(there, sizeof(there), "%s/a.pcapng.lz4", folder);
	put_file(there, "first");
	put_file(in_dir(f, "a.pcapng.lz4"), "second");
	assert_int_equal(bc_completed_move(c, in_dir(f, "a.pcapng.lz4"), got, &f->err), 0);
	assert_non_null(strstr(got, "/a-1.pcapng.lz4"));
	assert_holds(there, "first");
	assert_holds(got, "second");
	bc_completed_close(c);
}

static void a_name_that_is_taken_is_not_replaced(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done");

	no_file_is_replaced(f, to);
	free(to);
}

static void nor_on_another_file_system(void **state)
{
	char *to = elsewhere(*state);

	no_file_is_replaced(*state, to);
	remove_all(to);
}

static void a_crashed_copy_is_written_over(void **state)
{
	struct fixture *f = *state;
	char *to = elsewhere(f), tmp[512], got[BC_STORE_PATH_MAX];
	struct bc_completed *c = open_completed(to);

	snprintf(tmp, sizeof(tmp), "%s/.moving-a.pcap", to);
	put_file(tmp, "a longer leftover of an earlier attempt");
	put_file(in_dir(f, "a.pcap"), "text");
	assert_int_equal(bc_completed_move(c, in_dir(f, "a.pcap"), got, &f->err), 0);
	assert_holds(got, "text");
	assert_false(exists(tmp));
	bc_completed_close(c);
	remove_all(to);
}

static void a_copy_that_another_process_makes_is_left_alone(void **state)
{
	struct fixture *f = *state;
	char *to = elsewhere(f), tmp[512], got[BC_STORE_PATH_MAX];
	struct bc_completed *c = open_completed(to);
	int fd;

	snprintf(tmp, sizeof(tmp), "%s/.moving-a.pcap", to);
	put_file(tmp, "theirs");
	fd = open(tmp, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	put_file(in_dir(f, "a.pcap"), "ours");
	assert_int_equal(bc_completed_move(c, in_dir(f, "a.pcap"), got, &f->err), -EBUSY);
	assert_holds(tmp, "theirs");
	assert_holds(in_dir(f, "a.pcap"), "ours");
	close(fd);
	bc_completed_close(c);
	remove_all(to);
}

static void on_a_full_disk_it_stays_and_nothing_is_left_there(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "small"), got[BC_STORE_PATH_MAX], *big = malloc(200000);
	struct bc_completed *c;
	int fd;

	if (mount("tmpfs", to, "tmpfs", 0, "size=64k") < 0)
		BC_SKIP("may not mount");
	c = open_completed(to);
	fd = open(in_dir(f, "big"), O_WRONLY | O_CREAT, 0644);
	memset(big, 'x', 200000);
	assert_int_equal(write(fd, big, 200000), 200000);
	close(fd);
	assert_int_equal(bc_completed_move(c, in_dir(f, "big"), got, &f->err), -ENOSPC);
	assert_non_null(strstr(f->err.msg, "it stays where it is"));
	assert_true(exists(in_dir(f, "big")));
	assert_int_equal(count(to, ".moving"), 0);
	bc_completed_close(c);
	umount2(to, MNT_DETACH);
	free(to);
	free(big);
}

static struct bc_runner *new_runner(struct fixture *f, const char *command, uint32_t seconds)
{
	struct bc_runner *r = NULL;

	assert_int_equal(bc_runner_new(spawner_of(command), command, seconds, &f->log, &r, NULL), 0);
	return r;
}

static struct bc_runner_stats end_runner(struct bc_runner *r)
{
	struct bc_runner_stats st;

	for (int i = 0; i < WAIT_MS && !bc_runner_idle(r); i++)
		nap();
	assert_true(bc_runner_idle(r));
	bc_runner_close(r);
	bc_runner_stats(r, &st);
	bc_runner_free(r);
	return st;
}

/* A command that writes into the file "out". */
static char *into_out(struct fixture *f, const char *what)
{
	char *command;

	assert_true(asprintf(&command, "{ %s; } >> '%s/out'", what, f->dir) > 0);
	return command;
}

static void run_one(struct fixture *f, const char *what, const char *path, const struct bc_segment_info *info, const char *expected)
{
	char *command = into_out(f, what);
	struct bc_runner *r = new_runner(f, command, 0);
	struct bc_runner_stats st;

	bc_runner_put(r, path, 77, info);
	st = end_runner(r);
	assert_int_equal(st.done, 1);
	assert_int_equal(st.failed, 0);
	assert_holds(in_dir(f, "out"), expected);
	free(command);
}

static void a_command_gets_the_segment_as_arguments(void **state)
{
	run_one(*state, "printf '%s|' \"$@\"", "/a/b.pcap", &five, "/a/b.pcap|5|77|1.000000001|2.000000002|");
}

static void and_in_its_environment(void **state)
{
	setenv("BRAIDCAP_PATH", "an old one", 1);
	run_one(*state, "env | grep ^BRAIDCAP_ | sort", "/a/b.pcap", &five,
		"BRAIDCAP_BYTES=77\nBRAIDCAP_FIRST=1.000000001\nBRAIDCAP_LAST=2.000000002\nBRAIDCAP_PACKETS=5\nBRAIDCAP_PATH=/a/b.pcap\n");
	unsetenv("BRAIDCAP_PATH");
}

static void times_of_no_packet_are_empty(void **state)
{
	const struct bc_segment_info none = { .begin_ns = BEGIN_NS };

	run_one(*state, "printf '%s|' \"$@\"", "/a/b.pcap", &none, "/a/b.pcap|0|77|||");
}

static void a_name_is_never_read_by_the_shell(void **state)
{
	struct fixture *f = *state;

	run_one(f, "printf '%s' \"$1\"; cd /", "$(touch x); `id` '\" & \n|", &five, "$(touch x); `id` '\" & \n|");
}

static void a_command_has_no_signal_blocked_and_no_descriptor_of_ours(void **state)
{
	int fd = open("/etc/passwd", O_RDONLY);	/* not closed on exec */

	run_one(*state, "grep SigBlk /proc/self/status; ls -l /proc/$$/fd | grep -c passwd || :", "/a", &five,
		"SigBlk:\t0000000000000000\n0\n");
	close(fd);
}

static void commands_run_one_at_a_time_in_order(void **state)
{
	struct fixture *f = *state;
	char *command = into_out(f, "printf \"<$1\"; sleep 0.01; printf '>'");
	struct bc_runner *r = new_runner(f, command, 0);

	for (int i = 0; i < 5; i++)
		bc_runner_put(r, (const char[2]){ (char)('a' + i) }, 0, &five);
	assert_int_equal(end_runner(r).done, 5);
	assert_holds(in_dir(f, "out"), "<a><b><c><d><e>");
	free(command);
}

static void failures_are_said_and_counted(void **state)
{
	struct fixture *f = *state;
	struct bc_runner *r = new_runner(f, "case $1 in a) exit 3;; b) kill -9 $$;; c) /no/such;; esac", 0);
	struct bc_runner_stats st;

	bc_runner_put(r, "a", 0, &five);
	bc_runner_put(r, "b", 0, &five);
	bc_runner_put(r, "c", 0, &five);
	bc_runner_put(r, "d", 0, &five);
	st = end_runner(r);
	assert_int_equal(st.failed, 3);
	assert_int_equal(st.done, 1);
	assert_non_null(strstr(f->lines, "a: its command failed with exit status 3"));
	assert_non_null(strstr(f->lines, "b: its command was killed by signal 9"));
	assert_non_null(strstr(f->lines, "c: its command failed with exit status 127"));
}

static void a_stuck_command_is_ended_with_all_that_it_started(void **state)
{
	struct fixture *f = *state;
	char *command = into_out(f, "[ $1 = b ] || { sleep 1000 & echo $!; wait; }");
	struct bc_runner *r = new_runner(f, command, 1);
	struct bc_runner_stats st;
	char text[32] = "";
	int fd;

	bc_runner_put(r, "a", 0, &five);
	bc_runner_put(r, "b", 0, &five);
	st = end_runner(r);
	assert_int_equal(st.failed, 1);
	assert_int_equal(st.done, 1);
	assert_non_null(strstr(f->lines, "a: its command took longer than 1 s and was killed"));
	fd = open(in_dir(f, "out"), O_RDONLY);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	for (int i = 0; i < WAIT_MS && kill(atoi(text), 0) == 0; i++)
		nap();
	assert_int_equal(kill(atoi(text), 0), -1);
	free(command);
}

static void one_that_ignores_sigterm_is_killed(void **state)
{
	struct fixture *f = *state;
	struct bc_runner *r = new_runner(f, "trap '' TERM; while :; do sleep 0.1; done", 1);

	bc_runner_put(r, "a", 0, &five);
	assert_int_equal(end_runner(r).failed, 1);
}

static void what_the_queue_cannot_hold_is_skipped_and_counted(void **state)
{
	struct fixture *f = *state;
	struct bc_runner_stats st;
	struct bc_runner *r;
	char *command;

	assert_true(asprintf(&command, "until [ -e '%s/go' ]; do sleep 0.01; done", f->dir) > 0);
	r = new_runner(f, command, 0);
	bc_runner_put(r, "first", 0, &five);
	do
		bc_runner_stats(r, &st);
	while (st.waiting);
	for (unsigned i = 0; i < BC_RUNNER_QUEUE + 3; i++)
		bc_runner_put(r, "more", 0, &five);
	bc_runner_stats(r, &st);
	assert_int_equal(st.skipped, 3);
	assert_int_equal(st.waiting, BC_RUNNER_QUEUE);
	bc_runner_close(r);
	bc_runner_stats(r, &st);
	assert_int_equal(st.skipped, BC_RUNNER_QUEUE + 3);
	assert_int_equal(st.failed, 1);
	assert_int_equal(st.waiting, 0);
	assert_non_null(strstr(f->lines, "no command is run for it"));
	bc_runner_free(r);
	free(command);
}

static struct bc_post_publish *new_after(struct fixture *f, const char *completed, const char *command)
{
	const struct bc_post_publish_config cfg = {
		.completed = completed, .command = command, .spawner = command ? spawner_of(command) : NULL, .log = &f->log, .settled = fixture_published, .ctx = f,
	};
	struct bc_post_publish *a = NULL;

	assert_int_equal(bc_post_publish_new(&cfg, &a, NULL), 0);
	return a;
}

static void the_command_gets_the_path_where_the_segment_stays(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done"), *command = into_out(f, "cat \"$1\"");
	struct bc_post_publish *a = new_after(f, to, command);
	struct bc_post_publish_stats st;

	put_file(in_dir(f, "a.pcap"), "text");
	bc_post_publish_segment(a, in_dir(f, "a.pcap"), 4, &five, 0);
	bc_post_publish_close(a, false);
	bc_post_publish_stats(a, &st);
	assert_int_equal(st.moved, 1);
	assert_int_equal(st.commands, 1);
	assert_holds(in_dir(f, "out"), "text");
	assert_int_equal(f->seen, 1);
	assert_string_equal(f->path[0], in_dir(f, "done/a.pcap"));
	bc_post_publish_free(a);
	free(to);
	free(command);
}

static void a_segment_that_cannot_be_moved_stays_and_is_told_of(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done");
	struct bc_post_publish *a = new_after(f, to, NULL);
	struct bc_post_publish_stats st;

	bc_post_publish_segment(a, in_dir(f, "gone.pcap"), 4, &five, 0);
	bc_post_publish_close(a, false);
	bc_post_publish_stats(a, &st);
	assert_int_equal(st.move_failed, 1);
	assert_int_equal(st.moved, 0);
	assert_string_equal(f->path[0], in_dir(f, "gone.pcap"));
	assert_int_equal(f->errs[0], 0);
	assert_non_null(strstr(f->lines, "it stays where it is"));
	bc_post_publish_free(a);
	free(to);
}

static void a_segment_that_failed_is_only_passed_on(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done");
	struct bc_post_publish *a = new_after(f, to, "exit 1");
	struct bc_post_publish_stats st;

	put_file(in_dir(f, "tmp-1-00000000.pcap"), "text");
	bc_post_publish_segment(a, in_dir(f, "tmp-1-00000000.pcap"), 4, &five, -EIO);
	bc_post_publish_close(a, false);
	bc_post_publish_stats(a, &st);
	assert_int_equal(st.moved + st.move_failed + st.commands + st.commands_failed + st.commands_skipped, 0);
	assert_int_equal(f->errs[0], -EIO);
	assert_true(exists(in_dir(f, "tmp-1-00000000.pcap")));
	bc_post_publish_free(a);
	free(to);
}

static void segments_settle_in_their_order(void **state)
{
	struct fixture *f = *state;
	char *to = make_dir(f, "done"), name[16];
	struct bc_post_publish *a = new_after(f, to, NULL);

	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "%02d", i);
		if (i % 3)
			put_file(in_dir(f, name), "x");
		bc_post_publish_segment(a, in_dir(f, name), 1, &five, i % 5 ? 0 : -EIO);
	}
	bc_post_publish_close(a, false);
	assert_int_equal(f->seen, 20);
	for (int i = 0; i < 20; i++)
		assert_int_equal(atoi(strrchr(f->path[i], '/') + 1), i);
	bc_post_publish_free(a);
	free(to);
}

static void an_end_at_once_leaves_commands_unrun(void **state)
{
	struct fixture *f = *state;
	struct bc_post_publish *a = new_after(f, NULL, "sleep 1000");
	struct bc_post_publish_stats st;

	bc_post_publish_segment(a, "/a", 1, &five, 0);
	bc_post_publish_segment(a, "/b", 1, &five, 0);
	assert_false(bc_post_publish_idle(a));
	bc_post_publish_close(a, true);
	bc_post_publish_stats(a, &st);
	assert_int_equal(st.commands, 0);
	assert_int_equal(st.commands_failed + st.commands_skipped, 2);
	assert_true(bc_post_publish_idle(a));
	bc_post_publish_free(a);
}

static int teardown(void **state)
{
	spawners_end();
	return fixture_teardown(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)
		TEST(a_folder_that_is_not_there_is_refused),
		TEST(a_segment_moves_within_a_file_system),
		TEST(a_segment_moves_to_another_file_system),
		TEST(a_name_that_is_taken_is_not_replaced),
		TEST(nor_on_another_file_system),
		TEST(a_crashed_copy_is_written_over),
		TEST(a_copy_that_another_process_makes_is_left_alone),
		TEST(on_a_full_disk_it_stays_and_nothing_is_left_there),
		TEST(a_command_gets_the_segment_as_arguments),
		TEST(and_in_its_environment),
		TEST(times_of_no_packet_are_empty),
		TEST(a_name_is_never_read_by_the_shell),
		TEST(a_command_has_no_signal_blocked_and_no_descriptor_of_ours),
		TEST(commands_run_one_at_a_time_in_order),
		TEST(failures_are_said_and_counted),
		TEST(a_stuck_command_is_ended_with_all_that_it_started),
		TEST(one_that_ignores_sigterm_is_killed),
		TEST(what_the_queue_cannot_hold_is_skipped_and_counted),
		TEST(the_command_gets_the_path_where_the_segment_stays),
		TEST(a_segment_that_cannot_be_moved_stays_and_is_told_of),
		TEST(a_segment_that_failed_is_only_passed_on),
		TEST(segments_settle_in_their_order),
		TEST(an_end_at_once_leaves_commands_unrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
