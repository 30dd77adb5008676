/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_seqfile.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_segname.h"

#define TEXT_MAX (BC_SEQ_DIGITS + 1)	/* digits and a newline */

struct bc_seqfile {
	int fd;
	uint64_t next;	/* the lowest number that is not used up */
};

/* A name that is not on disk would be forgotten with its number. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd = copy ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1, r = 0;

	free(copy);
	if (fd < 0 || fsync(fd) < 0)
		r = -errno;
	if (fd >= 0)
		close(fd);
	return r;
}

int bc_seqfile_make(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644), r;

	if (fd < 0 && errno == EEXIST) {
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
		return fd < 0 ? -errno : fd;
	}
	r = fd < 0 ? -errno : sync_folder(path);
	if (fd >= 0 && r)
		close(fd);
	return r ? r : fd;
}

/* The number that comes first. -EBADMSG if the text is no number. */
static int parse(const char *text, size_t len, uint64_t *ret_first)
{
	uint64_t last = 0;
	size_t n = 0;

	for (; n < len && n < BC_SEQ_DIGITS && isdigit((unsigned char)text[n]); n++)
		last = last * 10 + (uint64_t)(text[n] - '0');
	if (len > 0 && (n == 0 || len != n + 1 || text[n] != '\n'))
		return -EBADMSG;
	*ret_first = len > 0 ? (last + 1) % BC_SEQ_END : 0;
	return 0;
}

static int take(int fd, const char *path, uint64_t *ret_first, struct bc_err *err)
{
	char text[TEXT_MAX + 2];
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return bc_err_set(err, -EINVAL, "%s: a sequence file must be a regular file", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK)
		return bc_err_set(err, -EBUSY, "%s: another output or capture uses this sequence file: give each its "
				  "own", path);
	n = pread(fd, text, sizeof(text), 0);
	if (n < 0)
		return bc_err_set(err, -errno, "%s: the sequence file: %s", path, strerror(errno));
	if (parse(text, (size_t)n, ret_first))
		return bc_err_set(err, -EBADMSG, "%s: the sequence file is corrupt, and left as it is: write the last "
				  "number used (0 to 99999999, and a newline) into it, or remove it to start at 0",
				  path);
	return 0;
}

int bc_seqfile_begin(int fd, const char *path, struct bc_seqfile **ret, uint64_t *ret_first, struct bc_err *err)
{
	struct bc_seqfile *f;
	uint64_t first = 0;
	int r;

	if (fd < 0)
		return bc_err_set(err, fd, "%s: cannot open the sequence file: %s", path, strerror(-fd));
	r = take(fd, path, &first, err);
	f = r ? NULL : malloc(sizeof(*f));
	if (!f) {
		close(fd);
		return r ? r : bc_err_set(err, -ENOMEM, "no memory for an output");
	}
	*f = (struct bc_seqfile){ .fd = fd, .next = first };
	*ret = f;
	*ret_first = first;
	return 0;
}

int bc_seqfile_open(const char *path, struct bc_seqfile **ret, uint64_t *ret_first, struct bc_err *err)
{
	return bc_seqfile_begin(bc_seqfile_make(path), path, ret, ret_first, err);
}

int bc_seqfile_used(struct bc_seqfile *f, uint64_t seq)
{
	char text[TEXT_MAX + 1];
	ssize_t n;
	int len;

	if (seq < f->next)
		return 0;
	len = snprintf(text, sizeof(text), "%u\n", (unsigned)(seq % BC_SEQ_END));
	do
		n = pwrite(f->fd, text, (size_t)len, 0);
	while (n < 0 && errno == EINTR);
	if (n != len)
		return n < 0 ? -errno : -EIO;
	/* What was there can be longer: 99999999, or a number with leading zeros. */
	if (ftruncate(f->fd, len) < 0 || fdatasync(f->fd) < 0)
		return -errno;
	f->next = seq + 1;
	return 0;
}

void bc_seqfile_close(struct bc_seqfile *f)
{
	if (!f)
		return;
	close(f->fd);
	free(f);
}
