/* SPDX-License-Identifier: BSD-3-Clause */
#include "ingress.h"

#include <errno.h>

#include <rte_ethdev.h>
#include <rte_version.h>

#include "bc_port.h"
#include "bc_time.h"

/* One round that finds n packets. */
static uint32_t poll_n(struct ingress *d, uint32_t n)
{
	d->packets = n;
	return bc_source_poll(d->s);
}

static struct bc_filter_set *filters(const char *first, const char *second)
{
	struct bc_filter_set *set = calloc(1, sizeof(*set));

	assert_int_equal(bc_filter_compile(first, 1, 262144, 0, &set->filter[0], NULL), 0);
	assert_int_equal(bc_filter_compile(second, 1, 262144, 0, &set->filter[1], NULL), 0);
	return set;
}

static void free_filters(struct ingress *d, struct bc_filter_set *set)
{
	atomic_store(&d->s->filters.set, NULL);
	for (int o = 0; o < BC_MAX_OUTPUTS; o++)
		bc_filter_destroy(set->filter[o]);
	free(set);
}

static void what_comes_is_counted_and_sent_on(void **state)
{
	struct ingress d;
	struct bc_desc p;

	ingress_open(&d, &ingress_kind, 1, false);
	assert_int_equal(poll_n(&d, 10), 10);
	assert_int_equal(poll_n(&d, 0), 0);
	assert_int_equal(ingress_received(&d), 10);
	assert_int_equal(bc_counter_get(&d.account->ingress.received_bytes), 1000);
	for (uint64_t i = 0; i < 10; i++) {
		assert_true(ingress_take(&d, &p));
		assert_int_equal(p.ts_ns, 1000 + i);
		assert_int_equal(bc_desc_outputs(&p), 1);
		assert_int_equal(bc_desc_bytes(&p), 60);
		ingress_done(&p);
	}
	ingress_free(&d);
}

static void a_full_link_costs_exactly_what_found_no_room(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	poll_n(&d, 64);
	assert_int_equal(ingress_lost(&d, BC_LOSS_LINK_FULL), 0);
	poll_n(&d, 10);
	assert_int_equal(ingress_lost(&d, BC_LOSS_LINK_FULL), 10);
	ingress_discard(&d);
	poll_n(&d, 44);
	poll_n(&d, 30);
	assert_int_equal(ingress_lost(&d, BC_LOSS_LINK_FULL), 20);
	assert_int_equal(ingress_received(&d), 148);
	assert_int_equal(ingress_discard(&d), 64);
	ingress_free(&d);
}

static void the_first_packet_after_a_loss_tells_how_much(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	poll_n(&d, 60);
	poll_n(&d, 10);
	poll_n(&d, 7);
	ingress_discard(&d);
	poll_n(&d, 2);
	assert_int_equal(ingress_drops(&d), 13);
	assert_int_equal(ingress_drops(&d), 0);
	ingress_free(&d);
}

static void losses_of_every_kind_add_up_on_that_packet(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	bc_source_lost(d.s, BC_LOSS_NIC_MISSED, 100);
	bc_source_lost(d.s, BC_LOSS_NIC_MISSED, 90);	/* a counter that was reset */
	bc_source_lost(d.s, BC_LOSS_NIC_MISSED, 105);
	bc_source_dropped(d.s, BC_LOSS_NO_BUFFER, 7, 700);
	d.drops = 20;
	poll_n(&d, 2);
	assert_int_equal(ingress_drops(&d), 105 + 7 + 20);
	assert_int_equal(ingress_drops(&d), 0);
	assert_int_equal(bc_counter_get(&d.account->control.dropped[BC_LOSS_NIC_MISSED]), 105);
	assert_int_equal(ingress_lost(&d, BC_LOSS_NO_BUFFER), 7);
	assert_int_equal(ingress_received(&d), 9);
	assert_int_equal(bc_counter_get(&d.account->ingress.received_bytes), 900);
	ingress_free(&d);
}

static void each_output_gets_what_it_wants_and_counts_the_rest(void **state)
{
	struct bc_filter_set *set = filters("greater 150", "less 150");
	struct ingress d;
	struct bc_desc p;

	ingress_open(&d, &ingress_kind, 3, false);
	atomic_store(&d.s->filters.set, set);
	d.second_len = 200;
	poll_n(&d, 11);
	assert_int_equal(ingress_filtered(&d, 0), 6);
	assert_int_equal(ingress_filtered(&d, 1), 5);
	assert_int_equal(ingress_filtered(&d, 2), 0);
	for (int i = 0; i < 11; i++) {
		assert_true(ingress_take(&d, &p));
		assert_int_equal(bc_desc_outputs(&p), 4 | (i % 2 ? 1 : 2));
		ingress_done(&p);
	}
	free_filters(&d, set);
	ingress_free(&d);
}

static void what_nobody_wants_is_given_back_at_once(void **state)
{
	struct bc_filter_set *set = filters("greater 150", "greater 300");
	struct ingress d;

	ingress_open(&d, &ingress_kind, 2, false);
	atomic_store(&d.s->filters.set, set);
	d.segments = 3;
	poll_n(&d, 20);
	assert_pool_full(ingress_pool);
	assert_int_equal(ingress_filtered(&d, 0), 20);
	assert_int_equal(ingress_filtered(&d, 1), 20);
	free_filters(&d, set);
	ingress_free(&d);
}

/* Wanted and without room: lost for all outputs, filtered for none. Wanted by nobody: filtered, room or not. */
static void a_full_link_and_filters_count_each_packet_once(void **state)
{
	struct bc_filter_set *set = filters("greater 150", "greater 300");
	struct ingress d;

	ingress_open(&d, &ingress_kind, 2, false);
	atomic_store(&d.s->filters.set, set);
	d.wire_len = d.second_len = 400;
	poll_n(&d, 60);
	d.wire_len = 100;
	d.second_len = 200;
	poll_n(&d, 40);		/* 20 for nobody, 20 for output 0, of which 4 find room */
	assert_int_equal(ingress_lost(&d, BC_LOSS_LINK_FULL), 16);
	assert_int_equal(ingress_filtered(&d, 0), 20);
	assert_int_equal(ingress_filtered(&d, 1), 24);
	assert_int_equal(ingress_discard(&d), 64);
	free_filters(&d, set);
	ingress_free(&d);
}

/* Chains too: every segment must live until the last output is done with it. */
static void a_packet_for_many_outputs_lives_until_the_last_is_done(void **state)
{
	struct ingress d;
	struct bc_desc p;

	ingress_open(&d, &ingress_kind, 3, false);
	d.segments = 2;
	poll_n(&d, 1);
	assert_true(ingress_take(&d, &p));
	assert_int_equal(bc_desc_outputs(&p), 7);
	for (int i = 3; i; i--) {
		struct rte_mbuf *m = bc_desc_obj(&p);

		assert_int_equal(rte_mbuf_refcnt_read(m), i);
		assert_int_equal(rte_mbuf_refcnt_read(m->next), i);
		rte_pktmbuf_free(m);
	}
	assert_pool_full(ingress_pool);
	ingress_free(&d);
}

static void a_pause_counts_all_that_comes_by_its_name(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	bc_source_command(d.s, BC_SOURCE_PAUSE);
	poll_n(&d, 30);
	assert_int_equal(ingress_lost(&d, BC_LOSS_PAUSED), 30);
	assert_int_equal(ingress_received(&d), 30);
	assert_int_equal(bc_counter_get(&d.account->ingress.received_bytes), 3000);
	assert_pool_full(ingress_pool);
	bc_source_command(d.s, BC_SOURCE_RUN);
	poll_n(&d, 1);
	assert_int_equal(ingress_drops(&d), 30);
	ingress_free(&d);
}

static void a_paused_file_waits(void **state)
{
	struct ingress d;

	ingress_open(&d, &blocking_kind, 1, false);
	bc_source_command(d.s, BC_SOURCE_PAUSE);
	poll_n(&d, 30);
	assert_int_equal(d.rounds, 0);
	bc_source_command(d.s, BC_SOURCE_RUN);
	bc_source_poll(d.s);
	assert_int_equal(ingress_discard(&d), 30);
	ingress_free(&d);
}

static void a_source_that_waits_never_drops(void **state)
{
	struct ingress d;
	uint32_t taken = 0;

	ingress_open(&d, &ingress_kind, 1, true);
	d.packets = 1000;
	while (taken < 1000) {
		struct bc_desc p;

		bc_source_poll(d.s);
		for (int i = 0; i < 7 && ingress_take(&d, &p); i++, taken++) {
			assert_int_equal(p.ts_ns, 1000 + taken);
			ingress_done(&p);
		}
	}
	assert_int_equal(ingress_lost(&d, BC_LOSS_LINK_FULL), 0);
	ingress_free(&d);
}

/* Whoever sends into a kernel interface does not wait: full=wait must not make a capture forget that it may lose packets. */
static void waiting_does_not_make_a_device_lossless(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, true);
	assert_true(d.s->wait);
	assert_false(d.s->lossless);
	ingress_free(&d);
}

static void after_a_stop_the_device_is_emptied(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.s->drain_packets = 1000;
	bc_source_command(d.s, BC_SOURCE_STOP);
	for (int i = 0; i < 5; i++) {
		poll_n(&d, 64);
		assert_int_equal(bc_source_state(d.s), BC_SOURCE_RUNNING);
		assert_int_equal(ingress_discard(&d), 64);
	}
	poll_n(&d, 0);
	assert_int_equal(bc_source_state(d.s), BC_SOURCE_QUIET);
	poll_n(&d, 1);
	assert_int_equal(ingress_received(&d), 320);
	ingress_free(&d);
}

static void a_device_that_never_runs_dry_is_left_when_it_has_given_all_it_could_hold(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.s->drain_packets = 100;
	bc_source_command(d.s, BC_SOURCE_STOP);
	poll_n(&d, 64);
	ingress_discard(&d);
	poll_n(&d, 64);
	assert_int_equal(bc_source_state(d.s), BC_SOURCE_QUIET);
	ingress_free(&d);
}

static void a_device_that_delivers_late_is_drained_for_a_while(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.s->drain_ns = 3600 * BC_NS_PER_S;
	bc_source_command(d.s, BC_SOURCE_STOP);
	poll_n(&d, 0);
	poll_n(&d, 0);
	assert_int_equal(bc_source_state(d.s), BC_SOURCE_RUNNING);
	d.s->drain_ns = 0;
	poll_n(&d, 0);
	assert_int_equal(bc_source_state(d.s), BC_SOURCE_QUIET);
	ingress_free(&d);
}

static void the_end_comes_after_the_quiet(void **state)
{
	for (int blocking = 0; blocking < 2; blocking++) {
		struct ingress d;

		ingress_open(&d, blocking ? &blocking_kind : &ingress_kind, 1, false);
		bc_source_command(d.s, BC_SOURCE_STOP);
		poll_n(&d, 0);
		assert_int_equal(bc_source_state(d.s), BC_SOURCE_QUIET);
		assert_int_not_equal(bc_link_watermark(d.s->link), BC_WATERMARK_END);
		bc_source_command(d.s, BC_SOURCE_END);
		poll_n(&d, 0);
		assert_int_equal(bc_source_state(d.s), BC_SOURCE_ENDED);
		assert_int_equal(bc_link_watermark(d.s->link), BC_WATERMARK_END);
		poll_n(&d, 5);
		assert_int_equal(ingress_received(&d), 0);
		ingress_free(&d);
	}
}

static void it_may_be_left_alone_while_it_runs_and_has_room(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, true);
	d.s->buffers_ns = 5;
	assert_int_equal(bc_source_buffers_ns(d.s), 5);
	d.packets = 64;
	bc_source_poll(d.s);
	assert_int_equal(bc_source_buffers_ns(d.s), 0);
	ingress_discard(&d);
	assert_int_equal(bc_source_buffers_ns(d.s), 5);
	bc_source_command(d.s, BC_SOURCE_STOP);
	assert_int_equal(bc_source_buffers_ns(d.s), 0);
	ingress_free(&d);
}

static void an_empty_queue_is_polled_often_while_the_merge_is_busy(void **state)
{
	static const struct bc_source_kind polled = { .name = "test", .live = true, .poll_mode = true };
	static const struct { const struct bc_source_kind *kind; uint64_t buffers_ns, busy_ns; } row[] = {
		{ &polled, 250000, 20000 },
		{ &polled, 20000000, 20000000 },	/* its lcore sleeps for so long to save the CPU */
		{ &ingress_kind, 250000, 250000 },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		_Atomic bool busy = true;
		struct ingress d;

		ingress_open(&d, row[i].kind, 1, false);
		d.s->buffers_ns = row[i].buffers_ns;
		d.s->merge_busy = &busy;
		assert_int_equal(bc_source_buffers_ns(d.s), row[i].busy_ns);
		atomic_store(&busy, false);
		assert_int_equal(bc_source_buffers_ns(d.s), row[i].buffers_ns);
		ingress_free(&d);
	}
}

static void a_driver_ends_its_source(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.ended = true;
	poll_n(&d, 5);
	assert_int_equal(bc_source_state(d.s), BC_SOURCE_ENDED);
	assert_int_equal(bc_link_watermark(d.s->link), BC_WATERMARK_END);
	assert_int_equal(ingress_discard(&d), 5);
	ingress_free(&d);
}

static void a_watermark_never_goes_back(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.watermark_ns = 500;
	poll_n(&d, 0);
	d.watermark_ns = 400;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 500);
	d.watermark_ns = 0;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 500);
	ingress_free(&d);
}

/* A file can say anything; the last instant stands for the end of a link, and for a rotation that never comes. */
static void the_end_of_time_does_not_end_the_source(void **state)
{
	struct ingress d;
	struct bc_desc p;

	ingress_open(&d, &ingress_kind, 1, false);
	d.ts_ns = d.watermark_ns = UINT64_MAX;
	poll_n(&d, 1);
	assert_int_equal(bc_link_watermark(d.s->link), BC_TS_MAX);
	assert_true(ingress_take(&d, &p));
	assert_int_equal(p.ts_ns, BC_TS_MAX);
	ingress_done(&p);
	ingress_free(&d);
}

static void the_tables_are_finite(void **state)
{
	struct bc_source_config cfg = { .spec = (char *)"null:", .kind = &bc_source_null, .target = (char *)"", .queues = 1 };
	struct bc_source *s[2];
	struct bc_err err = { "" };
	struct ingress d;
	uint32_t n = 7;

	ingress_open(&d, &ingress_kind, 1, false);
	d.ledger->n_sources = BC_MAX_SOURCES;
	assert_int_equal(bc_source_open(&cfg, &d.s->env, s, &n, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "sources"));
	d.ledger->n_sources = BC_MAX_SOURCES - 1;
	cfg.queues = 2;
	assert_int_equal(bc_source_open(&cfg, &d.s->env, s, &n, &err), -ENOSPC);
	d.ledger->n_sources = 1;
	cfg.queues = 1;
	while (bc_iface_add(d.ifaces, &(struct bc_iface){ .name = "x" }) >= 0)
		;
	assert_int_equal(bc_source_open(&cfg, &d.s->env, s, &n, &err), -ENOSPC);
	assert_non_null(strstr(err.msg, "interfaces"));
	assert_int_equal(n, 7);
	ingress_free(&d);
}

static void a_device_s_stamp_far_ahead_stops_neither_the_packet_nor_the_promise(void **state)
{
	struct ingress d;
	struct bc_desc p;

	ingress_open(&d, &ingress_kind, 1, false);
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.ts_ns = 4102444800 * BC_NS_PER_S;
	poll_n(&d, 1);
	assert_int_equal(bc_counter_get(&d.account->ingress.stamp_ahead), 1);
	assert_true(ingress_take(&d, &p));
	assert_int_equal(p.ts_ns, d.asked_ns);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns);
	ingress_done(&p);
	ingress_free(&d);
}

static void an_empty_device_promises_what_it_holds_back(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.empty = true;
	bc_counter_set(&d.s->lateness_ns, 500);
	d.ts_ns = d.asked_ns - 1000;
	poll_n(&d, 1);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 500);
	d.ts_ns = d.asked_ns + 7;
	poll_n(&d, 1);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns + 7);
	ingress_free(&d);
}

static void a_device_that_holds_nothing_back_promises_more(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.empty = true;
	d.lateness_ns = 300;
	bc_counter_set(&d.s->lateness_ns, 500);
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 300);
	d.lateness_ns = 0;
	d.asked_ns += 1000;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 500);
	ingress_free(&d);
}

static void a_device_that_buffers_promises_in_steps(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.s->buffers_ns = BC_NS_PER_MS;
	d.asked_ns = 1000000 * BC_NS_PER_S + 7;
	d.empty = true;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 1000000 * BC_NS_PER_S);
	d.asked_ns += BC_NS_PER_MS - 10;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 1000000 * BC_NS_PER_S);
	d.asked_ns += 10;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 1000000 * BC_NS_PER_S + BC_NS_PER_MS);
	ingress_free(&d);
}

/* A NIC's stamps: the promise follows the clock closely, and reaches back at once when it was broken, but never goes back. */
static void the_promise_of_an_empty_device_follows_what_is_measured(void **state)
{
	uint64_t promised_ns;
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	bc_source_measure_lateness(&d.s, 1, &(struct bc_source_config){ .lateness_us = 0 });
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.empty = true;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 1000000);
	for (int i = 0; i < BC_LATENESS_SAMPLES; i++) {
		d.asked_ns += 1000;
		d.ts_ns = d.asked_ns - 1000;
		poll_n(&d, 1);
		ingress_discard(&d);
	}
	d.asked_ns += BC_LATENESS_LOOK_NS;
	poll_n(&d, 0);
	promised_ns = d.asked_ns - 50000;
	assert_int_equal(bc_link_watermark(d.s->link), promised_ns);
	d.ts_ns = d.asked_ns - 80000;
	d.asked_ns += 1000;
	poll_n(&d, 1);
	assert_int_equal(bc_counter_get(&d.s->lateness_ns), 160000);
	assert_int_equal(bc_link_watermark(d.s->link), promised_ns);
	d.asked_ns += 200000;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 160000);
	ingress_free(&d);
}

static void the_users_lateness_is_not_measured_away(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	bc_source_measure_lateness(&d.s, 1, &(struct bc_source_config){ .lateness_us = 3 });
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.empty = true;
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), d.asked_ns - 3000);
	ingress_free(&d);
}

/* The second one is idle, and goes by the first one. */
static void the_queues_of_a_port_share_their_lateness(void **state)
{
	struct bc_source_config cfg = { .spec = (char *)"null:", .kind = &bc_source_null, .target = (char *)"", .queues = 2, .idle = true,
					.stamp = (char *)"nic", .held_us = 10 };
	struct bc_source *s[2];
	struct ingress d;
	uint32_t n = 0;

	ingress_open(&d, &ingress_kind, 1, false);
	assert_int_equal(bc_source_open(&cfg, &d.s->env, s, &n, NULL), 0);
	for (int i = 0; i < BC_LATENESS_SAMPLES; i++)
		bc_lateness_add(&s[0]->lateness, 30000);
	assert_int_equal(bc_counter_get(&s[1]->lateness_ns), BC_LATENESS_START_NS);
	s[1]->link = bc_link_new(64);
	bc_source_poll(s[1]);
	assert_int_equal(bc_counter_get(&s[1]->lateness_ns), 60000);
	bc_link_free(s[1]->link);
	bc_source_close(s[0]);
	bc_source_close(s[1]);
	ingress_free(&d);
}

static void a_clock_on_tai_is_told_of_its_interface(void **state)
{
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	d.asked_ns = 1000000 * BC_NS_PER_S;
	d.ts_ns = d.asked_ns + BC_TAI_NS;
	assert_null(strstr(bc_iface_now(d.ifaces, 0).clock, "TAI"));
	poll_n(&d, 40);
	assert_non_null(strstr(bc_iface_now(d.ifaces, 0).clock, "its clock runs on TAI: 37 s are taken off each stamp"));
	assert_int_equal(bc_counter_get(&d.account->ingress.stamp_ahead), BC_STAMP_RUN - 1);
	ingress_free(&d);
}

/* The clock was set back by an hour: what was stamped before and after keeps its order, and its own time. */
static void a_step_of_the_clock_keeps_the_order_and_each_packets_time(void **state)
{
	static const struct { uint64_t ts_ns, steady_ns; uint8_t epoch; } packet[] = {
		{ 9999990 * BC_NS_PER_MS, 9999990 * BC_NS_PER_MS, 0 },
		{ 6400001 * BC_NS_PER_MS, 10000001 * BC_NS_PER_MS, 1 },
		{ 9999999 * BC_NS_PER_MS, 9999999 * BC_NS_PER_MS, 0 },
	};
	static struct bc_clock clock;
	struct ingress d;
	struct bc_desc p;

	bc_steps_add(&clock.steps, 10000000 * BC_NS_PER_MS, 3600 * BC_NS_PER_S);
	ingress_open(&d, &ingress_kind, 1, false);
	d.s->env.clock = &clock;
	d.time = BC_TIME_UTC;
	d.asked_ns = 10000020 * BC_NS_PER_MS;
	for (int i = 0; i < 3; i++) {
		d.ts_ns = packet[i].ts_ns;
		poll_n(&d, 1);
		assert_true(ingress_take(&d, &p));
		assert_int_equal(p.ts_ns, packet[i].steady_ns);
		assert_int_equal(bc_meta_epoch(bc_desc_obj(&p)), packet[i].epoch);
		ingress_done(&p);
	}
	assert_int_equal(bc_counter_get(&d.account->ingress.stamp_ahead), 0);
	ingress_free(&d);
}

/* The clock is stepped while packets are taken, and the host's clock does not know it yet; it makes no promise by that clock either. */
static void what_is_stamped_about_a_step_waits_until_it_is_known(void **state)
{
	static struct bc_clock clock;
	struct ingress d;
	struct bc_desc p;
	uint64_t stamp_ns;

	memcpy(&clock, &ingress_clock, sizeof(clock));
	bc_steps_add(&clock.steps, 1, 3600 * BC_NS_PER_S);
	ingress_open(&d, &ingress_kind, 1, false);
	d.s->env.clock = &clock;
	d.time = BC_TIME_UTC;
	d.unsure = d.empty = true;
	d.asked_ns = bc_clock_utc(&clock);
	poll_n(&d, 0);
	assert_int_equal(bc_link_watermark(d.s->link), 0);
	d.ts_ns = stamp_ns = bc_utc_ns();
	assert_int_equal(poll_n(&d, 1), 0);
	assert_int_equal(poll_n(&d, 1), 0);
	assert_int_equal(d.rounds, 2);
	assert_false(ingress_take(&d, &p));
	bc_steps_add(&clock.steps, stamp_ns, 0);
	d.unsure = false;
	assert_int_equal(bc_source_poll(d.s), 1);
	assert_true(ingress_take(&d, &p));
	assert_int_equal(p.ts_ns, stamp_ns);
	assert_int_equal(bc_meta_epoch(bc_desc_obj(&p)), 2);
	assert_int_equal(bc_link_watermark(d.s->link), stamp_ns);
	ingress_done(&p);
	ingress_free(&d);
}

static void what_waits_for_a_step_goes_with_its_source(void **state)
{
	static struct bc_clock clock;
	struct ingress d;
	uint32_t had = rte_mempool_avail_count(ingress_pool);

	memcpy(&clock, &ingress_clock, sizeof(clock));
	bc_steps_add(&clock.steps, 1, 3600 * BC_NS_PER_S);
	ingress_open(&d, &ingress_kind, 1, false);
	d.s->env.clock = &clock;
	d.unsure = true;
	poll_n(&d, 3);
	ingress_free(&d);
	assert_int_equal(rte_mempool_avail_count(ingress_pool), had);
}

static void a_step_of_the_clock_does_not_touch_times_of_files(void **state)
{
	static struct bc_clock clock;
	struct ingress d;
	struct bc_desc p;

	bc_steps_add(&clock.steps, 5, 3600 * BC_NS_PER_S);
	ingress_open(&d, &ingress_kind, 1, false);
	d.s->env.clock = &clock;
	poll_n(&d, 1);
	assert_true(ingress_take(&d, &p));
	assert_int_equal(p.ts_ns, 1000);
	assert_int_equal(bc_meta_epoch(bc_desc_obj(&p)), 0);
	ingress_done(&p);
	ingress_free(&d);
}

static void an_interface_of_the_host_clock_is_described_as_that_is_now(void **state)
{
	struct bc_source_config cfg = { .spec = (char *)"null:", .kind = &bc_source_null, .target = (char *)"", .queues = 1, .size = 80 };
	static struct bc_clock clock;
	struct bc_source *s;
	struct ingress d;
	uint32_t n = 0;

	ingress_open(&d, &ingress_kind, 1, false);
	memcpy(&clock, &ingress_clock, sizeof(clock));
	d.s->env.clock = &clock;
	assert_int_equal(bc_source_open(&cfg, &d.s->env, &s, &n, NULL), 0);
	assert_null(strstr(bc_iface_now(d.ifaces, s->account->iface).clock, "stepped"));
	bc_steps_add(&clock.steps, 5, 3600 * BC_NS_PER_S);
	assert_non_null(strstr(bc_iface_now(d.ifaces, s->account->iface).clock, "stepped by -3600.000 s"));
	bc_source_close(s);
	ingress_free(&d);
}

/* The driver's last moment with a burst. */
static uint16_t note_time(uint16_t port, uint16_t queue, struct rte_mbuf **m, uint16_t n, uint16_t max, void *ret_ns)
{
	*(uint64_t *)ret_ns = bc_clock_now(&ingress_clock);
	return n;
}

static void a_software_stamp_is_not_before_the_packet_nor_before_the_watermark(void **state)
{
	struct bc_source_config cfg = { .spec = (char *)"dpdk:net_null7", .kind = &bc_source_dpdk, .target = (char *)"net_null7",
					.queues = 1 };
	uint64_t came_ns = 0, promised_ns = 0;
	struct bc_source *s;
	struct ingress d, q;
	struct bc_desc p;
	uint16_t port;
	uint32_t n = 0;

	ingress_open(&d, &ingress_kind, 1, false);
	if (bc_source_open(&cfg, &d.s->env, &s, &n, NULL) != 0) {
		ingress_free(&d);
		BC_SKIP("DPDK's net_null is not there");
	}
	q.s = s;
	s->link = bc_link_new(64);
	assert_int_equal(rte_eth_dev_get_port_by_name("net_null7", &port), 0);
	assert_non_null(rte_eth_add_rx_callback(port, 0, note_time, &came_ns));
	for (uint32_t i = 0; i < 3; i++) {
		assert_true(bc_source_poll(s) > 0);
		assert_true(ingress_take(&q, &p));
		assert_true(p.ts_ns >= came_ns);
		assert_true(p.ts_ns >= promised_ns);
		promised_ns = bc_link_watermark(s->link);
		ingress_done(&p);
		ingress_discard(&q);
	}
	bc_link_free(s->link);
	bc_source_close(s);
	ingress_free(&d);
}

static void the_null_source_delivers_its_count_from_each_queue(void **state)
{
	struct bc_source_config cfg = { .spec = (char *)"null:", .kind = &bc_source_null, .target = (char *)"", .queues = 2,
					.count = 1000, .size = 80 };
	struct bc_source *s[2];
	struct ingress d;
	uint32_t n = 0;

	ingress_open(&d, &ingress_kind, 1, false);
	assert_int_equal(bc_source_open(&cfg, &d.s->env, s, &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(s[0]->account->iface, s[1]->account->iface);
	assert_int_equal(s[1]->account->queue, 1);
	for (uint32_t i = 0; i < n; i++) {
		struct ingress q = { .s = s[i] };
		uint64_t got = 0;

		s[i]->link = bc_link_new(64);
		while (bc_source_state(s[i]) != BC_SOURCE_ENDED) {
			bc_source_poll(s[i]);
			got += ingress_discard(&q);
		}
		assert_int_equal(got, 1000);
		assert_int_equal(bc_counter_get(&s[i]->account->ingress.received_bytes), 80000);
		bc_link_free(s[i]->link);
		bc_source_close(s[i]);
	}
	ingress_free(&d);
}

static void packets_with_text_have_their_length_and_differ(void **state)
{
	static const uint32_t sizes[] = { 14, 41, 49, 100, 2048 };
	struct bc_source_config cfg = { .spec = (char *)"null:", .kind = &bc_source_null, .target = (char *)"", .queues = 1,
					.count = 2, .text = true };
	struct ingress d;

	ingress_open(&d, &ingress_kind, 1, false);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct bc_desc p[2] = { 0 };
		struct ingress q = { 0 };
		const uint8_t *a, *b;
		uint32_t n = 0;

		cfg.size = sizes[i];
		assert_int_equal(bc_source_open(&cfg, &d.s->env, &q.s, &n, NULL), 0);
		q.s->link = bc_link_new(64);
		bc_source_poll(q.s);
		assert_true(ingress_take(&q, &p[0]));
		assert_true(ingress_take(&q, &p[1]));
		a = rte_pktmbuf_mtod((struct rte_mbuf *)bc_desc_obj(&p[0]), uint8_t *);
		b = rte_pktmbuf_mtod((struct rte_mbuf *)bc_desc_obj(&p[1]), uint8_t *);
		assert_true(a[12] == 8 && a[13] == 0);
		if (sizes[i] > 42) {
			assert_int_equal(a[16] << 8 | a[17], sizes[i] - 14);
			assert_int_equal(a[38] << 8 | a[39], sizes[i] - 34);
			assert_int_equal(b[35] - a[35], 1);
			assert_memory_not_equal(a + 42, b + 42, sizes[i] - 42);
		}
		ingress_done(&p[0]);
		ingress_done(&p[1]);
		bc_link_free(q.s->link);
		bc_source_close(q.s);
	}
	ingress_free(&d);
}

static void drivers_that_do_not_count_are_known_by_version(void **state)
{
	assert_false(bc_port_counts_losses("net_af_packet", RTE_VERSION_NUM(22, 11, 11, 99)));
	assert_true(bc_port_counts_losses("net_af_packet", RTE_VERSION_NUM(25, 3, 0, 99)));
	assert_false(bc_port_counts_losses("net_tap", RTE_VERSION_NUM(26, 7, 0, 99)));
	assert_true(bc_port_counts_losses("net_ixgbe", RTE_VERSION_NUM(22, 11, 0, 99)));
	assert_true(bc_port_counts_losses("net_vhost", RTE_VERSION_NUM(22, 11, 0, 99)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drivers_that_do_not_count_are_known_by_version),
		cmocka_unit_test(what_comes_is_counted_and_sent_on),
		cmocka_unit_test(a_full_link_costs_exactly_what_found_no_room),
		cmocka_unit_test(the_first_packet_after_a_loss_tells_how_much),
		cmocka_unit_test(losses_of_every_kind_add_up_on_that_packet),
		cmocka_unit_test(each_output_gets_what_it_wants_and_counts_the_rest),
		cmocka_unit_test(what_nobody_wants_is_given_back_at_once),
		cmocka_unit_test(a_full_link_and_filters_count_each_packet_once),
		cmocka_unit_test(a_packet_for_many_outputs_lives_until_the_last_is_done),
		cmocka_unit_test(a_pause_counts_all_that_comes_by_its_name),
		cmocka_unit_test(a_paused_file_waits),
		cmocka_unit_test(a_source_that_waits_never_drops),
		cmocka_unit_test(waiting_does_not_make_a_device_lossless),
		cmocka_unit_test(after_a_stop_the_device_is_emptied),
		cmocka_unit_test(a_device_that_never_runs_dry_is_left_when_it_has_given_all_it_could_hold),
		cmocka_unit_test(a_device_that_delivers_late_is_drained_for_a_while),
		cmocka_unit_test(the_end_comes_after_the_quiet),
		cmocka_unit_test(it_may_be_left_alone_while_it_runs_and_has_room),
		cmocka_unit_test(an_empty_queue_is_polled_often_while_the_merge_is_busy),
		cmocka_unit_test(a_driver_ends_its_source),
		cmocka_unit_test(a_watermark_never_goes_back),
		cmocka_unit_test(the_end_of_time_does_not_end_the_source),
		cmocka_unit_test(a_device_s_stamp_far_ahead_stops_neither_the_packet_nor_the_promise),
		cmocka_unit_test(an_empty_device_promises_what_it_holds_back),
		cmocka_unit_test(a_device_that_holds_nothing_back_promises_more),
		cmocka_unit_test(a_device_that_buffers_promises_in_steps),
		cmocka_unit_test(the_promise_of_an_empty_device_follows_what_is_measured),
		cmocka_unit_test(the_users_lateness_is_not_measured_away),
		cmocka_unit_test(the_queues_of_a_port_share_their_lateness),
		cmocka_unit_test(a_clock_on_tai_is_told_of_its_interface),
		cmocka_unit_test(an_interface_of_the_host_clock_is_described_as_that_is_now),
		cmocka_unit_test(a_step_of_the_clock_keeps_the_order_and_each_packets_time),
		cmocka_unit_test(what_is_stamped_about_a_step_waits_until_it_is_known),
		cmocka_unit_test(what_waits_for_a_step_goes_with_its_source),
		cmocka_unit_test(a_step_of_the_clock_does_not_touch_times_of_files),
		cmocka_unit_test(the_tables_are_finite),
		cmocka_unit_test(a_software_stamp_is_not_before_the_packet_nor_before_the_watermark),
		cmocka_unit_test(the_null_source_delivers_its_count_from_each_queue),
		cmocka_unit_test(packets_with_text_have_their_length_and_differ),
	};

	return cmocka_run_group_tests(tests, ingress_start, NULL);
}
