/* SPDX-License-Identifier: BSD-3-Clause */
/* The committer before a store that takes blocks first and tells later whether they are in the file. */
#include "chain.h"

static void a_direct_store_holds_all_that_was_sent(void **state)
{
	for (uint32_t n = 0; n < 9; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n % 2, .sources = 2, .format = (enum bc_format)(n % 3), .codec = (enum bc_codec)(n / 3),
			.rotate_bytes = n % 2 ? 300000 : 0, .flush_ns = n % 4 ? 0 : BC_NS_PER_MS, .io = BC_IO_DIRECT,
		});

		chain_send_many(c, 1500, 700);
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

static void a_quiet_capture_is_written_before_the_flush_interval_ends(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .sync_ns = 3600 * BC_NS_PER_S });

	chain_send_many(c, 10, 100);
	chain_settle(c);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 10);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void a_busy_capture_is_written_before_the_flush_interval_ends(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .sync_ns = 3600 * BC_NS_PER_S });
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;

	/* Never so long without a chunk that this alone would do it. */
	while (!bc_counter_get(&c->ledger->output[0].written) && bc_mono_ns() < until_ns) {
		chain_send_many(c, 50, 1500);
		for (int i = 0; i < 5; i++)
			chain_barrier(c);
		usleep(2000);
	}
	assert_true(bc_counter_get(&c->ledger->output[0].written) > 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* n packets that are lost, between others that are not. */
static void lose(struct chain *c, uint32_t n)
{
	chain_settle(c);
	atomic_store(&c->fault.eio_settle, 1);
	chain_send_many(c, n, 100);
	chain_settle(c);
	assert_int_equal(atomic_load(&c->fault.eio_settle), 0);
}

static void what_did_not_reach_the_disk_is_lost_by_name_and_the_segment_goes_on(void **state)
{
	for (uint32_t n = 0; n < 6; n++) {
		struct chain *c = chain_new((struct chain_config){ .settling = n % 2 == 0, .io = n % 2 ? BC_IO_DIRECT : 0,
								   .codec = n < 3 ? BC_CODEC_LZ4 : BC_CODEC_NONE,
								   .format = n == 4 ? BC_FORMAT_PCAP_NS : BC_FORMAT_PCAPNG });

		chain_send_many(c, 20, 100);
		lose(c, 10);
		chain_send_many(c, 30, 100);
		chain_end(c);
		assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 10);
		assert_true(chain_said(c, "10 packets lost as disk_error"));
		assert_int_equal(c->n_segments, 1);
		assert_int_equal(c->segment[0].err, 0);
		assert_int_equal(c->segment[0].info.packets, 50);
		chain_check_segments(c);
		if (c->cfg.format == BC_FORMAT_PCAPNG)
			assert_int_equal(chain_count_text(c->segment[0].path, "10 packets were lost here: disk_error"), 1);
		chain_free(c);
	}
}

static void a_lost_beginning_is_written_again(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_LZ4 });

	lose(c, 10);
	chain_send_many(c, 20, 100);
	chain_end(c);
	assert_int_equal(c->n_segments, 1);
	assert_int_equal(c->segment[0].info.packets, 20);
	chain_check_segments(c);
	chain_free(c);
}

static void a_lost_description_is_written_again(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_LZ4 });
	uint32_t iface;

	chain_send_many(c, 10, 100);
	chain_settle(c);
	iface = chain_iface(c, 1);
	atomic_store(&c->fault.eio_settle, 1);
	chain_send_as(c, (struct chain_packet){ .iface = iface, .len = 100 });
	chain_settle(c);
	chain_send_as(c, (struct chain_packet){ .iface = iface, .len = 100 });
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 1);
	assert_int_equal(c->segment[0].info.packets, 11);
	chain_check_segments(c);
	chain_free(c);
}

static void a_lost_note_of_a_loss_is_written_again(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true });

	chain_send_many(c, 10, 100);
	lose(c, 3);
	lose(c, 4);
	chain_send_many(c, 10, 100);
	chain_end(c);
	assert_int_equal(chain_count_text(c->segment[0].path, "7 packets were lost here"), 1);
	assert_int_equal(chain_count_text(c->segment[0].path, "packets were lost here"), 1);
	chain_check_segments(c);
	chain_free(c);
}

static void a_failure_at_the_segments_end_costs_no_more_than_what_was_pending(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_LZ4 });

	chain_send_many(c, 20, 100);
	chain_settle(c);
	atomic_store(&c->fault.eio_settle, 1);
	chain_send_many(c, 10, 100);
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 10);
	assert_int_equal(c->segment[0].err, 0);
	assert_int_equal(c->segment[0].info.packets, 20);
	chain_check_segments(c);
	chain_free(c);
}

static void a_segment_whose_end_did_not_reach_the_disk_is_not_published(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_LZ4 });

	chain_send_many(c, 20, 100);
	chain_settle(c);
	atomic_store(&c->fault.eio_settle, 1);
	chain_end(c);
	assert_int_equal(c->segment[0].err, -EIO);
	assert_non_null(strstr(c->segment[0].path, "tmp-"));
	assert_true(chain_said(c, "cannot write the end of a segment"));
	assert_int_equal(chain_balance(c).written, 20);
	chain_free(c);
}

static void a_streams_segment_ends_where_it_was_settled_last_and_another_begins(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_ZSTD,
							   .flush_ns = 20 * BC_NS_PER_MS });

	chain_send_many(c, 20, 100);
	lose(c, 10);
	chain_send_many(c, 30, 100);
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_DISK_ERROR), 10);
	assert_int_equal(chain_balance(c).written, 50);
	assert_int_equal(c->n_segments, 2);
	assert_int_equal(c->segment[0].err, -EIO);
	assert_int_equal(c->segment[0].info.packets, 20);
	assert_int_equal(c->segment[1].err, 0);
	assert_int_equal(c->segment[1].info.packets, 30);
	chain_free(c);
}

/* A direct store tells at a write what happened to those before it: all that it holds is in doubt, and no more than that. */
static void a_streams_write_that_fails_costs_nothing_that_comes_behind_it(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .codec = BC_CODEC_ZSTD, .sync_ns = 3600 * BC_NS_PER_S });
	uint32_t behind;

	atomic_store(&c->fault.eio_call, 1);
	atomic_store(&c->fault.eio_settle, 1);
	SEND_UNTIL(c, !atomic_load(&c->fault.eio_call));
	behind = c->n_sent;
	chain_send_many(c, 2000, 1000);
	chain_end(c);
	assert_true(chain_lost(c, BC_LOSS_DISK_ERROR) > 0);
	assert_true(chain_balance(c).written >= c->n_sent - behind);
	assert_int_equal(c->n_segments, 2);
	assert_int_equal(c->segment[1].err, 0);
	chain_check_segments(c);
	chain_free(c);
}

static void an_aborted_capture_counts_what_the_file_holds(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .settling = true, .sync_ns = 3600 * BC_NS_PER_S });
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;

	chain_send_many(c, 10, 100);
	while (atomic_load(&c->awaited) == 0 && bc_mono_ns() < until_ns) {
		bc_merge_poll(c->merge, 256);
		bc_merge_tick(c->merge, bc_mono_ns() + CHAIN_TIMEOUT_NS);
		bc_lane_poll(c->lane[0]);
	}
	bc_committer_abort(c->committer);
	bc_committer_join(c->committer);
	assert_int_equal(bc_counter_get(&c->ledger->output[0].written), 10);
	bc_store_abort(c->store);
	c->store = NULL;
	chain_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_direct_store_holds_all_that_was_sent),
		cmocka_unit_test(a_quiet_capture_is_written_before_the_flush_interval_ends),
		cmocka_unit_test(a_busy_capture_is_written_before_the_flush_interval_ends),
		cmocka_unit_test(what_did_not_reach_the_disk_is_lost_by_name_and_the_segment_goes_on),
		cmocka_unit_test(a_lost_beginning_is_written_again),
		cmocka_unit_test(a_lost_description_is_written_again),
		cmocka_unit_test(a_lost_note_of_a_loss_is_written_again),
		cmocka_unit_test(a_failure_at_the_segments_end_costs_no_more_than_what_was_pending),
		cmocka_unit_test(a_segment_whose_end_did_not_reach_the_disk_is_not_published),
		cmocka_unit_test(a_streams_segment_ends_where_it_was_settled_last_and_another_begins),
		cmocka_unit_test(a_streams_write_that_fails_costs_nothing_that_comes_behind_it),
		cmocka_unit_test(an_aborted_capture_counts_what_the_file_holds),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
