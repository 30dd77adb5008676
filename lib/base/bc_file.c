/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <string.h>
#include <stdlib.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <unistd.h>

#include "bc_time.h"

int bc_write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to)
{
	if (renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -errno;
	if (linkat(from_folder, from, to_folder, to, 0) < 0)
		return -errno;
	return unlinkat(from_folder, from, 0) < 0 ? errno : 0;
}

/* Lock it. -EBUSY: another process has, or had, and gave it its final name meanwhile. Where the file system has no locks it goes without. */
static int lock_named(int folder, const char *name, int fd, struct stat *ret)
{
	struct stat named;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return -EBUSY;
	if (fstat(fd, ret) < 0)
		return -errno;
	if (fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) < 0 || named.st_ino != ret->st_ino || named.st_dev != ret->st_dev)
		return -EBUSY;
	return 0;
}

/* Make it, or open what is there. -EAGAIN: that is gone again. */
static int make_or_open(int folder, const char *name, bool *ret_made)
{
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	*ret_made = fd >= 0;
	if (fd >= 0 || errno != EEXIST)
		return fd < 0 ? -errno : fd;
	fd = openat(folder, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	return fd >= 0 ? fd : errno == ENOENT ? -EAGAIN : -errno;
}

int bc_open_temporary(int folder, const char *name)
{
	struct stat st;
	bool made;

	for (int i = 0; i < 2; i++) {
		int fd = make_or_open(folder, name, &made), r;

		if (fd == -EAGAIN)
			continue;
		if (fd < 0)
			return fd;
		r = lock_named(folder, name, fd, &st);
		/* Who owns what we made, some file systems decide. */
		if (!r && (made || (st.st_nlink == 1 && st.st_uid == geteuid()))) {
			if (ftruncate(fd, 0) == 0)
				return fd;
			r = -errno;
		} else if (!r && unlinkat(folder, name, 0) < 0) {
			r = -errno;
		}
		close(fd);
		if (r)
			return r;
	}
	return -EBUSY;
}

FILE *bc_file_open_key(const char *path, bool secret, struct bc_err *err)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	FILE *f = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		bc_err_set(err, -EINVAL, "%s: not a regular file", path);
	else if (secret && st.st_mode & (S_IRWXG | S_IRWXO))
		bc_err_set(err, -EACCES, "%s: others may read this key: chmod 600 it", path);
	else if (!(f = fdopen(fd, "r")))
		bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (!f && fd >= 0)
		close(fd);
	return f;
}

int bc_file_descriptor(const char *path)
{
	static const char *const folders[] = { "/dev/fd/", "/proc/self/fd/" };

	if (!strcmp(path, "/dev/stdin"))
		return STDIN_FILENO;
	if (!strcmp(path, "/dev/stdout"))
		return STDOUT_FILENO;
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t n = strlen(folders[i]), len = strlen(path);

		if (!strncmp(path, folders[i], n) && len > n && len < n + 8 && strspn(path + n, "0123456789") == len - n)
			return atoi(path + n);
	}
	return -1;
}

bool bc_file_is_stream(const char *path)
{
	struct stat st;

	return bc_file_descriptor(path) >= 0 || (stat(path, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)));
}

uint64_t bc_file_mtime_ns(const struct stat *st)
{
	return st->st_mtim.tv_sec < 0 ? 0 : (uint64_t)st->st_mtim.tv_sec * BC_NS_PER_S + (uint64_t)st->st_mtim.tv_nsec;
}
