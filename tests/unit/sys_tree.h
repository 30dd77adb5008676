/* SPDX-License-Identifier: BSD-3-Clause */
/* A made-up /sys and /proc below a folder of the test's, for what reads them by bc_sys.h. */
#ifndef SYS_TREE_H
#define SYS_TREE_H

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

#include "scratch.h"

/* root + path, whose folders are made. */
static inline void sys_path(const char *root, const char *path, char ret[PATH_MAX])
{
	snprintf(ret, PATH_MAX, "%s%s", root, path);
	for (char *p = ret + 1; (p = strchr(p, '/')); p++) {
		*p = '\0';
		assert_true(mkdir(ret, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
}

/* A file with this text and the end of a line. */
static inline void sys_put(const char *root, const char *path, const char *text)
{
	char at[PATH_MAX];
	FILE *f;

	sys_path(root, path, at);
	f = fopen(at, "w");
	assert_non_null(f);
	fprintf(f, "%s\n", text);
	fclose(f);
}

static inline void sys_link(const char *root, const char *path, const char *to)
{
	char at[PATH_MAX];

	sys_path(root, path, at);
	unlink(at);
	assert_int_equal(symlink(to, at), 0);
}

/* A folder that is empty, unless it is there already. */
static inline void sys_folder(const char *root, const char *path)
{
	char at[PATH_MAX];

	sys_path(root, path, at);
	assert_true(mkdir(at, 0755) == 0 || errno == EEXIST);
}

/* An empty root of its own. */
static inline void sys_root(char root[SCRATCH_MAX])
{
	scratch_folder(root, "bc-sys");
}

#endif
