/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ctl_print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_field.h"
#include "bc_plural.h"
#include "bc_summary.h"
#include "bc_table.h"
#include "bc_time.h"

/* Print a name or an expression without its terminal control characters. */
static void put_text(FILE *f, const char *text)
{
	char *clean = strdup(text);

	if (clean) {
		bc_table_clean(clean);
		fputs(clean, f);
	}
	free(clean);
}

/* 2026-11-22 03:44:20.123456 UTC, or -. */
static void time_cell(struct bc_table *t, uint64_t ns)
{
	time_t s = (time_t)(ns / BC_NS_PER_S);
	struct tm tm;
	char text[40];

	if (!ns || !gmtime_r(&s, &tm) || !strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		bc_table_cell(t, "-");
	else
		bc_table_cell(t, "%s.%06u UTC", text, (unsigned)(ns % BC_NS_PER_S / 1000));
}

static struct bc_table *two_columns(const char *left, const char *right)
{
	struct bc_table *t = bc_table_new("ll");

	bc_table_cell(t, "%s", left);
	bc_table_cell(t, "%s", right);
	return t;
}

static void pair(struct bc_table *t, const char *name, const json_t *of, const char *key)
{
	const json_t *v = json_object_get(of, key);

	bc_table_cell(t, "%s", name);
	if (json_is_string(v))
		bc_table_cell(t, "%s", json_string_value(v));
	else
		bc_table_cell(t, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
}

static void print_tap(FILE *f, const json_t *tap)
{
	const json_t *clients = json_object_get(tap, "clients");
	struct bc_table *t;
	json_t *c;
	size_t i;

	bc_summary_tap(f, tap);
	if (!json_array_size(clients))
		return;
	t = bc_table_new("llrr");
	bc_table_cell(t, "CLIENT");
	bc_table_cell(t, "SINCE");
	bc_table_cell(t, "SENT");
	bc_table_cell(t, "CLIENT_SLOW");
	json_array_foreach((json_t *)clients, i, c) {
		bc_table_cell(t, "%s", bc_field_text(c, "address"));
		time_cell(t, bc_field_u64(c, "since_ns"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(c, "sent"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(c, "client_slow"));
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_ctl_print_info(FILE *f, const json_t *info)
{
	struct bc_table *t = two_columns("state", bc_field_text(info, "state"));
	const json_t *buffers = json_object_get(info, "packet_buffers");
	const json_t *delay = json_object_get(info, "merge_delay_ns");

	pair(t, "braidcap", info, "version");
	pair(t, "process", info, "pid");
	bc_table_cell(t, "started");
	time_cell(t, bc_field_u64(info, "started_ns"));
	if (bc_field_u64(info, "stopped_ns")) {
		bc_table_cell(t, "stopped");
		time_cell(t, bc_field_u64(info, "stopped_ns"));
	}
	pair(t, "sources", info, "sources");
	pair(t, "outputs", info, "outputs");
	if (bc_field_u64(delay, "samples")) {
		bc_table_cell(t, "from stamp to writer");
		bc_table_cell(t, "half of the packets within %.1f us, 99 %% within %.1f us",
			      (double)bc_field_u64(delay, "p50") / 1e3, (double)bc_field_u64(delay, "p99") / 1e3);
	}
	bc_table_cell(t, "packet buffers");
	bc_table_cell(t, "%" PRIu64 " of %" PRIu64 " free", bc_field_u64(buffers, "free"), bc_field_u64(buffers, "total"));
	bc_table_print(t, f);
	bc_table_free(t);
	/* The sum over several outputs would not balance. */
	if (bc_field_u64(info, "outputs") == 1)
		bc_summary_balance(f, info);
	print_tap(f, json_object_get(info, "pcap_over_ip"));
}

/* How long ago, in the unit that says most. */
static void since_cell(struct bc_table *t, uint64_t ns)
{
	uint64_t now_ns = bc_utc_ns(), s = ns && now_ns > ns ? (now_ns - ns) / BC_NS_PER_S : 0;

	if (!ns)
		bc_table_cell(t, "-");
	else if (s < 120)
		bc_table_cell(t, "%" PRIu64 " s", s);
	else if (s < 2 * 3600)
		bc_table_cell(t, "%" PRIu64 " min", s / 60);
	else
		bc_table_cell(t, "%" PRIu64 " h", s / 3600);
}

void bc_ctl_print_clients(FILE *f, const json_t *clients)
{
	struct bc_table *t = bc_table_new("llrllrrrl");
	json_t *k;
	size_t i;

	if (!json_array_size(clients)) {
		fputs("there are no clients: this is not a collector ('braidcap collect')\n", f);
		bc_table_free(t);
		return;
	}
	bc_table_cell(t, "CLIENT");
	bc_table_cell(t, "STATE");
	bc_table_cell(t, "SINCE");
	bc_table_cell(t, "ADDRESS");
	bc_table_cell(t, "TLS");
	bc_table_cell(t, "PACKETS");
	bc_table_cell(t, "CONNECTIONS");
	bc_table_cell(t, "FAILURES");
	bc_table_cell(t, "LAST END");
	json_array_foreach((json_t *)clients, i, k) {
		const char *cert = bc_field_text(k, "certificate");
		bool tls = json_is_true(json_object_get(k, "tls")) || bc_field_u64(k, "tls");

		bc_table_cell(t, "%s", bc_field_text(k, "name"));
		bc_table_cell(t, "%s", bc_field_text(k, "state"));
		since_cell(t, bc_field_u64(k, "since_ns"));
		bc_table_cell(t, "%s", bc_field_text(k, "address"));
		bc_table_cell(t, "%s", !tls ? "no" : cert[0] ? cert : "yes");
		bc_table_cell(t, "%" PRIu64, bc_field_u64(k, "packets"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(k, "connections"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(k, "failures"));
		bc_table_cell(t, "%s", bc_field_text(k, "last_end"));
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

/* How far back do the kept segments of each output reach? */
static void print_kept(FILE *f, const json_t *outputs)
{
	struct bc_table *t = bc_table_new("lrrlr");
	char units[BC_UNITS_MAX];
	json_t *o;
	size_t i;

	bc_table_cell(t, "RETENTION");
	bc_table_cell(t, "SEGMENTS");
	bc_table_cell(t, "KEPT");
	bc_table_cell(t, "OLDEST PACKET");
	bc_table_cell(t, "DAYS");
	json_array_foreach((json_t *)outputs, i, o) {
		const json_t *r = json_object_get(o, "retention");

		if (!r)
			continue;
		bc_table_cell(t, "%s", bc_field_text(o, "name"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(r, "kept"));
		bc_table_cell(t, "%sB", bc_units(units, (double)bc_field_u64(r, "kept_bytes")));
		time_cell(t, bc_field_u64(r, "oldest_ns"));
		bc_table_cell(t, "%.1f", (double)bc_field_u64(r, "kept_ns") / (86400 * (double)BC_NS_PER_S));
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_ctl_print_outputs(FILE *f, const json_t *outputs)
{
	struct bc_table *t = bc_table_new("lrrrrlrl");
	json_t *o;
	size_t i;

	bc_summary_outputs(f, outputs);
	bc_summary_trouble(f, outputs);
	fputc('\n', f);
	bc_table_cell(t, "OUTPUT");
	bc_table_cell(t, "BUFFERS USED");
	bc_table_cell(t, "WRITERS");
	bc_table_cell(t, "BACKLOG");
	bc_table_cell(t, "UNPUBLISHED");
	bc_table_cell(t, "I/O");
	bc_table_cell(t, "SLOWEST WRITE");
	bc_table_cell(t, "FILTER");
	json_array_foreach((json_t *)outputs, i, o) {
		const json_t *b = json_object_get(o, "buffers"), *w = json_object_get(o, "writers");
		const json_t *store = json_object_get(o, "storage");
		uint64_t total = bc_field_u64(b, "total"), unused = bc_field_u64(b, "free");
		char share[BC_UNITS_MAX];

		bc_table_cell(t, "%s", bc_field_text(o, "name"));
		bc_table_cell(t, "%s", bc_percent(share, total > unused ? total - unused : 0, total));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(w, "count"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(w, "backlog"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(o, "unpublished"));
		bc_table_cell(t, "%s", bc_field_text(store, "io"));
		bc_table_cell(t, "%.1f ms", (double)bc_field_u64(store, "slowest_write_ns") / 1e6);
		bc_table_cell(t, "%s", bc_field_text(o, "filter"));
	}
	bc_table_print(t, f);
	bc_table_free(t);
	print_kept(f, outputs);
}

void bc_ctl_print_lcores(FILE *f, const json_t *lcores)
{
	struct bc_table *t = bc_table_new("rllrr");
	json_t *l, *s;
	size_t i, k;

	bc_table_cell(t, "CPU");
	bc_table_cell(t, "STATE");
	bc_table_cell(t, "STAGE");
	bc_table_cell(t, "DONE");
	bc_table_cell(t, "BUSY");
	json_array_foreach((json_t *)lcores, i, l)
		json_array_foreach(json_object_get(l, "stages"), k, s) {
			bc_table_cell(t, "%" PRIu64, bc_field_u64(l, "cpu"));
			bc_table_cell(t, "%s", bc_field_text(l, "state"));
			bc_table_cell(t, "%s", bc_field_text(s, "name"));
			bc_table_cell(t, "%" PRIu64, bc_field_u64(s, "units"));
			bc_table_cell(t, "%.1f %%", (double)bc_field_u64(s, "busy_permille") / 10);
		}
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_ctl_print_clock(FILE *f, const json_t *clock)
{
	struct bc_table *t = two_columns("counter", bc_field_text(clock, "counter"));
	json_t *s;
	size_t i;

	pair(t, "frequency (Hz)", clock, "frequency_hz");
	pair(t, "off the system clock (ns)", clock, "offset_ns");
	pair(t, "rms (ns)", clock, "rms_ns");
	pair(t, "rate changed by (ppb)", clock, "rate_ppb");
	pair(t, "updates", clock, "updates");
	pair(t, "steps", clock, "steps");
	if (*bc_field_text(clock, "why"))
		pair(t, "not the CPU's counter", clock, "why");
	bc_table_print(t, f);
	bc_table_free(t);
	fputc('\n', f);
	t = bc_table_new("lrll");
	bc_table_cell(t, "SOURCE");
	bc_table_cell(t, "QUEUE");
	bc_table_cell(t, "STAMP");
	bc_table_cell(t, "CLOCK");
	json_array_foreach(json_object_get(clock, "sources"), i, s) {
		bc_table_cell(t, "%s", bc_field_text(s, "name"));
		bc_table_cell(t, "%" PRIu64, bc_field_u64(s, "queue"));
		bc_table_cell(t, "%s", bc_field_text(s, "stamp"));
		bc_table_cell(t, "%s", bc_field_text(s, "clock"));
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_ctl_print_segments(FILE *f, const json_t *outputs)
{
	struct bc_table *t = bc_table_new("lrrll");
	json_t *o, *s;
	size_t i, k;

	bc_table_cell(t, "SEGMENT");
	bc_table_cell(t, "PACKETS");
	bc_table_cell(t, "BYTES");
	bc_table_cell(t, "FIRST PACKET");
	bc_table_cell(t, "LAST PACKET");
	json_array_foreach((json_t *)outputs, i, o)
		json_array_foreach(json_object_get(o, "segments"), k, s) {
			const char *error = bc_field_text(s, "error");

			bc_table_cell(t, "%s%s%s", bc_field_text(s, "path"), *error ? ": NOT PUBLISHED: " : "", error);
			bc_table_cell(t, "%" PRIu64, bc_field_u64(s, "packets"));
			bc_table_cell(t, "%" PRIu64, bc_field_u64(s, "bytes"));
			time_cell(t, bc_field_u64(s, "first_ns"));
			time_cell(t, bc_field_u64(s, "last_ns"));
		}
	bc_table_print(t, f);
	bc_table_free(t);
	json_array_foreach((json_t *)outputs, i, o) {
		put_text(f, bc_field_text(o, "name"));
		fprintf(f, ": %" PRIu64 " segment%s published\n", bc_field_u64(o, "published"), bc_plural(bc_field_u64(o, "published"), "", "s"));
	}
}

static void print_filters(FILE *f, const json_t *filters)
{
	struct bc_table *t = bc_table_new("rll");
	json_t *o;
	size_t i;

	bc_table_cell(t, "OUTPUT");
	bc_table_cell(t, "NAME");
	bc_table_cell(t, "FILTER");
	json_array_foreach((json_t *)filters, i, o) {
		const char *filter = bc_field_text(o, "filter");

		bc_table_cell(t, "%" PRIu64, bc_field_u64(o, "output"));
		bc_table_cell(t, "%s", bc_field_text(o, "name"));
		bc_table_cell(t, "%s", *filter ? filter : "(all packets)");
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_ctl_print_filter(FILE *f, const json_t *answer)
{
	const char *filter = bc_field_text(answer, "filter");

	if (json_is_array(answer)) {
		print_filters(f, answer);
		return;
	}
	fprintf(f, "output %" PRIu64 " now takes ", bc_field_u64(answer, "output"));
	put_text(f, *filter ? filter : "all packets");
	fputc('\n', f);
}

void bc_ctl_print_rotated(FILE *f, const json_t *reply)
{
	json_t *o;
	size_t i;

	json_array_foreach(json_object_get(reply, "outputs"), i, o) {
		put_text(f, bc_field_text(o, "name"));
		fprintf(f, ": segment %" PRIu64 " will end\n", bc_field_u64(o, "segment"));
	}
}

void bc_ctl_print_state(FILE *f, const json_t *reply)
{
	fputs("the capture is ", f);
	put_text(f, bc_field_text(reply, "state"));
	if (bc_field_u64(reply, "in_flight"))
		fprintf(f, ": %" PRIu64 " %s still to be written", bc_field_u64(reply, "in_flight"),
			bc_plural(bc_field_u64(reply, "in_flight"), "packet is", "packets are"));
	fputc('\n', f);
}
