/* SPDX-License-Identifier: BSD-3-Clause */
/* A flow table as pieces. */
#include <errno.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_flow_order.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

/* A row's bytes at most, without its runs; and those of one run. */
#define ROW_MAX 128U
#define RUN_MAX 6U
#define HOSTS_MAX (BC_INDEX_ROWS_MAX * 8)
#define AHEAD 16U	/* rows whose memory is on its way */

/* Hashes of hosts, each once. */
struct hosts {
	uint64_t *hash;
	uint32_t *slot;		/* 1 + its number; 0: free */
	uint32_t mask;		/* slots less 1, of which there are twice as many as hashes, or more */
	uint32_t n;
};

struct encoder {
	struct bc_flow_table *t;
	struct bc_index_bytes *out;
	uint32_t n_pieces;
	uint8_t *column[ROW_COLUMNS];
	uint32_t len[ROW_COLUMNS];
	uint8_t *plain;
	struct bc_flow_run *run;	/* closed ones, by flow */
	uint32_t *runs_end;	/* of each cell */
	uint32_t rows;		/* in the page that is open */
	const uint8_t *before[2];	/* the addresses of its last row */
	uint8_t addr_len;	/* of its rows */
	struct hosts page_hosts;	/* more than HOSTS_MAX: it has no filter */
	struct hosts hosts;	/* of the part */
};

static int put_page(struct encoder *e, struct bc_page *page)
{
	e->n_pieces++;
	page->plain = e->plain;
	bc_flow_table_pause(e->t);
	return bc_index_put_piece(e->out, e->t->packer, page);
}

static void add_varint(struct encoder *e, uint32_t column, uint64_t v)
{
	uint8_t *at = e->column[column] + e->len[column];

	e->len[column] += (uint32_t)(bc_put_varint(at, v) - at);
}

static void add_bytes(struct encoder *e, uint32_t column, const void *p, uint32_t n)
{
	memcpy(e->column[column] + e->len[column], p, n);
	e->len[column] += n;
}

static int put_blocks(struct encoder *e)
{
	const struct bc_index_block *k = e->t->block, *end = k + e->t->part.n_blocks;
	int r = 0;

	while (k < end && !r) {
		uint32_t n = end - k < BC_BLOCKS_PAGE ? (uint32_t)(end - k) : BC_BLOCKS_PAGE;
		uint64_t before = 0;

		memset(e->len, 0, sizeof(e->len));
		for (uint32_t i = 0; i < n; i++, k++) {
			add_varint(e, BLOCK_FILE_LEN, k->file_len);
			add_varint(e, BLOCK_PLAIN_LEN, k->plain_len);
			add_varint(e, BLOCK_PACKETS, k->packets);
			add_varint(e, BLOCK_FLAGS, k->flags);
			if (!k->packets)
				continue;
			add_varint(e, BLOCK_MIN, bc_zigzag((int64_t)(k->min_ns - before)));
			add_varint(e, BLOCK_SPAN, k->max_ns - k->min_ns);
			before = k->min_ns;
		}
		r = put_page(e, &(struct bc_page){
			.kind = BC_INDEX_BLOCKS, .items = n, .plain_len = bc_index_join(e->plain, e->column, e->len, BLOCK_COLUMNS),
		});
	}
	return r;
}

static uint32_t put_template(uint8_t *p, const struct bc_flow_template *t)
{
	const struct bc_index_head *m = &t->h;

	p[0] = (uint8_t)m->linktype;
	p[1] = (uint8_t)(m->linktype >> 8);
	p[2] = m->len;
	p[3] = m->addr_len;
	p[4] = m->addr_at[0];
	p[5] = m->addr_at[1];
	p[6] = m->port_at;
	p[7] = m->flags_at;
	p[8] = m->proto;
	memcpy(p + BC_TEMPLATE_FIXED, bc_flow_mask(t), m->len);
	memcpy(p + BC_TEMPLATE_FIXED + m->len, bc_flow_value(t), m->len);
	return BC_TEMPLATE_FIXED + 2U * m->len;
}

static int put_templates(struct encoder *e)
{
	const struct bc_flow_table *t = e->t;
	uint32_t i = 0;
	int r = 0;

	while (i < t->n_tmpls && !r) {
		uint32_t n = 0, len = 0;

		for (; i < t->n_tmpls && len + BC_TEMPLATE_FIXED + 2 * BC_TUPLE_MAX <= BC_INDEX_PLAIN_MAX; i++, n++)
			len += put_template(e->plain + len, bc_flow_template(t, i));
		r = put_page(e, &(struct bc_page){ .kind = BC_INDEX_TEMPLATES, .items = n, .plain_len = len });
	}
	return r;
}

static uint32_t slots_for(uint64_t n)
{
	uint32_t slots = 64;

	while (slots < 2 * n)
		slots *= 2;
	return slots;
}

static size_t hosts_bytes(uint64_t n)
{
	return BC_SCRATCH((n + 1) * sizeof(uint64_t)) + BC_SCRATCH(slots_for(n) * sizeof(uint32_t));
}

/* For n of them. */
static void init_hosts(struct bc_flow_table *t, struct hosts *h, uint64_t n)
{
	size_t slots = slots_for(n);

	*h = (struct hosts){
		.hash = bc_flow_table_take(t, (n + 1) * sizeof(*h->hash)), .slot = bc_flow_table_take(t, slots * sizeof(*h->slot)),
		.mask = (uint32_t)slots - 1,
	};
	memset(h->slot, 0, slots * sizeof(*h->slot));
}

static void add_hash(struct hosts *h, uint64_t hash)
{
	uint32_t at = (uint32_t)(hash >> 32) & h->mask;

	for (; h->slot[at]; at = (at + 1) & h->mask)
		if (h->hash[h->slot[at] - 1] == hash)
			return;
	h->hash[h->n++] = hash;
	h->slot[at] = h->n;
}

static void clear_hosts(struct hosts *h)
{
	/* From where each belongs to the next free slot: it is not behind that. */
	for (uint32_t i = 0; i < h->n; i++)
		for (uint32_t at = (uint32_t)(h->hash[i] >> 32) & h->mask; h->slot[at]; at = (at + 1) & h->mask)
			h->slot[at] = 0;
	h->n = 0;
}

/* The hosts' filter. Returns its bytes, max at most; it then says yes more often. */
static uint32_t fill_filter(uint8_t *dst, uint32_t max, const struct hosts *h)
{
	uint64_t want = ((uint64_t)h->n * BC_INDEX_FILTER_BITS + 7) / 8;
	uint32_t bytes = want < max ? (uint32_t)want : max;

	memset(dst, 0, bytes);
	for (uint32_t i = 0; i < h->n; i++)
		bc_index_filter_add(dst, bytes, h->hash[i]);
	return bytes;
}

/* Those of a page join the part's. */
static void join_hosts(struct encoder *e)
{
	const struct hosts *page = &e->page_hosts;

	for (uint32_t i = 0; i < page->n; i++) {
		if (i + AHEAD < page->n)
			__builtin_prefetch(&e->hosts.slot[(uint32_t)(page->hash[i + AHEAD] >> 32) & e->hosts.mask]);
		add_hash(&e->hosts, page->hash[i]);
	}
}

static void add_host(struct encoder *e, uint64_t hash)
{
	add_hash(e->page_hosts.n <= HOSTS_MAX ? &e->page_hosts : &e->hosts, hash);
}

static void add_hosts(struct encoder *e, const struct bc_flow *f, const uint8_t *const addr[2])
{
	for (int i = 0; i < 2 && f->addr_len; i++)
		if (!e->rows || memcmp(e->before[i], addr[i], f->addr_len))
			add_host(e, bc_index_filter_hash(addr[i], f->addr_len));
	for (int i = 0; i < 2; i++) {
		const struct bc_flow_template *m = f->from[i] ? bc_flow_template(e->t, f->from[i] - 1) : NULL;

		for (uint32_t k = 0; m && k < m->n_outer; k++)
			add_host(e, e->t->outer[m->outer_at + k]);
	}
}

/* A filter only where it has all; the part's being opaque is told in the directory. */
static int end_rows(struct encoder *e)
{
	uint8_t filter[HOSTS_MAX * BC_INDEX_FILTER_BITS / 8];
	struct bc_page page = { .kind = BC_INDEX_ROWS, .items = e->rows, .extra = e->addr_len, .lead = filter };

	if (!e->rows)
		return 0;
	if (e->page_hosts.n <= HOSTS_MAX)
		page.lead_len = fill_filter(filter, sizeof(filter), &e->page_hosts);
	join_hosts(e);
	clear_hosts(&e->page_hosts);
	page.plain_len = bc_index_join(e->plain, e->column, e->len, ROW_COLUMNS);
	e->rows = 0;
	memset(e->len, 0, sizeof(e->len));
	return put_page(e, &page);
}

/* How many bytes are as they were in the row before, and the others. */
static void add_address(struct encoder *e, int end, const uint8_t *addr)
{
	uint8_t same = 0;

	while (e->rows && same < e->addr_len && addr[same] == e->before[end][same])
		same++;
	add_bytes(e, end ? ROW_HIGH_SAME : ROW_LOW_SAME, &same, 1);
	add_bytes(e, end ? ROW_HIGH_REST : ROW_LOW_REST, addr + same, (uint32_t)e->addr_len - same);
}

static int64_t units(uint64_t to, uint64_t from)
{
	int64_t d = (int64_t)(to - from), n = d / BC_INDEX_TIME_UNIT;

	return n - (d < 0 && d % BC_INDEX_TIME_UNIT);
}

/* From the beginning of its first block, and to the end of its last one, rounded so that the row has no less than its packets. */
static void add_times(struct encoder *e, const struct bc_flow *f, uint32_t first, uint32_t last)
{
	add_varint(e, ROW_FIRST, bc_zigzag(units(f->first_ns, e->t->block[first].min_ns)));
	add_varint(e, ROW_LAST, bc_zigzag(units(e->t->block[last].max_ns, f->last_ns)));
}

/* Those that are closed, then the open ones; with the times, which count from them. */
static void add_runs(struct encoder *e, const struct bc_flow *f, const struct bc_flow_run *closed)
{
	struct bc_flow_run open[BC_FLOW_OPEN];
	uint32_t n_open = bc_flow_open_runs(f, open), n = f->n_runs + n_open, at = 0;

	add_varint(e, ROW_RUNS, n);
	for (uint32_t i = 0; i < n; i++) {
		const struct bc_flow_run *k = i < f->n_runs ? &closed[i] : &open[i - f->n_runs];

		add_varint(e, ROW_RUN_BYTES, k->first - at);
		add_varint(e, ROW_RUN_BYTES, (uint32_t)k->last - k->first);
		at = k->last + 1U;
	}
	add_times(e, f, f->n_runs ? closed[0].first : open[0].first, open[n_open - 1].last);
}

static const struct bc_flow_run *closed_runs(const struct encoder *e, uint32_t cell)
{
	return e->run + e->runs_end[cell] - e->t->cell[cell].flow.n_runs;
}

static void add_row(struct encoder *e, uint32_t cell)
{
	const struct bc_flow *f = &e->t->cell[cell].flow;
	const uint8_t low[2] = { (uint8_t)(f->port[0] >> 8), (uint8_t)f->port[0] };
	const uint8_t high[2] = { (uint8_t)(f->port[1] >> 8), (uint8_t)f->port[1] };
	const uint8_t *const addr[2] = { bc_flow_addr(e->t, cell, 0), bc_flow_addr(e->t, cell, 1) };

	e->addr_len = f->addr_len;
	add_varint(e, ROW_FROM_LOW, f->from[0]);
	add_varint(e, ROW_FROM_HIGH, f->from[1]);
	add_address(e, 0, addr[0]);
	add_address(e, 1, addr[1]);
	add_bytes(e, ROW_LOW_PORT, low, 2);
	add_bytes(e, ROW_HIGH_PORT, high, 2);
	add_varint(e, ROW_PACKETS, f->packets);
	add_varint(e, ROW_BYTES, f->bytes);
	add_bytes(e, ROW_FLAGS_OR, &f->flags_or, 1);
	add_bytes(e, ROW_FLAGS_AND, &f->flags_and, 1);
	add_runs(e, f, closed_runs(e, cell));
	add_hosts(e, f, addr);
	e->before[0] = addr[0];
	e->before[1] = addr[1];
	e->rows++;
}

static uint32_t page_bytes(const struct encoder *e)
{
	uint32_t n = 4 * ROW_COLUMNS;

	for (uint32_t i = 0; i < ROW_COLUMNS; i++)
		n += e->len[i];
	return n;
}

/* A row will be made of this memory soon. */
static void look_ahead(const struct encoder *e, const struct bc_flow_order *order, uint32_t left)
{
	if (left > AHEAD)
		__builtin_prefetch(&e->t->cell[order[AHEAD].cell]);
	if (left > AHEAD / 2)
		__builtin_prefetch(closed_runs(e, order[AHEAD / 2].cell));
	if (left > AHEAD / 4) {
		const struct bc_flow *f = &e->t->cell[order[AHEAD / 4].cell].flow;

		__builtin_prefetch(&e->t->block[f->n_runs ? closed_runs(e, order[AHEAD / 4].cell)->first : f->base].min_ns);
		__builtin_prefetch(&e->t->block[f->base].max_ns);
	}
}

static int put_rows(struct encoder *e, const struct bc_flow_order *order, uint32_t n)
{
	int r = 0;

	memset(e->len, 0, sizeof(e->len));
	for (uint32_t i = 0; i < n && !r; i++) {
		const struct bc_flow *f = &e->t->cell[order[i].cell].flow;

		look_ahead(e, order + i, n - i);
		if (e->rows == BC_INDEX_ROWS_MAX || (e->rows && e->addr_len != f->addr_len) ||
		    page_bytes(e) + ROW_MAX + (f->n_runs + BC_FLOW_OPEN) * RUN_MAX > BC_INDEX_PLAIN_MAX)
			r = end_rows(e);
		if (!r)
			add_row(e, order[i].cell);
	}
	return r ? r : end_rows(e);
}

/* The log's runs, by flow. */
static void sort_runs(struct encoder *e)
{
	const struct bc_flow_table *t = e->t;
	uint32_t at = 0;

	for (uint32_t cell = 0; cell < t->n_cells; cell += bc_flow_cells(&t->cell[cell].flow)) {
		e->runs_end[cell] = at;
		at += t->cell[cell].flow.n_runs;
	}
	for (uint32_t i = 0; i < t->n_runs; i++) {
		if (i % BC_FLOW_PAUSE_ITEMS == 0)
			bc_flow_table_pause(t);
		e->run[e->runs_end[t->run[i].flow]++] = t->run[i];
	}
}

static int put_filter(struct encoder *e, struct bc_index_bytes *filter)
{
	return bc_index_put_piece(filter, NULL, &(struct bc_page){
		.kind = BC_INDEX_FILTER, .items = e->hosts.n, .plain = e->plain,
		.plain_len = fill_filter(e->plain, BC_INDEX_PLAIN_MAX, &e->hosts),
	});
}

/* For the columns, and for flows: hosts twice, runs, order twice. */
static bool init_encoder(struct encoder *e)
{
	struct bc_flow_table *t = e->t;
	const uint64_t n_hosts = 2ULL * t->n_flows + t->n_outers;

	if (!bc_flow_table_scratch(t, (ROW_COLUMNS + 1) * BC_SCRATCH(BC_INDEX_PLAIN_MAX) + hosts_bytes(HOSTS_MAX + 1) + hosts_bytes(n_hosts) +
				      BC_SCRATCH(t->n_runs * sizeof(*e->run)) + BC_SCRATCH(t->n_cells * sizeof(*e->runs_end)) +
				      2 * BC_SCRATCH(t->n_flows * sizeof(struct bc_flow_order))))
		return false;
	for (uint32_t i = 0; i < ROW_COLUMNS; i++)
		e->column[i] = bc_flow_table_take(t, BC_INDEX_PLAIN_MAX);
	e->plain = bc_flow_table_take(t, BC_INDEX_PLAIN_MAX);
	return true;
}

static int put_flows(struct encoder *e, struct bc_index_bytes *filter)
{
	struct bc_flow_table *t = e->t;
	struct bc_flow_order *order = bc_flow_table_take(t, t->n_flows * sizeof(*order));
	int r;

	bc_flow_order(t, order, bc_flow_table_take(t, t->n_flows * sizeof(*order)));
	init_hosts(t, &e->page_hosts, HOSTS_MAX + 1);
	init_hosts(t, &e->hosts, 2ULL * t->n_flows + t->n_outers);
	e->run = bc_flow_table_take(t, t->n_runs * sizeof(*e->run));
	e->runs_end = bc_flow_table_take(t, t->n_cells * sizeof(*e->runs_end));
	sort_runs(e);
	r = put_templates(e);
	if (!r)
		r = put_rows(e, order, t->n_flows);
	return r ? r : put_filter(e, filter);
}

int bc_flow_table_encode(struct bc_flow_table *t, struct bc_index_bytes *bytes, struct bc_index_bytes *filter,
			 struct bc_index_part *ret)
{
	size_t begin = bytes->len, filter_begin = filter->len;
	struct encoder e = { .t = t, .out = bytes };
	int r = init_encoder(&e) ? put_blocks(&e) : -ENOMEM;

	if (!r && t->flows)
		r = put_flows(&e, filter);
	t->part.bytes = (uint32_t)(bytes->len - begin);
	t->part.n_pieces = e.n_pieces;
	t->part.filter_bytes = (uint32_t)(filter->len - filter_begin);
	t->part.n_templates = t->n_tmpls;
	t->part.n_rows = t->n_flows;
	*ret = t->part;
	return r;
}
