/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bc_field.h"
#include "bc_table.h"
#include "bc_time.h"

#define COLUMNS(list) .column = list, .n_columns = sizeof(list) / sizeof((list)[0])

/* Buffers that are so full are shown as a warning, and as bad. */
#define FULL_WARN 0.5
#define FULL_BAD 0.9

const char *bc_top_span(char buf[BC_TOP_SPAN_MAX], uint64_t s)
{
	const unsigned long long min = s / 60, h = s / 3600, d = s / 86400;

	if (s < 120)
		snprintf(buf, BC_TOP_SPAN_MAX, "%llu s", (unsigned long long)s);
	else if (min < 60)
		snprintf(buf, BC_TOP_SPAN_MAX, "%llu min", min);
	else if (d < 2)
		snprintf(buf, BC_TOP_SPAN_MAX, "%llu h %llu min", h, min % 60);
	else
		snprintf(buf, BC_TOP_SPAN_MAX, "%llu d %llu h", d, h % 24);
	return buf;
}

const char *bc_top_state_text(const struct bc_top_capture *c)
{
	if (c->state == BC_TOP_SILENT)
		return "no answer";
	if (c->state == BC_TOP_KILLED)
		return "was killed";
	if (c->state == BC_TOP_ENDED)
		return c->now ? "ended" : "not there";
	return bc_field_text(json_object_get(c->now, "info"), "state");
}

enum bc_top_style bc_top_state_style(const struct bc_top_capture *c)
{
	if (c->state == BC_TOP_ENDED)
		return BC_TOP_DIM;
	if (c->state == BC_TOP_SILENT || c->state == BC_TOP_KILLED)
		return BC_TOP_BAD;
	return strcmp(bc_top_state_text(c), "running") ? BC_TOP_WARN : BC_TOP_GOOD;
}

/* ---- cells ---- */

static __attribute__((format(printf, 2, 3))) void text(struct bc_top_cell *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->text, sizeof(c->text), fmt, ap);
	va_end(ap);
}

/* Exact, where it has at most nine digits. */
static void count(struct bc_top_cell *c, uint64_t v)
{
	char buf[BC_UNITS_MAX];

	if (v < 1000000000)
		text(c, "%" PRIu64, v);
	else
		text(c, "%s", bc_units(buf, (double)v));
}

static void rate(struct bc_top_cell *c, bool known, double v)
{
	char buf[BC_UNITS_MAX];

	text(c, "%s", known ? bc_units(buf, v) : "- ");
}

static void lost_rate(struct bc_top_cell *c, bool known, double v)
{
	rate(c, known, v);
	if (v > 0)
		c->style = BC_TOP_BAD;
}

static void lost(struct bc_top_cell *c, uint64_t n)
{
	count(c, n);
	if (n)
		c->style = BC_TOP_WARN;
}

static void full(struct bc_top_cell *c, double share)
{
	text(c, "%.0f %%", 100 * share);
	c->style = share > FULL_BAD ? BC_TOP_BAD : share > FULL_WARN ? BC_TOP_WARN : BC_TOP_PLAIN;
}

static void bytes(struct bc_top_cell *c, uint64_t n)
{
	char buf[BC_UNITS_MAX];

	text(c, "%sB", bc_units(buf, (double)n));
}

static double share_of(uint64_t part, uint64_t whole)
{
	return whole ? (double)(part < whole ? part : whole) / (double)whole : 0;
}

/* ---- captures ---- */

static const struct bc_top_column captures[] = {
	{ .head = "CAPTURE" },
	{ .head = "STATE", .width = 9 },
	{ .head = "PACKETS/s", .width = 9, .right = true },
	{ .head = "BIT/s", .width = 7, .right = true },
	{ .head = "RECEIVED", .width = 12, .right = true, .from = 100 },
	{ .head = "LOST/s", .width = 7, .right = true },
	{ .head = "LOST", .width = 9, .right = true },
	{ .head = "DISK B/s", .width = 8, .right = true },
	{ .head = "BUFFERS", .width = 7, .right = true },
};

static void fill_capture(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top *t = ctx;
	const struct bc_top_capture *c = t->capture[i];
	const struct bc_top_figures *f = &c->figures;
	const json_t *balance = json_object_get(json_object_get(c->now, "info"), "balance");

	text(&cell[0], "%s", c->prefix);
	text(&cell[1], "%s", bc_top_state_text(c));
	cell[1].style = bc_top_state_style(c);
	if (!c->now)
		return;
	rate(&cell[2], f->known, f->packets);
	rate(&cell[3], f->known, 8 * f->bytes);
	count(&cell[4], bc_field_u64(balance, "received"));
	lost_rate(&cell[5], f->known, f->lost);
	lost(&cell[6], bc_field_u64(balance, "dropped"));
	rate(&cell[7], f->known, f->disk);
	full(&cell[8], f->buffers);
}

void bc_top_rows_captures(const struct bc_top *t, struct bc_top_table *ret)
{
	*ret = (struct bc_top_table){ COLUMNS(captures), .fill = fill_capture, .ctx = t, .n = t->n };
}

/* ---- sources ---- */

static const struct bc_top_column sources[] = {
	{ .head = "SOURCE" },
	{ .head = "INTERFACE", .width = 16, .from = 120 },
	{ .head = "STATE", .width = 8 },
	{ .head = "PACKETS/s", .width = 9, .right = true },
	{ .head = "BIT/s", .width = 7, .right = true },
	{ .head = "RECEIVED", .width = 10, .right = true },
	{ .head = "FILTERED", .width = 10, .right = true, .from = 100 },
	{ .head = "LATE", .width = 9, .right = true, .from = 130 },
	{ .head = "LOST/s", .width = 7, .right = true },
	{ .head = "LOST", .width = 9, .right = true },
	{ .head = "RING", .width = 5, .right = true },
};

static void fill_source(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top_capture *c = ctx;
	const struct bc_top_element *e = &c->figures.source[i];
	const char *state = bc_field_text(e->view, "state");
	uint64_t queue = bc_field_u64(e->view, "queue");
	bool known = c->figures.known;

	if (queue)
		text(&cell[0], "%s queue %" PRIu64, bc_field_text(e->view, "name"), queue);
	else
		text(&cell[0], "%s", bc_field_text(e->view, "name"));
	text(&cell[1], "%s", bc_field_text(e->view, "interface"));
	text(&cell[2], "%s", state);
	cell[2].style = !strcmp(state, "failed") ? BC_TOP_BAD : strcmp(state, "running") ? BC_TOP_WARN : BC_TOP_PLAIN;
	rate(&cell[3], known, e->packets);
	rate(&cell[4], known, 8 * e->bytes);
	count(&cell[5], bc_field_u64(e->view, "received"));
	count(&cell[6], bc_field_u64(e->view, "filtered"));
	count(&cell[7], bc_field_u64(e->view, "late"));
	lost_rate(&cell[8], known, e->lost);
	lost(&cell[9], e->dropped);
	full(&cell[10], share_of(bc_field_u64(e->view, "link_used"), bc_field_u64(e->view, "link_size")));
}

/* ---- outputs ---- */

static const struct bc_top_column outputs[] = {
	{ .head = "OUTPUT" },
	{ .head = "PACKETS/s", .width = 9, .right = true },
	{ .head = "DISK B/s", .width = 8, .right = true },
	{ .head = "RATIO", .width = 5, .right = true },
	{ .head = "SEGMENTS", .width = 8, .right = true },
	{ .head = "LOST/s", .width = 7, .right = true },
	{ .head = "LOST", .width = 9, .right = true },
	{ .head = "BUFFERS", .width = 7, .right = true },
	{ .head = "FREE", .width = 7, .right = true },
	{ .head = "BACKLOG", .width = 7, .right = true, .from = 120 },
	{ .head = "SLOWEST", .width = 9, .right = true, .from = 130 },
	{ .head = "KEPT", .width = 8, .right = true, .from = 110 },
	{ .head = "BACK TO", .width = 10, .right = true, .from = 110 },
	{ .head = "NEWEST SEGMENT", .width = 36, .from = 160 },
};

/* A peer's segments are not files: is there a connection? */
static void peer(struct bc_top_cell *segments, const json_t *view)
{
	const json_t *p = json_object_get(view, "peer");
	const json_t *up = json_object_get(p, "up");

	if (!json_is_object(p))
		return;
	/* DPDK's telemetry of old has no booleans. */
	if (json_is_true(up) || bc_field_u64(p, "up")) {
		text(segments, "peer up");
	} else {
		text(segments, "no peer");
		segments->style = BC_TOP_BAD;
	}
}

/* What the store says of it: how full its disk is, and the newest segment. */
static void store(struct bc_top_cell *unused, struct bc_top_cell *newest, const json_t *all, uint32_t i)
{
	const json_t *o = json_array_get(json_object_get(all, "outputs"), i);
	uint64_t size = bc_field_u64(o, "size"), left = bc_field_u64(o, "free");
	const char *segment = bc_field_text(o, "segment"), *name = strrchr(segment, '/');

	text(newest, "%s", name ? name + 1 : segment);
	if (!size)
		return;
	bytes(unused, left);
	unused->style = left < size / 20 ? BC_TOP_BAD : BC_TOP_PLAIN;
}

static void fill_output(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top *t = ctx;
	const struct bc_top_capture *c = bc_top_chosen(t);
	const struct bc_top_element *e = &c->figures.output[i];
	const json_t *buffers = json_object_get(e->view, "buffers"), *storage = json_object_get(e->view, "storage");
	const json_t *retention = json_object_get(e->view, "retention");
	uint64_t total = bc_field_u64(buffers, "total"), unused = bc_field_u64(buffers, "free");
	uint64_t dense = bc_field_u64(e->view, "written_bytes"), packed = bc_field_u64(e->view, "file_bytes");
	char span[BC_TOP_SPAN_MAX];
	bool known = c->figures.known;

	text(&cell[0], "%s", bc_field_text(e->view, "name"));
	rate(&cell[1], known, e->packets);
	rate(&cell[2], known, e->bytes);
	if (packed)
		text(&cell[3], "%.1f", (double)dense / (double)packed);
	count(&cell[4], bc_field_u64(e->view, "published"));
	peer(&cell[4], e->view);
	lost_rate(&cell[5], known, e->lost);
	lost(&cell[6], e->dropped);
	full(&cell[7], share_of(total > unused ? total - unused : 0, total));
	count(&cell[9], bc_field_u64(json_object_get(e->view, "writers"), "backlog"));
	text(&cell[10], "%.1f ms", (double)bc_field_u64(storage, "slowest_write_ns") / 1e6);
	if (retention)
		bytes(&cell[11], bc_field_u64(retention, "kept_bytes"));
	if (json_object_get(retention, "kept_ns"))
		text(&cell[12], "%s", bc_top_span(span, bc_field_u64(retention, "kept_ns") / BC_NS_PER_S));
	store(&cell[8], &cell[13], t->store, i);
}

/* ---- losses ---- */

static const struct bc_top_column losses[] = {
	{ .head = "LOSS", .width = 16 },
	{ .head = "WHERE" },
	{ .head = "PACKETS", .width = 10, .right = true },
	{ .head = "SHARE", .width = 9, .right = true },
	{ .head = "NOW/s", .width = 7, .right = true },
	{ .head = "LAST", .width = 11, .right = true },
};

static void fill_loss(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top_capture *c = ctx;
	const struct bc_top_loss *l = &c->figures.loss[i];
	const json_t *info = json_object_get(c->now, "info");
	uint64_t told_ns = bc_field_u64(info, "now_ns"), received = bc_field_u64(json_object_get(info, "balance"), "received");
	char buf[BC_TOP_SPAN_MAX], share[BC_UNITS_MAX];

	text(&cell[0], "%s", l->name);
	text(&cell[1], "%s", l->where);
	count(&cell[2], l->packets);
	text(&cell[3], "%s", bc_percent(share, l->packets, received));
	rate(&cell[4], c->figures.known, l->rate);
	if (l->rate > 0)
		text(&cell[5], "now");
	else if (l->last_ns && told_ns >= l->last_ns)
		text(&cell[5], "%s", bc_top_span(buf, (told_ns - l->last_ns) / BC_NS_PER_S));
	else
		text(&cell[5], "before");
	for (int k = 0; k < 6; k++)
		cell[k].style = l->rate > 0 ? BC_TOP_BAD : BC_TOP_PLAIN;
}

/* ---- CPUs ---- */

static const struct bc_top_column cpus[] = {
	{ .head = "CPU", .width = 4, .right = true },
	{ .head = "BUSY", .width = 6, .right = true },
	{ .head = "STATE", .width = 7 },
	{ .head = "STAGES" },
};

static void fill_cpu(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top_capture *c = ctx;
	const struct bc_top_cpu *cpu = &c->figures.cpu[i];
	const json_t *stages = json_object_get(cpu->view, "stages");
	size_t len = 0;

	text(&cell[0], "%" PRIu64, bc_field_u64(cpu->view, "cpu"));
	if (c->figures.known)
		text(&cell[1], "%.0f %%", 100 * cpu->busy);
	else
		text(&cell[1], "-");
	cell[1].style = cpu->busy > FULL_BAD ? BC_TOP_BAD : cpu->busy > FULL_WARN ? BC_TOP_WARN : BC_TOP_PLAIN;
	text(&cell[2], "%s", bc_field_text(cpu->view, "state"));
	for (uint32_t k = 0; k < cpu->n && len < sizeof(cell[3].text); k++)
		len += (size_t)snprintf(cell[3].text + len, sizeof(cell[3].text) - len, "%s%.40s %.0f %%", k ? ", " : "",
					bc_field_text(json_array_get(stages, k), "name"), 100 * cpu->stage[k]);
}

/* ---- flows ---- */

static const struct bc_top_column flows[] = {
	{ .head = "FLOW" },
	{ .head = "PACKETS", .width = 10, .right = true },
	{ .head = "BYTES", .width = 8, .right = true },
	{ .head = "SECONDS", .width = 8, .right = true },
	{ .head = "BIT/s", .width = 7, .right = true },
};

static void fill_flow(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const json_t *f = json_array_get(ctx, i);
	double seconds = (double)bc_field_u64(f, "ns") / (double)BC_NS_PER_S;

	text(&cell[0], "%s", bc_field_text(f, "name"));
	count(&cell[1], bc_field_u64(f, "packets"));
	bytes(&cell[2], bc_field_u64(f, "bytes"));
	text(&cell[3], "%.1f", seconds);
	rate(&cell[4], seconds > 0, seconds > 0 ? 8 * (double)bc_field_u64(f, "bytes") / seconds : 0);
}

/* ---- clients ---- */

static const struct bc_top_column clients[] = {
	{ .head = "CLIENT" },
	{ .head = "STATE", .width = 12 },
	{ .head = "ADDRESS", .width = 21, .from = 110 },
	{ .head = "SINCE", .width = 9, .right = true },
	{ .head = "PACKETS/s", .width = 9, .right = true },
	{ .head = "PACKETS", .width = 9, .right = true },
	{ .head = "MISSED/s", .width = 8, .right = true },
	{ .head = "MISSED", .width = 7, .right = true },
	{ .head = "FAILURES", .width = 8, .right = true, .from = 120 },
	{ .head = "LAST END", .width = 30, .from = 150 },
};

static void fill_client(const void *ctx, uint32_t i, struct bc_top_cell *cell)
{
	const struct bc_top_capture *c = ctx;
	const struct bc_top_client *k = &c->figures.client[i];
	const char *state = k->reads ? "reads" : bc_field_text(k->view, "state");
	uint64_t since_ns = bc_field_u64(k->view, "since_ns"), told_ns = bc_field_u64(json_object_get(c->now, "info"), "now_ns");
	char buf[BC_TOP_SPAN_MAX];

	text(&cell[0], "%s", k->name);
	text(&cell[1], "%s", state);
	cell[1].style = k->reads || !strcmp(state, "connected") ? BC_TOP_PLAIN : BC_TOP_WARN;
	text(&cell[2], "%s", bc_field_text(k->view, "address"));
	if (since_ns && told_ns >= since_ns)
		text(&cell[3], "%s", bc_top_span(buf, (told_ns - since_ns) / BC_NS_PER_S));
	rate(&cell[4], c->figures.known, k->rate);
	count(&cell[5], k->packets);
	if (!k->reads) {
		count(&cell[8], bc_field_u64(k->view, "failures"));
		text(&cell[9], "%s", bc_field_text(k->view, "last_end"));
		return;
	}
	lost_rate(&cell[6], c->figures.known, k->missed_rate);
	lost(&cell[7], k->missed);
}

void bc_top_rows(const struct bc_top *t, enum bc_top_view view, struct bc_top_table *ret)
{
	const struct bc_top_capture *c = bc_top_chosen(t);
	const struct bc_top_figures none = { 0 }, *f = c ? &c->figures : &none;
	const json_t *found = json_object_get(t->store, "flows");
	const struct bc_top_table table[BC_TOP_VIEWS] = {
		[BC_TOP_SOURCES] = { COLUMNS(sources), .fill = fill_source, .ctx = c, .n = f->n_sources },
		[BC_TOP_OUTPUTS] = { COLUMNS(outputs), .fill = fill_output, .ctx = t, .n = f->n_outputs },
		[BC_TOP_LOSSES] = { COLUMNS(losses), .fill = fill_loss, .ctx = c, .n = f->n_losses },
		[BC_TOP_CPUS] = { COLUMNS(cpus), .fill = fill_cpu, .ctx = c, .n = f->n_cpus },
		[BC_TOP_CLIENTS] = { COLUMNS(clients), .fill = fill_client, .ctx = c, .n = f->n_clients },
		[BC_TOP_FLOWS] = { COLUMNS(flows), .fill = fill_flow, .ctx = found, .n = (uint32_t)json_array_size(found) },
	};

	*ret = table[view];
}
