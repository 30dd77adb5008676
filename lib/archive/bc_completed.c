/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_completed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_segname.h"

#define MAX_AGAIN 10000U
#define PIECE (1024U * 1024)

struct bc_completed {
	int fd;
	char *folder;		/* with a slash at its end */
	uint8_t *piece;
};

int bc_completed_open(const char *folder, struct bc_completed **ret, struct bc_err *err)
{
	size_t len = strlen(folder);
	struct bc_completed *c;
	int e;

	if (len + BC_SEGNAME_MAX + 2 > BC_STORE_PATH_MAX)
		return bc_err_set(err, -ENAMETOOLONG, "%.64s...: the path is too long: give a shorter one", folder);
	c = calloc(1, sizeof(*c));
	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory for the folder of completed segments");
	c->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	e = c->fd < 0 || faccessat(c->fd, ".", W_OK | X_OK, AT_EACCESS) < 0 ? errno : 0;
	c->piece = malloc(PIECE);
	if (!e && (!c->piece || asprintf(&c->folder, "%s%s", folder, len && folder[len - 1] == '/' ? "" : "/") < 0))
		e = ENOMEM;
	if (e) {
		bc_completed_close(c);
		return bc_err_set(err, -e, "cannot move completed segments to %s: %s: create the folder, or give this "
				  "user write access", folder, strerror(e));
	}
	*ret = c;
	return 0;
}

void bc_completed_close(struct bc_completed *c)
{
	if (!c)
		return;
	if (c->fd >= 0)
		close(c->fd);
	free(c->folder);
	free(c->piece);
	free(c);
}

/* From there into the folder, under name or the first one after it that is free, which then is in got. */
static int give_name(struct bc_completed *c, int from_fd, const char *from, const char *name, char got[BC_SEGNAME_MAX])
{
	const char *ext = strchr(name, '.');
	int r = -EEXIST;

	for (unsigned again = 0; r == -EEXIST && again < MAX_AGAIN; again++) {
		r = bc_segname_again(got, name, again, ext ? ext : "");
		if (r == 0)
			r = bc_rename_noreplace(from_fd, from, c->fd, got);
	}
	return r < 0 ? r : 0;
}

static int copy_bytes(struct bc_completed *c, int from, int to)
{
	for (;;) {
		ssize_t n = read(from, c->piece, PIECE);
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = bc_write_all(to, c->piece, (size_t)n);
		if (r)
			return r;
	}
}

static int copy_file(struct bc_completed *c, int from, int to)
{
	struct stat st;
	int r;

	if (fstat(from, &st) < 0)
		return -errno;
	r = copy_bytes(c, from, to);
	if (r)
		return r;
	/* The owner is whoever we are; what a file system does not keep of the rest is no reason to keep the file from its place. */
	(void)!fchmod(to, st.st_mode & 07777);
	(void)!futimens(to, (struct timespec[2]){ { .tv_nsec = UTIME_OMIT }, st.st_mtim });
	if (fsync(to) < 0)
		return -errno;
	/* Nobody reads these soon: the memory is the capture's. */
	posix_fadvise(from, 0, 0, POSIX_FADV_DONTNEED);
	posix_fadvise(to, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

static int copy_over(struct bc_completed *c, int from, const char *name, char got[BC_SEGNAME_MAX])
{
	char tmp[BC_SEGNAME_MAX + 16];
	int to, r;

	snprintf(tmp, sizeof(tmp), ".moving-%s", name);
	to = bc_open_temporary(c->fd, tmp);
	if (to < 0)
		return to;
	r = copy_file(c, from, to);
	if (!r)
		r = give_name(c, c->fd, tmp, name, got);
	if (r)
		unlinkat(c->fd, tmp, 0);
	close(to);
	return r;
}

/* The name has left the folder it was in. */
static int sync_old_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = folder ? open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	int r = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	free(folder);
	return r;
}

static int move_across(struct bc_completed *c, const char *path, const char *name, char got[BC_SEGNAME_MAX], struct bc_err *err)
{
	int from = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	int r = from < 0 ? -errno : copy_over(c, from, name, got);

	if (from >= 0)
		close(from);
	if (r)
		return r;
	if (fsync(c->fd) < 0)
		bc_err_set(err, -errno, "%s: copied to %s%s, but not removed, because that folder cannot be synced: %s",
			   path, c->folder, got,
			   strerror(errno));
	else if (unlink(path) < 0)
		bc_err_set(err, -errno, "%s: copied to %s%s, but cannot be removed: %s", path, c->folder, got,
			   strerror(errno));
	return 0;
}

int bc_completed_move(struct bc_completed *c, const char *path, char ret[BC_STORE_PATH_MAX], struct bc_err *err)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	char got[BC_SEGNAME_MAX] = "";
	int r;

	err->msg[0] = '\0';
	r = give_name(c, AT_FDCWD, path, name, got);
	if (r == -EXDEV)
		r = move_across(c, path, name, got, err);
	else if (!r && fsync(c->fd) < 0)
		bc_err_set(err, -errno, "%s%s: the folder's fsync: %s", c->folder, got, strerror(errno));
	if (r)
		return bc_err_set(err, r, "cannot move %s to %s: %s: it stays where it is", path, c->folder,
				  strerror(-r));
	if (!err->msg[0])
		sync_old_folder(path);
	snprintf(ret, BC_STORE_PATH_MAX, "%s%s", c->folder, got);
	return 0;
}
