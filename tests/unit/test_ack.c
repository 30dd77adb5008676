/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_ack.h"

static struct bc_ack_mark mark(uint64_t epoch, uint64_t next)
{
	return (struct bc_ack_mark){ .node = "node", .epoch = epoch, .next = next };
}

/* A session whose node still has the packets from first on; the number of the next one. */
static uint64_t begin(struct bc_ack *a, uint64_t epoch, uint64_t first, uint64_t connection, uint64_t delivered,
		      uint64_t *taken)
{
	const struct bc_ack_mark m = mark(epoch, first);
	struct bc_ack_leg leg;
	uint64_t next = bc_ack_begin(a, &m, connection, delivered, &leg);

	*taken = leg.taken;
	return next;
}

static void wrote(struct bc_ack *a, uint64_t from, uint64_t to)
{
	const struct bc_ack_mark m = mark(1, from);

	bc_ack_wrote(a, &m, to);
}

static void lose(struct bc_ack *a, uint64_t from, uint64_t to)
{
	const struct bc_ack_mark m = mark(1, from);

	bc_ack_lose(a, &m, to);
}

static uint64_t due(struct bc_ack *a, uint64_t connection)
{
	struct bc_ack_mark m = { .next = UINT64_MAX };
	bool complete;

	return bc_ack_due(a, connection, &m, &complete) ? m.next : UINT64_MAX;
}

/* All that is in segments is on disk. */
static void store(struct bc_ack *a)
{
	struct bc_ack_mark m[BC_ACK_EPOCHS];

	bc_ack_stored(a, m, bc_ack_marks(a, m));
}

static void an_unknown_epoch_begins_where_its_node_says(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	uint64_t taken;

	assert_int_equal(begin(a, 1, 700, 1, 0, &taken), 700);
	assert_int_equal(taken, 700);
	assert_int_equal(due(a, 1), 700);
	bc_ack_free(a);
}

static void only_what_is_stored_is_acknowledged(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_mark m;
	uint64_t taken, stored;

	begin(a, 1, 100, 1, 40, &taken);
	assert_true(bc_ack_at(a, 45, &m, &stored));
	assert_int_equal(m.next, 105);
	assert_int_equal(due(a, 1), 100);
	wrote(a, 100, 105);
	store(a);
	assert_int_equal(due(a, 1), 105);
	assert_true(bc_ack_at(a, 50, &m, &stored) && stored == 105);
	m.next = 102;
	bc_ack_stored(a, &m, 1);
	assert_int_equal(due(a, 1), 105);
	bc_ack_free(a);
}

static void what_was_taken_but_not_stored_is_known_when_it_is_sent_again(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_mark m;
	uint64_t taken, stored;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 10);
	store(a);
	wrote(a, 10, 25);
	bc_ack_end(a, 25);
	bc_ack_leave(a);
	assert_int_equal(begin(a, 1, 5, 2, 25, &taken), 10);
	assert_int_equal(taken, 25);
	assert_true(bc_ack_at(a, 26, &m, &stored));
	assert_int_equal(m.next, 26);
	bc_ack_free(a);
}

static void a_session_of_another_connection_is_not_acknowledged(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	uint64_t taken;

	begin(a, 1, 0, 1, 0, &taken);
	assert_int_equal(due(a, 2), UINT64_MAX);
	bc_ack_leave(a);
	assert_int_equal(due(a, 1), UINT64_MAX);
	bc_ack_free(a);
}

static void what_its_node_has_lost_is_not_waited_for(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	uint64_t taken;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 10);
	bc_ack_leave(a);
	assert_int_equal(begin(a, 1, 50, 2, 10, &taken), 50);
	assert_int_equal(taken, 50);
	bc_ack_free(a);
}

static void the_last_packet_completes_a_session(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_mark m;
	uint64_t taken;
	bool complete;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 20);
	store(a);
	assert_true(bc_ack_due(a, 1, &m, &complete) && !complete);
	bc_ack_end(a, 21);
	assert_true(bc_ack_hurried(a));
	assert_false(bc_ack_hurried(a));
	assert_true(bc_ack_due(a, 1, &m, &complete) && !complete);
	wrote(a, 20, 21);
	store(a);
	assert_true(bc_ack_due(a, 1, &m, &complete) && complete);
	bc_ack_free(a);
}

static void the_epochs_used_last_are_remembered(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	const struct bc_ack_known k = { .mark = mark(1, 100) };
	uint64_t taken;

	bc_ack_restore(a, &k);
	for (uint64_t e = 2; e < 2 + BC_ACK_EPOCHS - 1; e++)
		begin(a, e, 0, e, 0, &taken);
	assert_int_equal(begin(a, 1, 0, 20, 0, &taken), 100);
	begin(a, 30, 0, 30, 0, &taken);
	assert_int_equal(begin(a, 1, 0, 40, 0, &taken), 100);
	assert_int_equal(begin(a, 2, 0, 41, 0, &taken), 0);
	bc_ack_free(a);
}

static void what_is_lost_is_taken_when_it_is_sent_again(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_mark m;
	uint64_t taken;
	bool complete;

	begin(a, 1, 100, 1, 40, &taken);
	wrote(a, 100, 105);
	store(a);
	wrote(a, 105, 120);
	lose(a, 110, 120);
	assert_true(bc_ack_broken(a));
	assert_true(bc_ack_due(a, 1, &m, &complete) && complete);
	bc_ack_leave(a);
	assert_false(bc_ack_broken(a));
	assert_int_equal(begin(a, 1, 100, 2, 70, &taken), 105);
	assert_int_equal(taken, 110);
	bc_ack_free(a);
}

/* What came behind the loss lies in a segment that is whole: the node is asked for the gap, and what is there is left out. */
static void a_gap_is_filled(void **state)
{
	const struct bc_ack_mark m = mark(1, 0);
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_mark at;
	struct bc_ack_leg leg;
	uint64_t taken, stored;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 100);
	lose(a, 40, 60);
	store(a);
	assert_int_equal(due(a, 1), 40);
	bc_ack_leave(a);
	assert_int_equal(bc_ack_begin(a, &m, 2, 100, &leg), 40);
	assert_true(leg.taken == 40 && leg.end == 60);
	assert_true(bc_ack_at(a, 110, &at, &stored) && at.next == 50);
	wrote(a, 40, 50);
	store(a);
	assert_int_equal(due(a, 2), 50);
	wrote(a, 50, 60);
	bc_ack_next_leg(a, 60, 120, &leg);
	assert_true(leg.taken == 100 && leg.end == UINT64_MAX);
	assert_true(bc_ack_at(a, 121, &at, &stored) && at.next == 101);
	store(a);
	assert_int_equal(due(a, 2), 100);
	bc_ack_free(a);
}

static void what_was_restored_with_a_gap_has_it(void **state)
{
	struct bc_ack_range r[] = { { 20, 30 }, { 40, 50 } };
	const struct bc_ack_known k = { .mark = mark(1, 10), .range = r, .n = 2 };
	const struct bc_ack_mark m = mark(1, 0);
	struct bc_ack *a = bc_ack_new(-1);
	struct bc_ack_leg leg;

	bc_ack_restore(a, &k);
	assert_int_equal(bc_ack_restored(a)->epoch[0].n, 2);
	assert_int_equal(bc_ack_begin(a, &m, 1, 0, &leg), 10);
	assert_true(leg.taken == 10 && leg.end == 20);
	bc_ack_next_leg(a, 20, 10, &leg);
	assert_true(leg.taken == 30 && leg.end == 40);
	bc_ack_free(a);
}

static void what_is_on_disk_cannot_be_lost(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	uint64_t taken;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 10);
	store(a);
	lose(a, 0, 10);
	assert_false(bc_ack_broken(a));
	bc_ack_free(a);
}

static void a_loss_of_another_epoch_does_not_end_the_session(void **state)
{
	struct bc_ack *a = bc_ack_new(-1);
	uint64_t taken;

	begin(a, 1, 0, 1, 0, &taken);
	wrote(a, 0, 10);
	bc_ack_leave(a);
	begin(a, 2, 0, 2, 10, &taken);
	lose(a, 5, 10);
	assert_false(bc_ack_broken(a));
	bc_ack_leave(a);
	begin(a, 1, 0, 3, 10, &taken);
	assert_int_equal(taken, 5);
	bc_ack_free(a);
}

static void the_network_is_woken_by_what_is_new(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct bc_ack *a = bc_ack_new(fd);
	eventfd_t times;
	uint64_t taken;

	begin(a, 1, 0, 1, 0, &taken);
	assert_int_equal(eventfd_read(fd, &times), 0);
	store(a);
	assert_int_equal(eventfd_read(fd, &times), -1);
	wrote(a, 0, 1);
	store(a);
	assert_int_equal(eventfd_read(fd, &times), 0);
	bc_ack_free(a);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unknown_epoch_begins_where_its_node_says),
		cmocka_unit_test(only_what_is_stored_is_acknowledged),
		cmocka_unit_test(what_was_taken_but_not_stored_is_known_when_it_is_sent_again),
		cmocka_unit_test(a_session_of_another_connection_is_not_acknowledged),
		cmocka_unit_test(what_its_node_has_lost_is_not_waited_for),
		cmocka_unit_test(the_last_packet_completes_a_session),
		cmocka_unit_test(the_epochs_used_last_are_remembered),
		cmocka_unit_test(what_is_lost_is_taken_when_it_is_sent_again),
		cmocka_unit_test(a_gap_is_filled),
		cmocka_unit_test(what_was_restored_with_a_gap_has_it),
		cmocka_unit_test(what_is_on_disk_cannot_be_lost),
		cmocka_unit_test(a_loss_of_another_epoch_does_not_end_the_session),
		cmocka_unit_test(the_network_is_woken_by_what_is_new),
	};

	return cmocka_run_group_tests_name("ack", tests, NULL, NULL);
}
