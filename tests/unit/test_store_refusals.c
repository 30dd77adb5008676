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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(buffered, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(buffered_with_signals, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(direct_with_signals, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(direct_with_a_sequence_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_single_file, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
