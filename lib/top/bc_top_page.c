/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bc_field.h"
#include "bc_plural.h"
#include "bc_table.h"
#include "bc_time.h"
#include "bc_top_list.h"
#include "bc_top_rows.h"

/* A list that is shown at all has its heading and a row. */
#define LEAST 2U
/* Captures take at the most a part of the screen. */
#define CAPTURES_LEAST 3U
#define CAPTURES_PART 4U
/* From so many rows on one is left empty above the lists. */
#define ROOMY 24U

static const char *const views[BC_TOP_VIEWS] = { "overview", "sources", "outputs", "losses", "cpus", "flows", "clients" };
static const char *const sorts[BC_TOP_SORTS] = { "as given", "busiest", "most lost", "by name" };
static const enum bc_top_view sections[] = { BC_TOP_SOURCES, BC_TOP_OUTPUTS, BC_TOP_LOSSES, BC_TOP_CPUS };

#define N_SECTIONS (sizeof(sections) / sizeof(sections[0]))

/* ---- the first and the last row ---- */

static void put_clock(const struct bc_top *t, struct bc_top_grid *g)
{
	time_t s = (time_t)(t->now_ns / BC_NS_PER_S);
	struct tm tm;
	char text[16] = "";

	if (t->now_ns && localtime_r(&s, &tm))
		strftime(text, sizeof(text), "%H:%M:%S", &tm);
	if (g->columns < sizeof("12:34:56"))
		return;
	if (t->paused)
		bc_top_put(g, 0, g->columns - 9, BC_TOP_BAD, " PAUSED  ");
	else
		bc_top_put(g, 0, g->columns - 9, BC_TOP_BAR, "%8s ", text);
}

static void put_title(const struct bc_top *t, struct bc_top_grid *g)
{
	uint32_t at;

	bc_top_paint(g, 0, BC_TOP_BAR);
	at = bc_top_put(g, 0, 0, BC_TOP_BAR, " top  ");
	for (uint32_t v = 0; v < BC_TOP_VIEWS; v++)
		at = 1 + bc_top_put(g, 0, at, v == t->view ? BC_TOP_HEAD : BC_TOP_BAR, "%u %s", v + 1, views[v]);
	put_clock(t, g);
}

static void put_foot(const struct bc_top *t, struct bc_top_grid *g)
{
	const struct bc_top_capture *c = bc_top_chosen(t);
	uint32_t row = g->rows - 1;

	if (t->confirms && c)
		bc_top_put(g, row, 0, BC_TOP_BAD, "begin new segments in %s now? y: yes, any other key: no", c->prefix);
	else if (t->message[0])
		bc_top_put(g, row, 0, BC_TOP_WARN, "%s", t->message);
	else
		bc_top_put(g, row, 0, BC_TOP_DIM, "q quit  arrows capture  Tab view  s sort: %s  p %s  r rotate  ? help", sorts[t->sort],
			   t->paused ? "go on" : "pause");
}

/* ---- the captures, and the chosen one ---- */

static uint32_t put_captures(const struct bc_top *t, struct bc_top_grid *g, uint32_t row)
{
	uint32_t most = g->rows / CAPTURES_PART, first;
	struct bc_top_table table;

	if (t->n < 2)
		return row;
	bc_top_rows_captures(t, &table);
	most = most > CAPTURES_LEAST ? most : CAPTURES_LEAST;
	first = t->chosen < most ? 0 : t->chosen - most + 1;
	row = bc_top_table(g, row, most + 1, &table, first);
	bc_top_paint(g, row - (t->n - first < most ? t->n - first : most) + t->chosen - first, BC_TOP_BAR);
	return row;
}

static void put_state(const struct bc_top *t, const struct bc_top_capture *c, struct bc_top_grid *g, uint32_t row)
{
	const json_t *info = json_object_get(c->now, "info");
	uint64_t now_ns = bc_field_u64(info, "now_ns"), started_ns = bc_field_u64(info, "started_ns");
	uint64_t since_s = t->now_ns > c->since_ns ? (t->now_ns - c->since_ns) / BC_NS_PER_S : 0;
	char span[BC_TOP_SPAN_MAX];
	uint32_t at = 2 + bc_top_put(g, row, 0, BC_TOP_HEAD, "%s", c->prefix);

	at = 2 + bc_top_put(g, row, at, bc_top_state_style(c), "%s", bc_top_state_text(c));
	if ((c->state == BC_TOP_ENDED || c->state == BC_TOP_KILLED) && c->now)
		at = 2 + bc_top_put(g, row, at, BC_TOP_PLAIN, "%s ago", bc_top_span(span, since_s));
	else if (c->state == BC_TOP_SILENT)
		at = 2 + bc_top_put(g, row, at, BC_TOP_PLAIN, "for %s", bc_top_span(span, since_s));
	if (started_ns && now_ns >= started_ns)
		at = 2 + bc_top_put(g, row, at, BC_TOP_PLAIN, "up %s", bc_top_span(span, (now_ns - started_ns) / BC_NS_PER_S));
	if (info)
		bc_top_put(g, row, at, BC_TOP_DIM, "process %" PRIu64 ", braidcap %s", bc_field_u64(info, "pid"), bc_field_text(info, "version"));
}

static void put_rates(const struct bc_top_figures *f, struct bc_top_grid *g, uint32_t row)
{
	char packets[BC_UNITS_MAX], bits[BC_UNITS_MAX], disk[BC_UNITS_MAX], lost[BC_UNITS_MAX];
	uint32_t at;

	if (!f->known) {
		bc_top_put(g, row, 1, BC_TOP_DIM, "no rates");
		return;
	}
	at = bc_top_put(g, row, 1, BC_TOP_PLAIN, "%spackets/s, %sbit/s, to disk %sB/s, ", bc_units(packets, f->packets),
			bc_units(bits, 8 * f->bytes), bc_units(disk, f->disk));
	bc_top_put(g, row, at, f->lost > 0 ? BC_TOP_BAD : BC_TOP_PLAIN, "lost %spackets/s", bc_units(lost, f->lost));
}

/* Exact, where that is not too long. */
static const char *number(char buf[24], uint64_t v)
{
	if (v < 1000000000000)
		snprintf(buf, 24, "%" PRIu64, v);
	else
		bc_units(buf, (double)v);
	return buf;
}

static void put_balance(const json_t *balance, struct bc_top_grid *g, uint32_t row)
{
	uint64_t received = bc_field_u64(balance, "received"), dropped = bc_field_u64(balance, "dropped");
	json_int_t unaccounted = json_integer_value(json_object_get(balance, "unaccounted"));
	char a[24], b[24], c[24], d[24], share[BC_UNITS_MAX];
	uint32_t at;

	at = bc_top_put(g, row, 1, BC_TOP_PLAIN, "received %s, written %s, filtered %s, ", number(a, received),
			number(b, bc_field_u64(balance, "written")), number(c, bc_field_u64(balance, "filtered")));
	at = bc_top_put(g, row, at, dropped ? BC_TOP_WARN : BC_TOP_PLAIN, "lost %s (%s)", number(d, dropped),
			bc_percent(share, dropped, received));
	at = bc_top_put(g, row, at, BC_TOP_PLAIN, ", in flight %s", number(a, bc_field_u64(balance, "in_flight")));
	if (unaccounted)
		bc_top_put(g, row, at, BC_TOP_BAD, ", NOT ACCOUNTED FOR %" JSON_INTEGER_FORMAT, unaccounted);
}

static void put_means(const struct bc_top_capture *c, struct bc_top_grid *g, uint32_t row)
{
	const json_t *clock = json_object_get(c->now, "clock");
	char error[BC_UNITS_MAX];
	uint32_t at = bc_top_put(g, row, 1, BC_TOP_PLAIN, "output buffers %.0f %%, packet buffers %.0f %%", 100 * c->figures.buffers,
				 100 * c->figures.packet_buffers);

	if (clock)
		bc_top_put(g, row, at, BC_TOP_PLAIN, ", clock error %sns, %" PRIu64 " step%s", bc_units(error, (double)bc_field_u64(clock, "rms_ns")),
			   bc_field_u64(clock, "steps"), bc_plural(bc_field_u64(clock, "steps"), "", "s"));
}

/* Who listens for readers of packets, and how they fare. */
static void put_tap(const json_t *tap, struct bc_top_grid *g, uint32_t row)
{
	uint64_t slow = bc_field_u64(tap, "client_slow"), over = bc_field_u64(tap, "overflowed");
	char a[24], b[24];
	uint32_t at = bc_top_put(g, row, 1, BC_TOP_PLAIN, "pcap-over-ip %s: %" PRIu64 " connected, %s packets sent, ", bc_field_text(tap, "address"),
				 bc_field_u64(tap, "open"), number(a, bc_field_u64(tap, "sent")));

	at = bc_top_put(g, row, at, slow ? BC_TOP_WARN : BC_TOP_PLAIN, "client_slow %s", number(a, slow));
	if (over)
		bc_top_put(g, row, at, BC_TOP_WARN, ", overflowed %s", number(b, over));
}

/* The row behind it. */
static uint32_t put_chosen(const struct bc_top *t, struct bc_top_grid *g, uint32_t row)
{
	const struct bc_top_capture *c = bc_top_chosen(t);
	const json_t *tap;

	if (!c) {
		bc_top_put(g, row, 1, BC_TOP_PLAIN, "no capture of this user is running; waiting for one");
		return row + 1;
	}
	put_state(t, c, g, row++);
	if (!c->now)
		return row;
	put_rates(&c->figures, g, row++);
	put_balance(json_object_get(json_object_get(c->now, "info"), "balance"), g, row++);
	put_means(c, g, row++);
	tap = json_object_get(json_object_get(c->now, "info"), "pcap_over_ip");
	if (json_is_object(tap))
		put_tap(tap, g, row++);
	return row;
}

/* ---- the lists ---- */

static uint32_t put_list(const struct bc_top_list *l, enum bc_top_view view, struct bc_top_grid *g, uint32_t row, uint32_t rows,
			 uint32_t first)
{
	if (rows && view == BC_TOP_CLIENTS && !l->table.n) {
		bc_top_put(g, row, 0, BC_TOP_DIM, "no client: it is no collector, and nobody reads by --pcap-over-ip");
		return row + 1;
	}
	if (rows && view == BC_TOP_LOSSES && !l->table.n) {
		bc_top_put(g, row, 0, BC_TOP_GOOD, "no packet has been lost");
		return row + 1;
	}
	return bc_top_table(g, row, rows, &l->table, first);
}

void bc_top_share(uint32_t rows, const uint32_t *wanted, uint32_t n, uint32_t *ret)
{
	bool more = true;

	for (uint32_t i = 0; i < n; i++) {
		ret[i] = wanted[i] < LEAST ? wanted[i] : LEAST;
		ret[i] = ret[i] <= rows ? ret[i] : 0;
		rows -= ret[i];
	}
	while (rows && more) {
		more = false;
		for (uint32_t i = 0; i < n && rows; i++)
			if (ret[i] && ret[i] < wanted[i]) {
				ret[i]++;
				rows--;
				more = true;
			}
	}
}

static void put_overview(const struct bc_top *t, struct bc_top_grid *g, uint32_t row, uint32_t rows)
{
	uint32_t wanted[N_SECTIONS], got[N_SECTIONS], all = N_SECTIONS - 1;
	struct bc_top_list list[N_SECTIONS];
	bool apart;

	for (size_t i = 0; i < N_SECTIONS; i++) {
		bc_top_list_make(t, sections[i], &list[i]);
		wanted[i] = 1 + list[i].table.n;
		all += wanted[i];
	}
	apart = all <= rows;
	bc_top_share(apart ? rows - (uint32_t)(N_SECTIONS - 1) : rows, wanted, N_SECTIONS, got);
	for (size_t i = 0; i < N_SECTIONS; i++) {
		row = put_list(&list[i], sections[i], g, row, got[i], 0) + apart;
		bc_top_list_free(&list[i]);
	}
}

/* What stands above the flows. */
static uint32_t put_flows_head(const json_t *store, struct bc_top_grid *g, uint32_t row)
{
	const char *why = bc_field_text(store, "why"), *segment = bc_field_text(store, "segment");

	if (*why || !store)
		bc_top_put(g, row, 0, BC_TOP_DIM, "%s", store ? why : "looking for the newest segment");
	else
		bc_top_put(g, row, 0, BC_TOP_DIM, "the largest flows in the newest segment with an index: %s", segment);
	return row + 1;
}

static void put_view(struct bc_top *t, struct bc_top_grid *g, uint32_t row, uint32_t rows)
{
	struct bc_top_list list;
	uint32_t n, shown = rows ? rows - 1 : 0;

	bc_top_list_make(t, t->view, &list);
	n = list.table.n;
	if (t->scroll > n || n - t->scroll < shown)
		t->scroll = n > shown ? n - shown : 0;
	put_list(&list, t->view, g, row, rows, t->scroll);
	bc_top_list_free(&list);
}

/* ---- all of it ---- */

/* As much as there are rows for; the last row says what keys do. */
static void put_help(struct bc_top *t, struct bc_top_grid *g)
{
	static const char *const lines[] = {
		"up, down, k, j    choose a capture",
		"Tab, left, right  choose a view; 1 to 7 are the views themselves",
		"PgUp, PgDn, Home  move in a long list",
		"s                 sort: as given, busiest, most lost, by name",
		"p, Space          pause the display; captures go on",
		"r                 new segments in the chosen capture; asks before",
		"q                 quit",
		"",
		"BIT/s is what came on the wire, DISK B/s what goes to disk. RING,",
		"BUFFERS: how full they are; full ones lose packets. LOST/s, NOW/s:",
		"at this moment. FREE: on the output's disk. KEPT: what retention",
		"keeps, BACK TO: how old its oldest packet is. SLOWEST: the longest",
		"write. Clients send to a collector, or read by --pcap-over-ip:",
		"MISSED is what one that reads did not get, being too slow.",
		"'braidcap ctl ledger' says what helps against each loss.",
	};
	const uint32_t n = sizeof(lines) / sizeof(lines[0]), shown = g->rows > 2 ? g->rows - 2 : 0;
	const uint32_t most = n > shown ? n - shown : 0;

	t->help_scroll = t->help_scroll < most ? t->help_scroll : most;
	for (uint32_t i = 0; i < shown && t->help_scroll + i < n; i++)
		bc_top_put(g, i + 1, 1, BC_TOP_PLAIN, "%s", lines[t->help_scroll + i]);
	bc_top_put(g, g->rows - 1, 0, BC_TOP_DIM, most ? "up, down: the rest of this help  any other key: go on" : "any key: go on");
}

void bc_top_page(struct bc_top *t, struct bc_top_grid *g)
{
	uint32_t row = 1, rows;

	if (!g->rows || !g->columns)
		return;
	put_title(t, g);
	if (t->help) {
		put_help(t, g);
		return;
	}
	row = put_captures(t, g, row);
	row = put_chosen(t, g, row);
	if (t->view == BC_TOP_FLOWS && bc_top_chosen(t))
		row = put_flows_head(t->store, g, row);
	row += g->rows >= ROOMY;
	rows = g->rows > row + 1 ? g->rows - row - 1 : 0;
	if (bc_top_chosen(t) && bc_top_chosen(t)->now) {
		if (t->view == BC_TOP_OVERVIEW)
			put_overview(t, g, row, rows);
		else
			put_view(t, g, row, rows);
	}
	bc_top_blank(g, g->rows - 1);
	put_foot(t, g);
}
