/* SPDX-License-Identifier: BSD-3-Clause */
/* A flow table as pieces. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_flow_table_priv.h"
#include "bc_index_filter.h"
#include "bc_index_priv.h"

/* A row's bytes at most, without its runs. */
#define ROW_MAX 128U
#define HOSTS_MAX (BC_INDEX_ROWS_MAX * 8)

struct order {
	uint64_t key;		/* the beginning of what rows are sorted by */
	uint32_t flow;
};

struct encoder {
	struct bc_flow_table *t;
	struct bc_index_bytes *out;
	uint32_t n_pieces;
	uint8_t *memory;	/* of the columns */
	uint8_t *column[ROW_COLUMNS];
	uint32_t len[ROW_COLUMNS];
	uint8_t *plain;
	uint8_t *runs;		/* of one flow */
	uint32_t rows;		/* in the page that is open */
	const struct bc_flow *before;	/* its last row */
	uint64_t host[HOSTS_MAX];	/* of the page, as hashes; more: it has no filter */
	uint32_t n_hosts;
};

static int put_page(struct encoder *e, struct bc_page *page)
{
	e->n_pieces++;
	page->plain = e->plain;
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

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorted, each once; returns how many. */
static uint32_t distinct(uint64_t *hash, uint32_t n)
{
	uint32_t kept = 0;

	qsort(hash, n, sizeof(*hash), by_hash);
	for (uint32_t i = 0; i < n; i++)
		if (!kept || hash[kept - 1] != hash[i])
			hash[kept++] = hash[i];
	return kept;
}

/* The filter of n hosts, which are different. Returns its bytes, max at most; it then says yes more often. */
static uint32_t fill_filter(uint8_t *dst, uint32_t max, const uint64_t *hash, uint32_t n)
{
	uint64_t want = ((uint64_t)n * BC_INDEX_FILTER_BITS + 7) / 8;
	uint32_t bytes = want < max ? (uint32_t)want : max;

	memset(dst, 0, bytes);
	for (uint32_t i = 0; i < n; i++)
		bc_index_filter_add(dst, bytes, hash[i]);
	return bytes;
}

static void add_host(struct encoder *e, uint64_t hash)
{
	if (e->n_hosts < HOSTS_MAX)
		e->host[e->n_hosts++] = hash;
}

static void add_hosts(struct encoder *e, const struct bc_flow *f)
{
	for (int i = 0; i < 2 && f->addr_len; i++)
		if (!i || !e->before || memcmp(e->before->addr[i], f->addr[i], sizeof(f->addr[i])))
			add_host(e, bc_index_filter_hash(f->addr[i], f->addr_len));
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
	uint32_t n = e->n_hosts < HOSTS_MAX ? distinct(e->host, e->n_hosts) : 0;
	struct bc_page page = {
		.kind = BC_INDEX_ROWS, .items = e->rows, .lead = filter, .lead_len = fill_filter(filter, sizeof(filter), e->host, n),
	};

	if (!e->rows)
		return 0;
	page.extra = e->before->addr_len;
	page.plain_len = bc_index_join(e->plain, e->column, e->len, ROW_COLUMNS);
	e->rows = e->n_hosts = 0;
	e->before = NULL;
	memset(e->len, 0, sizeof(e->len));
	return put_page(e, &page);
}

/* How many bytes are as they were in the row before, and the others. */
static void add_address(struct encoder *e, const struct bc_flow *f, int end)
{
	const uint8_t *addr = f->addr[end], *before = e->before ? e->before->addr[end] : NULL;
	uint8_t same = 0;

	while (before && same < f->addr_len && addr[same] == before[same])
		same++;
	add_bytes(e, end ? ROW_HIGH_SAME : ROW_LOW_SAME, &same, 1);
	add_bytes(e, end ? ROW_HIGH_REST : ROW_LOW_REST, addr + same, (uint32_t)f->addr_len - same);
}

static int64_t units(uint64_t to, uint64_t from)
{
	int64_t d = (int64_t)(to - from), n = d / BC_INDEX_TIME_UNIT;

	return n - (d < 0 && d % BC_INDEX_TIME_UNIT);
}

/* From the beginning of its first block, and to the end of its last one, rounded so that the row has no less than its packets. */
static void add_times(struct encoder *e, const struct bc_flow *f, const uint8_t *runs)
{
	const uint8_t *end = runs + BC_VARINT_MAX;
	uint64_t first = f->run_first;

	if (f->n_runs)
		bc_take_varint(&runs, end, &first);
	add_varint(e, ROW_FIRST, bc_zigzag(units(f->first_ns, e->t->block[first].min_ns)));
	add_varint(e, ROW_LAST, bc_zigzag(units(e->t->block[f->run_last].max_ns, f->last_ns)));
}

static void add_row(struct encoder *e, const struct bc_flow *f, uint32_t runs_len, uint32_t n_runs)
{
	const uint8_t low[2] = { (uint8_t)(f->port[0] >> 8), (uint8_t)f->port[0] };
	const uint8_t high[2] = { (uint8_t)(f->port[1] >> 8), (uint8_t)f->port[1] };

	add_varint(e, ROW_FROM_LOW, f->from[0]);
	add_varint(e, ROW_FROM_HIGH, f->from[1]);
	add_address(e, f, 0);
	add_address(e, f, 1);
	add_bytes(e, ROW_LOW_PORT, low, 2);
	add_bytes(e, ROW_HIGH_PORT, high, 2);
	add_times(e, f, e->runs);
	add_varint(e, ROW_PACKETS, f->packets);
	add_varint(e, ROW_BYTES, f->bytes);
	add_bytes(e, ROW_FLAGS_OR, &f->flags_or, 1);
	add_bytes(e, ROW_FLAGS_AND, &f->flags_and, 1);
	add_varint(e, ROW_RUNS, n_runs);
	add_bytes(e, ROW_RUN_BYTES, e->runs, runs_len);
	add_hosts(e, f);
	e->before = f;
	e->rows++;
}

static uint32_t page_bytes(const struct encoder *e)
{
	uint32_t n = 4 * ROW_COLUMNS;

	for (uint32_t i = 0; i < ROW_COLUMNS; i++)
		n += e->len[i];
	return n;
}

static int put_rows(struct encoder *e, const struct order *order, uint32_t n)
{
	int r = 0;

	memset(e->len, 0, sizeof(e->len));
	for (uint32_t i = 0; i < n && !r; i++) {
		const struct bc_flow *f = &e->t->flow[order[i].flow];
		uint32_t n_runs, len = bc_flow_runs(e->t, f, e->runs, &n_runs);

		if (e->rows == BC_INDEX_ROWS_MAX || (e->before && e->before->addr_len != f->addr_len) ||
		    page_bytes(e) + len + ROW_MAX > BC_INDEX_PLAIN_MAX)
			r = end_rows(e);
		if (!r)
			add_row(e, f, len, n_runs);
	}
	return r ? r : end_rows(e);
}

static int by_ends(const void *a, const void *b, void *ctx)
{
	const struct order *x = a, *y = b;
	const struct bc_flow *f = (const struct bc_flow *)ctx + x->flow, *g = (const struct bc_flow *)ctx + y->flow;
	int d;

	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	if (f->addr_len != g->addr_len)
		return f->addr_len < g->addr_len ? -1 : 1;
	d = memcmp(f->addr, g->addr, sizeof(f->addr));
	return d ? d : memcmp(f->port, g->port, sizeof(f->port));
}

/* By the kind of addresses, then low, then high. */
static void sort_flows(const struct bc_flow_table *t, struct order *order)
{
	for (uint32_t i = 0; i < t->n_flows; i++) {
		const struct bc_flow *f = &t->flow[i];

		order[i].flow = i;
		if (f->addr_len == 4)
			order[i].key = (uint64_t)bc_get_be32(f->addr[0]) << 30 | bc_get_be32(f->addr[1]) >> 2 | 1ULL << 62;
		else
			order[i].key = f->addr_len ? bc_get_be64(f->addr[0]) >> 2 | 2ULL << 62 : 0;
	}
	qsort_r(order, t->n_flows, sizeof(*order), by_ends, t->flow);
}

static int put_filter(struct encoder *e, const struct order *order, struct bc_index_bytes *filter)
{
	const struct bc_flow_table *t = e->t;
	uint64_t *hash = malloc((2ULL * t->n_flows + t->n_outers + 1) * sizeof(*hash));
	const struct bc_flow *before = NULL;
	uint32_t n = 0;
	int r;

	if (!hash)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->n_flows; i++) {
		const struct bc_flow *f = &t->flow[order[i].flow];

		if (!f->addr_len)
			continue;
		if (!before || memcmp(before->addr[0], f->addr[0], sizeof(f->addr[0])))
			hash[n++] = bc_index_filter_hash(f->addr[0], f->addr_len);
		if (!before || memcmp(before->addr, f->addr, sizeof(f->addr)))
			hash[n++] = bc_index_filter_hash(f->addr[1], f->addr_len);
		before = f;
	}
	memcpy(hash + n, t->outer, t->n_outers * sizeof(*hash));
	n = distinct(hash, n + t->n_outers);
	r = bc_index_put_piece(filter, NULL, &(struct bc_page){
		.kind = BC_INDEX_FILTER, .items = n, .plain = e->plain, .plain_len = fill_filter(e->plain, BC_INDEX_PLAIN_MAX, hash, n),
	});
	free(hash);
	return r;
}

static int new_encoder(struct encoder **ret)
{
	struct encoder *e = calloc(1, sizeof(*e));

	if (!e)
		return -ENOMEM;
	e->memory = malloc((ROW_COLUMNS + 3) * (size_t)BC_INDEX_PLAIN_MAX);
	if (!e->memory) {
		free(e);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < ROW_COLUMNS; i++)
		e->column[i] = e->memory + i * (size_t)BC_INDEX_PLAIN_MAX;
	e->plain = e->memory + ROW_COLUMNS * (size_t)BC_INDEX_PLAIN_MAX;
	e->runs = e->plain + BC_INDEX_PLAIN_MAX;
	*ret = e;
	return 0;
}

static int encode_flows(struct encoder *e, struct bc_index_bytes *filter)
{
	struct bc_flow_table *t = e->t;
	struct order *order = malloc((t->n_flows + 1ULL) * sizeof(*order));
	int r;

	if (!order)
		return -ENOMEM;
	sort_flows(t, order);
	r = put_templates(e);
	if (!r)
		r = put_rows(e, order, t->n_flows);
	if (!r)
		r = put_filter(e, order, filter);
	free(order);
	return r;
}

int bc_flow_table_encode(struct bc_flow_table *t, struct bc_index_bytes *bytes, struct bc_index_bytes *filter,
			 struct bc_index_part *ret)
{
	size_t begin = bytes->len, filter_begin = filter->len;
	struct encoder *e;
	int r = new_encoder(&e);

	if (r)
		return r;
	e->t = t;
	e->out = bytes;
	r = put_blocks(e);
	if (!r && t->flows)
		r = encode_flows(e, filter);
	t->part.bytes = (uint32_t)(bytes->len - begin);
	t->part.n_pieces = e->n_pieces;
	t->part.filter_bytes = (uint32_t)(filter->len - filter_begin);
	t->part.n_templates = t->n_tmpls;
	t->part.n_rows = t->n_flows;
	*ret = t->part;
	free(e->memory);
	free(e);
	return r;
}
