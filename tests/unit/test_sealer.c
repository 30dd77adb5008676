/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <string.h>

#include "bc_age_blob.h"
#include "bc_sealer.h"
#include "scratch.h"

#define BLOCK 65536U

static struct bc_age_identities ids;
static struct bc_age_recipients to;
static uint8_t file[16 * BLOCK];
static size_t file_len;
static uint32_t calls, refused;	/* refused: the number of the call that finds no memory; 0: none does */

static int to_file(void *ctx, const uint8_t *data, size_t len)
{
	if (++calls == refused)
		return -ENOMEM;
	memcpy(file + file_len, data, len);
	file_len += len;
	return 0;
}

static struct bc_sealer *new_sealer(enum bc_codec codec)
{
	char text[BC_AGE_RECIPIENT_SIZE];
	struct bc_sealer *s;
	struct bc_err err;

	if (!ids.n) {
		assert_int_equal(bc_age_identity_make(&ids.key[0]), 0);
		ids.n = 1;
		bc_age_recipient_text(ids.key[0].public, text);
		assert_int_equal(bc_age_recipient_add(&to, text, &err), 0);
	}
	assert_int_equal(bc_sealer_new(&to, codec, to_file, NULL, NULL, &s), 0);
	file_len = calls = refused = 0;
	return s;
}

/* Puts, pads, flushes and ends, going on whatever they return, as a caller may for whom not each of these matters. The last one's errno. */
static int write_all(struct bc_sealer *s)
{
	static const uint8_t data[3 * BLOCK / 2];
	uint8_t end[BC_SEALER_END_MAX];
	size_t len;

	for (int i = 0; i < 3; i++) {
		bc_sealer_put(s, data, sizeof(data));
		bc_sealer_pad(s, false, &len);
		bc_sealer_flush(s);
		bc_sealer_end_so_far(s, end);
	}
	bc_sealer_pad(s, true, &len);
	bc_sealer_put(s, data, 12);
	return bc_sealer_end(s);
}

static int is_whole(void)
{
	char path[SCRATCH_MAX];
	int fd = scratch_file(path, "bc-sealer"), r;
	struct bc_blob *blob;
	struct bc_err err;

	assert_int_equal(pwrite(fd, file, file_len, 0), (ssize_t)file_len);
	assert_int_equal(bc_blob_open_fd(fd, path, &blob, &err), 0);
	r = bc_age_blob_wrap(&blob, &ids, &err);
	bc_blob_close(blob);
	unlink(path);
	return r;
}

/* Wherever that was: a file that misses some of its blocks never gets an end. */
static void what_was_not_kept_ends_the_file(void **state)
{
	struct bc_sealer *s = new_sealer(BC_CODEC_NONE);
	uint32_t all;

	assert_int_equal(bc_sealer_begin(s), 0);
	assert_int_equal(write_all(s), 0);
	assert_int_equal(is_whole(), 0);
	all = calls;
	assert_true(all > 6);
	for (uint32_t at = 2; at <= all; at++) {
		uint8_t end[BC_SEALER_END_MAX];

		file_len = calls = 0;
		refused = at;
		assert_int_equal(bc_sealer_begin(s), 0);
		assert_int_equal(write_all(s), -ESTALE);
		assert_int_equal(calls, at);
		assert_int_equal(bc_sealer_end_so_far(s, end), 0);
	}
	refused = file_len = 0;
	assert_int_equal(bc_sealer_begin(s), 0);
	assert_int_equal(write_all(s), 0);
	assert_int_equal(is_whole(), 0);
	bc_sealer_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_not_kept_ends_the_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
