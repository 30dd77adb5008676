/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of acknowledged packets, of which each allocation and each system call fails in turn: the old one or the new one is there, whole. */
#include "store_fixture.h"

#include "refusal.h"

#include "bc_ack_file.h"

struct bed {
	struct fixture *f;
	int folder;
	const char *series;
};

static int put(const struct bed *b, uint64_t next)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = 3, .next = next };
	struct bc_ack_table t = { .collector = "collector" };
	int r;

	bc_ack_set_use(&bc_ack_table_client(&t, "bts1", 4)->set, &m);
	refusal_begin();
	r = bc_ack_file_put(b->folder, b->series, &t);
	refusal_end();
	bc_ack_table_fini(&t);
	return r;
}

/* The number in it; 0: it cannot be read, *ret_r says why. */
static uint64_t get(const struct bed *b, bool refuse, int *ret_r)
{
	struct bc_ack_table t = { .n = 0 };
	uint64_t next;

	if (refuse)
		refusal_begin();
	*ret_r = bc_ack_file_read(b->folder, b->series, &t);
	refusal_end();
	next = *ret_r ? 0 : t.client[0].set.epoch[0].mark.next;
	bc_ack_table_fini(&t);
	return next;
}

static void put_it(void *ctx)
{
	const struct bed *b = ctx;
	enum refusal_kind kind = refusal.kind;
	uint32_t descriptors, number = refusal.number;
	uint64_t next;
	int r, again;

	fixture_clear(b->f);
	refusal.number = UINT32_MAX;
	assert_int_equal(put(b, 1), 0);
	refusal.kind = kind;
	refusal.number = number;
	refusal.calls = 0;
	descriptors = refusal_descriptors();
	r = put(b, 2);
	refusal_check(refusal_descriptors() == descriptors);
	refusal_check(refusal.name || !r);
	next = get(b, false, &again);
	refusal_check(!again && next == (r ? 1 : 2));
	/* What is left of one that failed is in no one's way. */
	if (r)
		refusal_check(put(b, 3) == 0 || refusal.kind == REFUSE_DISK);
}

static void get_it(void *ctx)
{
	const struct bed *b = ctx;
	uint32_t descriptors = refusal_descriptors();
	int r;
	uint64_t next = get(b, true, &r);

	refusal_check(refusal_descriptors() == descriptors);
	refusal_check(refusal.name || next == 2);
	/* What could not be read is neither damaged nor missing. */
	refusal_check(!r || (r != -EBADMSG && r != -ENOENT));
}

static void refuse(void **state, const char *series)
{
	struct fixture *f = *state;
	struct bed b = { .f = f, .folder = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .series = series };

	assert_true(refuse_each(put_it, &b, 1) > 10);
	interrupt_each(put_it, &b);
	assert_int_equal(put(&b, 2), 0);
	assert_true(refuse_each(get_it, &b, 1) > 3);
	interrupt_each(get_it, &b);
	close(b.folder);
}

static void of_all_clients(void **state)
{
	refuse(state, NULL);
}

static void of_one_client(void **state)
{
	refuse(state, "bts1");
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bed b = { .f = f, .folder = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) };
	char series[300] = "";
	int r;

	/* With .new it is longer, and only then too long. */
	memset(series, 'a', 237);
	b.series = series;
	assert_int_equal(put(&b, 1), 0);
	memset(series, 'a', 238);
	assert_int_equal(put(&b, 1), -ENAMETOOLONG);
	assert_int_equal(bc_ack_file_end(b.folder, series, true), -ENAMETOOLONG);
	memset(series, 'a', 299);
	get(&b, false, &r);
	assert_int_equal(r, -ENAMETOOLONG);
	assert_int_equal(bc_ack_file_end(b.folder, series, true), -ENAMETOOLONG);
	close(b.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(of_all_clients, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(of_one_client, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_name_that_is_too_long_is_refused, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
