/* SPDX-License-Identifier: BSD-3-Clause */
#include "store_fixture.h"

#include "bc_segname.h"
#include "bc_seqfile.h"

static const char *path_of(struct fixture *f)
{
	return in_dir(f, "seq");
}

/* Opened, with the number to begin with. */
static struct bc_seqfile *opened(struct fixture *f, uint64_t first)
{
	struct bc_seqfile *q = NULL;
	uint64_t got = 12345;

	if (bc_seqfile_open(path_of(f), &q, &got, &f->err))
		fail_msg("%s", f->err.msg);
	assert_int_equal(got, first);
	return q;
}

static void a_missing_file_is_made_and_begins_at_0(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	umask(022);
	bc_seqfile_close(opened(f, 0));
	assert_int_equal(stat(path_of(f), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	bc_seqfile_close(opened(f, 0));
}

static void the_next_capture_goes_on_behind_the_last_number(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q = opened(f, 0);

	assert_int_equal(bc_seqfile_used(q, 0), 0);
	assert_holds(path_of(f), "0\n");
	assert_int_equal(bc_seqfile_used(q, 41), 0);
	assert_holds(path_of(f), "41\n");
	bc_seqfile_close(q);
	bc_seqfile_close(opened(f, 42));
}

static void a_number_of_the_past_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q = opened(f, 0);

	assert_int_equal(bc_seqfile_used(q, 7), 0);
	assert_int_equal(bc_seqfile_used(q, 5), 0);
	assert_holds(path_of(f), "7\n");
	bc_seqfile_close(q);
}

static void what_mtracecap_wrote_is_read(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q;

	put_file(path_of(f), "41\n");
	q = opened(f, 42);
	assert_int_equal(bc_seqfile_used(q, 42), 0);
	assert_holds(path_of(f), "42\n");
	bc_seqfile_close(q);
}

/* As earlier versions wrote it. */
static void leading_zeros_are_read_and_go_away(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q;

	put_file(path_of(f), "00000009\n");
	q = opened(f, 10);
	assert_int_equal(bc_seqfile_used(q, 10), 0);
	assert_holds(path_of(f), "10\n");
	bc_seqfile_close(q);
}

static void behind_99999999_comes_0(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q;

	put_file(path_of(f), "99999998\n");
	q = opened(f, 99999999);
	assert_int_equal(bc_seqfile_used(q, 99999999), 0);
	assert_holds(path_of(f), "99999999\n");
	assert_int_equal(bc_seqfile_used(q, 100000000), 0);
	assert_holds(path_of(f), "0\n");
	bc_seqfile_close(q);
	bc_seqfile_close(opened(f, 1));
}

static void a_corrupt_file_is_refused_and_kept(void **state)
{
	static const char *const bad[] = { "\n", "12", "x\n", "-1\n", " 1\n", "1 \n", "123456789\n", "1\n2\n", "00000000041\n", "1\n\n" };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct bc_seqfile *q = NULL;
		uint64_t first;

		put_file(path_of(f), bad[i]);
		assert_int_equal(bc_seqfile_open(path_of(f), &q, &first, &f->err), -EBADMSG);
		assert_null(q);
		assert_non_null(strstr(f->err.msg, "corrupt"));
		assert_non_null(strstr(f->err.msg, path_of(f)));
		assert_holds(path_of(f), bad[i]);
		unlink(path_of(f));
	}
}

static void two_cannot_count_by_one_file(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *a = opened(f, 0), *b = NULL;
	uint64_t first;

	assert_int_equal(bc_seqfile_open(path_of(f), &b, &first, &f->err), -EBUSY);
	bc_seqfile_close(a);
	bc_seqfile_close(opened(f, 0));
}

static void what_is_no_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_seqfile *q = NULL;
	uint64_t first;

	assert_int_equal(bc_seqfile_open(f->dir, &q, &first, &f->err), -EISDIR);
	assert_int_equal(bc_seqfile_open(in_dir(f, "no/seq"), &q, &first, &f->err), -ENOENT);
	assert_int_equal(mkfifo(path_of(f), 0600), 0);
	assert_int_equal(bc_seqfile_open(path_of(f), &q, &first, &f->err), -EINVAL);
}

/* A folder of segments that counts by the file. */
static struct bc_store *counting_store(struct fixture *f)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.seqfile = path_of(f);
	cfg.first_seq = 5;
	if (bc_store_open(&cfg, &s, &f->err))
		fail_msg("%s", f->err.msg);
	return s;
}

static void segments_are_numbered_by_the_file(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s;

	put_file(path_of(f), "99999998\n");
	s = counting_store(f);
	segment(s, "a");
	segment(s, "b");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-99999999.x"), "a");
	assert_holds(in_dir(f, STAMP "-00000000.x"), "b");
	assert_holds(path_of(f), "0\n");
}

static void a_number_is_used_up_when_its_segment_is_begun(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = counting_store(f);

	assert_int_equal(bc_store_begin(s), 0);
	/* The next file is opened ahead behind it. */
	while (access(in_dir(f, "tmp-77-00000001.x"), F_OK))
		nap();
	assert_holds(path_of(f), "0\n");
	bc_store_abort(s);
	bc_seqfile_close(opened(f, 1));
}

static void a_corrupt_file_is_a_store_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	put_file(path_of(f), "x");
	cfg.seqfile = path_of(f);
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), -EBADMSG);
	assert_int_equal(count(f->dir, "tmp-"), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_missing_file_is_made_and_begins_at_0),
		T(the_next_capture_goes_on_behind_the_last_number),
		T(a_number_of_the_past_changes_nothing),
		T(what_mtracecap_wrote_is_read),
		T(leading_zeros_are_read_and_go_away),
		T(behind_99999999_comes_0),
		T(a_corrupt_file_is_refused_and_kept),
		T(two_cannot_count_by_one_file),
		T(what_is_no_file_is_refused),
		T(segments_are_numbered_by_the_file),
		T(a_number_is_used_up_when_its_segment_is_begun),
		T(a_corrupt_file_is_a_store_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
