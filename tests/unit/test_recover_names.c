/* SPDX-License-Identifier: BSD-3-Clause */
/* How the name of a leftover tells what becomes of it; and what is verified, whatever its name. */
#include "segment_bed.h"

#include "bc_erf.h"
#include "bc_recover.h"
#include "bc_verify.h"

static int recover_path(struct fixture *f, const char *path, struct bc_recovered *ret)
{
	const struct bc_recover_config cfg = { .utc = true, .pid = PID, .log = &f->log };

	return bc_recover(path, &cfg, ret, &f->err);
}

static void one_of_a_series_stays_in_it(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	pack(BC_CODEC_LZ4);
	put(in_dir(f, "tmp-9-00000001~node-1.pcapng.lz4"), packed, packed_len);
	assert_int_equal(recover_path(f, in_dir(f, "tmp-9-00000001~node-1.pcapng.lz4"), &r), 0);
	assert_string_equal(r.path, in_dir(f, "trace-node-1-20261025_003000.pcapng.lz4"));
	/* The file beside it has its numbered packets. */
	assert_int_equal(access(in_dir(f, ".acknowledged~node-1"), F_OK), 0);
}

static void a_leftover_is_named_from_where_we_are(void **state)
{
	struct fixture *f = *state;
	int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct bc_recovered r;

	pack(BC_CODEC_NONE);
	put(in_dir(f, "tmp-9-00000001.pcapng"), packed, packed_len);
	assert_int_equal(chdir(f->dir), 0);
	assert_int_equal(recover_path(f, "tmp-9-00000001.pcapng", &r), 0);
	assert_int_equal(fchdir(here), 0);
	close(here);
	assert_true(holds(in_dir(f, STAMP "-00000001.pcapng"), plain, plain_len));
}

static void names_that_are_too_long_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;
	char path[9000], series[400] = "tmp-1-00000001~";

	memset(path, '/', sizeof(path));
	strcpy(path + sizeof(path) - 40, "tmp-9-00000001.pcapng");
	assert_int_equal(recover_path(f, path, &r), -ENAMETOOLONG);
	memset(series + strlen(series), 's', 300);
	assert_int_equal(recover_path(f, series, &r), -ENAMETOOLONG);
}

static void padding_is_not_copied(void **state)
{
	struct fixture *f = *state;
	const size_t before = plain_len;
	struct bc_recovered r;
	uint8_t *p = plain + plain_len;

	memset(p, 0, 32);
	bc_put_le32(p, BC_PCAPNG_PADDING);
	bc_put_le32(p + 4, 32);
	bc_put_le32(p + 28, 32);
	put(in_dir(f, "tmp-9-00000001.pcapng"), plain, before + 32);
	assert_int_equal(recover_path(f, in_dir(f, "tmp-9-00000001.pcapng"), &r), 0);
	assert_int_equal(r.scan.end, BC_SCAN_WHOLE);
	assert_true(holds(r.path, plain, before));
}

/* It is recovered all the same. */
static void what_cannot_be_written_beside_it_is_told(void **state)
{
	struct fixture *f = *state;
	struct bc_recovered r;

	pack(BC_CODEC_NONE);
	put(in_dir(f, "tmp-9-00000001.pcapng"), packed, packed_len);
	assert_int_equal(mkdir(in_dir(f, ".acknowledged"), 0700), 0);
	assert_int_equal(recover_path(f, in_dir(f, "tmp-9-00000001.pcapng"), &r), 0);
	assert_non_null(strstr(f->lines, "cannot write down which of its packets are acknowledged"));
	assert_true(holds(r.path, plain, plain_len));
	rmdir(in_dir(f, ".acknowledged"));
}

static uint32_t told;
static uint64_t told_bytes;

static void tell(void *ctx, uint64_t read_bytes)
{
	assert_true(read_bytes >= told_bytes);
	told_bytes = read_bytes;
	told++;
}

/* Of many small records. */
static size_t make_erf(uint32_t n)
{
	uint8_t *p = plain;

	for (uint32_t i = 0; i < n; i++) {
		uint8_t *data = bc_erf_begin(p, 0, BEGIN_NS + i, 6, 6, 0, 0);

		memset(data, 7, 6);
		p = bc_erf_end(data, 6, 0);
	}
	return (size_t)(p - plain);
}

static void verifying_tells_how_far_it_is(void **state)
{
	struct fixture *f = *state;
	struct bc_scan v;

	put(in_dir(f, "a.erf"), plain, make_erf(10000));
	assert_int_equal(bc_verify_watched(in_dir(f, "a.erf"), tell, NULL, &v, &f->err), 0);
	make_plain();
	assert_int_equal(v.records, 10000);
	assert_int_equal(told, 2);
	assert_true(told_bytes > 0);
}

static void erf_is_verified_under_any_name(void **state)
{
	struct fixture *f = *state;
	const size_t len = make_erf(100);
	struct bc_scan v;

	put(in_dir(f, "a"), plain, len);
	put(in_dir(f, "cut"), plain, len - 1);
	make_plain();
	assert_int_equal(bc_verify(in_dir(f, "a"), &v, &f->err), 0);
	assert_int_equal(v.records, 100);
	assert_int_equal(bc_verify(in_dir(f, "cut"), &v, &f->err), -EBADMSG);
	put(in_dir(f, "text"), (const uint8_t *)"neither of them, but a text of some length", 42);
	assert_int_equal(bc_verify(in_dir(f, "text"), &v, &f->err), -EBADMSG);
}

static void a_block_that_claims_too_much_is_damage(void **state)
{
	static const uint32_t lengths[] = { 0xfffffff0, 0x7ffffff0, 0x10000000, 0x02000000 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bc_scan v;

			/* The block behind the section header. */
		pack(BC_CODEC_NONE);
		bc_put_le32(packed + bc_get_le32(packed + 4) + 4, lengths[i]);
		put(in_dir(f, "a.pcapng"), packed, packed_len);
		assert_int_equal(bc_verify(in_dir(f, "a.pcapng"), &v, &f->err), -EBADMSG);
		assert_int_equal(v.records, 0);
	}
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(one_of_a_series_stays_in_it),
		IN_FOLDER(a_leftover_is_named_from_where_we_are),
		IN_FOLDER(names_that_are_too_long_are_refused),
		IN_FOLDER(padding_is_not_copied),
		IN_FOLDER(what_cannot_be_written_beside_it_is_told),
		IN_FOLDER(verifying_tells_how_far_it_is),
		IN_FOLDER(erf_is_verified_under_any_name),
		IN_FOLDER(a_block_that_claims_too_much_is_damage),
	};

	return cmocka_run_group_tests(tests, make_once, NULL);
}
