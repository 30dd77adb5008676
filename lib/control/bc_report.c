/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_report.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int dump(const char *tmp, const json_t *report)
{
	FILE *f = fopen(tmp, "wxe");
	int r = 0;

	if (!f)
		return -errno;
	if (json_dumpf(report, f, JSON_INDENT(2)) != 0 || fputc('\n', f) == EOF || fflush(f) == EOF || fsync(fileno(f)) != 0)
		r = errno ? -errno : -EIO;
	if (fclose(f) != 0 && !r)
		r = -errno;
	return r;
}

int bc_report_write(const char *path, json_t *report, struct bc_err *err)
{
	char *tmp = NULL;
	int r = -ENOMEM;

	if (report && asprintf(&tmp, "%s.tmp-%d", path, (int)getpid()) >= 0) {
		r = dump(tmp, report);
		if (!r && rename(tmp, path) != 0)
			r = -errno;
		if (r)
			unlink(tmp);
	}
	if (r)
		bc_err_set(err, r, "--report: cannot write '%s': %s", path, strerror(-r));
	json_decref(report);
	free(tmp);
	return r;
}
