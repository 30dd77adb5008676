/* SPDX-License-Identifier: BSD-3-Clause */
/* Recovery, verification, indexes and recompression, of which each allocation and each system call fails in turn. */
#include "segment_bed.h"

#include "refusal.h"

#include "bc_age_file.h"
#include "bc_index.h"
#include "bc_index_beside.h"
#include "bc_index_file.h"
#include "bc_lz4hc.h"
#include "bc_recover.h"
#include "bc_verify.h"

#define MEMORY (1U << 20)	/* for flows */

/* A file and its name, for an operation that is refused something. */
struct bed {
	struct fixture *f;
	const char *name;
	uint32_t descriptors;
	bool lz4;
	const char *beside;	/* where the same bytes lie, too; NULL: nowhere */
	struct bc_age_identities ids;
};

static void begin(struct bed *b)
{
	fixture_clear(b->f);
	put(in_dir(b->f, b->name), packed, packed_len);
	if (b->beside)
		put(in_dir(b->f, b->beside), packed, packed_len);
	b->f->err.msg[0] = '\0';
	b->descriptors = refusal_descriptors();
	refusal_begin();
}

/* r: what the operation returned. */
static void end(const struct bed *b, int r)
{
	refusal_end();
	refusal_check(refusal_descriptors() == b->descriptors);
	refusal_check(r <= 0);
	refusal_check((r < 0) == (b->f->err.msg[0] != '\0'));
	refusal_check(refusal.name || r == 0);
}

/* In its place. */
static bool decrypt(const struct bed *b, const char *path)
{
	int fd = open(in_dir(b->f, "clear"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t bytes;
	bool good = !bc_age_decrypt_file(path, &b->ids, fd, &bytes, NULL);

	close(fd);
	return good && rename(in_dir(b->f, "clear"), path) == 0;
}

static void recover_it(void *ctx)
{
	struct bed *b = ctx;
	const struct bc_recover_config cfg = { .utc = true, .pid = PID, .log = &b->f->log, .identities = b->ids.n ? &b->ids : NULL };
	struct bc_recovered res;
	struct bc_scan found;
	const char *path = in_dir(b->f, b->name);
	int r;

	begin(b);
	r = bc_recover(path, &cfg, &res, &b->f->err);
	end(b, r);
	if (r) {
		refusal_check(holds(path, packed, packed_len));
		refusal_check(res.outcome == BC_RECOVER_NONE);
		return;
	}
	/* What is beside it cannot be read, or its packets are left out. */
	refusal_check(!b->beside || holds(in_dir(b->f, b->beside), packed, packed_len));
	if (b->beside && res.repeated == PACKETS) {
		refusal_check(res.outcome == BC_RECOVER_REPEATED);
		return;
	}
	refusal_check(res.outcome == BC_RECOVER_PUBLISHED && !res.repeated);
	if (b->ids.n)
		refusal_check(decrypt(b, res.path));
	refusal_check(bc_verify(res.path, &found, NULL) == 0 && found.records == PACKETS);
}

static void a_recovery_that_fails_leaves_the_leftover(void **state)
{
	static const struct {
		const char *name;
		enum bc_codec codec;
	} of[] = {
		{ "tmp-9-00000001.pcapng", BC_CODEC_NONE }, { "tmp-9-00000001.pcapng.lz4", BC_CODEC_LZ4 },
		{ "tmp-9-00000001.pcapng.zst", BC_CODEC_ZSTD }, { "tmp-9-00000001.x", BC_CODEC_GZIP },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct bed b = { .f = *state, .name = of[i].name };

		pack(of[i].codec);
		assert_true(refuse_each(recover_it, &b, 1) > 20);
	}
}

static void an_encrypted_one_too(void **state)
{
	static const enum bc_codec of[] = { BC_CODEC_NONE, BC_CODEC_LZ4 };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct bed b = { .f = *state, .name = of[i] ? "tmp-9-00000001.pcapng.lz4.age" : "tmp-9-00000001.pcapng.age" };
		struct bc_age_recipients to = { .n = 0 };

		add_reader(&b.ids, &to);
		pack(of[i]);
		seal(&to);
		assert_true(refuse_each(recover_it, &b, 1) > 20);
	}
}

static void one_that_a_segment_repeats_too(void **state)
{
	struct bed b = { .f = *state, .name = "tmp-9-00000001.pcapng.lz4.age", .beside = STAMP "-00000000.pcapng.lz4.age" };
	struct bc_age_recipients to = { .n = 0 };

	add_reader(&b.ids, &to);
	pack(BC_CODEC_LZ4);
	seal(&to);
	assert_true(refuse_each(recover_it, &b, 1) > 20);
}

static void verify_it(void *ctx)
{
	struct bed *b = ctx;
	struct bc_scan found;
	int r;

	begin(b);
	r = bc_verify(in_dir(b->f, b->name), &found, &b->f->err);
	end(b, r);
	/* What could not be read is not called damaged. */
	refusal_check(r == 0 ? found.records == PACKETS && found.end == BC_SCAN_WHOLE : r != -EBADMSG && r != -ENODATA);
}

static void what_cannot_be_read_is_not_called_damaged(void **state)
{
	for (enum bc_codec codec = 0; codec < BC_CODEC_COUNT; codec++) {
		struct bed b = { .f = *state, .name = "a.pcapng" };

		if (!bc_codec_is_built(codec))
			continue;
		pack(codec);
		assert_true(refuse_each(verify_it, &b, 1) > 2);
	}
}

static void index_it(void *ctx)
{
	struct bed *b = ctx;
	const struct bc_index_file_config cfg = { .flows = true, .memory = MEMORY };
	const char *path = in_dir(b->f, b->name);
	struct bc_index_file_result res;
	struct bc_scan found;
	int r;

	begin(b);
	r = bc_index_file(path, &cfg, &res, &b->f->err);
	end(b, r);
	/* The folder could not be synced: either file may be there after a power cut. */
	if (r && holds(path, packed, packed_len))
		return;
	refusal_check(bc_verify(path, &found, NULL) == 0 && found.records == PACKETS);
	refusal_check(bc_index_file(path, &cfg, &res, NULL) == 0 && res.had);
}

static void a_file_that_gets_no_index_is_as_it_was(void **state)
{
	for (int lz4 = 0; lz4 < 2; lz4++) {
		struct bed b = { .f = *state, .name = "a.pcapng" };

		pack(lz4 ? BC_CODEC_LZ4 : BC_CODEC_NONE);
		assert_true(refuse_each(index_it, &b, 1) > 20);
	}
}

static int make_beside(const struct bed *b, struct bc_index_beside_result *res, struct bc_err *err)
{
	const struct bc_index_beside_config cfg = { .flows = true, .memory = MEMORY };
	int folder = open(b->f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = open(in_dir(b->f, b->name), O_RDONLY | O_CLOEXEC), r;

	assert_true(folder >= 0 && fd >= 0);
	refusal_begin();
	r = bc_index_beside_make(folder, b->name, fd, &cfg, res, err);
	refusal_end();
	close(fd);
	close(folder);
	return r;
}

/* Opens the index beside the file, with refusals or without. */
static int open_beside(const struct bed *b, bool refuse, bool *ret_has, struct bc_err *err)
{
	struct bc_blob *file, *both;
	int r;

	assert_int_equal(bc_blob_open_file(in_dir(b->f, b->name), &file, NULL), 0);
	if (refuse)
		refusal_begin();
	r = bc_index_beside_open(NULL, in_dir(b->f, b->name), file, &both, err);
	*ret_has = !r && bc_index_has(both, true);
	refusal_end();
	if (!r)
		bc_blob_close(both);
	bc_blob_close(file);
	return r;
}

static void make_beside_it(void *ctx)
{
	struct bed *b = ctx;
	struct bc_index_beside_result res;
	bool has;
	int r;

	begin(b);
	refusal_end();
	r = make_beside(b, &res, &b->f->err);
	end(b, r);
	refusal_check(holds(in_dir(b->f, b->name), packed, packed_len));
	refusal_check(open_beside(b, false, &has, NULL) == 0 ? has : r < 0);
}

static void open_beside_it(void *ctx)
{
	struct bed *b = ctx;
	bool has;
	int r;

	b->f->err.msg[0] = '\0';
	b->descriptors = refusal_descriptors();
	r = open_beside(b, true, &has, &b->f->err);
	refusal_check(refusal_descriptors() == b->descriptors);
	/* Of another file, or damaged: it is not. */
	refusal_check(r != -EBADMSG);
	refusal_check(refusal.name || (r == 0 && has));
}

static void an_index_beside_is_whole_or_not_there(void **state)
{
	static const enum bc_codec of[] = { BC_CODEC_NONE, BC_CODEC_LZ4, BC_CODEC_GZIP };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct bed b = { .f = *state, .name = "a.pcapng" };

		pack(of[i]);
		assert_true(refuse_each(make_beside_it, &b, 1) > 20);
	}
}

static void an_index_that_cannot_be_read_is_not_called_another_files(void **state)
{
	static const enum bc_codec of[] = { BC_CODEC_NONE, BC_CODEC_LZ4, BC_CODEC_GZIP };

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		struct bed b = { .f = *state, .name = "a.pcapng" };
		struct bc_index_beside_result res;

		pack(of[i]);
		put(in_dir(b.f, b.name), packed, packed_len);
		assert_int_equal(make_beside(&b, &res, NULL), 0);
		assert_true(refuse_each(open_beside_it, &b, 1) > 3);
	}
}

static int recompress(const struct bed *b, int *ret_to)
{
	int from = open(in_dir(b->f, b->name), O_RDONLY | O_CLOEXEC), to = open(in_dir(b->f, "b"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), r;

	refusal_begin();
	r = bc_lz4hc(from, to, false, 3, NULL, &b->f->err);
	refusal_end();
	close(from);
	*ret_to = to;
	return r;
}

static void recompress_it(void *ctx)
{
	struct bed *b = ctx;
	int to, r, from;

	begin(b);
	refusal_end();
	r = recompress(b, &to);
	close(to);
	end(b, r);
	if (r)
		return;
	from = open(in_dir(b->f, b->name), O_RDONLY | O_CLOEXEC);
	to = open(in_dir(b->f, "b"), O_RDONLY | O_CLOEXEC);
	refusal_check(bc_lz4hc_same(from, to, false, NULL) == 1);
	refusal_check(bc_lz4hc_is(to) == 1);
	close(from);
	close(to);
}

static void what_is_recompressed_without_an_error_is_the_same(void **state)
{
	struct bed b = { .f = *state, .name = "a.pcapng" };

	pack(BC_CODEC_GZIP);
	assert_true(refuse_each(recompress_it, &b, 1) > 20);
}

static int compare_to;	/* a file that is the same, or another */
static bool same;

static void compare_it(void *ctx)
{
	struct bed *b = ctx;
	int from = open(in_dir(b->f, b->name), O_RDONLY | O_CLOEXEC), r;

	refusal_begin();
	r = bc_lz4hc_same(from, compare_to, false, NULL);
	refusal_end();
	close(from);
	refusal_check(r < 0 || r == same);
	refusal_check(refusal.name || r == same);
}

static void files_that_cannot_be_read_are_not_compared(void **state)
{
	struct bed b = { .f = *state, .name = "a.pcapng" };

	pack(BC_CODEC_GZIP);
	put(in_dir(b.f, b.name), packed, packed_len);
	assert_int_equal(recompress(&b, &compare_to), 0);
	same = true;
	assert_true(refuse_each(compare_it, &b, 1) > 5);
	close(compare_to);
	/* One packet less. */
	put(in_dir(b.f, "c"), plain, plain_len - bc_get_le32(plain + plain_len - 4));
	compare_to = open(in_dir(b.f, "c"), O_RDONLY | O_CLOEXEC);
	same = false;
	assert_true(refuse_each(compare_it, &b, 1) > 5);
	close(compare_to);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_recovery_that_fails_leaves_the_leftover, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_encrypted_one_too, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(one_that_a_segment_repeats_too, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_called_damaged, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_file_that_gets_no_index_is_as_it_was, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_index_beside_is_whole_or_not_there, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_index_that_cannot_be_read_is_not_called_another_files, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_recompressed_without_an_error_is_the_same, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(files_that_cannot_be_read_are_not_compared, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, make_once, NULL);
}
