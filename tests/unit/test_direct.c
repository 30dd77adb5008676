/* SPDX-License-Identifier: BSD-3-Clause */
/* Files written past the page cache, and what becomes of them where that, or a write, fails. */
#include "store_fixture.h"

#include <linux/filter.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "bc_direct.h"

/* Linked in place of the C library's: a file whose flags are not told, on order. */
int __real_fcntl64(int fd, int what, ...);
int __wrap_fcntl64(int fd, int what, ...);

static bool flags_unknown;

int __wrap_fcntl64(int fd, int what, ...)
{
	va_list ap;
	int n;

	va_start(ap, what);
	n = va_arg(ap, int);
	va_end(ap);
	return flags_unknown && what == F_GETFL ? -1 : __real_fcntl64(fd, what, n);
}

#define MIB (1U << 20)
#define TMP "tmp-77-00000000.x"
#define FINAL STAMP "-00000000.x"

static uint8_t byte_at(uint64_t off)
{
	uint64_t x = off * 0x9e3779b97f4a7c15ULL;

	return (uint8_t)(x >> 56 ^ off >> 12);
}

/* Blocks whose bytes tell their place in the file. */
static int put(struct bc_store *s, size_t len)
{
	uint8_t *block = malloc(len);
	uint64_t at = bc_store_size(s);
	int r;

	for (size_t i = 0; i < len; i++)
		block[i] = byte_at(at + i);
	r = bc_store_write(s, block, len);
	free(block);
	return r;
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		fail_msg("%s: %s", path, strerror(errno));
	return (uint64_t)st.st_size;
}

/* The file begins with so many of those bytes. */
static void assert_bytes(const char *path, uint64_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *buf = malloc(MIB);
	uint64_t at = 0;

	assert_true(fd >= 0);
	while (at < size) {
		ssize_t n = read(fd, buf, MIB);

		if (n <= 0)
			fail_msg("%s ends at %llu", path, (unsigned long long)at);
		for (ssize_t i = 0; i < n && at < size; i++, at++)
			if (buf[i] != byte_at(at))
				fail_msg("%s: byte %llu is wrong", path, (unsigned long long)at);
	}
	free(buf);
	close(fd);
}

static const char *io_of(struct bc_store *s)
{
	struct bc_store_stats st;

	bc_store_stats(s, &st);
	return st.io;
}

static struct bc_store *open_io(struct fixture *f, enum bc_io io, uint32_t depth)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.io = io;
	cfg.depth = depth;
	/* What is broken then are writes, not the taking of space. */
	cfg.step = BC_STORE_STEP;
	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	return s;
}

/* A direct store with a segment begun, or NULL. */
static struct bc_store *begin_direct(struct fixture *f, uint32_t depth)
{
	struct bc_store *s = open_io(f, BC_IO_DIRECT, depth);

	if (!strcmp(io_of(s), "buffered")) {
		bc_store_close(s);
		return NULL;
	}
	assert_int_equal(bc_store_begin(s), 0);
	return s;
}

#define BEGIN_DIRECT(f, depth) \
	({ \
		struct bc_store *s_ = begin_direct(f, depth); \
		if (!s_) \
			BC_SKIP("the file system of TMPDIR does not take O_DIRECT"); \
		s_; \
	})

static uint64_t resident(void)
{
	unsigned long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	assert_non_null(statm);
	assert_int_equal(fscanf(statm, "%*u %lu", &pages), 1);
	fclose(statm);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void small_file_takes_little_memory(void **state)
{
	struct fixture *f = *state;
	uint64_t before = resident();
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	assert_int_equal(put(s, 40000), 0);
	assert_int_equal(bc_store_settle(s), 0);
	assert_true(resident() < before + MIB);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
}

static void what_began_tiny_goes_on_when_it_is_larger(void **state)
{
	static const size_t sizes[] = { 100, 10000, 6284, 1, 4096, MIB, 5 };
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(put(s, sizes[i]), 0);
		assert_int_equal(bc_store_settle(s), 0);
		sum += sizes[i];
		assert_bytes(in_dir(f, TMP), sum);
	}
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), sum);
	assert_bytes(in_dir(f, FINAL), sum);
}

static void a_file_whose_flags_are_unknown_keeps_them(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_io(f, BC_IO_DIRECT, 4);

	if (!strcmp(io_of(s), "buffered")) {
		bc_store_close(s);
		BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
	}
	flags_unknown = true;
	assert_int_equal(bc_store_begin(s), 0);
	flags_unknown = false;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(put(s, 100), 0);
		assert_int_equal(bc_store_settle(s), 0);
	}
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 200);
	assert_bytes(in_dir(f, FINAL), 200);
}

static const uint32_t depths[] = { 1, 2, 4, 64 };

static void blocks_of_every_size_arrive(void **state)
{
	static const size_t sizes[] = { 1, 1, 4094, 4096, 4096, 4095, 4097, MIB - 1, 1, MIB, MIB, MIB + 1, 4 * MIB, 3, 4 * MIB - 4 };
	struct fixture *f = *state;

	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		struct bc_store *s = BEGIN_DIRECT(f, depths[d]);
		uint64_t sum = 0;

		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			assert_int_equal(put(s, sizes[i]), 0);
			sum += sizes[i];
			assert_int_equal(bc_store_size(s), sum);
		}
		assert_int_equal(finish(s), 0);
		assert_int_equal(bc_store_close(s), 0);
		assert_int_equal(f->errs[d], 0);
		assert_int_equal(size_of(f->path[d]), sum);
		assert_bytes(f->path[d], sum);
	}
}

static void single_bytes_between_settles_arrive(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	for (int i = 0; i < 9000; i++) {
		assert_int_equal(put(s, 1), 0);
		if (i % 97 == 0 || (i >= 4090 && i <= 4100))
			assert_int_equal(bc_store_settle(s), 0);
	}
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 9000);
	assert_bytes(in_dir(f, FINAL), 9000);
}

static void exact_pages_and_buffers_settle(void **state)
{
	static const size_t sizes[] = { 4096, MIB - 4096, MIB, 4095, 1, 2 * MIB };
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 2);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(put(s, sizes[i]), 0);
		assert_int_equal(bc_store_settle(s), 0);
		assert_bytes(in_dir(f, TMP), bc_store_size(s));
	}
	bc_store_close(s);
}

static void settled_bytes_are_in_the_file_and_counted(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);
	struct bc_store_stats st;

	assert_true(bc_store_settled(s));
	assert_int_equal(put(s, 5000), 0);
	assert_false(bc_store_settled(s));
	bc_store_stats(s, &st);
	assert_int_equal(st.written_bytes, 0);
	assert_int_equal(bc_store_settle(s), 0);
	assert_true(bc_store_settled(s));
	bc_store_stats(s, &st);
	assert_int_equal(st.written_bytes, 5000);
	assert_bytes(in_dir(f, TMP), 5000);
	bc_store_close(s);
}

static void published_file_takes_no_space_beyond_its_bytes(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);
	struct stat st;

	assert_int_equal(put(s, 3), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(stat(in_dir(f, FINAL), &st), 0);
	assert_int_equal(st.st_size, 3);
	assert_true(st.st_blocks * 512 <= 8192);
}

static void several_segments_keep_apart(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	for (int i = 0; i < 3; i++) {
		if (i)
			assert_int_equal(bc_store_begin(s), 0);
		assert_int_equal(put(s, (size_t)(3 - i) * MIB + 17), 0);
		assert_int_equal(finish(s), 0);
	}
	assert_int_equal(bc_store_close(s), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(size_of(f->path[i]), (size_t)(3 - i) * MIB + 17);
		assert_bytes(f->path[i], (size_t)(3 - i) * MIB + 17);
	}
}

static void empty_segment_is_removed(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], -ENODATA);
	assert_int_equal(count(f->dir, ""), 0);
}

static void what_is_not_finished_stays_with_all_its_bytes(void **state)
{
	struct fixture *f = *state;

	for (int now = 0; now < 2; now++) {
		struct bc_store *s = BEGIN_DIRECT(f, 4);

		assert_int_equal(put(s, 2 * MIB + 5), 0);
		if (now)
			bc_store_abort(s);
		else
			assert_int_equal(bc_store_close(s), 0);
		assert_int_equal(size_of(in_dir(f, TMP)), 2 * MIB + 5);
		assert_bytes(in_dir(f, TMP), 2 * MIB + 5);
		unlink(in_dir(f, TMP));
	}
}

static void broken_block_leaves_whole_blocks(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = BC_FAULT_NO_LIMIT, .short_max = 300000 };
	struct bc_store *s = open_faulty(open_io(f, BC_IO_DIRECT, 4), &fault);

	if (!strcmp(io_of(s), "buffered")) {
		bc_store_close(s);
		BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
	}
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(put(s, 100), 0);
	for (int i = 0; i < 2; i++) {
		atomic_store(&fault.eio_call, 11);
		assert_int_equal(put(s, 4 * MIB), -EIO);
		assert_int_equal(put(s, MIB + 4096), 0);
	}
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 100 + 2 * (MIB + 4096));
	assert_bytes(in_dir(f, FINAL), 100 + 2 * (MIB + 4096));
}

/* The file has none of it then. */
static void what_was_not_settled_outlives_a_broken_block(void **state)
{
	struct fixture *f = *state;
	struct bc_fault fault = { .space = 110 };
	struct bc_store *s = open_faulty(open_io(f, BC_IO_DIRECT, 4), &fault);

	if (!strcmp(io_of(s), "buffered")) {
		bc_store_close(s);
		BC_SKIP("the file system of TMPDIR does not take O_DIRECT");
	}
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(put(s, 100), 0);
	assert_int_equal(put(s, 50), -ENOSPC);
	atomic_store(&fault.space, BC_FAULT_NO_LIMIT);
	assert_int_equal(put(s, 5000), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 5100);
	assert_bytes(in_dir(f, FINAL), 5100);
}

/* No write goes beyond size, as if the disk had an error there: space is taken already, so that it comes when it is written. */
static void break_disk_at(uint64_t size)
{
	struct rlimit l;

	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &l);
	l.rlim_cur = size ? size : l.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void mend_disk(void)
{
	break_disk_at(0);
}

static void failed_write_cuts_back_to_what_was_settled(void **state)
{
	struct fixture *f = *state;

	for (size_t d = 0; d < sizeof(depths) / sizeof(depths[0]); d++) {
		struct bc_store *s = BEGIN_DIRECT(f, depths[d]);
		struct bc_store_stats st;
		int r;

		assert_int_equal(put(s, MIB + 100), 0);
		assert_int_equal(bc_store_settle(s), 0);
		break_disk_at(2 * MIB + 8192);
		r = put(s, 3 * MIB);
		assert_true(r == 0 || r == -EFBIG);
		assert_int_equal(bc_store_settle(s), -EFBIG);
		mend_disk();
		assert_int_equal(bc_store_size(s), MIB + 100);
		assert_true(bc_store_settled(s));
		bc_store_stats(s, &st);
		assert_int_equal(st.written_bytes, MIB + 100);
		assert_int_equal(put(s, 2 * MIB), 0);
		assert_int_equal(finish(s), 0);
		assert_int_equal(bc_store_close(s), 0);
		assert_int_equal(f->errs[d], 0);
		assert_int_equal(size_of(f->path[d]), 3 * MIB + 100);
		assert_bytes(f->path[d], 3 * MIB + 100);
	}
}

static void failed_write_surfaces_in_the_next_ones_until_settled(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 2);
	int r = 0;

	assert_int_equal(put(s, 1000), 0);
	assert_int_equal(bc_store_settle(s), 0);
	break_disk_at(MIB);
	for (int i = 0; r == 0 && i < 16; i++)
		r = put(s, 300000);
	assert_int_equal(r, -EFBIG);
	mend_disk();
	assert_int_equal(put(s, 1), -EFBIG);
	assert_int_equal(bc_store_settle(s), -EFBIG);
	assert_int_equal(bc_store_size(s), 1000);
	assert_int_equal(put(s, 300000), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 301000);
	assert_bytes(in_dir(f, FINAL), 301000);
}

static void write_that_fails_once_is_written_again(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	if (strcmp(io_of(s), "direct+uring")) {
		bc_store_close(s);
		BC_SKIP("no io_uring here");
	}
	assert_int_equal(put(s, 1000), 0);
	assert_int_equal(bc_store_settle(s), 0);
	/* Half of the second write, and nothing of the third. */
	break_disk_at(MIB + MIB / 2);
	assert_int_equal(put(s, 3 * MIB - 1000), 0);
	mend_disk();
	assert_int_equal(bc_store_settle(s), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 3 * MIB);
	assert_bytes(in_dir(f, FINAL), 3 * MIB);
}

static void segment_that_ends_in_a_failed_write_is_not_published(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	assert_int_equal(put(s, 1000), 0);
	assert_int_equal(bc_store_settle(s), 0);
	assert_int_equal(put(s, 20000), 0);
	/* The next file is opened on a disk that is whole, and the disk is broken for this one alone. */
	while (access(in_dir(f, "tmp-77-00000001.x"), F_OK) != 0)
		usleep(1000);
	break_disk_at(4096);
	/* The disk stays broken until the store's thread has had the segment. */
	f->block = true;
	assert_int_equal(finish(s), 0);
	sem_wait(&f->entered);
	mend_disk();
	sem_post(&f->leave);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(put(s, 5), 0);
	assert_int_equal(bc_store_settle(s), 0);
	break_disk_at(4096);
	assert_int_equal(put(s, 20000), 0);
	assert_int_equal(bc_store_settle(s), -EFBIG);
	assert_int_equal(finish(s), 0);
	mend_disk();
	assert_int_equal(bc_store_close(s), -EFBIG);
	assert_int_equal(f->errs[0], -EFBIG);
	assert_int_equal(f->errs[1], -EFBIG);
	assert_int_equal(size_of(in_dir(f, TMP)), 1000);
	assert_bytes(in_dir(f, TMP), 1000);
	assert_int_equal(size_of(in_dir(f, "tmp-77-00000001.x")), 5);
}

static bool filter(struct sock_filter *code, unsigned short n)
{
	struct sock_fprog prog = { n, code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

/* From here on the kernel refuses a system call. */
static bool refuse(unsigned nr, int err)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return filter(code, sizeof(code) / sizeof(code[0]));
}

/* From here on the kernel answers O_DIRECT as old tmpfs and many FUSE file systems do. */
static bool refuse_direct(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 32),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, O_DIRECT),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, O_DIRECT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};

	return filter(code, sizeof(code) / sizeof(code[0]));
}

enum refusal { NO_RING, NO_RING_LATER, NO_DIRECT };

/* In a child: 0, or what was wrong. */
static int write_refused(struct fixture *f, enum refusal what)
{
	struct bc_store *s;
	const char *io;

	if (what == NO_RING && !refuse(__NR_io_uring_setup, EPERM))
		return 77;
	if (what == NO_DIRECT && !refuse_direct())
		return 77;
	s = open_io(f, BC_IO_DIRECT, 0);
	if (what == NO_RING_LATER && !refuse(__NR_io_uring_enter, EPERM))
		return 77;
	if (bc_store_begin(s) < 0 || put(s, 5 * MIB + 7) < 0 || bc_store_settle(s) < 0 || put(s, MIB) < 0)
		return 1;
	io = io_of(s);
	if (strcmp(io, what == NO_DIRECT ? "buffered" : "direct") && strcmp(io, "buffered"))
		return 2;
	return finish(s) < 0 || bc_store_close(s) < 0 ? 3 : 0;
}

static void falls_back(struct fixture *f, enum refusal what)
{
	int status;
	pid_t child;

	fflush(NULL);
	child = fork();
	if (child == 0)
		_exit(write_refused(f, what));
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		BC_SKIP("no seccomp here");
	assert_int_equal(status, 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), 6 * MIB + 7);
	assert_bytes(in_dir(f, FINAL), 6 * MIB + 7);
}

static void without_io_uring_it_is_pwrite(void **state)
{
	falls_back(*state, NO_RING);
}

static void io_uring_that_is_refused_later_becomes_pwrite(void **state)
{
	falls_back(*state, NO_RING_LATER);
}

static void without_o_direct_it_is_the_page_cache(void **state)
{
	falls_back(*state, NO_DIRECT);
}

static void one_write_at_a_time_needs_no_ring(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = BEGIN_DIRECT(f, 1);

	assert_string_equal(io_of(s), "direct");
	bc_store_close(s);
}

static void auto_is_direct_where_that_pays(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s = open_io(f, BC_IO_AUTO, 0);
	struct statfs fs;

	assert_int_equal(statfs(f->dir, &fs), 0);
	if (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == XFS_SUPER_MAGIC)
		assert_memory_equal(io_of(s), "direct", 6);
	else
		assert_string_equal(io_of(s), "buffered");
	bc_store_close(s);
}

static bool mount_tmpfs(struct fixture *f)
{
	return mount("bc", f->dir, "tmpfs", 0, "size=4m,mode=0755") == 0;
}

static void auto_on_tmpfs_is_the_page_cache(void **state)
{
	struct fixture *f = *state;
	struct bc_store *s;

	if (!mount_tmpfs(f))
		BC_SKIP("a small tmpfs cannot be mounted: %s", strerror(errno));
	s = open_io(f, BC_IO_AUTO, 0);
	assert_string_equal(io_of(s), "buffered");
	bc_store_close(s);
}

#define BLOCK 65000U

/* Blocks until the disk is full, then the closing bytes: all that was taken is published. */
static void fill_disk(struct fixture *f)
{
	struct bc_store *s = open_io(f, BC_IO_DIRECT, 4);
	uint64_t size = 0;
	int r = 0;

	assert_int_equal(bc_store_begin(s), 0);
	while (r == 0)
		r = put(s, BLOCK);
	assert_int_equal(r, -ENOSPC);
	size = bc_store_size(s);
	assert_true(size > 8 * BLOCK);
	assert_int_equal(bc_store_settle(s), 0);
	assert_int_equal(put(s, BLOCK), -ENOSPC);
	{
		uint8_t *tail = malloc(BC_STORE_RESERVE);

		for (uint32_t i = 0; i < BC_STORE_RESERVE; i++)
			tail[i] = byte_at(size + i);
		assert_int_equal(bc_store_write_tail(s, tail, BC_STORE_RESERVE), 0);
		free(tail);
	}
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(f->errs[0], 0);
	assert_int_equal(size_of(in_dir(f, FINAL)), size + BC_STORE_RESERVE);
	assert_bytes(in_dir(f, FINAL), size + BC_STORE_RESERVE);
}

static void full_tmpfs_keeps_all_that_was_taken(void **state)
{
	struct fixture *f = *state;

	if (!mount_tmpfs(f))
		BC_SKIP("a small tmpfs cannot be mounted: %s", strerror(errno));
	fill_disk(f);
}

/* A file system of its own in a file beside the folder, which the mount keeps alone. */
static bool mount_image(struct fixture *f, const char *mkfs)
{
	char image[96], command[512];
	int r;

	snprintf(image, sizeof(image), "%s.img", f->dir);
	snprintf(command, sizeof(command), "truncate -s 32M %s && %s %s && mount -o loop %s %s", image, mkfs, image, image, f->dir);
	strcat(command, " >/dev/null 2>&1");
	r = geteuid() == 0 ? system(command) : -1;
	unlink(image);
	return r == 0;
}

static void full_image_keeps_all(void **state, const char *mkfs)
{
	struct fixture *f = *state;

	if (!mount_image(f, mkfs))
		BC_SKIP("no loop mount here (needs root, mkfs and loop devices): %s", mkfs);
	fill_disk(f);
}

static void full_ext4_keeps_all_that_was_taken(void **state)
{
	full_image_keeps_all(state, "mkfs.ext4 -q -F");
}

static void full_ext4_of_small_blocks_keeps_all_that_was_taken(void **state)
{
	full_image_keeps_all(state, "mkfs.ext4 -q -F -b 1024");
}

static void no_descriptor_is_left_open(void **state)
{
	struct fixture *f = *state;
	int before = count("/proc/self/fd", "");
	struct bc_store *s = BEGIN_DIRECT(f, 4);

	assert_int_equal(put(s, 3 * MIB), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(put(s, 3 * MIB), 0);
	bc_store_abort(s);
	assert_int_equal(count("/proc/self/fd", ""), before);
}

static int teardown(void **state)
{
	mend_disk();
	return fixture_teardown(state);
}

#define T(f) cmocka_unit_test_setup_teardown(f, fixture_setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(blocks_of_every_size_arrive),
		T(small_file_takes_little_memory),
		T(what_began_tiny_goes_on_when_it_is_larger),
		T(a_file_whose_flags_are_unknown_keeps_them),
		T(single_bytes_between_settles_arrive),
		T(exact_pages_and_buffers_settle),
		T(settled_bytes_are_in_the_file_and_counted),
		T(published_file_takes_no_space_beyond_its_bytes),
		T(several_segments_keep_apart),
		T(empty_segment_is_removed),
		T(what_is_not_finished_stays_with_all_its_bytes),
		T(broken_block_leaves_whole_blocks),
		T(what_was_not_settled_outlives_a_broken_block),
		T(failed_write_cuts_back_to_what_was_settled),
		T(failed_write_surfaces_in_the_next_ones_until_settled),
		T(write_that_fails_once_is_written_again),
		T(segment_that_ends_in_a_failed_write_is_not_published),
		T(without_io_uring_it_is_pwrite),
		T(io_uring_that_is_refused_later_becomes_pwrite),
		T(without_o_direct_it_is_the_page_cache),
		T(one_write_at_a_time_needs_no_ring),
		T(auto_is_direct_where_that_pays),
		T(auto_on_tmpfs_is_the_page_cache),
		T(full_tmpfs_keeps_all_that_was_taken),
		T(full_ext4_keeps_all_that_was_taken),
		T(full_ext4_of_small_blocks_keeps_all_that_was_taken),
		T(no_descriptor_is_left_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
