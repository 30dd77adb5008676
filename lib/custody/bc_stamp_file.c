/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamp_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"

struct bc_stamp_file {
	int fd;
	off_t size;
	char *text;		/* of a line */
	uint64_t records;	/* this and the next: of the last stamp, when it was opened */
	uint8_t last[BC_CHAIN_HASH];
	char path[4096];
};

/* The last whole line of what is at text, which ends where the file does. */
static void look_at_last(struct bc_stamp_file *f, const char *text, size_t len)
{
	const char *end = len ? memrchr(text, '\n', len) : NULL, *begin = end && end > text ? memrchr(text, '\n', (size_t)(end - text)) : NULL;
	struct bc_stamp_line *l = malloc(sizeof(*l));

	f->size -= (off_t)(len - (end ? (size_t)(end + 1 - text) : 0));
	begin = begin ? begin + 1 : text;
	if (l && end && bc_stamp_line_parse(begin, (size_t)(end - begin), l) == 0 && l->number < UINT64_MAX) {
		f->records = l->number + 1;
		memcpy(f->last, l->hash, sizeof(f->last));
	}
	free(l);
}

static int read_tail(struct bc_stamp_file *f)
{
	size_t want = f->size < 2 * (off_t)BC_STAMP_LINE_MAX ? (size_t)f->size : 2 * BC_STAMP_LINE_MAX;
	char *tail = malloc(want + 1);
	ssize_t n;

	if (!tail)
		return -ENOMEM;
	n = pread(f->fd, tail, want, f->size - (off_t)want);
	if (n == (ssize_t)want)
		look_at_last(f, tail, want);
	free(tail);
	if (n != (ssize_t)want)
		return n < 0 ? -errno : -EIO;
	return ftruncate(f->fd, f->size) < 0 ? -errno : 0;
}

static int open_it(struct bc_stamp_file *f)
{
	struct stat st;

	f->fd = open(f->path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return -errno;
	f->size = st.st_size;
	return S_ISREG(st.st_mode) ? read_tail(f) : -EINVAL;
}

int bc_stamp_file_open(const char *folder, struct bc_stamp_file **ret, uint64_t *ret_records, uint8_t ret_last[BC_CHAIN_HASH],
		       struct bc_err *err)
{
	struct bc_stamp_file *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return bc_err_set(err, -ENOMEM, "%s: no memory", folder);
	f->fd = -1;
	f->text = malloc(BC_STAMP_LINE_MAX + 1);
	snprintf(f->path, sizeof(f->path), "%s/%s", folder, BC_STAMPS_FILE);
	r = f->text ? open_it(f) : -ENOMEM;
	if (r) {
		bc_err_set(err, r, "%s: time stamps cannot be kept there: %s", f->path, r == -EINVAL ? "it is no file" : strerror(-r));
		bc_stamp_file_close(f);
		return r;
	}
	*ret_records = f->records;
	memcpy(ret_last, f->last, sizeof(f->last));
	*ret = f;
	return 0;
}

void bc_stamp_file_close(struct bc_stamp_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		close(f->fd);
	free(f->text);
	free(f);
}

int bc_stamp_file_add(struct bc_stamp_file *f, const struct bc_stamp_line *l, struct bc_err *err)
{
	size_t len = bc_stamp_line_text(l, f->text);
	int r = 0;

	f->text[len++] = '\n';
	if (lseek(f->fd, f->size, SEEK_SET) < 0)
		r = -errno;
	if (!r)
		r = bc_write_all(f->fd, f->text, len);
	if (!r && fdatasync(f->fd) < 0)
		r = -errno;
	if (r) {
		(void)!ftruncate(f->fd, f->size);
		return bc_err_set(err, r, "%s: %s", f->path, strerror(-r));
	}
	f->size += (off_t)len;
	return 0;
}
