/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets and bytes over time, as numbers for a plot. */
#include <stdlib.h>

#include "bc_console_search.h"
#include "bc_number.h"
#include "bc_thread.h"
#include "bc_time.h"
#include "bc_timeline.h"

#define BINS_DEFAULT 200
#define BINS_MOST 1000

struct look {
	struct bc_console_search search;
	struct bc_timeline line;
	const struct bc_catalogue_state *state;
};

static void *add_up(void *arg)
{
	struct look *l = arg;

	bc_thread_give_way();
	bc_timeline_add(&l->line, l->state, l->search.cfg.depot);
	return NULL;
}

/* What lies on this host is not much. */
static void stop_adding(void *arg)
{
	bc_depot_stop(((struct look *)arg)->search.cfg.depot);
}

/* Without times, all that there is. */
static void set_range(struct look *l)
{
	const struct bc_find_config *c = &l->search.cfg;
	uint64_t newest_ns = 0;

	for (uint32_t i = 0; i < l->state->n; i++) {
		const struct bc_catalogue_segment *s = &l->state->segment[i];
		uint64_t end_ns = s->indexed ? s->max_ns : s->first_ns;

		newest_ns = end_ns > newest_ns ? end_ns : newest_ns;
	}
	l->line.from_ns = c->from_ns ? c->from_ns : l->state->extent.oldest_ns;
	l->line.to_ns = c->to_ns != UINT64_MAX ? c->to_ns : c->from_ns && newest_ns < bc_utc_ns() ? bc_utc_ns() : newest_ns + 1;
	if (l->line.to_ns <= l->line.from_ns)
		l->line.to_ns = l->line.from_ns + BC_NS_PER_S;
}

/* A whole number; what is cut off is left in *rest for the next, so that their sum is right. */
static json_t *whole(double v, double *rest)
{
	json_int_t n = (json_int_t)(v + *rest + 0.5);

	*rest += v - (double)n;
	return json_integer(n);
}

static json_t *line_of(const struct bc_timeline *t)
{
	json_t *packets = json_array(), *bytes = json_array();
	double packets_rest = 0, bytes_rest = 0;

	for (uint32_t i = 0; i < t->n; i++) {
		json_array_append_new(packets, whole(t->bin[i].packets, &packets_rest));
		json_array_append_new(bytes, whole(t->bin[i].bytes, &bytes_rest));
	}
	return json_pack("{s:b, s:I, s:I, s:i, s:i, s:o, s:o}", "known", true, "from_ns", (json_int_t)t->from_ns, "to_ns",
			 (json_int_t)t->to_ns, "unindexed", (int)t->unindexed, "spread", (int)t->spread, "packets", packets, "bytes", bytes);
}

enum MHD_Result bc_console_timeline(const struct bc_request *q)
{
	const char *bins = bc_request_arg(q, "bins");
	struct look l = { .line.n = 0 };
	struct bc_console *c = q->ctx;
	unsigned status = bc_console_search_begin(q, &l.search);
	json_t *answer = NULL;
	uint64_t n = BINS_DEFAULT;

	if (status)
		return bc_reply_error(q, status, "%s", l.search.err.msg);
	if (bins && bc_parse_u64("bins", bins, 1, BINS_MOST, &n, &l.search.err)) {
		bc_console_search_end(&l.search);
		return bc_reply_error(q, MHD_HTTP_BAD_REQUEST, "%s", l.search.err.msg);
	}
	l.state = bc_catalogue_get(c->catalogue);
	l.line.n = (uint32_t)n;
	l.line.bin = calloc(n, sizeof(*l.line.bin));
	if (!l.state) {
		answer = json_pack("{s:b}", "known", false);
	} else if (l.line.bin) {
		set_range(&l);
		if (!bc_console_search_run(q, add_up, stop_adding, &l))
			answer = line_of(&l.line);
	}
	bc_catalogue_put(c->catalogue, l.state);
	bc_console_search_end(&l.search);
	free(l.line.bin);
	return bc_reply_json(q, MHD_HTTP_OK, answer);
}
