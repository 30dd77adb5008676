/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "bc_time.h"

static char *line_of(json_t *entry)
{
	uint64_t now_ns = bc_utc_ns();
	time_t s = (time_t)(now_ns / BC_NS_PER_S);
	struct tm tm;
	char text[64];
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", gmtime_r(&s, &tm));
	json_t *o = json_object();
	char *line;

	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(now_ns / BC_NS_PER_MS % 1000));
	json_object_set_new(o, "time", json_string(text));
	json_object_update(o, entry);
	line = json_dumps(o, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(o);
	return line;
}

/*
 * Is what was written last a part of a line, as a full disk leaves it? Who cannot read it is not asked. Others may write meanwhile: that at
 * worst gives an empty line.
 */
static bool is_cut(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	off_t end = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	char last;
	bool cut = end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';

	if (fd >= 0)
		close(fd);
	return cut;
}

/* One call: lines of several threads do not mix. What could not be written whole is closed off before the next line. */
static int append(int fd, char *line, size_t len, bool cut)
{
	struct iovec part[] = { { "\n", 1 }, { line, len } };
	ssize_t n;

	errno = EIO;
	n = writev(fd, part + !cut, 1 + cut);
	return n == (ssize_t)len + cut ? 0 : -errno;
}

int bc_audit_write(const struct bc_audit *a, json_t *entry, struct bc_err *err)
{
	char *line = line_of(entry);
	size_t len = line ? strlen(line) : 0;
	int fd, r = 0;

	json_decref(entry);
	if (!line)
		return bc_err_set(err, -ENOMEM, "no memory");
	if (!a->path) {
		bc_log(a->log, BC_NOTICE, "audit: %s", line);
		free(line);
		return 0;
	}
	line[len++] = '\n';	/* in place of the final zero */
	fd = open(a->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		r = bc_err_set(err, -errno, "%s: %s", a->path, strerror(errno));
	else if ((r = append(fd, line, len, is_cut(a->path))))
		bc_err_set(err, r, "%s: cannot write: %s", a->path, strerror(-r));
	if (fd >= 0)
		close(fd);
	free(line);
	return r;
}
