/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_report.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"

/* A pipe, a device, an open descriptor: to be written into, never replaced, even if it is a regular file. */
static bool is_special(const char *path)
{
	struct stat st;

	return bc_file_descriptor(path) >= 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
}

/* A descriptor goes on where it is: a file may hold something else already. */
static FILE *open_report(const char *path, const char *mode)
{
	int fd = bc_file_descriptor(path);

	if (fd < 0)
		return fopen(path, mode);
	fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static char *tmp_name(const char *path)
{
	char *tmp;

	return asprintf(&tmp, "%s.tmp-%d", path, (int)getpid()) < 0 ? NULL : tmp;
}

int bc_report_try(const char *path)
{
	struct stat st;
	char *tmp;
	int fd;

	if (is_special(path))
		return stat(path, &st) == 0 && S_ISDIR(st.st_mode) ? -EISDIR : access(path, W_OK) == 0 ? 0 : -errno;
	tmp = tmp_name(path);
	if (!tmp)
		return -ENOMEM;
	fd = open(tmp, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = -errno;
	else
		close(fd);
	unlink(tmp);
	free(tmp);
	return fd < 0 ? fd : 0;
}

static int dump(const char *path, const char *mode, const json_t *report)
{
	FILE *f = open_report(path, mode);
	int r = 0;

	if (!f)
		return -errno;
	if (json_dumpf(report, f, JSON_INDENT(2)) != 0 || fputc('\n', f) == EOF || fflush(f) == EOF ||
	    (fsync(fileno(f)) != 0 && errno != EINVAL && errno != EROFS))
		r = errno ? -errno : -EIO;
	if (fclose(f) != 0 && !r)
		r = -errno;
	return r;
}

static int replace(const char *path, const json_t *report)
{
	char *tmp = tmp_name(path);
	int r;

	if (!tmp)
		return -ENOMEM;
	r = dump(tmp, "wxe", report);
	if (!r && rename(tmp, path) != 0)
		r = -errno;
	if (r)
		unlink(tmp);
	free(tmp);
	return r;
}

int bc_report_write(const char *path, json_t *report, struct bc_err *err)
{
	int r = !report ? -ENOMEM : is_special(path) ? dump(path, "we", report) : replace(path, report);

	if (r)
		bc_err_set(err, r, "--report: cannot write '%s': %s", path, strerror(-r));
	json_decref(report);
	return r;
}
