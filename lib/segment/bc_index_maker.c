/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_index_maker.h"

#include <errno.h>
#include <stdlib.h>

#include "bc_index_parts.h"

#define PART_BYTES (1ULL << 30)

struct bc_index_maker {
	bool flows;
	struct bc_flow_table *table;
	uint64_t file_at, plain_at;
	struct bc_index_bytes pieces[BC_INDEX_PARTS_MAX], filters[BC_INDEX_PARTS_MAX];
	struct bc_index_part part[BC_INDEX_PARTS_MAX];
	uint32_t n_parts;
	struct bc_index_parts parts;
	struct bc_index_footer footer;
	struct bc_index_made made;
	bc_index_write write;
	void *ctx;
};

struct bc_index_maker *bc_index_maker_new(size_t memory, bool flows, uint32_t codec)
{
	struct bc_index_maker *m = calloc(1, sizeof(*m));

	if (!m)
		return NULL;
	m->flows = flows;
	m->parts.codec = codec;
	m->table = bc_flow_table_new(memory, flows);
	if (!m->table) {
		free(m);
		return NULL;
	}
	return m;
}

void bc_index_maker_free(struct bc_index_maker *m)
{
	if (!m)
		return;
	for (uint32_t i = 0; i < m->n_parts; i++) {
		free(m->pieces[i].p);
		free(m->filters[i].p);
	}
	bc_index_parts_fini(&m->parts);
	bc_flow_table_free(m->table);
	free(m);
}

void bc_index_maker_begin(struct bc_index_maker *m, uint64_t file_at)
{
	m->file_at = file_at;
	bc_flow_table_begin(m->table, file_at, 0);
}

static int end_part(struct bc_index_maker *m)
{
	uint32_t i = m->n_parts;
	int r;

	if (!bc_flow_table_blocks(m->table))
		return 0;
	if (i == BC_INDEX_PARTS_MAX)
		return -E2BIG;
	r = bc_flow_table_encode(m->table, &m->pieces[i], &m->filters[i], &m->part[i]);
	m->n_parts++;
	bc_flow_table_begin(m->table, m->file_at, m->plain_at);
	return r;
}

static bool part_is_full(const struct bc_index_maker *m, uint32_t plain_len)
{
	const uint64_t bytes = bc_flow_table_plain_bytes(m->table);

	return bc_flow_table_blocks(m->table) == BC_INDEX_BLOCKS_MAX || bytes + plain_len > PART_BYTES ||
	       (bc_flow_table_tight(m->table) && bytes > PART_BYTES / 4);
}

static void fill_block(struct bc_index_maker *m, struct bc_index_block *b, const struct bc_flow_packets *packet, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		uint64_t ts_ns = packet[i].first_ns;

		b->min_ns = !i || ts_ns < b->min_ns ? ts_ns : b->min_ns;
		b->max_ns = ts_ns > b->max_ns ? ts_ns : b->max_ns;
	}
	b->packets = n;
	if (n && !m->footer.packets)
		m->footer.first_ns = packet[0].first_ns;
	m->footer.packets += n;
}

int bc_index_maker_block(struct bc_index_maker *m, struct bc_index_block *b, struct bc_flow_packets *packet, uint32_t n)
{
	int r = part_is_full(m, b->plain_len) ? end_part(m) : 0;

	if (r)
		return r;
	fill_block(m, b, packet, n);
	bc_flow_table_block(m->table, b);
	for (uint32_t i = 0; i < n; i++)
		packet[i].first_block = bc_flow_table_blocks(m->table) - 1;
	for (uint32_t i = 0; m->flows && i < n; i += BC_FLOW_BATCH)
		bc_flow_table_packets(m->table, packet + i, n - i < BC_FLOW_BATCH ? n - i : BC_FLOW_BATCH);
	m->file_at += b->file_len;
	m->plain_at += b->plain_len;
	return 0;
}

void bc_index_maker_skip(struct bc_index_maker *m, uint64_t bytes)
{
	m->file_at += bytes;
}

static int put(struct bc_index_maker *m, const uint8_t *data, size_t len)
{
	int r = m->write(m->ctx, data, len);

	m->file_at += r ? 0 : len;
	m->made.index_bytes += r ? 0 : len;
	return r;
}

static int put_footer(struct bc_index_maker *m)
{
	uint8_t footer[BC_INDEX_FOOTER_FRAMED];

	m->footer.plain_bytes = m->plain_at;
	return put(m, footer, bc_index_parts_footer(&m->parts, &m->footer, m->file_at, footer));
}

/* The pieces' own bytes, without what LZ4 puts around each. */
static uint64_t bytes_of_pieces(const struct bc_index_maker *m)
{
	uint64_t n = BC_INDEX_FOOTER_SIZE + m->footer.directory_bytes;

	for (uint32_t i = 0; i < m->parts.n; i++)
		n += m->parts.part[i].bytes + m->parts.part[i].filter_bytes;
	return n;
}

int bc_index_maker_end(struct bc_index_maker *m, bc_index_write write, void *ctx)
{
	int r = end_part(m);

	m->write = write;
	m->ctx = ctx;
	for (uint32_t i = 0; i < m->n_parts && !r; i++) {
		r = bc_index_parts_add(&m->parts, &m->part[i], &m->pieces[i], &m->filters[i], m->file_at);
		m->filters[i].p = NULL;
		if (!r)
			r = put(m, m->parts.out.p, m->parts.out.len);
	}
	if (!r)
		r = bc_index_parts_directory(&m->parts, m->file_at, &m->footer);
	if (!r)
		r = put(m, m->parts.out.p, m->parts.out.len);
	if (!r)
		r = put_footer(m);
	m->made.packets = m->footer.packets;
	m->made.skipped = bc_flow_table_skipped(m->table);
	m->made.plain_bytes = m->plain_at + bytes_of_pieces(m);
	return r;
}

struct bc_index_made bc_index_maker_made(const struct bc_index_maker *m)
{
	return m->made;
}
