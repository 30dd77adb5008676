/* SPDX-License-Identifier: BSD-3-Clause */
/* Encrypted files that a killed capture left: recovered for who could read them, and for nobody else. */
#include "segment_bed.h"

#include "bc_age_file.h"
#include "bc_recover.h"
#include "bc_verify.h"

static struct bc_age_identities ids, others;
static struct bc_age_recipients to;

static int begin(void **state)
{
	struct bc_age_recipients none = { .n = 0 };

	make_plain();
	add_reader(&ids, &to);
	add_reader(&others, &none);
	return 0;
}

static int recover(struct fixture *f, const char *name, const struct bc_age_identities *by, struct bc_recovered *ret)
{
	const struct bc_recover_config cfg = { .utc = true, .pid = PID, .log = &f->log, .identities = by };

	return bc_recover(in_dir(f, name), &cfg, ret, &f->err);
}

/* What is in the file, to "clear"; its length. */
static uint64_t decrypt(struct fixture *f, const char *path)
{
	int fd = open(in_dir(f, "clear"), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	uint64_t bytes = 0;

	if (bc_age_decrypt_file(path, &ids, fd, &bytes, &f->err))
		fail_msg("%s", f->err.msg);
	close(fd);
	return bytes;
}

/* Leftovers of that codec, cut after some bytes: each has the first packets, ever more of them. */
static void cut_is_recovered(void **state, enum bc_codec codec, const char *name)
{
	struct fixture *f = *state;
	uint64_t last = 0;

	pack(codec);
	seal(&to);
	for (size_t i = 1; i <= 20; i++) {
		size_t len = packed_len * i / 20;
		struct bc_recovered r;
		struct bc_scan v;
		int e;

		fixture_clear(f);
		put(in_dir(f, name), packed, len);
		e = recover(f, name, &ids, &r);
		if (e) {
			assert_true(last == 0 && i < 20 && (e == -ENODATA || e == -EBADMSG));
			assert_true(holds(in_dir(f, name), packed, len));
			assert_int_equal(count(f->dir, ""), 1);
			continue;
		}
		assert_int_equal(r.outcome, BC_RECOVER_PUBLISHED);
		assert_int_equal(count(f->dir, "tmp-"), 0);
		decrypt(f, r.path);
		assert_int_equal(bc_verify(in_dir(f, "clear"), &v, &f->err), 0);
		assert_true(v.records == r.scan.records && v.records >= last);
		last = v.records;
	}
	assert_int_equal(last, PACKETS);
}

static void uncompressed(void **state)
{
	cut_is_recovered(state, BC_CODEC_NONE, "tmp-9-00000001.pcapng.age");
}

static void with_lz4(void **state)
{
	cut_is_recovered(state, BC_CODEC_LZ4, "tmp-9-00000001.pcapng.lz4.age");
}

static void with_zstd(void **state)
{
	cut_is_recovered(state, BC_CODEC_ZSTD, "tmp-9-00000001.pcapng.zst.age");
}

static void what_is_whole_comes_back_byte_by_byte(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	pack(BC_CODEC_NONE);
	seal(&to);
	put(in_dir(f, "tmp-9-00000001.pcapng.age"), packed, packed_len);
	assert_int_equal(recover(f, "tmp-9-00000001.pcapng.age", &ids, &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_WHOLE);
	assert_int_equal(decrypt(f, r.path), plain_len);
	assert_true(holds(in_dir(f, "clear"), plain, plain_len));
	/* With another key for its blocks. */
	assert_false(holds(r.path, packed, packed_len));
}

/* It stays as it is. */
static void refused(void **state, const char *name, const struct bc_age_identities *by, int err, const char *what)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	fixture_clear(f);
	put(in_dir(f, name), packed, packed_len);
	assert_int_equal(recover(f, name, by, &r), err);
	if (!strstr(f->err.msg, what) || !strstr(f->err.msg, name))
		fail_msg("%s", f->err.msg);
	assert_true(holds(in_dir(f, name), packed, packed_len));
	assert_int_equal(count(f->dir, ""), 1);
}

static void without_the_key_it_stays(void **state)
{
	pack(BC_CODEC_LZ4);
	seal(&to);
	refused(state, "tmp-9-00000001.pcapng.lz4.age", NULL, -ENOKEY, "--identity");
	refused(state, "tmp-9-00000001.pcapng.lz4.age", &others, -EACCES, "");
}

static void a_name_says_what_is_in_it(void **state)
{
	pack(BC_CODEC_LZ4);
	seal(&to);
	refused(state, "tmp-9-00000001.x.age", &ids, -EINVAL, "does not say what is in it");
}

static void a_header_that_is_cut_or_damaged_is_told(void **state)
{
	pack(BC_CODEC_NONE);
	seal(&to);
	packed[4] ^= 1;
	refused(state, "tmp-9-00000001.pcapng.age", &ids, -EBADMSG, "");
	packed[4] ^= 1;
	packed_len = 60;
	refused(state, "tmp-9-00000001.pcapng.age", &ids, -ENODATA, "");
}

static void an_empty_one_is_removed_without_a_key(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	put(in_dir(f, "tmp-9-00000001.pcapng.age"), packed, 0);
	assert_int_equal(recover(f, "tmp-9-00000001.pcapng.age", NULL, &r), 0);
	assert_int_equal(r.outcome, BC_RECOVER_REMOVED);
	assert_int_equal(count(f->dir, ""), 0);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(uncompressed),
		IN_FOLDER(with_lz4),
		IN_FOLDER(with_zstd),
		IN_FOLDER(what_is_whole_comes_back_byte_by_byte),
		IN_FOLDER(without_the_key_it_stays),
		IN_FOLDER(a_name_says_what_is_in_it),
		IN_FOLDER(a_header_that_is_cut_or_damaged_is_told),
		IN_FOLDER(an_empty_one_is_removed_without_a_key),
	};

	return cmocka_run_group_tests(tests, begin, NULL);
}
