/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_counter.h"
#include "bc_depot.h"
#include "bc_find_input.h"
#include "bc_find_list.h"
#include "bc_find_order.h"

/* Counters are the run's thread's. */
struct bc_find {
	struct bc_find_config cfg;
	struct bc_find_shared shared;
	struct bc_find_list list;
	struct bc_find_order *order;
	const struct bc_find_iface **first;	/* of the output, from the beginning */
	uint32_t n_first;
	_Atomic(struct bc_find_writer *) writer;
	_Atomic bool stop;		/* as asked for; the shared one is also set at the end */
	_Atomic bool limited;
	_Atomic uint32_t listed, looked, segments, left_out, bad;
	bc_counter_t bytes, packets, packet_bytes, first_ns, last_ns;
};

int bc_find_new(const struct bc_find_config *cfg, struct bc_find **ret, struct bc_err *err)
{
	struct bc_find *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory for a search");
	f->cfg = *cfg;
	f->shared.from_ns = cfg->from_ns;
	f->shared.to_ns = cfg->to_ns;
	f->shared.no_index = cfg->no_index;
	f->shared.depot = cfg->depot;
	f->shared.log = cfg->log;
	f->list.log = cfg->log;
	f->list.no_index = cfg->no_index;
	f->list.depot = cfg->depot;
	f->list.from_ns = cfg->from_ns;
	f->list.to_ns = cfg->to_ns;
	r = bc_find_ifaces_new(cfg->expression, &f->shared.ifaces, err);
	if (r) {
		free(f);
		return r;
	}
	*ret = f;
	return 0;
}

void bc_find_free(struct bc_find *f)
{
	if (!f)
		return;
	bc_depot_stop(f->cfg.depot);
	bc_find_order_free(f->order);
	bc_find_writer_free(atomic_load(&f->writer));
	bc_find_ifaces_free(f->shared.ifaces);
	bc_find_list_free(&f->list);
	free(f->first);
	free(f);
}

void bc_find_stop(struct bc_find *f)
{
	atomic_store_explicit(&f->stop, true, memory_order_relaxed);
	atomic_store_explicit(&f->shared.stop, true, memory_order_relaxed);
	bc_depot_stop(f->cfg.depot);
}

void bc_find_cancel(struct bc_find *f)
{
	struct bc_find_writer *w = atomic_load_explicit(&f->writer, memory_order_acquire);

	bc_find_stop(f);
	if (w)
		bc_find_writer_cancel(w);
}

void bc_find_get_progress(const struct bc_find *f, struct bc_find_progress *ret)
{
	const struct bc_find_writer *w = atomic_load_explicit(&f->writer, memory_order_acquire);

	*ret = (struct bc_find_progress){
		.listed = f->listed, .looked = f->looked, .segments = f->segments, .left_out = f->left_out,
		.bytes = bc_counter_get(&f->bytes), .read_bytes = f->shared.read_bytes, .read_packets = f->shared.read_packets,
		.done_bytes = f->shared.done_bytes, .bad_index = f->shared.bad_index, .rows = f->shared.rows,
		.rows_wanted = f->shared.rows_wanted,
		.packets = bc_counter_get(&f->packets), .packet_bytes = bc_counter_get(&f->packet_bytes),
		.unparsed = w ? bc_find_writer_unparsed(w) : 0, .first_ns = bc_counter_get(&f->first_ns), .last_ns = bc_counter_get(&f->last_ns),
		.damaged = f->bad + f->shared.damaged, .limited = f->limited, .stopped = f->stop,
	};
	for (int i = 0; i < BC_FIND_WAYS; i++)
		ret->way[i] = f->shared.way[i];
}

static int list_segments(struct bc_find *f, struct bc_err *err)
{
	uint64_t bytes = 0;
	int r = 0;

	for (uint32_t i = 0; !r && i < f->cfg.n_paths; i++) {
		r = bc_find_list_add(&f->list, f->cfg.paths[i], err);
		/* What is wrong with a local path is the user's. */
		if (r && r != -ENOMEM && !bc_depot_is_name(f->cfg.paths[i]))
			r = -EINVAL;
	}
	if (r && r != -ECANCELED)
		return r;
	f->listed = f->list.n;
	r = bc_find_list_look(&f->list, &f->looked, &f->shared.stop);
	f->left_out = f->list.left_out;
	f->bad = f->list.bad;
	f->segments = f->list.n;
	for (uint32_t i = 0; i < f->list.n; i++)
		bytes += f->list.at[i].bytes;
	bc_counter_set(&f->bytes, bytes);
	return r == -ECANCELED ? 0 : r;
}

/* Takes an interface of the file that is first in time. */
static int take_first(struct bc_find *f, const struct bc_iface *desc, uint32_t nth, struct bc_err *err)
{
	const struct bc_find_iface **grown = realloc(f->first, (f->n_first + 1) * sizeof(*grown));
	int r;

	if (!grown)
		return bc_err_set(err, -ENOMEM, "no memory for interfaces");
	f->first = grown;
	r = bc_find_ifaces_add(f->shared.ifaces, desc, nth, &f->first[f->n_first], err);
	f->n_first += !r;
	return r;
}

/*
 * The interfaces that the first packet's file describes before it: the output has them, even if nothing is found.
 * Without a file, one of Ethernet stands for them.
 */
static int take_first_ifaces(struct bc_find *f, struct bc_err *err)
{
	const struct bc_iface ethernet = { .linktype = 1, .stamp = BC_STAMP_FILE };
	struct bc_find_input *in = NULL;
	struct bc_record rec;
	int r = -ENOENT;

	for (uint32_t i = 0; r == -ENOENT && i < f->list.n; i++)
		r = bc_find_input_open(f->cfg.depot, f->list.at[i].path, BC_FIND_GLANCE, &in, err);
	if (r == -ENOENT)
		return take_first(f, &ethernet, 0, err);
	/* It was looked at before: what is wrong with it now is told where it is read. */
	if (r == 0)
		bc_find_input_next(in, &rec, NULL);
	for (uint32_t i = 0; r == 0 && i < bc_find_input_ifaces(in); i++)
		r = take_first(f, bc_find_input_iface(in, i), bc_find_nth_alike(in, i), err);
	bc_find_input_close(in);
	return r;
}

/* Whom the expression cannot be asked of at all refuses it. */
static int check_expression(const struct bc_find *f, struct bc_err *err)
{
	bool fit = !f->n_first;

	for (uint32_t i = 0; i < f->n_first; i++)
		fit |= !f->first[i]->unfit;
	return fit ? 0 : bc_find_ifaces_refusal(f->shared.ifaces, err);
}

static int open_writer(struct bc_find *f, struct bc_err *err)
{
	struct bc_find_writer *w;
	int r = bc_find_writer_new(&f->cfg.dest, f->cfg.expression, f->cfg.log, f->cfg.written, f->cfg.ctx, &w, err);

	if (r)
		return r == -ENOMEM ? r : -EINVAL;
	atomic_store_explicit(&f->writer, w, memory_order_release);
	for (uint32_t i = 0; !r && i < f->n_first; i++)
		r = bc_find_writer_describe(w, f->first[i], err);
	return r;
}

static void count(struct bc_find *f, const struct bc_find_packet *p)
{
	if (!bc_counter_get(&f->packets))
		bc_counter_set(&f->first_ns, p->ts_ns);
	bc_counter_set(&f->last_ns, p->ts_ns);
	bc_counter_add(&f->packets, 1);
	bc_counter_add(&f->packet_bytes, p->caplen);
}

/* Does p go beyond a limit? */
static bool is_too_much(const struct bc_find *f, const struct bc_find_packet *p)
{
	return f->cfg.limit_bytes && bc_counter_get(&f->packet_bytes) + p->caplen > f->cfg.limit_bytes;
}

/* Is there no need to look for another one? */
static bool is_enough(const struct bc_find *f)
{
	return (f->cfg.limit_packets && bc_counter_get(&f->packets) >= f->cfg.limit_packets) ||
	       (f->cfg.limit_file_bytes && bc_find_writer_bytes(f->writer) >= f->cfg.limit_file_bytes);
}

/* What is given out next into the output: a packet, or what stands beside it. */
static int copy_one(struct bc_find *f, const struct bc_find_packet *p, const uint8_t *data, struct bc_err *err)
{
	int r;

	if (!p->iface) {
		bc_find_writer_keep(f->writer, p, data);
		return 0;
	}
	f->limited = is_too_much(f, p);
	if (f->limited)
		return 0;
	r = bc_find_writer_put(f->writer, p, data, err);
	if (!r)
		count(f, p);
	f->limited = is_enough(f);
	return r;
}

static int copy(struct bc_find *f, struct bc_err *err)
{
	const struct bc_find_packet *p;
	const uint8_t *data;
	int r = 0;

	while (!r && !f->limited) {
		if (!bc_find_order_ready(f->order))
			r = bc_find_writer_flush(f->writer, err);
		p = r ? NULL : bc_find_order_next(f->order, &data);
		if (!p)
			break;
		r = copy_one(f, p, data, err);
	}
	return r;
}

/* Said once: some of what was read cannot be asked. */
static void tell_unfit(const struct bc_find *f)
{
	uint32_t n = f->shared.unfit;

	if (n)
		bc_log(f->cfg.log, BC_WARN, "of %u interfaces the link type is none that the expression can be asked of: their packets are left "
		       "out", n);
}

int bc_find_run(struct bc_find *f, struct bc_err *err)
{
	struct bc_err ended;
	int r = list_segments(f, err), e;

	if (!r)
		r = take_first_ifaces(f, err);
	if (!r)
		r = check_expression(f, err);
	if (!r)
		r = open_writer(f, err);
	if (!r)
		r = bc_find_order_new(&f->list, &f->shared, f->cfg.threads, &f->order, err);
	if (r)
		return r;
	r = copy(f, err);
	tell_unfit(f);
	e = bc_find_writer_end(f->writer, &ended);
	if (r == -EPIPE || r == -ECANCELED) {
		f->stop = true;
		return 0;
	}
	if (!r && e)
		*err = ended;
	return r ? r : e;
}

/* What is read of it. */
static uint64_t to_read(const struct bc_find_segment *s, const struct bc_find_plan *p)
{
	return p->way == BC_FIND_WHOLE ? s->bytes : p->way == BC_FIND_BLOCKS ? p->bytes : 0;
}

static void add_up(struct bc_find_sums *sums, const struct bc_find_segment *s, const struct bc_find_plan *p)
{
	sums->segments[p->way]++;
	sums->bytes[p->way] += s->bytes;
	sums->to_read += to_read(s, p);
	sums->index_bytes += p->index_bytes;
	sums->rows += p->rows;
	sums->rows_wanted += p->rows_wanted;
	sums->blocks += p->blocks;
	sums->blocks_wanted += p->blocks_wanted;
	sums->damaged += p->damaged;
}

int bc_find_explain(struct bc_find *f, bc_find_explained each, void *ctx, struct bc_find_sums *ret, struct bc_err *err)
{
	int r = list_segments(f, err);

	*ret = (struct bc_find_sums){ .to_read = 0 };
	if (!r)
		r = take_first_ifaces(f, err);
	if (!r)
		r = check_expression(f, err);
	for (uint32_t i = 0; !r && i < f->list.n && !f->shared.stop; i++) {
		const struct bc_find_segment *s = &f->list.at[i];
		struct bc_find_input *in;
		struct bc_find_plan plan;
		struct bc_err why;

		if (bc_find_input_open(f->cfg.depot, s->path, BC_FIND_GLANCE, &in, &why))
			continue;
		if (bc_find_input_plan(in, f->shared.ifaces, f->cfg.from_ns, f->cfg.to_ns, &plan, &why))
			bc_log(f->cfg.log, BC_WARN, "%s: all of it would be read", why.msg);
		add_up(ret, s, &plan);
		if (each)
			each(ctx, s, &plan);
		bc_find_input_close(in);
	}
	return r;
}
