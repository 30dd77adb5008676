/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_find_hosts.h"
#include "bc_index.h"
#include "bc_partial.h"

/* One link type's program. Few segments have more than one or two. */
#define MOST_LINKTYPES 16U
/* A part of the index must fit into memory. */
#define PART_MOST (512U * 1024 * 1024)

struct program {
	uint16_t linktype;
	enum bc_partial_answer always;	/* without a program: what it says of each packet */
	struct bc_partial *partial;
};

struct planner {
	struct bc_blob *blob;
	struct bc_find_ifaces *ifaces;
	uint64_t from_ns, to_ns;
	bc_find_row each;
	void *ctx;
	struct bc_find_plan *plan;
	struct bc_err *err;
	struct bc_index_footer footer;
	struct bc_index_part *parts;
	struct program program[MOST_LINKTYPES];
	uint32_t n_programs;
	struct bc_index_page *page;
	uint64_t packets, plain_bytes;	/* of all blocks */
	bool hosts_decide;		/* where none of the hosts is that the program asks for, nothing matches */
};

void bc_find_plan_free(struct bc_find_plan *p)
{
	free(p->block);
	*p = (struct bc_find_plan){ .way = BC_FIND_WHOLE };
}

static int damaged(struct planner *p, const char *what)
{
	return bc_err_set(p->err, -EBADMSG, "the index is damaged: %s", what);
}

/* All len bytes at `at`. */
static int read_at(struct planner *p, void *to, size_t len, uint64_t at)
{
	ptrdiff_t n = bc_blob_read(p->blob, to, len, at, p->err);

	p->plan->index_bytes += len;
	if (n < 0)
		return bc_err_prefix(p->err, (int)n, "the index");
	return (size_t)n < len ? damaged(p, "the file ends before it") : 0;
}

static int read_directory(struct planner *p)
{
	const struct bc_index_footer *f = &p->footer;
	uint8_t *bytes = malloc(f->directory_bytes);
	int r = -ENOMEM;

	p->parts = calloc(f->n_parts + 1, sizeof(*p->parts));
	if (bytes && p->parts)
		r = read_at(p, bytes, f->directory_bytes, f->directory_at);
	else
		bc_err_set(p->err, r, "no memory for an index");
	if (!r)
		r = bc_index_directory(f, bytes, f->directory_bytes, p->parts, p->err);
	free(bytes);
	return r;
}

static int read_footer(struct planner *p)
{
	uint8_t tail[BC_INDEX_TAIL];
	const uint64_t bytes = p->blob->bytes;
	size_t len = bytes < sizeof(tail) ? bytes : sizeof(tail);
	int r = read_at(p, tail, len, bytes - len);

	return r ? r : bc_index_footer_find(tail, len, bytes, &p->footer, p->err);
}

/* A part or a segment with packets from min_ns to max_ns; without a time at its beginning it may have any. */
static bool is_the_time(const struct planner *p, uint64_t min_ns, uint64_t max_ns)
{
	return !min_ns || (max_ns >= p->from_ns && min_ns < p->to_ns);
}

/* The program for a link type; NULL: no memory, or there are too many of them. */
static struct program *program_of(struct planner *p, uint16_t linktype)
{
	struct program *g = p->program;
	const struct bc_filter *filter;
	bool unfit;

	for (; g < p->program + p->n_programs; g++)
		if (g->linktype == linktype)
			return g;
	if (p->n_programs == MOST_LINKTYPES || bc_find_ifaces_ask(p->ifaces, linktype, &filter, &unfit))
		return NULL;
	*g = (struct program){ .linktype = linktype, .always = unfit ? BC_PARTIAL_NO : BC_PARTIAL_YES };
	if (!unfit && filter) {
		g->partial = bc_partial_new(bc_filter_code(filter));
		if (!g->partial)
			return NULL;
	}
	p->n_programs++;
	return g;
}

/* What bc_partial asks of a packet's bytes. */
struct asking {
	const struct bc_find_shape *shape;
	const struct bc_find_hosts *hosts;
};

static bool may_be(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	const struct asking *a = ctx;

	return bc_find_shape_may_be(a->shape, a->hosts, at, bytes, len);
}

static enum bc_partial_answer ask(struct planner *p, uint16_t linktype, const struct bc_partial_packet *is)
{
	struct program *g = program_of(p, linktype);

	if (!g)
		return BC_PARTIAL_PERHAPS;
	return g->partial ? bc_partial_run(g->partial, is) : g->always;
}

static struct bc_partial_packet packet_of(const struct bc_index_pattern *pattern)
{
	return (struct bc_partial_packet){
		.value = pattern->value, .known = pattern->mask, .len = pattern->len, .caplen_min = pattern->len, .caplen_max = UINT32_MAX,
		.wirelen_max = UINT32_MAX,
	};
}

/* Of packets in one direction of a row. */
static enum bc_partial_answer ask_row(struct planner *p, const struct bc_index_pattern *pattern, const struct bc_index_row *row)
{
	struct bc_partial_packet is = packet_of(pattern);

	if (row->packets == 1 && row->bytes <= UINT32_MAX)
		is.wirelen_min = is.wirelen_max = (uint32_t)row->bytes;
	return ask(p, pattern->linktype, &is);
}

/* Of packets of a shape with hosts of a set. */
static enum bc_partial_answer ask_shape(struct planner *p, const struct bc_find_shape *shape, const struct bc_find_hosts *hosts)
{
	struct asking asking = { shape, hosts };
	struct bc_partial_packet is = packet_of(&shape->pattern);

	is.may_be = may_be;
	is.ctx = &asking;
	is.caplen_max = shape->empty ? 0 : UINT32_MAX;
	return ask(p, shape->pattern.linktype, &is);
}

static bool holds_none(void *ctx, const uint8_t *addr, size_t len)
{
	return false;
}

static const struct bc_find_hosts nobody = { .may_hold = holds_none };

struct shapes {
	struct planner *p;
	const struct bc_find_hosts *hosts;
};

static bool may_match(void *ctx, const struct bc_find_shape *shape)
{
	const struct shapes *s = ctx;

	return ask_shape(s->p, shape, s->hosts) != BC_PARTIAL_NO;
}

/* Of any packets with hosts of a set. */
static bool any_may_match(struct planner *p, const struct bc_find_hosts *hosts)
{
	return bc_find_shapes(may_match, &(struct shapes){ p, hosts });
}

static bool filter_may_hold(void *ctx, const uint8_t *addr, size_t len)
{
	return bc_index_filter_may_hold(ctx, addr, len);
}

/* 1: a packet of the part may match, as far as its filter of hosts tells; 0: none; or a negative errno. */
static int ask_filter(struct planner *p, const struct bc_index_part *dir)
{
	struct bc_index_piece piece;
	uint8_t *bytes;
	int r;

	if (!p->hosts_decide || !dir->filter_bytes || dir->n_unindexed || dir->flags & (BC_INDEX_PART_OPAQUE | BC_INDEX_PART_TIME_ONLY))
		return 1;
	bytes = malloc(dir->filter_bytes);
	r = bytes ? read_at(p, bytes, dir->filter_bytes, dir->filter_at) : bc_err_set(p->err, -ENOMEM, "no memory for an index");
	if (!r)
		r = bc_index_piece_open(bytes, dir->filter_bytes, &piece, p->err);
	if (!r)
		r = any_may_match(p, &(struct bc_find_hosts){ filter_may_hold, &piece });
	free(bytes);
	return r;
}

/* The part's wanted blocks, a bit each. */
struct part {
	const struct bc_index_part *dir;
	struct bc_index_reader *reader;
	uint8_t *bytes;
	uint8_t *answer;	/* of each template alone */
	uint64_t *wanted;
	bool hosts_decide;	/* pages without a host that was asked for have no row that is wanted */
	struct bc_find_asked asked;
};

static bool row_is_wanted(struct planner *p, const struct part *a, const struct bc_index_row *row)
{
	const struct bc_index_template *t = bc_index_templates(a->reader);

	if (row->last_ns < p->from_ns || row->first_ns >= p->to_ns)
		return false;
	for (int high = 0; high < 2; high++) {
		uint32_t i = high ? row->from_high : row->from_low;
		struct bc_index_pattern pattern;

		if (!i || a->answer[i - 1] == BC_PARTIAL_NO)
			continue;
		if (a->answer[i - 1] == BC_PARTIAL_YES)
			return true;
		bc_index_pattern(&t[i - 1], row, high, &pattern);
		if (ask_row(p, &pattern, row) != BC_PARTIAL_NO)
			return true;
	}
	return false;
}

static void want_blocks(const struct part *a, const struct bc_index_page *page, const struct bc_index_row *row)
{
	uint32_t left = row->n_runs;
	struct bc_index_run run;

	bc_index_run_begin(row, &run);
	while (bc_index_run_next(page, &left, &run))
		for (uint32_t i = run.first; i < run.first + run.n && i < a->dir->n_blocks; i++)
			a->wanted[i / 64] |= 1ULL << i % 64;
}

/* The rows of p->page. */
static int ask_page(struct planner *p, struct part *a)
{
	int r = 0;

	for (uint32_t k = 0; !r && k < p->page->n; k++) {
		const struct bc_index_row *row = &p->page->row[k];

		if (!row_is_wanted(p, a, row))
			continue;
		p->plan->rows_wanted++;
		want_blocks(a, p->page, row);
		r = p->each ? p->each(p->ctx, row, bc_index_templates(a->reader)) : 0;
	}
	return r ? bc_err_set(p->err, r, "too many flows: ask for fewer") : 0;
}

static bool page_is_wanted(const struct part *a, uint32_t page)
{
	for (uint32_t i = 0; i < a->asked.n; i++)
		if (bc_index_page_may_hold(a->reader, page, a->asked.host[i].addr, a->asked.host[i].len))
			return true;
	return !a->hosts_decide;
}

static int ask_rows(struct planner *p, struct part *a)
{
	uint32_t pages = bc_index_pages(a->reader);
	int r = 0;

	for (uint32_t i = 0; !r && i < pages; i++) {
		if (!page_is_wanted(a, i))
			continue;
		r = bc_index_page(a->reader, i, p->page, p->err);
		if (!r)
			r = ask_page(p, a);
	}
	return r;
}

/* What templates say without their rows, and which hosts it depends on. False: no row can match. */
static bool ask_templates(struct planner *p, struct part *a)
{
	const struct bc_index_template *t = bc_index_templates(a->reader);
	const struct bc_find_hosts all = { bc_find_asked_add, &a->asked };
	bool some = false, without = false;

	for (uint32_t i = 0; i < a->dir->n_templates; i++) {
		struct bc_find_shape shape;

		bc_find_shape_of(&t[i], &shape);
		a->answer[i] = (uint8_t)ask_shape(p, &shape, &all);
		some |= a->answer[i] != BC_PARTIAL_NO;
		without = without || ask_shape(p, &shape, &nobody) != BC_PARTIAL_NO;
	}
	a->hosts_decide = !without && !a->asked.is_full;
	return some;
}

static int add_block(struct planner *p, const struct bc_index_block *b)
{
	struct bc_find_plan *plan = p->plan;

	if (plan->n == plan->cap) {
		uint32_t cap = plan->cap ? 2 * plan->cap : 256;
		struct bc_find_block *grown = realloc(plan->block, cap * sizeof(*grown));

		if (!grown)
			return bc_err_set(p->err, -ENOMEM, "no memory for a plan");
		plan->block = grown;
		plan->cap = cap;
	}
	plan->block[plan->n++] = (struct bc_find_block){ .at = b->file_at, .len = b->file_len, .plain_len = b->plain_len };
	plan->bytes += b->file_len;
	return 0;
}

/* Of the part's blocks those that are wanted, or cannot be judged, or have what is needed to read the others. */
static int take_blocks(struct planner *p, const struct part *a)
{
	const struct bc_index_block *b = bc_index_blocks(a->reader);
	int r = 0;

	for (uint32_t i = 0; !r && i < a->dir->n_blocks; i++, b++) {
		const bool asked = b->flags & BC_INDEX_BLOCK_UNINDEXED || a->wanted[i / 64] >> i % 64 & 1;
		const bool wanted = asked && b->max_ns >= p->from_ns && b->min_ns < p->to_ns;

		if (b->flags & BC_INDEX_BLOCK_NO_TIME && !p->each)
			return bc_err_set(p->err, -ENODATA, "it has packets without a time");
		p->packets += b->packets;
		p->plain_bytes += b->plain_len;
		p->plan->blocks += b->packets > 0;
		p->plan->blocks_wanted += wanted && b->packets;
		if (b->plain_len && (wanted || b->flags & BC_INDEX_BLOCK_META))
			r = add_block(p, b);
	}
	return r;
}

static int open_part(struct planner *p, struct part *a)
{
	uint64_t len = bc_index_part_bytes(a->dir, p->footer.codec);
	int r;

	if (len > PART_MOST)
		return damaged(p, "a part is larger than this program makes them");
	a->bytes = malloc(len);
	a->answer = calloc(a->dir->n_templates + 1, 1);
	a->wanted = calloc(a->dir->n_blocks / 64 + 1, sizeof(*a->wanted));
	if (!a->bytes || !a->answer || !a->wanted)
		return bc_err_set(p->err, -ENOMEM, "no memory for an index");
	r = read_at(p, a->bytes, len, a->dir->at);
	return r ? r : bc_index_part_open(a->dir, p->footer.codec, a->bytes, len, &a->reader, p->err);
}

/* The segment's header is in its first part, which is opened in any case once another is. */
static int plan_part(struct planner *p, const struct bc_index_part *dir, bool wanted)
{
	struct part a = { .dir = dir };
	int r = open_part(p, &a);

	if (!r && wanted && ask_templates(p, &a))
		r = ask_rows(p, &a);
	if (!r)
		r = take_blocks(p, &a);
	bc_index_part_close(a.reader);
	free(a.bytes);
	free(a.answer);
	free(a.wanted);
	return r;
}

/* Which parts may have a packet that is wanted, as far as the directory and filters tell; returns whether one has, or a negative errno. */
static int choose_parts(struct planner *p, bool *ret_wanted)
{
	uint64_t packets = 0;
	int some = 0;

	p->plan->parts = p->footer.n_parts;
	p->hosts_decide = !any_may_match(p, &nobody);
	for (uint32_t i = 0; i < p->footer.n_parts; i++) {
		const struct bc_index_part *dir = &p->parts[i];
		bool time = is_the_time(p, dir->min_ns, dir->max_ns);
		int r = time ? ask_filter(p, dir) : 0;

		if (r < 0)
			return r;
		ret_wanted[i] = r;
		some |= r;
		packets += dir->packets;
		p->plan->parts_by_time += !time;
		p->plan->parts_by_hosts += time && !r;
		p->plan->rows += time ? dir->n_rows : 0;
		p->plan->blocks_unindexed += time ? dir->n_unindexed : 0;
	}
	return packets == p->footer.packets ? some : damaged(p, "it does not tell of all that is in the file");
}

static int read_parts(struct planner *p, const bool *wanted)
{
	int r = 0;

	p->page = malloc(sizeof(*p->page));
	if (!p->page)
		return bc_err_set(p->err, -ENOMEM, "no memory for an index");
	for (uint32_t i = 0; !r && i < p->footer.n_parts; i++)
		r = plan_part(p, &p->parts[i], wanted[i]);
	if (!r && (p->packets != p->footer.packets || p->plain_bytes != p->footer.plain_bytes))
		r = damaged(p, "it does not tell of all that is in the file");
	return r;
}

static int plan_parts(struct planner *p)
{
	bool wanted[BC_INDEX_PARTS_MAX];
	int r = choose_parts(p, wanted);

	if (r > 0)
		r = read_parts(p, wanted);
	if (!r)
		p->plan->way = p->plan->blocks_wanted ? BC_FIND_BLOCKS : BC_FIND_NOT_THE_FLOWS;
	return r;
}

/* -ENODATA: there is none that can be used. */
static int make(struct planner *p)
{
	int r = read_footer(p);

	if (r)
		return r;
	p->plan->packed = p->footer.codec != 0;
	if (!is_the_time(p, p->footer.min_ns, p->footer.max_ns)) {
		p->plan->way = BC_FIND_NOT_THE_TIME;
		return 0;
	}
	r = read_directory(p);
	return r ? r : plan_parts(p);
}

int bc_find_plan_make(struct bc_blob *blob, struct bc_find_ifaces *ifaces, uint64_t from_ns, uint64_t to_ns, bc_find_row each,
		      void *ctx, struct bc_find_plan *ret, struct bc_err *err)
{
	struct planner p = {
		.blob = blob, .ifaces = ifaces, .from_ns = from_ns, .to_ns = to_ns, .each = each, .ctx = ctx, .plan = ret, .err = err,
	};
	int r;

	*ret = (struct bc_find_plan){ .way = BC_FIND_WHOLE };
	r = make(&p);
	for (uint32_t i = 0; i < p.n_programs; i++)
		bc_partial_free(p.program[i].partial);
	free(p.parts);
	free(p.page);
	if (r) {
		uint64_t index_bytes = ret->index_bytes;

		bc_find_plan_free(ret);
		ret->index_bytes = index_bytes;
		ret->damaged = r == -EBADMSG;
	}
	return r == -ENODATA ? 0 : r;
}
