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

static void a_capture_fails_by_what_could_not_be_written(void **state)
{
	static const enum bc_loss fails[] = {
		BC_LOSS_DISK_ERROR, BC_LOSS_DISK_FULL, BC_LOSS_READER_GONE, BC_LOSS_PIPE_ERROR, BC_LOSS_ABORTED, BC_LOSS_PEER_SLOW,
		BC_LOSS_PEER_LOST, BC_LOSS_SPOOLED,
	};
	size_t n = 0;

	for (int i = 0; i < BC_LOSS_COUNT; i++) {
		struct bc_ledger *l = bc_ledger_new();

		l->n_sources = 2;
		l->n_outputs = 2;
		bc_counter_add(&l->output[1].source[1].dropped[i], 1);
		assert_false(bc_ledger_failed(l, 0));
		assert_int_equal(bc_ledger_failed(l, 1), n < sizeof(fails) / sizeof(fails[0]) && fails[n] == (enum bc_loss)i);
		n += bc_ledger_failed(l, 1);
		bc_ledger_free(l);
	}
	assert_int_equal(n, sizeof(fails) / sizeof(fails[0]));
}

static void only_losses_of_an_output_fail_it(void **state)
{
	for (int i = 0; i < BC_LOSS_COUNT; i++)
		assert_true(bc_loss_at(i) == BC_LOSS_AT_OUTPUT || !bc_loss_fails(i));
}

static void what_the_device_lost_is_told_apart(void **state)
{
	static const enum bc_loss device[] = { BC_LOSS_NIC_MISSED, BC_LOSS_NIC_ERROR, BC_LOSS_NIC_NOMBUF, BC_LOSS_KERNEL_IFDROP };
	size_t n = 0;

	for (int i = 0; i < BC_LOSS_COUNT; i++)
		if (bc_loss_at(i) == BC_LOSS_AT_DEVICE) {
			assert_true(n < sizeof(device) / sizeof(device[0]));
			assert_int_equal(device[n++], i);
		}
	assert_int_equal(n, sizeof(device) / sizeof(device[0]));
}

static void each_loss_has_its_line_in_the_manual(void **state)
{
	char text[65536] = "", want[64];
	FILE *f = fopen(BC_ROOT "/docs/operations.md", "r");

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	for (int i = 0; i < BC_LOSS_COUNT; i++) {
		snprintf(want, sizeof(want), "\n| `%s` | ", bc_loss_name(i));
		assert_non_null(strstr(text, want));
	}
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
		cmocka_unit_test(a_capture_fails_by_what_could_not_be_written),
		cmocka_unit_test(only_losses_of_an_output_fail_it),
		cmocka_unit_test(what_the_device_lost_is_told_apart),
		cmocka_unit_test(each_loss_has_its_line_in_the_manual),
		cmocka_unit_test(loss_names_are_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
