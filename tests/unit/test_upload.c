/* SPDX-License-Identifier: BSD-3-Clause */
/* Uploads without a store: keys, what a folder's file says of them, what retention makes of it. */
#include "bc_test.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "bc_expire.h"
#include "bc_time.h"
#include "bc_upload_key.h"
#include "bc_upload_log.h"
#include "bc_uploader_priv.h"
#include "scratch.h"

#define WHERE "https://h/bucket/prefix/"
#define A "20261129-010203-00000001.pcapng"
#define B "20261129-010203-00000002.pcapng"
/* A section header block that says "braidcap". */
static const uint8_t ours[] = {
	0x0a, 0x0d, 0x0d, 0x0a, 0x30, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	4, 0, 11, 0, 'b', 'r', 'a', 'i', 'd', 'c', 'a', 'p', ' ', '0', '1', 0, 0, 0, 0, 0, 0x30, 0, 0, 0,
};

/* While set the disk takes as long as the test wants; in_sync: somebody waits for it. */
static _Atomic bool slow_disk, in_sync;

int fdatasync(int fd)
{
	(void)fd;
	atomic_store(&in_sync, true);
	while (atomic_load(&slow_disk))
		usleep(1000);
	return 0;
}

/* So much later it is. */
static _Atomic uint64_t later_s;

int clock_gettime(clockid_t id, struct timespec *t)
{
	long r = syscall(SYS_clock_gettime, id, t);

	t->tv_sec += (time_t)atomic_load(&later_s);
	return (int)r;
}

/* What another process does before we get a lock, once. */
static void (*before_lock)(void);

int flock(int fd, int how)
{
	void (*f)(void) = before_lock;

	before_lock = NULL;
	if (f)
		f();
	return (int)syscall(SYS_flock, fd, how);
}

struct bed {
	char path[SCRATCH_MAX];
	int fd;
};

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	scratch_folder(b->path, "bc-upload");
	b->fd = open(b->path, O_RDONLY | O_DIRECTORY);
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	close(b->fd);
	free(b);
	return 0;
}

static struct bc_upload_file make(const struct bed *b, const char *name)
{
	int fd = openat(b->fd, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	struct stat st;

	assert_int_equal(write(fd, ours, sizeof(ours)), sizeof(ours));
	fstat(fd, &st);
	close(fd);
	return (struct bc_upload_file){ name, (uint64_t)st.st_size, (uint64_t)st.st_mtim.tv_sec * BC_NS_PER_S + (uint64_t)st.st_mtim.tv_nsec };
}

static struct bc_upload_log *open_log(const struct bed *b, const char *where)
{
	struct bc_upload_log *l;
	struct bc_err err;

	if (bc_upload_log_open(b->fd, b->path, where, &l, &err))
		fail_msg("%s", err.msg);
	return l;
}

static void append(const struct bed *b, const char *text)
{
	int fd = openat(b->fd, BC_UPLOAD_LOG, O_WRONLY | O_APPEND);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static void a_key_has_the_node_and_the_hour_in_utc(void **state)
{
	char key[BC_KEY_MAX];

	setenv("TZ", "CET-1", 1);
	tzset();
	assert_int_equal(bc_upload_key("p/", "n", "20261129-003000-00000001.pcapng.lz4", false, key), 0);
	assert_string_equal(key, "p/n/2026/11/28/23/20261129-003000-00000001.pcapng.lz4");
	assert_int_equal(bc_upload_key("p", "n", "20261129-003000-00000001.pcapng.lz4", true, key), 0);
	assert_string_equal(key, "p/n/2026/11/29/00/20261129-003000-00000001.pcapng.lz4");
	assert_int_equal(bc_upload_key("", "n", "trace-bts-1-20261129_120000.pcap", true, key), 0);
	assert_string_equal(key, "bts-1/2026/11/29/12/trace-bts-1-20261129_120000.pcap");
	assert_int_equal(bc_upload_key("", "n", "20261129-003000-00000001.pcapng.lz4.age", true, key), 0);
	assert_string_equal(key, "n/2026/11/29/00/20261129-003000-00000001.pcapng.lz4.age");
}

static void what_is_no_segment_has_no_key(void **state)
{
	char key[BC_KEY_MAX];

	assert_int_equal(bc_upload_key("", "n", "notes.txt", true, key), -EINVAL);
	assert_int_equal(bc_upload_key("", "n", "tmp-1-00000001.pcapng", true, key), -EINVAL);
	assert_false(bc_upload_node_ok("a/b"));
	assert_false(bc_upload_node_ok(".."));
	assert_false(bc_upload_node_ok(""));
	assert_true(bc_upload_node_ok("probe-1.lab"));
}

static void what_is_done_is_known_after_a_restart(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A), other = a;
	struct bc_upload_log *l = open_log(b, WHERE);

	assert_false(bc_upload_log_has(l, &a));
	assert_int_equal(bc_upload_log_done(l, &a, "etag"), 0);
	assert_true(bc_upload_log_has(l, &a));
	bc_upload_log_free(l);
	l = open_log(b, WHERE);
	assert_true(bc_upload_log_has(l, &a));
	other.size++;
	assert_false(bc_upload_log_has(l, &other));
	bc_upload_log_free(l);
}

/* Files may become so long. */
static void limit_files(rlim_t bytes)
{
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &(struct rlimit){ bytes, RLIM_INFINITY }), 0);
}

static void a_line_that_found_no_room_spoils_no_other(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A), other = make(b, B);
	struct bc_upload_log *l = open_log(b, WHERE);
	struct stat st;
	int r;

	assert_int_equal(fstatat(b->fd, BC_UPLOAD_LOG, &st, 0), 0);
	limit_files((rlim_t)st.st_size + 10);
	r = bc_upload_log_done(l, &a, "etag");
	limit_files(RLIM_INFINITY);
	assert_int_equal(r, -EFBIG);
	assert_int_equal(bc_upload_log_done(l, &other, "etag"), 0);
	bc_upload_log_free(l);
	l = open_log(b, WHERE);
	assert_false(bc_upload_log_has(l, &a));
	assert_true(bc_upload_log_has(l, &other));
	bc_upload_log_free(l);
}

static void another_place_knows_nothing_of_it(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A);
	struct bc_upload_log *l = open_log(b, WHERE);

	bc_upload_log_done(l, &a, "etag");
	bc_upload_log_free(l);
	l = open_log(b, "https://h/other/");
	assert_false(bc_upload_log_has(l, &a));
	bc_upload_log_free(l);
}

static void what_was_begun_is_gone_on_with(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A);
	struct bc_upload_log *l = open_log(b, WHERE);
	char id[BC_OBJECT_TOKEN_MAX];

	assert_int_equal(bc_upload_log_begin(l, &a, "2~id"), 0);
	bc_upload_log_free(l);
	l = open_log(b, WHERE);
	assert_true(bc_upload_log_begun(l, &a, id));
	assert_string_equal(id, "2~id");
	assert_false(bc_upload_log_has(l, &a));
	assert_int_equal(bc_upload_log_begin(l, &a, ""), 0);
	assert_false(bc_upload_log_begun(l, &a, id));
	bc_upload_log_free(l);
	l = open_log(b, WHERE);
	assert_false(bc_upload_log_begun(l, &a, id));
	bc_upload_log_free(l);
}

static void count(void *ctx, const char *name, const char *id)
{
	assert_string_equal(name, B);
	assert_string_equal(id, "2~b");
	++*(int *)ctx;
}

static void what_was_begun_for_a_file_that_is_gone_is_told(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A), gone = make(b, B);
	struct bc_upload_log *l = open_log(b, WHERE);
	int n = 0;

	bc_upload_log_begin(l, &a, "2~a");
	bc_upload_log_begin(l, &gone, "2~b");
	bc_upload_log_free(l);
	unlinkat(b->fd, B, 0);
	l = open_log(b, WHERE);
	bc_upload_log_orphans(l, count, &n);
	assert_int_equal(n, 1);
	bc_upload_log_free(l);
}

static void note_aborted(void *ctx, const char *name, const char *id)
{
	const struct bc_upload_file gone = { .name = name };

	assert_int_equal(bc_upload_log_begin(ctx, &gone, ""), 0);
}

static void what_was_aborted_is_not_told_again(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file gone = make(b, B);
	struct bc_upload_log *l = open_log(b, WHERE);
	int n = 0;

	bc_upload_log_begin(l, &gone, "2~b");
	unlinkat(b->fd, B, 0);
	bc_upload_log_orphans(l, note_aborted, l);
	bc_upload_log_free(l);
	l = open_log(b, WHERE);
	bc_upload_log_orphans(l, count, &n);
	assert_int_equal(n, 0);
	bc_upload_log_free(l);
}

static void *begin_one(void *log)
{
	bc_upload_log_begin(log, &(struct bc_upload_file){ .name = B }, "2~b");
	return NULL;
}

static void who_asks_does_not_wait_for_the_disk(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A);
	struct bc_upload_log *l = open_log(b, WHERE);
	pthread_t writer;

	bc_upload_log_done(l, &a, "etag");
	atomic_store(&in_sync, false);
	atomic_store(&slow_disk, true);
	pthread_create(&writer, NULL, begin_one, l);
	while (!atomic_load(&in_sync))
		usleep(1000);
	assert_true(bc_upload_log_has(l, &a));
	atomic_store(&slow_disk, false);
	pthread_join(writer, NULL);
	bc_upload_log_free(l);
}

static void what_is_here_encrypted_only_is_known_still(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file first = make(b, A), second = make(b, B);
	struct bc_upload_log *l = open_log(b, WHERE);

	bc_upload_log_done(l, &first, "etag");
	bc_upload_log_done(l, &second, "etag");
	bc_upload_log_free(l);
	assert_int_equal(renameat(b->fd, A, b->fd, A ".age"), 0);
	assert_int_equal(unlinkat(b->fd, B, 0), 0);
	/* The first makes the file anew, the second reads that. */
	bc_upload_log_free(open_log(b, WHERE));
	l = open_log(b, WHERE);
	assert_true(bc_upload_log_knows(l, A));
	assert_false(bc_upload_log_knows(l, A ".age"));
	assert_false(bc_upload_log_knows(l, B));
	bc_upload_log_free(l);
}

static void two_do_not_upload_from_one_folder(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_log *l = open_log(b, WHERE), *other;
	struct bc_err err;

	assert_int_equal(bc_upload_log_open(b->fd, b->path, WHERE, &other, &err), -EBUSY);
	bc_upload_log_free(l);
	bc_upload_log_free(open_log(b, WHERE));
}

static const struct bed *their_bed;
static struct bc_upload_log *theirs;

static void they_open_it(void)
{
	theirs = open_log(their_bed, WHERE);
}

/* With a file that is there and without one: who comes second is told, wherever the first one was. */
static void two_that_come_at_once_do_not_both_upload(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_log *ours_too;
	struct bc_err err;

	their_bed = b;
	for (int i = 0; i < 2; i++) {
		before_lock = they_open_it;
		assert_int_equal(bc_upload_log_open(b->fd, b->path, WHERE, &ours_too, &err), -EBUSY);
		assert_non_null(theirs);
		bc_upload_log_free(theirs);
	}
	bc_upload_log_free(open_log(b, WHERE));
}

static void a_torn_or_strange_record_counts_for_nothing(void **state)
{
	static const char *const lines[] = { "+ " A " 48 1 etag", "+ " A " 48 x etag\n", "+ " A " 48\n", "? " A " 48 1 e\n", "+ %00 48 1 e\n",
					     "+ " A " 48 1 etag more\n", "\n" };
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A);

	a.mtime_ns = 1;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct bc_upload_log *l;

		bc_upload_log_free(open_log(b, WHERE));
		append(b, lines[i]);
		l = open_log(b, WHERE);
		assert_false(bc_upload_log_has(l, &a));
		bc_upload_log_free(l);
		unlinkat(b->fd, BC_UPLOAD_LOG, 0);
	}
}

static void a_reader_follows_a_writer(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A), second = make(b, B);
	struct bc_upload_log *r, *w;

	assert_int_equal(bc_upload_log_new(b->fd, &r), 0);
	assert_int_equal(bc_upload_log_refresh(r), 0);
	assert_false(bc_upload_log_has(r, &a));
	w = open_log(b, WHERE);
	bc_upload_log_done(w, &a, "x");
	assert_int_equal(bc_upload_log_refresh(r), 0);
	assert_true(bc_upload_log_has(r, &a));
	bc_upload_log_done(w, &second, "y");
	assert_false(bc_upload_log_has(r, &second));
	assert_int_equal(bc_upload_log_refresh(r), 0);
	assert_true(bc_upload_log_has(r, &second));
	bc_upload_log_free(w);
	w = open_log(b, "https://elsewhere/");
	assert_int_equal(bc_upload_log_refresh(r), 0);
	assert_false(bc_upload_log_has(r, &a));
	bc_upload_log_free(w);
	bc_upload_log_free(r);
}

static bool there(const struct bed *b, const char *name)
{
	return faccessat(b->fd, name, F_OK, 0) == 0;
}

static struct bc_expired run_expire(const struct bed *b, const struct bc_retention_rules *keep)
{
	const struct bc_expire_config cfg = { .folder = b->path, .keep = *keep };
	struct bc_expire *e = bc_expire_new();
	struct bc_expired sum;
	struct bc_err err;

	assert_int_equal(bc_expire_run(e, &cfg, &sum, &err), 0);
	bc_expire_free(e);
	return sum;
}

static void only_what_is_uploaded_is_removed_as_uploaded(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file a = make(b, A);
	struct bc_upload_log *l = open_log(b, WHERE);
	struct bc_expired sum;

	make(b, B);
	bc_upload_log_done(l, &a, "x");
	bc_upload_log_free(l);
	usleep(20000);
	sum = run_expire(b, &(struct bc_retention_rules){ .uploaded_age_ns = 3600 * BC_NS_PER_S });
	assert_int_equal(sum.removed, 0);
	sum = run_expire(b, &(struct bc_retention_rules){ .uploaded_age_ns = 1 });
	assert_int_equal(sum.removed, 1);
	assert_int_equal(sum.not_uploaded, 0);
	assert_false(there(b, A));
	assert_true(there(b, B));
}

static void space_is_made_of_what_is_uploaded_first(void **state)
{
	const struct bed *b = *state;
	struct bc_upload_file newer;
	struct bc_upload_log *l = open_log(b, WHERE);
	struct bc_expired sum;

	make(b, A);
	usleep(20000);
	newer = make(b, B);
	bc_upload_log_done(l, &newer, "x");
	bc_upload_log_free(l);
	sum = run_expire(b, &(struct bc_retention_rules){ .bytes = 4096 });
	assert_int_equal(sum.removed, 1);
	assert_int_equal(sum.not_uploaded, 0);
	assert_true(there(b, A));
	sum = run_expire(b, &(struct bc_retention_rules){ .bytes = 1 });
	assert_int_equal(sum.removed, 1);
	assert_int_equal(sum.not_uploaded, 1);
}

/* A folder and items that wait in it, of which nobody takes any. */
struct hours {
	struct bc_uploader u;
	struct bc_upload_folder f;
};

static void set_up_hours(struct hours *h)
{
	*h = (struct hours){ .f = { .u = &h->u, .dest = { .key = "p/" }, .node = "n", .utc = true } };
	h->f.tail = &h->f.head;
}

static struct bc_upload_item *wait_in(struct hours *h, const char *name)
{
	const struct stat st = { .st_size = 1 };
	struct bc_upload_item *i;

	assert_int_equal(bc_upload_enqueue(&h->f, name, &st), 0);
	i = h->f.head;
	h->f.head = NULL;
	h->f.tail = &h->f.head;
	return i;
}

static void arrive(struct bc_upload_item *i)
{
	bc_upload_hour_note(i);
	bc_upload_drop(i);
}

/* Once the folder was looked through. */
static bool is_over(struct hours *h)
{
	struct bc_upload_hour *over = bc_upload_hour_over(&h->f);

	assert_null(over);
	if (!h->f.scan)
		return false;
	h->f.scan = false;
	over = bc_upload_hour_over(&h->f);
	assert_non_null(over);
	free(over);
	return true;
}

static void an_hour_is_over_when_a_later_one_begins_and_nothing_of_it_waits(void **state)
{
	struct bc_upload_item *first, *second, *next;
	struct hours h;

	set_up_hours(&h);
	first = wait_in(&h, "20991129-010000-00000001.pcapng");
	second = wait_in(&h, "20991129-013000-00000002.pcapng");
	arrive(first);
	assert_false(is_over(&h));
	next = wait_in(&h, "20991129-020000-00000003.pcapng");
	assert_false(is_over(&h));
	arrive(second);
	assert_true(is_over(&h));
	/* That has not begun to be there, and nothing comes after it. */
	assert_false(is_over(&h));
	arrive(next);
	assert_false(is_over(&h));
	h.u.finishing = true;
	assert_true(is_over(&h));
	assert_null(h.f.hours);
}

/* A node that has left sends no later hour. */
static void an_hour_that_is_past_and_quiet_is_over(void **state)
{
	struct hours h;

	set_up_hours(&h);
	arrive(wait_in(&h, "20011129-010000-00000001.pcapng"));
	assert_false(is_over(&h));
	atomic_store(&later_s, 500);
	assert_false(is_over(&h));
	atomic_store(&later_s, 601);
	assert_true(is_over(&h));
	/* Of an hour that is not past nothing is said, however quiet it is. */
	arrive(wait_in(&h, "20991129-010000-00000001.pcapng"));
	atomic_store(&later_s, 7200);
	assert_false(is_over(&h));
	bc_upload_forget_hours(&h.f);
	atomic_store(&later_s, 0);
}

/* Where nobody listens. */
static struct bc_uploader *new_uploader(void)
{
	const struct bc_uploader_config cfg = { .store = { .endpoint = "http://127.0.0.1:9" } };
	struct bc_uploader *u;
	struct bc_err err;

	setenv("AWS_ACCESS_KEY_ID", "a", 1);
	setenv("AWS_SECRET_ACCESS_KEY", "b", 1);
	if (bc_uploader_new(&cfg, &u, &err))
		fail_msg("%s", err.msg);
	return u;
}

static void segments_wait_while_the_store_is_down(void **state)
{
	const struct bed *b = *state;
	const struct bc_upload_dest d = { b->path, "s3://bucket/p/", "node", true };
	struct bc_uploader *u = new_uploader();
	struct bc_upload_folder *f, *same;
	struct bc_upload_stats st = { .waiting = 0 };
	struct bc_err err;

	make(b, A);
	assert_int_equal(bc_uploader_add(u, &d, &f, &err), 0);
	assert_int_equal(bc_uploader_add(u, &d, &same, &err), 0);
	assert_ptr_equal(f, same);
	/* The folder may be looked through at any time. */
	make(b, "whole");
	assert_int_equal(renameat(b->fd, "whole", b->fd, B), 0);
	bc_uploader_published(f, "elsewhere/" B);
	bc_uploader_published(f, A);
	while (!st.down || st.waiting < 2) {
		bc_uploader_stats(f, &st);
		usleep(10000);
	}
	assert_int_equal(st.waiting, 2);
	assert_int_equal(st.waiting_bytes, 2 * sizeof(ours));
	assert_true(st.oldest_ns > 0);
	assert_int_equal(st.failed + st.missed + st.uploaded, 0);
	assert_false(bc_uploader_finish(u, UINT64_MAX));
	assert_true(bc_uploader_finish(u, 0));
	bc_uploader_remove(u, same);
	bc_uploader_remove(u, f);
	assert_true(bc_uploader_finish(u, UINT64_MAX));
	bc_uploader_close(u);
	bc_uploader_free(u);
}

static void an_uploader_ends_at_once(void **state)
{
	const struct bed *b = *state;
	const struct bc_upload_dest d = { b->path, "s3://bucket/p/", "node", true };
	struct bc_uploader *u = new_uploader();
	struct bc_upload_folder *f;
	struct bc_err err;

	make(b, A);
	assert_int_equal(bc_uploader_add(u, &d, &f, &err), 0);
	bc_uploader_close(u);
	bc_uploader_free(u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_the_node_and_the_hour_in_utc),
		cmocka_unit_test(what_is_no_segment_has_no_key),
		cmocka_unit_test_setup_teardown(what_is_done_is_known_after_a_restart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_line_that_found_no_room_spoils_no_other, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_place_knows_nothing_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_begun_is_gone_on_with, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_begun_for_a_file_that_is_gone_is_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_aborted_is_not_told_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(who_asks_does_not_wait_for_the_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_here_encrypted_only_is_known_still, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_do_not_upload_from_one_folder, set_up, tear_down),
		cmocka_unit_test_setup_teardown(two_that_come_at_once_do_not_both_upload, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_torn_or_strange_record_counts_for_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_reader_follows_a_writer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_what_is_uploaded_is_removed_as_uploaded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(segments_wait_while_the_store_is_down, set_up, tear_down),
		cmocka_unit_test(an_hour_is_over_when_a_later_one_begins_and_nothing_of_it_waits),
		cmocka_unit_test(an_hour_that_is_past_and_quiet_is_over),
		cmocka_unit_test_setup_teardown(an_uploader_ends_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(space_is_made_of_what_is_uploaded_first, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
