/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_filters.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bc_compile.h"
#include "bc_filter_priv.h"
#include "bc_time.h"

/* While something is compiled: how often to look whether to give it up. */
#define COMPILE_STEP_NS (20 * BC_NS_PER_MS)

/* How long a reader may take to come round before the old filter is kept for good rather than pulled from under it. */
#define GRACE_NS (2 * BC_NS_PER_S)

/* An expression that was in force; kept until the end, because others may be reading it. */
struct text {
	struct text *next;
	char words[];
};

struct bc_filters_change {
	uint32_t output;
	struct text *text;			/* NULL: everything */
	struct bc_compile *compile;		/* NULL: there is nothing to compile */
	uint16_t linktype[BC_MAX_SOURCES];	/* of each reader */
	char own[];				/* the expression as it was given */
};

struct bc_filters {
	bool (*interrupted)(void *ctx);
	void *interrupted_ctx;
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

void bc_filters_interrupt(struct bc_filters *f, bool (*interrupted)(void *ctx), void *ctx)
{
	f->interrupted = interrupted;
	f->interrupted_ctx = ctx;
}

static int take_filter(struct bc_compile *c, const char *words, uint16_t linktype, bool jit, struct bc_filter **ret,
		       struct bc_err *err)
{
	struct bpf_program program;
	int r;

	bc_compile_take(c, linktype, &program);
	r = bc_filter_new(&program, words, BC_FILTER_MAX_SNAPLEN, jit, ret, err);
	if (r)
		pcap_freecode(&program);
	return r;
}

/* Of reader i; set are those of the readers before it, of which those of its link type share one. */
static int make_filter(const struct bc_filters *f, const struct bc_filters_change *c, uint32_t i, struct bc_filter_set *const *set,
		       struct bc_filter **ret, struct bc_err *err)
{
	*ret = NULL;
	if (!c->compile)
		return 0;
	for (uint32_t k = 0; k < i; k++)
		if (c->linktype[k] == c->linktype[i]) {
			*ret = bc_filter_share(set[k]->filter[c->output]);
			return 0;
		}
	return take_filter(c->compile, c->text->words, c->linktype[i], f->jit, ret, err);
}

/* The present set of reader i with one output's filter replaced. 0, or a negative errno with a line in err. */
static int make_set(struct bc_filters *f, const struct bc_filters_change *c, uint32_t i, struct bc_filter_set **set,
		    struct bc_err *err)
{
	const struct bc_filter_set *old = atomic_load(&f->reader[i]->set);
	struct bc_filter_set *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	if (old)
		*s = *old;
	s->no_gprs[c->output] = f->no_gprs[c->output];
	s->linktype[c->output] = c->linktype[i];
	s->words[c->output] = c->text ? c->text->words : NULL;
	s->jit = f->jit;
	s->number = ++f->sets;
	s->log = f->log;
	r = make_filter(f, c, i, set, &s->filter[c->output], err);
	if (r) {
		free(s);
		return r;
	}
	set[i] = s;
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

static int compile_one(const struct bc_filter_reader *r, const struct bc_filter_set *set, const char *words, uint16_t linktype,
		       struct bc_filter **ret, struct bc_err *err)
{
	struct bc_compile *c;
	int failed = bc_compile_begin(words, &linktype, 1, &c, err);

	if (failed)
		return failed;
	while (!failed && !bc_compile_wait(c, COMPILE_STEP_NS))
		if (atomic_load_explicit(&r->give_up, memory_order_relaxed))
			failed = bc_err_set(err, -ECANCELED, "aborted while it was compiled");
	if (!failed)
		failed = bc_compile_result(c, err);
	if (!failed)
		failed = take_filter(c, words, linktype, set->jit, ret, err);
	bc_compile_free(c);
	return failed;
}

static struct bc_filter_other *compile_other(const struct bc_filter_reader *r, const struct bc_filter_set *set, uint16_t linktype)
{
	struct bc_filter_other *other = calloc(1, sizeof(*other));
	struct bc_err err;

	if (!other)
		return NULL;
	other->linktype = linktype;
	for (uint32_t o = 0; o < BC_MAX_OUTPUTS; o++) {
		if (!set->words[o] || !compile_one(r, set, set->words[o], linktype, &other->filter[o], &err))
			continue;
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
	other = compile_other(r, set, linktype);
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

void bc_filters_drop(struct bc_filters_change *c)
{
	if (!c)
		return;
	bc_compile_free(c->compile);
	free(c->text);
	free(c);
}

bool bc_filters_change_is(const struct bc_filters_change *c, uint32_t output, const char *expression)
{
	return c->output == output && !strcmp(c->own, expression);
}

static int begin_compile(const struct bc_filters *f, struct bc_filters_change *c, struct bc_err *err)
{
	if (!c->own[0] && !f->always[0])
		return 0;
	c->text = new_text(f->always, c->own);
	if (!c->text)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	for (uint32_t i = 0; i < f->n_readers; i++)
		c->linktype[i] = (uint16_t)atomic_load(&f->reader[i]->linktype);
	return bc_compile_begin(c->text->words, c->linktype, f->n_readers, &c->compile, err);
}

int bc_filters_begin(const struct bc_filters *f, uint32_t output, const char *expression, struct bc_filters_change **ret,
		     struct bc_err *err)
{
	const char *own = expression ? expression : "";
	struct bc_filters_change *c;
	int r;

	if (output >= f->n_outputs)
		return bc_err_set(err, -EINVAL, "there is no output %u", output);
	c = calloc(1, sizeof(*c) + strlen(own) + 1);
	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	c->output = output;
	strcpy(c->own, own);
	r = begin_compile(f, c, err);
	if (r) {
		bc_filters_drop(c);
		return r;
	}
	*ret = c;
	return 0;
}

static int apply(struct bc_filters *f, struct bc_filters_change *c, struct bc_err *err)
{
	struct bc_filter_set *set[BC_MAX_SOURCES];

	for (uint32_t i = 0; i < f->n_readers; i++) {
		int r = make_set(f, c, i, set, err);

		if (r) {
			while (i)
				free_set(set[--i], c->output);
			return r;
		}
	}
	exchange(f, c->output, set);
	if (c->text) {
		c->text->next = f->texts;
		f->texts = c->text;
	}
	atomic_store(&f->current[c->output], c->text ? c->text->words : NULL);
	c->text = NULL;
	return 0;
}

int bc_filters_finish(struct bc_filters *f, struct bc_filters_change *c, struct bc_err *err)
{
	int r = 0;

	if (c->compile && !bc_compile_wait(c->compile, COMPILE_STEP_NS))
		return 1;
	if (c->compile)
		r = bc_compile_result(c->compile, err);
	if (!r)
		r = apply(f, c, err);
	bc_filters_drop(c);
	return r;
}

int bc_filters_set(struct bc_filters *f, uint32_t output, const char *expression, struct bc_err *err)
{
	struct bc_filters_change *c;
	int r = bc_filters_begin(f, output, expression, &c, err);

	if (r)
		return r;
	while ((r = bc_filters_finish(f, c, err)) > 0)
		if (f->interrupted && f->interrupted(f->interrupted_ctx)) {
			bc_filters_drop(c);
			return bc_err_set(err, -EINTR, "ended before the filter was compiled: '%.80s'", expression);
		}
	return r;
}

const char *bc_filters_text(const struct bc_filters *f, uint32_t output)
{
	return atomic_load(&f->current[output]);
}
