/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_tail_cache.h"
#include "scratch.h"

struct fixture {
	char base[SCRATCH_MAX], folder[SCRATCH_MAX + 16];
	struct bc_tail_cache *c;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_folder(f->base, "bc-tails");
	snprintf(f->folder, sizeof(f->folder), "%s/deep/tails", f->base);
	*state = f;
	return bc_tail_cache_open(f->folder, 100000, &f->c, NULL);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	bc_tail_cache_free(f->c);
	free(f);
	return 0;
}

/* Files in the folder; the path of one of them. */
static int count(const struct fixture *f, char path[512])
{
	DIR *dir = opendir(f->folder);
	struct dirent *d;
	int n = 0;

	assert_non_null(dir);
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		snprintf(path, 512, "%s/%s", f->folder, d->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

static void what_was_put_comes_back(void **state)
{
	struct fixture *f = *state;
	uint8_t got[100];

	assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 0);
	assert_false(bc_tail_cache_may_have(f->c, "key"));
	bc_tail_cache_put(f->c, "key", (const uint8_t *)"tail", 4);
	assert_true(bc_tail_cache_may_have(f->c, "key"));
	assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 4);
	assert_memory_equal(got, "tail", 4);
	assert_int_equal(bc_tail_cache_get(f->c, "other", got, sizeof(got)), 0);
	assert_int_equal(bc_tail_cache_get(f->c, "key", got, 3), 0);
	/* Also by the next run. */
	bc_tail_cache_free(f->c);
	assert_int_equal(bc_tail_cache_open(f->folder, 100000, &f->c, NULL), 0);
	assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 4);
}

static void a_changed_file_is_none(void **state)
{
	struct fixture *f = *state;
	uint8_t got[100], byte;
	char path[512];
	struct stat st;

	bc_tail_cache_put(f->c, "key", (const uint8_t *)"tail", 4);
	assert_int_equal(count(f, path), 1);
	assert_int_equal(stat(path, &st), 0);
	for (off_t at = 0; at < st.st_size; at++) {
		int fd = open(path, O_RDWR);

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 0);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
	}
	for (off_t len = st.st_size - 1; len >= 0; len--) {
		assert_int_equal(truncate(path, len), 0);
		assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 0);
	}
}

static void a_link_is_not_followed(void **state)
{
	struct fixture *f = *state;
	char path[512], moved[128];
	uint8_t got[100];

	bc_tail_cache_put(f->c, "key", (const uint8_t *)"tail", 4);
	assert_int_equal(count(f, path), 1);
	snprintf(moved, sizeof(moved), "%s/moved", f->base);
	assert_int_equal(rename(path, moved), 0);
	assert_int_equal(symlink(moved, path), 0);
	assert_int_equal(bc_tail_cache_get(f->c, "key", got, sizeof(got)), 0);
}

static void the_least_lately_used_go_first(void **state)
{
	struct fixture *f = *state;
	uint8_t tail[20000] = { 0 }, large[30000] = { 0 };
	char key[16], path[512];

	for (int i = 0; i < 4; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		bc_tail_cache_put(f->c, key, tail, sizeof(tail));
		usleep(20000);
	}
	assert_int_equal(bc_tail_cache_get(f->c, "key 0", tail, sizeof(tail)), sizeof(tail));
	bc_tail_cache_put(f->c, "key 4", tail, sizeof(tail));
	assert_true(bc_tail_cache_may_have(f->c, "key 0"));
	assert_false(bc_tail_cache_may_have(f->c, "key 1"));
	assert_true(bc_tail_cache_may_have(f->c, "key 4"));
	assert_int_equal(count(f, path), 3);
	/* What alone would take much of it is not kept. */
	bc_tail_cache_put(f->c, "large", large, sizeof(large));
	assert_false(bc_tail_cache_may_have(f->c, "large"));
}

static void others_files_are_left_alone(void **state)
{
	struct fixture *f = *state;
	uint8_t tail[20000] = { 0 };
	char path[512], key[16];
	int fd;

	snprintf(path, sizeof(path), "%s/notes.txt", f->folder);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_int_equal(bc_write_all(fd, tail, sizeof(tail)), 0);
	close(fd);
	for (int i = 0; i < 20; i++) {
		snprintf(key, sizeof(key), "key %d", i);
		bc_tail_cache_put(f->c, key, tail, sizeof(tail));
	}
	assert_int_equal(access(path, F_OK), 0);
}

static void a_folder_that_others_may_write_is_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_tail_cache *c = NULL;
	struct bc_err err;

	assert_int_equal(chmod(f->folder, 0777), 0);
	assert_int_equal(bc_tail_cache_open(f->folder, 1000, &c, &err), -EPERM);
	assert_non_null(strstr(err.msg, "others may write it"));
	assert_int_equal(bc_tail_cache_open("/dev/null/x", 1000, &c, &err), -ENOTDIR);
	assert_null(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_was_put_comes_back, setup, teardown),
		cmocka_unit_test_setup_teardown(a_changed_file_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(a_link_is_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(the_least_lately_used_go_first, setup, teardown),
		cmocka_unit_test_setup_teardown(others_files_are_left_alone, setup, teardown),
		cmocka_unit_test_setup_teardown(a_folder_that_others_may_write_is_refused, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
