/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_blob.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"

/* About what a disk reads in the time of another request. */
#define FILE_GAP (128U * 1024)
#define FILE_RUN (1024U * 1024)
/* What is wanted is read ahead by the kernel up to here. */
#define FILE_AHEAD (4U * 1024 * 1024)

struct file {
	struct bc_blob blob;
	int fd;
	struct bc_blob_range *want;	/* read next, and asked of the kernel before `asked` */
	uint32_t n_want, next, asked;
	uint64_t ahead;			/* bytes of those that were asked and not read yet */
};

/* Ask the kernel for what is wanted next, so that several requests are under way. */
static void ask_ahead(struct file *f)
{
	for (; f->asked < f->n_want && f->ahead < FILE_AHEAD; f->asked++) {
		const struct bc_blob_range *w = &f->want[f->asked];

		posix_fadvise(f->fd, (off_t)w->at, w->len, POSIX_FADV_WILLNEED);
		f->ahead += w->len;
	}
}

/* A range of those is read. */
static void pass(struct file *f, uint64_t at)
{
	for (; f->next < f->asked && f->want[f->next].at <= at; f->next++)
		f->ahead -= f->want[f->next].len;
	ask_ahead(f);
}

/* The kernel would read beyond each of the ranges, by as much as it reads ahead of one that reads all. */
static void file_want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n)
{
	struct file *f = (struct file *)b;

	free(f->want);
	f->n_want = f->next = f->asked = 0;
	f->ahead = 0;
	f->want = n ? malloc(n * sizeof(*range)) : NULL;
	if (f->want) {
		memcpy(f->want, range, n * sizeof(*range));
		f->n_want = n;
	}
	posix_fadvise(f->fd, 0, 0, n ? POSIX_FADV_RANDOM : POSIX_FADV_NORMAL);
	ask_ahead(f);
}

static ptrdiff_t file_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	struct file *f = (struct file *)b;
	size_t done = 0;

	pass(f, at);
	while (done < len) {
		ssize_t n = pread(f->fd, (uint8_t *)to + done, len - done, (off_t)(at + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return bc_err_set(err, -errno, "cannot read at byte %" PRIu64 ": %s", at + done, strerror(errno));
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ptrdiff_t)done;
}

static void file_close(struct bc_blob *b)
{
	struct file *f = (struct file *)b;

	close(f->fd);
	free(f->want);
	free(f);
}

static const struct bc_blob_ops file_ops = { .read = file_read, .want = file_want, .close = file_close };

int bc_blob_open_fd(int fd, const char *name, struct bc_blob **ret, struct bc_err *err)
{
	struct file *f = calloc(1, sizeof(*f));
	struct stat st;
	int r = 0;

	if (!f) {
		close(fd);
		return bc_err_set(err, -ENOMEM, "%s: no memory", name);
	}
	f->blob = (struct bc_blob){ .ops = &file_ops, .gap = FILE_GAP, .run = FILE_RUN };
	f->fd = fd;
	if (fstat(fd, &st) < 0)
		r = bc_err_set(err, -errno, "%s: %s", name, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		r = bc_err_set(err, -EINVAL, "%s: not a regular file", name);
	if (r) {
		file_close(&f->blob);
		return r;
	}
	f->blob.bytes = (uint64_t)st.st_size;
	f->blob.mtime_ns = bc_file_mtime_ns(&st);
	*ret = &f->blob;
	return 0;
}

int bc_blob_open_file(const char *path, struct bc_blob **ret, struct bc_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	return bc_blob_open_fd(fd, path, ret, err);
}

void bc_blob_close(struct bc_blob *b)
{
	if (b)
		b->ops->close(b);
}

ptrdiff_t bc_blob_read(struct bc_blob *b, void *to, size_t len, uint64_t at, struct bc_err *err)
{
	return b->ops->read(b, to, len, at, err);
}

void bc_blob_want(struct bc_blob *b, const struct bc_blob_range *range, uint32_t n)
{
	if (b->ops->want)
		b->ops->want(b, range, n);
}

void bc_blob_doubt(struct bc_blob *b)
{
	if (b->ops->doubt)
		b->ops->doubt(b);
}
