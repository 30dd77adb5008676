/* SPDX-License-Identifier: BSD-3-Clause */
#include "confine.h"

#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_depot.h"
#include "bc_index_beside.h"

void confine_calls(void)
{
	bc_sandbox_enter(&(struct bc_sandbox){ .duty = BC_DUTY_FETCH });
}

/* The folders of files, and folders as they are. NULL without memory. */
static char **folders_of(char *const *paths, size_t n)
{
	char **all = calloc(n + 1, sizeof(*all));
	struct stat st;

	for (size_t i = 0; all && i < n; i++) {
		all[i] = strdup(paths[i]);
		if (all[i] && (stat(paths[i], &st) < 0 || !S_ISDIR(st.st_mode))) {
			char *folder = strdup(dirname(all[i]));

			free(all[i]);
			all[i] = folder;
		}
	}
	return all;
}

static void free_all(char **all, size_t n)
{
	for (size_t i = 0; all && i < n; i++)
		free(all[i]);
	free(all);
}

static bool all_are_there(char *const *all, size_t n)
{
	for (size_t i = 0; all && i < n; i++)
		if (!all[i])
			return false;
	return all;
}

/* Beside object storage there is a cache, wherever that is. */
static bool are_local(char *const *paths, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (bc_depot_is_name(paths[i]))
			return false;
	return true;
}

void confine_to_folders(enum bc_duty duty, char *const *paths, size_t n, bool tell)
{
	char **all = folders_of(paths, n);
	const bool known = all_are_there(all, n) && are_local(paths, n), reads_others = duty != BC_DUTY_TEND || !known;

	bc_sandbox_enter(&(struct bc_sandbox){
		.duty = duty, .read = reads_others ? NULL : all, .n_read = reads_others ? 0 : n, .write = known ? all : NULL, .n_write = known ? n : 0,
		.tell = tell,
	});
	free_all(all, n);
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

void confine(char *const *paths, size_t n, char *write)
{
	char **all;

	for (size_t i = 0; i < n; i++)
		if (bc_depot_is_name(paths[i])) {
			confine_calls();
			return;
		}
	all = with_indexes(paths, n);
	bc_sandbox_enter(&(struct bc_sandbox){
		.duty = BC_DUTY_SEARCH, .read = all ? all : paths, .n_read = all ? 2 * n : n, .write = write ? &write : NULL, .n_write = write ? 1 : 0,
	});
	if (all)
		free_indexes(all, paths, n);
}
