/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_display_line.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bc_plural.h"
#include "bc_table.h"
#include "bc_time.h"
#include "bc_view.h"

/* Before that a guess at the time left is worth little. */
#define GUESS_NS (2 * BC_NS_PER_S)

static uint32_t fullest_link(const struct bc_pipeline *p)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < p->ledger->n_sources; i++) {
		uint32_t percent_full = (uint32_t)((uint64_t)bc_link_fill(p->link[i]) * 100 / p->link[i]->size);

		/* The two ends are read one after the other. */
		if (percent_full > max)
			max = percent_full < 100 ? percent_full : 100;
	}
	return max;
}

static uint32_t fullest_pool(const struct bc_pipeline *p)
{
	uint32_t max = 0;

	for (uint32_t i = 0; i < p->ledger->n_outputs; i++) {
		uint32_t total = bc_bufpool_total(p->output[i]->pool);
		uint32_t used = total - bc_bufpool_available(p->output[i]->pool);
		uint32_t percent_used = (uint32_t)((uint64_t)used * 100 / total);

		if (percent_used > max)
			max = percent_used;
	}
	return max;
}

struct line {
	char *buf;
	size_t room;	/* characters, without the terminating NUL */
	size_t len;
};

/* Append a part if it fits. */
static __attribute__((format(printf, 2, 3))) void part(struct line *l, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(text) || l->len + (l->len ? 2 : 0) + (size_t)n > l->room)
		return;
	bc_table_clean(text);
	l->len += (size_t)sprintf(l->buf + l->len, "%s%s", l->len ? ", " : "", text);
}

static void sum_files(const struct bc_pipeline *p, struct bc_display_sample *ret)
{
	for (uint32_t i = 0; i < p->n_sources; i++) {
		const struct bc_source *s = p->source[i];

		if (!s->file_bytes) {
			ret->files_bytes = 0;
			return;
		}
		ret->read_bytes += bc_counter_get(&s->read_bytes);
		ret->files_bytes += s->file_bytes;
	}
}

/* A remote peer may have to get what is in the spool, too. */
static uint64_t left_of(const struct bc_pipeline *p, uint32_t output)
{
	struct bc_peer_stats st;
	struct bc_balance b;

	if (p->peer[output]) {
		bc_peer_stats(p->peer[output], &st);
		return st.held_bytes > st.spool_bytes ? st.held_bytes : st.spool_bytes;
	}
	bc_ledger_balance(p->ledger, output, BC_ALL_SOURCES, &b);
	return b.unaccounted > 0 ? (uint64_t)b.unaccounted : 0;
}

/* How much of the files is read, or of what was received written, and how long the rest will take. */
static void share(struct line *l, const struct bc_display_sample *now)
{
	const bool known = now->ending ? now->drained >= 0 : now->files_bytes > 0;
	double done = now->ending ? now->drained : now->files_bytes ? (double)now->read_bytes / (double)now->files_bytes : 0;
	uint64_t left_s;

	if (!known)
		return;
	part(l, "%3.0f %%", 100 * (done < 1 ? done : 1));
	if (now->elapsed_ns < GUESS_NS || done <= 0 || done >= 1)
		return;
	left_s = (uint64_t)((double)now->elapsed_ns / (double)BC_NS_PER_S * (1 / done - 1));
	part(l, "%" PRIu64 ":%02" PRIu64 " left", left_s / 60, left_s % 60);
}

void bc_display_sample(const struct bc_pipeline *p, uint64_t mono_ns, struct bc_display_sample *ret)
{
	const struct bc_ledger *l = p->ledger;
	struct bc_balance b;

	*ret = (struct bc_display_sample){ .mono_ns = mono_ns, .n_sources = l->n_sources, .state = bc_view_state(p) };
	bc_ledger_total(l, &b);
	ret->received = b.received;
	ret->received_bytes = b.received_bytes;
	ret->dropped = b.dropped_total;
	ret->in_flight = b.unaccounted > 0 ? (uint64_t)b.unaccounted : 0;
	for (uint32_t o = 0; o < l->n_outputs; o++) {
		ret->file_bytes += bc_counter_get(&l->output[o].file_bytes);
		ret->segments += bc_counter_get(&l->output[o].segments);
	}
	for (uint32_t i = 0; i < l->n_sources && i < BC_DISPLAY_SOURCES; i++) {
		bc_ledger_balance(l, 0, i, &b);
		ret->source[i] = b.received;
		ret->interface[i] = l->source[i].interface;
	}
	sum_files(p, ret);
	ret->ending = p->stopping || p->ended;
	ret->n_outputs = l->n_outputs;
	for (uint32_t o = 0; ret->ending && o < l->n_outputs; o++)
		ret->left[o] = left_of(p, o);
	ret->drained = -1;
	ret->link_percent = fullest_link(p);
	ret->buffer_percent = fullest_pool(p);
}

static double rate(uint64_t before, uint64_t now, uint64_t ns)
{
	return ns && now > before ? (double)(now - before) * BC_NS_PER_S / (double)ns : 0;
}

static void sources(struct line *l, const struct bc_display_sample *before, const struct bc_display_sample *now,
		    uint64_t ns)
{
	if (now->n_sources < 2 || now->n_sources > BC_DISPLAY_SOURCES)
		return;
	for (uint32_t i = 0; i < now->n_sources; i++) {
		char pps[BC_UNITS_MAX];

		part(l, "%.24s %sp/s", now->interface[i], bc_units(pps, rate(before->source[i], now->source[i], ns)));
	}
}

void bc_display_line(const struct bc_display_sample *before, const struct bc_display_sample *now, size_t width, char *buf,
		     size_t size)
{
	struct line l = { buf, size && width < size ? width : size ? size - 1 : 0, 0 };
	uint64_t ns = now->mono_ns - before->mono_ns;
	char a[BC_UNITS_MAX], b[BC_UNITS_MAX];

	if (!size)
		return;
	buf[0] = '\0';
	if (strcmp(now->state, "running"))
		part(&l, "%s", now->state);
	share(&l, now);
	part(&l, "%sp/s", bc_units(a, rate(before->received, now->received, ns)));
	part(&l, "dropped %" PRIu64 " (%s)", now->dropped, bc_percent(b, now->dropped, now->received));
	part(&l, "%sbit/s", bc_units(a, 8 * rate(before->received_bytes, now->received_bytes, ns)));
	part(&l, "disk %sB/s", bc_units(a, rate(before->file_bytes, now->file_bytes, ns)));
	part(&l, "buffers %u %%", now->buffer_percent);
	part(&l, "rings %u %%", now->link_percent);
	part(&l, "%" PRIu64 " packet%s", now->received, bc_plural(now->received, "", "s"));
	part(&l, "%" PRIu64 " segment%s", now->segments, bc_plural(now->segments, "", "s"));
	sources(&l, before, now, ns);
}
