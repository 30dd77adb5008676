/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_file.h"
#include "bc_file.h"
#include "bc_keeper.h"

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
static int create_here(const struct bc_folder *folder, uint64_t seq, struct bc_folder_file *ret)
{
	const int access = folder->write_only ? O_WRONLY : O_RDWR;
	struct bc_folder_file f = { .seq = seq };

	for (; f.again < MAX_AGAIN; f.again++) {
		int r = tmp_name(folder, &f), fd;

		if (r < 0)
			return r;
		fd = openat(folder->fd, f.tmp, access | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
		if (fd < 0 && errno != EEXIST)
			return of_quota(-errno);
		if (fd >= 0 && lock_is_ours(fd)) {
			f.mode_err = folder->mode && fchmod(fd, folder->mode) < 0 ? -errno : 0;
			*ret = f;
			return fd;
		}
		if (fd >= 0)
			close(fd);
	}
	return -EEXIST;
}

int bc_folder_create(const struct bc_folder *folder, uint64_t seq, struct bc_folder_file *ret)
{
	struct bc_folder_file f = { .seq = seq };
	int fd, r;

	if (!folder->keeper)
		return create_here(folder, seq, ret);
	fd = bc_keeper_create(folder->keeper, folder->place, seq, &f);
	r = fd < 0 ? fd : tmp_name(folder, &f);
	if (fd >= 0 && r < 0)
		close(fd);
	if (r < 0)
		return r;
	*ret = f;
	return fd;
}

int bc_folder_remove(const struct bc_folder *folder, const struct bc_folder_file *f)
{
	if (folder->keeper)
		return bc_keeper_remove(folder->keeper, folder->place, f);
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

	if (folder->keeper)
		return bc_keeper_publish(folder->keeper, folder->place, f, ns, name, ret_again);
	for (unsigned again = 0; r == -EEXIST && again < MAX_AGAIN; again++) {
		*ret_again = again;
		r = final_name(folder, f->seq, ns, again, name);
		if (r == 0)
			r = bc_rename_noreplace(folder->fd, f->tmp, folder->fd, name);
	}
	return r;
}

int bc_folder_open(const struct bc_folder *folder)
{
	int fd;

	if (folder->keeper)
		return bc_keeper_folder(folder->keeper, folder->place);
	fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
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
	fd = bc_folder_open(folder);
	if (fd < 0)
		return fd;
	/* The number stays, and with it what the other thread holds. */
	r = dup3(fd, folder->fd, O_CLOEXEC) < 0 ? -errno : 1;
	close(fd);
	return r;
}

static int write_block(int fd, const uint8_t *block, size_t len)
{
	int r = bc_write_all(fd, block, len);

	return r ? r : fdatasync(fd) < 0 ? -errno : 0;
}

int bc_folder_acknowledge(const struct bc_folder *folder, const uint8_t *block, size_t len)
{
	int fd, r, end;

	if (!folder->keeper)
		return bc_ack_file_write(folder->fd, folder->series, block, len);
	fd = bc_keeper_acks_begin(folder->keeper, folder->place);
	if (fd < 0)
		return fd;
	r = write_block(fd, block, len);
	/* Closed behind its name: it is locked until then. */
	end = bc_keeper_acks_end(folder->keeper, folder->place, r == 0);
	close(fd);
	return r ? r : end;
}
