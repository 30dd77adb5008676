/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_fixture.h"

#include <errno.h>

#include "bc_tel_command.h"
#include "bc_view.h"

static json_int_t number(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static const json_t *at(const json_t *o, const char *list, size_t i)
{
	return json_array_get(json_object_get(o, list), i);
}

static void report_has_the_promised_fields(void **state)
{
	static const char *const top[] = { "version", "started_ns", "stopped_ns", "sources", "outputs", "balance",
					   "merge_delay_ns" };
	static const char *const source[] = { "name", "interface", "queue", "stamp", "clock", "received", "received_bytes",
					      "filtered", "late", "forced", "stamp_ahead", "losses", "dropped" };
	static const char *const output[] = { "name", "format", "compress", "written", "written_bytes", "file_bytes", "dropped",
					      "balance", "segments" };
	struct fixture *f = fixture_new(1, 1);
	json_t *r = bc_view_report(&f->group);

	for (size_t i = 0; i < sizeof(top) / sizeof(*top); i++)
		assert_non_null(json_object_get(r, top[i]));
	for (size_t i = 0; i < sizeof(source) / sizeof(*source); i++)
		assert_non_null(json_object_get(at(r, "sources", 0), source[i]));
	for (size_t i = 0; i < sizeof(output) / sizeof(*output); i++)
		assert_non_null(json_object_get(at(r, "outputs", 0), output[i]));
	json_decref(r);
	fixture_free(f);
}

static void live_difference_is_in_flight(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	fixture_packets(f, 0, 10, WRITTEN);
	bc_counter_add(&f->p->ledger->source[0].ingress.received, 3);
	l = bc_view_ledger(&f->group);
	assert_int_equal(number(json_object_get(l, "balance"), "in_flight"), 3);
	assert_int_equal(number(json_object_get(l, "balance"), "unaccounted"), 0);
	json_decref(l);
	fixture_free(f);
}

static void final_difference_is_unaccounted(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	bc_counter_add(&f->p->ledger->source[0].ingress.received, 3);
	f->p->joined = true;
	l = bc_view_report(&f->group);
	assert_int_equal(number(json_object_get(l, "balance"), "in_flight"), 0);
	assert_int_equal(number(json_object_get(l, "balance"), "unaccounted"), 3);
	assert_int_equal(number(json_object_get(at(l, "outputs", 0), "balance"), "unaccounted"), 3);
	json_decref(l);
	fixture_free(f);
}

static void packets_written_twice_show_at_the_end(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	bc_counter_add(&f->p->ledger->output[0].source[0].written, 2);
	f->p->joined = true;
	l = bc_view_report(&f->group);
	assert_int_equal(number(json_object_get(l, "balance"), "unaccounted"), -2);
	json_decref(l);
	fixture_free(f);
}

static void losses_of_none_are_left_out(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l, *dropped;

	fixture_packets(f, 0, 7, BC_LOSS_LINK_FULL);
	l = bc_view_ledger(&f->group);
	dropped = json_object_get(at(l, "sources", 0), "dropped");
	assert_int_equal(json_object_size(dropped), 1);
	assert_int_equal(number(dropped, "link_full"), 7);
	json_decref(l);
	fixture_free(f);
}

static void what_the_nic_lost_counts_as_received(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	bc_counter_set(&f->p->ledger->source[0].control.dropped[BC_LOSS_NIC_MISSED], 5);
	l = bc_view_ledger(&f->group);
	assert_int_equal(number(at(l, "sources", 0), "received"), 5);
	assert_int_equal(number(json_object_get(at(l, "sources", 0), "dropped"), "nic_missed"), 5);
	assert_int_equal(number(json_object_get(l, "balance"), "dropped"), 5);
	json_decref(l);
	fixture_free(f);
}

static void past_end_is_the_outputs_loss(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	bc_counter_add(&f->p->ledger->source[0].ingress.received, 4);
	bc_counter_add(&f->p->ledger->source[0].merge.past_end[0], 4);
	l = bc_view_ledger(&f->group);
	assert_int_equal(json_object_size(json_object_get(at(l, "sources", 0), "dropped")), 0);
	assert_int_equal(number(json_object_get(at(l, "outputs", 0), "dropped"), "past_end"), 4);
	assert_int_equal(number(json_object_get(l, "balance"), "dropped"), 4);
	json_decref(l);
	fixture_free(f);
}

/* Ten packets: two lost at ingress; output 0 wrote eight; output 1 filtered five and wrote three. */
static void two_outputs_count_the_ingress_once(void **state)
{
	struct fixture *f = fixture_new(1, 2);
	json_t *l, *b;

	fixture_packets(f, 0, 8, WRITTEN);
	fixture_packets(f, 0, 2, BC_LOSS_LINK_FULL);
	bc_counter_add(&f->p->ledger->source[0].ingress.filtered[1], 5);
	bc_counter_add(&f->p->ledger->output[1].source[0].written, 3);
	l = bc_view_ledger(&f->group);
	b = json_object_get(l, "balance");
	assert_int_equal(number(b, "received"), 10);
	assert_int_equal(number(b, "written"), 11);
	assert_int_equal(number(b, "filtered"), 5);
	assert_int_equal(number(b, "dropped"), 2);
	assert_int_equal(number(b, "in_flight"), 0);
	b = json_object_get(at(l, "outputs", 1), "balance");
	assert_int_equal(number(b, "received"), 10);
	assert_int_equal(number(b, "dropped"), 2);
	assert_int_equal(number(at(l, "sources", 0), "filtered"), 5);
	json_decref(l);
	fixture_free(f);
}

static void ledger_has_no_segments(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *l;

	fixture_segment(f, 0, "/srv/capture/1.pcapng.lz4", 1, 0);
	l = bc_view_ledger(&f->group);
	assert_null(json_object_get(at(l, "outputs", 0), "segments"));
	json_decref(l);
	fixture_free(f);
}

static void an_unpublished_segment_says_why(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *r;

	fixture_segment(f, 0, "/srv/capture/1.pcapng.lz4", 1, 0);
	fixture_segment(f, 0, "/srv/capture/.2.tmp", 2, -EIO);
	r = bc_view_report(&f->group);
	assert_null(json_object_get(at(at(r, "outputs", 0), "segments", 0), "error"));
	assert_int_equal(number(at(at(r, "outputs", 0), "segments", 0), "bytes"), 66);
	assert_string_equal(json_string_value(json_object_get(at(at(r, "outputs", 0), "segments", 1), "error")), strerror(EIO));
	json_decref(r);
	fixture_free(f);
}

static void segments_are_the_last_ones(void **state)
{
	struct fixture *f = fixture_new(1, 2);
	json_t *s;

	for (int i = 0; i < 5; i++)
		fixture_segment(f, 1, i < 4 ? "old" : "new", 1, 0);
	s = bc_tel_command_segments.view(&(struct bc_subject){ .group = &f->group }, "1,1");
	assert_int_equal(json_array_size(s), 1);
	assert_int_equal(number(json_array_get(s, 0), "output"), 1);
	assert_int_equal(number(json_array_get(s, 0), "published"), 5);
	assert_int_equal(json_array_size(json_object_get(json_array_get(s, 0), "segments")), 1);
	assert_string_equal(json_string_value(json_object_get(at(json_array_get(s, 0), "segments", 0), "path")), "new");
	json_decref(s);
	fixture_free(f);
}

static void a_name_that_is_no_utf8_is_escaped(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;
	json_t *r;

	fixture_segment(f, 0, "/srv/\xff\xfe/1", 1, 0);
	r = bc_view_report(&f->group);
	assert_string_equal(json_string_value(json_object_get(at(at(r, "outputs", 0), "segments", 0), "path")),
			    "/srv/\\xff\\xfe/1");
	text = json_dumps(r, 0);
	assert_non_null(text);
	free(text);
	json_decref(r);
	fixture_free(f);
}

static void utf8_stays(void **state)
{
	json_t *s = bc_view_string("M\xc3\xa4rz");

	assert_string_equal(json_string_value(s), "M\xc3\xa4rz");
	json_decref(s);
}

static void escape_does_not_split_and_does_not_overrun(void **state)
{
	char small[6] = "xxxxx";

	bc_view_escape(small, sizeof(small), "ab\n");
	assert_string_equal(small, "ab");
	bc_view_escape(small, sizeof(small), "a\n");
	assert_string_equal(small, "a\\x0a");
}

static void a_number_too_large_is_the_largest(void **state)
{
	json_t *n = bc_view_u64(UINT64_MAX);

	assert_true(json_integer_value(n) == INT64_MAX);
	json_decref(n);
}

static void state_follows_the_capture(void **state)
{
	struct fixture *f = fixture_new(1, 1);

	assert_string_equal(bc_view_state(f->p), "running");
	f->p->paused = true;
	assert_string_equal(bc_view_state(f->p), "paused");
	f->p->stopping = true;
	assert_string_equal(bc_view_state(f->p), "stopping");
	f->p->ended = true;
	assert_string_equal(bc_view_state(f->p), "draining");
	f->p->joined = true;
	assert_string_equal(bc_view_state(f->p), "ended");
	fixture_free(f);
}

static void sources_show_the_lateness_that_holds_and_what_was_measured(void **state)
{
	struct fixture *f = fixture_new(2, 1);
	json_t *s;

	bc_counter_set(&f->p->source[0]->lateness_ns, 40001);
	bc_source_measure_lateness(&f->p->source[1], 1, &(struct bc_source_config){ .lateness_us = 7 });
	bc_lateness_add(&f->p->source[1]->lateness, 30000);
	s = bc_view_sources(&f->group);
	assert_int_equal(number(json_array_get(s, 0), "lateness_us"), 41);
	assert_null(json_object_get(json_array_get(s, 0), "measured_lateness_us"));
	assert_int_equal(number(json_array_get(s, 1), "lateness_us"), 7);
	assert_int_equal(number(json_array_get(s, 1), "measured_lateness_us"), 30);
	json_decref(s);
	fixture_free(f);
}

static void sources_show_their_links_and_windows(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *s;

	bc_link_push(f->p->link[0], 5);
	bc_counter_set(&f->p->source[0]->window.bytes, 4096);
	bc_counter_set(&f->p->source[0]->window.peak, 8192);
	s = bc_view_sources(&f->group);
	assert_int_equal(number(json_array_get(s, 0), "link_used"), 5);
	assert_int_equal(number(json_array_get(s, 0), "link_size"), 64);
	assert_int_equal(number(json_array_get(s, 0), "window_bytes"), 4096);
	assert_int_equal(number(json_array_get(s, 0), "window_peak_bytes"), 8192);
	assert_string_equal(json_string_value(json_object_get(json_array_get(s, 0), "state")), "running");
	json_decref(s);
	fixture_free(f);
}

static void a_failed_source_says_so(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *s;

	f->p->source[0]->state = BC_SOURCE_ENDED;
	f->p->source[0]->failed = true;
	s = bc_view_sources(&f->group);
	assert_string_equal(json_string_value(json_object_get(json_array_get(s, 0), "state")), "failed");
	json_decref(s);
	fixture_free(f);
}

static void outputs_show_filter_and_buffers(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	uint8_t *taken = bc_bufpool_get(f->p->output[0]->pool, 0);
	json_t *o;
	int r;

	while ((r = bc_pipeline_set_filter(f->p, 0, "tcp", NULL)) > 0)
		;
	assert_int_equal(r, 0);
	o = bc_view_outputs(&f->group);
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "filter")), "tcp");
	assert_string_equal(json_string_value(json_object_get(json_array_get(o, 0), "exclude")), "");
	assert_int_equal(number(json_object_get(json_array_get(o, 0), "buffers"), "total"), 8);
	assert_int_equal(number(json_object_get(json_array_get(o, 0), "buffers"), "free"), 7);
	json_decref(o);
	bc_bufpool_put(f->p->output[0]->pool, taken);
	fixture_free(f);
}

static void outputs_show_how_they_are_stored(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *o = bc_view_outputs(&f->group), *storage = json_object_get(json_array_get(o, 0), "storage");

	assert_string_equal(json_string_value(json_object_get(storage, "io")), "");
	assert_int_equal(number(storage, "publishing"), 0);
	json_decref(o);
	bc_output_close(f->p->output[0], false);
	o = bc_view_outputs(&f->group);
	assert_non_null(json_object_get(json_array_get(o, 0), "storage"));
	json_decref(o);
	fixture_free(f);
}

static void lcores_show_busy_shares(void **state)
{
	struct bc_stage stage = { .name = "merge" }, *stages[] = { &stage };
	struct bc_lcore lcore = { .cpu = 3, .n_stages = 1, .stage = stages };
	json_t *l;

	bc_counter_set(&stage.units, 9);
	bc_counter_set(&stage.busy_tsc, 500);
	l = bc_tel_command_lcores.view(&(struct bc_subject){ .lcores = &lcore, .n_lcores = 1, .tsc = 2000,
							     .elapsed_ns = 2000000000 }, NULL);
	assert_int_equal(number(json_array_get(l, 0), "cpu"), 3);
	assert_int_equal(number(at(json_array_get(l, 0), "stages", 0), "units"), 9);
	assert_int_equal(number(at(json_array_get(l, 0), "stages", 0), "busy_ns"), 500000000);
	assert_int_equal(number(at(json_array_get(l, 0), "stages", 0), "busy_permille"), 250);
	json_decref(l);
}

static void lcores_bear_unknown_times(void **state)
{
	struct bc_stage stage = { .name = "merge" }, *stages[] = { &stage };
	struct bc_lcore lcore = { .n_stages = 1, .stage = stages };
	json_t *l;

	bc_counter_set(&stage.busy_tsc, 500);
	l = bc_tel_command_lcores.view(&(struct bc_subject){ .lcores = &lcore, .n_lcores = 1 }, NULL);
	assert_int_equal(number(at(json_array_get(l, 0), "stages", 0), "busy_permille"), 0);
	json_decref(l);
}

static void clock_names_its_counter(void **state)
{
	struct fixture *f = fixture_new(2, 1);
	json_t *c = bc_tel_command_clock.view(&(struct bc_subject){ .group = &f->group }, NULL);

	assert_string_equal(json_string_value(json_object_get(c, "counter")), "CLOCK_MONOTONIC");
	assert_string_equal(json_string_value(json_object_get(c, "why")), "for a test");
	assert_int_equal(json_array_size(json_object_get(c, "sources")), 2);
	assert_string_equal(json_string_value(json_object_get(at(c, "sources", 1), "clock")), "the host's");
	json_decref(c);
	fixture_free(f);
}

static void the_delay_in_the_merge_is_shown(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	json_t *i, *delay;

	bc_histogram_add(&f->p->ledger->merge_delay, 3, 99);
	bc_histogram_add(&f->p->ledger->merge_delay, 100000, 1);
	i = bc_tel_command_info.view(&(struct bc_subject){ .group = &f->group }, NULL);
	delay = json_object_get(i, "merge_delay_ns");
	assert_int_equal(number(delay, "samples"), 100);
	assert_int_equal(number(delay, "p50"), 3);
	assert_int_equal(number(delay, "p99"), 3);
	assert_in_range(number(delay, "p999"), 100000, 125000);
	json_decref(i);
	fixture_free(f);
}

static void info_counts_sources_and_outputs(void **state)
{
	struct fixture *f = fixture_new(3, 2);
	json_t *i = bc_tel_command_info.view(&(struct bc_subject){ .group = &f->group }, NULL);

	assert_int_equal(number(i, "sources"), 3);
	assert_int_equal(number(i, "outputs"), 2);
	assert_int_equal(number(i, "started_ns"), 1000);
	json_decref(i);
	fixture_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report_has_the_promised_fields),
		cmocka_unit_test(live_difference_is_in_flight),
		cmocka_unit_test(final_difference_is_unaccounted),
		cmocka_unit_test(packets_written_twice_show_at_the_end),
		cmocka_unit_test(losses_of_none_are_left_out),
		cmocka_unit_test(what_the_nic_lost_counts_as_received),
		cmocka_unit_test(past_end_is_the_outputs_loss),
		cmocka_unit_test(two_outputs_count_the_ingress_once),
		cmocka_unit_test(ledger_has_no_segments),
		cmocka_unit_test(an_unpublished_segment_says_why),
		cmocka_unit_test(segments_are_the_last_ones),
		cmocka_unit_test(a_name_that_is_no_utf8_is_escaped),
		cmocka_unit_test(utf8_stays),
		cmocka_unit_test(escape_does_not_split_and_does_not_overrun),
		cmocka_unit_test(a_number_too_large_is_the_largest),
		cmocka_unit_test(state_follows_the_capture),
		cmocka_unit_test(sources_show_the_lateness_that_holds_and_what_was_measured),
		cmocka_unit_test(sources_show_their_links_and_windows),
		cmocka_unit_test(a_failed_source_says_so),
		cmocka_unit_test(outputs_show_filter_and_buffers),
		cmocka_unit_test(outputs_show_how_they_are_stored),
		cmocka_unit_test(lcores_show_busy_shares),
		cmocka_unit_test(lcores_bear_unknown_times),
		cmocka_unit_test(clock_names_its_counter),
		cmocka_unit_test(the_delay_in_the_merge_is_shown),
		cmocka_unit_test(info_counts_sources_and_outputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
