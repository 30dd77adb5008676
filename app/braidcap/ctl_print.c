/* SPDX-License-Identifier: BSD-3-Clause */
#include "ctl_print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_time.h"
#include "summary.h"
#include "table.h"

/* A name or an expression, without what steers a terminal. */
static void put_word(FILE *f, const char *word)
{
	char *clean = strdup(word);

	if (clean) {
		table_clean(clean);
		fputs(clean, f);
	}
	free(clean);
}

/* 2026-11-22 03:44:20.123456 UTC, or -. */
static void time_cell(struct table *t, uint64_t ns)
{
	time_t s = (time_t)(ns / BC_NS_PER_S);
	struct tm tm;
	char text[40];

	if (!ns || !gmtime_r(&s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		table_cell(t, "-");
	else
		table_cell(t, "%s.%06u UTC", text, (unsigned)(ns % BC_NS_PER_S / 1000));
}

static struct table *two_columns(const char *left, const char *right)
{
	struct table *t = table_new("ll");

	table_cell(t, "%s", left);
	table_cell(t, "%s", right);
	return t;
}

static void pair(struct table *t, const char *name, const json_t *of, const char *key)
{
	const json_t *v = json_object_get(of, key);

	table_cell(t, "%s", name);
	if (json_is_string(v))
		table_cell(t, "%s", json_string_value(v));
	else
		table_cell(t, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

void ctl_print_info(FILE *f, const json_t *info)
{
	struct table *t = two_columns("state", summary_word(info, "state"));
	const json_t *buffers = json_object_get(info, "packet_buffers");
	const json_t *delay = json_object_get(info, "merge_delay_ns");

	pair(t, "braidcap", info, "version");
	pair(t, "process", info, "pid");
	table_cell(t, "started");
	time_cell(t, summary_number(info, "started_ns"));
	if (summary_number(info, "stopped_ns")) {
		table_cell(t, "stopped");
		time_cell(t, summary_number(info, "stopped_ns"));
	}
	pair(t, "sources", info, "sources");
	pair(t, "outputs", info, "outputs");
	if (summary_number(delay, "samples")) {
		table_cell(t, "from stamp to writer");
		table_cell(t, "half of the packets within %.1f us, 99 %% within %.1f us", (double)summary_number(delay, "p50") / 1e3,
			   (double)summary_number(delay, "p99") / 1e3);
	}
	table_cell(t, "packet buffers");
	table_cell(t, "%" PRIu64 " of %" PRIu64 " free", summary_number(buffers, "free"), summary_number(buffers, "total"));
	table_print(t, f);
	table_free(t);
	/* The sum over several outputs is no balance. */
	if (summary_number(info, "outputs") == 1)
		summary_balance(f, info);
}

/* How long ago, in the unit that tells most. */
static void since_cell(struct table *t, uint64_t ns)
{
	uint64_t now_ns = bc_utc_ns(), s = ns && now_ns > ns ? (now_ns - ns) / BC_NS_PER_S : 0;

	if (!ns)
		table_cell(t, "-");
	else if (s < 120)
		table_cell(t, "%" PRIu64 " s", s);
	else if (s < 2 * 3600)
		table_cell(t, "%" PRIu64 " min", s / 60);
	else
		table_cell(t, "%" PRIu64 " h", s / 3600);
}

void ctl_print_clients(FILE *f, const json_t *clients)
{
	struct table *t = table_new("llrllrrrl");
	json_t *k;
	size_t i;

	if (!json_array_size(clients)) {
		fputs("there are no clients: it is no centre ('braidcap collect')\n", f);
		table_free(t);
		return;
	}
	table_cell(t, "CLIENT");
	table_cell(t, "STATE");
	table_cell(t, "SINCE");
	table_cell(t, "ADDRESS");
	table_cell(t, "TLS");
	table_cell(t, "PACKETS");
	table_cell(t, "CONNECTIONS");
	table_cell(t, "FAILURES");
	table_cell(t, "LAST END");
	json_array_foreach((json_t *)clients, i, k) {
		const char *cert = summary_word(k, "certificate");
		bool tls = json_is_true(json_object_get(k, "tls")) || summary_number(k, "tls");

		table_cell(t, "%s", summary_word(k, "name"));
		table_cell(t, "%s", summary_word(k, "state"));
		since_cell(t, summary_number(k, "since_ns"));
		table_cell(t, "%s", summary_word(k, "address"));
		table_cell(t, "%s", !tls ? "no" : cert[0] ? cert : "yes");
		table_cell(t, "%" PRIu64, summary_number(k, "packets"));
		table_cell(t, "%" PRIu64, summary_number(k, "connections"));
		table_cell(t, "%" PRIu64, summary_number(k, "failures"));
		table_cell(t, "%s", summary_word(k, "last_end"));
	}
	table_print(t, f);
	table_free(t);
}

void ctl_print_outputs(FILE *f, const json_t *outputs)
{
	struct table *t = table_new("lrrrrlrl");
	json_t *o;
	size_t i;

	summary_outputs(f, outputs);
	fputc('\n', f);
	table_cell(t, "OUTPUT");
	table_cell(t, "BUFFERS USED");
	table_cell(t, "WRITERS");
	table_cell(t, "BACKLOG");
	table_cell(t, "UNPUBLISHED");
	table_cell(t, "I/O");
	table_cell(t, "SLOWEST WRITE");
	table_cell(t, "FILTER");
	json_array_foreach((json_t *)outputs, i, o) {
		const json_t *b = json_object_get(o, "buffers"), *w = json_object_get(o, "writers");
		const json_t *store = json_object_get(o, "storage");
		uint64_t total = summary_number(b, "total"), unused = summary_number(b, "free");
		char share[UNITS_MAX];

		table_cell(t, "%s", summary_word(o, "name"));
		table_cell(t, "%s", percent(share, total > unused ? total - unused : 0, total));
		table_cell(t, "%" PRIu64, summary_number(w, "count"));
		table_cell(t, "%" PRIu64, summary_number(w, "backlog"));
		table_cell(t, "%" PRIu64, summary_number(o, "unpublished"));
		table_cell(t, "%s", summary_word(store, "io"));
		table_cell(t, "%.1f ms", (double)summary_number(store, "slowest_write_ns") / 1e6);
		table_cell(t, "%s", summary_word(o, "filter"));
	}
	table_print(t, f);
	table_free(t);
}

void ctl_print_lcores(FILE *f, const json_t *lcores)
{
	struct table *t = table_new("rllrr");
	json_t *l, *s;
	size_t i, k;

	table_cell(t, "CPU");
	table_cell(t, "STATE");
	table_cell(t, "STAGE");
	table_cell(t, "DONE");
	table_cell(t, "BUSY");
	json_array_foreach((json_t *)lcores, i, l)
		json_array_foreach(json_object_get(l, "stages"), k, s) {
			table_cell(t, "%" PRIu64, summary_number(l, "cpu"));
			table_cell(t, "%s", summary_word(l, "state"));
			table_cell(t, "%s", summary_word(s, "name"));
			table_cell(t, "%" PRIu64, summary_number(s, "units"));
			table_cell(t, "%.1f %%", (double)summary_number(s, "busy_permille") / 10);
		}
	table_print(t, f);
	table_free(t);
}

void ctl_print_clock(FILE *f, const json_t *clock)
{
	struct table *t = two_columns("counter", summary_word(clock, "counter"));
	json_t *s;
	size_t i;

	pair(t, "frequency (Hz)", clock, "frequency_hz");
	pair(t, "off the system clock (ns)", clock, "offset_ns");
	pair(t, "rms (ns)", clock, "rms_ns");
	pair(t, "rate changed by (ppb)", clock, "rate_ppb");
	pair(t, "updates", clock, "updates");
	pair(t, "steps", clock, "steps");
	if (*summary_word(clock, "why"))
		pair(t, "not the CPU's counter", clock, "why");
	table_print(t, f);
	table_free(t);
	fputc('\n', f);
	t = table_new("lrll");
	table_cell(t, "SOURCE");
	table_cell(t, "QUEUE");
	table_cell(t, "STAMP");
	table_cell(t, "CLOCK");
	json_array_foreach(json_object_get(clock, "sources"), i, s) {
		table_cell(t, "%s", summary_word(s, "name"));
		table_cell(t, "%" PRIu64, summary_number(s, "queue"));
		table_cell(t, "%s", summary_word(s, "stamp"));
		table_cell(t, "%s", summary_word(s, "clock"));
	}
	table_print(t, f);
	table_free(t);
}

void ctl_print_segments(FILE *f, const json_t *outputs)
{
	struct table *t = table_new("lrrll");
	json_t *o, *s;
	size_t i, k;

	table_cell(t, "SEGMENT");
	table_cell(t, "PACKETS");
	table_cell(t, "BYTES");
	table_cell(t, "FIRST PACKET");
	table_cell(t, "LAST PACKET");
	json_array_foreach((json_t *)outputs, i, o)
		json_array_foreach(json_object_get(o, "segments"), k, s) {
			const char *error = summary_word(s, "error");

			table_cell(t, "%s%s%s", summary_word(s, "path"), *error ? ": NOT PUBLISHED: " : "", error);
			table_cell(t, "%" PRIu64, summary_number(s, "packets"));
			table_cell(t, "%" PRIu64, summary_number(s, "bytes"));
			time_cell(t, summary_number(s, "first_ns"));
			time_cell(t, summary_number(s, "last_ns"));
		}
	table_print(t, f);
	table_free(t);
	json_array_foreach((json_t *)outputs, i, o) {
		put_word(f, summary_word(o, "name"));
		fprintf(f, ": %" PRIu64 " segments published\n", summary_number(o, "published"));
	}
}

void ctl_print_filters(FILE *f, const json_t *filters)
{
	struct table *t = table_new("rll");
	json_t *o;
	size_t i;

	table_cell(t, "OUTPUT");
	table_cell(t, "NAME");
	table_cell(t, "FILTER");
	json_array_foreach((json_t *)filters, i, o) {
		const char *filter = summary_word(o, "filter");

		table_cell(t, "%" PRIu64, summary_number(o, "output"));
		table_cell(t, "%s", summary_word(o, "name"));
		table_cell(t, "%s", *filter ? filter : "(all packets)");
	}
	table_print(t, f);
	table_free(t);
}

static double rate(uint64_t before, uint64_t now, double seconds)
{
	return now > before && seconds > 0 ? (double)(now - before) / seconds : 0;
}

static uint64_t sum(const json_t *list, const char *key)
{
	uint64_t total = 0;
	json_t *v;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		total += summary_number(v, key);
	return total;
}

static void stats_row(struct table *t, const char *name, uint64_t before, uint64_t now, uint64_t received, double seconds)
{
	char share[UNITS_MAX], per_second[UNITS_MAX];

	table_cell(t, "%s", name);
	table_cell(t, "%" PRIu64, now);
	table_cell(t, "%s", percent(share, now, received));
	table_cell(t, "%s/s", units(per_second, rate(before, now, seconds)));
}

static void loss_rows(struct table *t, const json_t *before, const json_t *now, const char *part, uint64_t received,
		      double seconds)
{
	const json_t *list = json_object_get(now, part), *old = json_object_get(before, part);
	const char *key;
	json_t *v, *n;
	size_t i;

	json_array_foreach((json_t *)list, i, v)
		json_object_foreach(json_object_get(v, "dropped"), key, n) {
			char name[320];

			snprintf(name, sizeof(name), "  %.40s: %s", key, summary_word(v, "name"));
			stats_row(t, name, summary_number(json_object_get(json_array_get(old, i), "dropped"), key),
				  summary_number(json_object_get(v, "dropped"), key), received, seconds);
		}
}

void ctl_print_stats(FILE *f, const json_t *before, const json_t *now, double seconds)
{
	static const char *const keys[] = { "received", "written", "filtered", "dropped" };
	const json_t *b = json_object_get(now, "balance"), *old = json_object_get(before, "balance");
	uint64_t received = summary_number(b, "received");
	struct table *t = table_new("lrrr");
	char wire[UNITS_MAX], disk[UNITS_MAX];

	table_cell(t, "%s", "");
	table_cell(t, "PACKETS");
	table_cell(t, "SHARE");
	table_cell(t, "NOW");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		stats_row(t, keys[i], summary_number(old, keys[i]), summary_number(b, keys[i]), received, seconds);
	loss_rows(t, before, now, "sources", received, seconds);
	loss_rows(t, before, now, "outputs", received, seconds);
	table_print(t, f);
	table_free(t);
	fprintf(f, "on the wire %sbit/s, to disk %sB/s\n",
		units(wire, 8 * rate(sum(json_object_get(before, "sources"), "received_bytes"),
				     sum(json_object_get(now, "sources"), "received_bytes"), seconds)),
		units(disk, rate(sum(json_object_get(before, "outputs"), "file_bytes"),
				 sum(json_object_get(now, "outputs"), "file_bytes"), seconds)));
	summary_balance(f, now);
}

void ctl_print_rotated(FILE *f, const json_t *reply)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(reply, "outputs"), i, o) {
		put_word(f, summary_word(o, "name"));
		fprintf(f, ": segment %" PRIu64 " will end\n", summary_number(o, "segment"));
	}
}

void ctl_print_state(FILE *f, const json_t *reply)
{
	fputs("the capture is ", f);
	put_word(f, summary_word(reply, "state"));
	if (summary_number(reply, "in_flight"))
		fprintf(f, ": %" PRIu64 " packets are still to be written", summary_number(reply, "in_flight"));
	fputc('\n', f);
}

void ctl_print_filter(FILE *f, const json_t *reply)
{
	const char *filter = summary_word(reply, "filter");

	fprintf(f, "output %" PRIu64 " now takes ", summary_number(reply, "output"));
	put_word(f, *filter ? filter : "all packets");
	fputc('\n', f);
}
