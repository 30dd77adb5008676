/* SPDX-License-Identifier: BSD-3-Clause */
#include "folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *folder_joint(const char *folder)
{
	size_t len = strlen(folder);

	return len && folder[len - 1] == '/' ? "" : "/";
}

int folder_each(const char *folder, const char *none, int (*select)(const struct dirent *),
		int (*each)(void *ctx, const char *path), void *ctx)
{
	struct dirent **entry;
	int n = scandir(folder, &entry, select, alphasort), status = 0;

	if (n < 0) {
		fprintf(stderr, "braidcap: cannot read %s: %s\n", folder, strerror(errno));
		return 1;
	}
	if (n == 0 && none)
		printf("%s: %s\n", folder, none);
	for (int i = 0; i < n; i++) {
		char *path = NULL;

		if (asprintf(&path, "%s%s%s", folder, folder_joint(folder), entry[i]->d_name) < 0) {
			fputs("braidcap: no memory\n", stderr);
			status = 1;
		} else {
			status |= each(ctx, path);
			free(path);
		}
		free(entry[i]);
	}
	free(entry);
	return status;
}
