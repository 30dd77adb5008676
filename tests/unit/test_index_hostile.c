/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An index whose checksums are right, and that lies: each of its parts is made honestly and read, and then with one thing that cannot be,
 * which is refused.
 */
#include "bc_test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_index.h"
#include "bc_index_piece.h"
#include "bc_index_priv.h"
#include "bc_index_subject.h"

#define TEMPLATE_LEN 42U

struct column {
	uint8_t bytes[64];
	uint32_t len;
};

/* A part: two blocks, a template, a row. */
struct content {
	struct bc_index_part part;
	uint32_t blocks, templates, rows;	/* that its pieces say they have */
	struct column block[BLOCK_COLUMNS], row[ROW_COLUMNS];
	uint32_t block_columns, row_columns;	/* fewer: the others are left out */
	uint32_t surplus;			/* bytes behind the last column of blocks */
	uint8_t template[256];
	uint32_t template_len;
	uint8_t kind_of_templates, addr_len;
	uint32_t short_by;			/* bytes that are not there */
};

static void put(struct column *c, uint64_t v)
{
	c->len = (uint32_t)(bc_put_varint(c->bytes + c->len, v) - c->bytes);
}

static void set(struct column *c, uint64_t v)
{
	c->len = 0;
	put(c, v);
}

static void set_bytes(struct column *c, const char *bytes, uint32_t len)
{
	memcpy(c->bytes, bytes, len);
	c->len = len;
}

/* A number of more than 64 bits, or one that never ends. */
static void set_endless(struct column *c, uint8_t last)
{
	memset(c->bytes, 0xff, 9);
	c->bytes[9] = last;
	c->len = 10;
}

static void fill_template(struct content *c)
{
	const uint8_t fixed[] = { 1, 0, TEMPLATE_LEN, 4, 26, 30, 34, 0, 17 };

	memcpy(c->template, fixed, sizeof(fixed));
	c->template_len = BC_TEMPLATE_FIXED + 2 * TEMPLATE_LEN;
	c->kind_of_templates = BC_INDEX_TEMPLATES;
	c->templates = 1;
}

static void fill_row(struct content *c)
{
	struct column *r = c->row;

	c->rows = 1;
	c->row_columns = ROW_COLUMNS;
	c->addr_len = 4;
	set(&r[ROW_FROM_LOW], 1);
	set(&r[ROW_FROM_HIGH], 0);
	set_bytes(&r[ROW_LOW_SAME], "\0", 1);
	set_bytes(&r[ROW_LOW_REST], "\x0a\0\0\1", 4);
	set_bytes(&r[ROW_HIGH_SAME], "\0", 1);
	set_bytes(&r[ROW_HIGH_REST], "\x0a\0\0\2", 4);
	set_bytes(&r[ROW_LOW_PORT], "\0\x35", 2);
	set_bytes(&r[ROW_HIGH_PORT], "\1\2", 2);
	set(&r[ROW_FIRST], 0);
	set(&r[ROW_LAST], 0);
	set(&r[ROW_PACKETS], 5);
	set(&r[ROW_BYTES], 500);
	set_bytes(&r[ROW_FLAGS_OR], "\0", 1);
	set_bytes(&r[ROW_FLAGS_AND], "\0", 1);
	set(&r[ROW_RUNS], 1);
	set(&r[ROW_RUN_BYTES], 0);
	put(&r[ROW_RUN_BYTES], 1);
}

static struct content honest(void)
{
	static const uint64_t numbers[BLOCK_COLUMNS][2] = {
		[BLOCK_FILE_LEN] = { 100, 200 }, [BLOCK_PLAIN_LEN] = { 100, 200 }, [BLOCK_PACKETS] = { 3, 2 }, [BLOCK_MIN] = { 2000, 20 },
		[BLOCK_SPAN] = { 5, 5 },
	};
	struct content c = { .blocks = 2, .block_columns = BLOCK_COLUMNS };

	c.part = (struct bc_index_part){ .at = 400, .min_ns = 1000, .max_ns = 1015, .packets = 5, .n_blocks = 2, .n_templates = 1, .n_rows = 1, .n_pieces = 3 };
	for (int i = 0; i < BLOCK_COLUMNS; i++)
		for (int k = 0; k < 2; k++)
			put(&c.block[i], numbers[i][k]);
	fill_template(&c);
	fill_row(&c);
	return c;
}

static void add_piece(struct bc_index_bytes *b, uint8_t kind, uint8_t extra, uint32_t items, const uint8_t *plain, uint32_t len)
{
	assert_int_equal(bc_index_put_piece(b, NULL, &(struct bc_page){ .kind = kind, .extra = extra, .items = items, .plain = plain, .plain_len = len }), 0);
}

static void add_columns(struct bc_index_bytes *b, uint8_t kind, uint8_t extra, uint32_t items, struct column *column, uint32_t n, uint32_t surplus)
{
	static uint8_t plain[BC_INDEX_PLAIN_MAX];
	uint8_t *at[ROW_COLUMNS];
	uint32_t len[ROW_COLUMNS];

	for (uint32_t i = 0; i < n; i++) {
		at[i] = column[i].bytes;
		len[i] = column[i].len;
	}
	add_piece(b, kind, extra, items, plain, bc_index_join(plain, at, len, n) + surplus);
}

/* Opens it and reads its page: 0, or what refused it. */
static int read_part(struct content *c)
{
	struct bc_index_bytes b = { .p = NULL };
	struct bc_index_reader *r = NULL;
	struct bc_index_page *page = malloc(sizeof(*page));
	struct bc_err err = { .msg = "" };
	uint8_t *exact;
	int rc;

	add_columns(&b, BC_INDEX_BLOCKS, 0, c->blocks, c->block, c->block_columns, c->surplus);
	add_piece(&b, c->kind_of_templates, 0, c->templates, c->template, c->template_len);
	add_columns(&b, BC_INDEX_ROWS, c->addr_len, c->rows, c->row, c->row_columns, 0);
	c->part.bytes = c->part.bytes ? c->part.bytes : (uint32_t)b.len;
	exact = malloc(b.len);
	memcpy(exact, b.p, b.len);
	rc = bc_index_part_open(&c->part, 0, exact, b.len - c->short_by, &r, &err);
	if (!rc)
		rc = bc_index_page(r, 0, page, &err);
	assert_int_equal(rc != 0, err.msg[0] != 0);
	bc_index_part_close(r);
	free(exact);
	free(b.p);
	free(page);
	return rc;
}

/* Each changes one thing. */
#define LIES_OF(c) \
	LIE(c, more_blocks_than_the_directory_says, c->blocks = 3) \
	LIE(c, fewer_blocks, c->blocks = 1) \
	LIE(c, fewer_templates, c->templates = 0; c->template_len = 0) \
	LIE(c, more_templates, c->templates = 2) \
	LIE(c, more_rows, c->part.n_rows = 2) \
	LIE(c, too_many_rows, c->rows = c->part.n_rows = BC_INDEX_ROWS_MAX + 1) \
	LIE(c, too_many_blocks, c->part.n_blocks = BC_INDEX_BLOCKS_MAX + 1) \
	LIE(c, too_many_templates, c->part.n_templates = BC_INDEX_TEMPLATES_MAX + 1) \
	LIE(c, too_many_pieces, c->part.n_pieces = 100) \
	LIE(c, one_piece_more_than_there_is, c->part.n_pieces = 4) \
	LIE(c, fewer_bytes_than_a_part_has, c->short_by = 4) \
	LIE(c, a_piece_of_an_unknown_kind, c->kind_of_templates = BC_INDEX_FOOTER) \
	LIE(c, fewer_columns_of_blocks, c->block_columns = 0) \
	LIE(c, bytes_behind_the_columns_of_blocks, c->surplus = 1) \
	LIE(c, a_column_that_ends_early, c->block[BLOCK_SPAN].len = 1) \
	LIE(c, a_length_of_more_than_32_bits, set(&c->block[BLOCK_FILE_LEN], 1ULL << 32); put(&c->block[BLOCK_FILE_LEN], 1)) \
	LIE(c, a_block_behind_the_part, c->part.at = 299) \
	LIE(c, blocks_that_wrap_around, c->part.blocks_at = UINT64_MAX - 200) \
	LIE(c, a_block_that_ends_before_it_begins, set_endless(&c->block[BLOCK_SPAN], 1); put(&c->block[BLOCK_SPAN], 5)) \
	LIE(c, a_number_of_more_than_64_bits, set_endless(&c->block[BLOCK_SPAN], 2); put(&c->block[BLOCK_SPAN], 5)) \
	LIE(c, a_number_that_does_not_end, set_endless(&c->block[BLOCK_SPAN], 0x80)) \
	LIE(c, a_block_older_than_its_part, c->part.min_ns = 1001) \
	LIE(c, a_block_newer_than_its_part, c->part.max_ns = 1014) \
	LIE(c, a_template_that_is_too_long, c->template[2] = BC_TUPLE_MAX + 1) \
	LIE(c, an_address_of_five_bytes, c->template[3] = 5) \
	LIE(c, an_address_behind_its_template, c->template[5] = TEMPLATE_LEN - 3) \
	LIE(c, ports_behind_their_template, c->template[6] = TEMPLATE_LEN - 3) \
	LIE(c, flags_behind_their_template, c->template[7] = TEMPLATE_LEN) \
	LIE(c, a_template_cut_in_its_head, c->template_len = BC_TEMPLATE_FIXED - 1) \
	LIE(c, a_template_cut_in_its_bytes, c->template_len--) \
	LIE(c, bytes_behind_the_templates, c->template_len++) \
	LIE(c, rows_with_addresses_of_five_bytes, c->addr_len = 5) \
	LIE(c, fewer_columns_of_rows, c->row_columns = 3) \
	LIE(c, a_row_of_a_template_that_is_not_there, set(&c->row[ROW_FROM_LOW], 2)) \
	LIE(c, a_row_of_another_one_that_is_not_there, set(&c->row[ROW_FROM_HIGH], 2)) \
	LIE(c, a_row_of_a_template_with_other_addresses, c->addr_len = 16) \
	LIE(c, more_of_an_address_the_same_than_it_has, set_bytes(&c->row[ROW_LOW_SAME], "\5", 1)) \
	LIE(c, an_address_of_which_nothing_is_said, c->row[ROW_HIGH_SAME].len = 0) \
	LIE(c, an_address_that_ends_early, c->row[ROW_LOW_REST].len = 3) \
	LIE(c, no_low_port, c->row[ROW_LOW_PORT].len = 1) \
	LIE(c, no_high_port, c->row[ROW_HIGH_PORT].len = 0) \
	LIE(c, no_flags, c->row[ROW_FLAGS_OR].len = 0) \
	LIE(c, no_common_flags, c->row[ROW_FLAGS_AND].len = 0) \
	LIE(c, no_first_time, c->row[ROW_FIRST].len = 0) \
	LIE(c, no_runs, set(&c->row[ROW_RUNS], 0)) \
	LIE(c, more_runs_than_there_are, set(&c->row[ROW_RUNS], 2)) \
	LIE(c, a_run_behind_the_blocks, set(&c->row[ROW_RUN_BYTES], 1); put(&c->row[ROW_RUN_BYTES], 1)) \
	LIE(c, a_run_that_begins_behind_them, set(&c->row[ROW_RUN_BYTES], UINT32_MAX); put(&c->row[ROW_RUN_BYTES], 0))

#define LIE(c, name, how) static void name(struct content *c) { how; }
LIES_OF(c)
#undef LIE

static void a_part_that_lies_is_refused(void **state)
{
	static const struct {
		const char *name;
		void (*tell)(struct content *c);
	} lies[] = {
#define LIE(c, name, how) { #name, name },
		LIES_OF(c)
#undef LIE
	};
	struct content c = honest();

	assert_int_equal(read_part(&c), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		c = honest();
		lies[i].tell(&c);
		if (read_part(&c) != -EBADMSG)
			fail_msg("it is not refused: %s", lies[i].name);
	}
}

/* What may be, though captures have it seldom. */
static void a_part_with_less_is_read(void **state)
{
	struct content c = honest();

	/* No packets in a block, hence no times. */
	c.block[BLOCK_PACKETS].len = c.block[BLOCK_MIN].len = c.block[BLOCK_SPAN].len = 0;
	put(&c.block[BLOCK_PACKETS], 0);
	put(&c.block[BLOCK_PACKETS], 2);
	put(&c.block[BLOCK_MIN], 2000);
	put(&c.block[BLOCK_SPAN], 15);
	assert_int_equal(read_part(&c), 0);
	/* Of times that nobody knows. */
	c = honest();
	set(&c.block[BLOCK_FLAGS], BC_INDEX_BLOCK_NO_TIME);
	put(&c.block[BLOCK_FLAGS], BC_INDEX_BLOCK_NO_TIME);
	c.part.min_ns = c.part.max_ns = 0;
	assert_int_equal(read_part(&c), 0);
	/* Flows without addresses and ports. */
	c = honest();
	c.template[3] = c.template[6] = 0;
	c.addr_len = 0;
	c.row[ROW_LOW_REST].len = c.row[ROW_HIGH_REST].len = 0;
	assert_int_equal(read_part(&c), 0);
}

#define FILE_BYTES 10000U

static struct bc_index_footer honest_footer(void)
{
	return (struct bc_index_footer){ .at = FILE_BYTES - BC_INDEX_FOOTER_SIZE, .directory_at = 9000, .directory_bytes = 200, .n_parts = 1 };
}

static int find_footer(const struct bc_index_footer *f, size_t len, uint64_t file_bytes, uint32_t kind)
{
	uint8_t bytes[BC_INDEX_FOOTER_SIZE];
	struct bc_index_footer found;
	struct bc_err err;

	bc_index_put_footer(bytes, f);
	if (kind) {
		struct bc_index_bytes b = { .p = NULL };
		uint8_t plain[BC_INDEX_FOOTER_SIZE - BC_INDEX_PIECE_OVERHEAD] = { 0 };

		add_piece(&b, (uint8_t)kind, 0, 1, plain, sizeof(plain));
		memcpy(bytes, b.p, sizeof(bytes));
		free(b.p);
	}
	return bc_index_footer_find(bytes + sizeof(bytes) - len, len, file_bytes, &found, &err);
}

static void a_footer_that_lies_is_refused(void **state)
{
	const struct bc_index_footer good = honest_footer();
	struct bc_index_footer f = good;

	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), 0);
	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE, FILE_BYTES + 4, 0), -EBADMSG);
	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE - 1, FILE_BYTES, 0), -ENODATA);
	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE, BC_INDEX_FOOTER_SIZE - 1, 0), -ENODATA);
	/* Of another kind, and without its magic number. */
	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE, FILE_BYTES, BC_INDEX_DIRECTORY), -EBADMSG);
	assert_int_equal(find_footer(&good, BC_INDEX_FOOTER_SIZE, FILE_BYTES, BC_INDEX_FOOTER), -EBADMSG);
	f.codec = 1;
	assert_int_equal(find_footer(&f, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), -EBADMSG);
	f = good;
	f.directory_at = f.at + 1;
	assert_int_equal(find_footer(&f, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), -EBADMSG);
	f = good;
	f.directory_bytes = (uint32_t)(f.at - f.directory_at) + 1;
	assert_int_equal(find_footer(&f, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), -EBADMSG);
	f.directory_bytes = BC_INDEX_PIECE_OVERHEAD - 1;
	assert_int_equal(find_footer(&f, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), -EBADMSG);
	f = good;
	f.n_parts = BC_INDEX_PARTS_MAX + 1;
	assert_int_equal(find_footer(&f, BC_INDEX_FOOTER_SIZE, FILE_BYTES, 0), -EBADMSG);
}

/* Two parts, whose blocks lie between them. */
static void honest_directory(struct bc_index_part p[2])
{
	p[0] = (struct bc_index_part){ .at = 2000, .bytes = 200, .n_pieces = 3, .blocks_at = 100, .n_blocks = 2, .filter_bytes = 100, .filter_at = 2200 };
	p[1] = (struct bc_index_part){ .at = 5000, .bytes = 200, .n_pieces = 3, .blocks_at = 2300, .n_blocks = 2 };
}

static int read_directory(const struct bc_index_part p[2], uint32_t n)
{
	const struct bc_index_footer f = { .at = 9840, .directory_at = 9000, .n_parts = 2 };
	struct bc_index_bytes b = { .p = NULL };
	struct bc_index_part ret[2];
	struct bc_err err;
	int r;

	assert_int_equal(bc_index_put_directory(&b, p, n), 0);
	r = bc_index_directory(&f, b.p, b.len, ret, &err);
	free(b.p);
	return r;
}

static void a_directory_that_lies_is_refused(void **state)
{
	static const struct {
		size_t at, size;	/* of the field */
		uint64_t value;
	} lies[] = {
#define FIELD(name) offsetof(struct bc_index_part, name), sizeof(((struct bc_index_part *)0)->name)
		{ FIELD(blocks_at), 99 }, { FIELD(at), 2199 }, { FIELD(blocks_at), 5001 }, { FIELD(at), 8801 }, { FIELD(at), UINT64_MAX - 100 },
		{ FIELD(n_pieces), 5 }, { FIELD(bytes), 9001 }, { FIELD(n_blocks), BC_INDEX_BLOCKS_MAX + 1 }, { FIELD(n_unindexed), 3 },
		{ FIELD(n_templates), BC_INDEX_TEMPLATES_MAX + 1 }, { FIELD(filter_bytes), BC_INDEX_PIECE_OVERHEAD - 1 },
		{ FIELD(filter_bytes), 9001 }, { FIELD(filter_bytes), BC_INDEX_PIECE_MAX + 1 },
	};
	struct bc_index_part p[2];

	honest_directory(p);
	assert_int_equal(read_directory(p, 2), 0);
	assert_int_equal(read_directory(p, 1), -EBADMSG);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		honest_directory(p);
		memcpy((uint8_t *)&p[1] + lies[i].at, &lies[i].value, lies[i].size);
		if (read_directory(p, 2) != -EBADMSG)
			fail_msg("lie %zu is not refused", i);
	}
	honest_directory(p);
	p[0].filter_at = 8950;
	assert_int_equal(read_directory(p, 2), -EBADMSG);
}

/* What an index beside its file begins with: three blocks of LZ4 in one piece. */
struct frame {
	struct bc_subject s;
	uint8_t kind;
	uint32_t items, len;
	struct column numbers;
};

static struct frame honest_frame(void)
{
	struct frame f = { .s = { .bytes = 600, .way = BC_SUBJECT_LZ4, .plain_bytes = 900, .n_blocks = 2, .n_pieces = 1 }, .kind = BC_INDEX_FRAME, .items = 2 };

	for (uint64_t i = 0; i < 4; i++)
		put(&f.numbers, 100 + i);
	return f;
}

static int read_frame(struct frame *f)
{
	struct bc_index_bytes b = { .p = NULL };
	uint8_t subject[BC_SUBJECT_SIZE];
	struct bc_subject_block block[4];
	struct bc_subject s;
	struct bc_err err;
	int r;

	add_piece(&b, f->kind, 0, f->items, f->numbers.bytes, f->numbers.len);
	f->s.piece_bytes = f->s.piece_bytes ? f->s.piece_bytes : (uint32_t)b.len + f->len;
	assert_int_equal(bc_index_reserve(&b, 64), 0);
	memset(b.p + b.len, 0, 64);
	bc_subject_put(subject, &f->s);
	r = bc_subject_get(subject, sizeof(subject), &s, &err);
	if (!r)
		r = bc_subject_get_blocks(&s, b.p, block, &err);
	free(b.p);
	return r;
}

#define LIES_OF_FRAME(f) \
	LIE(f, an_unknown_way, f->s.way = BC_SUBJECT_STREAM + 1) \
	LIE(f, a_header_that_is_too_long, f->s.header_len = BC_SUBJECT_HEADER_MAX + 1) \
	LIE(f, more_bytes_than_a_file_can_have, f->s.plain_bytes = 1ULL << 63) \
	LIE(f, an_uncompressed_file_of_another_length, f->s.way = BC_SUBJECT_PLAIN) \
	LIE(f, too_many_frames_blocks, f->s.n_blocks = BC_SUBJECT_BLOCKS_MOST + 1) \
	LIE(f, too_many_bytes_of_pieces, f->s.piece_bytes = BC_SUBJECT_FRAME_BYTES + 1) \
	LIE(f, more_pieces_than_bytes, f->s.n_pieces = 3) \
	LIE(f, no_piece_for_its_blocks, f->s.n_pieces = 0) \
	LIE(f, a_piece_that_is_no_frame, f->kind = BC_INDEX_ROWS) \
	LIE(f, more_blocks_than_said, f->items = 3) \
	LIE(f, fewer_blocks_than_said, f->items = 1; f->numbers.len = 2) \
	LIE(f, a_length_that_is_cut_off, f->numbers.bytes[3] |= 0x80) \
	LIE(f, a_length_of_33_bits, set(&f->numbers, 1ULL << 32); put(&f->numbers, 1); put(&f->numbers, 1); put(&f->numbers, 1)) \
	LIE(f, a_plain_length_of_33_bits, set(&f->numbers, 1); put(&f->numbers, 1ULL << 32); put(&f->numbers, 1); put(&f->numbers, 1)) \
	LIE(f, numbers_behind_the_blocks, put(&f->numbers, 1)) \
	LIE(f, bytes_behind_the_piece, f->len = 4)

#define LIE(f, name, how) static void name(struct frame *f) { how; }
LIES_OF_FRAME(f)
#undef LIE

static void an_index_beside_that_lies_is_refused(void **state)
{
	static const struct {
		const char *name;
		void (*tell)(struct frame *f);
	} lies[] = {
#define LIE(f, name, how) { #name, name },
		LIES_OF_FRAME(f)
#undef LIE
	};
	struct frame f = honest_frame();

	assert_int_equal(read_frame(&f), 0);
	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		f = honest_frame();
		lies[i].tell(&f);
		if (read_frame(&f) != -EBADMSG)
			fail_msg("it is not refused: %s", lies[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_that_lies_is_refused),
		cmocka_unit_test(a_part_with_less_is_read),
		cmocka_unit_test(a_footer_that_lies_is_refused),
		cmocka_unit_test(a_directory_that_lies_is_refused),
		cmocka_unit_test(an_index_beside_that_lies_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
