/* SPDX-License-Identifier: BSD-3-Clause */
#include "confine.h"

#include <stdio.h>
#include <stdlib.h>

#include "bc_depot.h"
#include "bc_index_beside.h"
#include "bc_sandbox.h"

void confine_calls(void)
{
	bc_sandbox_enter(&(struct bc_sandbox){ .net = true });
}

/* With the indexes that are beside files: twice n of them. NULL without memory. */
static char **with_indexes(char *const *paths, size_t n)
{
	char **all = calloc(2 * n + 1, sizeof(*all));

	for (size_t i = 0; all && i < n; i++) {
		all[i] = paths[i];
		if (asprintf(&all[n + i], "%s" BC_INDEX_BESIDE_EXT, paths[i]) < 0)
			all[n + i] = paths[i];
	}
	return all;
}

static void free_indexes(char **all, char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (all[n + i] != paths[i])
			free(all[n + i]);
	free(all);
}

void confine(char *const *paths, size_t n, const char *write)
{
	char **all;

	for (size_t i = 0; i < n; i++)
		if (bc_depot_is_name(paths[i])) {
			confine_calls();
			return;
		}
	all = with_indexes(paths, n);
	bc_sandbox_enter(&(struct bc_sandbox){ .read = all ? all : paths, .n_read = all ? 2 * n : n, .write = write });
	if (all)
		free_indexes(all, paths, n);
}
