/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder's store, from its opening to its end, of which each allocation and each system call fails in turn: what it says was published is there. */
#include "store_fixture.h"

#include "refusal.h"

struct bed {
	struct fixture *f;
	struct bc_store_config cfg;
	uint32_t descriptors;
	int published;
};

/* A segment, as far as the store goes. */
static int one(struct bc_store *s, const char *text)
{
	int r;

	do
		r = bc_store_begin(s);
	while (r == -EAGAIN);
	if (!r)
		r = bc_store_write(s, text, strlen(text));
	if (!r)
		r = bc_store_settle(s);
	bc_store_sync(s);
	if (r)
		bc_store_spoil(s, r);
	finish(s);
	return r;
}

static void check_published(const struct bed *b)
{
	const struct fixture *f = b->f;
	int good = 0;

	for (int i = 0; i < f->seen; i++) {
		if (f->errs[i])
			continue;
		assert_holds(f->path[i], f->bytes[i] == strlen("first") ? "first" : "second");
		good++;
	}
	refusal_check(refusal.name || good == b->published);
}

static void run_store(void *ctx)
{
	struct bed *b = ctx;
	struct bc_store *s = NULL;
	struct bc_err err = { .msg = "" };
	int r;

	fixture_clear(b->f);
	b->f->seen = 0;
	b->descriptors = refusal_descriptors();
	refusal_begin();
	r = bc_store_open(&b->cfg, &s, &err);
	refusal_check((r < 0) == (err.msg[0] != '\0'));
	if (!r) {
		one(s, "first");
		if (b->published > 1)
			one(s, "second");
		r = bc_store_close(s);
	}
	refusal_end();
	refusal_check(refusal_descriptors() == b->descriptors);
	refusal_check(refusal.name || r == 0);
	check_published(b);
}

static void buffered(void **state)
{
	struct bed b = { .f = *state, .cfg = config_of(*state, BC_STORE_DIR, ((struct fixture *)*state)->dir), .published = 2 };

	b.cfg.io = BC_IO_BUFFERED;
	assert_true(refuse_each(run_store, &b, 1) > 40);
}

static void buffered_with_signals(void **state)
{
	struct bed b = { .f = *state, .cfg = config_of(*state, BC_STORE_DIR, ((struct fixture *)*state)->dir), .published = 2 };

	b.cfg.io = BC_IO_BUFFERED;
	assert_true(interrupt_each(run_store, &b) > 2);
}

static void direct_with_signals(void **state)
{
	struct bed b = { .f = *state, .cfg = config_of(*state, BC_STORE_DIR, ((struct fixture *)*state)->dir), .published = 2 };

	b.cfg.io = BC_IO_DIRECT;
	b.cfg.depth = 1;
	assert_true(interrupt_each(run_store, &b) > 2);
}

static void direct_with_a_sequence_file(void **state)
{
	struct bed b = { .f = *state, .cfg = config_of(*state, BC_STORE_DIR, ((struct fixture *)*state)->dir), .published = 2 };

	b.cfg.io = BC_IO_DIRECT;
	b.cfg.depth = 1;
	b.cfg.seqfile = in_dir(*state, ".seq");
	b.cfg.mode = 0640;
	b.cfg.series = "node";
	assert_true(refuse_each(run_store, &b, 1) > 40);
}

static void a_single_file(void **state)
{
	struct bed b = { .f = *state, .cfg = config_of(*state, BC_STORE_FILE, in_dir(*state, "out.x")), .published = 1 };

	b.cfg.ext = "";
	assert_true(refuse_each(run_store, &b, 1) > 20);
}

/* A pipe, or a file that was opened by somebody else; what its reader got. */
struct stream {
	struct fixture *f;
	struct bc_store_config cfg;
	int reader;
};

static void run_stream(void *ctx)
{
	struct stream *b = ctx;
	struct bc_store *s = NULL;
	struct bc_err err = { .msg = "" };
	uint32_t descriptors = refusal_descriptors();
	char got[32] = "";
	int r;

	/* Of a file: its beginning, again. */
	if (lseek(b->cfg.fd, 0, SEEK_SET) == 0)
		assert_int_equal(ftruncate(b->cfg.fd, 0), 0);
	b->f->seen = 0;
	refusal_begin();
	r = bc_store_open(&b->cfg, &s, &err);
	refusal_check((r < 0) == (err.msg[0] != '\0'));
	if (!r) {
		r = one(s, "first");
		bc_store_close(s);
		refusal_check(b->f->seen == 1);
	}
	refusal_end();
	refusal_check(refusal_descriptors() == descriptors);
	refusal_check(refusal.name || !r);
	assert_true(read(b->reader, got, sizeof(got)) >= 0 || errno == EAGAIN);
	lseek(b->reader, 0, SEEK_SET);
	refusal_check(r || !strcmp(got, "first"));
}

static struct stream stream_of(void **state, const char *dest, int fd, int reader)
{
	struct stream b = { .f = *state, .cfg = config_of(*state, BC_STORE_FD, dest), .reader = reader };

	b.cfg.fd = fd;
	assert_true(reader >= 0);
	return b;
}

static void refuse_stream(struct stream *b)
{
	assert_true(refuse_each(run_stream, b, 1) > 4);
	assert_true(interrupt_each(run_stream, b) > 0);
	close(b->reader);
}

static void a_named_pipe(void **state)
{
	const char *path = in_dir(*state, "pipe");
	struct stream b;

	assert_int_equal(mkfifo(path, 0600), 0);
	b = stream_of(state, path, -1, open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
	refuse_stream(&b);
}

static void a_pipe_of_somebody_else(void **state)
{
	struct stream b;
	int fd[2];

	assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	fcntl(fd[0], F_SETFL, O_NONBLOCK);
	b = stream_of(state, NULL, fd[1], fd[0]);
	refuse_stream(&b);
	close(fd[1]);
}

static void a_file_of_somebody_else(void **state)
{
	const char *path = in_dir(*state, "file");
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stream b = stream_of(state, NULL, fd, open(path, O_RDONLY | O_CLOEXEC));

	refuse_stream(&b);
	close(fd);
}

/* Nobody reads, and nobody will. */
static void wait_in_vain(void *ctx)
{
	struct stream *b = ctx;
	struct bc_store *s = NULL;
	struct bc_err err = { .msg = "" };
	int r;

	refusal_begin();
	r = bc_store_open(&b->cfg, &s, &err);
	refusal_check((r < 0) == (err.msg[0] != '\0'));
	if (!r) {
		bc_store_cancel(s);
		r = bc_store_begin(s);
		refusal_check(bc_store_write(s, "first", 5) < 0);
		bc_store_abort(s);
	}
	refusal_end();
	refusal_check(refusal.name || !r);
}

static void a_named_pipe_without_a_reader(void **state)
{
	const char *path = in_dir(*state, "pipe");
	struct stream b = { .f = *state, .cfg = config_of(*state, BC_STORE_FD, path) };

	assert_int_equal(mkfifo(path, 0600), 0);
	assert_true(refuse_each(wait_in_vain, &b, 1) > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(buffered, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(buffered_with_signals, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(direct_with_signals, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(direct_with_a_sequence_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_single_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_named_pipe, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_named_pipe_without_a_reader, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_pipe_of_somebody_else, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_file_of_somebody_else, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
