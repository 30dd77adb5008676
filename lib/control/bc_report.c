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
#include "bc_keeper.h"

/* A pipe, a device, an open descriptor: to be written into, never replaced, even if it is a regular file. */
static bool is_special(const char *path)
{
	struct stat st;

	return bc_file_descriptor(path) >= 0 || (stat(path, &st) == 0 && !S_ISREG(st.st_mode));
}

/* A descriptor goes on where it is: a file may hold something else already. */
static int open_special(const char *path, struct bc_keeper *keeper)
{
	int fd = bc_file_descriptor(path);

	if (fd < 0 && keeper)
		return bc_keeper_report_begin(keeper);
	fd = fd < 0 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666) : fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	return fd < 0 ? -errno : fd;
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

/* Takes fd, or what made it fail. */
static int dump(int fd, const json_t *report)
{
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	int r = 0;

	if (!f) {
		r = fd < 0 ? fd : -errno;
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (json_dumpf(report, f, JSON_INDENT(2)) != 0 || fputc('\n', f) == EOF || fflush(f) == EOF ||
	    (fsync(fileno(f)) != 0 && errno != EINVAL && errno != EROFS))
		r = errno ? -errno : -EIO;
	if (fclose(f) != 0 && !r)
		r = -errno;
	return r;
}

static int replace_here(const char *path, const json_t *report)
{
	char *tmp = tmp_name(path);
	int fd, r;

	if (!tmp)
		return -ENOMEM;
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	r = dump(fd < 0 ? -errno : fd, report);
	if (!r && rename(tmp, path) != 0)
		r = -errno;
	if (r)
		unlink(tmp);
	free(tmp);
	return r;
}

static int replace(const char *path, const json_t *report, struct bc_keeper *keeper)
{
	int r, end;

	if (!keeper)
		return replace_here(path, report);
	r = dump(bc_keeper_report_begin(keeper), report);
	end = bc_keeper_report_end(keeper, r == 0);
	return r ? r : end;
}

int bc_report_write(const char *path, json_t *report, struct bc_keeper *keeper, struct bc_err *err)
{
	int r = !report ? -ENOMEM : is_special(path) ? dump(open_special(path, keeper), report) : replace(path, report, keeper);

	if (r)
		bc_err_set(err, r, "--report: cannot write '%s': %s", path, bc_keeper_error(r));
	json_decref(report);
	return r;
}
