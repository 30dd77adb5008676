/* SPDX-License-Identifier: BSD-3-Clause */
/* A folder of its own for each test, and what a store said about its segments. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include "bc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_store.h"
#include "bc_store_fault.h"
#include "bc_time.h"
#include "scratch.h"

#define MAX_SEEN 80
#define PID 77U
#define BEGIN_NS (1792888200ULL * BC_NS_PER_S)	/* 2026-10-25 00:30:00 UTC */
#define STAMP "20261025-003000"

struct fixture {
	char dir[SCRATCH_MAX];
	struct bc_err err;
	struct bc_log log;
	pthread_mutex_t lock;
	char lines[8192];	/* all that was logged; under lock */

	/* Written by the callback; read after close, or after a wait. */
	int seen;
	char path[MAX_SEEN][BC_STORE_PATH_MAX];
	uint64_t bytes[MAX_SEEN];
	uint64_t packets[MAX_SEEN];
	int errs[MAX_SEEN];

	bool block;		/* the next callback posts entered and waits for leave */
	sem_t entered, leave;
};

static inline void fixture_log(void *ctx, enum bc_level level, const char *line)
{
	struct fixture *f = ctx;

	pthread_mutex_lock(&f->lock);
	strncat(f->lines, line, sizeof(f->lines) - strlen(f->lines) - 1);
	pthread_mutex_unlock(&f->lock);
}

static inline void fixture_published(void *ctx, const char *path, uint64_t bytes, const struct bc_segment_info *info,
				     int err)
{
	struct fixture *f = ctx;

	assert_true(f->seen < MAX_SEEN);
	snprintf(f->path[f->seen], sizeof(f->path[0]), "%s", path);
	f->bytes[f->seen] = bytes;
	f->packets[f->seen] = info->packets;
	f->errs[f->seen] = err;
	f->seen++;
	if (f->block) {
		f->block = false;
		sem_post(&f->entered);
		sem_wait(&f->leave);
	}
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	scratch_folder(f->dir, "bc-store");
	chmod(f->dir, 0755);
	f->log = (struct bc_log){ fixture_log, f };
	pthread_mutex_init(&f->lock, NULL);
	sem_init(&f->entered, 0, 0);
	sem_init(&f->leave, 0, 0);
	*state = f;
	return 0;
}

static inline int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	umount2(f->dir, MNT_DETACH);	/* of a test that mounted a disk there; fails otherwise */
	nftw(f->dir, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

/* Everything in the folder goes. */
static inline void fixture_clear(const struct fixture *f)
{
	DIR *d = opendir(f->dir);
	struct dirent *e;

	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
	closedir(d);
}

static inline struct bc_store_config config_of(struct fixture *f, enum bc_store_kind kind, const char *dest)
{
	return (struct bc_store_config){
		.kind = kind, .dest = dest, .ext = ".x", .utc = true, .pid = PID, .log = &f->log,
		.published = fixture_published, .ctx = f,
	};
}

static inline struct bc_store *open_store(struct fixture *f, enum bc_store_kind kind, const char *dest)
{
	struct bc_store_config cfg = config_of(f, kind, dest);
	struct bc_store *s = NULL;

	assert_int_equal(bc_store_open(&cfg, &s, &f->err), 0);
	return s;
}

static inline struct bc_store *open_faulty(struct bc_store *inner, struct bc_fault *fault)
{
	struct bc_store *s = NULL;

	assert_int_equal(bc_store_fault_wrap(inner, fault, &s, NULL), 0);
	return s;
}

static inline int finish(struct bc_store *s)
{
	struct bc_segment_info info = { .packets = 5, .begin_ns = BEGIN_NS };

	return bc_store_finish(s, &info);
}

/* One whole segment that holds text. */
static inline void segment(struct bc_store *s, const char *text)
{
	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, text, strlen(text)), 0);
	assert_int_equal(finish(s), 0);
}

static inline const char *in_dir(struct fixture *f, const char *name)
{
	static _Thread_local char path[4][512];
	static _Thread_local int turn;

	turn = (turn + 1) % 4;
	snprintf(path[turn], sizeof(path[0]), "%s/%s", f->dir, name);
	return path[turn];
}

static inline void put_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void assert_holds(const char *path, const char *text)
{
	char buf[256] = "";
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	assert_true(read(fd, buf, sizeof(buf) - 1) >= 0);
	close(fd);
	assert_string_equal(buf, text);
}

/* Entries of a folder whose names begin with prefix. */
static inline int count(const char *dir, const char *prefix)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	assert_non_null(d);
	while ((e = readdir(d)))
		n += e->d_name[0] != '.' && strncmp(e->d_name, prefix, strlen(prefix)) == 0;
	closedir(d);
	return n;
}

static inline void nap(void)
{
	usleep(1000);
}

#endif
