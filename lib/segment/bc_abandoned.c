/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_abandoned.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_segname.h"

/* tmp-PID-NAME. */
static bool is_of(const char *temporary, const char *name)
{
	const char *pid = temporary + strlen(BC_SEGNAME_TMP);

	return !strcmp(pid + strspn(pid, "0123456789") + 1, name);
}

/* Its writer holds a lock. What is empty is not tried: the writer may be about to take its lock. */
static bool is_left(int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	bool left;

	if (fd < 0)
		return false;
	left = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size && st.st_nlink == 1 &&
	       (flock(fd, LOCK_SH | LOCK_NB) == 0 || errno != EWOULDBLOCK);
	close(fd);
	return left;
}

uint32_t bc_abandoned_count(const char *folder, const char *name)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	uint32_t n = 0;
	uint64_t seq;

	while (d && (e = readdir(d)))
		n += bc_segname_is_tmp(e->d_name, &seq) && (!name || is_of(e->d_name, name)) && is_left(dirfd(d), e->d_name);
	if (d)
		closedir(d);
	return n;
}
