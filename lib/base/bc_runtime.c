/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_runtime.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SERVICES "/run/braidcap/dpdk"
#define LOCK_NAME "config"
/* What a lock file of ours says; DPDK's programs keep other things there. */
#define MARK "braidcap\n"
/* Whoever removes the remains of a dead capture holds their lock for a moment. */
#define TRIES 20
#define TRY_NS 10000000L
/* Nobody takes so long from making a folder to using it. */
#define EMPTY_S 60

static int check_trust(const char *path, struct bc_err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!S_ISDIR(st.st_mode) || (st.st_uid != geteuid() && st.st_uid && geteuid()))
		return bc_err_set(err, -EPERM, "%s belongs to another user: set XDG_RUNTIME_DIR to a folder of your own", path);
	if (st.st_mode & (S_IWGRP | S_IWOTH) && !(st.st_mode & S_ISVTX))
		return bc_err_set(err, -EPERM, "%s may be changed by other users: 'chmod go-w' it", path);
	return 0;
}

int bc_runtime_folder(char *buf, size_t size, struct bc_err *err)
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	int n;

	if (!dir)
		dir = getuid() == 0 ? "/var/run" : getenv("XDG_RUNTIME_DIR");
	n = snprintf(buf, size, "%s/dpdk", dir ? dir : "/tmp");
	if (n < 0 || (size_t)n >= size)
		return bc_err_set(err, -ENAMETOOLONG, "RUNTIME_DIRECTORY is too long: choose a shorter one");
	return check_trust(buf, err);
}

const char *bc_runtime_services(void)
{
	return !getenv("RUNTIME_DIRECTORY") && access(SERVICES, R_OK | X_OK) == 0 && !check_trust(SERVICES, NULL) ? SERVICES : NULL;
}

/* Lock the lock file below dir, an open folder. The descriptor, or a negative errno: -EBUSY, -ESTALE: it was removed meanwhile. */
static int lock_in(int dir, bool make)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat mine, there;
	int fd = openat(dir, LOCK_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | (make ? O_CREAT : 0), 0600), r = 0;

	if (fd < 0)
		return errno == ENOENT && make ? -ESTALE : -errno;
	if (fcntl(fd, F_SETLK, &whole) < 0)
		r = errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
	else if (fstat(fd, &mine) < 0 || !S_ISREG(mine.st_mode) || fstatat(dir, LOCK_NAME, &there, AT_SYMLINK_NOFOLLOW) < 0 ||
		 mine.st_ino != there.st_ino || mine.st_dev != there.st_dev)
		r = -ESTALE;
	if (!r)
		return fd;
	close(fd);
	return r;
}

static bool starts(const char *name, const char *with)
{
	return !strncmp(name, with, strlen(with));
}

/* What EAL makes for a prefix. */
static bool is_eals(const char *name)
{
	return starts(name, "fbarray_") || starts(name, "hugepage_") || starts(name, "mp_socket") || starts(name, "dpdk_telemetry");
}

/* All but the lock file. The caller holds the lock. */
static void empty(int dir)
{
	int copy = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *e;

	while (d && (e = readdir(d)))
		if (is_eals(e->d_name))
			unlinkat(dir, e->d_name, 0);
	if (d)
		closedir(d);
	else if (copy >= 0)
		close(copy);
}

static bool is_marked(int lock)
{
	char text[sizeof(MARK)];

	return pread(lock, text, sizeof(text), 0) == sizeof(MARK) - 1 && !memcmp(text, MARK, sizeof(MARK) - 1);
}

/* The lock file holds nothing else: EAL does not open it. */
static int mark(int lock)
{
	if (ftruncate(lock, 0) < 0 || pwrite(lock, MARK, sizeof(MARK) - 1, 0) != sizeof(MARK) - 1)
		return errno ? -errno : -EIO;
	return 0;
}

static int claim_once(const char *folder, int *ret_lock)
{
	struct stat st;
	bool used;
	int dir, r;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? -ESTALE : -errno;
	used = fstatat(dir, LOCK_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0;
	r = lock_in(dir, true);
	if (r >= 0) {
		*ret_lock = r;
		/* Without a lock file it is a DPDK program's that shares nothing, and may be alive. */
		if (used)
			empty(dir);
		r = mark(*ret_lock);
		if (r)
			close(*ret_lock);
	}
	close(dir);
	return r;
}

int bc_runtime_claim(const char *prefix, struct bc_runtime *ret, struct bc_err *err)
{
	struct bc_runtime r = { .lock = -1 };
	char parent[BC_RUNTIME_PATH_MAX];
	int n, e = bc_runtime_folder(parent, sizeof(parent), err);

	if (e)
		return e;
	n = snprintf(r.folder, sizeof(r.folder), "%s/%s", parent, prefix);
	if (n < 0 || (size_t)n >= sizeof(r.folder))
		return bc_err_set(err, -ENAMETOOLONG, "RUNTIME_DIRECTORY is too long: choose a shorter one");
	if (mkdir(parent, 0700) < 0 && errno != EEXIST)
		return bc_err_set(err, -errno, "cannot make %s: %s", parent, strerror(errno));
	e = check_trust(parent, err);
	if (!e)
		e = check_trust(r.folder, err);
	if (e)
		return e;
	e = -EBUSY;
	for (int i = 0; i < TRIES && (e == -EBUSY || e == -ESTALE); i++) {
		if (i)
			nanosleep(&(struct timespec){ .tv_nsec = TRY_NS }, NULL);
		e = claim_once(r.folder, &r.lock);
	}
	if (e == -EBUSY || e == -ESTALE)
		return bc_err_set(err, -EBUSY, "another program uses the prefix '%s'", prefix);
	if (e)
		return bc_err_set(err, e, "cannot use %s: %s", r.folder, strerror(-e));
	*ret = r;
	return 0;
}

/* As captures name themselves: "braidcap", "braidcap-PID", "braidcap-PID-N". */
static bool is_default(const char *name)
{
	if (!starts(name, "braidcap"))
		return false;
	for (name += strlen("braidcap"); *name; name++)
		if (*name != '-' && !isdigit((unsigned char)*name))
			return false;
	return true;
}

/* As a capture leaves it that had given up its rights. One that was just made may be about to be used. */
static bool is_left_empty(int dir, const struct stat *st)
{
	return (st->st_uid == geteuid() || !geteuid()) && time(NULL) - st->st_mtime > EMPTY_S &&
	       faccessat(dir, LOCK_NAME, F_OK, AT_SYMLINK_NOFOLLOW) < 0;
}

static void clean_one(int parent, const char *name)
{
	int dir = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), lock = -1;
	bool gone = false;
	struct stat st;

	if (dir >= 0 && fstat(dir, &st) == 0) {
		gone = is_left_empty(dir, &st);
		if (st.st_uid == geteuid())
			lock = lock_in(dir, false);
	}
	if (lock >= 0) {
		gone = is_marked(lock) || is_default(name);
		if (gone) {
			empty(dir);
			unlinkat(dir, LOCK_NAME, 0);
		}
		close(lock);
	}
	if (dir >= 0)
		close(dir);
	if (gone)
		unlinkat(parent, name, AT_REMOVEDIR);
}

void bc_runtime_clean(void)
{
	char folder[BC_RUNTIME_PATH_MAX];
	const struct dirent *e;
	DIR *d;

	if (bc_runtime_folder(folder, sizeof(folder), NULL))
		return;
	d = opendir(folder);
	while (d && (e = readdir(d)))
		if (e->d_name[0] != '.')
			clean_one(dirfd(d), e->d_name);
	if (d)
		closedir(d);
}

void bc_runtime_release(struct bc_runtime *r)
{
	int dir;

	if (!r->folder[0])
		return;
	dir = open(r->folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir >= 0) {
		empty(dir);
		unlinkat(dir, LOCK_NAME, 0);
		close(dir);
	}
	close(r->lock);
	rmdir(r->folder);
	r->folder[0] = '\0';
}
