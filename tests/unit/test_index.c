/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_flow_table.h"
#include "bc_index_filter.h"
#include "index_packet.h"

#define ETHERNET 1
#define LZ4 1

static struct random r = { 7 };

/* Packets in blocks, and the part that was made of them. */
struct capture {
	struct packet *packet;
	uint64_t *ts_ns;
	uint32_t n, per_block;
	struct bc_flow_table *table;
	struct bc_index_bytes bytes, filter;
	struct bc_index_part part;
	uint8_t *file;		/* the pieces as they lie in a file of LZ4, from part.at on */
	struct bc_index_reader *reader;
	struct bc_index_page *page;
};

/* With what LZ4 puts between them. */
static void lay_out(struct capture *c)
{
	uint32_t from = 0, to = 0;

	c->file = malloc(bc_index_part_bytes(&c->part, LZ4));
	while (from < c->bytes.len) {
		struct bc_index_piece k;

		assert_int_equal(bc_index_piece_open(c->bytes.p + from, c->bytes.len - from, &k, NULL), 0);
		memcpy(c->file + to, c->bytes.p + from, k.total);
		from += k.total;
		to += k.total + (from < c->bytes.len ? 8 : 0);
	}
	assert_int_equal(to, bc_index_part_bytes(&c->part, LZ4));
}

static void add(struct bc_flow_table *t, const struct packet *p, uint64_t ts_ns, uint32_t wire_len)
{
	uint32_t len = bc_tuple_bytes(ETHERNET, p->data, p->len);

	bc_flow_table_packets(t, &(struct bc_flow_packets){
		.data = p->data, .first_ns = ts_ns, .last_ns = ts_ns, .bytes = wire_len, .packets = 1,
		.first_block = bc_flow_table_blocks(t) - 1, .blocks = 1, .linktype = ETHERNET, .len = (uint8_t)len, .cut = len < p->len,
	}, 1);
}

static void add_packets(struct capture *c)
{
	uint64_t ts_ns = 1000000000000000000;

	for (uint32_t i = 0; i < c->n; i++) {
		ts_ns += random_below(&r, 2000000);
		c->ts_ns[i] = ts_ns - (random_below(&r, 50) ? 0 : 90000000);
	}
	for (uint32_t i = 0; i < c->n; i++) {
		if (i % c->per_block == 0) {
			uint32_t n = c->n - i < c->per_block ? c->n - i : c->per_block;
			struct bc_index_block b = { .file_len = 1000 + i, .plain_len = 3000 + i, .packets = n, .min_ns = UINT64_MAX };

			for (uint32_t k = i; k < i + n; k++) {
				b.min_ns = c->ts_ns[k] < b.min_ns ? c->ts_ns[k] : b.min_ns;
				b.max_ns = c->ts_ns[k] > b.max_ns ? c->ts_ns[k] : b.max_ns;
			}
			bc_flow_table_block(c->table, &b);
		}
		packet_any(&c->packet[i], &r);
		add(c->table, &c->packet[i], c->ts_ns[i], 1000);
	}
}

static void open_part(struct capture *c)
{
	assert_int_equal(bc_flow_table_encode(c->table, &c->bytes, &c->filter, &c->part), 0);
	c->part.at = 1000000000;
	lay_out(c);
	assert_int_equal(bc_index_part_open(&c->part, LZ4, c->file, bc_index_part_bytes(&c->part, LZ4), &c->reader, NULL), 0);
}

static void open_capture(struct capture *c, uint32_t n, uint32_t per_block, size_t memory)
{
	*c = (struct capture){ .n = n, .per_block = per_block };
	c->packet = calloc(n, sizeof(*c->packet));
	c->ts_ns = calloc(n, sizeof(*c->ts_ns));
	c->page = malloc(sizeof(*c->page));
	c->table = bc_flow_table_new(memory, true);
	bc_flow_table_begin(c->table, 777, 555);
	add_packets(c);
	open_part(c);
}

static void close_capture(struct capture *c)
{
	bc_index_part_close(c->reader);
	bc_flow_table_free(c->table);
	bc_flow_table_free(NULL);
	free(c->bytes.p);
	free(c->filter.p);
	free(c->file);
	free(c->packet);
	free(c->ts_ns);
	free(c->page);
}

static bool agrees(const struct bc_index_pattern *p, const struct packet *k)
{
	bool same = p->linktype == ETHERNET && k->len >= p->len;

	for (uint32_t i = 0; same && i < p->len; i++)
		same = (k->data[i] & p->mask[i]) == p->value[i];
	return same;
}

static bool has_block(const struct bc_index_page *page, const struct bc_index_row *row, uint32_t block)
{
	uint32_t left = row->n_runs;
	struct bc_index_run run;

	bc_index_run_begin(row, &run);
	while (bc_index_run_next(page, &left, &run))
		if (block >= run.first && block < run.first + run.n)
			return true;
	return false;
}

/* Is the packet one of the row's, in one of its directions, in its time and blocks? */
static bool stands_for(const struct capture *c, const struct bc_index_row *row, uint32_t i)
{
	const struct bc_index_template *t = bc_index_templates(c->reader);
	struct bc_index_pattern p;
	bool found = false;

	if (!has_block(c->page, row, i / c->per_block) || c->ts_ns[i] < row->first_ns || c->ts_ns[i] > row->last_ns)
		return false;
	for (int high = 0; high < 2 && !found; high++) {
		uint32_t from = high ? row->from_high : row->from_low;

		if (!from)
			continue;
		bc_index_pattern(&t[from - 1], row, high, &p);
		found = agrees(&p, &c->packet[i]);
	}
	return found;
}

static void every_packet_is_in_a_row_that_agrees_with_it(void **state)
{
	struct capture c;
	uint64_t packets = 0;
	uint8_t *found;

	open_capture(&c, 6000, 70, 16 << 20);
	found = calloc(c.n, 1);
	assert_int_equal(bc_flow_table_skipped(c.table), 0);
	for (uint32_t i = 0; i < bc_index_pages(c.reader); i++) {
		assert_int_equal(bc_index_page(c.reader, i, c.page, NULL), 0);
		for (uint32_t k = 0; k < c.page->n; k++) {
			packets += c.page->row[k].packets;
			assert_int_equal(c.page->row[k].bytes, 1000 * c.page->row[k].packets);
			for (uint32_t p = 0; p < c.n; p++)
				if (!found[p] && stands_for(&c, &c.page->row[k], p))
					found[p] = 1;
		}
	}
	for (uint32_t p = 0; p < c.n; p++)
		assert_true(found[p]);
	assert_int_equal(packets, c.n);
	free(found);
	close_capture(&c);
}

static void blocks_lie_one_behind_the_other_with_their_times(void **state)
{
	const struct bc_index_block *b;
	struct capture c;

	/* More than one piece of them. */
	open_capture(&c, 9000, 2, 16 << 20);
	b = bc_index_blocks(c.reader);
	assert_int_equal(c.part.n_blocks, 4500);
	assert_int_equal(b[0].file_at, 777);
	assert_int_equal(b[0].plain_at, 555);
	for (uint32_t i = 0; i < 4500; i++) {
		uint64_t a = c.ts_ns[2 * i], z = c.ts_ns[2 * i + 1];

		if (i)
			assert_int_equal(b[i].file_at, b[i - 1].file_at + b[i - 1].file_len);
		assert_int_equal(b[i].file_len, 1000 + i * 2);
		assert_int_equal(b[i].packets, 2);
		assert_int_equal(b[i].min_ns, a < z ? a : z);
		assert_int_equal(b[i].max_ns, a < z ? z : a);
	}
	close_capture(&c);
}

static void without_room_a_block_is_unindexed(void **state)
{
	const struct bc_index_block *b;
	struct capture c;
	uint32_t unindexed = 0;

	open_capture(&c, 20000, 70, 100000);
	assert_true(bc_flow_table_skipped(c.table) > 0);
	b = bc_index_blocks(c.reader);
	for (uint32_t i = 0; i < c.part.n_blocks; i++)
		unindexed += b[i].flags & BC_INDEX_BLOCK_UNINDEXED ? 1 : 0;
	assert_true(unindexed > 0);
	assert_int_equal(unindexed, c.part.n_unindexed);
	close_capture(&c);
}

static void the_filters_have_every_host(void **state)
{
	struct bc_index_piece filter;
	struct capture c;
	uint32_t wrong = 0;

	open_capture(&c, 20000, 70, 16 << 20);
	assert_int_equal(c.filter.len, c.part.filter_bytes);
	assert_int_equal(bc_index_piece_open(c.filter.p, c.filter.len, &filter, NULL), 0);
	for (uint8_t i = 0; i < 5; i++)
		assert_true(bc_index_filter_may_hold(&filter, (uint8_t[]){ 10, 0, 1, (uint8_t)(44 + i) }, 4));
	for (uint32_t i = 0; i < bc_index_pages(c.reader); i++) {
		assert_int_equal(bc_index_page(c.reader, i, c.page, NULL), 0);
		for (uint32_t k = 0; k < c.page->n; k++) {
			const struct bc_index_row *row = &c.page->row[k];

			if (!row->addr_len)
				continue;
			assert_true(bc_index_filter_may_hold(&filter, row->low, row->addr_len));
			assert_true(bc_index_page_may_hold(c.reader, i, row->high, row->addr_len));
		}
	}
	for (uint32_t i = 0; i < 1000; i++)
		wrong += bc_index_filter_may_hold(&filter, (uint8_t[]){ 11, 0, (uint8_t)(i >> 8), (uint8_t)i }, 4);
	assert_true(wrong < 50);
	close_capture(&c);
}

static void both_directions_are_one_row(void **state)
{
	const uint8_t flags[] = { 0x02, 0x12, 0x10 };
	struct capture c = { .n = 0 };

	c.table = bc_flow_table_new(1 << 20, true);
	c.page = malloc(sizeof(*c.page));
	bc_flow_table_block(c.table, &(struct bc_index_block){ .file_len = 9, .packets = 3, .min_ns = 5, .max_ns = 7 });
	for (uint32_t i = 0; i < 3; i++) {
		struct packet p = { .len = 0 };

		packet_ether(&p, i % 2, !(i % 2), 0x0800);
		packet_ip4(&p, 1 + i % 2, 2 - i % 2, 6, &r);
		packet_tcp(&p, i % 2 ? 1025 : 80, i % 2 ? 80 : 1025, flags[i], &r);
		add(c.table, &p, 5 + i, 60);
	}
	open_part(&c);
	assert_int_equal(c.part.n_rows, 1);
	assert_int_equal(c.part.n_templates, 2);
	assert_int_equal(bc_index_page(c.reader, 0, c.page, NULL), 0);
	assert_true(c.page->row[0].from_low && c.page->row[0].from_high);
	assert_int_equal(c.page->row[0].packets, 3);
	assert_int_equal(c.page->row[0].low_port, 80);
	assert_int_equal(c.page->row[0].flags_or, 0x12);
	assert_int_equal(c.page->row[0].flags_and, 0);
	assert_memory_equal(c.page->row[0].low, ((uint8_t[]){ 10, 0, 0, 1 }), 4);
	close_capture(&c);
}

static void a_flipped_bit_is_found(void **state)
{
	struct bc_index_reader *reader;
	struct capture c;
	size_t len;

	open_capture(&c, 2000, 70, 16 << 20);
	len = bc_index_part_bytes(&c.part, LZ4);
	for (uint32_t i = 0; i < 3000; i++) {
		size_t at = random_below(&r, (uint32_t)len);
		uint8_t bit = (uint8_t)(1 << random_below(&r, 8));

		c.file[at] ^= bit;
		if (!bc_index_part_open(&c.part, LZ4, c.file, len, &reader, NULL)) {
			/* Then it was in what is between the pieces, in padding, or in the length that ends a block. */
			for (uint32_t k = 0; k < bc_index_pages(reader); k++)
				assert_int_equal(bc_index_page(reader, k, c.page, NULL), 0);
			assert_int_equal(bc_index_pages(reader), bc_index_pages(c.reader));
			bc_index_part_close(reader);
		}
		c.file[at] ^= bit;
	}
	close_capture(&c);
}

static void footer_and_directory_come_back(void **state)
{
	struct bc_index_part parts[3], back[3];
	struct bc_index_bytes bytes = { .p = NULL };
	struct bc_index_footer f, g;
	uint8_t tail[BC_INDEX_TAIL + 100] = { 0 };
	struct bc_err err;

	for (uint32_t i = 0; i < 3; i++)
		parts[i] = (struct bc_index_part){
			.at = 5000 + 10000 * i, .bytes = 900, .n_pieces = 4, .blocks_at = 100 + 10000 * i, .plain_at = 7 * i,
			.min_ns = 4, .max_ns = 5, .packets = 6, .n_blocks = 7, .n_templates = 8, .n_rows = 9, .n_unindexed = 1,
			.flags = BC_INDEX_PART_OPAQUE, .filter_bytes = 100, .filter_at = 40000 + 100 * i,
		};
	assert_int_equal(bc_index_put_directory(&bytes, parts, 3), 0);
	f = (struct bc_index_footer){
		.at = 60000, .directory_at = 50000, .directory_bytes = (uint32_t)bytes.len, .n_parts = 3, .codec = LZ4,
		.first_ns = 1, .min_ns = 2, .max_ns = 3, .packets = 4, .plain_bytes = 5,
	};
	bc_index_put_footer(tail + 100, &f);
	assert_int_equal(bc_index_footer_find(tail, sizeof(tail), 60000 + BC_INDEX_TAIL, &g, &err), 0);
	assert_memory_equal(&f, &g, sizeof(f));
	assert_int_equal(bc_index_directory(&g, bytes.p, bytes.len, back, &err), 0);
	assert_memory_equal(parts, back, sizeof(parts));
	/* Behind other bytes it tells of another file. */
	assert_int_equal(bc_index_footer_find(tail, sizeof(tail), 60001 + BC_INDEX_TAIL, &g, &err), -EBADMSG);
	tail[150] ^= 1;
	assert_int_equal(bc_index_footer_find(tail, sizeof(tail), 60000 + BC_INDEX_TAIL, &g, &err), -EBADMSG);
	assert_int_equal(bc_index_footer_find(tail, 100, 60000, &g, &err), -ENODATA);
	free(bytes.p);
}

static void time_only_has_blocks_and_no_rows(void **state)
{
	struct capture c = { .n = 0 };

	c.table = bc_flow_table_new(1 << 20, false);
	bc_flow_table_block(c.table, &(struct bc_index_block){ .file_len = 7, .flags = BC_INDEX_BLOCK_META });
	bc_flow_table_block(c.table, &(struct bc_index_block){ .file_len = 9, .packets = 3, .min_ns = 5, .max_ns = 7 });
	open_part(&c);
	assert_int_equal(c.part.flags, BC_INDEX_PART_TIME_ONLY);
	assert_int_equal(c.part.n_unindexed, 1);
	assert_int_equal(c.part.filter_bytes, 0);
	assert_int_equal(bc_index_blocks(c.reader)[1].file_at, 7);
	assert_int_equal(bc_index_pages(c.reader), 0);
	close_capture(&c);
}

static uint8_t *load(const char *name, size_t *ret_len)
{
	char path[4096];
	uint8_t *p;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", getenv("BC_GOLDEN"), name);
	f = fopen(path, "r");
	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*ret_len = (size_t)ftell(f);
	rewind(f);
	p = malloc(*ret_len);
	assert_int_equal(fread(p, 1, *ret_len, f), *ret_len);
	fclose(f);
	return p;
}

/* Whatever later versions write, files of this one stay readable. */
static void an_index_of_version_1_is_read(void **state)
{
	uint64_t packets = 0, bytes = 0, late_ns = 0;
	struct bc_index_page *page = malloc(sizeof(*page));
	struct bc_index_reader *reader;
	struct bc_index_footer f;
	struct bc_index_part a;
	size_t len;
	uint8_t *file = load("index-v1.pcapng.lz4", &len);

	assert_int_equal(bc_index_footer_find(file, len, len, &f, NULL), 0);
	assert_int_equal(f.packets, 300);
	assert_int_equal(f.n_parts, 1);
	assert_int_equal(bc_index_directory(&f, file + f.directory_at, f.directory_bytes, &a, NULL), 0);
	assert_true(a.n_rows == 279 && a.n_templates == 217 && a.n_blocks == 7 && a.flags == BC_INDEX_PART_OPAQUE);
	assert_int_equal(bc_index_part_open(&a, f.codec, file + a.at, len - a.at, &reader, NULL), 0);
	for (uint32_t i = 0; i < bc_index_pages(reader); i++) {
		assert_int_equal(bc_index_page(reader, i, page, NULL), 0);
		for (uint32_t k = 0; k < page->n; k++) {
			packets += page->row[k].packets;
			bytes += page->row[k].bytes;
			late_ns += page->row[k].first_ns - f.first_ns;
		}
	}
	assert_int_equal(packets, 300);
	assert_int_equal(bytes, 34167);
	assert_int_equal(late_ns, 40499000000);
	bc_index_part_close(reader);
	free(page);
	free(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_packet_is_in_a_row_that_agrees_with_it),
		cmocka_unit_test(blocks_lie_one_behind_the_other_with_their_times),
		cmocka_unit_test(without_room_a_block_is_unindexed),
		cmocka_unit_test(the_filters_have_every_host),
		cmocka_unit_test(both_directions_are_one_row),
		cmocka_unit_test(a_flipped_bit_is_found),
		cmocka_unit_test(footer_and_directory_come_back),
		cmocka_unit_test(time_only_has_blocks_and_no_rows),
		cmocka_unit_test(an_index_of_version_1_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
