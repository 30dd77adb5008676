/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"
#include "random.h"
#include "scratch.h"
#include "sealed_once.h"

#include <errno.h>

#include "bc_age_blob.h"
#include "bc_age_writer.h"

#define BLOCKS 40U

static const uint8_t end_so_far[4] = "end.";
static struct bc_age_identities ids;
static struct bc_age_recipients to;
static struct bc_err err;
static char folder[SCRATCH_MAX];
/* The file, what is in it, and what a call put out. */
static uint8_t file[(BLOCKS + 4) * (BC_AGE_BLOCK + BC_AGE_TAG) + BC_AGE_WRITER_HEAD], plain[(BLOCKS + 4) * BC_AGE_BLOCK];
static uint8_t out[BC_AGE_WRITER_BOUND((BLOCKS + 4) * BC_AGE_BLOCK)];
static size_t file_len, plain_len;

static struct bc_age_writer *begin(void)
{
	static uint8_t head[BC_AGE_WRITER_HEAD];
	struct bc_age_writer *w;

	assert_int_equal(bc_age_writer_new(&to, end_so_far, sizeof(end_so_far), &w), 0);
	assert_int_equal(bc_age_writer_begin(w, head, &file_len, &err), 0);
	memcpy(file, head, file_len);
	plain_len = 0;
	return w;
}

static void keep(const uint8_t *data, size_t len)
{
	memcpy(file + file_len, data, len);
	file_len += len;
}

static void put(struct bc_age_writer *w, size_t len)
{
	size_t n;

	for (size_t i = 0; i < len; i++)
		plain[plain_len + i] = (uint8_t)((plain_len + i) * 7 >> 3);
	assert_int_equal(bc_age_writer_put(w, plain + plain_len, len, out, &n), 0);
	assert_true(n <= BC_AGE_WRITER_BOUND(len));
	keep(out, n);
	plain_len += len;
}

static void fill(struct bc_age_writer *w)
{
	size_t n;

	put(w, bc_age_writer_gap(w));
	assert_int_equal(bc_age_writer_flush(w, out, &n), 0);
	keep(out, n);
}

/* What is in so many bytes of the file, with these behind them, is what was put, and then tail. */
static void check(const uint8_t *behind, size_t behind_len, const uint8_t *tail, size_t tail_len)
{
	static uint8_t back[sizeof(plain)];
	struct bc_blob *b;
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/file", folder);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(file, 1, file_len, f), file_len);
	if (behind_len)
		assert_int_equal(fwrite(behind, 1, behind_len, f), behind_len);
	fclose(f);
	assert_int_equal(bc_blob_open_file(path, &b, &err), 0);
	if (bc_age_blob_wrap(&b, &ids, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(b->bytes, plain_len + tail_len);
	assert_int_equal(bc_blob_read(b, back, sizeof(back), 0, &err), b->bytes);
	assert_memory_equal(back, plain, plain_len);
	if (tail_len)
		assert_memory_equal(back + plain_len, tail, tail_len);
	bc_blob_close(b);
}

static void what_was_put_is_in_the_file(void **state)
{
	static const size_t len[] = { 0, 1, BC_AGE_BLOCK - 1, BC_AGE_BLOCK, BC_AGE_BLOCK + 1, 3 * BC_AGE_BLOCK, 3 * BC_AGE_BLOCK + 5 };

	for (size_t i = 0; i < sizeof(len) / sizeof(len[0]); i++) {
		struct bc_age_writer *w = begin();
		size_t n;

		for (size_t at = 0; at < len[i]; at += n) {
			n = len[i] - at < 30000 ? len[i] - at : 30000;
			put(w, n);
		}
		assert_int_equal(bc_age_writer_end(w, out, &n), 0);
		keep(out, n);
		check(NULL, 0, NULL, 0);
		bc_age_writer_free(w);
	}
	bc_age_writer_free(NULL);
}

/* The same end each time, over which the next bytes go. */
static void an_end_so_far_makes_the_file_whole(void **state)
{
	struct bc_age_writer *w = begin();
	uint8_t first[64];
	size_t n, again;

	put(w, 100);
	assert_int_equal(bc_age_writer_end_so_far(w, out, &n), -EINVAL);
	fill(w);
	assert_false(bc_age_writer_must_go_on(w));
	assert_int_equal(bc_age_writer_end_so_far(w, first, &n), 0);
	assert_int_equal(bc_age_writer_end_so_far(w, out, &again), 0);
	assert_int_equal(again, n);
	assert_memory_equal(first, out, n);
	check(first, n, end_so_far, sizeof(end_so_far));
	put(w, 2 * BC_AGE_BLOCK + 1);
	fill(w);
	assert_int_equal(bc_age_writer_end_so_far(w, out, &n), 0);
	check(out, n, end_so_far, sizeof(end_so_far));
	bc_age_writer_free(w);
}

static void a_number_that_had_an_end_gets_no_other(void **state)
{
	struct bc_age_writer *w = begin();
	size_t n;

	put(w, 5);
	fill(w);
	assert_int_equal(bc_age_writer_end_so_far(w, out, &n), 0);
	assert_true(bc_age_writer_must_go_on(w));
	assert_int_equal(bc_age_writer_end(w, out, &n), -EINVAL);
	put(w, 5);
	assert_int_equal(bc_age_writer_end(w, out, &n), -EINVAL);
	put(w, bc_age_writer_gap(w));
	assert_true(bc_age_writer_must_go_on(w));
	assert_int_equal(bc_age_writer_end(w, out, &n), -EINVAL);
	put(w, 1);
	assert_false(bc_age_writer_must_go_on(w));
	assert_int_equal(bc_age_writer_end(w, out, &n), 0);
	keep(out, n);
	check(NULL, 0, NULL, 0);
	bc_age_writer_free(w);
}

static void nothing_is_sealed_behind_the_end(void **state)
{
	struct bc_age_writer *w = begin();
	uint8_t byte = 0;
	size_t n;

	put(w, 5);
	assert_int_equal(bc_age_writer_end(w, out, &n), 0);
	assert_int_equal(bc_age_writer_put(w, &byte, 1, out, &n), -EINVAL);
	assert_int_equal(bc_age_writer_end_so_far(w, out, &n), -EINVAL);
	assert_int_equal(bc_age_writer_end(w, out, &n), -EINVAL);
	bc_age_writer_free(w);
	w = begin();
	put(w, 5);
	assert_int_equal(bc_age_writer_flush(w, out, &n), -EINVAL);
	fill(w);
	/* An empty last block is only in an empty file. */
	assert_int_equal(bc_age_writer_end(w, out, &n), -EINVAL);
	bc_age_writer_free(w);
}

/* In any order, as sealed_once.h sees it. */
static void no_nonce_is_used_for_two_plaintexts(void **state)
{
	struct random r = { 5 };

	for (int round = 0; round < 40; round++) {
		struct bc_age_writer *w = begin();
		size_t n;

		while (plain_len < (BLOCKS - 2) * BC_AGE_BLOCK) {
			put(w, random_below(&r, 3) ? random_below(&r, 3000) : random_below(&r, 3 * BC_AGE_BLOCK));
			if (random_below(&r, 3))
				continue;
			fill(w);
			if (random_below(&r, 2) && !bc_age_writer_end_so_far(w, out, &n))
				check(out, n, end_so_far, sizeof(end_so_far));
			if (random_below(&r, 4) == 0)
				break;
		}
		if (bc_age_writer_must_go_on(w))
			put(w, bc_age_writer_gap(w) ? bc_age_writer_gap(w) : BC_AGE_BLOCK);
		put(w, 1);
		assert_int_equal(bc_age_writer_end(w, out, &n), 0);
		keep(out, n);
		check(NULL, 0, NULL, 0);
		bc_age_writer_free(w);
	}
}

/* For the same readers, with other keys for its blocks. */
static void a_file_like_another_is_for_its_readers(void **state)
{
	static uint8_t head[BC_AGE_WRITER_HEAD], first[BC_AGE_WRITER_HEAD];
	struct bc_age_writer *w = begin();
	uint8_t key[BC_AGE_FILE_KEY];
	size_t header, n, first_len = file_len;

	memcpy(first, file, file_len);
	assert_int_equal(bc_age_header_read(file, file_len, &ids, key, &header, &err), 0);
	assert_int_equal(header + BC_AGE_NONCE, file_len);
	assert_int_equal(bc_age_writer_begin_like(w, file, header, key, head, &n), 0);
	assert_int_equal(n, first_len);
	assert_memory_equal(head, first, header);
	assert_memory_not_equal(head + header, first + header, BC_AGE_NONCE);
	memcpy(file, head, n);
	put(w, 100);
	assert_int_equal(bc_age_writer_end(w, out, &n), 0);
	keep(out, n);
	check(NULL, 0, NULL, 0);
	bc_age_writer_free(w);
}

/* All whole blocks are read, and then it is said that the end is missing. */
static void what_is_left_of_a_file_is_read(void **state)
{
	struct bc_age_writer *w = begin();
	uint8_t byte;
	size_t n;

	put(w, 3 * BC_AGE_BLOCK + 10);
	bc_age_writer_free(w);
	for (int garbage = 0; garbage < 2; garbage++) {
		struct bc_blob *b;
		char path[600];
		FILE *f;

		snprintf(path, sizeof(path), "%s/torn", folder);
		f = fopen(path, "w");
		assert_non_null(f);
		assert_int_equal(fwrite(file, 1, file_len, f), file_len);
		for (n = 0; n < (garbage ? 70000 : 0); n++)
			fputc('x', f);
		fclose(f);
		assert_int_equal(bc_blob_open_file(path, &b, &err), 0);
		assert_true(bc_age_blob_wrap(&b, &ids, &err) < 0);
		assert_int_equal(bc_age_blob_wrap_torn(&b, &ids, &err), 0);
		assert_true(b->bytes > 3 * BC_AGE_BLOCK);
		assert_int_equal(bc_blob_read(b, out, sizeof(out), 0, &err), 3 * BC_AGE_BLOCK);
		assert_memory_equal(out, plain, 3 * BC_AGE_BLOCK);
		assert_int_equal(bc_blob_read(b, &byte, 1, 3 * BC_AGE_BLOCK, &err), -ENODATA);
		assert_string_equal(err.msg, "it is cut off behind block 2");
		bc_blob_close(b);
	}
}

static int make_keys(void **state)
{
	char text[BC_AGE_RECIPIENT_SIZE];

	scratch_folder(folder, "bc-age");
	if (bc_age_identity_make(&ids.key[0]))
		return -1;
	ids.n = 1;
	bc_age_recipient_text(ids.key[0].public, text);
	return bc_age_recipient_add(&to, text, &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_put_is_in_the_file),
		cmocka_unit_test(an_end_so_far_makes_the_file_whole),
		cmocka_unit_test(a_number_that_had_an_end_gets_no_other),
		cmocka_unit_test(nothing_is_sealed_behind_the_end),
		cmocka_unit_test(no_nonce_is_used_for_two_plaintexts),
		cmocka_unit_test(a_file_like_another_is_for_its_readers),
		cmocka_unit_test(what_is_left_of_a_file_is_read),
	};

	return cmocka_run_group_tests(tests, make_keys, NULL);
}
