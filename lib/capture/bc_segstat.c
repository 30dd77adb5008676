/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_segstat.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_store.h"

struct numbers {
	uint64_t packets, drops, late;
};

/* Rows: more than segments can wait to be published. */
#define RING (2 * BC_STORE_QUEUE_MAX)

struct bc_segstat {
	const struct bc_ledger *ledger;
	uint32_t output;
	uint32_t n_sources;
	enum bc_segstat_form form;
	const struct bc_log *log;
	struct numbers last[BC_MAX_SOURCES];	/* of the ledger, when the last segment ended; by the committer */
	uint64_t published;			/* packets; written by the publishing thread */
	struct numbers *ring;			/* RING rows: a segment, then its sources */
	uint32_t taken;				/* rows; written by the publishing thread */
	_Atomic uint32_t put;			/* counted up by the committer after each row */
};

struct bc_segstat *bc_segstat_new(const struct bc_ledger *ledger, uint32_t output, enum bc_segstat_form form,
				  const struct bc_log *log)
{
	struct bc_segstat *s = calloc(1, sizeof(*s));

	if (s)
		s->ring = calloc(RING * (1U + ledger->n_sources), sizeof(*s->ring));
	if (!s || !s->ring) {
		free(s);
		return NULL;
	}
	s->ledger = ledger;
	s->output = output;
	s->n_sources = ledger->n_sources;
	s->form = form;
	s->log = log;
	return s;
}

void bc_segstat_free(struct bc_segstat *s)
{
	if (!s)
		return;
	free(s->ring);
	free(s);
}

static struct numbers *row(const struct bc_segstat *s, uint32_t n)
{
	return &s->ring[(size_t)(n % RING) * (1 + s->n_sources)];
}

static void add(struct numbers *to, const struct numbers *n)
{
	to->packets += n->packets;
	to->drops += n->drops;
	to->late += n->late;
}

void bc_segstat_ended(struct bc_segstat *s, const uint64_t *from)
{
	uint32_t put = atomic_load_explicit(&s->put, memory_order_relaxed);
	struct numbers *all = row(s, put), *source = all + 1;

	*all = (struct numbers){ .packets = 0 };
	for (uint32_t i = 0; i < s->n_sources; i++) {
		struct bc_balance b;

		bc_ledger_balance(s->ledger, s->output, i, &b);
		source[i] = (struct numbers){ from[i], b.dropped_total - s->last[i].drops, b.late - s->last[i].late };
		s->last[i].drops = b.dropped_total;
		s->last[i].late = b.late;
		add(all, &source[i]);
	}
	atomic_store_explicit(&s->put, put + 1, memory_order_release);
}

/* " drops=N," where the form has it. */
static const char *drops_of(const struct bc_segstat *s, const struct numbers *n, char text[static 32])
{
	text[0] = '\0';
	if (s->form == BC_SEGSTAT_FULL)
		snprintf(text, 32, " drops=%" PRIu64 ",", n->drops);
	return text;
}

static void say_input(const struct bc_segstat *s, uint32_t i, const struct numbers *n)
{
	if (s->form == BC_SEGSTAT_FULL)
		bc_log(s->log, BC_INFO, "    input=%" PRIu32 " (%s): packets=%" PRIu64 ", drops=%" PRIu64 ", disorders=%" PRIu64, i,
		       s->ledger->source[i].name, n->packets, n->drops, n->late);
	else
		bc_log(s->log, BC_INFO, "    input=%" PRIu32 ": packets=%" PRIu64 ", drops=%" PRIu64, i, n->packets, n->drops);
}

void bc_segstat_published(struct bc_segstat *s, const char *path, int err)
{
	const struct numbers *all = row(s, s->taken), *source = all + 1;
	char drops[32];

	if (s->taken == atomic_load_explicit(&s->put, memory_order_acquire))
		return;
	bc_log(s->log, BC_INFO, "uri=%s, packets=%" PRIu64 ",%s disorders=%" PRIu64 "%s%s", path, all->packets,
	       drops_of(s, all, drops), all->late, err ? ", not published: " : "", err ? strerror(-err) : "");
	for (uint32_t i = 0; i < s->n_sources; i++)
		say_input(s, i, &source[i]);
	if (!err)
		s->published += all->packets;
	s->taken++;
}

static void say_closing(const struct bc_segstat *s)
{
	for (uint32_t i = 0; i < s->n_sources; i++) {
		struct bc_balance b;

		bc_ledger_balance(s->ledger, s->output, i, &b);
		bc_log(s->log, BC_INFO, "closing input %" PRIu32 ", total packets: %" PRIu64 ", drops: %" PRIu64, i, b.written,
		       b.dropped_total);
	}
}

void bc_segstat_total(struct bc_segstat *s)
{
	struct bc_balance b;
	struct numbers all;
	char drops[32];

	bc_ledger_balance(s->ledger, s->output, BC_ALL_SOURCES, &b);
	all = (struct numbers){ s->published, b.dropped_total, b.late };
	bc_log(s->log, BC_INFO, "TOTAL: packets=%" PRIu64 ",%s disorders=%" PRIu64, all.packets, drops_of(s, &all, drops), all.late);
	if (s->form == BC_SEGSTAT_MTRACECAP)
		say_closing(s);
}
