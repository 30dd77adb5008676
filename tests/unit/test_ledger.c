/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_ledger.h"

static void balance_closes_when_all_is_named(void **state)
{
	struct bc_ledger *l = bc_ledger_new();
	struct bc_balance b;

	l->n_sources = 1;
	l->n_outputs = 1;
	bc_counter_add(&l->source[0].ingress.received, 100);
	bc_counter_add(&l->source[0].ingress.filtered[0], 10);
	bc_counter_add(&l->source[0].ingress.dropped[BC_LOSS_LINK_FULL], 5);
	bc_counter_add(&l->source[0].merge.past_end[0], 1);
	bc_counter_add(&l->output[0].source[0].written, 80);
	bc_counter_add(&l->output[0].source[0].dropped[BC_LOSS_DISK_FULL], 4);
	bc_ledger_balance(l, 0, BC_ALL_SOURCES, &b);
	assert_int_equal(b.unaccounted, 0);
	assert_int_equal(b.dropped_total, 10);
	bc_ledger_free(l);
}

static void what_the_nic_missed_was_received_too(void **state)
{
	struct bc_ledger *l = bc_ledger_new();
	struct bc_balance b;

	l->n_sources = 1;
	bc_counter_set(&l->source[0].control.dropped[BC_LOSS_NIC_MISSED], 7);
	bc_ledger_balance(l, 0, 0, &b);
	assert_int_equal(b.received, 7);
	assert_int_equal(b.unaccounted, 0);
	bc_ledger_free(l);
}

static void a_packet_without_a_name_shows(void **state)
{
	struct bc_ledger *l = bc_ledger_new();
	struct bc_balance b;

	l->n_sources = 2;
	bc_counter_add(&l->source[1].ingress.received, 3);
	bc_counter_add(&l->output[0].source[1].written, 2);
	bc_ledger_balance(l, 0, BC_ALL_SOURCES, &b);
	assert_int_equal(b.unaccounted, 1);
	bc_ledger_free(l);
}

static void loss_names_are_unique(void **state)
{
	for (int i = 0; i < BC_LOSS_COUNT; i++)
		for (int j = 0; j < i; j++)
			assert_string_not_equal(bc_loss_name(i), bc_loss_name(j));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(balance_closes_when_all_is_named),
		cmocka_unit_test(what_the_nic_missed_was_received_too),
		cmocka_unit_test(a_packet_without_a_name_shows),
		cmocka_unit_test(loss_names_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
