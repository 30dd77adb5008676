/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_time.h"

/* How long a reader may take to come round before the old filter is kept for good rather than pulled from under it. */
#define GRACE_NS (2 * BC_NS_PER_S)

/* An expression that was in force; kept until the end, because others may be reading it. */
struct text {
	struct text *next;
	char words[];
};

struct bc_filters {
	struct rte_rcu_qsbr *qsbr;
	struct bc_filter_reader **reader;
	uint32_t n_readers;
	uint32_t n_outputs;
	bool jit;
	const struct bc_log *log;
	uint64_t sets;
	const struct bc_gprs *no_gprs[BC_MAX_OUTPUTS];
	char *always;
	struct text *texts;
	_Atomic(const char *) current[BC_MAX_OUTPUTS];
};

static void free_all(struct bc_filters *f)
{
	free(f->qsbr);
	free(f->reader);
	free(f->always);
	free(f);
}

struct bc_filters *bc_filters_new(uint32_t max_readers, uint32_t n_outputs, const char *always, bool jit,
				  const struct bc_log *log)
{
	struct bc_filters *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->n_outputs = n_outputs;
	f->jit = jit;
	f->log = log;
	f->always = strdup(always);
	f->reader = calloc(max_readers, sizeof(struct bc_filter_reader *));
	f->qsbr = aligned_alloc(RTE_CACHE_LINE_SIZE, rte_rcu_qsbr_get_memsize(max_readers));
	if (!f->always || !f->reader || !f->qsbr || rte_rcu_qsbr_init(f->qsbr, max_readers) != 0) {
		free_all(f);
		return NULL;
	}
	return f;
}

void bc_filters_add(struct bc_filters *f, struct bc_filter_reader *r)
{
	r->qsbr = f->qsbr;
	r->id = f->n_readers;
	f->reader[f->n_readers++] = r;
	rte_rcu_qsbr_thread_register(f->qsbr, r->id);
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
	for (uint32_t i = 0; i < f->n_readers; i++) {
		struct bc_filter_reader *r = f->reader[i];

		free_set((struct bc_filter_set *)atomic_load(&r->set), BC_MAX_OUTPUTS);
		atomic_store(&r->set, NULL);
		r->qsbr = NULL;
		r->online = false;
	}
	while (f->texts) {
		struct text *next = f->texts->next;

		free(f->texts);
		f->texts = next;
	}
	free_all(f);
}

void bc_filters_exclude_gprs(struct bc_filters *f, uint32_t output, const struct bc_gprs *g)
{
	f->no_gprs[output] = g;
}

/* The reader's present set with output's filter replaced. 0, or a negative errno with a line in err. */
static int make_set(struct bc_filters *f, const struct bc_filter_reader *reader, uint32_t output,
		    const char *expression, struct bc_filter_set **ret, struct bc_err *err)
{
	const struct bc_filter_set *old = atomic_load(&reader->set);
	struct bc_filter_set *set = calloc(1, sizeof(*set));
	uint16_t linktype = (uint16_t)atomic_load(&reader->linktype);
	int r = 0;

	if (!set)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	if (old)
		*set = *old;
	set->filter[output] = NULL;
	set->no_gprs[output] = f->no_gprs[output];
	set->linktype[output] = linktype;
	set->words[output] = expression;
	set->jit = f->jit;
	set->number = ++f->sets;
	set->log = f->log;
	if (expression)
		r = bc_filter_compile(expression, linktype, BC_FILTER_MAX_SNAPLEN, f->jit, &set->filter[output], err);
	if (r) {
		free(set);
		return r;
	}
	*ret = set;
	return 0;
}

static void free_others(struct bc_filter_reader *r)
{
	while (r->others) {
		struct bc_filter_other *next = r->others->next;

		for (uint32_t o = 0; o < BC_MAX_OUTPUTS; o++)
			bc_filter_destroy(r->others->filter[o]);
		free(r->others);
		r->others = next;
	}
}

void bc_filter_reader_close(struct bc_filter_reader *r)
{
	free_others(r);
}

static struct bc_filter_other *compile_other(const struct bc_filter_set *set, uint16_t linktype)
{
	struct bc_filter_other *other = calloc(1, sizeof(*other));
	struct bc_err err;

	if (!other)
		return NULL;
	other->linktype = linktype;
	for (uint32_t o = 0; o < BC_MAX_OUTPUTS; o++) {
		if (!bc_filter_compile(set->words[o], linktype, BC_FILTER_MAX_SNAPLEN, set->jit, &other->filter[o], &err))
			continue;
		other->filter[o] = NULL;
		other->none |= 1U << o;
		bc_log(set->log, BC_WARN, "packets of link type %u are filtered, none can match: %s", linktype, err.msg);
	}
	return other;
}

const struct bc_filter_other *bc_filter_reader_other(struct bc_filter_reader *r, const struct bc_filter_set *set, uint16_t linktype)
{
	struct bc_filter_other *other;

	if (r->others_number != set->number)
		free_others(r);
	r->others_number = set->number;
	for (other = r->others; other; other = other->next)
		if (other->linktype == linktype)
			return other;
	other = compile_other(set, linktype);
	if (other) {
		other->next = r->others;
		r->others = other;
	}
	return other;
}

static bool wait_for_grace(struct bc_filters *f, uint64_t token)
{
	uint64_t until_ns = bc_mono_ns() + GRACE_NS;

	while (rte_rcu_qsbr_check(f->qsbr, token, false) != 1) {
		if (bc_mono_ns() > until_ns)
			return false;
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	return true;
}

/* always goes first: libpcap applies everything after the word "vlan" to the inside of a VLAN. */
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
	for (uint32_t i = 0; i < f->n_readers; i++)
		set[i] = (struct bc_filter_set *)atomic_exchange(&f->reader[i]->set, set[i]);
	/*
	 * A reader goes online, then loads its set. Either it is seen online below, and waited for, or the fence that
	 * is in its going online comes after this one, and it loads the new set.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (wait_for_grace(f, rte_rcu_qsbr_start(f->qsbr)))
		for (uint32_t i = 0; i < f->n_readers; i++)
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
	for (uint32_t i = 0; i < f->n_readers; i++) {
		int r = make_set(f, f->reader[i], output, words, &set[i], err);

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
