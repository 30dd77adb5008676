/* SPDX-License-Identifier: BSD-3-Clause */
/* What `braidcap top` makes of captures' answers, and where it puts it, without a terminal. */
#include "bc_test.h"

#include <semaphore.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_field.h"
#include "bc_time.h"
#include "bc_top_errand.h"
#include "bc_top_figures.h"
#include "bc_top_grid.h"
#include "bc_top_list.h"
#include "bc_top_model.h"
#include "bc_top_page.h"

#define S BC_NS_PER_S

static json_t *json_of(const char *fmt, ...)
{
	char text[8192];
	json_t *j;
	va_list ap;

	va_start(ap, fmt);
	assert_true(vsnprintf(text, sizeof(text), fmt, ap) < (int)sizeof(text));
	va_end(ap);
	j = json_loads(text, 0, NULL);
	assert_non_null(j);
	return j;
}

/* A capture of two sources and an output, n seconds after it began. */
static json_t *answer(const char *prefix, unsigned n, const char *dropped)
{
	return json_of("{\"prefix\":\"%s\",\"info\":{\"pid\":7,\"state\":\"running\",\"version\":\"1\",\"started_ns\":1000000000,"
		       "\"now_ns\":%u000000000,\"balance\":{\"received\":%u,\"dropped\":0},\"packet_buffers\":{\"total\":100,\"free\":75}},"
		       "\"sources\":[{\"name\":\"eth0\",\"state\":\"running\",\"received\":%u,\"received_bytes\":%u,\"dropped\":{%s}},"
		       "{\"name\":\"dpdk:0000:3b:00.0\",\"state\":\"running\",\"queue\":3,\"received\":%u}],"
		       "\"outputs\":[{\"name\":\"/data\",\"written\":%u,\"file_bytes\":%u,\"written_bytes\":%u,"
		       "\"buffers\":{\"total\":10,\"free\":1}}],"
		       "\"lcores\":[{\"cpu\":4,\"state\":\"running\",\"stages\":[{\"name\":\"rx eth0\",\"busy_ns\":%u00000000},"
		       "{\"name\":\"merge\",\"busy_ns\":%u00000000}]}],\"clock\":{\"rms_ns\":35}}",
		       prefix, n + 1, 3000 * n, 1000 * n, 125000 * n, dropped, 2000 * n, 3000 * n, 50000 * n, 100000 * n, 2 * n, n);
}

static void take(struct bc_top *t, uint64_t utc_ns, uint32_t n, ...)
{
	json_t *all = json_array();
	va_list ap;

	va_start(ap, n);
	for (uint32_t i = 0; i < n; i++)
		json_array_append_new(all, va_arg(ap, json_t *));
	va_end(ap);
	bc_top_take(t, all, utc_ns);
	json_decref(all);
}

/* What is on the screen. */
static struct bc_top_grid *page(struct bc_top *t, uint32_t rows, uint32_t columns)
{
	static struct bc_top_grid g;

	bc_top_grid_clear(&g, rows, columns);
	bc_top_page(t, &g);
	return &g;
}

/* The row that has these words; -1: none. */
static int row_of(const struct bc_top_grid *g, const char *words)
{
	for (uint32_t r = 0; r < g->rows; r++)
		if (strstr(g->text[r], words))
			return (int)r;
	return -1;
}

static void assert_shows(const struct bc_top_grid *g, const char *words)
{
	if (row_of(g, words) >= 0)
		return;
	for (uint32_t r = 0; r < g->rows; r++)
		print_error("%s\n", g->text[r]);
	fail_msg("\"%s\" is not shown", words);
}

static void assert_style(const struct bc_top_grid *g, const char *words, enum bc_top_style style)
{
	int r = row_of(g, words);

	assert_true(r >= 0);
	assert_int_equal(g->style[r][strstr(g->text[r], words) - g->text[r]], style);
}

/* --- figures --- */

static void rates_are_differences(void **state)
{
	json_t *a = answer("x", 1, ""), *b = answer("x", 3, "");
	struct bc_top_figures f, g;

	assert_int_equal(bc_top_figures(NULL, a, NULL, &f), 0);
	assert_false(f.known);
	assert_true(f.packets == 0);
	assert_int_equal(bc_top_figures(a, b, &f, &g), 0);
	assert_true(g.known);
	assert_true(g.packets == 3000 && g.bytes == 125000 && g.disk == 50000 && g.lost == 0);
	assert_true(g.source[1].packets == 2000 && g.output[0].packets == 3000);
	assert_int_equal((int)(1000 * g.cpu[0].busy + 0.5), 300);
	assert_int_equal((int)(1000 * g.cpu[0].stage[0] + 0.5), 200);
	assert_int_equal((int)(100 * g.buffers + 0.5), 90);
	assert_int_equal((int)(100 * g.packet_buffers + 0.5), 25);
	bc_top_figures_free(&f);
	bc_top_figures_free(&g);
	json_decref(a);
	json_decref(b);
}

static void another_run_has_no_rates(void **state)
{
	json_t *a = answer("x", 1, ""), *b = answer("x", 3, "");
	struct bc_top_figures f;

	json_object_set_new(json_object_get(b, "info"), "pid", json_integer(8));
	assert_int_equal(bc_top_figures(a, b, NULL, &f), 0);
	assert_false(f.known);
	bc_top_figures_free(&f);
	assert_int_equal(bc_top_figures(b, b, NULL, &f), 0);
	assert_false(f.known);
	bc_top_figures_free(&f);
	json_decref(a);
	json_decref(b);
}

static void a_counter_that_went_back_has_no_rate(void **state)
{
	json_t *a = answer("x", 1, "\"link_full\":9"), *b = answer("x", 3, "\"link_full\":5");
	struct bc_top_figures f, g;

	json_object_set_new(json_array_get(json_object_get(b, "sources"), 0), "received", json_integer(1));
	assert_int_equal(bc_top_figures(NULL, a, NULL, &f), 0);
	assert_int_equal(bc_top_figures(a, b, &f, &g), 0);
	assert_true(g.source[0].packets == 0 && g.loss[0].rate == 0 && g.lost == 0);
	bc_top_figures_free(&f);
	bc_top_figures_free(&g);
	json_decref(a);
	json_decref(b);
}

static void a_loss_is_remembered(void **state)
{
	json_t *a[4] = { answer("x", 1, ""), answer("x", 2, "\"link_full\":500,\"nic_missed\":0"), answer("x", 3, "\"link_full\":500"),
			 answer("x", 4, "\"link_full\":500,\"paused\":2") };
	struct bc_top_figures f[4];

	for (int i = 0; i < 4; i++)
		assert_int_equal(bc_top_figures(i ? a[i - 1] : NULL, a[i], i ? &f[i - 1] : NULL, &f[i]), 0);
	assert_int_equal(f[0].n_losses, 0);
	assert_int_equal(f[1].n_losses, 1);
	assert_string_equal(f[1].loss[0].name, "link_full");
	assert_string_equal(f[1].loss[0].where, "eth0");
	assert_true(f[1].loss[0].rate == 500 && f[1].lost == 500);
	assert_int_equal(f[1].loss[0].last_ns, 3 * S);
	assert_true(f[2].loss[0].rate == 0 && f[2].lost == 0);
	assert_int_equal(f[3].loss[0].last_ns, 3 * S);
	assert_int_equal(f[3].loss[1].last_ns, 5 * S);
	for (int i = 0; i < 4; i++) {
		bc_top_figures_free(&f[i]);
		json_decref(a[i]);
	}
}

static json_t *with_readers(unsigned n, const char *readers)
{
	json_t *now = answer("x", n, "");

	json_object_set_new(json_object_get(now, "info"), "pcap_over_ip",
			    json_of("{\"address\":\"127.0.0.1:57012\",\"open\":2,\"sent\":12,\"client_slow\":7,\"clients\":[%s]}", readers));
	return now;
}

static void clients_are_told_apart_when_others_leave(void **state)
{
	static const char a[] = "{\"address\":\"a:1\",\"since_ns\":5,\"sent\":100,\"client_slow\":0}";
	static const char b[] = "{\"address\":\"b:1\",\"since_ns\":6,\"sent\":500,\"client_slow\":0}";
	static const char later[] = "{\"address\":\"b:1\",\"since_ns\":6,\"sent\":900,\"client_slow\":10}";
	struct bc_top t = { .view = BC_TOP_CLIENTS };
	json_t *now = with_readers(3, later);
	char both[512];

	snprintf(both, sizeof(both), "%s,%s", a, b);
	json_object_set_new(now, "clients", json_of("[{\"name\":\"node1\",\"state\":\"disconnected\",\"packets\":77}]"));
	take(&t, 10 * S, 1, with_readers(1, both));
	assert_shows(page(&t, 24, 80), "pcap-over-ip 127.0.0.1:57012: 2 connected, 12 packets sent, client_slow 7");
	take(&t, 12 * S, 1, now);
	assert_shows(page(&t, 24, 80), "b:1                  reads              3 s      200        900       5       10");
	assert_style(page(&t, 24, 80), "disconnected", BC_TOP_WARN);
	bc_top_clear(&t);
}

static void a_capture_without_clients_says_so(void **state)
{
	struct bc_top t = { .view = BC_TOP_CLIENTS };

	take(&t, 10 * S, 1, answer("x", 1, ""));
	assert_shows(page(&t, 24, 80), "no client: ");
	bc_top_clear(&t);
}

/* --- captures that come and go --- */

static void the_clock_ends_the_first_row(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 0);
	/* As many columns as cut "7 clients". */
	assert_int_equal(page(&t, 24, 70)->text[0][69], ' ');
}

static void a_capture_begins_and_ends(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 0);
	assert_shows(page(&t, 24, 80), "no capture of this user is running");
	take(&t, 11 * S, 1, answer("x", 1, ""));
	take(&t, 12 * S, 1, answer("x", 2, ""));
	assert_shows(page(&t, 24, 80), "x  running  up 2 s");
	assert_shows(page(&t, 24, 80), " 3.00 kpackets/s, 1.00 Mbit/s, to disk 50.0 kB/s, lost 0 packets/s");
	take(&t, 15 * S, 0);
	take(&t, 20 * S, 0);
	assert_shows(page(&t, 24, 80), "x  ended  5 s ago  up 2 s");
	assert_shows(page(&t, 24, 80), "received 6000");
	assert_true(t.capture[0]->figures.packets == 0);
	/* Another one of that name has no rates of the old one. */
	take(&t, 21 * S, 1, answer("x", 9, ""));
	assert_shows(page(&t, 24, 80), "x  running  up 9 s");
	assert_false(t.capture[0]->figures.known);
	bc_top_clear(&t);
}

static void a_silent_capture_is_told_from_one_that_is_gone(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 2, json_of("{\"prefix\":\"gone\"}"), json_of("{\"prefix\":\"stuck\",\"info\":null}"));
	assert_shows(page(&t, 24, 80), "gone              not there");
	assert_shows(page(&t, 24, 80), "stuck             no answer");
	take(&t, 17 * S, 2, json_of("{\"prefix\":\"gone\"}"), json_of("{\"prefix\":\"stuck\",\"info\":null}"));
	bc_top_press(&t, BC_TOP_DOWN);
	assert_shows(page(&t, 24, 80), "stuck  no answer  for 7 s");
	take(&t, 18 * S, 2, json_of("{\"prefix\":\"gone\"}"), answer("stuck", 1, ""));
	assert_shows(page(&t, 24, 80), "stuck  running");
	bc_top_clear(&t);
}

static void a_killed_capture_is_told_from_one_that_ended(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 1, answer("x", 1, ""));
	take(&t, 11 * S, 0);
	assert_shows(page(&t, 24, 80), "x  ended");
	take(&t, 12 * S, 1, json_of("{\"prefix\":\"x\",\"killed\":true}"));
	take(&t, 17 * S, 0);
	assert_shows(page(&t, 24, 80), "x  was killed  5 s ago");
	assert_style(page(&t, 24, 80), "was killed", BC_TOP_BAD);
	take(&t, 18 * S, 1, answer("x", 1, ""));
	assert_shows(page(&t, 24, 80), "x  running");
	bc_top_clear(&t);
}

/* A slow capture: its last answer is handed out once more. */
static void an_old_answer_leaves_the_rates(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 1, answer("x", 1, ""));
	take(&t, 11 * S, 1, answer("x", 2, ""));
	take(&t, 12 * S, 1, answer("x", 2, ""));
	assert_true(t.capture[0]->figures.packets == 3000);
	bc_top_clear(&t);
}

static void the_chosen_one_stays(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 2, answer("b", 1, ""), answer("d", 1, ""));
	bc_top_press(&t, BC_TOP_DOWN);
	assert_string_equal(bc_top_chosen(&t)->prefix, "d");
	take(&t, 11 * S, 4, answer("a", 1, ""), answer("b", 2, ""), answer("c", 1, ""), answer("d", 2, ""));
	assert_string_equal(bc_top_chosen(&t)->prefix, "d");
	assert_int_equal(t.n, 4);
	for (int i = 0; i < 9; i++)
		bc_top_press(&t, 'k');
	assert_string_equal(bc_top_chosen(&t)->prefix, "a");
	assert_style(page(&t, 24, 80), "a                 running", BC_TOP_BAR);
	bc_top_clear(&t);
}

static void ended_ones_give_way(void **state)
{
	struct bc_top t = { 0 };
	char name[16];

	for (uint32_t i = 0; i < BC_TOP_CAPTURES_MAX + 20; i++) {
		snprintf(name, sizeof(name), "n%05u", (i * 7919) % 10000);
		take(&t, (10 + i) * S, 1, answer(name, 1, ""));
	}
	assert_int_equal(t.n, BC_TOP_CAPTURES_MAX);
	for (uint32_t i = 1; i < t.n; i++)
		assert_true(strcmp(t.capture[i - 1]->prefix, t.capture[i]->prefix) < 0);
	bc_top_clear(&t);
}

/* --- what is shown where --- */

static void outputs_say_how_far_back_they_reach(void **state)
{
	json_t *now = answer("x", 1, "");
	struct bc_top t = { .view = BC_TOP_OUTPUTS };

	json_object_set_new(json_array_get(json_object_get(now, "outputs"), 0), "retention",
			    json_of("{\"kept_bytes\":81400000000,\"kept_ns\":%llu}", 3 * 86400ULL * S));
	take(&t, 10 * S, 1, now);
	assert_shows(page(&t, 24, 120), " 81.4 GB    3 d 0 h");
	bc_top_clear(&t);
}

static void the_overview_fits_80x24(void **state)
{
	struct bc_top t = { 0 };
	const struct bc_top_grid *g;

	take(&t, 10 * S, 1, answer("x", 1, ""));
	take(&t, 11 * S, 1, answer("x", 2, "\"link_full\":500"));
	g = page(&t, 24, 80);
	assert_shows(g, "eth0               running     1.00 k  1.00 M       2000    500        500   0 %");
	assert_shows(g, "dpdk:0000~ queue 3 running     2.00 k");
	assert_shows(g, "/data           3.00 k   50.0 k   2.0        0      0          0    90 %");
	assert_shows(g, "link_full        eth0");
	assert_style(g, "link_full", BC_TOP_BAD);
	assert_shows(g, "rx eth0 20 %, merge 10 %");
	assert_shows(g, "clock error 35 ns");
	assert_shows(g, "q quit");
	for (uint32_t r = 0; r < g->rows; r++)
		assert_int_equal(strlen(g->text[r]), 80);
	bc_top_clear(&t);
}

static void a_wide_screen_shows_more(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 1, answer("x", 1, ""));
	assert_int_equal(row_of(page(&t, 24, 80), "FILTERED"), -1);
	assert_shows(page(&t, 24, 160), "FILTERED");
	assert_shows(page(&t, 24, 160), "dpdk:0000:3b:00.0 queue 3");
	bc_top_clear(&t);
}

static json_t *crowd(unsigned n)
{
	json_t *a = answer("x", n, ""), *list = json_array();

	for (unsigned i = 0; i < 100; i++)
		json_array_append_new(list, json_of("{\"name\":\"s%02u\",\"received\":%u,\"dropped\":{\"paused\":%u}}", i, i * n, (100 - i) * n));
	json_object_set_new(a, "sources", list);
	return a;
}

static void long_lists_are_scrolled_and_sorted(void **state)
{
	struct bc_top t = { 0 };
	const struct bc_top_grid *g;

	take(&t, 10 * S, 1, crowd(1));
	take(&t, 11 * S, 1, crowd(2));
	assert_shows(page(&t, 24, 80), " of 100)");
	bc_top_press(&t, BC_TOP_NEXT);
	assert_int_equal(t.view, BC_TOP_SOURCES);
	assert_shows(page(&t, 24, 80), "SOURCE (16 of 100)");
	assert_int_equal(row_of(page(&t, 24, 80), "s50"), -1);
	for (int i = 0; i < 40; i++)
		bc_top_press(&t, BC_TOP_PAGE_DOWN);
	assert_shows(page(&t, 24, 80), "s99");
	assert_int_equal(t.scroll, 84);
	bc_top_press(&t, BC_TOP_HOME);
	bc_top_press(&t, 's');
	g = page(&t, 24, 80);
	assert_true(row_of(g, "s99") >= 0 && row_of(g, "s99") < row_of(g, "s98"));
	bc_top_press(&t, 's');
	g = page(&t, 24, 80);
	assert_true(row_of(g, "s00") >= 0 && row_of(g, "s00") < row_of(g, "s01"));
	bc_top_clear(&t);
}

static void rows_are_shared(void **state)
{
	uint32_t got[4];

	bc_top_share(14, (uint32_t[]){ 9, 2, 1, 20 }, 4, got);
	assert_true(got[0] == 6 && got[1] == 2 && got[2] == 1 && got[3] == 5);
	bc_top_share(5, (uint32_t[]){ 9, 9, 9, 9 }, 4, got);
	assert_true(got[0] == 3 && got[1] == 2 && got[2] == 0 && got[3] == 0);
	bc_top_share(0, (uint32_t[]){ 9, 1, 1, 1 }, 4, got);
	assert_true(got[0] == 0 && got[1] == 0 && got[2] == 0 && got[3] == 0);
	bc_top_share(100, (uint32_t[]){ 9, 1, 2, 1 }, 4, got);
	assert_true(got[0] == 9 && got[1] == 1 && got[2] == 2 && got[3] == 1);
}

static void flows_are_those_of_the_store(void **state)
{
	struct bc_top t = { 0 };

	take(&t, 10 * S, 2, answer("x", 1, ""), answer("y", 1, ""));
	bc_top_press(&t, '6');
	assert_shows(page(&t, 24, 80), "looking for the newest segment");
	bc_top_take_store(&t, "y", json_of("{\"why\":\"not of this one\"}"));
	assert_null(t.store);
	bc_top_take_store(&t, "x", json_of("{\"segment\":\"/d/s\",\"outputs\":[{\"size\":1000,\"free\":10}],\"flows\":["
					   "{\"name\":\"tcp 10.0.0.1.80 10.0.0.2.4000\",\"packets\":5,\"bytes\":1000,\"ns\":2000000000}]}"));
	assert_shows(page(&t, 24, 80), "tcp 10.0.0.1.80 10.0.0.2.4000");
	assert_shows(page(&t, 24, 80), "4.00 k");
	bc_top_press(&t, '3');
	assert_style(page(&t, 24, 80), "10 B", BC_TOP_BAD);
	/* They are of x. */
	bc_top_press(&t, BC_TOP_DOWN);
	assert_null(t.store);
	bc_top_clear(&t);
}

/* --- what the user presses --- */

static void rotate_asks_first(void **state)
{
	struct bc_top t = { 0 };

	assert_int_equal(bc_top_press(&t, 'r'), BC_TOP_NOTHING);
	assert_false(t.confirms);
	take(&t, 10 * S, 1, answer("x", 1, ""));
	assert_int_equal(bc_top_press(&t, 'r'), BC_TOP_NOTHING);
	assert_shows(page(&t, 24, 80), "begin new segments in x now?");
	assert_int_equal(bc_top_press(&t, 'q'), BC_TOP_NOTHING);
	assert_int_equal(bc_top_press(&t, 'y'), BC_TOP_NOTHING);
	bc_top_press(&t, 'r');
	assert_int_equal(bc_top_press(&t, 'y'), BC_TOP_ROTATE);
	take(&t, 11 * S, 0);
	bc_top_press(&t, 'r');
	assert_false(t.confirms);
	bc_top_clear(&t);
}

static void help_and_quit(void **state)
{
	struct bc_top t = { 0 };

	bc_top_press(&t, '?');
	assert_shows(page(&t, 24, 80), "choose a capture");
	assert_int_equal(bc_top_press(&t, 's'), BC_TOP_NOTHING);
	assert_false(t.help);
	assert_int_equal(t.sort, BC_TOP_AS_GIVEN);
	bc_top_press(&t, 'p');
	assert_shows(page(&t, 24, 80), "PAUSED");
	assert_int_equal(bc_top_press(&t, 'q'), BC_TOP_QUIT);
	bc_top_clear(&t);
}

static void all_of_the_help_can_be_read_on_a_small_screen(void **state)
{
	struct bc_top t = { 0 };

	bc_top_press(&t, '?');
	assert_shows(page(&t, 12, 70), "up, down: the rest of this help");
	assert_shows(page(&t, 12, 70), "choose a capture");
	assert_int_equal(row_of(page(&t, 12, 70), "what helps against each loss."), -1);
	for (int i = 0; i < 30; i++)
		bc_top_press(&t, BC_TOP_DOWN);
	assert_shows(page(&t, 12, 70), "what helps against each loss.");
	assert_int_equal(row_of(page(&t, 12, 70), "choose a capture"), -1);
	for (int i = 0; i < 30; i++)
		bc_top_press(&t, BC_TOP_UP);
	assert_shows(page(&t, 12, 70), "choose a capture");
	assert_shows(page(&t, 24, 80), "any key: go on");
	assert_shows(page(&t, 24, 80), "what helps against each loss.");
	bc_top_clear(&t);
}

static void views_go_round(void **state)
{
	struct bc_top t = { 0 };

	bc_top_press(&t, BC_TOP_PREVIOUS);
	assert_int_equal(t.view, BC_TOP_CLIENTS);
	bc_top_press(&t, BC_TOP_NEXT);
	assert_int_equal(t.view, BC_TOP_OVERVIEW);
	bc_top_press(&t, '4');
	assert_int_equal(t.view, BC_TOP_LOSSES);
	bc_top_press(&t, '8');
	assert_int_equal(t.view, BC_TOP_LOSSES);
	bc_top_clear(&t);
}

/* --- what is hostile --- */

static void assert_printable(const struct bc_top_grid *g)
{
	for (uint32_t r = 0; r < g->rows; r++) {
		assert_int_equal(strlen(g->text[r]), g->columns);
		for (uint32_t c = 0; c < g->columns; c++)
			assert_true(g->text[r][c] >= 0x20 && g->text[r][c] < 0x7f);
	}
}

static void text_cannot_steer_the_terminal(void **state)
{
	struct bc_top t = { 0 };
	const struct bc_top_grid *g;
	json_t *a = answer("x", 1, "\"\\u001b[31m\":5");

	json_object_set_new(json_array_get(json_object_get(a, "sources"), 0), "name", json_string("e\033]0;t\a\n\xc2\x9b\xe2\x82\xac th0"));
	take(&t, 10 * S, 1, a);
	g = page(&t, 24, 80);
	assert_printable(g);
	assert_shows(g, "e?]0;t???? th0");
	assert_shows(g, "?[31m");
	bc_top_clear(&t);
}

static void odd_answers_are_borne(void **state)
{
	static const char *const odd[] = {
		"[]", "{}", "7", "[7,null,[],{}]", "[{\"prefix\":\"p\",\"info\":{}}]", "[{\"prefix\":7,\"info\":{\"state\":[]}}]",
		"[{\"prefix\":\"p\",\"info\":{\"pid\":1,\"now_ns\":2,\"started_ns\":3,\"balance\":[]},\"sources\":{\"a\":[]},"
		"\"outputs\":[[],7,{\"name\":5,\"dropped\":[],\"buffers\":{\"total\":1,\"free\":5},\"peer\":{}}],\"lcores\":[{\"stages\":[1,{}]},4],"
		"\"clock\":[]}]",
		"[{\"prefix\":\"p\",\"info\":{\"pid\":1,\"now_ns\":9223372036854775807,\"started_ns\":-3},\"sources\":[{\"dropped\":{\"x\":\"y\","
		"\"z\":-1,\"\":9223372036854775807}},{\"received\":9223372036854775807,\"received_bytes\":9223372036854775807,"
		"\"link_used\":9,\"link_size\":1}]}]",
	};
	static const uint32_t sizes[][2] = { { 0, 0 }, { 1, 1 }, { 2, 5 }, { 5, 20 }, { 24, 80 }, { 1000, 1000 } };
	struct bc_top t = { 0 };

	for (size_t i = 0; i < 2 * sizeof(odd) / sizeof(odd[0]); i++) {
		json_t *all = json_loads(odd[i / 2], 0, NULL);

		bc_top_take(&t, all, i * S);
		json_decref(all);
		for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++)
			for (int v = 0; v < BC_TOP_VIEWS; v++) {
				bc_top_press(&t, BC_TOP_NEXT);
				bc_top_press(&t, k % 2 ? 's' : BC_TOP_DOWN);
				bc_top_take_store(&t, "p", json_loads("{\"flows\":[1,{}],\"outputs\":{}}", 0, NULL));
				assert_printable(page(&t, sizes[k][0], sizes[k][1]));
			}
	}
	bc_top_clear(&t);
}

/* --- errands --- */

static sem_t go;

static json_t *slow(void *ctx, const char *prefix, const json_t *last)
{
	sem_wait(&go);
	return json_pack("{s:s, s:I}", "prefix", prefix, "n", (json_int_t)bc_field_u64(last, "n") + 1);
}

static void an_errand_is_answered_once(void **state)
{
	int bell = eventfd(0, 0);
	struct bc_top_errand *e = bc_top_errand_new(slow, bell);
	char prefix[BC_TOP_PREFIX_MAX];
	eventfd_t rung;
	json_t *a;

	sem_init(&go, 0, 0);
	assert_true(bc_top_errand_start(e, NULL, "x", json_of("{\"n\":4}")));
	assert_false(bc_top_errand_start(e, NULL, "y", json_of("{}")));
	assert_false(bc_top_errand_take(e, prefix, &a));
	sem_post(&go);
	assert_int_equal(eventfd_read(bell, &rung), 0);
	assert_true(bc_top_errand_take(e, prefix, &a));
	assert_string_equal(prefix, "x");
	assert_int_equal(bc_field_u64(a, "n"), 5);
	json_decref(a);
	assert_false(bc_top_errand_take(e, prefix, &a));
	bc_top_errand_free(e);
	close(bell);
}

static void an_errand_is_not_waited_for(void **state)
{
	int bell = eventfd(0, 0);
	struct bc_top_errand *e = bc_top_errand_new(slow, bell);

	sem_init(&go, 0, 0);
	assert_true(bc_top_errand_start(e, NULL, "x", NULL));
	bc_top_errand_free(e);
	close(bell);
	sem_post(&go);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rates_are_differences),
		cmocka_unit_test(another_run_has_no_rates),
		cmocka_unit_test(a_counter_that_went_back_has_no_rate),
		cmocka_unit_test(a_loss_is_remembered),
		cmocka_unit_test(the_clock_ends_the_first_row),
		cmocka_unit_test(a_capture_begins_and_ends),
		cmocka_unit_test(a_silent_capture_is_told_from_one_that_is_gone),
		cmocka_unit_test(an_old_answer_leaves_the_rates),
		cmocka_unit_test(the_chosen_one_stays),
		cmocka_unit_test(ended_ones_give_way),
		cmocka_unit_test(clients_are_told_apart_when_others_leave),
		cmocka_unit_test(a_capture_without_clients_says_so),
		cmocka_unit_test(outputs_say_how_far_back_they_reach),
		cmocka_unit_test(the_overview_fits_80x24),
		cmocka_unit_test(a_wide_screen_shows_more),
		cmocka_unit_test(long_lists_are_scrolled_and_sorted),
		cmocka_unit_test(rows_are_shared),
		cmocka_unit_test(flows_are_those_of_the_store),
		cmocka_unit_test(rotate_asks_first),
		cmocka_unit_test(help_and_quit),
		cmocka_unit_test(all_of_the_help_can_be_read_on_a_small_screen),
		cmocka_unit_test(a_killed_capture_is_told_from_one_that_ended),
		cmocka_unit_test(views_go_round),
		cmocka_unit_test(text_cannot_steer_the_terminal),
		cmocka_unit_test(odd_answers_are_borne),
		cmocka_unit_test(an_errand_is_answered_once),
		cmocka_unit_test(an_errand_is_not_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
