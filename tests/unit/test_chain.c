/* SPDX-License-Identifier: BSD-3-Clause */
#include "chain.h"

/* Of all sizes that a packet has, now and then one that fills several mbufs, or tells of a loss before it. */
static void send_mix(struct chain *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint32_t what = random_below(&c->random, 40), source = random_below(&c->random, c->cfg.sources);
		uint32_t len = what == 0 ? 9000 + random_below(&c->random, 9000) : what < 5 ? 4 + random_below(&c->random, 20) :
			       64 + random_below(&c->random, 1400);

		chain_send_as(c, (struct chain_packet){
			.source = source, .iface = source, .len = len,
			.drops = (c->cfg.format == BC_FORMAT_PCAPNG || c->cfg.format == BC_FORMAT_ERF) && !random_below(&c->random, 20) ? 1 + i : 0,
		});
	}
}

static void all_that_was_sent_can_be_read(enum bc_format format)
{
	for (uint32_t n = 0; n < 18; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n % 3, .sources = 3, .format = format, .codec = (enum bc_codec)(n / 3 % 3),
			.snaplen = n < 9 ? 0 : 1 + 99 * (n % 2), .rotate_bytes = n % 2 ? 200000 : 0, .queue_option = n % 2,
			.flush_ns = n % 4 ? 0 : BC_NS_PER_MS,
		});

		send_mix(c, n % 5 ? 1000 : 1);
		chain_end(c);
		if (c->cfg.snaplen == 1) {
			assert_int_equal(chain_balance(c).written, c->n_sent);
		} else {
			chain_check_all(c);
		}
		chain_free(c);
	}
}

static void pcapng_holds_all_that_was_sent(void **state)
{
	all_that_was_sent_can_be_read(BC_FORMAT_PCAPNG);
}

static void pcap_holds_all_that_was_sent(void **state)
{
	all_that_was_sent_can_be_read(BC_FORMAT_PCAP_NS);
}

static void pcap_us_holds_all_that_was_sent(void **state)
{
	all_that_was_sent_can_be_read(BC_FORMAT_PCAP_US);
}

static void erf_holds_all_that_was_sent(void **state)
{
	all_that_was_sent_can_be_read(BC_FORMAT_ERF);
}

static void erf_holds_ethernet_only(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .sources = 2, .format = BC_FORMAT_ERF });
	uint32_t raw = chain_iface(c, 101);

	/* Though the first packet is of the other type. */
	for (uint32_t i = 0; i < 100; i++)
		chain_send_as(c, (struct chain_packet){ .source = i % 2 == 0, .iface = i % 2 ? 0 : raw, .len = 200 });
	chain_end(c);
	assert_int_equal(chain_lost(c, BC_LOSS_LINK_TYPE), 50);
	assert_int_equal(chain_balance(c).written, 50);
	chain_free(c);
}

static void an_empty_capture_gives_one_readable_file(void **state)
{
	for (uint32_t n = 0; n < 3 * BC_FORMAT_COUNT; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)(n % 3),
								   .format = (enum bc_format)(n / 3) });

		chain_end(c);
		assert_int_equal(c->n_segments, 1);
		chain_check_all(c);
		chain_free(c);
	}
}

static void the_end_is_told_once(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4 });

	chain_send_many(c, 100, 64);
	chain_settle(c);
	assert_int_equal(c->over, 0);
	chain_end(c);
	assert_int_equal(c->over, 1);
	chain_free(c);
}

static void packets_without_bytes_are_packets(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4 });

	chain_send_many(c, 100, 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void the_largest_records_fit_chunks_of_every_size(void **state)
{
	for (uint32_t n = 0; n < 6; n++) {
		struct chain *c = chain_new((struct chain_config){
			.chunk_bytes = n / 2 == 0 ? 65536 : n / 2 == 1 ? 262144 : 4U << 20, .codec = n % 2 ? BC_CODEC_LZ4 : BC_CODEC_NONE,
			.queue_option = true, .buffers = 8,
		});

		for (int i = 0; i < 20; i++) {
			chain_send_as(c, (struct chain_packet){ .len = 262144, .drops = 5 });
			chain_send(c, 100);
		}
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

/* Nothing has to be waited for while the lanes stand still: rings and buffers are large enough. */
static void let_merge(struct chain *c)
{
	for (int i = 0; i < 20; i++)
		bc_merge_poll(c->merge, 1000);
}

/* The open chunk goes to its lane. */
static void flush(struct chain *c)
{
	let_merge(c);
	bc_merge_tick(c->merge, 1);
	bc_merge_tick(c->merge, 1 + c->cfg.flush_ns);
}

/* A chunk that is stored is one block, and a frame's header says how long a block may be. */
static void a_stored_chunk_is_a_legal_block(void **state)
{
	struct chain *c = chain_new((struct chain_config){
		.chunk_bytes = 4U << 20, .codec = BC_CODEC_LZ4, .accelerate = true, .buffers = 8,
	});

	for (int i = 0; i < 15; i++)
		chain_send_as(c, (struct chain_packet){ .len = 262144, .drops = 5 });
	chain_send(c, 261640);
	flush(c);
	for (int i = 0; i < 5; i++) {
		chain_send(c, 64);
		flush(c);
	}
	bc_lane_poll(c->lane[0]);
	assert_true(bc_counter_get(&bc_lane_stats(c->lane[0])->blocks_stored) > 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void under_pressure_blocks_are_made_faster_and_then_stored(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .accelerate = true, .buffers = 20 });
	const struct bc_lane_stats *s = bc_lane_stats(c->lane[0]);

	chain_send_many(c, 700, 1500);
	let_merge(c);
	for (int i = 0; i < 1000; i++)
		bc_lane_poll(c->lane[0]);
	assert_true(bc_counter_get(&s->blocks_stored) > 0);
	assert_true(bc_counter_get(&s->blocks_faster) > 0);
	assert_true(bc_counter_get(&s->blocks) > 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* A chunk of which a part is compressed already is not stored as a whole. */
static void pressure_that_comes_in_mid_chunk(void **state)
{
	struct chain *c = chain_new((struct chain_config){
		.codec = BC_CODEC_LZ4, .accelerate = true, .buffers = 12, .chunk_bytes = 262144,
	});
	const struct bc_lane_stats *s = bc_lane_stats(c->lane[0]);

	chain_send_many(c, 28, 9000);
	flush(c);
	bc_lane_poll(c->lane[0]);
	assert_int_equal(bc_counter_get(&s->blocks) + bc_counter_get(&s->blocks_incompressible), 1);
	chain_send_many(c, 290, 9000);
	let_merge(c);
	for (int i = 0; i < 20; i++)
		bc_lane_poll(c->lane[0]);
	assert_true(bc_counter_get(&s->blocks_stored) > 3);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* Records so small that not even their headers are compressed then. */
static void a_lane_that_keeps_its_sources_waiting_stores(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .accelerate = true, .calm_rounds = 8, .buffers = 6 });
	const struct bc_lane_stats *s = bc_lane_stats(c->lane[0]);

	chain_send_many(c, 850, 150);
	let_merge(c);
	bc_lane_poll(c->lane[0]);
	assert_int_equal(bc_counter_get(&s->blocks_stored), 1);
	for (int i = 0; i < 20; i++)
		bc_lane_poll(c->lane[0]);
	assert_int_equal(bc_counter_get(&s->blocks), 0);
	chain_send_many(c, 10, 1500);
	flush(c);
	for (int i = 0; i < 20; i++)
		bc_lane_poll(c->lane[0]);
	assert_true(bc_counter_get(&s->blocks) > 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

/* The committer waits for a file, and its chunks are all that a lane can have written. */
static struct chain *with_a_late_committer(uint32_t lanes, enum bc_codec codec, uint64_t patience_ns, char *watchfile)
{
	scratch_name(watchfile, "bc-go");
	return chain_new((struct chain_config){ .lanes = lanes, .codec = codec, .patience_ns = patience_ns, .chunk_bytes = 8192,
						.buffers = 96, .watchfile = watchfile });
}

static void let_commit(struct chain *c, const char *watchfile)
{
	close(open(watchfile, O_CREAT | O_WRONLY, 0600));
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void a_blocking_lane_lets_the_committer_be_few_chunks_behind(void **state)
{
	for (enum bc_codec codec = BC_CODEC_NONE; codec <= BC_CODEC_LZ4; codec++) {
		char watchfile[SCRATCH_MAX];
		struct chain *c = with_a_late_committer(1, codec, CHAIN_TIMEOUT_NS, watchfile);

		chain_send_many(c, 1000, 1500);
		let_merge(c);
		for (int i = 0; i < 500; i++)
			bc_lane_poll(c->lane[0]);
		assert_true(bc_bufpool_available(c->pool) >= 96 - 22);
		assert_true(bc_counter_get(&bc_lane_stats(c->lane[0])->packets) < 1000);
		let_commit(c, watchfile);
	}
}

static void a_blocking_lane_packs_what_the_committer_waits_for(void **state)
{
	char watchfile[SCRATCH_MAX];
	struct chain *c = with_a_late_committer(2, BC_CODEC_NONE, CHAIN_TIMEOUT_NS, watchfile);

	chain_send_many(c, 900, 1500);
	let_merge(c);
	/* The first chunk is the other lane's. */
	for (int i = 0; i < 100; i++)
		bc_lane_poll(c->lane[1]);
	assert_true(bc_bufpool_available(c->pool) <= 96 - 32);
	for (int i = 0; i < 100; i++)
		bc_lane_poll(c->lane[0]);
	assert_true(bc_counter_get(&bc_lane_stats(c->lane[0])->packets) > 0);
	let_commit(c, watchfile);
}

static void a_blocking_lane_fills_the_buffers_when_the_committer_stands_still(void **state)
{
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;
	char watchfile[SCRATCH_MAX];
	struct chain *c = with_a_late_committer(1, BC_CODEC_NONE, BC_NS_PER_MS, watchfile);

	chain_send_many(c, 900, 1500);
	let_merge(c);
	while (bc_bufpool_available(c->pool) > 1 && bc_mono_ns() < until_ns)
		bc_lane_poll(c->lane[0]);
	assert_int_equal(bc_bufpool_available(c->pool), 1);
	let_commit(c, watchfile);
}

static void a_lane_that_shares_its_cpu_with_the_committer_waits_and_goes_on(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .patience_ns = BC_NS_PER_MS, .one_cpu = true, .buffers = 8 });

	chain_send_many(c, 900, 1500);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void without_leave_the_ladder_stays_up(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .buffers = 20 });
	const struct bc_lane_stats *s = bc_lane_stats(c->lane[0]);

	chain_send_many(c, 700, 1500);
	let_merge(c);
	for (int i = 0; i < 1000; i++)
		bc_lane_poll(c->lane[0]);
	assert_int_equal(bc_counter_get(&s->blocks_stored) + bc_counter_get(&s->blocks_faster), 0);
	chain_end(c);
	chain_check_all(c);
	chain_free(c);
}

static void a_higher_level_makes_a_smaller_file(void **state)
{
	uint64_t bytes[2];

	for (int i = 0; i < 2; i++) {
		struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .level = i ? 9 : 1 });

		chain_send_many(c, 300, 1500);
		chain_end(c);
		chain_check_all(c);
		bytes[i] = c->segment[0].file_bytes;
		chain_free(c);
	}
	assert_true(bytes[1] < bytes[0]);
}

/* The lanes ahead must leave a buffer to the one behind, else both wait for ever. */
static void a_lane_that_runs_ahead_does_not_starve_the_one_that_is_waited_for(void **state)
{
	for (uint32_t n = 0; n < 4; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 2 + n % 2, .codec = n / 2 ? BC_CODEC_LZ4 : BC_CODEC_NONE, .buffers = 6,
		});

		chain_send_many(c, 40, 60000);
		let_merge(c);
		for (int i = 0; i < 100; i++)
			bc_lane_poll(c->lane[1]);
		assert_true(bc_bufpool_available(c->pool) > 0);
		chain_end(c);
		chain_check_all(c);
		chain_free(c);
	}
}

static void interfaces_that_appear_later_are_described_before_their_packets(void **state)
{
	for (uint32_t n = 0; n < 3; n++) {
		struct chain *c = chain_new((struct chain_config){ .lanes = 2, .codec = (enum bc_codec)n });

		for (uint32_t i = 1; i < 5; i++) {
			chain_send_many(c, 50, 300);
			chain_iface(c, 1);
			if (i == 2)
				chain_settle(c);
			for (int k = 0; k < 50; k++)
				chain_send_as(c, (struct chain_packet){ .iface = i, .len = 300 });
		}
		chain_end(c);
		assert_int_equal(c->n_segments, 1);
		chain_check_all(c);
		chain_free(c);
	}
}

static void a_second_link_type_is_lost_in_classic_pcap_by_that_name(void **state)
{
	for (uint32_t n = 0; n < BC_CODEC_COUNT && bc_codec_is_built((enum bc_codec)n); n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 2, .sources = 2, .format = BC_FORMAT_PCAP_NS, .codec = (enum bc_codec)n, .rotate_bytes = 20000,
		});

		uint32_t raw = chain_iface(c, 101), odd = 0;

		for (uint32_t i = 0; i < 500; i++) {
			bool other = random_below(&c->random, 3) == 0 || (i > 300 && i < 400);

			odd += other;
			chain_send_as(c, (struct chain_packet){ .source = other, .iface = other ? raw : 0, .len = 200 });
		}
		chain_end(c);
		assert_int_equal(chain_lost(c, BC_LOSS_LINK_TYPE), odd);
		assert_int_equal(bc_counter_get(&c->ledger->output[0].source[1].dropped[BC_LOSS_LINK_TYPE]), odd);
		assert_int_equal(chain_balance(c).written, 500 - odd);
		chain_check_segments(c);
		chain_free(c);
	}
}

static void the_queue_is_written_when_asked_for(void **state)
{
	for (int asked = 0; asked < 2; asked++) {
		struct chain *c = chain_new((struct chain_config){ .sources = 1, .queue_option = asked });
		static const uint8_t option[] = { 6, 0, 4, 0, 3, 0, 0, 0, 0, 0, 0, 0 };
		size_t len;
		uint8_t *bytes;

		chain_send(c, 64);
		chain_end(c);
		bytes = chain_load(c->segment[0].path, &len);
		assert_int_equal(memmem(bytes, len, option, sizeof(option)) != NULL, asked);
		free(bytes);
		chain_free(c);
	}
}

/* Also of what a stream codec still held back when the statistics were made. */
static void the_last_segment_tells_the_final_numbers(void **state)
{
	for (uint32_t n = 0; n < 3; n++) {
		struct chain *c = chain_new((struct chain_config){ .codec = (enum bc_codec)n });

		chain_send_many(c, 500, 400);
		chain_end(c);
		chain_check_all(c);
		assert_int_equal(chain_count_text(c->segment[0].path, "received=500 written=500"), 1);
		chain_free(c);
	}
}

static void what_comes_past_the_count_is_in_the_ledger(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .sources = 2, .count = 123 });

	chain_send_many(c, 400, 400);
	chain_end(c);
	assert_int_equal(chain_balance(c).written, 123);
	assert_int_equal(chain_lost(c, BC_LOSS_PAST_END), 400 - 123);
	chain_check_segments(c);
	chain_free(c);
}

static void a_store_that_drops_is_an_output_like_any_other(void **state)
{
	for (uint32_t n = 0; n < 3; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 3, .codec = (enum bc_codec)n, .store = BC_STORE_NULL, .rotate_bytes = 100000,
		});

		send_mix(c, 1000);
		chain_end(c);
		assert_int_equal(chain_balance(c).written, 1000);
		assert_true(c->n_segments > 3);
		chain_free(c);
	}
}

static void a_segment_knows_its_packets_and_times(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .lanes = 2 });

	c->ts_ns = 0;
	chain_send_many(c, 200, 1000);
	chain_end(c);
	assert_int_equal(c->n_segments, 1);
	assert_int_equal(c->segment[0].info.packets, 200);
	assert_int_equal(c->segment[0].info.begin_ns, 0);
	assert_int_equal(c->segment[0].info.first_ns, 0);
	assert_int_equal(c->segment[0].info.last_ns, 199);
	chain_check_all(c);
	chain_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pcapng_holds_all_that_was_sent),
		cmocka_unit_test(pcap_holds_all_that_was_sent),
		cmocka_unit_test(pcap_us_holds_all_that_was_sent),
		cmocka_unit_test(erf_holds_all_that_was_sent),
		cmocka_unit_test(erf_holds_ethernet_only),
		cmocka_unit_test(an_empty_capture_gives_one_readable_file),
		cmocka_unit_test(the_end_is_told_once),
		cmocka_unit_test(packets_without_bytes_are_packets),
		cmocka_unit_test(the_largest_records_fit_chunks_of_every_size),
		cmocka_unit_test(a_stored_chunk_is_a_legal_block),
		cmocka_unit_test(under_pressure_blocks_are_made_faster_and_then_stored),
		cmocka_unit_test(pressure_that_comes_in_mid_chunk),
		cmocka_unit_test(a_lane_that_keeps_its_sources_waiting_stores),
		cmocka_unit_test(a_blocking_lane_lets_the_committer_be_few_chunks_behind),
		cmocka_unit_test(a_blocking_lane_packs_what_the_committer_waits_for),
		cmocka_unit_test(a_blocking_lane_fills_the_buffers_when_the_committer_stands_still),
		cmocka_unit_test(a_lane_that_shares_its_cpu_with_the_committer_waits_and_goes_on),
		cmocka_unit_test(without_leave_the_ladder_stays_up),
		cmocka_unit_test(a_higher_level_makes_a_smaller_file),
		cmocka_unit_test(a_lane_that_runs_ahead_does_not_starve_the_one_that_is_waited_for),
		cmocka_unit_test(interfaces_that_appear_later_are_described_before_their_packets),
		cmocka_unit_test(a_second_link_type_is_lost_in_classic_pcap_by_that_name),
		cmocka_unit_test(the_queue_is_written_when_asked_for),
		cmocka_unit_test(the_last_segment_tells_the_final_numbers),
		cmocka_unit_test(what_comes_past_the_count_is_in_the_ledger),
		cmocka_unit_test(a_store_that_drops_is_an_output_like_any_other),
		cmocka_unit_test(a_segment_knows_its_packets_and_times),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
