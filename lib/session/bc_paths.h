/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths, collected to be allowed. */
#ifndef BC_PATHS_H
#define BC_PATHS_H

#include <stdbool.h>
#include <stddef.h>

#include "bc_err.h"

struct bc_paths {
	char **path;
	size_t n;
	bool anywhere;		/* it is not known where something is written */
	bool failed;		/* no memory */
};

/* NULL adds nothing. */
void bc_paths_add(struct bc_paths *p, const char *path);

/* The folder of a file. What a device or an open descriptor stands for is not seen by its name. */
void bc_paths_add_parent(struct bc_paths *p, const char *file);

/* What is there of this pattern (glob(7), with braces). */
void bc_paths_add_all(struct bc_paths *p, const char *pattern);

/* Frees all. 0, or -ENOMEM with a line in err: some are missing. */
int bc_paths_end(struct bc_paths *p, struct bc_err *err);

#endif
