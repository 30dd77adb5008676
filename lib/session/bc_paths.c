/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_paths.h"

#include <errno.h>
#include <glob.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>

void bc_paths_add(struct bc_paths *p, const char *path)
{
	char **more = path ? realloc(p->path, (p->n + 1) * sizeof(*more)) : NULL;

	if (more)
		p->path = more;
	if (more && (more[p->n] = strdup(path)))
		p->n++;
	else if (path)
		p->failed = true;
}

void bc_paths_add_parent(struct bc_paths *p, const char *file)
{
	char *copy = file ? strdup(file) : NULL;

	if (file && (!strncmp(file, "/dev/", 5) || !strncmp(file, "/proc/", 6)))
		p->anywhere = true;
	else if (copy)
		bc_paths_add(p, dirname(copy));
	else if (file)
		p->failed = true;
	free(copy);
}

void bc_paths_add_all(struct bc_paths *p, const char *pattern)
{
	glob_t found;
	int r = glob(pattern, GLOB_BRACE | GLOB_NOSORT, NULL, &found);

	for (size_t i = 0; !r && i < found.gl_pathc; i++)
		bc_paths_add(p, found.gl_pathv[i]);
	p->failed |= r == GLOB_NOSPACE;
	globfree(&found);
}

int bc_paths_end(struct bc_paths *p, struct bc_err *err)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->path[i]);
	free(p->path);
	return p->failed ? bc_err_set(err, -ENOMEM, "no memory for the sandbox") : 0;
}
