/* SPDX-License-Identifier: BSD-3-Clause */
/* When packets count as written, for each policy. */
#include "bc_test.h"

#include <errno.h>

#include "bc_delivery.h"
#include "bc_store_ops.h"
#include "bc_time.h"

static uint64_t passed_bytes, lost_from, lost_to, kept_to;

static uint64_t passed(struct bc_store *s)
{
	return passed_bytes;
}

static bool lost_bytes(struct bc_store *s, uint64_t from, uint64_t to)
{
	return lost_from < to && lost_to > from;
}

static bool kept_bytes(struct bc_store *s, uint64_t to)
{
	return to > passed_bytes && to <= kept_to;
}

static int settle(struct bc_store *s)
{
	return 0;
}

static uint64_t synced_bytes;

static int synced(struct bc_store *s, uint64_t *ret_bytes)
{
	*ret_bytes = synced_bytes;
	return 0;
}

static const struct bc_store_ops plain_ops, settling_ops = { .settle = settle }, lagging_ops = {
	.passed = passed, .lost = lost_bytes, .kept = kept_bytes,
}, syncing_ops = { .synced = synced };

enum policy { AT_ONCE, SETTLED, PASSED_ON, COMMAND, DISK, POLICIES };

struct fixture {
	struct bc_store store;
	struct bc_ledger *ledger;
	struct bc_delivery *d;
	_Atomic bool aborted;
};

static struct fixture *new_fixture(enum policy policy)
{
	static const struct bc_store_ops *const ops[POLICIES] = {
		&plain_ops, &settling_ops, &lagging_ops, &plain_ops, &syncing_ops,
	};
	struct fixture *f = calloc(1, sizeof(*f));

	passed_bytes = synced_bytes = lost_from = lost_to = kept_to = 0;
	f->store.ops = ops[policy];
	f->store.begun = true;
	f->ledger = bc_ledger_new();
	f->ledger->n_sources = 2;
	assert_int_equal(bc_delivery_new(&(struct bc_delivery_config){
		.store = &f->store, .ledger = f->ledger, .piped = policy == COMMAND, .aborted = &f->aborted,
	}, &f->d, NULL), 0);
	return f;
}

static void free_fixture(struct fixture *f)
{
	bc_delivery_free(f->d);
	bc_delivery_free(NULL);
	bc_ledger_free(f->ledger);
	free(f);
}

/* n packets of source 1, each a byte in the store. */
static struct bc_tally tally(uint64_t n)
{
	return (struct bc_tally){ .packets = n, .bytes = n, .from = { [1] = n } };
}

static void take(struct fixture *f, uint64_t n)
{
	const struct bc_tally t = tally(n);

	bc_delivery_take(f->d, &t);
	bc_delivery_take_bytes(f->d, n);
	f->store.size += n;
	assert_true(bc_delivery_pending(f->d)->packets >= n);
}

static uint64_t written(struct fixture *f)
{
	bc_delivery_reap(f->d);
	assert_int_equal(bc_counter_get(&f->ledger->output[0].source[1].written), bc_counter_get(&f->ledger->output[0].written));
	return bc_counter_get(&f->ledger->output[0].written);
}

static uint64_t lost(struct fixture *f, enum bc_loss loss)
{
	bc_delivery_reap(f->d);
	return bc_counter_get(&f->ledger->output[0].source[1].dropped[loss]);
}

static void packets_count_as_written_at_this_step(void **state)
{
	static const struct {
		uint64_t wrote, confirmed, passed, result;
	} written_after[POLICIES] = {
		[AT_ONCE] = { 5, 5, 5, 5 },
		[SETTLED] = { 0, 5, 5, 5 },
		[PASSED_ON] = { 0, 0, 5, 5 },
		[COMMAND] = { 0, 0, 0, 5 },
		[DISK] = { 5, 5, 5, 5 },
	};

	for (enum policy p = AT_ONCE; p < POLICIES; p++) {
		struct fixture *f = new_fixture(p);

		take(f, 5);
		assert_int_equal(written(f), 0);
		bc_delivery_wrote(f->d);
		assert_int_equal(written(f), written_after[p].wrote);
		bc_delivery_confirm(f->d);
		assert_int_equal(written(f), written_after[p].confirmed);
		assert_int_equal(bc_delivery_pending(f->d)->packets, 0);
		assert_int_equal(bc_delivery_segment(f->d)->from[1], 5);
		passed_bytes = 5;
		assert_int_equal(written(f), written_after[p].passed);
		bc_delivery_finish(f->d);
		assert_int_equal(bc_delivery_waits(f->d), p == COMMAND || p == DISK);
		bc_delivery_result(f->d, 100, 0);
		assert_int_equal(written(f), written_after[p].result);
		assert_int_equal(bc_counter_get(&f->ledger->output[0].file_bytes), p == COMMAND ? 100 : 5);
		assert_false(bc_delivery_waits(f->d));
		bc_delivery_drain(f->d);
		assert_int_equal(written(f), 5);
		free_fixture(f);
	}
}

static void what_is_pending_can_still_be_lost_and_no_more(void **state)
{
	struct fixture *f = new_fixture(SETTLED);
	enum bc_loss loss;

	take(f, 5);
	bc_delivery_wrote(f->d);
	bc_delivery_confirm(f->d);
	take(f, 3);
	bc_delivery_wrote(f->d);
	bc_delivery_lose_pending(f->d, BC_LOSS_DISK_ERROR);
	assert_int_equal(written(f), 5);
	assert_int_equal(lost(f, BC_LOSS_DISK_ERROR), 3);
	assert_int_equal(bc_delivery_lost(f->d, &loss), 3);
	assert_int_equal(loss, BC_LOSS_DISK_ERROR);
	bc_delivery_confirm(f->d);
	assert_int_equal(written(f), 5);
	free_fixture(f);
}

static void what_a_peer_did_not_take_in_time_is_lost(void **state)
{
	struct fixture *f = new_fixture(PASSED_ON);

	take(f, 5);
	bc_delivery_wrote(f->d);
	take(f, 3);
	bc_delivery_wrote(f->d);
	passed_bytes = 7;
	assert_true(bc_delivery_waits(f->d));
	bc_delivery_drain(f->d);
	assert_int_equal(written(f), 5);
	assert_int_equal(lost(f, BC_LOSS_PEER_SLOW), 3);
	free_fixture(f);
}

static void what_is_kept_for_the_next_run_is_spooled(void **state)
{
	struct fixture *f = new_fixture(PASSED_ON);

	take(f, 5);
	bc_delivery_wrote(f->d);
	take(f, 3);
	bc_delivery_wrote(f->d);
	take(f, 2);
	bc_delivery_wrote(f->d);
	passed_bytes = 5;
	kept_to = 8;
	bc_delivery_drain(f->d);
	assert_int_equal(written(f), 5);
	assert_int_equal(lost(f, BC_LOSS_SPOOLED), 3);
	assert_int_equal(lost(f, BC_LOSS_PEER_SLOW), 2);
	free_fixture(f);
}

static void what_a_peer_had_not_acknowledged_is_lost(void **state)
{
	struct fixture *f = new_fixture(PASSED_ON);

	for (int i = 0; i < 3; i++) {
		take(f, 5);
		bc_delivery_wrote(f->d);
	}
	lost_from = 9;
	lost_to = passed_bytes = 10;
	assert_int_equal(written(f), 5);
	assert_int_equal(lost(f, BC_LOSS_PEER_LOST), 5);
	passed_bytes = 15;
	assert_int_equal(written(f), 10);
	assert_int_equal(lost(f, BC_LOSS_PEER_LOST), 5);
	free_fixture(f);
}

static void a_command_that_fails_loses_its_segment_and_no_other(void **state)
{
	struct fixture *f = new_fixture(COMMAND);

	take(f, 5);
	bc_delivery_wrote(f->d);
	bc_delivery_finish(f->d);
	take(f, 3);
	bc_delivery_wrote(f->d);
	bc_delivery_finish(f->d);
	bc_delivery_result(f->d, 0, -ECOMM);
	bc_delivery_result(f->d, 100, 0);
	assert_int_equal(lost(f, BC_LOSS_PIPE_ERROR), 5);
	assert_int_equal(written(f), 3);
	free_fixture(f);
}

static void a_command_that_keeps_failing_is_started_later_and_later(void **state)
{
	struct fixture *f = new_fixture(COMMAND);
	uint64_t first, second, third;

	assert_int_equal(bc_delivery_begin_ns(f->d), 0);
	bc_delivery_abandon(f->d);
	first = bc_delivery_begin_ns(f->d);
	assert_true(first <= bc_mono_ns());
	bc_delivery_abandon(f->d);
	second = bc_delivery_begin_ns(f->d);
	bc_delivery_abandon(f->d);
	third = bc_delivery_begin_ns(f->d);
	assert_true(second >= first + BC_NS_PER_S && third >= second + BC_NS_PER_S);
	bc_delivery_finish(f->d);
	bc_delivery_result(f->d, 1, 0);
	bc_delivery_reap(f->d);
	bc_delivery_abandon(f->d);
	assert_true(bc_delivery_begin_ns(f->d) <= bc_mono_ns());
	free_fixture(f);
}

/* They are in flight then, for the ledger to say so. */
static void after_an_abort_nothing_is_waited_for(void **state)
{
	for (enum policy p = PASSED_ON; p <= COMMAND; p++) {
		struct fixture *f = new_fixture(p);

		take(f, 5);
		bc_delivery_wrote(f->d);
		bc_delivery_finish(f->d);
		f->aborted = true;
		bc_delivery_drain(f->d);
		assert_int_equal(written(f) + lost(f, BC_LOSS_PEER_SLOW) + lost(f, BC_LOSS_PIPE_ERROR), 0);
		free_fixture(f);
	}
}

/* What had been synced before stays written, and the balance closes at each step. */
static void what_the_disk_refuses_is_taken_back(void **state)
{
	struct fixture *f = new_fixture(DISK);

	take(f, 5);
	bc_delivery_confirm(f->d);
	synced_bytes = 5;
	assert_int_equal(written(f), 5);
	take(f, 7);
	bc_delivery_confirm(f->d);
	assert_int_equal(written(f), 12);
	bc_delivery_finish(f->d);
	bc_delivery_result(f->d, 0, -EIO);
	assert_int_equal(written(f), 5);
	assert_int_equal(lost(f, BC_LOSS_DISK_ERROR), 7);
	assert_int_equal(bc_counter_get(&f->ledger->output[0].written_bytes), 5);
	assert_int_equal(bc_counter_get(&f->ledger->output[0].file_bytes), 5);
	assert_false(bc_delivery_waits(f->d));
	free_fixture(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_disk_refuses_is_taken_back),
		cmocka_unit_test(packets_count_as_written_at_this_step),
		cmocka_unit_test(what_is_pending_can_still_be_lost_and_no_more),
		cmocka_unit_test(what_a_peer_did_not_take_in_time_is_lost),
		cmocka_unit_test(what_is_kept_for_the_next_run_is_spooled),
		cmocka_unit_test(what_a_peer_had_not_acknowledged_is_lost),
		cmocka_unit_test(a_command_that_fails_loses_its_segment_and_no_other),
		cmocka_unit_test(a_command_that_keeps_failing_is_started_later_and_later),
		cmocka_unit_test(after_an_abort_nothing_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
