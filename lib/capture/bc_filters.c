/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* How long a source may take to come round before the old filter is kept for good rather than pulled from under it. */
#define GRACE_NS (2 * BC_NS_PER_S)

/* An expression that was in force; kept until the end, because others may be reading it. */
struct text {
	struct text *next;
	char words[];
};

struct bc_filters {
	struct bc_source *const *source;
	uint32_t n_sources;
	uint32_t n_outputs;
	bool jit;
	const struct bc_log *log;
	const struct bc_gprs *no_gprs[BC_MAX_OUTPUTS];
	char *always;
	struct text *texts;
	_Atomic(const char *) current[BC_MAX_OUTPUTS];
};

struct bc_filters *bc_filters_new(struct bc_source *const *source, uint32_t n_sources, uint32_t n_outputs, const char *always,
				  bool jit, const struct bc_log *log)
{
	struct bc_filters *f = calloc(1, sizeof(*f));

	if (f)
		f->always = strdup(always);
	if (!f || !f->always) {
		free(f);
		return NULL;
	}
	f->source = source;
	f->n_sources = n_sources;
	f->n_outputs = n_outputs;
	f->jit = jit;
	f->log = log;
	return f;
}

/* The set and, of its filters, that of one output (BC_MAX_OUTPUTS: of all). */
static void free_set(struct bc_filter_set *set, uint32_t output)
{
	if (!set)
		return;
	for (uint32_t o = 0; o < BC_MAX_OUTPUTS; o++)
		if (output == BC_MAX_OUTPUTS || o == output)
			bc_filter_destroy(set->filter[o]);
	free(set);
}

void bc_filters_free(struct bc_filters *f)
{
	if (!f)
		return;
	for (uint32_t i = 0; i < f->n_sources; i++) {
		free_set((struct bc_filter_set *)atomic_load(&f->source[i]->filters), BC_MAX_OUTPUTS);
		atomic_store(&f->source[i]->filters, NULL);
	}
	while (f->texts) {
		struct text *next = f->texts->next;

		free(f->texts);
		f->texts = next;
	}
	free(f->always);
	free(f);
}

void bc_filters_exclude_gprs(struct bc_filters *f, uint32_t output, const struct bc_gprs *g)
{
	f->no_gprs[output] = g;
}

/* The source's present set with output's filter replaced. 0, or a negative errno with a line in err. */
static int make_set(struct bc_filters *f, const struct bc_source *s, uint32_t output, const char *expression,
		    struct bc_filter_set **ret, struct bc_err *err)
{
	const struct bc_filter_set *old = atomic_load(&s->filters);
	struct bc_filter_set *set = calloc(1, sizeof(*set));
	uint32_t iface = s->account->iface;
	uint16_t linktype = iface == BC_IFACE_NONE ? 1 : s->env.ifaces->entry[iface].linktype;
	int r = 0;

	if (!set)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	if (old)
		*set = *old;
	set->filter[output] = NULL;
	set->no_gprs[output] = f->no_gprs[output];
	if (expression)
		r = bc_filter_compile(expression, linktype, BC_SNAPLEN_MAX, f->jit, &set->filter[output], err);
	if (r) {
		free(set);
		return r;
	}
	*ret = set;
	return 0;
}

/* Has the source looked at its filters anew since it was at polls? */
static bool came_round(const struct bc_source *s, uint64_t polls)
{
	return atomic_load(&s->polls) - polls >= 2 || atomic_load(&s->polls) == 0 || bc_source_state(s) == BC_SOURCE_ENDED;
}

static bool wait_for_grace(struct bc_filters *f, const uint64_t *polls)
{
	uint64_t until_ns = bc_mono_ns() + GRACE_NS;

	for (uint32_t i = 0; i < f->n_sources; i++)
		while (!came_round(f->source[i], polls[i])) {
			if (bc_mono_ns() > until_ns)
				return false;
			nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
		}
	return true;
}

/* always goes first: libpcap takes what stands behind the word "vlan" for what is in a VLAN. */
static struct text *new_text(const char *always, const char *words)
{
	const char *form = !words[0] ? "%s%s" : always[0] ? "(%s) and (%s)" : "%s%s";
	size_t size = strlen(always) + strlen(words) + sizeof("() and ()");
	struct text *t = malloc(sizeof(*t) + size);

	if (t)
		snprintf(t->words, size, form, always, words);
	return t;
}

static void exchange(struct bc_filters *f, uint32_t output, struct bc_filter_set **set)
{
	uint64_t polls[BC_MAX_SOURCES];

	for (uint32_t i = 0; i < f->n_sources; i++) {
		struct bc_filter_set *old = (struct bc_filter_set *)atomic_exchange(&f->source[i]->filters, set[i]);

		set[i] = old;
		polls[i] = atomic_load(&f->source[i]->polls);
	}
	if (wait_for_grace(f, polls))
		for (uint32_t i = 0; i < f->n_sources; i++)
			free_set(set[i], output);
	else
		bc_log(f->log, BC_WARN, "a source did not come round: the old filter's memory is not given back");
}

int bc_filters_set(struct bc_filters *f, uint32_t output, const char *expression, struct bc_err *err)
{
	const char *own = expression ? expression : "", *words = NULL;
	struct bc_filter_set *set[BC_MAX_SOURCES];
	struct text *t = NULL;

	if (output >= f->n_outputs)
		return bc_err_set(err, -EINVAL, "there is no output %u", output);
	if (own[0] || f->always[0]) {
		t = new_text(f->always, own);
		if (!t)
			return bc_err_set(err, -ENOMEM, "no memory for a filter");
		words = t->words;
	}
	for (uint32_t i = 0; i < f->n_sources; i++) {
		int r = make_set(f, f->source[i], output, words, &set[i], err);

		if (r) {
			while (i)
				free_set(set[--i], output);
			free(t);
			return r;
		}
	}
	exchange(f, output, set);
	if (t) {
		t->next = f->texts;
		f->texts = t;
	}
	atomic_store(&f->current[output], t ? t->words : NULL);
	return 0;
}

const char *bc_filters_text(const struct bc_filters *f, uint32_t output)
{
	return atomic_load(&f->current[output]);
}
