/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The filters in force and their replacement while packets flow. Each reader (a source's stage) has its own set,
 * compiled for its link type, one filter for each output. A set that was replaced is freed after a grace period
 * (rte_rcu_qsbr). For packets of another link type the reader compiles the same expressions itself.
 */
#ifndef BC_FILTERS_H
#define BC_FILTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_rcu_qsbr.h>

#include "bc_err.h"
#include "bc_filter.h"
#include "bc_gprs.h"
#include "bc_ledger.h"
#include "bc_log.h"

/* The filters of all outputs; immutable once a reader sees it. */
struct bc_filter_set {
	struct bc_filter *filter[BC_MAX_OUTPUTS];	/* NULL: all packets */
	/* Of those, what is no user traffic of GPRS; NULL: that too. Not owned. */
	const struct bc_gprs *no_gprs[BC_MAX_OUTPUTS];
	uint16_t linktype[BC_MAX_OUTPUTS];		/* that filter is for */
	/* What filter was compiled from, NULL: all packets. As long as the set lives. */
	const char *words[BC_MAX_OUTPUTS];
	bool jit;
	uint64_t number;				/* of all sets, from 1 */
	const struct bc_log *log;
};

/* The same for packets of another link type; the reader's own. */
struct bc_filter_other {
	struct bc_filter_other *next;
	uint16_t linktype;
	uint32_t none;					/* outputs whose expression means nothing for that link: no packet */
	struct bc_filter *filter[BC_MAX_OUTPUTS];
};

struct bc_filter_reader {
	/* Control writes, the reader reads. NULL: every output gets everything. */
	_Atomic(const struct bc_filter_set *) set;
	/* The reader writes, control reads: of the packets to come. */
	_Atomic uint32_t linktype;
	/* Control writes before the first round. NULL: nobody exchanges the set. */
	struct rte_rcu_qsbr *qsbr;
	uint32_t id;
	/* The reader's own. */
	bool online;
	bool mixed;			/* its packets may be of other link types than the set is for */
	/* Control writes, the reader reads: the capture is aborted, compile no longer. */
	_Atomic bool give_up;
	struct bc_filter_other *others;	/* compiled from the set of this number */
	uint64_t others_number;
};

/* The reader, once a round: it uses no set now. From its first round on an exchange waits for the next. */
static inline void bc_filter_reader_quiescent(struct bc_filter_reader *r)
{
	if (__builtin_expect(r->online, 1)) {
		rte_rcu_qsbr_quiescent(r->qsbr, r->id);
	} else if (r->qsbr) {
		rte_rcu_qsbr_thread_online(r->qsbr, r->id);
		r->online = true;
	}
}

/* The reader: it will use no set any more, unless there is another round. */
static inline void bc_filter_reader_leave(struct bc_filter_reader *r)
{
	if (!r->online)
		return;
	rte_rcu_qsbr_thread_offline(r->qsbr, r->id);
	r->online = false;
}

/*
 * The reader: set's filters for packets of this link type, which is not the set's. They are compiled when the first such packet comes,
 * which takes a moment; an output whose expression cannot be compiled for them gets none, with a warning. NULL without memory. As long
 * as the set is in force.
 */
const struct bc_filter_other *bc_filter_reader_other(struct bc_filter_reader *r, const struct bc_filter_set *set, uint16_t linktype);

/* When there is no round any more. */
void bc_filter_reader_close(struct bc_filter_reader *r);

/* All that follows is the control thread's, but for the reading of texts. */
struct bc_filters;

/*
 * For at most max_readers. always, an expression or "", holds for every output beside its own; it is copied. log
 * outlives it. NULL without memory.
 */
struct bc_filters *bc_filters_new(uint32_t max_readers, uint32_t n_outputs, const char *always, bool jit,
				  const struct bc_log *log);
/* No reader has a round any more; their sets are gone. Takes NULL. */
void bc_filters_free(struct bc_filters *f);

/* Before the reader's first round; r outlives f. From the next bc_filters_set on it is given sets. */
void bc_filters_add(struct bc_filters *f, struct bc_filter_reader *r);

/* From the next bc_filters_set on, that output is not given user traffic of GPRS either; g outlives f. NULL: it is. */
void bc_filters_exclude_gprs(struct bc_filters *f, uint32_t output, const struct bc_gprs *g);

/*
 * Compile expression ("" or NULL: everything) for output and every reader, hand it over, and wait until no reader uses
 * the old one. 0; or a negative errno with a line in err, and the old one stays: -EINTR where bc_filters_interrupt()
 * says so.
 */
int bc_filters_set(struct bc_filters *f, uint32_t output, const char *expression, struct bc_err *err);

/* Give up bc_filters_set() when interrupted(ctx) is true: it is asked now and then, since compiling can take minutes. */
void bc_filters_interrupt(struct bc_filters *f, bool (*interrupted)(void *ctx), void *ctx);

/*
 * The same without waiting. begin: 0 and *ret, or a negative errno with a line in err. finish: 1 while it is being
 * compiled, which it waits for a moment; otherwise as bc_filters_set(), and the change is gone. drop: instead of finish;
 * takes NULL.
 */
struct bc_filters_change;
int bc_filters_begin(const struct bc_filters *f, uint32_t output, const char *expression, struct bc_filters_change **ret,
		     struct bc_err *err);
int bc_filters_finish(struct bc_filters *f, struct bc_filters_change *c, struct bc_err *err);
void bc_filters_drop(struct bc_filters_change *c);
/* Was it begun with these? */
bool bc_filters_change_is(const struct bc_filters_change *c, uint32_t output, const char *expression);

/* NULL: everything. The text stays valid until bc_filters_free. Any thread. */
const char *bc_filters_text(const struct bc_filters *f, uint32_t output);

#endif
