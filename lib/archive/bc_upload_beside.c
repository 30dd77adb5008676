/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_beside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_index_beside.h"
#include "bc_upload_key.h"

int bc_upload_open(int folder, const char *name, struct bc_upload_file *ret)
{
	int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	*ret = (struct bc_upload_file){ name, (uint64_t)st.st_size, bc_file_mtime_ns(&st) };
	return fd;
}

bool bc_upload_index_waits(struct bc_upload_log *log, int folder, const char *segment, char ret[BC_UPLOAD_INDEX_MAX], struct stat *ret_stat)
{
	struct bc_upload_file file = { .name = ret };

	if (snprintf(ret, BC_UPLOAD_INDEX_MAX, "%s" BC_INDEX_BESIDE_EXT, segment) >= (int)BC_UPLOAD_INDEX_MAX ||
	    fstatat(folder, ret, ret_stat, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(ret_stat->st_mode))
		return false;
	file.size = (uint64_t)ret_stat->st_size;
	file.mtime_ns = bc_file_mtime_ns(ret_stat);
	return !bc_upload_log_has(log, &file);
}

/* Both are taken over. */
static int bind_to(int segment, int index, const char *name, const char *etag, uint8_t ret[BC_SUBJECT_SIZE], struct bc_err *err)
{
	struct bc_blob *file = NULL, *beside = NULL;
	int r = bc_blob_open_fd(segment, name, &file, err), e = bc_blob_open_fd(index, name, &beside, err);

	r = r ? r : e;
	if (!r)
		r = bc_index_beside_bind(file, beside, etag, ret, err);
	bc_blob_close(file);
	bc_blob_close(beside);
	return r == -ENODATA ? bc_err_set(err, -EBADMSG, "its segment has an index of its own") : r;
}

int bc_upload_beside(struct bc_upload_log *log, int folder, const char *index, int fd, uint8_t ret[BC_SUBJECT_SIZE], struct bc_err *err)
{
	char segment[BC_SERIES_MAX], etag[BC_ETAG_MAX];
	struct bc_upload_file file;
	int of, copy;

	if (!bc_upload_segment_of(index, segment))
		return -ENODATA;
	of = bc_upload_open(folder, segment, &file);
	if (of < 0)
		return of == -ENOENT || of == -EINVAL ? -ENODATA : bc_err_set(err, of, "cannot read its segment: %s", strerror(-of));
	if (!bc_upload_log_etag(log, &file, etag)) {
		close(of);
		return -ENODATA;
	}
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy < 0) {
		close(of);
		return bc_err_set(err, -EMFILE, "%s", strerror(errno));
	}
	return bind_to(of, copy, index, etag, ret, err);
}
