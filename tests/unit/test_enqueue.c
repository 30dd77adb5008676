/* SPDX-License-Identifier: BSD-3-Clause */
/* What a source does when its link is full: packets wait for their turn in the window, or are lost by the right name. */
#include "ingress.h"

#define LINK 64		/* the fixture's */

/* A source with a window over a few buffers, and what the merge says. */
struct windowed {
	struct ingress d;
	struct bc_bufpool *buffers;
	struct bc_window_memory memory;
	_Atomic bool blocked;
};

static void begin(struct windowed *w, uint32_t outputs, bool wait, uint32_t buffers)
{
	ingress_open(&w->d, &ingress_kind, outputs, wait);
	w->buffers = bc_bufpool_new(buffers, 4096, false, NULL);
	w->memory = (struct bc_window_memory){ .n_pools = 1, .pool = { w->buffers } };
	atomic_init(&w->blocked, false);
	w->d.s->window.memory = &w->memory;
	w->d.s->merge_blocked = &w->blocked;
}

static void finish(struct windowed *w)
{
	bc_window_clear(&w->d.s->window);
	assert_int_equal(bc_bufpool_available(w->buffers), bc_bufpool_total(w->buffers));
	ingress_free(&w->d);
	bc_bufpool_free(w->buffers);
}

static uint32_t poll_n(struct windowed *w, uint32_t n)
{
	w->d.packets = n;
	return bc_source_poll(w->d.s);
}

/* Take what the link has, whose first packet has this number. Returns how many there were. */
static uint32_t take_from(struct windowed *w, uint32_t number)
{
	struct bc_desc p;
	uint32_t n = 0;

	for (; ingress_take(&w->d, &p); n++) {
		assert_int_equal(p.ts_ns, 1000 + number + n);
		assert_int_equal(((struct rte_mbuf *)bc_desc_obj(&p))->pkt_len, 60);
		ingress_done(&p);
	}
	return n;
}

static void packets_that_wait_for_their_turn_are_kept_in_order(void **state)
{
	struct windowed w;
	uint32_t n = 0;

	begin(&w, 1, false, 8);
	for (int i = 0; i < 4; i++)
		assert_int_equal(poll_n(&w, 50), 50);
	assert_int_equal(ingress_received(&w.d), 200);
	for (int i = 0; i < 10; i++) {
		n += take_from(&w, n);
		poll_n(&w, 0);
	}
	assert_int_equal(n, 200);
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_ORDER_WAIT) + ingress_lost(&w.d, BC_LOSS_LINK_FULL), 0);
	finish(&w);
}

static void what_comes_later_goes_behind_what_waits(void **state)
{
	struct windowed w;
	uint32_t n;

	begin(&w, 1, false, 8);
	poll_n(&w, LINK);
	poll_n(&w, 30);
	n = take_from(&w, 0);
	poll_n(&w, 40);		/* 30 move into the link, and there is room for these behind them */
	n += take_from(&w, n);
	poll_n(&w, 0);
	n += take_from(&w, n);
	assert_int_equal(n, LINK + 70);
	finish(&w);
}

static void packets_that_wait_for_an_output_are_lost_as_link_full(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 8);
	atomic_store(&w.blocked, true);
	poll_n(&w, LINK);
	poll_n(&w, 10);
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_LINK_FULL), 10);
	assert_true(bc_window_empty(&w.d.s->window));
	finish(&w);
}

/* Where the merge has an lcore of its own, a burst that the outputs cannot take at once is kept. */
static void on_its_own_lcore_a_source_keeps_those_too(void **state)
{
	struct windowed w;
	uint32_t n;

	begin(&w, 1, false, 8);
	w.d.s->own_lcore = true;
	atomic_store(&w.blocked, true);
	poll_n(&w, LINK);
	poll_n(&w, 10);
	n = take_from(&w, 0);
	poll_n(&w, 0);
	assert_int_equal(n + take_from(&w, n), LINK + 10);
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_LINK_FULL), 0);
	finish(&w);
}

static void none_overtakes_what_waits(void **state)
{
	struct windowed w;
	uint32_t n;

	begin(&w, 1, false, 8);
	poll_n(&w, LINK);
	poll_n(&w, 10);
	atomic_store(&w.blocked, true);
	poll_n(&w, 10);
	n = take_from(&w, 0);
	poll_n(&w, 0);
	assert_int_equal(n + take_from(&w, n), LINK + 20);
	finish(&w);
}

static void without_memory_they_are_lost_as_order_wait(void **state)
{
	struct windowed w;
	uint32_t n;

	begin(&w, 1, false, 1);
	poll_n(&w, LINK);
	poll_n(&w, LINK);		/* 42 of 96 bytes fit into the buffer */
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_ORDER_WAIT), LINK - 42);
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_LINK_FULL), 0);
	n = take_from(&w, 0);
	poll_n(&w, 0);
	assert_int_equal(take_from(&w, n), 42);
	finish(&w);
}

/* Behind a gap that lies in the window, the packet that tells of it comes out of the window. */
static void the_gap_is_told_by_the_packet_behind_it(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 2);
	poll_n(&w, LINK);
	bc_source_dropped(w.d.s, BC_LOSS_NO_BUFFER, 5, 500);
	poll_n(&w, 2);
	bc_source_dropped(w.d.s, BC_LOSS_NO_BUFFER, 3, 300);
	assert_int_equal(ingress_discard(&w.d), LINK);
	poll_n(&w, 1);
	assert_int_equal(ingress_drops(&w.d), 5);
	assert_int_equal(ingress_drops(&w.d), 0);
	assert_int_equal(ingress_drops(&w.d), 3);
	finish(&w);
}

static void the_promise_stays_behind_what_waits(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 8);
	w.d.watermark_ns = 100;
	poll_n(&w, LINK);
	assert_int_equal(bc_link_watermark(w.d.s->link), 100);
	w.d.watermark_ns = 5000;
	poll_n(&w, 10);
	assert_int_equal(bc_link_watermark(w.d.s->link), 100);
	ingress_discard(&w.d);
	w.d.watermark_ns = 0;
	poll_n(&w, 0);
	assert_int_equal(bc_link_watermark(w.d.s->link), 5000);
	ingress_discard(&w.d);
	finish(&w);
}

static void a_source_that_waits_holds_what_found_no_room(void **state)
{
	struct windowed w;
	uint32_t n;

	begin(&w, 1, true, 1);
	poll_n(&w, LINK);
	poll_n(&w, LINK);
	assert_int_equal(bc_source_buffers_ns(w.d.s), 0);
	w.d.packets = 5;
	assert_int_equal(bc_source_poll(w.d.s), 0);
	assert_int_equal(w.d.packets, 5);
	for (n = 0; n < 2 * LINK;) {
		n += take_from(&w, n);
		w.d.packets = 0;
		bc_source_poll(w.d.s);
	}
	assert_int_equal(n, 2 * LINK);
	assert_int_equal(ingress_lost(&w.d, BC_LOSS_ORDER_WAIT) + ingress_lost(&w.d, BC_LOSS_LINK_FULL), 0);
	finish(&w);
}

static void what_is_held_is_given_back_with_its_source(void **state)
{
	struct windowed w;

	begin(&w, 1, true, 1);
	poll_n(&w, LINK);
	poll_n(&w, LINK);
	finish(&w);
}

static void the_end_comes_behind_what_waits(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 8);
	poll_n(&w, LINK);
	w.d.ended = true;
	poll_n(&w, 20);
	assert_int_equal(bc_source_state(w.d.s), BC_SOURCE_RUNNING);
	assert_int_equal(take_from(&w, 0), LINK);
	assert_int_equal(poll_n(&w, 9), 20);
	assert_int_equal(w.d.packets, 9);
	assert_int_equal(bc_source_state(w.d.s), BC_SOURCE_ENDED);
	assert_int_equal(take_from(&w, LINK), 20);
	assert_true(bc_link_watermark(w.d.s->link) == BC_WATERMARK_END);
	finish(&w);
}

/* Others give their last promise only when all are quiet, so that what waits must not keep a source from being it. */
static void a_stopped_source_is_quiet_though_packets_wait(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 8);
	poll_n(&w, LINK);
	poll_n(&w, 20);
	bc_source_command(w.d.s, BC_SOURCE_STOP);
	poll_n(&w, 0);
	assert_int_equal(bc_source_state(w.d.s), BC_SOURCE_QUIET);
	bc_source_command(w.d.s, BC_SOURCE_END);
	poll_n(&w, 0);
	assert_int_equal(bc_source_state(w.d.s), BC_SOURCE_QUIET);
	assert_int_equal(take_from(&w, 0), LINK);
	poll_n(&w, 0);
	assert_int_equal(bc_source_state(w.d.s), BC_SOURCE_ENDED);
	assert_int_equal(take_from(&w, LINK), 20);
	finish(&w);
}

static void a_packet_of_the_window_serves_many_outputs(void **state)
{
	struct windowed w;
	struct bc_desc p;

	begin(&w, 3, false, 8);
	poll_n(&w, LINK);
	poll_n(&w, 1);
	ingress_discard(&w.d);
	poll_n(&w, 0);
	assert_true(ingress_take(&w.d, &p));
	assert_int_equal(bc_desc_outputs(&p), 7);
	assert_int_equal(rte_mbuf_refcnt_read(bc_desc_obj(&p)), 3);
	ingress_done(&p);
	finish(&w);
}

/* One link full of packets in pieces would leave no mbufs to those that the merge waits for. */
static void packets_in_many_pieces_wait_in_the_window_sooner(void **state)
{
	struct windowed w;

	begin(&w, 1, false, 8);
	w.d.s->env.mbufs_share = 160;
	w.d.segments = 4;
	poll_n(&w, 40);
	assert_int_equal(bc_link_fill(w.d.s->link), 20);
	assert_int_equal(w.d.s->window.packets, 20);
	finish(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_that_wait_for_their_turn_are_kept_in_order),
		cmocka_unit_test(what_comes_later_goes_behind_what_waits),
		cmocka_unit_test(packets_that_wait_for_an_output_are_lost_as_link_full),
		cmocka_unit_test(on_its_own_lcore_a_source_keeps_those_too),
		cmocka_unit_test(none_overtakes_what_waits),
		cmocka_unit_test(without_memory_they_are_lost_as_order_wait),
		cmocka_unit_test(the_gap_is_told_by_the_packet_behind_it),
		cmocka_unit_test(the_promise_stays_behind_what_waits),
		cmocka_unit_test(a_source_that_waits_holds_what_found_no_room),
		cmocka_unit_test(what_is_held_is_given_back_with_its_source),
		cmocka_unit_test(the_end_comes_behind_what_waits),
		cmocka_unit_test(a_stopped_source_is_quiet_though_packets_wait),
		cmocka_unit_test(a_packet_of_the_window_serves_many_outputs),
		cmocka_unit_test(packets_in_many_pieces_wait_in_the_window_sooner),
	};

	return cmocka_run_group_tests(tests, ingress_start, NULL);
}
