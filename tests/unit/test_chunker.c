/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include "bc_time.h"

#define S BC_NS_PER_S
#define NOON (1792886400ULL * S)
#define YEAR (365ULL * 24 * 3600 * S)
#define MAX_SEGMENTS 4096

struct fixture {
	struct sink sink;
	struct bc_chunker *c;
	uint64_t next_id;
	uint64_t mono_ns;
	struct segment segment[MAX_SEGMENTS];
	uint32_t n_segments;
};

/* Two lanes, 1000-byte chunks; a packet takes 100 bytes. */
static const struct bc_chunker_config plain = {
	.n_lanes = 2, .chunk_bytes = 1000, .overhead = 36, .snaplen = 262144, .flush_ns = S,
};

static void begin(struct fixture *f, struct bc_chunker_config cfg)
{
	memset(f, 0, sizeof(*f));
	sink_init(&f->sink, &cfg, 4096, 64);
	f->c = &f->sink.chunker;
	f->mono_ns = 5;
}

static void put_bytes(struct fixture *f, uint64_t ts_ns, uint32_t bytes)
{
	struct bc_desc d = fake_packet(ts_ns, f->next_id++, bytes, 1);

	assert_int_equal(bc_chunker_put(f->c, &d, 1, 0), 1);
	sink_drain_all(&f->sink);
}

static void put(struct fixture *f, uint64_t ts_ns)
{
	put_bytes(f, ts_ns, 64);
}

static bool tick(struct fixture *f, uint64_t stream_ns)
{
	bool did = bc_chunker_tick(f->c, f->mono_ns, stream_ns);

	sink_drain_all(&f->sink);
	return did;
}

/* End the stream and look at what came of it. */
static void end(struct fixture *f)
{
	struct descs all;

	while (!bc_chunker_finish(f->c))
		sink_drain_all(&f->sink);
	sink_drain_all(&f->sink);
	sink_sort(&f->sink);
	f->n_segments = sink_segments(&f->sink, f->segment, MAX_SEGMENTS);
	all = sink_packets(&f->sink);
	assert_int_equal(all.n, f->next_id);
	for (size_t i = 0; i < all.n; i++)
		assert_int_equal(fake_id(&all.d[i]), i);
	free(all.d);
}

static void over(struct fixture *f)
{
	sink_free(&f->sink);
}

static void assert_segment(const struct fixture *f, uint32_t i, uint64_t begin_ns, uint64_t packets)
{
	assert_true(i < f->n_segments);
	assert_int_equal(f->segment[i].begin_ns, begin_ns);
	assert_int_equal(f->segment[i].packets, packets);
}

static uint32_t asked;

static uint32_t tell_bytes(const struct bc_desc *d, uint32_t snaplen)
{
	assert_int_equal(snaplen, 262144);
	asked++;
	return 400000;
}

/* Packets with options, for example. */
static void what_a_descriptor_does_not_tell_is_asked_for(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.record_bytes = tell_bytes;
	cfg.chunk_bytes = 1000000;
	asked = 0;
	begin(&f, cfg);
	for (int i = 0; i < 4; i++)
		put_bytes(&f, NOON, 4 * BC_DESC_LEN_MAX);
	assert_int_equal(asked, 5);
	put_bytes(&f, NOON, 64);
	end(&f);
	assert_int_equal(asked, 5);
	assert_int_equal(f.sink.n_got, 2);
	assert_int_equal(f.sink.got[0].packets, 2);
	over(&f);
}

static void a_chunk_ends_before_it_would_exceed_its_bytes(void **state)
{
	struct fixture f;

	begin(&f, plain);
	for (int i = 0; i < 11; i++)
		put(&f, NOON + (uint64_t)i);
	end(&f);
	assert_int_equal(f.sink.n_got, 2);
	assert_int_equal(f.sink.got[0].packets, 10);
	assert_int_equal(f.n_segments, 1);
	over(&f);
}

static void a_rotation_between_segments_cuts_none(void **state)
{
	struct fixture f;

	begin(&f, plain);
	bc_chunker_rotate(f.c);
	put(&f, NOON);
	tick(&f, 0);
	put(&f, NOON + 1);
	bc_chunker_rotate(f.c);
	tick(&f, 0);
	bc_chunker_rotate(f.c);
	put(&f, NOON + 2);
	tick(&f, 0);
	put(&f, NOON + 3);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON, 2);
	assert_segment(&f, 1, NOON + 2, 2);
	over(&f);
}

static void a_segment_ends_with_its_packets(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct bc_desc d[7];
	struct fixture f;

	cfg.rotate_packets = 3;
	begin(&f, cfg);
	for (uint32_t i = 0; i < 7; i++)
		d[i] = fake_packet(NOON + i, f.next_id++, 64, 1);
	assert_int_equal(bc_chunker_put(f.c, d, 7, 0), 7);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON, 3);
	assert_segment(&f, 1, NOON + 3, 3);
	assert_segment(&f, 2, NOON + 6, 1);
	over(&f);
}

static void nothing_is_taken_behind_the_last_segment(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct bc_desc d[9];
	struct fixture f;

	cfg.rotate_packets = 3;
	cfg.stop_segments = 2;
	begin(&f, cfg);
	for (uint32_t i = 0; i < 9; i++)
		d[i] = fake_packet(NOON + i, i, 64, 1);
	assert_false(bc_chunker_over(f.c));
	assert_int_equal(bc_chunker_put(f.c, d, 9, 0), 6);
	assert_true(bc_chunker_over(f.c));
	assert_int_equal(bc_chunker_put(f.c, d + 6, 3, 0), 0);
	f.next_id = 6;
	end(&f);
	assert_int_equal(f.n_segments, 2);
	over(&f);
}

/* A period's end is the segment's, though nothing comes. */
static void the_last_segment_ends_in_time(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = S;
	cfg.begin_ns = NOON;
	cfg.stop_segments = 2;
	begin(&f, cfg);
	put(&f, NOON + S / 2);
	tick(&f, NOON + S);
	assert_false(bc_chunker_over(f.c));
	tick(&f, NOON + 2 * S);
	assert_true(bc_chunker_over(f.c));
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 1, NOON + S, 0);
	over(&f);
}

static void a_period_without_packets_can_be_left_out(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = S;
	cfg.begin_ns = NOON;
	cfg.skip_empty = true;
	begin(&f, cfg);
	tick(&f, NOON + S);
	put(&f, NOON + S + 7);
	for (uint64_t i = 2; i < 5; i++)
		tick(&f, NOON + i * S);
	put(&f, NOON + 4 * S + 9);
	tick(&f, NOON + 6 * S);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON + S, 1);
	assert_segment(&f, 1, NOON + 4 * S, 1);
	over(&f);
}

static void a_record_larger_than_a_chunk_gets_one_of_its_own(void **state)
{
	struct fixture f;

	begin(&f, plain);
	put(&f, NOON);
	put_bytes(&f, NOON, 5000);
	put(&f, NOON);
	end(&f);
	assert_int_equal(f.sink.n_got, 3);
	assert_int_equal(f.sink.got[1].packets, 1);
	over(&f);
}

/* Else a chunk of such records outgrows the largest block that its LZ4 frame allows. */
static void a_record_too_large_for_the_descriptor_counts_as_the_largest_there_is(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.chunk_bytes = 4 * (36 + 262144);
	begin(&f, cfg);
	for (int i = 0; i < 4; i++)
		put_bytes(&f, NOON, 262144);
	end(&f);
	assert_int_equal(f.sink.got[0].packets, 3);
	over(&f);
}

static void a_record_counts_with_no_more_than_the_snaplen(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.snaplen = 64;
	begin(&f, cfg);
	for (int i = 0; i < 9; i++)
		put_bytes(&f, NOON, 9000);
	end(&f);
	assert_int_equal(f.sink.got[0].packets, 1000 / (64 + 24 + 36));
	over(&f);
}

static void an_empty_capture_gives_one_empty_segment(void **state)
{
	struct fixture f;
	uint64_t before = bc_utc_ns();

	begin(&f, plain);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	assert_int_equal(f.segment[0].packets, 0);
	assert_true(f.segment[0].begin_ns >= before && f.segment[0].begin_ns <= bc_utc_ns());
	over(&f);
}

static void an_empty_live_capture_gives_one_that_begins_with_the_capture(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.begin_ns = NOON;
	begin(&f, cfg);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	assert_segment(&f, 0, NOON, 0);
	over(&f);
}

static void a_files_first_segment_begins_with_its_first_packet(void **state)
{
	struct fixture f;

	begin(&f, plain);
	put(&f, NOON + 7);
	put(&f, NOON + 9);
	end(&f);
	assert_segment(&f, 0, NOON + 7, 2);
	over(&f);
}

static struct bc_chunker_config by_time(uint64_t begin_ns)
{
	struct bc_chunker_config cfg = plain;

	cfg.rotate_ns = 10 * S;
	cfg.begin_ns = begin_ns;
	return cfg;
}

static void a_packet_exactly_on_the_boundary_opens_the_next_segment(void **state)
{
	struct fixture f;

	begin(&f, by_time(NOON));
	put(&f, NOON + 10 * S - 1);
	put(&f, NOON + 10 * S);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON, 1);
	assert_segment(&f, 1, NOON + 10 * S, 1);
	over(&f);
}

static void a_files_periods_count_from_its_first_packet(void **state)
{
	struct fixture f;

	begin(&f, by_time(0));
	put(&f, NOON + 3);
	put(&f, NOON + 10 * S + 2);
	put(&f, NOON + 10 * S + 3);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON + 3, 2);
	assert_segment(&f, 1, NOON + 10 * S + 3, 1);
	over(&f);
}

static void a_gap_of_years_gives_no_empty_segments(void **state)
{
	struct fixture f;

	begin(&f, by_time(0));
	put(&f, NOON);
	put(&f, NOON + 7 * YEAR + 4);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 1, NOON + 7 * YEAR, 1);
	over(&f);
}

static void the_end_of_time_is_no_boundary(void **state)
{
	struct fixture f;

	begin(&f, by_time(0));
	put(&f, UINT64_MAX - 5);
	put(&f, UINT64_MAX - 1);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	over(&f);
}

static struct bc_chunker_config by_clock(uint64_t begin_ns)
{
	struct bc_chunker_config cfg = plain;

	cfg.rotate_clock = (struct bc_calendar){ BC_CALENDAR_MINUTE, 20, true };
	cfg.begin_ns = begin_ns;
	return cfg;
}

/* NOON is on a full hour. */
static void the_clock_cuts_where_its_field_is_a_multiple(void **state)
{
	struct fixture f;

	begin(&f, by_clock(0));
	put(&f, NOON + 7 * 60 * S);
	put(&f, NOON + 20 * 60 * S - 1);
	put(&f, NOON + 20 * 60 * S);
	put(&f, NOON + 3600 * S);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON + 7 * 60 * S, 2);
	assert_segment(&f, 1, NOON + 20 * 60 * S, 1);
	assert_segment(&f, 2, NOON + 3600 * S, 1);
	over(&f);
}

static void by_the_clock_a_gap_ends_where_the_packets_period_begins(void **state)
{
	struct fixture f;

	begin(&f, by_clock(0));
	put(&f, NOON);
	put(&f, NOON + 7 * 86400 * S + 25 * 60 * S);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 1, NOON + 7 * 86400 * S + 20 * 60 * S, 1);
	over(&f);
}

static void by_the_clock_idle_live_time_gives_empty_segments(void **state)
{
	struct fixture f;

	begin(&f, by_clock(NOON + 5 * 60 * S));
	for (uint64_t ns = NOON + 5 * 60 * S; ns < NOON + 50 * 60 * S; ns += 60 * S)
		tick(&f, ns);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON + 5 * 60 * S, 0);
	assert_segment(&f, 1, NOON + 20 * 60 * S, 0);
	assert_segment(&f, 2, NOON + 40 * 60 * S, 0);
	over(&f);
}

static void packets_of_the_year_1970_are_packets(void **state)
{
	struct fixture f;

	begin(&f, plain);
	put(&f, 0);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	assert_segment(&f, 0, 0, 1);
	over(&f);
}

static void time_zero_is_cut_by_time_like_any_other(void **state)
{
	struct fixture f;

	begin(&f, by_time(0));
	put(&f, 0);
	put(&f, 10 * S);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, 0, 1);
	over(&f);
}

static void time_zero_is_cut_by_bytes_like_any_other(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_bytes = 200;
	begin(&f, cfg);
	for (int i = 0; i < 5; i++)
		put(&f, 0);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 2, 0, 1);
	over(&f);
}

static void idle_live_time_gives_empty_segments(void **state)
{
	struct fixture f;

	begin(&f, by_time(NOON));
	for (uint64_t ns = NOON; ns < NOON + 35 * S; ns += S)
		tick(&f, ns);
	put(&f, NOON + 35 * S);
	end(&f);
	assert_int_equal(f.n_segments, 4);
	for (uint32_t i = 0; i < 4; i++)
		assert_segment(&f, i, NOON + i * 10 * S, i == 3);
	over(&f);
}

static void a_machine_that_slept_gives_one_segment_for_the_night(void **state)
{
	struct fixture f;

	begin(&f, by_time(NOON));
	put(&f, NOON);
	for (int i = 0; i < 100; i++)
		tick(&f, NOON + 8 * 3600 * S + 5);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 1, NOON + 8 * 3600 * S, 0);
	over(&f);
}

/* What comes of files must not depend on when a tick looks at them. */
static void files_are_cut_by_their_packets_alone(void **state)
{
	struct fixture f;

	begin(&f, by_time(0));
	put(&f, NOON);
	assert_false(tick(&f, NOON + 15 * S));
	put(&f, NOON + 25 * S);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 1, NOON + 20 * S, 1);
	over(&f);
}

static void an_unknown_stream_time_cuts_nothing(void **state)
{
	struct fixture f;

	begin(&f, by_time(NOON));
	assert_false(tick(&f, 0));
	end(&f);
	assert_int_equal(f.n_segments, 1);
	over(&f);
}

static void a_segment_ends_before_it_would_exceed_its_bytes(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_bytes = 2500;
	begin(&f, cfg);
	for (uint64_t i = 0; i < 60; i++)
		put(&f, NOON + i);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON, 25);
	assert_segment(&f, 1, NOON + 25, 25);
	assert_segment(&f, 2, NOON + 50, 10);
	over(&f);
}

static void a_packet_larger_than_a_segment_gets_one_of_its_own(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_bytes = 500;
	begin(&f, cfg);
	put_bytes(&f, NOON, 9000);
	put_bytes(&f, NOON, 9000);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	over(&f);
}

static void a_rotation_by_size_leaves_no_empty_segment_behind(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_bytes = 1000;
	begin(&f, cfg);
	for (int i = 0; i < 10; i++)
		put(&f, NOON);
	bc_chunker_rotate(f.c);
	tick(&f, 0);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	assert_true(f.sink.got[f.sink.n_got - 1].no_segment);
	over(&f);
}

static void time_and_bytes_cut_side_by_side(void **state)
{
	struct bc_chunker_config cfg = by_time(NOON);
	struct fixture f;

	cfg.rotate_bytes = 500;
	begin(&f, cfg);
	for (uint64_t i = 0; i < 12; i++)
		put(&f, NOON + i * S);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON, 5);
	assert_segment(&f, 1, NOON + 5 * S, 5);
	assert_segment(&f, 2, NOON + 10 * S, 2);
	over(&f);
}

static void a_request_ends_the_segment_that_has_begun(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.begin_ns = NOON;
	begin(&f, cfg);
	put(&f, NOON + 1);
	bc_chunker_rotate(f.c);
	assert_true(tick(&f, NOON + 2));
	assert_false(tick(&f, NOON + 3));
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON, 1);
	assert_segment(&f, 1, NOON + 2, 0);
	over(&f);
}

static void a_sparse_output_without_a_packet_has_no_segment(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.sparse = true;
	begin(&f, cfg);
	assert_true(bc_chunker_cut(f.c));
	end(&f);
	assert_int_equal(f.n_segments, 0);
	over(&f);
}

static void a_cut_ends_the_segment_at_once(void **state)
{
	struct fixture f;

	begin(&f, plain);
	put(&f, NOON);
	assert_true(bc_chunker_cut(f.c));
	sink_drain_all(&f.sink);
	put(&f, NOON + 1);
	end(&f);
	assert_int_equal(f.n_segments, 2);
	assert_segment(&f, 0, NOON, 1);
	assert_segment(&f, 1, NOON + 1, 1);
	over(&f);
}

static void a_request_is_kept_until_there_is_room(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.begin_ns = NOON;
	begin(&f, cfg);
	put(&f, NOON);
	f.mono_ns += 2 * S;
	tick(&f, NOON);
	f.mono_ns += 2 * S;
	tick(&f, NOON);
	while (f.sink.n_held < 1 || bc_link_fill(f.sink.cfg.free_chunks)) {
		const struct bc_desc *d;

		bc_link_peek(f.sink.cfg.free_chunks, &d);
		f.sink.held[f.sink.n_held++] = bc_desc_obj(d);
		bc_link_pop(f.sink.cfg.free_chunks, 1);
	}
	bc_chunker_rotate(f.c);
	assert_false(bc_chunker_tick(f.c, f.mono_ns, NOON + 1));
	sink_give_back(&f.sink, UINT32_MAX);
	assert_true(tick(&f, NOON + 2));
	end(&f);
	assert_int_equal(f.n_segments, 2);
	over(&f);
}

static void a_chunk_is_flushed_when_it_has_been_open_for_long(void **state)
{
	struct fixture f;

	begin(&f, plain);
	put(&f, NOON);
	assert_false(tick(&f, 0));
	f.mono_ns += S - 1;
	assert_false(tick(&f, 0));
	f.mono_ns += 1;
	assert_true(tick(&f, 0));
	assert_int_equal(f.sink.n_got, 1);
	assert_int_equal(f.sink.got[0].packets, 1);
	f.mono_ns += 5 * S;
	assert_false(tick(&f, 0));
	end(&f);
	over(&f);
}

static void a_chunk_knows_where_its_packets_are_from(void **state)
{
	struct fixture f;
	struct bc_desc d[3];

	begin(&f, plain);
	for (int i = 0; i < 3; i++)
		d[i] = fake_packet(NOON, (uint64_t)i, 64, 1);
	assert_int_equal(bc_chunker_put(f.c, d, 2, 0), 2);
	assert_int_equal(bc_chunker_put(f.c, d + 2, 1, 7), 1);
	f.next_id = 3;
	end(&f);
	assert_int_equal(f.sink.got[0].packets, 3);
	assert_int_equal(f.sink.got[0].from0, 2);
	over(&f);
}

/* The promise for several outputs: after ready a put of one packet succeeds, whatever it ends. */
static void ready_is_a_promise(void **state)
{
	struct random r = { 5 };

	for (int run = 0; run < 60; run++) {
		struct bc_chunker_config cfg = plain;
		struct fixture f;
		uint64_t ts = NOON;

		cfg.n_lanes = 1 + random_below(&r, 3);
		cfg.rotate_ns = random_below(&r, 2) * 50;
		cfg.rotate_bytes = random_below(&r, 2) * 700;
		cfg.rotate_packets = random_below(&r, 2) * 7;
		cfg.begin_ns = random_below(&r, 2) ? NOON : 0;
		memset(&f, 0, sizeof(f));
		sink_init(&f.sink, &cfg, 64, run % 2 ? 3 : 64);
		f.c = &f.sink.chunker;
		while (f.next_id < 500) {
			struct bc_desc d = fake_packet(ts, f.next_id, 1 + random_below(&r, run % 4 ? 600 : 60), 1);

			if (!random_below(&r, 4)) {
				bc_chunker_rotate(f.c);
				bc_chunker_tick(f.c, 1, ts);
			}

			if (bc_chunker_ready(f.c) && random_below(&r, 200)) {
				assert_int_equal(bc_chunker_put(f.c, &d, 1, 0), 1);
				f.next_id++;
				ts += random_below(&r, 20);
			} else if (random_below(&r, 10)) {
				/* The other lanes' rings fill up. */
				sink_drain(&f.sink, f.c->cur, 10);
				sink_give_back(&f.sink, 1);
			} else {
				sink_random(&f.sink, &r);
			}
		}
		end(&f);
		over(&f);
	}
}

struct starved {
	struct bc_chunker_config cfg;
	uint32_t n;		/* packets */
	uint64_t ts[400];
	uint32_t bytes[400];
};

static void starve(struct starved *s, struct random *r)
{
	uint64_t ts = random_below(r, 2) ? NOON : 0;

	s->cfg = (struct bc_chunker_config){
		.n_lanes = 1 + random_below(r, 4), .chunk_bytes = 500 + random_below(r, 3000), .overhead = 36,
		.snaplen = random_below(r, 2) ? 262144 : 200, .rotate_ns = random_below(r, 2) * (1 + random_below(r, 200)),
		.rotate_bytes = random_below(r, 2) * (1 + random_below(r, 5000)), .flush_ns = 5,
		.rotate_packets = random_below(r, 2) * (1 + random_below(r, 50)),
		.begin_ns = random_below(r, 2) ? ts : 0,
	};
	s->n = random_below(r, 400);
	for (uint32_t i = 0; i < s->n; i++) {
		s->ts[i] = ts;
		s->bytes[i] = 1 + random_below(r, random_below(r, 10) ? 400 : 300000);
		ts += random_below(r, 20) ? random_below(r, 15) : random_below(r, 5000);
	}
}

/* Where the packets are cut by time and bytes, told in the plainest way. Live empty segments are left out. */
static uint32_t cuts(const struct starved *s, const struct sink *sink, struct segment *ret)
{
	uint64_t period = 0, was = 0;
	uint32_t n = 0;

	for (uint32_t i = 0; i < s->n; i++) {
		struct bc_desc d = fake_packet(0, 0, s->bytes[i], 1);
		uint32_t bytes = sink_bytes_of(sink, &d);
		uint64_t from = s->cfg.begin_ns ? s->cfg.begin_ns : s->ts[0];

		if (s->cfg.rotate_ns)
			period = (s->ts[i] - from) / s->cfg.rotate_ns;
		if (!i || period != was || (s->cfg.rotate_packets && ret[n - 1].packets == s->cfg.rotate_packets) ||
		    (s->cfg.rotate_bytes && ret[n - 1].bytes + bytes > s->cfg.rotate_bytes))
			ret[n++] = (struct segment){ .first_ns = s->ts[i] };
		was = period;
		ret[n - 1].packets++;
		ret[n - 1].bytes += bytes;
		ret[n - 1].last_ns = s->ts[i];
	}
	return n;
}

/* Whatever is missing at whatever moment, nothing is lost, and the cuts are where they would have been. */
static void starvation_changes_nothing(void **state)
{
	static struct segment expected[400], got[MAX_SEGMENTS];
	struct random r = { 99 };
	static struct starved s;

	for (int run = 0; run < 300; run++) {
		struct fixture f;
		struct bc_desc d[32];
		uint32_t n_expected, n_got, k = 0;
		uint64_t done = 0;

		starve(&s, &r);
		memset(&f, 0, sizeof(f));
		sink_init(&f.sink, &s.cfg, 64, run % 2 ? 1 + random_below(&r, 5) : 64);
		f.c = &f.sink.chunker;
		while (done < s.n) {
			uint32_t n = 1 + random_below(&r, 32);

			for (uint32_t i = 0; i < n && done + i < s.n; i++)
				d[i] = fake_packet(s.ts[done + i], done + i, s.bytes[done + i], 1);
			if (n > s.n - done)
				n = (uint32_t)(s.n - done);
			done += bc_chunker_put(f.c, d, n, 0);
			bc_chunker_tick(f.c, ++f.mono_ns, done < s.n && !random_below(&r, 4) ? s.ts[done] : 0);
			sink_random(&f.sink, &r);
		}
		while (!bc_chunker_finish(f.c))
			sink_random(&f.sink, &r);
		f.next_id = s.n;
		end(&f);
		n_expected = cuts(&s, &f.sink, expected);
		n_got = sink_segments(&f.sink, got, MAX_SEGMENTS);
		for (uint32_t i = 0; i < n_got; i++) {
			if (!got[i].packets) {
				assert_true(s.cfg.begin_ns || !s.n);
				continue;
			}
			assert_true(k < n_expected);
			assert_int_equal(got[i].packets, expected[k].packets);
			assert_int_equal(got[i].first_ns, expected[k].first_ns);
			assert_int_equal(got[i].last_ns, expected[k].last_ns);
			k++;
		}
		assert_int_equal(k, n_expected);
		over(&f);
	}
}

static void one_time_far_ahead_does_not_end_rotation_of_files(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = 60 * S;
	cfg.files = true;
	begin(&f, cfg);
	for (uint64_t i = 0; i < 300; i++)
		put(&f, i == 90 ? NOON + 70 * YEAR : NOON + i * S);
	end(&f);
	assert_int_equal(f.n_segments, 7);
	assert_segment(&f, 1, NOON + 60 * S, 30);
	assert_int_equal(f.segment[2].packets, 16);
	assert_segment(&f, 3, NOON + 106 * S, 60);
	over(&f);
}

static void a_few_times_out_of_order_end_no_segment(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = 60 * S;
	cfg.files = true;
	begin(&f, cfg);
	for (uint64_t i = 0; i < 300; i++)
		put(&f, i % 16 ? NOON : NOON + 1000 * S);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	over(&f);
}

static void what_comes_late_ends_no_segment_of_a_live_capture(void **state)
{
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = 60 * S;
	cfg.begin_ns = NOON;
	begin(&f, cfg);
	for (uint64_t i = 0; i < 300; i++)
		put(&f, NOON - 1000 * S);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	over(&f);
}

/* Steady time goes on over it; the segments' times are UTC. */
static void a_step_of_the_system_clock_begins_a_segment(void **state)
{
	static struct bc_steps steps;
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = 60 * S;
	cfg.begin_ns = NOON;
	cfg.steps = &steps;
	cfg.cut_at_step = true;
	begin(&f, cfg);
	put(&f, NOON + S);
	bc_steps_add(&steps, NOON + 10 * S, 3600 * S);
	put(&f, NOON + 9 * S);
	put(&f, NOON + 11 * S);
	put(&f, NOON + 69 * S);
	put(&f, NOON + 71 * S);
	end(&f);
	assert_int_equal(f.n_segments, 3);
	assert_segment(&f, 0, NOON, 2);
	assert_segment(&f, 1, NOON + 10 * S - 3600 * S, 2);
	assert_segment(&f, 2, NOON + 70 * S - 3600 * S, 1);
	over(&f);
}

static void a_step_is_told_by_the_first_chunk_behind_it(void **state)
{
	static struct bc_steps steps;
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.begin_ns = NOON;
	cfg.steps = &steps;
	begin(&f, cfg);
	put(&f, NOON + S);
	bc_steps_add(&steps, NOON + 10 * S, 3600 * S);
	put(&f, NOON + 11 * S);
	end(&f);
	assert_int_equal(f.n_segments, 1);
	assert_int_equal(f.sink.n_got, 2);
	assert_int_equal(f.sink.got[0].stepped_ns, 0);
	assert_true(f.sink.got[1].stepped_ns == -3600 * (int64_t)S);
	over(&f);
}

/* Nothing came for a while, and segments without packets have no place for it. */
static void a_step_in_a_silence_is_told_by_the_first_packets_behind_it(void **state)
{
	static struct bc_steps steps;
	struct bc_chunker_config cfg = plain;
	struct fixture f;

	cfg.rotate_ns = 60 * S;
	cfg.begin_ns = NOON;
	cfg.steps = &steps;
	cfg.cut_at_step = true;
	begin(&f, cfg);
	put(&f, NOON + S);
	bc_steps_add(&steps, NOON + 10 * S, 3600 * S);
	while (tick(&f, NOON + 200 * S))
		;
	put(&f, NOON + 201 * S);
	end(&f);
	for (size_t i = 0; i < f.sink.n_got; i++)
		assert_true(f.sink.got[i].stepped_ns == (i + 1 == f.sink.n_got ? -3600 * (int64_t)S : 0));
	over(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_of_the_system_clock_begins_a_segment),
		cmocka_unit_test(a_step_is_told_by_the_first_chunk_behind_it),
		cmocka_unit_test(a_step_in_a_silence_is_told_by_the_first_packets_behind_it),
		cmocka_unit_test(what_a_descriptor_does_not_tell_is_asked_for),
		cmocka_unit_test(a_chunk_ends_before_it_would_exceed_its_bytes),
		cmocka_unit_test(a_record_larger_than_a_chunk_gets_one_of_its_own),
		cmocka_unit_test(a_rotation_between_segments_cuts_none),
		cmocka_unit_test(a_segment_ends_with_its_packets),
		cmocka_unit_test(nothing_is_taken_behind_the_last_segment),
		cmocka_unit_test(the_last_segment_ends_in_time),
		cmocka_unit_test(a_period_without_packets_can_be_left_out),
		cmocka_unit_test(a_record_too_large_for_the_descriptor_counts_as_the_largest_there_is),
		cmocka_unit_test(one_time_far_ahead_does_not_end_rotation_of_files),
		cmocka_unit_test(a_few_times_out_of_order_end_no_segment),
		cmocka_unit_test(what_comes_late_ends_no_segment_of_a_live_capture),
		cmocka_unit_test(a_record_counts_with_no_more_than_the_snaplen),
		cmocka_unit_test(an_empty_capture_gives_one_empty_segment),
		cmocka_unit_test(an_empty_live_capture_gives_one_that_begins_with_the_capture),
		cmocka_unit_test(a_files_first_segment_begins_with_its_first_packet),
		cmocka_unit_test(a_packet_exactly_on_the_boundary_opens_the_next_segment),
		cmocka_unit_test(a_files_periods_count_from_its_first_packet),
		cmocka_unit_test(a_gap_of_years_gives_no_empty_segments),
		cmocka_unit_test(the_end_of_time_is_no_boundary),
		cmocka_unit_test(the_clock_cuts_where_its_field_is_a_multiple),
		cmocka_unit_test(by_the_clock_a_gap_ends_where_the_packets_period_begins),
		cmocka_unit_test(by_the_clock_idle_live_time_gives_empty_segments),
		cmocka_unit_test(packets_of_the_year_1970_are_packets),
		cmocka_unit_test(time_zero_is_cut_by_time_like_any_other),
		cmocka_unit_test(time_zero_is_cut_by_bytes_like_any_other),
		cmocka_unit_test(idle_live_time_gives_empty_segments),
		cmocka_unit_test(a_machine_that_slept_gives_one_segment_for_the_night),
		cmocka_unit_test(files_are_cut_by_their_packets_alone),
		cmocka_unit_test(an_unknown_stream_time_cuts_nothing),
		cmocka_unit_test(a_segment_ends_before_it_would_exceed_its_bytes),
		cmocka_unit_test(a_packet_larger_than_a_segment_gets_one_of_its_own),
		cmocka_unit_test(a_rotation_by_size_leaves_no_empty_segment_behind),
		cmocka_unit_test(time_and_bytes_cut_side_by_side),
		cmocka_unit_test(a_request_ends_the_segment_that_has_begun),
		cmocka_unit_test(a_sparse_output_without_a_packet_has_no_segment),
		cmocka_unit_test(a_cut_ends_the_segment_at_once),
		cmocka_unit_test(a_request_is_kept_until_there_is_room),
		cmocka_unit_test(a_chunk_is_flushed_when_it_has_been_open_for_long),
		cmocka_unit_test(a_chunk_knows_where_its_packets_are_from),
		cmocka_unit_test(ready_is_a_promise),
		cmocka_unit_test(starvation_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
