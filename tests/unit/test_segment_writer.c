/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_bytes.h"
#include "bc_pcapng.h"
#include "bc_segment_writer.h"
#include "bc_time.h"

struct sink {
	struct bc_segment_writer *w;
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	struct bc_carry *carry;
	uint8_t bytes[65536];	/* of the last write */
	size_t len;
	bool end;
	uint32_t writes;
	int fails;		/* negative errno of every write; 0: none */
};

static int to_sink(void *ctx, const uint8_t *data, size_t len, bool end)
{
	struct sink *s = ctx;

	assert_true(len <= sizeof(s->bytes));
	memcpy(s->bytes, data, len);
	s->len = len;
	s->end = end;
	s->writes++;
	return s->fails;
}

static void open_sink_of(struct sink *s, enum bc_format format, enum bc_codec codec)
{
	memset(s, 0, sizeof(*s));
	s->ifaces = bc_iface_table_new();
	s->ledger = bc_ledger_new();
	s->carry = bc_carry_new();
	s->ledger->n_sources = 1;
	assert_int_equal(bc_iface_add(s->ifaces, &(struct bc_iface){ .name = "if0", .linktype = 1 }), 0);
	assert_int_equal(bc_segment_writer_new(&(struct bc_segment_writer_config){
		.section = { .format = format, .snaplen = 65535, .ifaces = s->ifaces, .ledger = s->ledger, .carry = s->carry },
		.codec = codec, .level = 1, .stream_workers = 1, .block_max = 65536, .write = to_sink, .write_ctx = s,
	}, &s->w, NULL), 0);
}

static void open_sink(struct sink *s, enum bc_codec codec)
{
	open_sink_of(s, BC_FORMAT_PCAPNG, codec);
}

static void close_sink(struct sink *s)
{
	bc_segment_writer_free(s->w);
	bc_segment_writer_free(NULL);
	bc_ledger_free(s->ledger);
	bc_carry_free(s->carry);
	free(s->ifaces);
}

static bool holds(const struct sink *s, const char *words)
{
	return memmem(s->bytes, s->len, words, strlen(words)) != NULL;
}

static void a_write_that_fails_leaves_the_segment_as_it_was(void **state)
{
	struct bc_chunk k = { .data = (uint8_t *)"1234", .len = 4, .dense = 4 };
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	s.fails = -EIO;
	assert_int_equal(bc_segment_writer_begin(s.w, 7, -1), -EIO);
	assert_false(bc_segment_writer_begun(s.w));
	s.fails = 0;
	assert_int_equal(bc_segment_writer_begin(s.w, 7, -1), 0);
	assert_true(bc_segment_writer_begun(s.w));
	s.fails = -EIO;
	assert_int_equal(bc_segment_writer_chunk(s.w, &k, 1), -EIO);
	assert_int_equal(bc_segment_writer_info(s.w)->packets, 0);
	close_sink(&s);
}

static void an_interface_is_described_once(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	assert_true(holds(&s, "if0"));
	bc_iface_add(s.ifaces, &(struct bc_iface){ .name = "if1", .linktype = 1 });
	assert_int_equal(bc_segment_writer_describe(s.w, 2), 0);
	assert_true(holds(&s, "if1") && !holds(&s, "if0"));
	assert_int_equal(bc_segment_writer_describe(s.w, 2), 0);
	assert_int_equal(s.writes, 2);
	close_sink(&s);
}

static int describe_offset(const void *ctx, char *buf, size_t size)
{
	return snprintf(buf, size, "%d ns off", *(const int *)ctx);
}

/* What was true of its clock when the capture began need not be true now. */
static void each_segment_describes_the_clock_as_it_is_then(void **state)
{
	int off_ns = 12;
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_iface_add(s.ifaces, &(struct bc_iface){ .name = "if1", .describe_clock = describe_offset, .describe_ctx = &off_ns });
	bc_segment_writer_begin(s.w, 7, -1);
	assert_true(holds(&s, "stamp: software; 12 ns off"));
	bc_segment_writer_over(s.w);
	off_ns = -7;
	bc_iface_set_off(s.ifaces, 1, 37 * BC_NS_PER_S);
	bc_segment_writer_begin(s.w, 8, -1);
	assert_true(holds(&s, "stamp: software; -7 ns off; its clock runs on TAI: 37 s are taken off each stamp"));
	close_sink(&s);
}

static void a_loss_is_told_once_also_over_segments(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	assert_int_equal(bc_segment_writer_tell_loss(s.w, 5, BC_LOSS_DISK_FULL, 1), 0);
	assert_true(holds(&s, "5 packets were lost here: disk_full"));
	bc_segment_writer_over(s.w);
	bc_segment_writer_begin(s.w, 8, -1);
	assert_int_equal(bc_segment_writer_tell_loss(s.w, 5, BC_LOSS_DISK_FULL, 1), 0);
	assert_int_equal(s.writes, 3);
	assert_int_equal(bc_segment_writer_tell_loss(s.w, 7, BC_LOSS_DISK_ERROR, 1), 0);
	assert_true(holds(&s, "2 packets were lost here: disk_error"));
	close_sink(&s);
}

/* As a statistics block at the time of the packet that follows. */
static void a_step_of_the_clock_is_told_where_it_was(void **state)
{
	static const struct { int64_t stepped_ns; const char *words; } row[] = {
		{ -3600 * (int64_t)BC_NS_PER_S, "the system clock was stepped by -3600.000 s here; received=" },
		{ 3600 * (int64_t)BC_NS_PER_S, "the system clock was stepped by +3600.000 s here; received=" },
		{ 1500 * (int64_t)BC_NS_PER_MS, "the system clock was stepped by +1.500 s here; received=" },
	};
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		assert_int_equal(bc_segment_writer_tell_step(s.w, row[i].stepped_ns, 9 + i), 0);
		assert_true(holds(&s, row[i].words));
		assert_int_equal(bc_get_le32(s.bytes), BC_PCAPNG_ISB);
		assert_int_equal(bc_get_le32(s.bytes + 16), 9 + i);
	}
	close_sink(&s);
}

static void a_step_that_cannot_be_written_has_its_error(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	s.fails = -ENOSPC;
	assert_int_equal(bc_segment_writer_tell_step(s.w, 1, 9), -ENOSPC);
	close_sink(&s);
}

/* Classic pcap has no place for it. */
static void where_the_format_has_no_place_for_a_step_nothing_is_written(void **state)
{
	struct sink s;

	open_sink_of(&s, BC_FORMAT_PCAP_NS, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	assert_int_equal(bc_segment_writer_tell_step(s.w, -1, 9), 0);
	assert_int_equal(s.writes, 1);
	close_sink(&s);
}

static void what_was_cut_off_is_written_again(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	bc_segment_writer_mark(s.w);
	bc_segment_writer_tell_loss(s.w, 5, BC_LOSS_DISK_FULL, 1);
	bc_segment_writer_cut(s.w);
	assert_true(bc_segment_writer_begun(s.w));
	s.len = 0;
	bc_segment_writer_tell_loss(s.w, 5, BC_LOSS_DISK_FULL, 1);
	assert_true(holds(&s, "5 packets were lost here: disk_full"));
	close_sink(&s);
}

/* So that a full disk may refuse it as often as it likes. */
static void the_end_of_a_stream_is_made_once(void **state)
{
	static uint8_t first[65536];
	struct sink s;
	size_t len;

	open_sink(&s, BC_CODEC_ZSTD);
	bc_segment_writer_begin(s.w, 7, -1);
	s.fails = -ENOSPC;
	assert_int_equal(bc_segment_writer_end(s.w), -ENOSPC);
	assert_true(s.end && s.len > 0 && bc_segment_writer_closed(s.w));
	len = s.len;
	memcpy(first, s.bytes, len);
	s.fails = 0;
	assert_int_equal(bc_segment_writer_end(s.w), 0);
	assert_int_equal(s.len, len);
	assert_memory_equal(s.bytes, first, len);
	assert_false(bc_segment_writer_holds(s.w));
	close_sink(&s);
}

static void what_a_stream_holds_waits_for_the_next_push(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_ZSTD);
	bc_segment_writer_begin(s.w, 7, -1);
	s.fails = -ENOSPC;
	assert_int_equal(bc_segment_writer_flush(s.w), -ENOSPC);
	assert_true(bc_segment_writer_holds(s.w));
	s.fails = 0;
	assert_int_equal(bc_segment_writer_push(s.w), 0);
	assert_false(bc_segment_writer_holds(s.w));
	close_sink(&s);
}

static void find_beside(struct sink *s, enum bc_carry_kind kind, const char *words)
{
	assert_int_equal(bc_carry_add(s->carry, kind, (const uint8_t *)words, (uint32_t)strlen(words)), 0);
}

static void each_segment_has_what_concerns_it(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	find_beside(&s, BC_CARRY_SECTION, "site");
	find_beside(&s, BC_CARRY_BLOCK, "the secrets.");
	for (int i = 0; i < 2; i++) {
		bc_segment_writer_begin(s.w, 7, -1);
		assert_true(holds(&s, "site") && holds(&s, "the secrets."));
		assert_int_equal(bc_segment_writer_info(s.w)->bytes, s.len);
		assert_int_equal(bc_segment_writer_carry(s.w), 0);
		assert_int_equal(s.writes, i + 1);
		bc_segment_writer_over(s.w);
	}
	close_sink(&s);
}

static void what_is_found_later_stands_at_its_place(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	find_beside(&s, BC_CARRY_BLOCK, "the secrets.");
	find_beside(&s, BC_CARRY_HERE, "an entry");
	assert_int_equal(bc_segment_writer_carry(s.w), 0);
	assert_int_equal(s.len, 20);
	assert_true(holds(&s, "the secrets.an entry"));
	bc_segment_writer_over(s.w);
	find_beside(&s, BC_CARRY_HERE, "the next");
	bc_segment_writer_begin(s.w, 8, -1);
	assert_true(holds(&s, "the secrets.the next"));
	assert_false(holds(&s, "an entry"));
	close_sink(&s);
}

static void what_was_found_beside_packets_and_cut_off_is_written_again(void **state)
{
	struct sink s;

	open_sink(&s, BC_CODEC_NONE);
	bc_segment_writer_begin(s.w, 7, -1);
	bc_segment_writer_mark(s.w);
	find_beside(&s, BC_CARRY_HERE, "an entry");
	s.fails = -EIO;
	assert_int_equal(bc_segment_writer_carry(s.w), -EIO);
	s.fails = 0;
	assert_int_equal(bc_segment_writer_carry(s.w), 0);
	bc_segment_writer_cut(s.w);
	s.len = 0;
	assert_int_equal(bc_segment_writer_carry(s.w), 0);
	assert_true(holds(&s, "an entry"));
	close_sink(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_write_that_fails_leaves_the_segment_as_it_was),
		cmocka_unit_test(an_interface_is_described_once),
		cmocka_unit_test(each_segment_describes_the_clock_as_it_is_then),
		cmocka_unit_test(each_segment_has_what_concerns_it),
		cmocka_unit_test(what_is_found_later_stands_at_its_place),
		cmocka_unit_test(what_was_found_beside_packets_and_cut_off_is_written_again),
		cmocka_unit_test(a_loss_is_told_once_also_over_segments),
		cmocka_unit_test(a_step_of_the_clock_is_told_where_it_was),
		cmocka_unit_test(a_step_that_cannot_be_written_has_its_error),
		cmocka_unit_test(where_the_format_has_no_place_for_a_step_nothing_is_written),
		cmocka_unit_test(what_was_cut_off_is_written_again),
		cmocka_unit_test(the_end_of_a_stream_is_made_once),
		cmocka_unit_test(what_a_stream_holds_waits_for_the_next_push),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
