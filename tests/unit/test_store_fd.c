/* SPDX-License-Identifier: BSD-3-Clause */
/* The stores without a folder: a descriptor, nothing, and faults put before either. */
#include "store_fixture.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

#include "bc_file.h"

static int open_on(struct fixture *f, int fd, struct bc_store **ret)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_FD, NULL);

	cfg.fd = fd;
	return bc_store_open(&cfg, ret, &f->err);
}

static void closed_descriptor_is_refused(void **state)
{
	struct bc_store *s = NULL;

	assert_int_equal(open_on(*state, 1000, &s), -EBADF);
	assert_null(s);
}

static void read_only_descriptor_is_refused(void **state)
{
	struct bc_store *s = NULL;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	assert_int_equal(open_on(*state, fd, &s), -EBADF);
	close(fd);
}

static void terminal_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = NULL;
	int fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		BC_SKIP("no pseudo-terminals here");
	assert_int_equal(open_on(f, fd, &s), -EINVAL);
	assert_non_null(strstr(f->err.msg, "terminal"));
	close(fd);
}

static void only_what_cannot_be_replaced_is_a_stream(void **state)
{
	assert_true(bc_file_is_stream("/dev/null"));
	assert_true(bc_file_is_stream("/dev/fd/63"));
	assert_true(bc_file_is_stream("/dev/stdout"));
	assert_true(bc_file_is_stream("/dev/stdin"));
	assert_false(bc_file_is_stream("/dev/fd/"));
	assert_false(bc_file_is_stream("/proc/self/exe"));
	assert_false(bc_file_is_stream("/nowhere"));
}

static void *open_late(void *path)
{
	usleep(20000);
	return (void *)(intptr_t)open(path, O_RDONLY | O_CLOEXEC);
}

static void named_pipe_waits_for_its_reader(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_FD, NULL);
	char path[SCRATCH_MAX], got[4] = "";
	struct bc_store *s;
	pthread_t thread;
	void *fd;

	scratch_name(path, "bc-fd");
	assert_int_equal(mkfifo(path, 0600), 0);
	cfg.dest = path;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(pthread_create(&thread, NULL, open_late, path), 0);
	assert_int_equal(bc_store_write(s, "abc", 3), 0);
	pthread_join(thread, &fd);
	assert_int_equal(read((int)(intptr_t)fd, got, 3), 3);
	assert_string_equal(got, "abc");
	close((int)(intptr_t)fd);
	bc_store_close(s);
}

struct drain {
	int fd;
	size_t got;
	bool right;
};

static void *drain_main(void *arg)
{
	struct drain *d = arg;
	uint8_t buf[3000];
	ssize_t n;

	d->right = true;
	while ((n = read(d->fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			d->right &= buf[i] == (uint8_t)(d->got++ * 7);
	return NULL;
}

static void non_blocking_pipe_gets_every_byte(void **state)
{
	static uint8_t data[1000003];
	struct fixture *f = *state;
	struct bc_store *s = NULL;
	struct drain d;
	pthread_t t;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	fcntl(p[1], F_SETFL, O_NONBLOCK);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 7);
	d.fd = p[0];
	d.got = 0;
	pthread_create(&t, NULL, drain_main, &d);
	assert_int_equal(open_on(f, p[1], &s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, data, sizeof(data)), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	close(p[1]);
	pthread_join(t, NULL);
	close(p[0]);
	assert_int_equal(d.got, sizeof(data));
	assert_true(d.right);
	assert_string_equal(f->path[0], "-");
	assert_int_equal(f->bytes[0], sizeof(data));
}

static void reader_that_is_gone_is_epipe(void **state)
{
	struct bc_store *s = NULL;
	int p[2];

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(open_on(*state, p[1], &s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	close(p[0]);
	assert_int_equal(bc_store_write(s, "x", 1), -EPIPE);
	assert_int_equal(bc_store_write(s, "x", 1), -EPIPE);
	bc_store_close(s);
	close(p[1]);
}

static void *cancel_main(void *arg)
{
	nanosleep(&(struct timespec){ .tv_nsec = 50000000 }, NULL);
	bc_store_cancel(arg);
	return NULL;
}

static void waiting_for_a_reader_can_be_cancelled(void **state)
{
	static const uint8_t block[1 << 20];
	struct bc_store *s = NULL;
	pthread_t thread;
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	assert_int_equal(open_on(*state, fd[1], &s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(pthread_create(&thread, NULL, cancel_main, s), 0);
	assert_int_equal(bc_store_write(s, block, sizeof(block)), -ECANCELED);
	pthread_join(thread, NULL);
	bc_store_abort(s);
	close(fd[0]);
	close(fd[1]);
}

static void full_device_is_enospc(void **state)
{
	struct bc_store *s = NULL;
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		BC_SKIP("no /dev/full here");
	assert_int_equal(open_on(*state, fd, &s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), -ENOSPC);
	assert_int_equal(bc_store_size(s), 0);
	bc_store_close(s);
	close(fd);
}

static void descriptor_holds_one_segment_and_is_not_closed(void **state)
{
	struct bc_store *s = NULL;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	assert_int_equal(open_on(*state, fd, &s), 0);
	segment(s, "x");
	assert_int_equal(bc_store_begin(s), -EOPNOTSUPP);
	bc_store_close(s);
	assert_int_equal(close(fd), 0);
}

static void half_block_in_a_file_behind_stdout_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = BC_FAULT_NONE;
	struct bc_store *s = NULL;
	int fd;

	put_file(in_dir(f, "out"), "before ");
	fd = open(in_dir(f, "out"), O_WRONLY | O_CLOEXEC);
	lseek(fd, 0, SEEK_END);
	assert_int_equal(open_on(f, fd, &s), 0);
	s = open_faulty(s, &fault);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "one ", 4), 0);
	atomic_store(&fault.space, 2);
	assert_int_equal(bc_store_write(s, "two ", 4), -ENOSPC);
	atomic_store(&fault.space, 100);
	assert_int_equal(bc_store_write(s, "three", 5), 0);
	bc_store_close(s);
	close(fd);
	assert_holds(in_dir(f, "out"), "before one three");
}

static void half_block_in_a_pipe_ends_it(void **state)
{
	struct bc_fault fault = BC_FAULT_NONE;
	struct bc_store *s = NULL;
	int p[2];

	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(open_on(*state, p[1], &s), 0);
	s = open_faulty(s, &fault);
	assert_int_equal(bc_store_begin(s), 0);
	atomic_store(&fault.space, 2);
	assert_int_equal(bc_store_write(s, "two ", 4), -ENOSPC);
	atomic_store(&fault.space, 100);
	assert_int_equal(bc_store_write(s, "three", 5), -ENOSPC);
	bc_store_close(s);
	close(p[0]);
	close(p[1]);
}

static void half_block_in_a_file_opened_for_appending_ends_it(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = 2 };
	struct bc_store *s = NULL;
	int fd;

	put_file(in_dir(f, "out"), "theirs");
	fd = open(in_dir(f, "out"), O_WRONLY | O_APPEND | O_CLOEXEC);
	assert_int_equal(open_on(f, fd, &s), 0);
	s = open_faulty(s, &fault);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "two ", 4), -ENOSPC);
	assert_int_equal(bc_store_write(s, "three", 5), -ENOSPC);
	bc_store_close(s);
	close(fd);
	assert_holds(in_dir(f, "out"), "theirstw");
}

static void null_counts_what_it_drops(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_NULL, NULL);
	struct bc_store_stats st;

	segment(s, "abc");
	segment(s, "de");
	bc_store_stats(s, &st);
	assert_int_equal(st.written_bytes, 5);
	assert_int_equal(st.begun, 2);
	assert_int_equal(st.published, 2);
	assert_int_equal(f->seen, 2);
	assert_int_equal(f->bytes[1], 2);
	assert_int_equal(bc_store_close(s), 0);
}

static void calls_out_of_order_are_refused(void **state)
{
	struct bc_store *s = open_store(*state, BC_STORE_NULL, NULL);

	assert_int_equal(bc_store_write(s, "x", 1), -EINVAL);
	assert_int_equal(finish(s), -EINVAL);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_begin(s), -EINVAL);
	assert_int_equal(bc_store_close(s), 0);
}

static void close_and_abort_take_null(void **state)
{
	assert_int_equal(bc_store_close(NULL), 0);
	bc_store_abort(NULL);
}

static void fault_fails_the_nth_write_once(void **state)
{
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .eio_call = 2 };
	struct bc_store *s = open_faulty(open_store(*state, BC_STORE_NULL, NULL), &fault);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	assert_int_equal(bc_store_write(s, "x", 1), -EIO);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	assert_int_equal(bc_store_size(s), 2);
	bc_store_close(s);
}

static void fault_gives_the_space_of_cut_bytes_back(void **state)
{
	struct bc_fault fault = { .space = 3 };
	struct bc_store *s = open_faulty(open_store(*state, BC_STORE_NULL, NULL), &fault);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "four", 4), -ENOSPC);
	assert_int_equal(atomic_load(&fault.space), 3);
	assert_int_equal(bc_store_write(s, "xyz", 3), 0);
	assert_int_equal(bc_store_write(s, "!", 1), -ENOSPC);
	assert_int_equal(bc_store_write_tail(s, "end", 3), 0);
	bc_store_close(s);
}

static void fault_refuses_to_begin(void **state)
{
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .begin_err = -EMFILE };
	struct bc_store *s = open_faulty(open_store(*state, BC_STORE_NULL, NULL), &fault);

	assert_int_equal(bc_store_begin(s), -EMFILE);
	atomic_store(&fault.begin_err, 0);
	assert_int_equal(bc_store_begin(s), 0);
	bc_store_close(s);
}

static void a_slow_write_is_noted(void **state)
{
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .delay_ns = 2 * BC_NS_PER_MS };
	struct bc_store *s = open_faulty(open_store(*state, BC_STORE_NULL, NULL), &fault);
	struct bc_store_stats st;

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	atomic_store(&fault.delay_ns, 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	bc_store_stats(s, &st);
	assert_true(st.slowest_write_ns >= 2 * BC_NS_PER_MS);
	bc_store_close(s);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(closed_descriptor_is_refused),
		T(read_only_descriptor_is_refused),
		T(only_what_cannot_be_replaced_is_a_stream),
		T(named_pipe_waits_for_its_reader),
		T(terminal_is_refused),
		T(non_blocking_pipe_gets_every_byte),
		T(reader_that_is_gone_is_epipe),
		T(waiting_for_a_reader_can_be_cancelled),
		T(full_device_is_enospc),
		T(descriptor_holds_one_segment_and_is_not_closed),
		T(half_block_in_a_file_behind_stdout_is_cut_off),
		T(half_block_in_a_pipe_ends_it),
		T(half_block_in_a_file_opened_for_appending_ends_it),
		T(null_counts_what_it_drops),
		T(calls_out_of_order_are_refused),
		T(close_and_abort_take_null),
		T(fault_fails_the_nth_write_once),
		T(fault_gives_the_space_of_cut_bytes_back),
		T(fault_refuses_to_begin),
		T(a_slow_write_is_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
