/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: remembers what a power cut would leave. Before each fdatasync and fsync the file's bytes are copied into the folder named
 * in VOLATILE_DISK, and have the file's own name there once the sync has succeeded.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct copy {
	char tmp[4200], name[4200];
};

static bool copy_bytes(int from, int to)
{
	ssize_t n;

	while ((n = sendfile(to, from, NULL, 1 << 20)) > 0)
		continue;
	return n == 0;
}

static bool copy_file(int fd, struct copy *c)
{
	const char *folder = getenv("VOLATILE_DISK");
	char link[64], path[4096];
	struct stat st;
	bool copied;
	ssize_t len;
	int from, to;

	if (!folder || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	if (len < 0)
		return false;
	path[len] = '\0';
	snprintf(c->name, sizeof(c->name), "%s%s", folder, strrchr(path, '/'));
	snprintf(c->tmp, sizeof(c->tmp), "%s/.%ld", folder, (long)gettid());
	from = open(link, O_RDONLY | O_CLOEXEC);
	to = open(c->tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	copied = from >= 0 && to >= 0 && copy_bytes(from, to);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return copied;
}

static int sync_file(long call, int fd)
{
	struct copy c;
	bool copied = copy_file(fd, &c);
	int r = (int)syscall(call, fd);

	if (copied && r == 0)
		rename(c.tmp, c.name);
	return r;
}

int fsync(int fd)
{
	return sync_file(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_file(SYS_fdatasync, fd);
}
