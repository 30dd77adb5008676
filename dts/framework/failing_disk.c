/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: a disk that does not keep some files. The file named in FAILING_DISK holds a text; fsync and fdatasync of a file with that
 * text in its name fail. Behind a question mark they wait for another text. Without a text all is well.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int orders = -1;

/* Who is restricted later may not open it; who keeps no descriptors has none of this number. */
__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("FAILING_DISK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	orders = fcntl(fd, F_DUPFD_CLOEXEC, 700);
	close(fd);
}

/* The text that is in the file's name, or NULL. */
static const char *ordered(int fd, char *text, size_t size)
{
	ssize_t n = pread(orders, text, size - 1, 0), len;
	char link[64], name[4096];

	if (n <= 0 || !*text)
		return NULL;
	text[n] = '\0';
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, sizeof(name) - 1);
	if (len < 0)
		return NULL;
	name[len] = '\0';
	return strstr(name, text + (*text == '?')) ? text : NULL;
}

static int sync_or_fail(long call, int fd)
{
	const char *order;
	char text[256];

	while ((order = ordered(fd, text, sizeof(text))) && *order == '?')
		usleep(10000);
	if (!order)
		return (int)syscall(call, fd);
	errno = EIO;
	return -1;
}

int fsync(int fd)
{
	return sync_or_fail(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_or_fail(SYS_fdatasync, fd);
}
