/* SPDX-License-Identifier: BSD-3-Clause */
/* The index of segments that were really written: what it says of the file is held against the file. */
#include "chain.h"

#include "bc_index.h"

/* Linked in place of the C library's: out of memory on order, in the indexer's thread. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);

static _Atomic bool memory_fails;

void *__wrap_calloc(size_t n, size_t size)
{
	char name[16] = "";

	if (atomic_load(&memory_fails) && !pthread_getname_np(pthread_self(), name, sizeof(name)) && !strcmp(name, "bc-index"))
		return NULL;
	return __real_calloc(n, size);
}

struct file {
	uint8_t *bytes;
	size_t len;
	struct bc_index_footer footer;
	struct bc_index_part part[64];
};

static uint8_t *load_raw(const char *path, size_t *ret_len)
{
	FILE *f = fopen(path, "r");
	uint8_t *p;

	assert_non_null(f);
	fseek(f, 0, SEEK_END);
	*ret_len = (size_t)ftell(f);
	rewind(f);
	p = malloc(*ret_len + 1);
	assert_int_equal(fread(p, 1, *ret_len, f), *ret_len);
	fclose(f);
	return p;
}

/* 0, or what bc_index_footer_find() says. */
static int open_file(struct file *f, const char *path)
{
	struct bc_err err;
	int r;

	f->bytes = load_raw(path, &f->len);
	r = f->len < BC_INDEX_TAIL ? -ENODATA : bc_index_footer_find(f->bytes + f->len - BC_INDEX_TAIL, BC_INDEX_TAIL, f->len,
								     &f->footer, &err);
	if (r)
		return r;
	assert_true(f->footer.n_parts <= 64);
	if (bc_index_directory(&f->footer, f->bytes + f->footer.directory_at, f->footer.directory_bytes, f->part, &err))
		fail_msg("%s", err.msg);
	return 0;
}

/* The packets of a block of the file, one after the other. */
struct block_reader {
	uint8_t *plain;
	uint32_t len, at;
};

static void open_block(const struct file *f, const struct bc_index_block *b, struct block_reader *r)
{
	size_t consumed;

	assert_true(b->file_at + b->file_len <= f->len);
	*r = (struct block_reader){ .plain = malloc(b->plain_len + 1), .len = b->plain_len };
	if (!f->footer.codec) {
		assert_int_equal(b->file_len, b->plain_len);
		memcpy(r->plain, f->bytes + b->file_at, b->plain_len);
		return;
	}
	assert_int_equal(bc_lz4_plain(f->bytes + b->file_at, b->file_len, r->plain, b->plain_len, &consumed), b->plain_len);
	assert_int_equal(consumed, b->file_len);
}

/* An enhanced packet block, or NULL. */
static const uint8_t *next_packet(struct block_reader *r)
{
	const uint8_t *p = r->plain + r->at;

	while (r->at < r->len && bc_get_le32(p) != BC_PCAPNG_EPB)
		p = r->plain + (r->at += bc_get_le32(p + 4));
	if (r->at >= r->len)
		return NULL;
	r->at += bc_get_le32(p + 4);
	assert_true(r->at <= r->len);
	return p;
}

static uint64_t time_of(const uint8_t *epb)
{
	return (uint64_t)bc_get_le32(epb + 12) << 32 | bc_get_le32(epb + 16);
}

struct part {
	const struct file *file;
	struct bc_index_reader *reader;
	struct bc_index_page **page;
	uint32_t n_pages;
};

static void open_part(struct part *p, const struct file *f, const struct bc_index_part *a)
{
	struct bc_err err;

	p->file = f;
	if (bc_index_part_open(a, f->footer.codec, f->bytes + a->at, f->len - a->at, &p->reader, &err))
		fail_msg("%s", err.msg);
	p->n_pages = bc_index_pages(p->reader);
	p->page = calloc(p->n_pages + 1, sizeof(*p->page));
	for (uint32_t i = 0; i < p->n_pages; i++) {
		p->page[i] = malloc(sizeof(**p->page));
		assert_int_equal(bc_index_page(p->reader, i, p->page[i], &err), 0);
	}
}

static void close_part(struct part *p)
{
	for (uint32_t i = 0; i < p->n_pages; i++)
		free(p->page[i]);
	free(p->page);
	bc_index_part_close(p->reader);
}

static bool agrees(const struct bc_index_pattern *p, const uint8_t *epb)
{
	bool same = p->linktype == 1 && bc_get_le32(epb + 20) >= p->len;

	for (uint32_t i = 0; same && i < p->len; i++)
		same = (epb[28 + i] & p->mask[i]) == p->value[i];
	return same;
}

static bool row_has(const struct part *p, const struct bc_index_page *page, const struct bc_index_row *row, uint32_t block,
		    const uint8_t *epb)
{
	const struct bc_index_template *t = bc_index_templates(p->reader);
	const uint32_t from[2] = { row->from_low, row->from_high };
	uint32_t left = row->n_runs;
	struct bc_index_pattern pattern;
	struct bc_index_run run;
	bool same = false;

	for (int high = 0; high < 2 && !same; high++) {
		if (!from[high])
			continue;
		bc_index_pattern(&t[from[high] - 1], row, high, &pattern);
		same = agrees(&pattern, epb);
	}
	bc_index_run_begin(row, &run);
	while (same && bc_index_run_next(page, &left, &run))
		if (block >= run.first && block < run.first + run.n)
			return true;
	return false;
}

static bool is_in_a_row(const struct part *p, uint32_t block, const uint8_t *epb)
{
	for (uint32_t i = 0; i < p->n_pages; i++)
		for (uint32_t k = 0; k < p->page[i]->n; k++)
			if (row_has(p, p->page[i], &p->page[i]->row[k], block, epb))
				return true;
	return false;
}

/* Each packet of the block is in a row, unless it says that it is not. Returns how many there are. */
static uint32_t check_block(const struct part *p, const struct bc_index_part *a, uint32_t block)
{
	const struct bc_index_block *b = &bc_index_blocks(p->reader)[block];
	uint64_t min_ns = UINT64_MAX, max_ns = 0;
	struct block_reader r;
	const uint8_t *epb;
	uint32_t n = 0;

	if (b->flags & BC_INDEX_BLOCK_PIECES)
		return 0;
	open_block(p->file, b, &r);
	while ((epb = next_packet(&r))) {
		uint64_t ts_ns = time_of(epb);

		min_ns = ts_ns < min_ns ? ts_ns : min_ns;
		max_ns = ts_ns > max_ns ? ts_ns : max_ns;
		assert_true(b->flags & BC_INDEX_BLOCK_UNINDEXED || is_in_a_row(p, block, epb));
		n++;
	}
	free(r.plain);
	assert_int_equal(n, b->packets);
	assert_int_equal(n == 0, (b->flags & BC_INDEX_BLOCK_META) != 0);
	if (n) {
		assert_int_equal(b->min_ns, min_ns);
		assert_int_equal(b->max_ns, max_ns);
		assert_true(min_ns >= a->min_ns && max_ns <= a->max_ns);
	}
	return n;
}

/* Returns how many packets the index knows of, in all parts of a file. */
static uint64_t check_file(const char *path, uint32_t *ret_parts, uint32_t *ret_unindexed)
{
	uint64_t packets = 0, at = 0, plain_at = 0;
	struct file f;

	assert_int_equal(open_file(&f, path), 0);
	for (uint32_t i = 0; i < f.footer.n_parts; i++) {
		const struct bc_index_block *b;
		struct part p;

		open_part(&p, &f, &f.part[i]);
		b = bc_index_blocks(p.reader);
		if (!i)
			at = b[0].file_at;
		for (uint32_t k = 0; k < f.part[i].n_blocks; k++) {
			/* Nothing is between them, in and between the parts, but for pieces behind the last block. */
			assert_int_equal(b[k].file_at, at);
			assert_int_equal(b[k].plain_at, plain_at);
			at += b[k].file_len;
			plain_at += b[k].plain_len;
			packets += check_block(&p, &f.part[i], k);
			*ret_unindexed += b[k].flags & BC_INDEX_BLOCK_UNINDEXED ? 1 : 0;
		}
		close_part(&p);
	}
	assert_int_equal(packets, f.footer.packets);
	assert_int_equal(plain_at, f.footer.plain_bytes);
	*ret_parts += f.footer.n_parts;
	free(f.bytes);
	return packets;
}

static void send_some(struct chain *c, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		chain_send(c, random_below(&c->random, 20) ? 60 + random_below(&c->random, 1400) : 9000);
}

static void the_index_tells_where_every_packet_is(void **state)
{
	for (uint32_t n = 0; n < 8; n++) {
		struct chain *c = chain_new((struct chain_config){
			.lanes = 1 + n % 3, .sources = 2, .codec = n % 2 ? BC_CODEC_LZ4 : BC_CODEC_NONE, .snaplen = n < 4 ? 0 : 200,
			.rotate_bytes = n & 2 ? 300000 : 0, .index = true, .index_part = n & 4 ? 150000 : 0,
			.chunk_bytes = n & 1 ? 262144 : 65536, .buffers = 64, .patience_ns = BC_NS_PER_MS,
		});
		uint32_t parts = 0, unindexed = 0;
		uint64_t packets = 0;

		send_some(c, 1200);
		chain_end(c);
		chain_check_all(c);
		for (uint32_t i = 0; i < c->n_segments; i++)
			packets += check_file(c->segment[i].path, &parts, &unindexed);
		assert_int_equal(packets, 1200);
		assert_int_equal(unindexed, 0);
		assert_true(parts >= c->n_segments + (n == 4 || n == 5));
		assert_int_equal(bc_counter_get(&bc_indexer_stats(c->indexer)->segments), c->n_segments);
		chain_free(c);
	}
}

static void flows_without_room_are_told_by_their_blocks(void **state)
{
	struct chain *c = chain_new((struct chain_config){
		.codec = BC_CODEC_LZ4, .index = true, .index_memory = 4096, .buffers = 64,
	});
	uint32_t parts = 0, unindexed = 0;

	send_some(c, 1000);
	chain_end(c);
	assert_int_equal(check_file(c->segment[0].path, &parts, &unindexed), 1000);
	assert_true(unindexed > 0);
	assert_true(bc_counter_get(&bc_indexer_stats(c->indexer)->unknown) > 0);
	chain_free(c);
}

static void stored_chunks_are_one_block(void **state)
{
	/* Under pressure no notes are taken. */
	struct chain *c = chain_new((struct chain_config){
		.codec = BC_CODEC_LZ4, .index = true, .accelerate = true, .calm_rounds = 20000, .buffers = 16, .chunk_bytes = 262144,
	});
	uint32_t parts = 0, unindexed = 0;

	send_some(c, 3000);
	chain_end(c);
	chain_check_all(c);
	assert_int_equal(check_file(c->segment[0].path, &parts, &unindexed), 3000);
	chain_free(c);
}

static void without_space_for_its_index_a_segment_is_whole_without(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_NONE, .index = true, .buffers = 64 });
	struct file f;

	send_some(c, 500);
	chain_settle(c);
	atomic_store(&c->fault.space, 100);
	chain_end(c);
	chain_check_all(c);
	assert_int_equal(c->n_segments, 1);
	assert_int_equal(c->segment[0].err, 0);
	assert_int_equal(open_file(&f, c->segment[0].path), -ENODATA);
	assert_int_equal(bc_counter_get(&bc_indexer_stats(c->indexer)->dropped), 500);
	free(f.bytes);
	chain_free(c);
}

static void a_segment_that_was_cut_back_has_no_index(void **state)
{
	struct chain *c = chain_new((struct chain_config){
		.codec = BC_CODEC_LZ4, .index = true, .buffers = 64, .settling = true,
	});
	struct file f;

	send_some(c, 200);
	chain_settle(c);
	atomic_store(&c->fault.eio_settle, 1);
	send_some(c, 200);
	chain_settle(c);
	send_some(c, 200);
	chain_end(c);
	assert_true(chain_lost(c, BC_LOSS_DISK_ERROR) > 0);
	assert_int_equal(open_file(&f, c->segment[0].path), -ENODATA);
	free(f.bytes);
	chain_free(c);
}

/* Nor does a capture wait for ever, whose end waits for its index. */
static void without_memory_for_its_index_a_segment_is_whole_without(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .index = true, .index_part = 16384, .buffers = 64 });
	struct file f;

	atomic_store(&memory_fails, true);
	send_some(c, 300);
	chain_end(c);
	atomic_store(&memory_fails, false);
	chain_check_all(c);
	assert_int_equal(open_file(&f, c->segment[0].path), -ENODATA);
	free(f.bytes);
	chain_free(c);
}

static void an_abort_leaves_the_indexer_in_peace(void **state)
{
	struct chain *c = chain_new((struct chain_config){ .codec = BC_CODEC_LZ4, .index = true, .buffers = 64 });

	send_some(c, 300);
	chain_abort(c);
	chain_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_index_tells_where_every_packet_is),
		cmocka_unit_test(flows_without_room_are_told_by_their_blocks),
		cmocka_unit_test(stored_chunks_are_one_block),
		cmocka_unit_test(without_space_for_its_index_a_segment_is_whole_without),
		cmocka_unit_test(a_segment_that_was_cut_back_has_no_index),
		cmocka_unit_test(without_memory_for_its_index_a_segment_is_whole_without),
		cmocka_unit_test(an_abort_leaves_the_indexer_in_peace),
	};

	return cmocka_run_group_tests(tests, chain_begin, NULL);
}
