/* SPDX-License-Identifier: BSD-3-Clause */
/* The store of one segment that goes into a descriptor which somebody else opened: stdout, or a command's input. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_store_ops.h"

/* For a reader, before looking whether the wait was cancelled. */
#define WAIT_MS 100

struct fd_store {
	struct bc_store base;
	int fd;			/* -1: the pipe at path has had no reader yet */
	char *path;		/* NULL: none is needed */
	bool own;		/* fd was opened here, and is to be closed */
	bool socket;
	bool can_cut;		/* a file that nobody else appends to */
	uint64_t start;		/* where in the file the segment begins */
	bool used;
	bc_counter_t finished;
	bc_store_published published;
	void *ctx;
};

static int fd_begin(struct bc_store *s)
{
	struct fd_store *f = (struct fd_store *)s;

	if (f->used)
		return -EOPNOTSUPP;
	f->used = true;
	return 0;
}

/* Wait for the pipe's reader. */
static int await_reader(struct fd_store *f)
{
	while (f->fd < 0 && !atomic_load(&f->base.cancelled)) {
		f->fd = open(f->path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
		if (f->fd >= 0)
			f->own = true;
		else if (errno == ENXIO)
			poll(NULL, 0, WAIT_MS);
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static ptrdiff_t fd_write(struct bc_store *s, uint64_t off, const uint8_t *data, size_t len, bool tail)
{
	struct fd_store *f = (struct fd_store *)s;
	int r = await_reader(f);

	if (r < 0)
		return r;
	while (!atomic_load(&s->cancelled)) {
		struct pollfd p = { .fd = f->fd, .events = POLLOUT };
		ssize_t n = f->socket ? send(f->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(f->fd, data, len);

		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			poll(&p, 1, WAIT_MS);
		else if (errno != EINTR)
			return errno == EDQUOT ? -ENOSPC : -errno;
	}
	return -ECANCELED;
}

static int fd_cut(struct bc_store *s, uint64_t size)
{
	struct fd_store *f = (struct fd_store *)s;
	off_t end = (off_t)(f->start + size);

	if (!f->can_cut)
		return -ESPIPE;
	return ftruncate(f->fd, end) < 0 || lseek(f->fd, end, SEEK_SET) < 0 ? -errno : 0;
}

static void fd_sync(struct bc_store *s)
{
}

static int fd_finish(struct bc_store *s, uint64_t size, int tail_err, const struct bc_segment_info *info)
{
	struct fd_store *f = (struct fd_store *)s;

	bc_counter_add(&f->finished, 1);
	if (f->published)
		f->published(f->ctx, "-", size, info, tail_err);
	return 0;
}

static int fd_close(struct bc_store *s, bool now)
{
	struct fd_store *f = (struct fd_store *)s;

	if (f->own)
		close(f->fd);
	free(f->path);
	free(f);
	return 0;
}

static void fd_stats(struct bc_store *s, struct bc_store_stats *ret)
{
	ret->published = bc_counter_get(&((struct fd_store *)s)->finished);
	strcpy(ret->path, "-");
}

static const struct bc_store_ops fd_ops = {
	.begin = fd_begin,
	.write = fd_write,
	.cut = fd_cut,
	.sync = fd_sync,
	.finish = fd_finish,
	.close = fd_close,
	.stats = fd_stats,
};

static int check(const char *name, int fd, int *ret_flags, struct bc_err *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY)
		return bc_err_set(err, -EBADF, "%s is not open for writing: redirect it, or name a file", name);
	if (isatty(fd))
		return bc_err_set(err, -EINVAL, "%s is a terminal, which a capture would garble: redirect it, or name a file", name);
	*ret_flags = flags;
	return 0;
}

/*
 * A pipe must be written without blocking, or a stuck reader could not be given up; and without changing the mode of a descriptor
 * that others share, so it is reopened. If that fails (no /proc) writes block.
 */
static void open_own(struct fd_store *f)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return;
	f->fd = fd;
	f->own = true;
}

/* What is known of the open descriptor. */
static void examine(struct fd_store *f, int flags)
{
	off_t start = lseek(f->fd, 0, SEEK_CUR);
	struct stat st;

	f->start = start >= 0 ? (uint64_t)start : 0;
	if (fstat(f->fd, &st) < 0)
		return;
	f->can_cut = start >= 0 && !(flags & O_APPEND) && S_ISREG(st.st_mode);
	f->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) && !f->own)
		open_own(f);
}

static int open_path(struct fd_store *f, const char *path, struct bc_err *err)
{
	f->fd = bc_file_descriptor(path);
	if (f->fd >= 0)
		return 0;
	f->fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	f->own = f->fd >= 0;
	if (f->own)
		return 0;
	if (errno != ENXIO || access(path, W_OK) < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	f->path = strdup(path);
	return f->path ? 0 : bc_err_set(err, -ENOMEM, "no memory for an output");
}

int bc_store_fd_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err)
{
	struct fd_store *f = calloc(1, sizeof(*f));
	int flags = 0, r = 0;

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory for an output");
	f->base.ops = &fd_ops;
	f->fd = cfg->fd;
	f->published = cfg->published;
	f->ctx = cfg->ctx;
	if (cfg->dest)
		r = open_path(f, cfg->dest, err);
	if (!r && f->fd >= 0)
		r = check(cfg->dest ? cfg->dest : "standard output", f->fd, &flags, err);
	if (r) {
		fd_close(&f->base, true);
		return r;
	}
	if (f->fd >= 0)
		examine(f, flags);
	*ret = &f->base;
	return 0;
}
