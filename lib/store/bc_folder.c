/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_file.h"
#include "bc_file.h"

#define MAX_AGAIN 10000U

static int of_quota(int err)
{
	return err == -EDQUOT ? -ENOSPC : err;
}

/*
 * So that a recovery tells a live file from a dead one; one that runs just now may have been faster than the lock.
 * Where the file system has no locks, people must tell it.
 */
static bool lock_is_ours(int fd)
{
	struct stat st;

	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno != EWOULDBLOCK;
	return fstat(fd, &st) == 0 && st.st_nlink > 0;
}

static int tmp_name(const struct bc_folder *folder, struct bc_folder_file *f)
{
	if (folder->name)
		return bc_segname_tmp_file(f->tmp, folder->pid, folder->name, f->again, folder->ext);
	return bc_segname_tmp(f->tmp, folder->pid, f->seq, f->again, folder->series, folder->ext);
}

/* The name may be taken by an earlier capture that died with our process number: a container's is always the same. */
int bc_folder_create(const struct bc_folder *folder, uint64_t seq, struct bc_folder_file *ret)
{
	struct bc_folder_file f = { .seq = seq };

	for (; f.again < MAX_AGAIN; f.again++) {
		int r = tmp_name(folder, &f), fd;

		if (r < 0)
			return r;
		fd = openat(folder->fd, f.tmp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd < 0 && errno != EEXIST)
			return of_quota(-errno);
		if (fd >= 0 && lock_is_ours(fd)) {
			*ret = f;
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	return -EEXIST;
}

int bc_folder_remove(const struct bc_folder *folder, const struct bc_folder_file *f)
{
	return unlinkat(folder->fd, f->tmp, 0) < 0 ? -errno : 0;
}

static int name_by_time(const struct bc_folder *folder, uint64_t seq, uint64_t ns, bool utc, unsigned again, char *dst)
{
	if (folder->series)
		return bc_segname_series(dst, folder->series, ns, utc, again, folder->ext);
	return bc_segname_final(dst, ns, utc, seq, again, folder->ext);
}

static int final_name(const struct bc_folder *folder, uint64_t seq, uint64_t ns, unsigned again, char *dst)
{
	int r;

	if (folder->name)
		return bc_segname_again(dst, folder->name, again, folder->ext);
	r = name_by_time(folder, seq, ns, folder->utc, again, dst);
	if (r == -ERANGE && !folder->utc)
		r = name_by_time(folder, seq, ns, true, again, dst);
	return r;
}

int bc_folder_publish(const struct bc_folder *folder, const struct bc_folder_file *f, uint64_t ns, char name[BC_SEGNAME_MAX],
		      unsigned *ret_again)
{
	int r = -EEXIST;

	for (unsigned again = 0; r == -EEXIST && again < MAX_AGAIN; again++) {
		*ret_again = again;
		r = final_name(folder, f->seq, ns, again, name);
		if (r == 0)
			r = bc_rename_noreplace(folder->fd, f->tmp, folder->fd, name);
	}
	return r;
}

int bc_folder_follow(const struct bc_folder *folder)
{
	struct stat here, ours;
	int fd, r;

	if (fstat(folder->fd, &ours) < 0)
		return -errno;
	if (stat(folder->path, &here) < 0)
		return ours.st_nlink ? 0 : -errno;
	if (here.st_ino == ours.st_ino && here.st_dev == ours.st_dev)
		return 0;
	fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The number stays, and with it what the other thread holds. */
	r = dup3(fd, folder->fd, O_CLOEXEC) < 0 ? -errno : 1;
	close(fd);
	return r;
}

int bc_folder_acknowledge(const struct bc_folder *folder, const uint8_t *block, size_t len)
{
	return bc_ack_file_write(folder->fd, folder->series, block, len);
}
