/* SPDX-License-Identifier: BSD-3-Clause */
#include "sink.h"

#include "bc_merge.h"
#include "bc_time.h"

#define MAX_OUTPUTS 3
#define MAX_PACKETS 6000

/* One source: what it will send, how far it has come. A packet's number is its place in the array, its source in the upper bits. */
struct feed {
	struct bc_desc d[MAX_PACKETS];
	uint32_t n, sent;
};

struct fixture {
	struct feed *feed;
	struct bc_link *link[BC_MAX_SOURCES];
	bool blocking[BC_MAX_SOURCES];
	uint32_t n_links, n_outputs;
	struct sink sink[MAX_OUTPUTS];
	struct bc_ledger *ledger;
	struct bc_merge *m;
	struct descs dropped;
	_Atomic bool limit_reached;
	uint64_t mono_ns;
};

static void drop(void *ctx, const struct bc_desc *d, uint32_t n)
{
	struct fixture *f = ctx;

	for (uint32_t i = 0; i < n; i++)
		descs_add(&f->dropped, d[i]);
}

static void begin(struct fixture *f, uint32_t n_links, uint32_t n_outputs, uint32_t chunks)
{
	struct bc_chunker_config cc = { .n_lanes = 2, .chunk_bytes = 2000, .snaplen = 262144, .flush_ns = BC_NS_PER_S };

	memset(f, 0, sizeof(*f));
	f->n_links = n_links;
	f->n_outputs = n_outputs;
	f->feed = calloc(n_links, sizeof(*f->feed));
	f->ledger = bc_ledger_new();
	f->ledger->n_sources = n_links;
	f->ledger->n_outputs = n_outputs;
	f->mono_ns = 1;
	for (uint32_t i = 0; i < n_links; i++)
		f->link[i] = bc_link_new(64);
	for (uint32_t o = 0; o < n_outputs; o++)
		sink_init(&f->sink[o], &cc, 64, chunks);
}

static struct bc_merge_config config(struct fixture *f)
{
	struct bc_merge_config mc = {
		.n_links = f->n_links, .n_outputs = f->n_outputs, .ledger = f->ledger, .max_wait_ns = 1000,
		.drop = drop, .drop_ctx = f, .limit_reached = &f->limit_reached,
	};

	mc.link = f->link;
	mc.blocking = f->blocking;
	for (uint32_t o = 0; o < f->n_outputs; o++)
		mc.output[o] = &f->sink[o].chunker;
	return mc;
}

static void start(struct fixture *f)
{
	struct bc_merge_config mc = config(f);

	f->m = bc_merge_new(&mc);
	assert_non_null(f->m);
}

static void over(struct fixture *f)
{
	bc_merge_free(f->m);
	for (uint32_t i = 0; i < f->n_links; i++)
		bc_link_free(f->link[i]);
	for (uint32_t o = 0; o < f->n_outputs; o++)
		sink_free(&f->sink[o]);
	bc_ledger_free(f->ledger);
	free(f->dropped.d);
	free(f->feed);
}

static void add_packet(struct fixture *f, uint32_t link, uint64_t ts_ns, uint32_t outputs)
{
	struct feed *s = &f->feed[link];

	assert_true(s->n < MAX_PACKETS);
	s->d[s->n] = fake_packet(ts_ns, (uint64_t)link << 32 | s->n, 100, outputs);
	s->n++;
}

static uint32_t link_of(const struct bc_desc *d)
{
	return (uint32_t)(fake_id(d) >> 32);
}

static void send(struct fixture *f, uint32_t link, uint32_t n)
{
	struct feed *s = &f->feed[link];

	while (n-- && s->sent < s->n && bc_link_room(f->link[link], 1)) {
		bc_link_put(f->link[link], s->d[s->sent].ts_ns, s->d[s->sent].word);
		s->sent++;
	}
}

/* One packet, now. */
static void send_at(struct fixture *f, uint32_t link, uint64_t ts_ns)
{
	add_packet(f, link, ts_ns, 1);
	send(f, link, 1);
}

static void drain_all(struct fixture *f)
{
	for (uint32_t o = 0; o < f->n_outputs; o++)
		sink_drain_all(&f->sink[o]);
}

/* Emit all that may be emitted. */
static uint32_t settle(struct fixture *f)
{
	uint32_t total = 0, n;

	do {
		n = bc_merge_poll(f->m, 1000);
		drain_all(f);
		total += n;
	} while (n);
	return total;
}

static bool tick(struct fixture *f, uint64_t later_ns)
{
	f->mono_ns += later_ns;
	return bc_merge_tick(f->m, f->mono_ns);
}

static void end_all(struct fixture *f)
{
	for (uint32_t i = 0; i < f->n_links; i++)
		bc_link_set_watermark(f->link[i], BC_WATERMARK_END);
	for (int i = 0; !bc_merge_done(f->m); i++) {
		assert_true(i < 10000);
		settle(f);
		tick(f, 1);
		drain_all(f);
	}
	for (uint32_t o = 0; o < f->n_outputs; o++)
		sink_sort(&f->sink[o]);
}

static uint64_t merged(const struct fixture *f, uint32_t i)
{
	return bc_counter_get(&f->ledger->source[i].merge.merged);
}

static uint64_t late(const struct fixture *f, uint32_t i)
{
	return bc_counter_get(&f->ledger->source[i].merge.late);
}

static uint64_t forced(const struct fixture *f, uint32_t i)
{
	return bc_counter_get(&f->ledger->source[i].merge.forced);
}

static void nothing_is_emitted_beyond_an_empty_links_watermark(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 0, 10);
	send_at(&f, 0, 20);
	send_at(&f, 0, 30);
	assert_int_equal(settle(&f), 0);
	bc_link_set_watermark(f.link[1], 20);
	assert_int_equal(settle(&f), 2);
	bc_link_set_watermark(f.link[1], 31);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	assert_int_equal(late(&f, 0), 0);
	over(&f);
}

/* Links are ordered: a packet of the first may go at the second's watermark, not the reverse. */
static void the_later_link_waits_at_the_earlier_ones_watermark(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 1, 20);
	bc_link_set_watermark(f.link[0], 20);
	assert_int_equal(settle(&f), 0);
	send_at(&f, 0, 20);
	bc_link_set_watermark(f.link[0], 21);
	bc_link_set_watermark(f.link[1], 20);
	assert_int_equal(settle(&f), 2);
	end_all(&f);
	assert_int_equal(link_of(&f.sink[0].got[0].descs.d[0]), 0);
	over(&f);
}

/* The rate counts, and not how far apart the ticks are. */
static void the_merge_is_busy_above_a_packet_each_4_us(void **state)
{
	static const struct { uint32_t packets; uint64_t later_ns; bool busy; } row[] = {
		{ 0, 1000, false }, { 10, 40000, true }, { 10, 40001, false }, { 1, 4000, true }, { 0, 1000, false },
	};
	struct fixture f;

	begin(&f, 1, 1, 8);
	start(&f);
	tick(&f, BC_NS_PER_S);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		for (uint32_t k = 0; k < row[i].packets; k++)
			send_at(&f, 0, 20);
		assert_int_equal(settle(&f), row[i].packets);
		tick(&f, row[i].later_ns);
		assert_int_equal(atomic_load(bc_merge_busy(f.m)), row[i].busy);
	}
	end_all(&f);
	over(&f);
}

static void one_link_alone_waits_for_nobody(void **state)
{
	struct fixture f;

	begin(&f, 1, 1, 8);
	start(&f);
	send_at(&f, 0, 10);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	over(&f);
}

static void an_ended_link_holds_nobody_up(void **state)
{
	struct fixture f;

	begin(&f, 3, 1, 8);
	start(&f);
	bc_link_set_watermark(f.link[0], BC_WATERMARK_END);
	bc_link_set_watermark(f.link[2], BC_WATERMARK_END);
	send_at(&f, 1, BC_TS_MAX);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	over(&f);
}

static void closing_with_nothing_gives_one_empty_segment(void **state)
{
	struct fixture f;
	struct segment segment[2];

	begin(&f, 3, 2, 8);
	start(&f);
	assert_int_equal(settle(&f), 0);
	assert_false(bc_merge_done(f.m));
	end_all(&f);
	for (int o = 0; o < 2; o++) {
		assert_int_equal(sink_segments(&f.sink[o], segment, 2), 1);
		assert_int_equal(segment[0].packets, 0);
	}
	over(&f);
}

static void it_is_not_done_before_the_last_packet_has_room(void **state)
{
	struct fixture f;

	begin(&f, 1, 1, 1);
	start(&f);
	for (uint64_t i = 0; i < 40; i++)
		add_packet(&f, 0, i, 1);
	send(&f, 0, 40);
	bc_link_set_watermark(f.link[0], BC_WATERMARK_END);
	for (int i = 0; i < 100; i++) {
		bc_merge_poll(f.m, 1000);
		tick(&f, 1);
	}
	assert_false(bc_merge_done(f.m));
	end_all(&f);
	assert_int_equal(merged(&f, 0), 40);
	over(&f);
}

static void a_late_packet_goes_out_at_once_and_is_counted(void **state)
{
	struct fixture f;
	struct descs all;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 0, 10);
	send_at(&f, 1, 11);
	bc_link_set_watermark(f.link[0], 100);
	bc_link_set_watermark(f.link[1], 100);
	assert_int_equal(settle(&f), 2);
	send_at(&f, 0, 5);
	assert_int_equal(settle(&f), 1);
	send_at(&f, 0, 100);
	send_at(&f, 0, 99);
	assert_int_equal(settle(&f), 2);
	end_all(&f);
	assert_int_equal(late(&f, 0), 2);
	assert_int_equal(late(&f, 1), 0);
	assert_int_equal(bc_merge_emitted_ns(f.m), 100);
	all = sink_packets(&f.sink[0]);
	assert_int_equal(all.n, 5);
	free(all.d);
	over(&f);
}

static void a_stuck_source_is_waited_for_as_long_as_was_said(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 0, 10);
	settle(&f);
	tick(&f, 5000);
	tick(&f, 999);
	assert_int_equal(settle(&f), 0);
	tick(&f, 1);
	assert_int_equal(settle(&f), 1);
	assert_int_equal(forced(&f, 1), 1);
	assert_int_equal(forced(&f, 0), 0);
	send_at(&f, 0, 11);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	over(&f);
}

static void nobody_is_forced_while_nobody_waits(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	settle(&f);
	for (int i = 0; i < 10; i++)
		tick(&f, 5000);
	assert_int_equal(forced(&f, 0) + forced(&f, 1), 0);
	end_all(&f);
	over(&f);
}

static void a_source_that_moves_is_not_stuck(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 0, 1000);
	for (uint64_t wm = 1; wm < 100; wm++) {
		bc_link_set_watermark(f.link[1], wm);
		settle(&f);
		tick(&f, 900);
	}
	assert_int_equal(forced(&f, 1), 0);
	end_all(&f);
	over(&f);
}

/* What lies in a source's overflow blocks comes while its watermark stands still. */
static void a_source_that_delivers_is_not_stuck(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 1, 1000);
	for (uint64_t ts = 1; ts < 100; ts++) {
		send_at(&f, 0, ts);
		settle(&f);
		tick(&f, 900);
	}
	assert_int_equal(forced(&f, 0), 0);
	end_all(&f);
	over(&f);
}

static void a_blocking_source_is_never_forced(void **state)
{
	struct fixture f;
	struct bc_merge_config mc;

	begin(&f, 2, 1, 8);
	mc = config(&f);
	f.blocking[1] = true;
	f.m = bc_merge_new(&mc);
	send_at(&f, 0, 10);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(settle(&f), 0);
		tick(&f, 50000);
	}
	assert_int_equal(forced(&f, 1), 0);
	end_all(&f);
	over(&f);
}

static void what_was_forced_rejoins_when_it_moves(void **state)
{
	struct fixture f;

	begin(&f, 3, 1, 8);
	start(&f);
	bc_link_set_watermark(f.link[2], 1000);
	send_at(&f, 0, 10);
	bc_link_set_watermark(f.link[0], 10);
	settle(&f);
	tick(&f, 0);
	tick(&f, 1000);
	assert_int_equal(settle(&f), 1);
	send_at(&f, 1, 5);	/* from the past: late */
	assert_int_equal(settle(&f), 1);
	assert_int_equal(late(&f, 1), 1);
	bc_link_set_watermark(f.link[1], 12);
	send_at(&f, 0, 13);
	assert_int_equal(settle(&f), 0);	/* waited for again */
	bc_link_set_watermark(f.link[1], 14);
	assert_int_equal(settle(&f), 1);
	assert_int_equal(forced(&f, 1), 1);
	end_all(&f);
	over(&f);
}

static void a_watermark_alone_is_enough_to_rejoin(void **state)
{
	struct fixture f;

	begin(&f, 2, 1, 8);
	start(&f);
	send_at(&f, 0, 10);
	settle(&f);
	tick(&f, 0);
	tick(&f, 1000);
	assert_int_equal(settle(&f), 1);
	bc_link_set_watermark(f.link[1], 12);
	send_at(&f, 0, 13);
	assert_int_equal(settle(&f), 0);
	bc_link_set_watermark(f.link[1], 14);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	over(&f);
}

static void an_absent_source_is_not_waited_for_nor_forced(void **state)
{
	struct fixture f;

	begin(&f, 3, 1, 16);
	start(&f);
	bc_link_set_absent(f.link[1], true);
	bc_link_set_absent(f.link[2], true);
	send_at(&f, 0, 100);
	assert_int_equal(settle(&f), 0);
	tick(&f, 0);
	assert_int_equal(settle(&f), 1);
	/* What comes from it all the same has its place. */
	send_at(&f, 0, 300);
	send_at(&f, 1, 200);
	assert_int_equal(settle(&f), 1);
	tick(&f, 0);
	assert_int_equal(settle(&f), 1);
	end_all(&f);
	assert_int_equal(forced(&f, 1) + forced(&f, 2), 0);
	assert_int_equal(late(&f, 0) + late(&f, 1), 0);
	over(&f);
}

static void a_turn_waits_for_what_was_sent_before_it(void **state)
{
	struct segment segment[8];
	struct fixture f;

	begin(&f, 2, 1, 16);
	start(&f);
	send_at(&f, 0, 100);
	bc_link_ask_barrier(f.link[0]);
	settle(&f);
	tick(&f, 0);
	assert_true(bc_link_barrier_asked(f.link[0]));
	bc_link_set_watermark(f.link[1], 1000);
	assert_int_equal(settle(&f), 1);
	tick(&f, 0);
	assert_false(bc_link_barrier_asked(f.link[0]));
	send_at(&f, 0, 200);
	end_all(&f);
	assert_int_equal(sink_segments(&f.sink[0], segment, 8), 2);
	assert_int_equal(segment[0].packets, 1);
	assert_int_equal(segment[1].packets, 1);
	over(&f);
}

/*
 * Two sources that take turns send 64 packets each, which go out, then k each, for which the output has not always room: then some
 * are with the merge alone. Returns how many were sent.
 */
static uint32_t crowd(struct fixture *f, uint32_t k)
{
	uint32_t n = 0;

	begin(f, 2, 1, 6);
	start(f);
	for (uint32_t part = 64; part; part = part == 64 ? k : 0) {
		for (uint32_t i = 0; i < 2 * part; i++, n++)
			send_at(f, i & 1, 10 + n);
		bc_link_set_watermark(f->link[0], 10 + n);
		bc_link_set_watermark(f->link[1], 10 + n);
		if (part == 64)
			settle(f);
		else
			bc_merge_poll(f->m, 1000);
	}
	return n;
}

static void a_turn_waits_for_what_found_no_room(void **state)
{
	for (uint32_t k = 1; k <= 60; k++) {
		struct segment segment[8];
		struct fixture f;
		uint32_t n = crowd(&f, k);

		bc_link_ask_barrier(f.link[0]);
		drain_all(&f);
		while (bc_link_barrier_asked(f.link[0])) {
			tick(&f, 1);
			settle(&f);
		}
		send_at(&f, 0, 10000);
		end_all(&f);
		assert_int_equal(sink_segments(&f.sink[0], segment, 8), 2);
		assert_int_equal(segment[0].packets, n);
		assert_int_equal(segment[1].packets, 1);
		over(&f);
	}
}

/* What waits then waits for the output, and no source is to blame. */
static void nobody_is_forced_while_there_is_no_room(void **state)
{
	for (uint32_t k = 1; k <= 60; k++) {
		struct fixture f;
		uint32_t n = crowd(&f, k);

		for (uint32_t i = 0; i < 60; i++)
			send_at(&f, i & 1, 10 + n + i);
		for (int i = 0; i < 5; i++) {
			bc_merge_poll(f.m, 1000);
			tick(&f, 600);
		}
		/* With room the merge may wait for a source again. */
		if (merged(&f, 0) + merged(&f, 1) < n)
			assert_int_equal(forced(&f, 0) + forced(&f, 1), 0);
		end_all(&f);
		over(&f);
	}
}

static void all_may_be_stuck(void **state)
{
	struct fixture f;

	begin(&f, 5, 1, 8);
	start(&f);
	send_at(&f, 4, 10);
	for (int i = 0; i < 20; i++) {
		settle(&f);
		tick(&f, 600);
	}
	assert_int_equal(merged(&f, 4), 1);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(forced(&f, i), 1);
	end_all(&f);
	over(&f);
}

static void the_count_ends_the_outputs_and_the_rest_is_past_the_end(void **state)
{
	struct fixture f;
	struct bc_merge_config mc;

	begin(&f, 1, 2, 8);
	mc = config(&f);
	mc.count = 5;
	f.m = bc_merge_new(&mc);
	for (uint64_t i = 0; i < 20; i++)
		add_packet(&f, 0, i, i % 2 ? 3 : 1);
	send(&f, 0, 4);
	settle(&f);
	assert_false(f.limit_reached);
	send(&f, 0, 20);
	settle(&f);
	assert_true(f.limit_reached);
	end_all(&f);
	assert_int_equal(bc_counter_get(&f.ledger->source[0].merge.past_end[0]), 15);
	assert_int_equal(bc_counter_get(&f.ledger->source[0].merge.past_end[1]), 8);
	assert_int_equal(f.dropped.n, 15);
	over(&f);
}

/* Packets that end a stream of equal times, of every outputs' mask, reach exactly those outputs. */
static void a_packet_goes_to_all_outputs_that_want_it_or_waits(void **state)
{
	struct fixture f;

	begin(&f, 1, 2, 4);
	start(&f);
	for (uint64_t i = 0; i < 64; i++)
		add_packet(&f, 0, i, 3);
	send(&f, 0, 64);
	for (int i = 0; i < 100; i++) {
		bc_merge_poll(f.m, 1000);
		sink_drain_all(&f.sink[0]);	/* the other one is stuck */
		assert_true(merged(&f, 0) < 64);
	}
	end_all(&f);
	for (int o = 0; o < 2; o++) {
		struct descs all = sink_packets(&f.sink[o]);

		assert_int_equal(all.n, 64);
		free(all.d);
	}
	over(&f);
}

static void an_output_that_is_stuck_does_not_hold_up_what_it_does_not_want(void **state)
{
	struct fixture f;

	begin(&f, 1, 2, 4);
	start(&f);
	for (uint64_t i = 0; i < 1000; i++)
		add_packet(&f, 0, i, 1);
	while (f.feed[0].sent < 1000) {
		send(&f, 0, 64);
		bc_merge_poll(f.m, 1000);
		sink_drain_all(&f.sink[0]);
	}
	settle(&f);
	assert_int_equal(merged(&f, 0), 1000);
	end_all(&f);
	over(&f);
}

/* One random run: sources with bursts, ties, idle times and early ends. */
struct run {
	struct random *r;
	uint32_t late_in;	/* one packet in so many comes from the past; 0: none */
	uint32_t masks;		/* 1: every packet to every output */
	uint64_t count;
};

static void fill_feeds(struct fixture *f, const struct run *run)
{
	for (uint32_t i = 0; i < f->n_links; i++) {
		uint32_t n = random_below(run->r, 8) ? random_below(run->r, 6000 / f->n_links) : 0;
		uint32_t spread = 1 + random_below(run->r, 40), burst = 1 + random_below(run->r, 30);
		uint64_t ts = random_below(run->r, 100);

		while (f->feed[i].n < n) {
			uint32_t all = (1U << f->n_outputs) - 1;
			uint32_t mask = run->masks ? all : 1 + random_below(run->r, all);
			uint64_t at = run->late_in && !random_below(run->r, run->late_in) ? ts - random_below(run->r, 50) % (ts + 1) : ts;

			add_packet(f, i, at, mask);
			if (!random_below(run->r, burst))
				ts += random_below(run->r, spread * burst);
		}
	}
}

/* The oldest that a source will still send. */
static uint64_t promise(const struct feed *s)
{
	uint64_t min = BC_WATERMARK_END;

	for (uint32_t i = s->sent; i < s->n; i++)
		if (s->d[i].ts_ns < min)
			min = s->d[i].ts_ns;
	return min;
}

static void move_source(struct fixture *f, const struct run *run, uint32_t i)
{
	struct feed *s = &f->feed[i];
	uint64_t wm, was = bc_link_watermark(f->link[i]);

	send(f, i, 1 + random_below(run->r, 64));
	/* With late packets the promise is what an honest source believes: its next packet's time. */
	wm = s->sent == s->n ? BC_WATERMARK_END : run->late_in ? s->d[s->sent].ts_ns : promise(s);
	if (wm != BC_WATERMARK_END && random_below(run->r, 2))
		wm -= random_below(run->r, 20) % (wm + 1);
	if (wm > was)
		bc_link_set_watermark(f->link[i], wm);
}

static void drive(struct fixture *f, const struct run *run)
{
	for (uint64_t idle = 0; !bc_merge_done(f->m); idle++) {
		uint32_t what = random_below(run->r, 10);

		assert_true(idle < 10000000);
		if (what < 4)
			move_source(f, run, random_below(run->r, f->n_links));
		else if (what < 7)
			bc_merge_poll(f->m, 1 + random_below(run->r, 200));
		else if (what < 8)
			bc_merge_tick(f->m, 1);	/* no time passes: nobody is forced */
		else
			sink_random(&f->sink[random_below(run->r, f->n_outputs)], run->r);
	}
	for (uint32_t o = 0; o < f->n_outputs; o++) {
		sink_drain_all(&f->sink[o]);
		sink_sort(&f->sink[o]);
	}
}

static int by_time_and_link(const void *a, const void *b)
{
	const struct bc_desc *x = a, *y = b;
	uint64_t i = fake_id(x), j = fake_id(y);

	return x->ts_ns != y->ts_ns ? (x->ts_ns > y->ts_ns) - (x->ts_ns < y->ts_ns) : (i > j) - (i < j);
}

/* What a plain sort makes of all that the sources sent. */
static struct descs sorted(const struct fixture *f)
{
	struct descs all = { 0 };

	for (uint32_t i = 0; i < f->n_links; i++)
		for (uint32_t k = 0; k < f->feed[i].n; k++)
			descs_add(&all, f->feed[i].d[k]);
	if (all.n)
		qsort(all.d, all.n, sizeof(*all.d), by_time_and_link);
	return all;
}

/* The first count of all, as output o wants them, are what it got; the others are past its end. */
static void assert_output(const struct fixture *f, uint32_t o, const struct descs *all, uint64_t count)
{
	struct descs got = sink_packets(&f->sink[o]);
	uint64_t past = 0, counted = 0;
	size_t at = 0;

	for (size_t i = 0; i < all->n; i++) {
		if (!(bc_desc_outputs(&all->d[i]) >> o & 1))
			continue;
		if (count && i >= count) {
			past++;
			continue;
		}
		assert_true(at < got.n);
		assert_int_equal(got.d[at].ts_ns, all->d[i].ts_ns);
		assert_int_equal(got.d[at].word, all->d[i].word);
		at++;
	}
	assert_int_equal(at, got.n);
	for (uint32_t i = 0; i < f->n_links; i++)
		counted += bc_counter_get(&f->ledger->source[i].merge.past_end[o]);
	assert_int_equal(counted, past);
	free(got.d);
}

/* Of two sources that take turns many packets are under way at once, and an output takes only some of them. */
static void what_finds_no_room_waits_in_order(void **state)
{
	struct fixture f;
	struct descs got;

	begin(&f, 2, 1, 3);
	start(&f);
	for (uint32_t i = 0; i < 2000; i++)
		add_packet(&f, i & 1, 10 + i, 1);
	for (uint32_t round = 0; f.feed[0].sent < 1000 || f.feed[1].sent < 1000; round++) {
		for (uint32_t i = 0; i < 2; i++) {
			send(&f, i, 64);
			bc_link_set_watermark(f.link[i], f.feed[i].d[f.feed[i].sent - 1].ts_ns);
		}
		bc_merge_poll(f.m, 1000);
		tick(&f, 1);
		if (round % 3 == 0)
			drain_all(&f);
		assert_true(bc_merge_emitted_ns(f.m) < 10 + merged(&f, 0) + merged(&f, 1));
	}
	end_all(&f);
	got = sink_packets(&f.sink[0]);
	assert_int_equal(got.n, 2000);
	for (uint32_t i = 0; i < 2000; i++)
		assert_int_equal(got.d[i].ts_ns, 10 + i);
	assert_int_equal(merged(&f, 0), 1000);
	assert_int_equal(merged(&f, 1), 1000);
	free(got.d);
	over(&f);
}

static void it_sorts_as_a_plain_sort_does(void **state)
{
	static const uint32_t links[] = { 1, 2, 3, 4, 5, 7, 8, 13, 16, 31, 33, 64 };
	struct random r = { 2024 };

	for (uint32_t n = 0; n < 10 * sizeof(links) / sizeof(links[0]); n++) {
		struct run run = { .r = &r, .masks = n % 2, .count = n % 5 ? 0 : 1 + random_below(&r, 3000) };
		struct fixture f;
		struct bc_merge_config mc;
		struct descs all;

		begin(&f, links[n / 10], 1 + n % MAX_OUTPUTS, 2 + random_below(&r, 6));
		mc = config(&f);
		mc.count = run.count;
		f.m = bc_merge_new(&mc);
		fill_feeds(&f, &run);
		drive(&f, &run);
		all = sorted(&f);
		for (uint32_t o = 0; o < f.n_outputs; o++)
			assert_output(&f, o, &all, run.count);
		for (uint32_t i = 0; i < f.n_links; i++) {
			assert_int_equal(late(&f, i) + forced(&f, i), 0);
			assert_int_equal(merged(&f, i), f.feed[i].n);
		}
		assert_int_equal(f.dropped.n, run.count && all.n > run.count ? all.n - run.count : 0);
		free(all.d);
		over(&f);
	}
}

static void late_packets_are_all_emitted_and_counted(void **state)
{
	struct random r = { 77 };

	for (int n = 0; n < 40; n++) {
		struct run run = { .r = &r, .late_in = 1 + random_below(&r, 20), .masks = 1 };
		uint64_t expected[BC_MAX_SOURCES] = { 0 }, youngest = 0;
		uint32_t seen[BC_MAX_SOURCES] = { 0 };
		struct fixture f;
		struct descs got;

		begin(&f, 1 + random_below(&r, 9), 1, 4);
		start(&f);
		fill_feeds(&f, &run);
		drive(&f, &run);
		got = sink_packets(&f.sink[0]);
		for (size_t i = 0; i < got.n; i++) {
			uint32_t from = link_of(&got.d[i]);

			assert_int_equal((uint32_t)fake_id(&got.d[i]), seen[from]++);
			expected[from] += got.d[i].ts_ns < youngest;
			youngest = got.d[i].ts_ns > youngest ? got.d[i].ts_ns : youngest;
		}
		for (uint32_t i = 0; i < f.n_links; i++) {
			assert_int_equal(seen[i], f.feed[i].n);
			assert_int_equal(late(&f, i), expected[i]);
		}
		free(got.d);
		over(&f);
	}
}

/* A source that keeps stalling: nothing is lost, and with the others it is in order but for what is counted late. */
static void forcing_at_random_loses_nothing(void **state)
{
	struct random r = { 4711 };
	uint64_t n_forced = 0;

	for (int n = 0; n < 40; n++) {
		struct run run = { .r = &r, .masks = 1 };
		uint64_t youngest = 0, n_late = 0;
		struct fixture f;
		struct descs got;

		begin(&f, 2 + random_below(&r, 9), 1, 4);
		start(&f);
		fill_feeds(&f, &run);
		while (!bc_merge_done(f.m)) {
			if (!random_below(&r, 3))
				move_source(&f, &run, random_below(&r, f.n_links));
			bc_merge_poll(f.m, 1 + random_below(&r, 100));
			tick(&f, random_below(&r, 400));
			sink_random(&f.sink[0], &r);
		}
		sink_drain_all(&f.sink[0]);
		sink_sort(&f.sink[0]);
		got = sink_packets(&f.sink[0]);
		for (size_t i = 0; i < got.n; i++) {
			n_late += got.d[i].ts_ns < youngest;
			youngest = got.d[i].ts_ns > youngest ? got.d[i].ts_ns : youngest;
		}
		for (uint32_t i = 0; i < f.n_links; i++) {
			assert_int_equal(merged(&f, i), f.feed[i].n);
			n_late -= late(&f, i);
			n_forced += forced(&f, i);
		}
		assert_int_equal(n_late, 0);
		free(got.d);
		over(&f);
	}
	assert_true(n_forced > 0);
}

/* Packets of three sources in runs, some late, for output 0; where there is another the merge writes packet by packet. */
static void cut_runs(struct fixture *f, uint32_t run, uint32_t n_outputs)
{
	struct bc_chunker_config cc = { .n_lanes = 2, .chunk_bytes = 2000, .snaplen = 262144, .flush_ns = BC_NS_PER_S,
					.rotate_ns = 700, .rotate_bytes = 9000 };
	struct bc_merge_config mc;

	begin(f, 3, n_outputs, 8);
	sink_free(&f->sink[0]);
	sink_init(&f->sink[0], &cc, 64, 8);
	mc = config(f);
	f->m = bc_merge_new(&mc);
	for (uint32_t i = 0; i < 3000; i++)
		add_packet(f, i / run % 3, 100 + i - (i % 50 ? 0 : 40), 1);
	for (bool all = false; !all;) {
		all = true;
		for (uint32_t i = 0; i < 3; i++) {
			struct feed *s = &f->feed[i];

			send(f, i, 64);
			bc_link_set_watermark(f->link[i], s->sent < s->n ? s->d[s->sent].ts_ns : BC_WATERMARK_END);
			all &= s->sent == s->n;
		}
		settle(f);
	}
	end_all(f);
}

static void chunks_are_the_same_beside_another_output(void **state)
{
	for (uint32_t run = 1; run <= 12; run++) {
		struct fixture alone, beside;
		uint64_t n_late = 0;

		cut_runs(&alone, run, 1);
		cut_runs(&beside, run, 2);
		assert_int_equal(alone.sink[0].n_got, beside.sink[0].n_got);
		assert_true(alone.sink[0].got[beside.sink[0].n_got - 1].segment > 5);
		for (size_t i = 0; i < beside.sink[0].n_got; i++) {
			const struct got *a = &alone.sink[0].got[i], *b = &beside.sink[0].got[i];

			assert_int_equal(a->segment, b->segment);
			assert_int_equal(a->begin_ns, b->begin_ns);
			assert_int_equal(a->packets, b->packets);
			assert_int_equal(a->from0, b->from0);
			assert_memory_equal(a->descs.d, b->descs.d, a->packets * sizeof(*a->descs.d));
		}
		for (uint32_t i = 0; i < 3; i++) {
			assert_int_equal(merged(&alone, i), alone.feed[i].n);
			assert_int_equal(late(&alone, i), late(&beside, i));
			n_late += late(&beside, i);
		}
		assert_true(n_late > 0);
		over(&alone);
		over(&beside);
	}
}

static uint64_t at_5000(void *ctx)
{
	return 5000;
}

static void the_delay_of_packets_is_noted(void **state)
{
	struct fixture f;
	struct bc_merge_config mc;

	begin(&f, 1, 1, 8);
	mc = config(&f);
	mc.now_ns = at_5000;
	f.m = bc_merge_new(&mc);
	send_at(&f, 0, 4000);
	send_at(&f, 0, 4500);
	send_at(&f, 0, 4999);
	assert_int_equal(bc_merge_poll(f.m, 1000), 3);
	assert_int_equal(bc_histogram_count(&f.ledger->merge_delay), 3);
	assert_int_equal(bc_histogram_quantile(&f.ledger->merge_delay, 500), 1);
	assert_in_range(bc_histogram_quantile(&f.ledger->merge_delay, 1000), 1000, 1250);
	over(&f);
}

static void a_stamp_of_the_future_has_no_delay(void **state)
{
	struct fixture f;
	struct bc_merge_config mc;

	begin(&f, 1, 1, 8);
	mc = config(&f);
	mc.now_ns = at_5000;
	f.m = bc_merge_new(&mc);
	send_at(&f, 0, 6000);
	assert_int_equal(bc_merge_poll(f.m, 1000), 1);
	assert_int_equal(bc_histogram_count(&f.ledger->merge_delay), 1);
	assert_int_equal(bc_histogram_quantile(&f.ledger->merge_delay, 1000), 0);
	over(&f);
}

static uint64_t half_past(void *ctx)
{
	return 1800 * BC_NS_PER_S;
}

/* Segments of a minute from 00:00:01 on; the clock says half past, and the only source has promised 00:00:02. */
static void begin_segment(struct fixture *f)
{
	struct bc_chunker_config cc;
	struct bc_merge_config mc;

	begin(f, 1, 1, 64);
	cc = f->sink[0].cfg;
	cc.rotate_ns = 60 * BC_NS_PER_S;
	cc.begin_ns = BC_NS_PER_S;
	bc_chunker_init(&f->sink[0].chunker, &cc);
	mc = config(f);
	mc.now_ns = half_past;
	f->m = bc_merge_new(&mc);
	bc_link_set_watermark(f->link[0], 2 * BC_NS_PER_S);
	bc_merge_poll(f->m, 100);
}

static void a_stream_that_stands_still_is_cut_by_the_clock(void **state)
{
	struct fixture f;

	begin_segment(&f);
	tick(&f, 1);
	assert_int_equal(f.sink[0].chunker.segment, 0);
	tick(&f, 900);
	assert_int_equal(f.sink[0].chunker.segment, 0);
	tick(&f, 200);
	assert_int_equal(f.sink[0].chunker.segment, 1);
	assert_true(f.sink[0].chunker.segment_due_ns > 1799 * BC_NS_PER_S);
	over(&f);
}

static void a_stream_of_packets_is_not_cut_by_the_clock(void **state)
{
	struct fixture f;

	begin_segment(&f);
	for (uint64_t i = 1; i < 10; i++) {
		send_at(&f, 0, (2 + i) * BC_NS_PER_S);
		settle(&f);
		tick(&f, 900);
	}
	assert_int_equal(f.sink[0].chunker.segment, 0);
	over(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_that_stands_still_is_cut_by_the_clock),
		cmocka_unit_test(a_stream_of_packets_is_not_cut_by_the_clock),
		cmocka_unit_test(nothing_is_emitted_beyond_an_empty_links_watermark),
		cmocka_unit_test(the_later_link_waits_at_the_earlier_ones_watermark),
		cmocka_unit_test(the_merge_is_busy_above_a_packet_each_4_us),
		cmocka_unit_test(one_link_alone_waits_for_nobody),
		cmocka_unit_test(an_ended_link_holds_nobody_up),
		cmocka_unit_test(closing_with_nothing_gives_one_empty_segment),
		cmocka_unit_test(it_is_not_done_before_the_last_packet_has_room),
		cmocka_unit_test(a_late_packet_goes_out_at_once_and_is_counted),
		cmocka_unit_test(a_stuck_source_is_waited_for_as_long_as_was_said),
		cmocka_unit_test(nobody_is_forced_while_nobody_waits),
		cmocka_unit_test(a_source_that_moves_is_not_stuck),
		cmocka_unit_test(a_source_that_delivers_is_not_stuck),
		cmocka_unit_test(a_blocking_source_is_never_forced),
		cmocka_unit_test(what_was_forced_rejoins_when_it_moves),
		cmocka_unit_test(a_watermark_alone_is_enough_to_rejoin),
		cmocka_unit_test(an_absent_source_is_not_waited_for_nor_forced),
		cmocka_unit_test(a_turn_waits_for_what_was_sent_before_it),
		cmocka_unit_test(a_turn_waits_for_what_found_no_room),
		cmocka_unit_test(nobody_is_forced_while_there_is_no_room),
		cmocka_unit_test(all_may_be_stuck),
		cmocka_unit_test(the_count_ends_the_outputs_and_the_rest_is_past_the_end),
		cmocka_unit_test(a_packet_goes_to_all_outputs_that_want_it_or_waits),
		cmocka_unit_test(an_output_that_is_stuck_does_not_hold_up_what_it_does_not_want),
		cmocka_unit_test(what_finds_no_room_waits_in_order),
		cmocka_unit_test(it_sorts_as_a_plain_sort_does),
		cmocka_unit_test(late_packets_are_all_emitted_and_counted),
		cmocka_unit_test(forcing_at_random_loses_nothing),
		cmocka_unit_test(chunks_are_the_same_beside_another_output),
		cmocka_unit_test(the_delay_of_packets_is_noted),
		cmocka_unit_test(a_stamp_of_the_future_has_no_delay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
