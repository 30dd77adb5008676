/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include "bc_ack_found.h"
#include "bc_pcapng.h"

static struct bc_ack_found *found;
static struct bc_ack_table table;
static uint32_t apart;

static int start(void **state)
{
	found = bc_ack_found_new();
	memset(&table, 0, sizeof(table));
	bc_ack_found_begin(found);
	return 0;
}

static int over(void **state)
{
	bc_ack_found_free(found);
	bc_ack_table_fini(&table);
	return 0;
}

static void item(const uint8_t *data, size_t len, bool packet)
{
	uint8_t *exact = malloc(len);

	memcpy(exact, data, len);
	assert_int_equal(bc_ack_found_item(found, exact, len, packet), 0);
	free(exact);
}

static void iface(const char *name)
{
	struct bc_iface i = { .linktype = 1 };
	uint8_t idb[512];

	snprintf(i.name, sizeof(i.name), "%s", name);
	item(idb, bc_pcapng_idb(idb, sizeof(idb), &i, 65535, NULL), false);
}

static void packets(uint32_t iface, uint32_t n)
{
	uint8_t epb[BC_EPB_FIXED + 8];

	bc_epb_end(bc_epb_begin(epb, iface, 0, 8, 8, 0), 8, 0, 0, 0, 0);
	for (uint32_t i = 0; i < n; i++)
		item(epb, sizeof(epb), true);
}

/* From here on this client's packets have these numbers; epoch 0: none. */
static void numbers(const char *client, uint64_t epoch, uint64_t next, uint64_t stored)
{
	struct bc_ack_entry e = { .mark = { .epoch = epoch, .next = next }, .stored = stored };
	uint8_t block[256];

	snprintf(e.client, sizeof(e.client), "%s", client);
	if (epoch)
		strcpy((char *)e.mark.node, "node");
	item(block, bc_ack_block_put(block, (const uint8_t *)"collector no. 01", &e, 1), false);
}

static struct bc_ack_known *epoch_of(const char *client, uint64_t epoch)
{
	const struct bc_ack_mark m = { .node = "node", .epoch = epoch };

	return bc_ack_set_find(&bc_ack_table_client(&table, client, strlen(client))->set, &m);
}

/* How far the table knows the client's epoch; UINT64_MAX: not at all. */
static uint64_t known(const char *client, uint64_t epoch)
{
	const struct bc_ack_known *k = epoch_of(client, epoch);

	return k ? k->mark.next : UINT64_MAX;
}

static bool enter(void)
{
	return bc_ack_found_enter(found, &table, &apart);
}

static void packets_behind_a_block_are_counted_by_client(void **state)
{
	iface("bts1:eth0");
	iface("bts2");
	numbers("bts1", 1, 100, 100);
	packets(0, 5);
	packets(1, 7);
	iface("bts1:eth1");
	packets(2, 3);
	assert_true(enter());
	assert_int_equal(known("bts1", 1), 108);
	assert_int_equal(known("bts2", 1), UINT64_MAX);
	assert_memory_equal(table.collector, "collector no. 01", 16);
}

static void packets_without_numbers_are_not_counted(void **state)
{
	iface("bts1");
	packets(0, 4);
	numbers("bts1", 1, 100, 100);
	packets(0, 5);
	numbers("bts1", 0, 0, 0);
	packets(0, 4);
	enter();
	assert_int_equal(known("bts1", 1), 105);
}

/* Behind packets that the disk lost the segment may go on: it has what follows, and not these. */
static void a_gap_within_a_segment_is_one(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 5);
	numbers("bts1", 1, 50, 0);
	packets(0, 5);
	enter();
	assert_int_equal(known("bts1", 1), 5);
	assert_int_equal(epoch_of("bts1", 1)->range[0].from, 50);
	assert_int_equal(epoch_of("bts1", 1)->range[0].to, 55);
	assert_int_equal(apart, 1);
}

static void each_epoch_has_its_own_numbers(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 5);
	numbers("bts1", 2, 0, 0);
	packets(0, 2);
	enter();
	assert_int_equal(known("bts1", 1), 5);
	assert_int_equal(known("bts1", 2), 2);
	assert_int_equal(table.client[0].set.epoch[0].mark.epoch, 2);
}

static void segments_continue_one_another_in_any_order(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 10, 0);
	packets(0, 10);
	bc_ack_found_begin(found);
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 10);
	assert_true(enter());
	assert_int_equal(known("bts1", 1), 20);
	assert_false(enter());
}

/* A power cut kept the newer file and lost the end of the older one. */
static void a_segment_behind_missing_packets_counts_as_a_range(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 10);
	bc_ack_found_begin(found);
	iface("bts1");
	numbers("bts1", 1, 11, 10);
	packets(0, 5);
	assert_true(enter());
	assert_int_equal(known("bts1", 1), 10);
	assert_int_equal(epoch_of("bts1", 1)->range[0].from, 11);
	assert_int_equal(epoch_of("bts1", 1)->range[0].to, 16);
	assert_int_equal(apart, 1);
	assert_false(enter());
}

static void what_was_on_disk_when_it_began_is_not_missing(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 10);
	bc_ack_found_begin(found);
	iface("bts1");
	numbers("bts1", 1, 11, 11);
	packets(0, 5);
	enter();
	assert_int_equal(known("bts1", 1), 16);
	assert_int_equal(apart, 0);
}

static void what_is_known_already_changes_nothing(void **state)
{
	iface("bts1");
	numbers("bts1", 1, 0, 0);
	packets(0, 10);
	enter();
	bc_ack_known_raise(epoch_of("bts1", 1), 30);
	assert_false(enter());
	assert_int_equal(known("bts1", 1), 30);
}

static void strange_items_are_passed_over(void **state)
{
	static const uint8_t short_idb[20] = { 1, 0, 0, 0, 20 }, long_option[24] = { 1, 0, 0, 0, 24, [16] = 2, [18] = 255 };
	static const uint8_t no_packet[4] = { 6 };

	item(short_idb, sizeof(short_idb), false);
	item(long_option, sizeof(long_option), false);
	item(no_packet, sizeof(no_packet), true);
	packets(77, 1);
	assert_false(enter());
}

/* Memory for those that segments of ours have, not for what somebody made up. */
static void packets_behind_too_many_blocks_have_no_numbers(void **state)
{
	iface("bts1");
	for (uint32_t i = 0; i <= 65536; i++)
		numbers("bts1", 1, 0, 0);
	packets(0, 1);
	enter();
	assert_int_equal(known("bts1", 1), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start, over)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(packets_behind_a_block_are_counted_by_client),
		T(packets_without_numbers_are_not_counted),
		T(a_gap_within_a_segment_is_one),
		T(each_epoch_has_its_own_numbers),
		T(segments_continue_one_another_in_any_order),
		T(a_segment_behind_missing_packets_counts_as_a_range),
		T(what_was_on_disk_when_it_began_is_not_missing),
		T(what_is_known_already_changes_nothing),
		T(strange_items_are_passed_over),
		T(packets_behind_too_many_blocks_have_no_numbers),
	};

	return cmocka_run_group_tests_name("ack_found", tests, NULL, NULL);
}
