/* SPDX-License-Identifier: BSD-3-Clause */
/* A segment that fails, of which nodes keep what was not acknowledged and send it again: only what they will not send stays in it. */
#include "store_fixture.h"

#include "bc_fsync_many.h"

#define TMP "tmp-77-00000000.x"

static bool fsync_fails;

void __real_bc_fsync_many(struct bc_fsync *f, uint32_t n);
void __wrap_bc_fsync_many(struct bc_fsync *f, uint32_t n);

void __wrap_bc_fsync_many(struct bc_fsync *f, uint32_t n)
{
	__real_bc_fsync_many(f, n);
	for (uint32_t i = 0; fsync_fails && i < n; i++)
		f[i].err = -EIO;
}

/* Ten bytes, with err in their tail. */
static void spoiled(struct fixture *f, int err, const struct bc_segment_info *info)
{
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "0123456789", 10), 0);
	bc_store_spoil(s, err);
	assert_int_equal(bc_store_finish(s, info), 0);
	bc_store_close(s);
	assert_int_equal(f->seen, 1);
	assert_int_equal(count(f->dir, STAMP), 0);
}

static void what_was_confirmed_stays(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .confirmed = 4, .kept = 7 };

	spoiled(*state, -EIO, &info);
	assert_holds(in_dir(*state, TMP), "0123");
}

static void with_nothing_confirmed_the_file_goes(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .kept = 7 };

	spoiled(*state, -EIO, &info);
	assert_int_equal(count(((struct fixture *)*state)->dir, ""), 0);
}

/* More may have been confirmed than reached the disk: it was written down elsewhere what that is. */
static void what_may_not_be_on_disk_is_cut_to_what_is_kept(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .confirmed = 4, .kept = 2 };

	fsync_fails = true;
	spoiled(*state, 0, &info);
	fsync_fails = false;
	assert_holds(in_dir(*state, TMP), "01");
	assert_int_equal(((struct fixture *)*state)->errs[0], -EIO);
}

static void without_such_nodes_all_of_it_stays(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .confirmed = 4 };

	spoiled(*state, -EIO, &info);
	assert_holds(in_dir(*state, TMP), "0123456789");
}

/* Nothing is missing in it that a node would send again. */
static void one_that_was_given_up_stays(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .confirmed = 4 };

	spoiled(*state, -ENODATA, &info);
	assert_holds(in_dir(*state, TMP), "0123456789");
}

static void one_without_a_failure_is_published_whole(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .confirmed = 4 };
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "0123456789", 10), 0);
	assert_int_equal(bc_store_finish(s, &info), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "0123456789");
}

static void one_that_somebody_removed_is_not_made_again(void **state)
{
	const struct bc_segment_info info = { .begin_ns = BEGIN_NS, .cut_back = true, .confirmed = 4 };
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "0123456789", 10), 0);
	assert_int_equal(unlink(in_dir(f, TMP)), 0);
	bc_store_spoil(s, -EIO);
	assert_int_equal(bc_store_finish(s, &info), 0);
	bc_store_close(s);
	assert_int_equal(count(f->dir, ""), 0);
	assert_false(strstr(f->lines, "cannot cut off"));
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(what_was_confirmed_stays),
		IN_FOLDER(with_nothing_confirmed_the_file_goes),
		IN_FOLDER(what_may_not_be_on_disk_is_cut_to_what_is_kept),
		IN_FOLDER(without_such_nodes_all_of_it_stays),
		IN_FOLDER(one_that_was_given_up_stays),
		IN_FOLDER(one_without_a_failure_is_published_whole),
		IN_FOLDER(one_that_somebody_removed_is_not_made_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
