/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_flows.h"

#include <errno.h>
#include <string.h>

#include "bc_depot.h"
#include "bc_find_ifaces.h"
#include "bc_find_list.h"
#include "bc_find_plan.h"
#include "bc_index_beside.h"
#include "bc_time.h"

#define DAY_NS (86400 * BC_NS_PER_S)

void bc_find_extent_of(const struct bc_find_list *l, struct bc_find_extent *ret)
{
	uint64_t first_ns = 0;

	*ret = (struct bc_find_extent){ .segments = 0 };
	ret->segments = l->n;
	ret->bad = l->bad;
	if (!l->n)
		return;
	ret->oldest_ns = l->at[0].first_ns;
	ret->newest_ns = l->at[l->n - 1].first_ns;
	for (uint32_t i = 0; i < l->n; i++) {
		ret->bytes += l->at[i].bytes;
		/* Of the last one it is not known how long it is. */
		if (i + 1 == l->n || ret->newest_ns - l->at[i].first_ns > DAY_NS)
			continue;
		first_ns = first_ns ? first_ns : l->at[i].first_ns;
		ret->day_bytes += l->at[i].bytes;
	}
	ret->day_ns = first_ns ? ret->newest_ns - first_ns : 0;
}

static int add_row(void *ctx, const struct bc_index_row *row, const struct bc_index_template *templates)
{
	return bc_flows_add(ctx, row, templates);
}

/* Those of one segment. */
static int add_segment(const struct bc_find_flows_config *cfg, const struct bc_find_segment *s, struct bc_find_ifaces *ifaces,
		       struct bc_flows *flows, struct bc_find_extent *ret, struct bc_err *err)
{
	struct bc_find_plan plan;
	struct bc_blob *blob;
	int r = bc_depot_open(cfg->depot, s->path, &blob, err), e = 0;

	/* It was removed meanwhile. */
	if (r == -ENOENT)
		return 0;
	if (r) {
		bc_log(cfg->log, BC_ERROR, "%s: its flows are left out", err->msg);
		ret->bad++;
		return 0;
	}
	plan = (struct bc_find_plan){ .way = BC_FIND_WHOLE };
	r = bc_index_beside_wrap(cfg->depot, s->path, &blob, err);
	if (!r || r == -ENODATA)
		r = bc_find_plan_make(blob, ifaces, cfg->from_ns, cfg->to_ns, add_row, flows, &plan, err);
	bc_blob_close(blob);
	ret->without += plan.way == BC_FIND_WHOLE || plan.blocks_unindexed;
	bc_find_plan_free(&plan);
	if (r == -E2BIG || r == -ENOMEM)
		return r;
	if (r) {
		bc_log(cfg->log, BC_WARN, "%s: %s: its flows are left out", s->path, err->msg);
		ret->bad += r != -EBADMSG;
	} else if (cfg->each) {
		e = cfg->each(cfg->ctx, s, flows, err);
	}
	if (cfg->each)
		bc_flows_clear(flows);
	return e;
}

/* Is it an expression at all? */
static int check(struct bc_find_ifaces *ifaces, struct bc_err *err)
{
	const struct bc_filter *filter;
	bool unfit;
	int r = bc_find_ifaces_ask(ifaces, 1, &filter, &unfit);

	if (r)
		return bc_err_set(err, r, "no memory for a filter");
	return unfit ? bc_find_ifaces_refusal(ifaces, err) : 0;
}

int bc_find_flows(const struct bc_find_flows_config *cfg, struct bc_flows *flows, struct bc_find_extent *ret, struct bc_err *err)
{
	struct bc_find_list list = { .log = cfg->log, .depot = cfg->depot, .from_ns = cfg->from_ns, .to_ns = cfg->to_ns };
	struct bc_find_ifaces *ifaces;
	_Atomic uint32_t looked = 0;
	const _Atomic bool never = false, *stop = cfg->stop ? cfg->stop : &never;
	int r = bc_find_ifaces_new(cfg->expression, &ifaces, err);

	*ret = (struct bc_find_extent){ .segments = 0 };
	if (r)
		return r;
	r = check(ifaces, err);
	for (uint32_t i = 0; !r && i < cfg->n_paths; i++) {
		r = bc_find_list_add(&list, cfg->paths[i], err);
		r = r && r != -ENOMEM && !bc_depot_is_name(cfg->paths[i]) ? -EINVAL : r;
	}
	if (!r)
		r = bc_find_list_look(&list, &looked, stop);
	if (!r)
		bc_find_extent_of(&list, ret);
	for (uint32_t i = 0; !r && flows && i < list.n; i++)
		r = *stop ? -ECANCELED : add_segment(cfg, &list.at[i], ifaces, flows, ret, err);
	if (r == -ECANCELED)
		bc_err_set(err, r, "ended before all was added up");
	bc_find_list_free(&list);
	bc_find_ifaces_free(ifaces);
	return r;
}
