/* SPDX-License-Identifier: BSD-3-Clause */
/* The stores of files: a folder of segments, and one file. */
#include "store_fixture.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bc_fsync_many.h"

static int open_fails(struct fixture *f, enum bc_store_kind kind, const char *dest)
{
	struct bc_store_config cfg = config_of(f, kind, dest);
	struct bc_store *s = NULL;
	int r = bc_store_open(&cfg, &s, &f->err);

	assert_null(s);
	return r;
}

static void missing_folder_is_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(open_fails(f, BC_STORE_DIR, in_dir(f, "no")), -ENOENT);
	assert_non_null(strstr(f->err.msg, "create it"));
	assert_int_equal(open_fails(f, BC_STORE_FILE, in_dir(f, "no/a.x")), -ENOENT);
}

static void file_is_no_folder(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "a"), "");
	assert_int_equal(open_fails(f, BC_STORE_DIR, in_dir(f, "a")), -ENOTDIR);
	assert_non_null(strstr(f->err.msg, "not a folder"));
}

static void folder_without_write_access_is_refused(void **state)
{
	struct fixture *f = *state;
	bool root = geteuid() == 0;
	int r;

	chmod(f->dir, 0555);
	if (root)
		assert_int_equal(seteuid(65534), 0);
	r = open_fails(f, BC_STORE_DIR, f->dir);
	if (root)
		assert_int_equal(seteuid(0), 0);
	chmod(f->dir, 0755);
	assert_int_equal(r, -EACCES);
	assert_non_null(strstr(f->err.msg, "write access"));
}

static void existing_file_is_refused_and_nothing_left_behind(void **state)
{
	struct fixture *f = *state;

	put_file(in_dir(f, "a.x"), "old");
	assert_int_equal(open_fails(f, BC_STORE_FILE, in_dir(f, "a.x")), -EEXIST);
	assert_non_null(strstr(f->err.msg, "already exists"));
	assert_int_equal(count(f->dir, ""), 1);
}

static void names_that_cannot_be_are_refused(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;
	char name[300];

	assert_int_equal(open_fails(f, BC_STORE_FILE, in_dir(f, "")), -EISDIR);
	assert_int_equal(open_fails(f, BC_STORE_DIR, ""), -EINVAL);
	cfg.ext = "/../x";
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), -EINVAL);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(open_fails(f, BC_STORE_FILE, in_dir(f, name)), -ENAMETOOLONG);
	assert_int_equal(count(f->dir, ""), 0);
}

static void unused_store_leaves_nothing_behind(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(bc_store_close(open_store(f, BC_STORE_DIR, f->dir)), 0);
	assert_int_equal(count(f->dir, ""), 0);
	assert_int_equal(f->seen, 0);
}

static void segments_are_published_under_time_and_number(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.first_seq = 41;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	segment(s, "one");
	segment(s, "two!");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000041.x"), "one");
	assert_holds(in_dir(f, STAMP "-00000042.x"), "two!");
	assert_int_equal(count(f->dir, ""), 2);
	assert_int_equal(f->seen, 2);
	assert_string_equal(f->path[1], in_dir(f, STAMP "-00000042.x"));
	assert_int_equal(f->bytes[1], 4);
	assert_int_equal(f->packets[1], 5);
	assert_int_equal(f->errs[1], 0);
}

static void name_by_the_first_packet_if_there_is_one(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_segment_info info = { .begin_ns = BEGIN_NS, .first_ns = BEGIN_NS + 7 * BC_NS_PER_S, .packets = 1 };
	struct bc_store *s = NULL;

	cfg.name_first = true;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(bc_store_begin(s), 0);
		assert_int_equal(bc_store_write(s, "x", 1), 0);
		assert_int_equal(bc_store_finish(s, &info), 0);
		info = (struct bc_segment_info){ .begin_ns = BEGIN_NS };
	}
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "20261025-003007-00000000.x"), "x");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "x");
}

static void local_time_before_1970_is_named_in_utc(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_segment_info info = { .begin_ns = 0 };
	struct bc_store *s = NULL;

	setenv("TZ", "EST5", 1);
	tzset();
	cfg.utc = false;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	assert_int_equal(bc_store_finish(s, &info), 0);
	segment(s, "y");
	assert_int_equal(bc_store_close(s), 0);
	setenv("TZ", "UTC0", 1);
	tzset();
	assert_holds(in_dir(f, "19700101-000000-00000000.x"), "x");
	assert_holds(in_dir(f, "20261024-193000-00000001.x"), "y");
}

static void unfinished_segment_has_a_private_temporary_name(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);
	struct bc_store_stats st;
	struct stat file;

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "abc", 3), 0);
	bc_store_stats(s, &st);
	assert_string_equal(st.path, in_dir(f, "tmp-77-00000000.x"));
	assert_holds(st.path, "abc");
	assert_int_equal(stat(st.path, &file), 0);
	assert_int_equal(file.st_mode & 07, 0);
	assert_int_equal(finish(s), 0);
	bc_store_stats(s, &st);
	assert_string_equal(st.path, "");
	bc_store_close(s);
}

static void live_file_is_locked(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);
	int fd;

	assert_int_equal(bc_store_begin(s), 0);
	fd = open(in_dir(f, "tmp-77-00000000.x"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), -1);
	bc_store_close(s);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	close(fd);
}

static void next_file_is_opened_ahead(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(access(in_dir(f, "tmp-77-00000000.x"), F_OK), 0);
	assert_int_equal(bc_store_begin(s), 0);
	while (access(in_dir(f, "tmp-77-00000001.x"), F_OK) < 0)
		nap();
	bc_store_close(s);
	assert_int_equal(access(in_dir(f, "tmp-77-00000001.x"), F_OK), -1);
}

static void published_segment_takes_no_space_beyond_its_bytes(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);
	struct stat st;

	segment(s, "abc");
	bc_store_close(s);
	assert_int_equal(stat(in_dir(f, STAMP "-00000000.x"), &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_true(st.st_blocks * 512 <= 8192);
}

static void another_segment_of_that_name_is_never_overwritten(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	put_file(in_dir(f, STAMP "-00000000.x"), "old");
	put_file(in_dir(f, STAMP "-00000001.x"), "older");
	segment(s, "new");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "old");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "older");
	assert_holds(in_dir(f, STAMP "-00000002.x"), "new");
	assert_string_equal(f->path[0], in_dir(f, STAMP "-00000002.x"));
}

static void two_stores_in_one_folder_at_the_same_second_keep_apart(void **state)
{
	struct fixture *f = *state;
	struct bc_store *a = open_store(f, BC_STORE_DIR, f->dir);
	struct bc_store *b = open_store(f, BC_STORE_DIR, f->dir);

	segment(a, "a");
	assert_int_equal(bc_store_close(a), 0);
	segment(b, "b");
	assert_int_equal(bc_store_close(b), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "a");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "b");
	assert_int_equal(count(f->dir, ""), 2);
}

static void leftover_of_the_same_process_number_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s;

	put_file(in_dir(f, "tmp-77-00000000.x"), "leftover");
	s = open_store(f, BC_STORE_DIR, f->dir);
	segment(s, "new");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "leftover");
	assert_holds(in_dir(f, STAMP "-00000000.x"), "new");
}

static void empty_segment_is_removed(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], -ENODATA);
	assert_int_equal(count(f->dir, ""), 0);
}

static void empty_segment_is_kept_where_it_is_a_valid_one(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.keep_empty = true;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	bc_store_spoil(s, -EIO);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], 0);
	assert_int_equal(f->errs[1], -ENODATA);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "");
	assert_int_equal(count(f->dir, ""), 1);
}

static void close_leaves_an_unfinished_segment(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "half", 4), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "half");
	assert_int_equal(count(f->dir, ""), 1);
	assert_int_equal(f->seen, 0);
}

/* Finish a segment, and return once the store's thread stands still in its callback. */
static void hold_thread(struct fixture *f, struct bc_store *s)
{
	f->block = true;
	segment(s, "first");
	sem_wait(&f->entered);
}

struct aborter {
	struct bc_store *s;
	_Atomic int tid;
};

static void *abort_main(void *arg)
{
	struct aborter *a = arg;

	atomic_store(&a->tid, gettid());
	bc_store_abort(a->s);
	return NULL;
}

static bool sleeps(int tid)
{
	char path[64], line[256] = "";
	int fd;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_true(read(fd, line, sizeof(line) - 1) > 0);
	close(fd);
	return strstr(line, ") S ") != NULL;
}

static void abort_leaves_what_waits_and_what_is_written_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct aborter a = { .s = open_store(f, BC_STORE_DIR, f->dir) };
	pthread_t t;

	hold_thread(f, a.s);
	segment(a.s, "waits");
	assert_int_equal(bc_store_begin(a.s), 0);
	assert_int_equal(bc_store_write(a.s, "half", 4), 0);
	pthread_create(&t, NULL, abort_main, &a);
	while (!atomic_load(&a.tid) || !sleeps(atomic_load(&a.tid)))
		nap();
	sem_post(&f->leave);
	pthread_join(t, NULL);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "first");
	assert_holds(in_dir(f, "tmp-77-00000001.x"), "waits");
	assert_holds(in_dir(f, "tmp-77-00000002.x"), "half");
	assert_int_equal(count(f->dir, ""), 3);
	assert_int_equal(f->seen, 2);
	assert_int_equal(f->errs[1], -ECANCELED);
	assert_string_equal(f->path[1], in_dir(f, "tmp-77-00000001.x"));
}

/* What lasts has its end's space reserved, but little taken ahead for what may never come. */
static void a_tiny_segment_takes_little_space(void **state)
{
	for (int io = BC_IO_BUFFERED; io <= BC_IO_DIRECT; io++) {
		struct fixture *f = *state;
		struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
		struct bc_store *s;
		struct stat st;

		cfg.io = (enum bc_io)io;
		assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
		assert_int_equal(bc_store_begin(s), 0);
		assert_int_equal(bc_store_write(s, "x", 1), 0);
		assert_int_equal(bc_store_settle(s), 0);
		assert_int_equal(stat(in_dir(f, "tmp-77-00000000.x"), &st), 0);
		assert_in_range(st.st_blocks, 0, 8);
		bc_store_sync(s);
		assert_int_equal(stat(in_dir(f, "tmp-77-00000000.x"), &st), 0);
		assert_in_range(st.st_blocks, BC_STORE_RESERVE / 512, 2 * BC_STORE_RESERVE / 512 + 64);
		assert_int_equal(finish(s), 0);
		assert_int_equal(bc_store_close(s), 0);
		assert_int_equal(f->bytes[io], 1);
		assert_int_equal(stat(f->path[io], &st), 0);
		assert_int_equal(st.st_size, 1);
		assert_in_range(st.st_blocks, 0, 8);
	}
}

static void many_files_are_brought_to_disk_at_once(void **state)
{
	struct fixture *f = *state;
	struct bc_fsync some[BC_FSYNC_MANY_MAX];
	int no_disk[2];

	assert_int_equal(pipe(no_disk), 0);
	for (uint32_t n = 1; n <= BC_FSYNC_MANY_MAX; n *= 4) {
		for (uint32_t i = 0; i < n; i++) {
			char name[16];

			snprintf(name, sizeof(name), "%u-%u", n, i);
			some[i].fd = open(in_dir(f, name), O_WRONLY | O_CREAT, 0600);
			assert_int_equal(write(some[i].fd, "x", 1), 1);
		}
		close(some[n / 2].fd);
		some[n / 2].fd = no_disk[1];
		bc_fsync_many(some, n);
		for (uint32_t i = 0; i < n; i++) {
			assert_int_equal(some[i].err, i == n / 2 ? -EINVAL : 0);
			if (i != n / 2)
				close(some[i].fd);
		}
	}
	close(no_disk[0]);
	close(no_disk[1]);
}

int __real_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to);

/* The next renames are refused with this. */
static _Atomic int refusals, refusal;

int __wrap_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to)
{
	if (refusals == 0)
		return __real_bc_rename_noreplace(from_folder, from, to_folder, to);
	refusals--;
	return refusal;
}

static void a_refused_name_is_asked_for_again(void **state)
{
	static const int errs[] = { -EACCES, -EPERM, -EROFS, -ENOSPC, -EDQUOT };
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	for (size_t i = 0; i < sizeof(errs) / sizeof(errs[0]); i++) {
		refusal = errs[i];
		refusals = 3;
		segment(s, "x");
		while (refusals > 0)
			nap();
	}
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(count(f->dir, STAMP), 5);
	assert_string_equal(f->lines, "");
}

static void a_name_that_is_refused_for_good_is_told(void **state)
{
	static const int errs[] = { -EIO, -EACCES };
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	for (int i = 0; i < 2; i++) {
		refusal = errs[i];
		refusals = i ? 1000000 : 1;
		segment(s, "x");
		while (i == 0 && refusals > 0)
			nap();
	}
	assert_int_equal(bc_store_close(s), -EIO);
	refusals = 0;
	assert_int_equal(f->errs[0], -EIO);
	assert_int_equal(f->errs[1], -EACCES);
	assert_int_equal(count(f->dir, "tmp-"), 2);
	assert_non_null(strstr(f->lines, "not published: rename to the final name: Permission denied"));
}

static void ignore_published(void *ctx, const char *path, uint64_t bytes, const struct bc_segment_info *info, int err)
{
	assert_int_equal(err, 0);
}

/* So fast that the queue is full again and again, with the next file opened by now one thread, now the other. */
static void each_file_is_opened_once(void **state)
{
	struct fixture *f = *state;
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s;
	int r;

	cfg.published = ignore_published;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	for (int i = 0; i < 10 * BC_STORE_QUEUE_MAX; i++) {
		while ((r = bc_store_begin(s)) == -EAGAIN)
			;
		assert_int_equal(r, 0);
		assert_int_equal(bc_store_write(s, "x", 1), 0);
		assert_int_equal(finish(s), 0);
	}
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(count(f->dir, STAMP), 10 * BC_STORE_QUEUE_MAX);
	assert_int_equal(count(f->dir, "tmp-"), 0);
}

static void begin_does_not_wait_for_a_thread_that_stands_still_until_the_queue_is_full(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);
	struct bc_store_stats st;

	hold_thread(f, s);
	for (int i = 1; i < BC_STORE_QUEUE_MAX; i++)
		segment(s, "x");
	bc_store_stats(s, &st);
	assert_int_equal(st.queue, BC_STORE_QUEUE_MAX);
	assert_int_equal(bc_store_begin(s), -EAGAIN);
	sem_post(&f->leave);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->seen, BC_STORE_QUEUE_MAX);
	assert_int_equal(count(f->dir, STAMP), BC_STORE_QUEUE_MAX);
}

/* As a clean-up does it, that somebody mends. */
static void a_folder_that_was_removed_and_made_again_is_found(void **state)
{
	for (int io = BC_IO_BUFFERED; io <= BC_IO_DIRECT; io++) {
		struct fixture *f = *state;
		char dir[80];
		struct bc_store *s;

		snprintf(dir, sizeof(dir), "%s/%d", f->dir, io);
		assert_int_equal(mkdir(dir, 0755), 0);
		struct bc_store_config cfg = config_of(f, BC_STORE_DIR, dir);
		cfg.io = (enum bc_io)io;
		assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
		assert_int_equal(bc_store_begin(s), 0);
		assert_int_equal(bc_store_write(s, "x", 1), 0);
		/* The next file is being opened in it. */
		while (nftw(dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS) != 0)
			nap();
		assert_int_equal(bc_store_write(s, "x", 1), -ESTALE);
		assert_int_equal(finish(s), 0);
		assert_int_equal(bc_store_begin(s), -ENOENT);
		assert_int_equal(mkdir(dir, 0755), 0);
		segment(s, "again");
		assert_true(bc_store_close(s) < 0);
		assert_int_equal(count(dir, STAMP), 1);
		assert_int_equal(count(dir, "tmp"), 0);
	}
}

/* As if it had been opened between the look at the folder and the exchange. */
static void a_file_that_was_opened_ahead_in_the_new_folder_is_used(void **state)
{
	struct fixture *f = *state;
	char dir[80], old[80], from[120], to[120];
	struct bc_store *s;

	snprintf(dir, sizeof(dir), "%s/now", f->dir);
	snprintf(old, sizeof(old), "%s/then", f->dir);
	snprintf(from, sizeof(from), "%s/tmp-77-00000001.x", old);
	snprintf(to, sizeof(to), "%s/tmp-77-00000001.x", dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	s = open_store(f, BC_STORE_DIR, dir);
	segment(s, "first");
	while (access(to, F_OK) != 0 || count(dir, STAMP) != 1)
		nap();
	assert_int_equal(rename(dir, old), 0);
	assert_int_equal(mkdir(dir, 0755), 0);
	assert_int_equal(rename(from, to), 0);
	segment(s, "again");
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(count(dir, STAMP), 1);
	assert_int_equal(count(dir, "tmp"), 0);
}

static void a_removed_file_that_was_opened_ahead_is_not_used(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(unlink(in_dir(f, "tmp-77-00000000.x")), 0);
	segment(s, "is there");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "is there");
}

/* No signal, no half block, and the end still fits. */
static void a_limit_on_the_size_of_files_leaves_room_for_the_end(void **state)
{
	struct fixture *f = *state;
	const struct rlimit small = { 1 << 20, RLIM_INFINITY }, all = { RLIM_INFINITY, RLIM_INFINITY };
	static uint8_t block[100000], tail[BC_STORE_RESERVE];
	struct bc_store *s;
	int r;

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	s = open_store(f, BC_STORE_DIR, f->dir);
	assert_int_equal(bc_store_begin(s), 0);
	while ((r = bc_store_write(s, block, sizeof(block))) == 0)
		assert_true(bc_store_size(s) < 1 << 20);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(bc_store_write_tail(s, tail, sizeof(tail)), 0);
	assert_int_equal(finish(s), 0);
	segment(s, "next");
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(f->bytes[0], 900000 + sizeof(tail));
	assert_int_equal(count(f->dir, STAMP), 2);
}

static void wait_syncs(struct bc_store *s, uint64_t n)
{
	struct bc_store_stats st;

	do {
		nap();
		bc_store_stats(s, &st);
	} while (st.syncs < n);
	assert_int_equal(st.syncs, n);
}

static void syncs_that_wait_are_one(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	hold_thread(f, s);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	for (int i = 0; i < 100; i++)
		bc_store_sync(s);
	sem_post(&f->leave);
	wait_syncs(s, 1);
	bc_store_sync(s);
	wait_syncs(s, 2);
	bc_store_close(s);
}

static void segment_whose_name_was_taken_away_is_reported(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	assert_int_equal(unlink(in_dir(f, "tmp-77-00000000.x")), 0);
	assert_int_equal(finish(s), 0);
	segment(s, "next");
	assert_int_equal(bc_store_close(s), -ENOENT);
	assert_int_equal(f->errs[0], -ENOENT);
	assert_int_equal(f->errs[1], 0);
	assert_non_null(strstr(f->lines, "tmp-77-00000000.x"));
	assert_non_null(strstr(f->lines, strerror(ENOENT)));
}

static int descriptor_of(const char *path)
{
	char link[64], target[512];

	for (int fd = 3; fd < 256; fd++) {
		ssize_t n;

		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (!strcmp(target, path))
			return fd;
	}
	fail_msg("%s is not open", path);
	return -1;
}

/* fdatasync(2) of a pipe fails: a disk's error at the right moment without a broken disk. */
static void segment_that_could_not_be_synced_is_not_published(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);
	int p[2], fd, saved;

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	fd = descriptor_of(in_dir(f, "tmp-77-00000000.x"));
	saved = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	dup3(p[1], fd, O_CLOEXEC);
	bc_store_sync(s);
	wait_syncs(s, 1);
	dup3(saved, fd, O_CLOEXEC);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), -EINVAL);
	close(saved);
	close(p[0]);
	close(p[1]);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "x");
	assert_int_equal(f->errs[0], -EINVAL);
	assert_string_equal(f->path[0], in_dir(f, "tmp-77-00000000.x"));
	assert_non_null(strstr(f->lines, "fdatasync"));
}

static void segment_without_its_closing_bytes_is_not_published(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = BC_FAULT_NONE;
	struct bc_store *s = open_faulty(open_store(f, BC_STORE_DIR, f->dir), &fault);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	atomic_store(&fault.eio_call, 1);
	assert_int_equal(bc_store_write_tail(s, "end", 3), -EIO);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "y", 1), 0);
	atomic_store(&fault.eio_call, 1);
	assert_int_equal(bc_store_write_tail(s, "end", 3), -EIO);
	assert_int_equal(bc_store_write_tail(s, "end", 3), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), -EIO);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "x");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "yend");
	assert_int_equal(f->errs[0], -EIO);
	assert_int_equal(f->errs[1], 0);
}

static void begin_that_cannot_open_a_file_can_be_repeated(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_DIR, f->dir);

	/* No file can be made in a folder that was removed, and one that had been made there is gone. */
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "x", 1), 0);
	while (access(in_dir(f, "tmp-77-00000001.x"), F_OK) < 0)
		nap();
	assert_int_equal(unlink(in_dir(f, "tmp-77-00000000.x")), 0);
	assert_int_equal(unlink(in_dir(f, "tmp-77-00000001.x")), 0);
	assert_int_equal(rmdir(f->dir), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_begin(s), -ENOENT);
	assert_int_equal(bc_store_begin(s), -ENOENT);
	assert_non_null(strstr(f->lines, "cannot open the next"));
	assert_int_equal(bc_store_close(s), -ENOENT);
}

static void short_writes_are_continued(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .short_max = 3 };
	struct bc_store *s = open_faulty(open_store(f, BC_STORE_DIR, f->dir), &fault);

	segment(s, "0123456789");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "0123456789");
}

static void broken_write_leaves_whole_blocks(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .short_max = 3 };
	struct bc_store *s = open_faulty(open_store(f, BC_STORE_DIR, f->dir), &fault);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "whole ", 6), 0);
	atomic_store(&fault.eio_call, 2);
	assert_int_equal(bc_store_write(s, "broken", 6), -EIO);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "whole ");
	assert_int_equal(bc_store_size(s), 6);
	assert_int_equal(bc_store_write(s, "next", 4), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "whole next");
}

static void disk_that_is_full_for_a_while_costs_the_blocks_of_that_while_only(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = 6 };
	struct bc_store *s = open_faulty(open_store(f, BC_STORE_DIR, f->dir), &fault);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "one ", 4), 0);
	assert_int_equal(bc_store_write(s, "two ", 4), -ENOSPC);
	assert_int_equal(bc_store_write(s, "three ", 6), -ENOSPC);
	atomic_store(&fault.space, 1000);
	assert_int_equal(bc_store_write(s, "four ", 5), 0);
	assert_int_equal(bc_store_write_tail(s, "end", 3), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "one four end");
}

#define BLOCK 65536U

static bool small_disk(struct fixture *f)
{
	return mount("bc", f->dir, "tmpfs", 0, "size=4m,mode=0755") == 0;
}

/* Fill a real disk; return how many blocks went through. */
static int fill(struct bc_store *s, uint8_t *block)
{
	int n = 0, r;

	for (;; n++) {
		memset(block, n, BLOCK);
		r = bc_store_write(s, block, BLOCK);
		if (r < 0)
			break;
	}
	assert_int_equal(r, -ENOSPC);
	return n;
}

static void assert_blocks(const char *path, int blocks, uint8_t *block)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	for (int i = 0; i < blocks; i++) {
		assert_int_equal(read(fd, block, BLOCK), BLOCK);
		assert_int_equal(block[0], (uint8_t)i);
		assert_int_equal(block[BLOCK - 1], (uint8_t)i);
	}
	assert_int_equal(read(fd, block, BLOCK), BLOCK);
	assert_int_equal(block[0], 0xee);
	assert_int_equal(read(fd, block, BLOCK), 0);
	close(fd);
}

static void full_disk_has_room_for_the_closing_bytes(void **state)
{
	static uint8_t block[BLOCK];
	struct fixture *f = *state;
	struct bc_store *s;
	int blocks;

	if (!small_disk(f))
		BC_SKIP("a small tmpfs cannot be mounted: %s", strerror(errno));
	s = open_store(f, BC_STORE_DIR, f->dir);
	assert_int_equal(bc_store_begin(s), 0);
	blocks = fill(s, block);
	assert_true(blocks > 8);
	assert_int_equal(bc_store_size(s), (uint64_t)blocks * BLOCK);
	memset(block, 0xee, BLOCK);
	assert_int_equal(bc_store_write_tail(s, block, BC_STORE_RESERVE), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], 0);
	assert_blocks(in_dir(f, STAMP "-00000000.x"), blocks, block);
}

static void full_disk_takes_blocks_again_once_there_is_room(void **state)
{
	static uint8_t block[BLOCK], ballast[BLOCK * 8];
	struct fixture *f = *state;
	struct bc_store *s;
	int fd, blocks;

	if (!small_disk(f))
		BC_SKIP("a small tmpfs cannot be mounted: %s", strerror(errno));
	fd = open(in_dir(f, "ballast"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, ballast, sizeof(ballast)), sizeof(ballast));
	close(fd);
	s = open_store(f, BC_STORE_DIR, f->dir);
	assert_int_equal(bc_store_begin(s), 0);
	blocks = fill(s, block);
	unlink(in_dir(f, "ballast"));
	for (int i = blocks; i < blocks + 8; i++) {
		memset(block, i, BLOCK);
		assert_int_equal(bc_store_write(s, block, BLOCK), 0);
	}
	memset(block, 0xee, BLOCK);
	assert_int_equal(bc_store_write(s, block, BLOCK), -ENOSPC);
	assert_int_equal(bc_store_write_tail(s, block, BLOCK), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_blocks(in_dir(f, STAMP "-00000000.x"), blocks + 8, block);
}

static void one_file_is_published_under_its_name(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_FILE, in_dir(f, "a.x"));

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "abc", 3), 0);
	assert_holds(in_dir(f, "tmp-77-a.x"), "abc");
	assert_int_equal(access(in_dir(f, "a.x"), F_OK), -1);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_begin(s), -EOPNOTSUPP);
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "a.x"), "abc");
	assert_int_equal(count(f->dir, ""), 1);
	assert_string_equal(f->path[0], in_dir(f, "a.x"));
}

static void one_file_may_lie_in_the_working_folder(void **state)
{
	struct fixture *f = *state;
	char *old = getcwd(NULL, 0);
	struct bc_store *s;

	assert_int_equal(chdir(f->dir), 0);
	s = open_store(f, BC_STORE_FILE, "a.x");
	assert_int_equal(chdir(old), 0);
	free(old);
	segment(s, "abc");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "a.x"), "abc");
	assert_string_equal(f->path[0], "a.x");
}

static void file_that_appeared_meanwhile_is_kept_and_so_is_the_capture(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_store(f, BC_STORE_FILE, in_dir(f, "a.x"));

	put_file(in_dir(f, "a.x"), "theirs");
	segment(s, "ours");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "a.x"), "theirs");
	assert_holds(in_dir(f, "a-1.x"), "ours");
	assert_string_equal(f->path[0], in_dir(f, "a-1.x"));
	assert_non_null(strstr(f->lines, "a-1.x"));
}

/* From here on the kernel answers renameat2(2) as NFS does. */
static int refuse_renameat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_renameat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -1 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog);
}

static int publish_twice_without_renameat2(struct fixture *f)
{
	struct bc_store *s;

	if (refuse_renameat2() < 0)
		return 77;
	for (int i = 0; i < 2; i++) {
		s = open_store(f, BC_STORE_DIR, f->dir);
		segment(s, i ? "second" : "first");
		if (bc_store_close(s) < 0)
			return 1;
	}
	return 0;
}

static void without_renameat2_names_are_still_never_overwritten(void **state)
{
	struct fixture *f = *state;
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(publish_twice_without_renameat2(f));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		BC_SKIP("no seccomp here");
	assert_int_equal(status, 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "first");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "second");
	assert_int_equal(count(f->dir, ""), 2);
}

static void no_descriptor_is_left_open(void **state)
{
	struct fixture *f = *state;
	int before = count("/proc/self/fd", "");
	struct bc_store *s;

	open_fails(f, BC_STORE_DIR, in_dir(f, "no"));
	put_file(in_dir(f, "a.x"), "");
	open_fails(f, BC_STORE_FILE, in_dir(f, "a.x"));
	s = open_store(f, BC_STORE_DIR, f->dir);
	segment(s, "x");
	segment(s, "y");
	assert_int_equal(bc_store_begin(s), 0);
	bc_store_close(s);
	s = open_store(f, BC_STORE_DIR, f->dir);
	segment(s, "x");
	assert_int_equal(bc_store_begin(s), 0);
	bc_store_abort(s);
	assert_int_equal(count("/proc/self/fd", ""), before);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(missing_folder_is_refused),
		T(file_is_no_folder),
		T(folder_without_write_access_is_refused),
		T(existing_file_is_refused_and_nothing_left_behind),
		T(names_that_cannot_be_are_refused),
		T(unused_store_leaves_nothing_behind),
		T(segments_are_published_under_time_and_number),
		T(name_by_the_first_packet_if_there_is_one),
		T(local_time_before_1970_is_named_in_utc),
		T(unfinished_segment_has_a_private_temporary_name),
		T(live_file_is_locked),
		T(next_file_is_opened_ahead),
		T(published_segment_takes_no_space_beyond_its_bytes),
		T(another_segment_of_that_name_is_never_overwritten),
		T(two_stores_in_one_folder_at_the_same_second_keep_apart),
		T(leftover_of_the_same_process_number_is_left_alone),
		T(empty_segment_is_removed),
		T(empty_segment_is_kept_where_it_is_a_valid_one),
		T(close_leaves_an_unfinished_segment),
		T(abort_leaves_what_waits_and_what_is_written_as_it_is),
		T(begin_does_not_wait_for_a_thread_that_stands_still_until_the_queue_is_full),
		T(a_refused_name_is_asked_for_again),
		T(a_name_that_is_refused_for_good_is_told),
		T(each_file_is_opened_once),
		T(a_tiny_segment_takes_little_space),
		T(many_files_are_brought_to_disk_at_once),
		T(a_folder_that_was_removed_and_made_again_is_found),
		T(a_file_that_was_opened_ahead_in_the_new_folder_is_used),
		T(a_removed_file_that_was_opened_ahead_is_not_used),
		T(a_limit_on_the_size_of_files_leaves_room_for_the_end),
		T(syncs_that_wait_are_one),
		T(segment_whose_name_was_taken_away_is_reported),
		T(segment_that_could_not_be_synced_is_not_published),
		T(segment_without_its_closing_bytes_is_not_published),
		T(begin_that_cannot_open_a_file_can_be_repeated),
		T(short_writes_are_continued),
		T(broken_write_leaves_whole_blocks),
		T(disk_that_is_full_for_a_while_costs_the_blocks_of_that_while_only),
		T(full_disk_has_room_for_the_closing_bytes),
		T(full_disk_takes_blocks_again_once_there_is_room),
		T(one_file_is_published_under_its_name),
		T(one_file_may_lie_in_the_working_folder),
		T(file_that_appeared_meanwhile_is_kept_and_so_is_the_capture),
		T(without_renameat2_names_are_still_never_overwritten),
		T(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
