/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_blob.h"
#include "bc_file.h"
#include "scratch.h"

static char folder[SCRATCH_MAX], path[SCRATCH_MAX + 8];

static int setup(void **state)
{
	int fd;

	scratch_folder(folder, "bc-blob");
	snprintf(path, sizeof(path), "%s/file", folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	if (fd < 0 || bc_write_all(fd, "0123456789", 10))
		return -1;
	return close(fd);
}

static void file_is_read_by_ranges(void **state)
{
	const struct bc_blob_range range = { .at = 3, .len = 4 };
	struct bc_blob *b;
	char got[16];

	assert_int_equal(bc_blob_open_file(path, &b, NULL), 0);
	assert_int_equal(b->bytes, 10);
	bc_blob_want(b, &range, 1);
	assert_int_equal(bc_blob_read(b, got, 4, 3, NULL), 4);
	assert_memory_equal(got, "3456", 4);
	assert_int_equal(bc_blob_read(b, got, 2, 0, NULL), 2);
	assert_memory_equal(got, "01", 2);
	bc_blob_close(b);
}

/* More than is read ahead, each in pieces; and again, in place of what was wanted before. */
static void what_is_wanted_is_read_in_turn(void **state)
{
	enum { N = 24, STEP = 1 << 20 };
	struct bc_blob_range range[N];
	static uint8_t got[STEP / 2];
	struct bc_blob *b;
	char big[96];
	int fd;

	snprintf(big, sizeof(big), "%s/big", folder);
	fd = open(big, O_WRONLY | O_CREAT, 0600);
	for (int i = 0; i < N; i++) {
		range[i] = (struct bc_blob_range){ .at = (uint64_t)i * STEP, .len = STEP / 2 };
		assert_int_equal(pwrite(fd, &i, 4, i * STEP + STEP / 2 - 4), 4);
	}
	close(fd);
	assert_int_equal(bc_blob_open_file(big, &b, NULL), 0);
	for (uint32_t from = 0; from < N; from += N / 2) {
		bc_blob_want(b, range + from, N - from);
		for (uint32_t i = from; i < N; i++) {
			assert_int_equal(bc_blob_read(b, got, 100, range[i].at, NULL), 100);
			assert_int_equal(bc_blob_read(b, got + 100, sizeof(got) - 100, range[i].at + 100, NULL), sizeof(got) - 100);
			assert_memory_equal(got + sizeof(got) - 4, &i, 4);
		}
	}
	bc_blob_want(b, NULL, 0);
	assert_int_equal(bc_blob_read(b, got, 4, STEP / 2 - 4, NULL), 4);
	assert_memory_equal(got, "\0\0\0\0", 4);
	bc_blob_close(b);
}

static void read_beyond_the_end_is_short(void **state)
{
	struct bc_blob *b;
	char got[16];

	assert_int_equal(bc_blob_open_file(path, &b, NULL), 0);
	assert_int_equal(bc_blob_read(b, got, sizeof(got), 8, NULL), 2);
	assert_memory_equal(got, "89", 2);
	assert_int_equal(bc_blob_read(b, got, sizeof(got), 10, NULL), 0);
	assert_int_equal(bc_blob_read(b, got, sizeof(got), 11, NULL), 0);
	bc_blob_close(b);
}

static void what_is_no_file_is_refused(void **state)
{
	struct bc_blob *b = NULL;
	char pipe[96];
	struct bc_err err;

	assert_int_equal(bc_blob_open_file(folder, &b, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "not a regular file"));
	/* Without waiting for a writer. */
	snprintf(pipe, sizeof(pipe), "%s/pipe", folder);
	assert_int_equal(mkfifo(pipe, 0600), 0);
	assert_int_equal(bc_blob_open_file(pipe, &b, &err), -EINVAL);
	assert_int_equal(bc_blob_open_file("/nowhere/at/all", &b, &err), -ENOENT);
	assert_null(b);
	bc_blob_close(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(file_is_read_by_ranges),
		cmocka_unit_test(what_is_wanted_is_read_in_turn),
		cmocka_unit_test(read_beyond_the_end_is_short),
		cmocka_unit_test(what_is_no_file_is_refused),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
