/* SPDX-License-Identifier: BSD-3-Clause */
#include "capture_fixture.h"

#include "bc_summary.h"
#include "bc_table.h"
#include "bc_time.h"
#include "bc_view.h"
#include "bc_display.h"
#include "bc_display_line.h"

struct memory {
	FILE *f;
	char *text;
	size_t size;
};

static void memory_open(struct memory *m)
{
	m->text = NULL;
	m->f = open_memstream(&m->text, &m->size);
	assert_non_null(m->f);
}

static void assert_has(const char *text, const char *words)
{
	if (!text || !strstr(text, words))
		fail_msg("\"%s\" is not in:\n%s", words, text ? text : "");
}

static void assert_has_not(const char *text, const char *words)
{
	if (text && strstr(text, words))
		fail_msg("\"%s\" is in:\n%s", words, text);
}

static char *summary_of(const struct fixture *f)
{
	struct memory m;

	memory_open(&m);
	bc_display_summary(m.f, &f->group);
	fclose(m.f);
	return m.text;
}

static void units_have_three_digits(void **state)
{
	static const struct {
		double v;
		const char *text;
	} cases[] = {
		{ 0, "0 " }, { 999.4, "999 " }, { 999.6, "1.00 k" }, { 1234, "1.23 k" }, { 45678, "45.7 k" },
		{ 999400, "999 k" }, { 1e6, "1.00 M" }, { 2.5e9, "2.50 G" }, { 1e30, "1000000000000 E" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char buf[BC_UNITS_MAX];

		assert_string_equal(bc_units(buf, cases[i].v), cases[i].text);
	}
}

static void a_share_is_never_rounded_to_none_or_all(void **state)
{
	char buf[BC_UNITS_MAX];

	assert_string_equal(bc_percent(buf, 0, 0), "0 %");
	assert_string_equal(bc_percent(buf, 0, 10), "0 %");
	assert_string_equal(bc_percent(buf, 1, 1000000000), "<0.001 %");
	assert_string_equal(bc_percent(buf, 5, 1000), "0.500 %");
	assert_string_equal(bc_percent(buf, 1, 8), "12.5 %");
	assert_string_equal(bc_percent(buf, 999999999, 1000000000), ">99.9 %");
	assert_string_equal(bc_percent(buf, 10, 10), "100 %");
}

static void table_aligns_and_cleans(void **state)
{
	struct memory m;
	struct bc_table *t = bc_table_new("lr");

	bc_table_cell(t, "NAME");
	bc_table_cell(t, "N");
	bc_table_cell(t, "a\033[2J\n\xc2\x9b");
	bc_table_cell(t, "10");
	memory_open(&m);
	bc_table_print(t, m.f);
	fclose(m.f);
	assert_string_equal(m.text, "NAME       N\na?[2J???  10\n");
	bc_table_free(t);
	free(m.text);
}

static void table_of_headings_alone_is_silent(void **state)
{
	struct memory m;
	struct bc_table *t = bc_table_new("l");

	bc_table_cell(t, "NAME");
	memory_open(&m);
	bc_table_print(t, m.f);
	fclose(m.f);
	assert_string_equal(m.text, "");
	bc_table_free(t);
	free(m.text);
}

static void line_tells_rates_and_losses(void **state)
{
	struct fixture *f = fixture_new(2, 1);
	struct bc_display_sample before, now;
	char line[512];

	bc_display_sample(f->p, 1, &before);
	fixture_packets(f, 0, 3000, WRITTEN);
	fixture_packets(f, 1, 1000, BC_LOSS_LINK_FULL);
	fixture_segment(f, 0, "x", 3000, 0);
	bc_display_sample(f->p, 1 + 2 * BC_NS_PER_S, &now);
	bc_display_line(&before, &now, 500, line, sizeof(line));
	assert_string_equal(line, "2.00 kp/s, dropped 1000 (25.0 %), 1.60 Mbit/s, disk 99.0 kB/s, buffers 0 %, rings 0 %, "
			    "4000 packets, 1 segment, eth0 1.50 kp/s, eth1 500 p/s");
	fixture_free(f);
}

static void line_tells_how_much_of_the_files_is_read(void **state)
{
	struct fixture *f = fixture_new(2, 1);
	struct bc_display_sample s;
	char line[512];

	f->p->source[0]->file_bytes = 3000;
	bc_counter_set(&f->p->source[0]->read_bytes, 1000);
	bc_display_sample(f->p, 1, &s);
	assert_int_equal(s.files_bytes, 0);
	f->p->source[1]->file_bytes = 1000;
	bc_display_sample(f->p, 1, &s);
	s.elapsed_ns = 100 * BC_NS_PER_S;
	bc_display_line(&s, &s, 500, line, sizeof(line));
	assert_int_equal(strncmp(line, " 25 %, 5:00 left, ", 18), 0);
	fixture_free(f);
}

static void line_tells_one_from_many(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	struct bc_display_sample s;
	char line[512];

	fixture_packets(f, 0, 1, WRITTEN);
	fixture_segment(f, 0, "x", 1, 0);
	bc_display_sample(f->p, 1, &s);
	bc_display_line(&s, &s, 500, line, sizeof(line));
	assert_has(line, ", 1 packet, 1 segment");
	fixture_free(f);
}

static void line_fits_every_width(void **state)
{
	struct fixture *f = fixture_new(2, 1);
	struct bc_display_sample s;
	char line[512];

	bc_display_sample(f->p, 1, &s);
	for (size_t width = 0; width < 200; width++) {
		bc_display_line(&s, &s, width, line, sizeof(line));
		assert_true(strlen(line) <= width);
	}
	bc_display_line(&s, &s, 200, line, 10);
	assert_true(strlen(line) < 10);
	fixture_free(f);
}

static void line_says_when_it_does_not_run(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	struct bc_display_sample s;
	char line[512];

	f->p->paused = true;
	bc_display_sample(f->p, 1, &s);
	bc_display_line(&s, &s, 500, line, sizeof(line));
	assert_int_equal(strncmp(line, "paused, ", 8), 0);
	fixture_free(f);
}

static void line_tells_full_rings_and_buffers(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	uint8_t *a = bc_bufpool_get(f->p->output[0]->pool, 0), *b = bc_bufpool_get(f->p->output[0]->pool, 0);
	struct bc_display_sample s;

	bc_link_push(f->p->link[0], 32);
	bc_display_sample(f->p, 1, &s);
	assert_int_equal(s.link_percent, 50);
	assert_int_equal(s.buffer_percent, 25);
	bc_bufpool_put(f->p->output[0]->pool, a);
	bc_bufpool_put(f->p->output[0]->pool, b);
	fixture_free(f);
}

static char *ticks(struct fixture *f, bool terminal, bool quiet, bool verbose, unsigned seconds)
{
	struct memory m;
	struct bc_display *d;

	memory_open(&m);
	d = bc_display_new_on(m.f, terminal, f->p, quiet, verbose);
	for (unsigned ms = 0; ms <= seconds * 1000; ms += 100)
		bc_display_tick(d, 1 + ms * BC_NS_PER_MS);
	bc_display_free(d);
	fclose(m.f);
	return m.text;
}

/* Of 100 packets that wait when it ends, half are written after three seconds. */
static void the_end_has_a_share_and_a_time(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	struct bc_display *d;
	struct memory m;

	memory_open(&m);
	d = bc_display_new_on(m.f, true, f->p, false, false);
	bc_display_tick(d, 1);
	fixture_packets(f, 0, 20, WRITTEN);
	bc_counter_add(&f->p->ledger->source[0].ingress.received, 100);
	f->p->stopping = true;
	bc_display_tick(d, 1 + BC_NS_PER_S / 2);
	f->p->ended = true;
	bc_counter_add(&f->p->ledger->output[0].written, 50);
	bc_counter_add(&f->p->ledger->output[0].source[0].written, 50);
	bc_display_tick(d, 1 + BC_NS_PER_S / 2 + 3 * BC_NS_PER_S);
	bc_display_free(d);
	fclose(m.f);
	assert_has(m.text, "stopping,   0 %, ");
	assert_has(m.text, "draining,  50 %, 0:03 left, ");
	free(m.text);
	fixture_free(f);
}

static unsigned count(const char *text, char c)
{
	unsigned n = 0;

	for (; *text; text++)
		n += *text == c;
	return n;
}

static void terminal_is_renewed_each_second_and_left_clean(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text = ticks(f, true, false, false, 5);

	/* Five lines and the end's erasure. */
	assert_int_equal(count(text, '\r'), 6);
	assert_int_equal(count(text, '\n'), 0);
	assert_string_equal(text + strlen(text) - 4, "\r\033[K");
	free(text);
	fixture_free(f);
}

static void no_terminal_is_silent_unless_verbose(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text = ticks(f, false, false, false, 60);

	assert_string_equal(text, "");
	free(text);
	text = ticks(f, false, false, true, 60);
	assert_int_equal(count(text, '\n'), 6);
	assert_int_equal(count(text, '\r'), 0);
	free(text);
	fixture_free(f);
}

static void quiet_is_silent(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text = ticks(f, true, true, true, 20);

	assert_string_equal(text, "");
	free(text);
	fixture_free(f);
}

static void no_display_is_borne(void **state)
{
	bc_display_tick(NULL, 1);
	bc_display_erase(NULL);
	bc_display_free(NULL);
}

static void summary_says_that_all_is_accounted_for(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;

	fixture_packets(f, 0, 1234, WRITTEN);
	f->p->joined = true;
	text = summary_of(f);
	assert_has(text, "1234 received = 1234 written + 0 filtered + 0 dropped (0 %): every packet is accounted for");
	assert_has(text, "pcap:eth0");
	assert_has(text, "/srv/capture/");
	assert_has(text, "2.00");
	assert_has_not(text, "pressure");
	free(text);
	fixture_free(f);
}

static void summary_says_where_losses_are_not_known(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;

	fixture_packets(f, 0, 1234, WRITTEN);
	f->p->ledger->source[0].losses_unknown = 1;
	f->p->joined = true;
	text = summary_of(f);
	assert_has(text, "every packet that was received is accounted for; losses at pcap:eth0 are not known");
	assert_has_not(text, ": every packet is accounted for");
	free(text);
	fixture_free(f);
}

static void summary_cries_when_it_is_not(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;

	bc_counter_add(&f->p->ledger->source[0].ingress.received, 5);
	f->p->joined = true;
	text = summary_of(f);
	assert_has(text, "+ 5 NOT ACCOUNTED FOR");
	assert_has_not(text, "every packet is accounted for");
	free(text);
	fixture_free(f);
}

static void summary_tells_what_is_on_its_way(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;

	bc_counter_add(&f->p->ledger->source[0].ingress.received, 5);
	text = summary_of(f);
	assert_has(text, "+ 5 in flight: every packet is accounted for");
	free(text);
	fixture_free(f);
}

static void summary_balances_each_output(void **state)
{
	struct fixture *f = fixture_new(1, 2);
	char *text;

	fixture_packets(f, 0, 8, WRITTEN);
	bc_counter_add(&f->p->ledger->source[0].ingress.filtered[1], 8);
	text = summary_of(f);
	assert_has(text, "8 received = 8 written + 0 filtered");
	assert_has(text, "8 received = 0 written + 8 filtered");
	free(text);
	fixture_free(f);
}

static void every_loss_has_a_hint(void **state)
{
	for (int i = 0; i < BC_LOSS_COUNT; i++) {
		struct fixture *f = fixture_new(1, 1);
		char words[64], *text;

		fixture_packets(f, 0, 7, i);
		text = summary_of(f);
		snprintf(words, sizeof(words), "\n%s 7: ", bc_loss_name(i));
		assert_has(text, words);
		assert_has(text, bc_loss_meaning(i));
		assert_has_not(text, "(null)");
		free(text);
		fixture_free(f);
	}
}

static void no_loss_needs_no_hint(void **state)
{
	struct fixture *f = fixture_new(1, 1);
	char *text;

	fixture_packets(f, 0, 7, WRITTEN);
	text = summary_of(f);
	for (int i = 0; i < BC_LOSS_COUNT; i++)
		assert_has_not(text, bc_loss_name(i));
	free(text);
	fixture_free(f);
}

static void summary_bears_anything(void **state)
{
	static const char *const odd[] = {
		"{}", "[]", "{\"sources\":1,\"outputs\":\"x\",\"balance\":[]}",
		"{\"sources\":[1,null,[],{}],\"outputs\":[null,{}]}",
		"{\"sources\":[{\"name\":5,\"dropped\":{\"a\":\"b\",\"\\u001b[2J\":3},\"received\":-1}]}",
		"{\"balance\":{\"unaccounted\":-9223372036854775808}}",
	};

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		json_t *j = json_loads(odd[i], 0, NULL);
		struct memory m;

		assert_non_null(j);
		memory_open(&m);
		bc_summary_print(m.f, j);
		fclose(m.f);
		assert_has_not(m.text, "\033");
		free(m.text);
		json_decref(j);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(units_have_three_digits),
		cmocka_unit_test(a_share_is_never_rounded_to_none_or_all),
		cmocka_unit_test(table_aligns_and_cleans),
		cmocka_unit_test(table_of_headings_alone_is_silent),
		cmocka_unit_test(line_tells_rates_and_losses),
		cmocka_unit_test(line_tells_how_much_of_the_files_is_read),
		cmocka_unit_test(line_tells_one_from_many),
		cmocka_unit_test(the_end_has_a_share_and_a_time),
		cmocka_unit_test(line_fits_every_width),
		cmocka_unit_test(line_says_when_it_does_not_run),
		cmocka_unit_test(line_tells_full_rings_and_buffers),
		cmocka_unit_test(terminal_is_renewed_each_second_and_left_clean),
		cmocka_unit_test(no_terminal_is_silent_unless_verbose),
		cmocka_unit_test(quiet_is_silent),
		cmocka_unit_test(no_display_is_borne),
		cmocka_unit_test(summary_says_that_all_is_accounted_for),
		cmocka_unit_test(summary_says_where_losses_are_not_known),
		cmocka_unit_test(summary_cries_when_it_is_not),
		cmocka_unit_test(summary_tells_what_is_on_its_way),
		cmocka_unit_test(summary_balances_each_output),
		cmocka_unit_test(every_loss_has_a_hint),
		cmocka_unit_test(no_loss_needs_no_hint),
		cmocka_unit_test(summary_bears_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
